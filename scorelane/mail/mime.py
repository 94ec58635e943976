"""The MIME tree as a flat list of leaves and nested messages, by two parsers: a fast one and a patient one."""

from __future__ import annotations

import email
import email.message
import email.policy
import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

import fast_mail_parser

from scorelane.mail import tnef
from scorelane.mail.boundaries import MOST_BOUNDARIES, faults
from scorelane.mail.defects import Defects
from scorelane.mail.headers import file_name, parameters
from scorelane.mail.magic import true_type
from scorelane.mail.message import Part
from scorelane.mail.transfer import KNOWN, UUENCODED, decode_transfer, decode_uu, take_uuencoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scorelane.mail.headers import Fields
    from scorelane.mail.limits import Limits

_TEXT = frozenset({"text/plain", "text/html"})
_TORN = frozenset({"part_header_malformed", "boundary_missing"})
_SHOWN = frozenset({"text/enriched", "text/richtext", "text/watch-html", "text/x-amp-html"})
_FILES = frozenset({"text/calendar", "text/csv", "text/directory", "text/vcard", "text/x-vcard"})
_AS_WRITTEN = frozenset({"", "7bit", "8bit", "binary"})
_READ = frozenset({"content-type", "content-transfer-encoding", "content-disposition", "content-id"})


MOST_TRIES = 1_000_000
MOST_STEPS = 2_000_000_000
_FEW_BYTES = 64 * 1024
_ENCODED = re.compile(
    rb"^(content-transfer-encoding:[ \t]*(?:\r?\n[ \t]+)?)[\"']?(?:base64|quoted-printable)\b",
    re.IGNORECASE | re.MULTILINE,
)
_CONTENT_TYPE = re.compile(
    rb"(?:^|(?<=[\r\n]))content-type[ \t]*+:[^\r\n]*+(?:(?:\r\n|\r|\n)[ \t][^\r\n]*+)*+", re.IGNORECASE
)
_BLANKS = re.compile(rb"^(content-[a-z-]{2,40}+)[ \t]{1,128}:", re.IGNORECASE | re.MULTILINE)
_MOST_SEMICOLONS = 100
_PRINTABLE = bytes(range(32, 127)) + b"\t\r\n"


class Leaf(NamedTuple):
    """One leaf as a parser gives it, before it is judged; `content` is decoded, None when it could not be."""

    path: str
    headers: Mapping[str, str]
    content: bytes | None
    is_message: bool = False
    is_alternative: bool = False
    """It stands inside multipart/alternative, of which mail readers show one."""

    @property
    def encoding(self) -> str:
        """Content-Transfer-Encoding in lower case, without quotes, comment and parameters; empty when absent."""
        written = self.headers.get("content-transfer-encoding", "")
        return written.partition(";")[0].partition("(")[0].strip(" \t\r\n\"'").lower()

    @property
    def is_misspelt(self) -> bool:
        """Its encoding is one that mail readers know and the fast parser does not: a comment, quotes or a blank."""
        written = self.headers.get("content-transfer-encoding")
        return written is not None and written.lower() not in KNOWN and self.encoding in KNOWN

    @property
    def is_opaque(self) -> bool:
        """It says that it has parts, and none was found."""
        return self.headers.get("content-type", "").lstrip()[:10].lower() == "multipart/"


class Tree(NamedTuple):
    """What the parts of a message are."""

    parts: list[Part]
    texts: list[Part]
    htmls: list[Part]
    nested: list[bytes]
    beside: list[Part]
    """Texts that mail readers show before the HTML, not instead of it."""


def read_tree(raw: bytes, fields: Fields, limits: Limits, defects: Defects) -> Tree:
    """Leaves of a message, judged: bodies, attachments, nested messages. `fields` are those of its header."""
    raw = _bounded(raw[fields.start :] if fields.start else raw, limits, defects)
    found = Tree([], [], [], [], [])
    only = _only_text(raw, fields)
    leaves = [only] if only is not None else _leaves(raw, limits, defects)
    for leaf in leaves:
        _judge(leaf, found, limits, defects, is_alone=len(leaves) == 1)
        if len(found.parts) + len(found.nested) >= limits.parts:
            defects.add("part_limit", leaf.path)
            break
    return found


