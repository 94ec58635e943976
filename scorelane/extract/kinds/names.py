"""What a file's name gives away."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

EXECUTABLE = frozenset(
    {
        "exe", "scr", "com", "pif", "cpl", "msi", "msp", "mst", "bat", "cmd", "ps1", "psm1", "vbs", "vbe", "js",
        "jse", "wsf", "wsh", "hta", "lnk", "jar", "reg", "dll", "sys", "ocx", "msc", "appref-ms", "application",
        "gadget", "inf", "scf", "url", "website", "iso", "img", "vhd", "vhdx", "chm", "hlp", "xll", "wll", "ppam",
        "xlam", "dotm", "jnlp", "apk", "app", "dmg", "pkg", "command", "sh", "desktop", "py", "pyw", "rb", "pl",
        "diagcab", "settingcontent-ms", "library-ms", "search-ms", "one",
    }
)  # fmt: skip
"""Extensions that run code when opened on a usual desktop, or mount what does."""
EXECUTABLE_TYPES = frozenset(
    {
        "application/vnd.microsoft.portable-executable",
        "application/x-elf",
        "application/x-ms-shortcut",
        "application/java-vm",
        "application/java-archive",
        "application/vnd.ms-htmlhelp",
        "application/vnd.android.package-archive",
    }
)
_INNOCENT = frozenset(
    {
        "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "txt", "jpg", "jpeg", "png", "gif", "csv", "rtf",
        "html", "htm", "zip", "mp3", "mp4", "odt",
    }
)  # fmt: skip
_BIDI = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
_HIDING_BLANKS = 10


def extension(name: str) -> str:
    """Last extension in lower case, trailing dots and blanks removed as Windows does; empty when none."""
    return posixpath.splitext(name.rstrip(". \x00"))[1][1:].lower()


def is_executable(name: str) -> bool:
    """Whether a click on a file of this name runs something."""
    return extension(name) in EXECUTABLE


def tricks(names: Iterable[str]) -> tuple[str, ...]:
    """Kinds of deceit in names, sorted."""
    found: set[str] = set()
    seen: set[str] = set()
    for name in names:
        path = name.replace("\\", "/")
        if path.startswith("/") or "../" in path or path[1:3] == ":/":
            found.add("path_traversal")
        if not _BIDI.isdisjoint(name):
            found.add("rtl_override")
        stem = posixpath.splitext(path.rstrip(". "))[0].rstrip()
        if is_executable(name) and extension(stem) in _INNOCENT:
            found.add("double_extension")
        if " " * _HIDING_BLANKS in name:
            found.add("hidden_extension_spaces")
        if path.lower() in seen:
            found.add("duplicate_names")
        seen.add(path.lower())
    return tuple(sorted(found))
