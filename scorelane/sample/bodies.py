"""Bodies of the usual builds: a person's mail, a company's mail, attached files."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from scorelane.sample import layout, mime
from scorelane.sample.delivery import MAILERS
from scorelane.sample.grammar import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scorelane.sample.delivery import Scene
    from scorelane.sample.world import Brand


def personal(scene: Scene, paragraphs: Sequence[str], *, html_share: float = 0.5) -> mime.Part:
    """What a mail program makes of paragraphs: plain text, or text and simple HTML."""
    rng = scene.rng
    blocks = [layout.para(paragraph) for paragraph in paragraphs]
    text = mime.text(rng, "\n\n".join(paragraphs) + "\n")
    if rng.random() >= html_share:
        return text
    return mime.multipart(rng, "alternative", [text, mime.text(rng, layout.simple_html(blocks), "html")])


def company(
    scene: Scene,
    brand: Brand,
    title: str,
    blocks: Sequence[layout.Block],
    *,
    footer: bool = True,
    plain_share: float = 0.12,
) -> mime.Part:
    """Text and HTML of a mass mail, with the sender's own links, address, and a way out."""
    rng = scene.rng
    body = list(blocks)
    if footer:
        body += company_footer(scene, brand)
    text = mime.text(rng, layout.plain(body))
    if rng.random() < plain_share:
        return text
    pixel = f"https://{own_host(scene, brand)}/o/{scene.token(96)}.gif" if rng.random() < 0.7 else ""
    banner = f"https://{own_host(scene, brand)}/img/{scene.token(32)}.png" if rng.random() < 0.6 else ""
    first = next((block.text for block in blocks if block.kind == "para"), "")
    page = layout.page(
        rng,
        body,
        title=title,
        colour=brand.colour,
        preheader=first[:90] if rng.random() < 0.6 else "",
        pixel=pixel,
        banner=banner,
    )
    html = mime.text(rng, page, "html")
    if rng.random() < 0.1:  # some send HTML alone
        return html
    return mime.multipart(rng, "alternative", [text, html])


def own_host(scene: Scene, brand: Brand) -> str:
    """A host that the brand's mail links to: of its own domain mostly, or of a sister's, or of its mailer's."""
    rng = scene.rng
    if brand.links_by == "own" or rng.random() < 0.2:
        return f"{rng.choice(('www', 'click', 'links', 'email', 'news', 'img'))}.{brand.domain}"
    if brand.links_by == "sister":
        return f"{rng.choice(('www', 'e', 'links', 'img', 'mail'))}.{brand.sister}"
    service = MAILERS[brand.mailer].domain.format(brand=brand.domain)
    return f"{rng.choice(('click', 'track', 'links', 't', 'trk1'))}.{service}"


def own_url(scene: Scene, brand: Brand, path: str = "") -> str:
    """A link to the brand's own domain, with the tokens that mass mail carries."""
    tracked = f"/ls/click?upn={scene.token(256)}"
    plain = f"/{path or scene.rng.choice(('a', 'p', 'story', 'offers', 'view'))}/{scene.token(40)}"
    return f"{brand.scheme}://{own_host(scene, brand)}{scene.rng.choice((tracked, plain, plain))}"


def company_footer(scene: Scene, brand: Brand) -> list[layout.Block]:
    """Why you got this, where we are, how to leave."""
    rng = scene.rng
    why = say(
        rng,
        "{You are receiving|You received|We sent you} this {email|message} because you {signed up at|are a "
        "{customer|member} of|subscribed to {updates|news} from|have an account with} <brand>.",
        {"brand": brand.name},
    )
    place = say(
        rng,
        "{© 2026 <brand>|<brand> Ltd.|<brand>, Inc.} · <number> {Market Street|Station Road|Mill Lane|High "
        "Street|Harbour Way} · <city>",
        {"brand": brand.name, "number": str(rng.randint(1, 400)), "city": brand.city},
    )
    leave = rng.choice(("Unsubscribe", "Manage preferences", "Unsubscribe from this list", "Email settings"))
    blocks = [layout.Block("rule"), layout.Block("small", why)]
    blocks.append(layout.Block("small", leave, own_url(scene, brand, "unsubscribe")))
    if rng.random() < 0.5:
        blocks.append(layout.Block("small", "View in browser", own_url(scene, brand, "browser")))
    return [*blocks, layout.Block("small", place)]


def pdf(title: str, lines: Sequence[str]) -> bytes:
    """A small PDF of one page."""
    shown = "".join(
        f"({line.encode('ascii', 'replace').decode().replace('(', '[').replace(')', ']')}) Tj T*\n"
        for line in (title, *lines)
    )
    stream = f"BT /F1 11 Tf 50 780 Td 14 TL\n{shown}ET\n".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%sendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def png(red: int, green: int, blue: int, width: int = 24, height: int = 24) -> bytes:
    """An image of one colour."""
    row = b"\x00" + bytes((red, green, blue)) * width

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(row * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