def _only_text(raw: bytes, fields: Fields) -> Leaf | None:
    """The one leaf of a message that is a text as it stands, as most are: no parser is needed to find it."""
    if fields.body is None:
        return None
    headers: dict[str, str] = {}
    for name in _READ:
        values = fields.raw_by_name.get(name)
        if values is not None:
            if len(values) > 1 or "=?" in values[0]:
                return None
            headers[name] = values[0]
    if headers.get("content-transfer-encoding", "").lower() not in _AS_WRITTEN:
        return None
    if not parameters(headers.get("content-type", "text/plain"))[0].startswith("text/"):
        return None
    return Leaf("1", headers, raw[fields.body - fields.start :])


def _bounded(raw: bytes, limits: Limits, defects: Defects) -> bytes:
    """The message up to its last affordable boundary line, so that no parser's time grows with their number."""
    if len(raw) < 3 * limits.boundary_lines or raw.count(b"\n--") <= limits.boundary_lines:
        return raw
    defects.add("part_limit", "mime")
    at = 0
    for _ in range(limits.boundary_lines):
        at = raw.find(b"\n--", at) + 3
    return raw[:at]


def _leaves(raw: bytes, limits: Limits, defects: Defects) -> list[Leaf]:
    if len(raw) > _FEW_BYTES and raw.count(b"=?") * len(raw) > MOST_STEPS:
        # For each =? the fast parser looks through the rest of the header for its end.
        return _patient(raw, limits, defects)
    try:
        tree = fast_mail_parser.parse_email_tree(raw, mode="lazy")
        if any(name[-1:] in (" ", "\t") for name in tree.headers):
            # The fast parser does not know a name that blanks follow (RFC 5322 section 4.5); mail readers do.
            raw = _BLANKS.sub(rb"\1:", raw)
            tree = fast_mail_parser.parse_email_tree(raw, mode="lazy")
        if tree.children and _is_torn(tree, raw, defects):
            return _patient(raw, limits, defects)
        leaves = list(_fast(tree, "", limits, defects, 0))
        if any(leaf.is_opaque for leaf in leaves):
            return _patient(raw, limits, defects)
        again = [leaf.content is None or leaf.is_misspelt for leaf in leaves]
        if any(leaf.encoding == "quoted-printable" for leaf in leaves) and raw.translate(None, _PRINTABLE):
            # The fast decoder drops bytes that no such encoding may hold; mail readers show them.
            again = [old or leaf.encoding == "quoted-printable" for old, leaf in zip(again, leaves, strict=True)]
        if any(again):
            leaves = _decoded_here(leaves, again, raw, limits, defects)
    except fast_mail_parser.ParseError:
        return _patient(raw, limits, defects)
    return leaves


def _is_torn(tree: fast_mail_parser.PyLazyMimePart, raw: bytes, defects: Defects) -> bool:
    """Whether the fast parser would lose text: that of a header without an end, or all that no part holds."""
    waiting = [tree]
    found: set[str] = set()
    looked = 0
    while waiting and looked < MOST_BOUNDARIES:
        node = waiting.pop()
        if not node.children or node.is_message:
            continue
        looked += 1
        waiting.extend(node.children)
        written = next((values[0] for name, values in node.headers.items() if name.lower() == "content-type"), "")
        boundary = parameters(written)[1].get("boundary", "").rstrip()
        if boundary:
            found |= faults(raw, boundary)
    for kind in sorted(found):
        defects.add(kind, "mime")
    return not found.isdisjoint(_TORN)


def _decoded_here(leaves: list[Leaf], again: list[bool], raw: bytes, limits: Limits, defects: Defects) -> list[Leaf]:
    """The leaves, those marked read as written and then decoded as mail readers do.

    Raises:
        fast_mail_parser.ParseError: when the message cannot be read as written.
    """
    as_written = fast_mail_parser.parse_email_tree(_ENCODED.sub(rb"\1binary", raw), mode="lazy")
    written = list(_fast(as_written, "", limits, Defects(), 0))
    found = []
    for leaf, is_marked, source in zip(leaves, again, written, strict=False):
        if not is_marked:
            found.append(leaf)
            continue
        if source.content is None:
            raise fast_mail_parser.ParseError
        content, wrong = decode_transfer(source.content, leaf.encoding)
        if wrong is not None:
            defects.add(wrong, leaf.path)
        found.append(leaf._replace(content=content))
    return found


