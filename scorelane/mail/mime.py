"""The MIME tree as a flat list of leaves and nested messages, by two parsers: a fast one and a patient one."""

from __future__ import annotations

import email
import email.message
import email.policy
import hashlib
from typing import TYPE_CHECKING, NamedTuple

import fast_mail_parser

from scorelane.mail.headers import decode, parameters
from scorelane.mail.magic import true_type
from scorelane.mail.message import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scorelane.mail.defects import Defects
    from scorelane.mail.limits import Limits

_TEXT = ("text/plain", "text/html")
_KNOWN_ENCODINGS = ("", "7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue")
BOUNDARY_LINES = 4000
"""More part boundaries than this are not worth a parser's time."""


class Leaf(NamedTuple):
    """One leaf as a parser gives it, before it is judged; `content` is decoded, None when it could not be."""

    path: str
    headers: dict[str, str]
    content: bytes | None
    is_message: bool


class Tree(NamedTuple):
    """What the parts of a message are."""

    parts: list[Part]
    texts: list[Part]
    htmls: list[Part]
    nested: list[bytes]


def read_tree(raw: bytes, limits: Limits, defects: Defects) -> Tree:
    """Leaves of a message, judged: bodies, attachments, nested messages."""
    if raw.count(b"\n--") > BOUNDARY_LINES:
        defects.add("part_limit", "mime")
        defects.add("mime_unreadable", "mime")
        return _judge([Leaf("1", {}, raw[: limits.text_chars], is_message=False)], limits, defects)
    try:
        tree = fast_mail_parser.parse_email_tree(raw, mode="lazy")
        leaves = list(_fast(tree, "", limits, defects, 0))
        if any(leaf.content is None for leaf in leaves):
            leaves = _patient(raw, limits, defects)
    except fast_mail_parser.ParseError:
        leaves = _patient(raw, limits, defects)
    return _judge(leaves, limits, defects)


def _patient(raw: bytes, limits: Limits, defects: Defects) -> list[Leaf]:
    defects.add("mime_fallback", "mime")
    try:
        return list(_slow(email.message_from_bytes(raw, policy=email.policy.compat32), "", limits, defects, 0))
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, KeyError, IndexError):
        defects.add("mime_unreadable", "mime")
        return [Leaf("1", {}, raw[: limits.text_chars], is_message=False)]


def _fast(
    node: fast_mail_parser.PyLazyMimePart, path: str, limits: Limits, defects: Defects, depth: int
) -> Iterator[Leaf]:
    headers = {name.lower(): values[0] for name, values in node.headers.items() if values}
    if node.is_message:
        yield Leaf(path or "1", headers, _content(node), is_message=True)
        return
    if not node.children:
        yield Leaf(path or "1", headers, _content(node), is_message=False)
        return
    if depth >= limits.depth:
        defects.add("depth_limit", path)
        return
    for number, child in enumerate(node.children, 1):
        yield from _fast(child, f"{path}.{number}" if path else str(number), limits, defects, depth + 1)


def _content(node: fast_mail_parser.PyLazyMimePart) -> bytes | None:
    try:
        return None if node.content is None else bytes(node.content)
    except fast_mail_parser.ParseError:
        return None


def _slow(node: email.message.Message, path: str, limits: Limits, defects: Defects, depth: int) -> Iterator[Leaf]:
    headers = {name.lower(): str(value) for name, value in reversed(node.items())}
    if node.get_content_type() == "message/rfc822" and node.is_multipart():
        inner = node.get_payload(0)
        content = inner.as_bytes() if isinstance(inner, email.message.Message) else b""
        yield Leaf(path or "1", headers, content, is_message=True)
    elif node.is_multipart():
        if depth >= limits.depth:
            defects.add("depth_limit", path)
            return
        for number, child in enumerate(node.get_payload(), 1):
            if isinstance(child, email.message.Message):
                yield from _slow(child, f"{path}.{number}" if path else str(number), limits, defects, depth + 1)
    else:
        payload = node.get_payload(decode=True)
        yield Leaf(path or "1", headers, payload if isinstance(payload, bytes) else b"", is_message=False)


def _judge(leaves: list[Leaf], limits: Limits, defects: Defects) -> Tree:
    found = Tree([], [], [], [])
    for leaf in leaves:
        if len(found.parts) >= limits.parts:
            defects.add("part_limit", leaf.path)
            break
        content = leaf.content or b""
        if leaf.is_message:
            found.nested.append(content)
            continue
        part = _part(leaf, content, limits, defects)
        found.parts.append(part)
        if not part.is_attachment:
            (found.htmls if part.declared_type == "text/html" else found.texts).append(part)
    return found


def _part(leaf: Leaf, content: bytes, limits: Limits, defects: Defects) -> Part:
    declared, type_parameters = parameters(leaf.headers.get("content-type", ""))
    if "/" not in declared or declared.startswith("multipart/"):
        declared = "text/plain"
    disposition, disposition_parameters = parameters(leaf.headers.get("content-disposition", ""))
    encoding = leaf.headers.get("content-transfer-encoding", "").strip().lower()
    if encoding not in _KNOWN_ENCODINGS:
        defects.add("encoding_unknown", leaf.path)
    size = len(content)
    if size > limits.part_bytes:
        defects.add("part_truncated", leaf.path)
        content = content[: limits.part_bytes]
    name = decode(disposition_parameters.get("filename") or type_parameters.get("name") or "")
    name = name.replace("\\", "/").rpartition("/")[2].strip()[:255]
    is_body = declared in _TEXT and disposition != "attachment" and not (name and disposition != "inline")
    if declared.startswith("text/") and declared not in _TEXT and not name and disposition != "attachment":
        is_body = declared in ("text/enriched", "text/richtext", "text/watch-html", "text/x-amp-html")
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
