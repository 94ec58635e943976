"""Calendar invitations (RFC 5545)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from scorelane.extract.kinds.reading import clean, decoded
from scorelane.mail.opened import Calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scorelane.extract.kinds.reading import Reading

_CALENDAR_BYTES = 1 << 20
_MAX_LINES = 20_000
_ESCAPE = re.compile(r"\\([\\;,nN])")
_PARAMETER = re.compile(r';([A-Za-z0-9-]{1,40})=("[^"]{0,500}"|[^;:"]{0,500})')
_TEXTS = frozenset({"summary", "description", "location", "comment", "x-alt-desc"})
_NAMED = frozenset({"organizer", "attendee"})


def _lines(content: bytes) -> Iterator[tuple[str, dict[str, str], str]]:
    """(name, parameters, value) of each unfolded content line, section 3.1."""
    text = decoded(content[:_CALENDAR_BYTES]).replace("\r\n", "\n").replace("\r", "\n")
    for line in re.sub(r"\n[ \t]", "", text).split("\n", _MAX_LINES)[:_MAX_LINES]:
        in_quotes, at = False, -1
        for index, char in enumerate(line[:4096]):
            if char == '"':
                in_quotes = not in_quotes
            elif char == ":" and not in_quotes:
                at = index
                break
        if at < 0:
            continue
        head, value = line[:at], line[at + 1 :]
        parameters = {key.lower(): val.strip('"') for key, val in _PARAMETER.findall(head)}
        yield head.split(";", 1)[0].strip().lower(), parameters, value


def _unescaped(value: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match.group(1) in "nN" else match.group(1), value)


def _address(value: str) -> str:
    lower = value.strip().lower()
    return lower.removeprefix("mailto:")


def read(content: bytes, reading: Reading) -> dict[str, Any]:
    """Method, organiser, attendees, words and links of the invitation."""
    first: dict[str, str] = {}
    organizer_name, attachments = "", 0
    attendees: list[str] = []
    for name, parameters, value in _lines(content):
        if name in _TEXTS:
            shown = _unescaped(value)
            first.setdefault(name, shown)
            reading.text(shown)
            reading.urls_in(shown)
        elif name == "attendee":
            attendees.append(_address(value))
        elif name == "attach":
            attachments += 1
            reading.urls_in(value)
        elif name not in first:
            first[name] = value
            if name == "organizer":
                organizer_name = parameters.get("cn", "")
            if name in {"url", "conference", "source", "x-microsoft-skypeteamsmeetingurl"}:
                reading.url(value)
    limit = reading.limits.item_chars
    return {
        "calendar": Calendar(
            method=clean(first.get("method", "").strip().upper(), 40),
            organizer=clean(_address(first.get("organizer", "")), limit),
            organizer_name=clean(organizer_name, limit),
            attendees=reading.items(attendees),
            summary=clean(first.get("summary", ""), limit),
            location=clean(first.get("location", ""), limit),
            urls=tuple(reading.urls),
            attachments=attachments,
        )
    }


READERS: dict[str, Callable[[bytes, Reading], dict[str, Any]]] = {"text/calendar": read}