def _patient(raw: bytes, limits: Limits, defects: Defects) -> list[Leaf]:
    defects.add("mime_fallback", "mime")
    raw = _affordable(raw, defects)
    try:
        return list(_slow(email.message_from_bytes(raw, policy=email.policy.compat32), "", limits, defects, 0))
    except (Exception, RecursionError):  # noqa: BLE001 - hostile bytes make it raise much, and all means unreadable
        defects.add("mime_unreadable", "mime")
        return [Leaf("1", {}, raw[: limits.text_chars])]


def _affordable(raw: bytes, defects: Defects) -> bytes:
    """What the standard library reads in time.

    It tries each line against every boundary that is open, and looks for the end of an open quote from its start
    again at each semicolon.
    """
    if raw.count(b";") > _MOST_SEMICOLONS:
        raw = _CONTENT_TYPE.sub(lambda field: b";".join(field.group().split(b";")[:_MOST_SEMICOLONS]), raw)
    lines = raw.count(b"\n") + raw.count(b"\r")
    open_at_most = raw.lower().count(b"boundary") + 1
    if lines * open_at_most <= MOST_TRIES:
        return raw
    defects.add("part_limit", "mime")
    at = 0
    for _ in range(MOST_TRIES // open_at_most):
        at = raw.find(b"\n", at) + 1
        if not at:
            return raw[: MOST_TRIES // open_at_most]
    return raw[:at]


def _fast(
    node: fast_mail_parser.PyLazyMimePart,
    path: str,
    limits: Limits,
    defects: Defects,
    depth: int,
    *,
    is_alternative: bool = False,
) -> Iterator[Leaf]:
    if node.children and not node.is_message:
        if depth >= limits.depth:
            defects.add("depth_limit", path)
            return
        is_alternative = is_alternative or _is_alternative(node.headers)
        for number, child in enumerate(node.children, 1):
            place = f"{path}.{number}" if path else str(number)
            yield from _fast(child, place, limits, defects, depth + 1, is_alternative=is_alternative)
        return
    headers = {lower: values[0] for name, values in node.headers.items() if (lower := name.lower()) in _READ}
    try:
        content = node.content
    except fast_mail_parser.ParseError:
        content = None
    leaf = Leaf(path or "1", headers, content, node.is_message, is_alternative)
    yield leaf._replace(content=decode_uu(content)) if content and leaf.encoding in UUENCODED else leaf


def _is_alternative(headers: Mapping[str, list[str]]) -> bool:
    return any(
        name.lower() == "content-type" and values[0].lstrip()[:21].lower() == "multipart/alternative"
        for name, values in headers.items()
    )


def _slow(
    node: email.message.Message,
    path: str,
    limits: Limits,
    defects: Defects,
    depth: int,
    *,
    is_alternative: bool = False,
) -> Iterator[Leaf]:
    headers = {lower: str(value) for name, value in reversed(node.items()) if (lower := name.lower()) in _READ}
    payload = node.get_payload() if node.is_multipart() else None
    if not isinstance(payload, list):
        del node["content-transfer-encoding"]  # so that the bytes come as they were written
        raw = node.get_payload(decode=True)
        leaf = Leaf(path or "1", headers, None, is_alternative=is_alternative)
        content, wrong = decode_transfer(raw if isinstance(raw, bytes) else b"", leaf.encoding)
        if wrong is not None:
            defects.add(wrong, leaf.path)
        yield leaf._replace(content=content)
        return
    inner = [child for child in payload if isinstance(child, email.message.Message)]
    if node.get_content_maintype() == "message":
        is_message = node.get_content_type() == "message/rfc822"
        yield Leaf(path or "1", headers, b"".join(child.as_bytes() for child in inner), is_message)
        return
    if depth >= limits.depth:
        defects.add("depth_limit", path)
        return
    is_alternative = is_alternative or node.get_content_subtype() == "alternative"
    for number, child in enumerate(inner, 1):
        place = f"{path}.{number}" if path else str(number)
        yield from _slow(child, place, limits, defects, depth + 1, is_alternative=is_alternative)


def _judge(leaf: Leaf, found: Tree, limits: Limits, defects: Defects, *, is_alone: bool = False) -> None:
    """Add one leaf, and what is packed inside it, to what it is."""
    content = leaf.content or b""
    if leaf.is_message:
        found.nested.append(content)
        return
    part = _part(leaf, content, limits, defects, is_alone=is_alone)
    inside: list[Leaf] = []
    if not part.is_attachment and b"begin " in part.content:
        taken = take_uuencoded(part.content)
        if taken.files:
            part = _part(leaf, taken.rest, limits, defects, is_alone=is_alone)
            inside = [
                _packed(leaf, at, name, "application/octet-stream", file)
                for at, (name, file) in enumerate(taken.files, 1)
            ]
            if taken.is_broken:
                defects.add("uuencode_malformed", leaf.path)
    elif _is_tnef(part):
        inside = _unpacked(leaf, part, found, defects)
    found.parts.append(part)
    if not part.is_attachment:
        (found.htmls if part.declared_type == "text/html" else found.texts).append(part)
        if part.declared_type != "text/html" and not found.htmls and not leaf.is_alternative:
            found.beside.append(part)
    for packed in inside:
        if len(found.parts) < limits.parts and not (packed.content or b"").startswith(tnef.SIGNATURE):
            _judge(packed, found, limits, defects)


def _is_tnef(part: Part) -> bool:
    return part.is_attachment and (part.declared_type in tnef.TYPES or part.content.startswith(tnef.SIGNATURE))


def _unpacked(leaf: Leaf, part: Part, found: Tree, defects: Defects) -> list[Leaf]:
    """What is inside winmail.dat, of the first few of a message."""
    if sum(map(_is_tnef, found.parts)) >= tnef.MOST_STREAMS:
        defects.add("part_limit", leaf.path)
        return []
    unpacked = tnef.unpack(part.content)
    if unpacked.is_broken:
        defects.add("tnef_malformed", leaf.path)
    if any(packed.media_type == "text/html" and not packed.name for packed in unpacked.packed):
        found.beside.clear()  # the body inside is shown instead of the text around
    return [_packed(leaf, at, *packed) for at, packed in enumerate(unpacked.packed, 1)]


def _packed(around: Leaf, number: int, name: str, media_type: str, content: bytes) -> Leaf:
    """What was inside another part, as if it had been a part of its own."""
    headers = {"content-type": media_type}
    if name:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        headers["content-disposition"] = f'attachment; filename="{escaped}"'
    return Leaf(f"{around.path}.{number}", headers, content)


def _part(leaf: Leaf, content: bytes, limits: Limits, defects: Defects, *, is_alone: bool) -> Part:
    declared, type_parameters = parameters(leaf.headers.get("content-type", ""))
    if "/" not in declared or declared.startswith("multipart/"):
        declared = "text/plain"
    disposition, disposition_parameters = parameters(leaf.headers.get("content-disposition", ""))
    encoding = leaf.encoding
    if encoding not in KNOWN:
        defects.add("encoding_unknown", leaf.path)
    size = len(content)
    if size > limits.part_bytes:
        defects.add("part_truncated", leaf.path)
        content = content[: limits.part_bytes]
    name = file_name(disposition_parameters.get("filename") or type_parameters.get("name") or "")
    if declared in _TEXT:
        is_body = disposition != "attachment" and not (name and disposition != "inline")
    else:
        is_body = declared in _SHOWN and not name and disposition != "attachment"
    if is_alone and disposition != "attachment" and declared.startswith("text/") and declared not in _FILES:
        is_body = True  # shown whatever its name, and as plain text where the kind is unknown (RFC 2046 section 4.1.4)
    return Part(
        path=leaf.path,
        declared_type=declared[:255],
        true_type=declared if is_body else true_type(content, declared),
        charset=type_parameters.get("charset"),
        encoding=encoding[:64],
        disposition=disposition[:64],
        filename=name,
        content_id=leaf.headers.get("content-id", "").strip().strip("<>")[:255],
        content=content,
        size_bytes=size,
        sha256="" if is_body else hashlib.sha256(content).hexdigest(),
        is_attachment=not is_body,
    )
