from __future__ import annotations

import struct
from base64 import b64encode

import pytest

from scorelane.mail import parse, tnef


def attribute(kind, content, level=1):
    return struct.pack("<BII", level, kind, len(content)) + content + struct.pack("<H", sum(content) & 0xFFFF)


def properties(*rows: tuple[int, int, bytes]):
    found = struct.pack("<I", len(rows))
    for kind, identity, content in rows:
        found += struct.pack("<HH", kind, identity)
        if kind in (0x1E, 0x1F, 0x102):
            found += struct.pack("<II", 1, len(content)) + content + bytes(-len(content) % 4)
        else:
            found += content
    return found


def compressed(text):
    """RTF in the compressed form, all letters literal."""
    body = b"".join(b"\0" + text[at : at + 8] for at in range(0, len(text), 8))
    return struct.pack("<II4sI", len(body) + 12, len(text), b"LZFu", 0) + body


WINMAIL = (
    tnef.SIGNATURE
    + b"\x01\x00"
    + attribute(0x00089006, struct.pack("<I", 0x00010000))
    + attribute(
        0x00069003,
        properties(
            (0x0003, 0x0017, struct.pack("<I", 1)),
            (0x0102, 0x1013, b'<p>Pay at <a href="http://evil.test/">our bank</a></p>'),
            (0x0102, 0x1009, compressed(b"{\\rtf1 hello}")),
        ),
    )
    + attribute(0x00069002, bytes(14), 2)
    + attribute(0x00018010, b"INVOIC~1.EXE\0", 2)
    + attribute(0x0006800F, b"MZ" + bytes(20), 2)
    + attribute(0x00069005, properties((0x1F, 0x3707, "invoice 2026.exe\0".encode("utf-16-le"))), 2)
)


@pytest.fixture
def packed(build_parts):
    def build(content):
        return build_parts(
            (["Content-Type: text/plain"], b"See attached."),
            (
                ['Content-Type: application/ms-tnef; name="winmail.dat"', "Content-Transfer-Encoding: base64"],
                b64encode(content),
            ),
        )

    return build


def test_bodies_and_files_of_winmail_dat_are_parts_of_the_message(packed):
    message = parse(packed(WINMAIL))
    assert message.text == "Pay at our bank"
    assert message.links[0].url.href == "http://evil.test/"
    inside = {part.filename: part for part in message.parts if part.path.startswith("2.")}
    assert inside["invoice 2026.exe"].true_type == "application/x-dosexec"
    assert inside["invoice 2026.exe"].content == b"MZ" + bytes(20)
    assert inside["body.rtf"].content == b"{\\rtf1 hello}"
    assert not message.defects


@pytest.mark.parametrize("size", range(0, len(WINMAIL), 7))
def test_winmail_dat_may_end_anywhere(size, packed):
    message = parse(packed(WINMAIL[:size]))
    assert message.plain_text.startswith("See attached.")


def test_winmail_dat_that_breaks_off_is_a_defect(packed, kinds):
    assert "tnef_malformed" in kinds(parse(packed(WINMAIL[:-5])))


def test_winmail_dat_in_itself_is_not_unpacked_again(packed):
    inner = tnef.SIGNATURE + b"\x01\x00" + attribute(0x00069002, bytes(14), 2) + attribute(0x0006800F, WINMAIL, 2)
    assert len(parse(packed(inner)).parts) == 2


def test_compressed_text_repeats_what_it_showed_before():
    # "abcabcabc" as three letters and one reference of six to where they were written.
    start = len(tnef._RTF_START)
    token = struct.pack(">H", start << 4 | 6 - 2)
    body = b"\x08abc" + token
    packed = struct.pack("<II4sI", len(body) + 12, 9, b"LZFu", 0) + body
    assert tnef.decompress_rtf(packed) == b"abcabcabc"
    assert tnef.decompress_rtf(b"short") == b""


def test_compressed_texts_of_one_stream_share_their_limit(monkeypatch):
    monkeypatch.setattr(tnef, "MOST_RTF_BYTES", 5)
    stored = struct.pack("<II4sI", 16, 4, b"MELA", 0) + b"abcd"
    one = attribute(0x00069003, properties((0x0102, 0x1009, stored)), 1)
    assert [packed.content for packed in tnef.unpack(tnef.SIGNATURE + b"\x01\x00" + one * 3).packed] == [b"abcd", b"a"]


def test_only_the_first_streams_of_a_message_are_unpacked(build_parts, kinds):
    part = (["Content-Type: application/ms-tnef", "Content-Transfer-Encoding: base64"], b64encode(WINMAIL))
    message = parse(build_parts(*[part] * (tnef.MOST_STREAMS + 1)))
    assert "part_limit" in kinds(message)
