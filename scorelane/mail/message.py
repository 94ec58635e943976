"""The immutable value that every signal reads: one message, parsed once.

All text is ``str`` without lone surrogates. All tuples keep the order of the raw message. Offsets and
sizes are bytes unless the name says otherwise. ``None`` means the message does not say.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads annotations at run time
from datetime import datetime  # noqa: TC003 - msgspec reads annotations at run time

import msgspec

from scorelane.mail.opened import Opened  # noqa: TC001 - msgspec reads annotations at run time


class Value(msgspec.Struct, frozen=True, gc=False):
    """Base of the leaves: immutable, compared by value, not tracked by the garbage collector."""


class Address(Value, frozen=True, gc=False):
    """One mailbox of an address header (RFC 5322 section 3.4)."""

    name: str
    """Display name, encoded words decoded, quotes removed; empty when absent."""
    local: str
    domain: str
    """Lower case, A-labels (punycode); empty when the address has none."""
    group: str | None = None

    @property
    def addr(self) -> str:
        """``local@domain`` in lower case; the local part alone when there is no domain."""
        return f"{self.local}@{self.domain}".lower() if self.domain else self.local.lower()


class Hop(Value, frozen=True, gc=False):
    """One Received header (RFC 5321 section 4.4), newest first as in the raw message."""

    by: str | None
    helo: str | None
    """The name the client gave (``from`` clause), lower case."""
    rdns: str | None
    """The name in the comment that the receiver looked up, lower case; None when unknown."""
    ip: str | None
    """Client IP in canonical text, IPv4-mapped IPv6 as IPv4."""
    with_: str | None
    for_: str | None
    time: datetime | None
    """Timezone-aware."""
    id_: str | None = None


class AuthResult(Value, frozen=True, gc=False):
    """One method's result of an Authentication-Results header (RFC 8601)."""

    method: str
    """Lower case: spf, dkim, dmarc, arc, dkim-atps, iprev, auth, ..."""
    result: str
    """Lower case: pass, fail, softfail, neutral, none, temperror, permerror, policy, ..."""
    properties: tuple[tuple[str, str], ...]
    """(ptype.property, value), lower case names: ("smtp.mailfrom", "a@b.example")."""

    def get(self, name: str) -> str | None:
        """Value of one property, or None."""
        return next((value for key, value in self.properties if key == name), None)


class AuthResults(Value, frozen=True, gc=False):
    """One Authentication-Results (or ARC-Authentication-Results) header as written."""

    authserv_id: str
    """Lower case; empty where the receiver names none, as Microsoft 365 does. Whether it is trusted is the
    directory's matter, see `trusted_auth`."""
    results: tuple[AuthResult, ...]
    arc_instance: int | None = None


class Url(Value, frozen=True, gc=False):
    """A URL normalised as a browser would (WHATWG), obfuscation undone."""

    raw: str
    """As written in the message, at most 2,048 characters."""
    href: str
    scheme: str
    host: str
    """Lower case, A-labels; IP literals canonical; empty for mailto:, data:, ..."""
    domain: str
    """Registrable domain (public suffix list); the IP itself for an IP host; empty when there is none."""
    port: int | None
    path: str
    query: str
    has_userinfo: bool
    is_ip: bool
    tricks: frozenset[str]
    """Obfuscations undone: hxxp, bracket_dot, userinfo, integer_ip (octal and short forms too), hex_ip,
    percent_host, punycode, bidi, zero_width, backslash, tab_newline, fullwidth, nested_scheme."""
    rewriters: tuple[str, ...]
    """Outermost first: safelinks, urldefense_v1.., mimecast, google, facebook, ...; the fields above are
    those of the innermost target."""


class Link(Value, frozen=True, gc=False):
    """A URL with where it was seen."""

    url: Url
    text: str
    """Visible text of the anchor, white space folded; empty outside HTML anchors."""
    source: str
    """html_anchor, html_image, html_form, html_other, text, subject, header, calendar, nested; of opened attachments
    pdf, office, qr, page, shortcut, file."""
    hidden: bool = False
    """The anchor or text stands where a reader cannot see it."""
    place: str = ""
    """Where in an attachment: "2", "2 page 3", "2/invoice.zip/page.html"; empty in the message itself."""


class Html(Value, frozen=True, gc=False):
    """What an HTML body shows, hides and does."""

    visible_text: str
    """Of any mail reader; what Outlook alone shows comes last."""
    hidden_text: str
    hidden_kinds: frozenset[str]
    """display_none, zero_font, same_colour, offscreen, zero_opacity, clipped, zero_width_chars."""
    form_actions: tuple[str, ...]
    password_inputs: int
    input_count: int
    script_count: int
    script_bytes: int
    iframe_count: int
    image_count: int
    remote_image_count: int
    data_image_count: int
    tiny_image_count: int
    """Images declared at most 3 by 3 pixels (trackers)."""
    base_href: str | None
    meta_refresh: str | None
    data_urls: int
    blob_urls: int
    event_handlers: int
    style_bytes: int
    comment_bytes: int
    tag_count: int
    table_count: int
    anchor_count: int
    size_bytes: int


