from __future__ import annotations

import codecs

import pytest

from scorelane.mail.charsets import codec_name, decode_declared

JAPANESE = "こんにちは"
RUSSIAN = "Подтвердите пароль"


@pytest.mark.parametrize(
    ("trap", "content", "charset", "text", "defects"),
    [
        ("honest", "café".encode(), "utf-8", "café", set()),
        ("missing, UTF-8", "café".encode(), None, "café", set()),
        ("missing, Western", "café".encode("latin-1"), None, "café", set()),
        ("missing, Japanese mail", JAPANESE.encode("iso2022_jp"), None, JAPANESE, set()),
        ("ASCII that holds escapes", JAPANESE.encode("iso2022_jp"), "us-ascii", JAPANESE, {"charset_lies"}),
        ("missing, UTF-16 without a mark", "password".encode("utf-16-le"), None, "password", {"nul_bytes"}),
        ("a mark against the name", codecs.BOM_UTF8 + "café".encode(), "iso-8859-1", "café", set()),
        ("lying, UTF-8 named Latin-1", "café".encode(), "iso-8859-1", "café", {"charset_lies"}),
        ("lying, Latin-1 named UTF-8", "café".encode("latin-1"), "utf-8", "café", {"charset_lies"}),
        ("lying, ASCII with Windows quotes", b"\x93yes\x94", "us-ascii", "\u201cyes\u201d", set()),
        ("unknown", b"hello", "x-klingon", "hello", {"charset_unknown"}),
        ("unknown, with raw bytes", "café".encode(), "x-klingon", "café", {"charset_unknown"}),
        ("UTF-7", b"+AHAAYQBzAHMAdwBvAHIAZA-", "utf-7", "password", set()),
        ("UTF-7 by its old name", b"+AHA-ass", "unicode-1-1-utf-7", "pass", set()),
        ("UTF-7 with a lone surrogate", b"+2AA-x", "utf-7", "\ufffdx", set()),
        ("Cyrillic", RUSSIAN.encode("koi8-r"), "koi8-r", RUSSIAN, set()),
        ("Chinese beyond its name", "丂".encode("gb18030"), "gb2312", "丂", set()),
        ("a codec that is no charset", b"uryyb", "rot13", "uryyb", {"charset_unknown"}),
        ("a codec that always fails", b"hello", "undefined", "hello", {"charset_unknown"}),
        ("a codec of escapes", rb"\u0041", "unicode_escape", r"\u0041", {"charset_unknown"}),
        ("a path for a name", b"hello", "../../etc/passwd", "hello", {"charset_unknown"}),
    ],
)
def test_a_body_is_read_in_spite_of_each_charset_trap(trap, content, charset, text, defects, read, kinds):  # noqa: PLR0917
    kind = "text/plain" + (f'; charset="{charset}"' if charset else "")
    message = read(content, kind)
    assert message.plain_text == text, trap
    assert kinds(message) == defects


def test_html_without_a_charset_names_it_itself(read):
    source = f'<meta charset="koi8-r"><p>{RUSSIAN}</p>'.encode("koi8-r")
    assert read(source, "text/html").text == RUSSIAN
    old = f'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>{RUSSIAN}</p>'
    assert read(old.encode("cp1251"), "text/html").text == RUSSIAN


def test_the_declared_charset_wins_over_the_documents_own(read):
    source = f'<meta charset="iso-8859-1"><p>{RUSSIAN}</p>'.encode()
    assert read(source, "text/html; charset=utf-8").text == RUSSIAN


def test_names_of_charsets_are_taken_as_browsers_take_them():
    assert codec_name("ISO-8859-1") == codec_name("latin1") == codec_name("ASCII") == "cp1252"
    assert codec_name('"UTF8"') == codec_name("utf-8") == "utf_8"
    assert codec_name("Shift_JIS") == "cp932"
    assert codec_name("x" * 10_000) is None


@pytest.mark.parametrize(
    "charset", ["utf-7", "utf-16", "utf-32", "iso-2022-jp", "hz", "gb18030", "big5", "cp037", "utf-8-sig"]
)
def test_no_charset_gives_lone_surrogates_or_fails(charset):
    for content in (b"", b"\xff\xfe\x00\xd8", b"+2AA-", b"\x1b$B\xff", bytes(range(256))):
        text, _ = decode_declared(content, charset)
        text.encode("utf-8")
