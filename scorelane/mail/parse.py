"""Raw bytes to one `Message`: total, bounded, without IO."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scorelane.mail.addresses import parse_list, parse_one
from scorelane.mail.authres import parse_auth_results
from scorelane.mail.charsets import charset_of_html, decode_declared
from scorelane.mail.defects import Defects
from scorelane.mail.headers import Fields, parameters, read_fields
from scorelane.mail.html import read_html
from scorelane.mail.language import guess
from scorelane.mail.limits import DEFAULT_LIMITS, Limits
from scorelane.mail.links import Sources, collect
from scorelane.mail.message import Address, AuthResults, Envelope, Html, Message, Part
from scorelane.mail.mime import read_tree
from scorelane.mail.quoting import newest
from scorelane.mail.received import parse_date, parse_received

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scorelane.mail.survey import Anchor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_AUTH = 20
MOST_IDS = 100
_SUBJECT_CHARS = 2000
_ID_CHARS = 998
_ONCE = (
    "from", "sender", "reply-to", "to", "cc", "message-id", "subject", "date", "in-reply-to", "references",
    "content-type", "content-transfer-encoding",
)  # fmt: skip
_NONE: tuple[str, ...] = ()


def parse(
    raw: bytes,
    *,
    received_at: datetime | None = None,
    envelope: Envelope | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Message:
    """The message that `raw` holds, whatever it is: never raises, and what is cut or broken is a defect.

    `received_at` is when the protected side received it; without it, the newest Received header's time.
    """
    return _Reader(limits).read(raw, received_at, envelope or Envelope(), level=0)


class _Reader:
    """Reads one message and those nested in it, under shared limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.nested_left = limits.nested_messages

    def read(self, raw: bytes, received_at: datetime | None, envelope: Envelope, level: int) -> Message:
        limits, defects = self.limits, Defects()
        size_bytes = len(raw)
        if size_bytes > limits.message_bytes:
            defects.add("message_truncated", "message")
            raw = raw[: limits.message_bytes]
        if b"\0" in raw:
            defects.add("nul_bytes", "body")
        fields = read_fields(raw, limits, defects)
        index, raw_index = fields.by_name, fields.raw_by_name
        tree = read_tree(raw, fields, limits, defects)
        plain = self._plain(tree.texts, defects)
        html, html_newest, anchors = self._html(tree.htmls, defects)
        is_html = html is not None and bool(html.visible_text)
        full_text = html.visible_text if html is not None and is_html else plain
        if is_html and tree.beside:
            before = plain if tree.beside == tree.texts else self._plain(tree.beside, defects)
            full_text, html_newest = (
                f"{before}\n{said}".strip()[: limits.text_chars] for said in (full_text, html_newest)
            )
        text, quoted = newest(html_newest if is_html else plain)
        nested = self._nested(tree.nested, received_at, level, defects)
        subject = " ".join(index.get("subject", ("",))[0].split())
        hops = tuple(map(parse_received, raw_index.get("received", _NONE)[: limits.hops]))
        author = self._addresses(raw_index, "from", defects)
        self._note_headers(raw_index, author, defects)
        sources = Sources(anchors, plain, html, subject, index, tree.parts, nested)
        links = collect(sources, limits.links, defects)
        return Message(
            size_bytes=size_bytes,
            received_at=received_at or next((hop.time for hop in hops if hop.time is not None), EPOCH),
            envelope=envelope,
            headers=fields.decoded,
            index=index,
            from_=author,
            sender=self._addresses(raw_index, "sender", defects),
            reply_to=self._addresses(raw_index, "reply-to", defects),
            return_path=_return_path(envelope, raw_index),
            to=self._addresses(raw_index, "to", defects),
            cc=self._addresses(raw_index, "cc", defects),
            subject=subject[:_SUBJECT_CHARS],
            message_id=index.get("message-id", ("",))[0].strip()[:_ID_CHARS],
            in_reply_to=_ids(index, "in-reply-to"),
            references=_ids(index, "references"),
            date=parse_date(raw_index["date"][0]) if "date" in raw_index else None,
            hops=hops,
            auth=_auth(raw_index),
            dkim_domains=_dkim_domains(raw_index),
            text=text[: limits.text_chars],
            full_text=full_text,
            quoted_text=quoted[: limits.text_chars],
            plain_text=plain,
            html=html,
            links=links,
            parts=tuple(tree.parts),
            nested=nested,
            language=guess(text),
            content_type=_content_type(fields),
            defects=defects.all(),
        )

    def _plain(self, parts: Sequence[Part], defects: Defects) -> str:
        joined = "\n".join([self._decoded(part, defects) for part in parts])
        if len(joined) > self.limits.text_chars:
            defects.add("body_truncated", "text")
        return _fold_lines(joined[: self.limits.text_chars])

    def _html(self, parts: Sequence[Part], defects: Defects) -> tuple[Html | None, str, list[Anchor]]:
        """All HTML bodies as one: mail readers show them one after the other."""
        if not parts:
            return None, "", []
        if len(parts) > self.limits.bodies:
            defects.add("part_limit", "html")
        source = "\n".join([self._decoded(part, defects) for part in parts[: self.limits.bodies]])
        found = read_html(source, self.limits, defects)
        return found.html, found.newest_text, found.anchors

    def _decoded(self, part: Part, defects: Defects) -> str:
        content = part.content
        most = 4 * self.limits.html_bytes
        if len(content) > most:
            defects.add("body_truncated", part.path)
            content = content[:most]
        charset = part.charset
        if charset is None and part.declared_type == "text/html":
            charset = charset_of_html(content)
        text, wrong = decode_declared(content, charset)
        if wrong is not None:
            defects.add(wrong, part.path)
        return text.replace("\0", "") if "\0" in text else text

    def _nested(
        self, raws: Sequence[bytes], received_at: datetime | None, level: int, defects: Defects
    ) -> tuple[Message, ...]:
        found = []
        for raw in raws:
            if level + 1 > self.limits.nested_levels or self.nested_left <= 0:
                defects.add("nested_limit", "mime")
                break
            self.nested_left -= 1
            found.append(self.read(raw, received_at, Envelope(), level + 1))
        return tuple(found)

    def _addresses(self, raw_index: Mapping[str, tuple[str, ...]], name: str, defects: Defects) -> tuple[Address, ...]:
        """Addresses of all headers of a name, in order."""
        values = raw_index.get(name)
        if not values:
            return ()
        most = self.limits.addresses
        if len(values) == 1:
            found = parse_list(values[0], most + 1)
        else:
            found = tuple(address for value in values[:most] for address in parse_list(value, most + 1))
        if len(found) > most:
            defects.add("address_limit", name)
            return found[:most]
        return found

    def _note_headers(
        self, raw_index: Mapping[str, tuple[str, ...]], author: Sequence[Address], defects: Defects
    ) -> None:
        if not author:
            defects.add("no_from", "header")
        elif len(author) > 1 or len(raw_index["from"]) > 1:
            defects.add("many_from", "header")
        if "date" not in raw_index:
            defects.add("no_date", "header")
        if len(raw_index.get("received", _NONE)) > self.limits.hops:
            defects.add("hop_limit", "received")
        for name in _ONCE:
            if len(raw_index.get(name, _NONE)) > 1:
                defects.add("duplicate_header", name)