class Part(Value, frozen=True, gc=False):
    """One MIME part that is not a multipart, in document order."""

    path: str
    """IMAP-like position, "1.2"."""
    declared_type: str
    """Lower case type/subtype of Content-Type; "text/plain" when absent (RFC 2045 section 5.2)."""
    true_type: str
    """By content (magic bytes): application/pdf, application/zip, image/png, text/html, ...; or declared_type
    when the content does not tell."""
    charset: str | None
    encoding: str
    """Content-Transfer-Encoding as declared, lower case; "" when absent."""
    disposition: str
    """inline, attachment, or empty."""
    filename: str
    """Decoded (RFC 2231 and encoded words), path removed; empty when absent."""
    content_id: str
    content: bytes
    """Decoded; cut at the limit (defect part_truncated)."""
    size_bytes: int
    sha256: str
    """Hex digest of the decoded content; empty for the body texts."""
    is_attachment: bool
    """True unless it is the text or HTML body, or a nested message."""


class Defect(Value, frozen=True, gc=False):
    """Something malformed or cut, in the words of the field."""

    kind: str
    """A name from `scorelane.mail.defects.KINDS`."""
    where: str
    """header, part path, html, url, ..."""


class Envelope(Value, frozen=True, gc=False):
    """What the SMTP session said, where the caller knows it (RFC 5321)."""

    mail_from: str | None = None
    rcpt_to: tuple[str, ...] = ()
    client_ip: str | None = None
    helo: str | None = None


class Message(msgspec.Struct, frozen=True):
    """One parsed message. Everything a signal may read of it, nothing of the outside world."""

    size_bytes: int
    received_at: datetime
    """When the protected side received it; timezone-aware. Never the Date header."""
    envelope: Envelope
    headers: tuple[tuple[str, str], ...]
    """(name as written, decoded and unfolded value) in raw order with duplicates."""
    index: Mapping[str, tuple[str, ...]]
    """Lower-case name to its values in order."""
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    return_path: Address | None
    """Envelope mail_from where known, else the Return-Path header; domain empty for <>."""
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    date: datetime | None
    """Date header, timezone-aware; None when absent or unparsable."""
    hops: tuple[Hop, ...]
    auth: tuple[AuthResults, ...]
    dkim_domains: tuple[str, ...]
    """d= of each DKIM-Signature, lower case."""
    text: str
    """Newest text that a reader sees: the HTML's visible text, else the plain body; quotes, signature and list
    footers removed. White space folded to single spaces and newlines. At most 64 Ki characters."""
    full_text: str
    """The same with quoted text."""
    quoted_text: str
    plain_text: str
    """The text/plain bodies as decoded."""
    html: Html | None
    links: tuple[Link, ...]
    """Of every part, nested messages included, at most 500."""
    parts: tuple[Part, ...]
    nested: tuple[Message, ...]
    """message/rfc822 parts, parsed, at most 4 levels and 20 messages."""
    language: str | None
    """ISO 639-1 of `text`, or None when too short to tell."""
    defects: tuple[Defect, ...]
    content_type: str
    """Of the root, lower case type/subtype."""
    opened: tuple[Opened, ...] | None = None
    """What was found in attachments worth opening; None when nobody looked. Set by `with_opened`, never by `parse`."""

    def first(self, name: str) -> str | None:
        """First value of a header by lower-case name, or None."""
        values = self.index.get(name)
        return values[0] if values else None

    @property
    def author(self) -> Address | None:
        """First From address, or None."""
        return self.from_[0] if self.from_ else None

    @property
    def attachments(self) -> tuple[Part, ...]:
        """Parts that are not the bodies."""
        return tuple(part for part in self.parts if part.is_attachment)


def trusted_auth(message: Message, authserv_ids: frozenset[str]) -> tuple[AuthResult, ...]:
    """Results of Authentication-Results headers whose authserv-id the tenant trusts (RFC 8601 section 5).

    Of each server and method only the newest header counts: an older one with the same name came with the
    message, and is the sender's word. Empty when there are none: a signal that needs them is then missing.
    """
    spoken: set[tuple[str, str]] = set()
    found: list[AuthResult] = []
    for header in message.auth:
        if header.arc_instance is None and header.authserv_id in authserv_ids:
            found.extend(r for r in header.results if (header.authserv_id, r.method) not in spoken)
            spoken.update((header.authserv_id, result.method) for result in header.results)
    return tuple(found)
