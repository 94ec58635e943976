"""Windows shortcuts: .lnk ([MS-SHLLINK]) and .url."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import LnkParse3

from scorelane.extract.kinds.reading import clean, decoded
from scorelane.mail.opened import Lnk

if TYPE_CHECKING:
    from collections.abc import Callable

    from scorelane.extract.kinds.reading import Reading

_LNK_BYTES = 1 << 20
_ARGS_CHARS = 8192


def read_lnk(content: bytes, reading: Reading) -> dict[str, Any]:
    """Target, arguments and icon; a file appended behind the shortcut is analysed too."""
    shortcut: Any = LnkParse3.lnk_file(indata=content[:_LNK_BYTES])
    told = shortcut.get_json()
    data, info = told.get("data", {}), told.get("link_info", {})
    target = info.get("local_base_path") or data.get("relative_path") or info.get("net_name") or _from_items(told) or ""
    args = str(data.get("command_line_arguments") or "")
    reading.urls_in(f"{target} {args} {data.get('icon_location') or ''}")
    reading.text(args)
    return {
        "lnk": Lnk(
            target=clean(str(target), reading.limits.item_chars),
            args=clean(args, _ARGS_CHARS),
            icon=clean(str(data.get("icon_location") or ""), reading.limits.item_chars),
            working_dir=clean(str(data.get("working_directory") or ""), reading.limits.item_chars),
        )
    }


def _from_items(told: dict[str, Any]) -> str:
    items = (told.get("target") or {}).get("items") or []
    parts = [str(item.get("primary_name") or item.get("data") or "") for item in items if isinstance(item, dict)]
    return "\\".join(part.rstrip("\\") for part in parts if part)


def read_url(content: bytes, reading: Reading) -> dict[str, Any]:
    """An Internet shortcut: an INI file with a URL."""
    values: dict[str, str] = {}
    for line in decoded(content[:65_536]).splitlines():
        key, separator, value = line.partition("=")
        if separator:
            values.setdefault(key.strip().lower(), value.strip())
    target = values.get("url", "")
    reading.url(target)
    reading.urls_in(values.get("iconfile", ""))
    limit = reading.limits.item_chars
    return {
        "lnk": Lnk(
            target=clean(target, limit),
            icon=clean(values.get("iconfile", ""), limit),
            working_dir=clean(values.get("workingdirectory", ""), limit),
        )
    }


READERS: dict[str, Callable[[bytes, Reading], dict[str, Any]]] = {
    "application/x-ms-shortcut": read_lnk,
    "application/x-mswinurl": read_url,
}