def _fold_lines(text: str) -> str:
    """Lines kept (quoting needs them), trailing white space gone."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join([line.rstrip() for line in text.split("\n")]).strip()


def _content_type(fields: Fields) -> str:
    values = fields.raw_by_name.get("content-type")
    return (parameters(values[0])[0][:255] if values else "") or "text/plain"


def _return_path(envelope: Envelope, raw_index: Mapping[str, tuple[str, ...]]) -> Address | None:
    if envelope.mail_from is not None:
        return parse_one(envelope.mail_from)
    values = raw_index.get("return-path")
    if values is None:
        return None
    value = values[0]
    return parse_one(value[value.find("<") + 1 : value.rfind(">")] if "<" in value and ">" in value else value)


def _ids(index: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    values = index.get(name)
    return tuple([word for word in values[0].split() if word[0] == "<"][:MOST_IDS]) if values else ()


def _auth(raw_index: Mapping[str, tuple[str, ...]]) -> tuple[AuthResults, ...]:
    """Headers of receivers, then those of the ARC chain, each newest first."""
    own = raw_index.get("authentication-results", _NONE)[:MOST_AUTH]
    arc = raw_index.get("arc-authentication-results", _NONE)[:MOST_AUTH]
    if not own and not arc:
        return ()
    found = [parse_auth_results(value) for value in own] + [parse_auth_results(value, arc=True) for value in arc]
    return tuple(header for header in found if header is not None)


def _dkim_domains(raw_index: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    domains = []
    for value in raw_index.get("dkim-signature", _NONE)[:MOST_AUTH]:
        for tag in value.split(";"):
            name, _, domain = tag.partition("=")
            if name.strip() == "d" and domain.strip():
                domains.append("".join(domain.split()).lower()[:255])
                break
    return tuple(domains)
