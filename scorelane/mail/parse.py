"""Raw bytes to one `Message`: total, bounded, without IO."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scorelane.mail.addresses import parse_list, parse_one
from scorelane.mail.authres import parse_auth_results
from scorelane.mail.charsets import decode_declared
from scorelane.mail.defects import Defects
from scorelane.mail.headers import decode, parameters, split
from scorelane.mail.html import Anchor, read_html
from scorelane.mail.language import guess
from scorelane.mail.limits import DEFAULT_LIMITS, Limits
from scorelane.mail.message import Address, AuthResults, Envelope, Html, Link, Message, Part
from scorelane.mail.mime import read_tree
from scorelane.mail.quoting import newest
from scorelane.mail.received import parse_date, parse_received
from scorelane.mail.urls import find_urls, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONCE = ("from", "sender", "reply-to", "to", "cc", "message-id", "subject", "date", "in-reply-to", "references")
_URL_HEADERS = ("list-unsubscribe", "list-help", "x-report-abuse", "x-url")


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
        if b"\0" in raw:
            defects.add("nul_bytes", "body")
        fields = split(raw, limits, defects)
        raw_index: dict[str, list[str]] = {}
        for name, value in fields:
            raw_index.setdefault(name.lower(), []).append(value)
        tree = read_tree(_without_mbox_line(raw), limits, defects)
        hops = tuple(parse_received(value) for value in raw_index.get("received", [])[: limits.hops])
        plain = self._plain(tree.texts, defects)
        html, html_newest, anchors = self._html(tree.htmls, defects)
        full_text = html.visible_text if html is not None and html.visible_text else plain
        text, quoted = newest(html_newest if html is not None and html.visible_text else plain)
        nested = self._nested(tree.nested, received_at, level, defects)
        headers = tuple((name, decode(value, defects)) for name, value in fields)
        index: dict[str, tuple[str, ...]] = {}
        for name, value in headers:
            index[name.lower()] = (*index.get(name.lower(), ()), value)
        subject = " ".join(index.get("subject", ("",))[0].split())
        links = self._links(anchors, plain, html, subject, index, tree.parts, nested, defects)
        author = self._addresses(raw_index, "from")
        self._note_headers(raw_index, author, defects)
        date = parse_date(raw_index["date"][0]) if "date" in raw_index else None
        return Message(
            size_bytes=len(raw),
            received_at=received_at or next((hop.time for hop in hops if hop.time is not None), EPOCH),
            envelope=envelope,
            headers=headers,
            index=index,
            from_=author,
            sender=self._addresses(raw_index, "sender"),
            reply_to=self._addresses(raw_index, "reply-to"),
            return_path=_return_path(envelope, raw_index),
            to=self._addresses(raw_index, "to"),
            cc=self._addresses(raw_index, "cc"),
            subject=subject[:2000],
            message_id=index.get("message-id", ("",))[0].strip()[:998],
            in_reply_to=_ids(index, "in-reply-to"),
            references=_ids(index, "references"),
            date=date,
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
            defects=defects.all(),
            content_type=parameters(raw_index.get("content-type", ["text/plain"])[0])[0] or "text/plain",
        )

    def _plain(self, parts: Sequence[Part], defects: Defects) -> str:
        texts = [self._decoded(part, defects) for part in parts]
        joined = "\n".join(texts)
        if len(joined) > self.limits.text_chars:
            defects.add("body_truncated", "text")
        return _fold_lines(joined[: self.limits.text_chars])

    def _html(self, parts: Sequence[Part], defects: Defects) -> tuple[Html | None, str, list[Anchor]]:
        """All HTML bodies as one: mail readers show them one after the other."""
        if not parts:
            return None, "", []
        source = "\n".join(self._decoded(part, defects) for part in parts[:8])
        found = read_html(source, self.limits, defects)
        return found.html, found.newest_text, found.anchors

    def _decoded(self, part: Part, defects: Defects) -> str:
        content = part.content[: 4 * self.limits.html_bytes]
        text, wrong = decode_declared(content, part.charset)
        if wrong is not None:
            defects.add(wrong, part.path)
        return text.replace("\0", "")

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

    def _addresses(self, raw_index: dict[str, list[str]], name: str) -> tuple[Address, ...]:
        values = raw_index.get(name)
        return parse_list(values[0], self.limits.addresses) if values else ()

    def _links(  # noqa: PLR0917 - each is one place where links stand
        self,
        anchors: Sequence[Anchor],
        plain: str,
        html: Html | None,
        subject: str,
        index: dict[str, tuple[str, ...]],
        parts: Sequence[Part],
        nested: Sequence[Message],
        defects: Defects,
    ) -> tuple[Link, ...]:
        most = self.limits.links
        found: list[Link] = []
        for anchor in anchors:
            url = parse_url(anchor.href.strip())
            if url is not None:
                found.append(Link(url, anchor.text, anchor.source, anchor.hidden))
        texts: list[tuple[str, str]] = [(plain, "text"), (subject, "subject")]
        if html is not None:
            if html.meta_refresh and "url=" in html.meta_refresh.lower():
                target = html.meta_refresh[html.meta_refresh.lower().index("url=") + 4 :].strip("'\" ")
                texts.append((target, "html_other"))
            if not plain:
                texts.append((html.visible_text, "text"))
        texts.extend((value, "header") for name in _URL_HEADERS for value in index.get(name, ()))
        texts.extend(
            (decode_declared(part.content[:65536], part.charset)[0], "calendar")
            for part in parts
            if part.true_type == "text/calendar" or part.declared_type == "text/calendar"
        )
        for text, source in texts:
            found.extend(_text_links(text, source, most))
        found.extend(Link(link.url, link.text, "nested", link.hidden) for message in nested for link in message.links)
        if len(found) > most:
            defects.add("link_limit", "url")
        return tuple(found[:most])

    def _note_headers(self, raw_index: dict[str, list[str]], author: Sequence[Address], defects: Defects) -> None:
        if not author:
            defects.add("no_from", "header")
        elif len(author) > 1 or len(raw_index.get("from", ())) > 1:
            defects.add("many_from", "header")
        if "date" not in raw_index:
            defects.add("no_date", "header")
        for name in _ONCE:
            if len(raw_index.get(name, ())) > 1:
                defects.add("duplicate_header", name)


def _text_links(text: str, source: str, most: int) -> Iterable[Link]:
    for raw in find_urls(text, most):
        url = parse_url(raw)
        if url is not None:
            yield Link(url, "", source)


def _without_mbox_line(raw: bytes) -> bytes:
    """The MIME parser must begin at the first header field."""
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    while raw[start : start + 1] in (b"\r", b"\n", b" ", b"\t") and start < len(raw):
        start += 1
    if raw.startswith((b"From ", b">From "), start):
        start = raw.find(b"\n", start) + 1 or len(raw)
    return raw[start:] if start else raw


def _fold_lines(text: str) -> str:
    """Lines kept (quoting needs them), trailing and repeated white space gone."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip()


