"""Bytes to text when the declaration is missing, unknown or a lie."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_ALIASES = {
    "utf8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "ansi": "cp1252",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso-8859-8",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "default_charset": "utf-8",
}
_NOT_TEXT = {"base64", "hex", "zip", "zlib", "bz2", "rot13", "uu", "quopri", "idna", "punycode", "raw-unicode-escape"}
_SURROGATES = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=256)
def codec_name(charset: str) -> str | None:
    """Python's codec for a declared charset, or None when it is unknown; ASCII and Latin-1 are read as windows-1252."""
    name = charset.strip().strip("\"'").lower()
    name = _ALIASES.get(name, name)
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        return None
    plain = found.name.replace("_", "-")
    return None if plain in _NOT_TEXT or "escape" in plain else found.name


def decode_bytes(raw: bytes) -> str:
    """UTF-8 where it is, else windows-1252; never fails, no surrogates."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def decode_declared(raw: bytes, charset: str | None) -> tuple[str, str | None]:  # noqa: PLR0911 - one case, one answer
    """Text, and what was wrong with the declaration: None, `charset_unknown` or `charset_lies`."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return without_surrogates(raw.decode("utf-16", "replace")), None
    if raw.startswith(codecs.BOM_UTF8):
        return decode_bytes(raw[3:]), None
    if not charset:
        return decode_bytes(raw), None
    codec = codec_name(charset)
    if codec is None:
        return decode_bytes(raw), "charset_unknown"
    if codec == "cp1252":
        if raw.isascii():
            return raw.decode("ascii"), None
        # Mail that says ASCII or Latin-1 and holds valid UTF-8 is UTF-8.
        try:
            return raw.decode("utf-8"), "charset_lies"
        except UnicodeDecodeError:
            return raw.decode("cp1252", "replace"), None
    try:
        return without_surrogates(raw.decode(codec)), None
    except (UnicodeDecodeError, ValueError):
        if codec == "utf-8":
            return raw.decode("cp1252", "replace"), "charset_lies"
        return without_surrogates(raw.decode(codec, "replace")), "charset_lies"


def without_surrogates(text: str) -> str:
    """Lone surrogates (UTF-7 and others can carry them) become the replacement character."""
    return _SURROGATES.sub("\ufffd", text)
