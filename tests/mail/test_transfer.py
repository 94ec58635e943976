from __future__ import annotations

import binascii
from base64 import b64encode

import pytest

from scorelane.mail import parse
from scorelane.mail.transfer import decode_base64, take_uuencoded

TEXT = b"Please confirm your password at once."
CODED = b64encode(TEXT).decode()


def uuencoded(content, name="a.txt"):
    lines = b"".join(binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45))
    return b"begin 644 " + name.encode() + b"\n" + lines + b"`\nend\n"


@pytest.mark.parametrize(
    ("trap", "body", "is_defect"),
    [
        ("honest", CODED, False),
        ("lines", "\r\n".join(CODED[at : at + 10] for at in range(0, len(CODED), 10)), False),
        ("no padding", CODED.rstrip("="), True),
        ("strange letters", CODED[:8] + "*!\u00a7" + CODED[8:], True),
        ("one letter too many", CODED.rstrip("=") + "A", True),
        ("text after the end", b64encode(TEXT[:4]).decode() + b64encode(TEXT[4:]).decode(), False),
        ("overlong padding", CODED + "====", False),
        (
            "a letter after the padding",
            b64encode(TEXT[:-1]).decode().rstrip("=") + "==" + b64encode(TEXT[-1:]).decode(),
            True,
        ),
    ],
)
def test_base64_is_read_where_a_strict_decoder_stops(trap, body, is_defect, read, kinds):
    message = read(body, encoding="base64")
    assert message.plain_text == TEXT.decode(), trap
    assert ("base64_malformed" in kinds(message)) == is_defect


def test_broken_base64_in_one_part_leaves_the_others_as_they_are(build_parts):
    message = parse(
        build_parts(
            (
                ["Content-Type: text/plain", "Content-Transfer-Encoding: base64"],
                CODED[:8].encode() + b"*" + CODED[8:].encode(),
            ),
            (["Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable"], b"<p>caf=C3=A9=\r\n!</p>"),
        )
    )
    assert message.plain_text == TEXT.decode()
    assert message.text == f"{TEXT.decode()}\ncafé!"
    assert [defect.where for defect in message.defects if defect.kind == "base64_malformed"] == ["1"]


@pytest.mark.parametrize(
    ("trap", "body", "text"),
    [
        ("soft break in a word", "pass=\r\nword", "password"),
        ("soft break in a link", "http://evil.=\r\ntest/x", "http://evil.test/x"),
        ("blank after the equal sign", "pass= \t\r\nword", "password"),
        ("lower-case digits", "=c3=a9", "é"),
        ("no digits", "a=zz", "a=zz"),
        ("end in the middle", "abc=", "abc"),
        ("raw bytes between", "caf\u00e9 =3D", "caf\u00e9 ="),
        ("blanks at the line's end", "a   \r\nb", "a\nb"),
    ],
)
def test_quoted_printable_is_read_as_mail_readers_show_it(trap, body, text, read):
    assert read(body, encoding="quoted-printable").plain_text == text, trap


@pytest.mark.parametrize("encoding", ["BASE64", "base64 ", '"base64"', "base64 (comment)", "\r\n base64"])
def test_an_encoding_is_known_however_it_is_written(encoding, read):
    assert read(CODED, encoding=encoding).plain_text == TEXT.decode()


def test_an_unknown_encoding_is_a_defect_and_the_text_stays(read, kinds):
    message = read("hello", encoding="x-secret")
    assert message.plain_text == "hello"
    assert "encoding_unknown" in kinds(message)


def test_a_uuencoded_body_is_decoded(read):
    assert read(uuencoded(TEXT), encoding="x-uuencode").plain_text == TEXT.decode()


def test_a_uuencoded_file_in_a_text_is_an_attachment(read):
    message = read(b"See this.\n" + uuencoded(b"MZ" + bytes(60), "invoice.exe") + b"Bye.\n")
    assert message.plain_text == "See this.\nBye."
    assert [(p.filename, p.true_type, p.size_bytes) for p in message.attachments] == [
        ("invoice.exe", "application/x-dosexec", 62)
    ]


def test_a_uuencoded_file_that_breaks_off_is_read_as_far_as_it_goes(read, kinds):
    message = read(uuencoded(TEXT * 3)[:-30])
    assert message.attachments[0].content.startswith(TEXT)
    assert "uuencode_malformed" in kinds(message)


def test_a_sentence_that_begins_so_is_no_file():
    taken = take_uuencoded(b"begin 644 of these\nand then go on\n")
    assert taken.files == []
    assert taken.rest == b"begin 644 of these\nand then go on\n"


def test_decoding_keeps_every_whole_byte():
    assert decode_base64(b"QUJD") == (b"ABC", None)
    assert decode_base64(b"Q") == (b"", "base64_malformed")
    assert decode_base64(b"QQ==QQ==") == (b"AA", "base64_malformed")
