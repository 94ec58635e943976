"""Where in a message a signal looks, and what stands there: the evidence beside a term's number."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from scorelane.signals.declaration import CONTEXT, DECLARED
from scorelane.signals.errors import UnknownSignal

if TYPE_CHECKING:
    from scorelane.mail.message import Address, Message

MOST_CHARS = 120
MOST_SHOWN = 3

_PREFIXES = (
    ("reply_", "Reply-To"), ("return_path", "Return-Path"), ("message_id", "Message-ID"), ("subject_", "Subject"),
    ("date_", "Date"), ("sender_header", "Sender"), ("recipient", "To"), ("link_", "links"),
    ("call_to_action", "links"),
    ("lone_stranger", "links"), ("attach", "attachments"), ("archive_", "attachments"), ("office_", "attachments"),
    ("pdf_", "attachments"), ("author_", "From"), ("display_name", "From"),
    ("handover", "Received"), ("helo", "Received"),
    ("hop_", "Received"), ("html_", "HTML"), ("hidden_", "HTML"), ("image", "HTML"), ("url_", "links"),
)  # fmt: skip
_NEEDS = (
    ("files", "attachments"), ("endings", "attachments"), ("anchors", "links"), ("web_links", "links"),
    ("link_domains", "links"), ("link_hosts", "links"), ("loaded_domains", "HTML"), ("handover", "Received"),
    ("reply_org", "Reply-To"), ("return_org", "Return-Path"), ("author", "From"), ("author_org", "From"),
    ("author_name", "From"), ("phrases", "text"), ("text_folded", "text"), ("text_shape", "text"),
    ("word_count", "text"),
    ("subject_folded", "Subject"), ("subject_phrases", "Subject"), ("subject_shape", "Subject"),
)  # fmt: skip
_FAMILIES = {
    "attachments": "attachments",
    "auth": "Authentication-Results",
    "content": "text",
    "enriched": "facts",
    "history": "history",
    "identity": "From",
    "route": "headers",
    "urls": "links",
}


@lru_cache(maxsize=1024)
def place_of(name: str, family: str) -> str:
    """The header, part or links that a signal reads, in a word."""
    if family in ("history", "enriched", "auth"):
        return _FAMILIES[family]
    for start, place in _PREFIXES:
        if name.startswith(start):
            return place
    needs = _needs_of(name)
    for need, place in _NEEDS:
        if need in needs:
            return place
    return _FAMILIES.get(family, "message")


def _needs_of(name: str) -> frozenset[str]:
    declared = DECLARED.signals.get(name)
    if declared is None:
        raise UnknownSignal(f"no signal is called {name!r}")
    return frozenset(declared.needs) - frozenset(CONTEXT)


def shown_at(message: Message, place: str) -> str:  # noqa: C901 - one case a place
    """What stands at a place, cut short; empty where it says nothing. Never a link's path: those carry tokens."""
    match place:
        case "From":
            said = _addresses(message.from_)
        case "Reply-To":
            said = _addresses(message.reply_to)
        case "To":
            said = _addresses(message.to)
        case "Sender":
            said = _addresses(message.sender)
        case "Return-Path":
            said = message.return_path.addr if message.return_path else ""
        case "Subject":
            said = message.subject
        case "links" | "HTML":
            hosts = dict.fromkeys(link.url.host for link in message.links if link.url.host)
            said = ", ".join(list(hosts)[:MOST_SHOWN])
        case "attachments":
            said = ", ".join(part.filename for part in message.attachments[:MOST_SHOWN] if part.filename)
        case "Date" | "Message-ID" | "Authentication-Results":
            said = message.first(place.lower()) or ""
        case "Received":
            said = next((f"{hop.rdns or hop.helo or ''} [{hop.ip}]" for hop in message.hops if hop.ip), "")
        case _:
            said = ""
    return said if len(said) <= MOST_CHARS else said[: MOST_CHARS - 1] + "…"


def _addresses(found: tuple[Address, ...]) -> str:
    return ", ".join(f"{one.name} <{one.addr}>" if one.name else one.addr for one in found[:MOST_SHOWN])
