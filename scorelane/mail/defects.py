"""Names of what can be malformed or cut in a message; each is a fact that a signal may read."""

from __future__ import annotations

from scorelane.mail.message import Defect

KINDS = frozenset(
    {
        "message_truncated",
        "header_truncated",  # the header block, a header or their number is over the limit
        "header_malformed",  # a line in the header block is no header field
        "header_8bit",  # raw bytes over 127 in a header
        "encoded_word_malformed",
        "address_limit",
        "hop_limit",
        "no_from",
        "many_from",
        "no_date",
        "duplicate_header",  # a header that may stand once stands several times (RFC 5322 section 3.6)
        "mime_unreadable",  # the structure could not be read; the body counts as one text
        "mime_fallback",  # the first parser refused, the second one read it
        "part_header_malformed",  # a line that is no field, or no blank line after the header
        "boundary_malformed",  # a line that begins with the boundary and goes on with other text
        "boundary_missing",  # no line opens a part of a multipart
        "part_limit",
        "part_truncated",
        "depth_limit",
        "nested_limit",
        "charset_unknown",
        "charset_lies",  # the bytes are not of the declared charset
        "encoding_unknown",
        "base64_malformed",  # strange letters, no whole number of bytes, or text after the end
        "uuencode_malformed",
        "tnef_malformed",  # winmail.dat that ends early
        "body_truncated",
        "html_truncated",
        "html_depth_limit",
        "html_style_limit",  # more styled elements than are looked at for hidden text
        "link_limit",
        "nul_bytes",
    }
)


class Defects:
    """Collects defects of one message, each kind and place once, at most 64."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], None] = {}

    def add(self, kind: str, where: str) -> None:
        """Note one."""
        assert kind in KINDS
        if len(self._seen) < 64:  # noqa: PLR2004 - enough to describe any message
            self._seen[kind, where] = None

    def all(self) -> tuple[Defect, ...]:
        """In the order in which they were found."""
        return tuple(Defect(kind, where) for kind, where in self._seen)


CUTS = frozenset(kind for kind in KINDS if kind.endswith(("_limit", "_truncated")))
"""Kinds that say a limit was met: something of the message was not read."""
