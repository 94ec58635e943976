"""Bytes to text when the declaration is missing, unknown or a lie."""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
from encodings.aliases import aliases
from functools import lru_cache

_NOT_TEXT = frozenset({
    "aliases", "base64_codec", "bz2_codec", "charmap", "hex_codec", "idna", "mbcs", "oem", "punycode", "quopri_codec",
    "raw_unicode_escape", "rot_13", "undefined", "unicode_escape", "uu_codec", "zlib_codec",
})  # fmt: skip
_CODECS = frozenset(module.name for module in pkgutil.iter_modules(encodings.__path__)) - _NOT_TEXT
_PYTHON = {name: codec for name, codec in aliases.items() if codec in _CODECS} | {name: name for name in _CODECS}
"""Names of codecs of text, listed once: asked for another name, Python would search the disk for a module of it."""
_BROWSER = {
    "unicode_1_1_utf_7": "utf_7",
    "ansi": "cp1252",
    "x_sjis": "cp932",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "ks_c_5601_1987": "cp949",
    "ks_c_5601": "cp949",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "iso_8859_1": "cp1252",
    "latin1": "cp1252",
    "latin_1": "cp1252",
    "us_ascii": "cp1252",
    "ascii": "cp1252",
    "iso8859_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso_8859_9": "cp1254",
    "tis_620": "cp874",
    "iso_8859_11": "cp874",
    "windows_874": "cp874",
    "iso_8859_8_i": "iso8859_8",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
    "default_charset": "utf_8",
}
"""What browsers and mail readers take a name for, where it is not what it says (WHATWG Encoding section 4.2)."""
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,8}=\s{0,8}[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_LOOK_BYTES = 2048
_LONGEST_NAME = 64


@lru_cache(maxsize=256)
def codec_name(charset: str) -> str | None:
    """Python's codec for a declared charset, or None when it is unknown; ASCII and Latin-1 are read as windows-1252."""
    name = _SEPARATORS.sub("_", charset[:_LONGEST_NAME].lower()).strip("_")
    codec = _BROWSER.get(name) or _PYTHON.get(name)
    return _BROWSER.get(codec, codec) if codec is not None else None


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
        return _undeclared(raw), None
    codec = codec_name(charset)
    if codec is None:
        return _undeclared(raw), "charset_unknown"
    if codec == "cp1252":
        return _western(raw)
    if codec == "utf_8":
        try:
            return raw.decode("utf-8"), None
        except UnicodeDecodeError:
            return raw.decode("cp1252", "replace"), "charset_lies"
    try:
        return without_surrogates(raw.decode(codec)), None
    except ValueError:
        return without_surrogates(raw.decode(codec, "replace")), "charset_lies"


def charset_of_html(raw: bytes) -> str | None:
    """The charset that an HTML document names itself, in its first bytes (WHATWG HTML section 13.2.3.2)."""
    named = _META.search(raw, 0, _LOOK_BYTES)
    return named.group(1).decode("ascii") if named else None


def without_surrogates(text: str) -> str:
    """Lone surrogates (UTF-7 and others can carry them) become the replacement character."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _western(raw: bytes) -> tuple[str, str | None]:
    if raw.isascii():
        if b"\x1b$" in raw:  # no text of that charset has an escape sequence; Japanese mail does
            return _undeclared(raw), "charset_lies"
        return raw.decode("ascii"), None
    # Mail that says ASCII or Latin-1 and holds valid UTF-8 is UTF-8.
    try:
        return raw.decode("utf-8"), "charset_lies"
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace"), None


def _undeclared(raw: bytes) -> str:
    """By what the bytes show: ISO 2022-JP escapes, the zeros of UTF-16, else UTF-8 or windows-1252."""
    head = raw[:_LOOK_BYTES]
    if b"\x1b$" in head:
        return without_surrogates(raw.decode("iso2022_jp", "replace"))
    if head.count(b"\0") * 3 > len(head) > 1:
        is_big = head[::2].count(b"\0") > head[1::2].count(b"\0")
        return without_surrogates(raw.decode("utf-16-be" if is_big else "utf-16-le", "replace"))
    return decode_bytes(raw)