def _return_path(envelope: Envelope, raw_index: dict[str, list[str]]) -> Address | None:
    if envelope.mail_from is not None:
        return parse_one(envelope.mail_from)
    value = raw_index.get("return-path", [None])[0]
    if value is None:
        return None
    return parse_one(value[value.find("<") + 1 : value.rfind(">")] if "<" in value and ">" in value else value)


def _ids(index: dict[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    values = index.get(name)
    return tuple(word for word in values[0].split() if word.startswith("<"))[:100] if values else ()


def _auth(raw_index: dict[str, list[str]]) -> tuple[AuthResults, ...]:
    if "authentication-results" not in raw_index and "arc-authentication-results" not in raw_index:
        return ()
    found = [parse_auth_results(value) for value in raw_index.get("authentication-results", [])[:20]]
    found += [parse_auth_results(value, arc=True) for value in raw_index.get("arc-authentication-results", [])[:20]]
    return tuple(header for header in found if header is not None)


def _dkim_domains(raw_index: dict[str, list[str]]) -> tuple[str, ...]:
    domains = []
    for value in raw_index.get("dkim-signature", [])[:20]:
        tags = dict(tag.partition("=")[::2] for tag in "".join(value.split()).split(";"))
        if tags.get("d"):
            domains.append(tags["d"].lower()[:255])
    return tuple(domains)
