"""What the parser had to cut or repair: limits met, declarations that lie, structures that programs do not write.

A part of these exists so that a filter reads other than the mail reader does; each kind is a signal of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scorelane.signals.declaration import derived, signal

if TYPE_CHECKING:
    from scorelane.mail.message import Message


@derived
def defect_kinds(message: Message) -> frozenset[str]:
    """Kinds of the message's defects."""
    return frozenset([defect.kind for defect in message.defects])


@signal(version=1, attacks=("spam", "malware"))
def cut_in_size(defect_kinds: frozenset[str]) -> float:
    """1 when the message, a part or a body is longer than is read: what comes later was not seen."""
    return float(not defect_kinds.isdisjoint(("message_truncated", "part_truncated", "body_truncated")))


@signal(version=1, attacks=("malware", "phishing"))
def cut_in_structure(defect_kinds: frozenset[str]) -> float:
    """1 when there are more parts, levels or nested messages than are read: no mail program nests so."""
    return float(not defect_kinds.isdisjoint(("part_limit", "depth_limit", "nested_limit")))


@signal(version=1, attacks=("spam",))
def cut_in_header(defect_kinds: frozenset[str]) -> float:
    """1 when headers, addresses or Received lines are more or longer than are read."""
    return float(not defect_kinds.isdisjoint(("header_truncated", "address_limit", "hop_limit")))


@signal(version=1, attacks=("phishing", "spam"))
def cut_in_html(defect_kinds: frozenset[str]) -> float:
    """1 when the HTML is longer, deeper or more styled than is read."""
    return float(not defect_kinds.isdisjoint(("html_truncated", "html_depth_limit", "html_style_limit")))


@signal(version=1)
def cut_in_links(defect_kinds: frozenset[str]) -> float:
    """1 when there are more links than are read (500)."""
    return float("link_limit" in defect_kinds)


@signal(version=1, attacks=("malware", "spam"))
def structure_repaired(defect_kinds: frozenset[str]) -> float:
    """1 when the MIME structure was so broken that the patient parser had to read it, or none could."""
    return float(not defect_kinds.isdisjoint(("mime_fallback", "mime_unreadable")))


@signal(version=1, attacks=("spam", "malware"))
def parts_malformed(defect_kinds: frozenset[str]) -> float:
    """1 when parts do not stand between boundary lines as they must, or lack the blank line (RFC 2046 section 5.1)."""
    known = ("part_header_malformed", "boundary_malformed", "boundary_missing")
    return float(not defect_kinds.isdisjoint(known))


@signal(version=1, attacks=("phishing", "spam"))
def base64_malformed(defect_kinds: frozenset[str]) -> float:
    """1 when base64 holds strange letters, no whole number of bytes, or text after its end (RFC 2045 section 6.8)."""
    return float("base64_malformed" in defect_kinds)


@signal(version=1, attacks=("spam",))
def charset_not_as_declared(defect_kinds: frozenset[str]) -> float:
    """1 when a text is not of the charset that it declares, or declares one that nobody knows."""
    return float(not defect_kinds.isdisjoint(("charset_lies", "charset_unknown")))


@signal(version=1, attacks=("spam", "malware"))
def encoding_unknown(defect_kinds: frozenset[str]) -> float:
    """1 when a part's Content-Transfer-Encoding is none that exists (RFC 2045 section 6.1)."""
    return float("encoding_unknown" in defect_kinds)


@signal(version=1, attacks=("spam",))
def header_malformed(defect_kinds: frozenset[str]) -> float:
    """1 when a header line has no name, or an encoded word does not decode (RFC 5322, RFC 2047)."""
    return float(not defect_kinds.isdisjoint(("header_malformed", "encoded_word_malformed")))


@signal(version=1, attacks=("spoofing", "spam"))
def author_not_single(defect_kinds: frozenset[str]) -> float:
    """1 when From names nobody or several: mail readers then show different authors (RFC 5322 section 3.6.2)."""
    return float(not defect_kinds.isdisjoint(("no_from", "many_from")))


@signal(version=1, attacks=("malware",))
def packing_malformed(defect_kinds: frozenset[str]) -> float:
    """1 when winmail.dat or uuencoded files end early or do not decode."""
    return float(not defect_kinds.isdisjoint(("uuencode_malformed", "tnef_malformed")))


@signal(version=1, attacks=("spam", "malware"))
def nul_bytes(defect_kinds: frozenset[str]) -> float:
    """1 when the raw message holds NUL bytes, which some scanners take for the end (RFC 5322 section 2.1)."""
    return float("nul_bytes" in defect_kinds)
