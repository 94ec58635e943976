"""The parser against Python's `email` on the same bytes: where they differ, the message must name why.

    differential.py [PATH…]        a PATH as `scorelane score` takes it; without one, every archive of $CORPORA

Exit code 1 when a difference is not named by a defect. `docs/parser-differences.md` judges what differs.
"""

from __future__ import annotations

import binascii
import email
import email.policy
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scorelane.cli import sources
from scorelane.mail import parse
from scorelane.mail.headers import start_of_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message as StdlibMessage

    from scorelane.mail import Message

_HEADER = frozenset({"header_malformed", "header_truncated", "header_8bit", "nul_bytes", "mime_unreadable"})
_SHAPE = frozenset({
    "mime_fallback", "mime_unreadable", "part_limit", "depth_limit", "nested_limit", "uuencode_malformed",
    "tnef_malformed", "header_malformed", "header_truncated", "message_truncated", "part_header_malformed",
    "boundary_malformed", "boundary_missing",
})  # fmt: skip
_CONTENT = _SHAPE | {"base64_malformed", "encoding_unknown", "part_truncated", "nul_bytes"}
EXPLAINS = {"header names": _HEADER, "header values": _HEADER, "structure": _SHAPE, "content": _CONTENT}
"""Defects that account for a difference of a kind."""
SHOWN = 30
_LINE_END = re.compile(rb"\r*\n|\r")


class Difference(NamedTuple):
    """One thing on which the two disagree."""

    kind: str
    """header names, header values, structure, or content."""
    where: str
    named_by: str
    """The defect that names it, or empty."""


class Leaf(NamedTuple):
    """A part as the standard library gives it."""

    path: str
    is_message: bool
    content: bytes
    is_message_like: bool
    """A report of a delivery: its blocks are written anew, so white space differs."""
    is_quoted_printable: bool = False


def compare(raw: bytes) -> list[Difference]:
    """Differences between the parser's message and the standard library's."""
    ours = parse(raw)
    theirs = email.message_from_bytes(raw[start_of_header(raw) :], policy=email.policy.compat32)
    kinds = {defect.kind for defect in ours.defects}
    found = [*_headers(ours, theirs), *_parts(ours, theirs)]
    return [Difference(kind, where, min(EXPLAINS[kind] & kinds, default="")) for kind, where in found]


def _headers(ours: Message, theirs: StdlibMessage) -> Iterator[tuple[str, str]]:
    fields = [(name.lower(), " ".join(str(value).split())) for name, value in theirs.items()]
    names = [name.lower() for name, _ in ours.headers]
    if names != [name for name, _ in fields]:
        yield (
            "header names",
            next((str(one) for one, other in zip(names, fields, strict=False) if one != other[0]), "number"),
        )
        return
    for (name, value), (_, other) in zip(ours.headers, fields, strict=True):
        if "=?" not in other and other.isascii() and " ".join(value.split()) != other:
            yield "header values", name


def _parts(ours: Message, theirs: StdlibMessage) -> Iterator[tuple[str, str]]:
    leaves = list(_leaves(theirs, ""))
    inside = {part.path for part in ours.parts}
    own = [part for part in ours.parts if part.path.rpartition(".")[0] not in inside]
    # An empty part after a last boundary that nothing follows is there for one of them and not for the other.
    given = {leaf.path for leaf in leaves}
    paths = [part.path for part in own if part.content or part.path in given]
    leaves = [leaf for leaf in leaves if leaf.content or leaf.is_message or leaf.path in paths]
    if paths != [leaf.path for leaf in leaves if not leaf.is_message]:
        yield "structure", f"{len(paths)} parts against {len(leaves)}"
        return
    if len(ours.nested) != sum(leaf.is_message for leaf in leaves):
        yield "structure", f"{len(ours.nested)} nested messages"
    content = {leaf.path: leaf for leaf in leaves}
    packed = {part.path.rpartition(".")[0] for part in ours.parts} & inside
    for part in ours.parts:
        leaf = content.get(part.path)
        if leaf is None or part.path in packed:
            continue
        if part.encoding == "base64" and part.content.startswith((leaf.content.rstrip(), _decoded(leaf.content))):
            continue  # both read to the padding, one of them on; or one of them did not know it for base64
        if _folded(part.content, leaf) != _folded(leaf.content, leaf):
            yield "content", f"{part.path} {part.declared_type} {part.encoding}"


def _decoded(content: bytes) -> bytes:
    try:
        return binascii.a2b_base64(content).rstrip() or b"?"
    except binascii.Error:
        return content.rstrip()


def _folded(content: bytes, leaf: Leaf) -> bytes:
    """Without what carries no meaning: line ends and the blanks before them; in some kinds all white space."""
    if leaf.is_message_like:
        return b"".join(content.split())
    if leaf.is_quoted_printable:
        return b"".join(content.replace(b"=", b"").split())  # it reads == as one, and may join two lines there
    lines = _LINE_END.sub(b"\n", content).split(b"\n")
    return b"\n".join(line.rstrip() for line in lines).rstrip()


def _leaves(node: StdlibMessage, path: str) -> Iterator[Leaf]:
    payload = node.get_payload()
    if not isinstance(payload, list):
        content = node.get_payload(decode=True)
        is_quoted = str(node.get("content-transfer-encoding", "")).strip().lower() == "quoted-printable"
        yield Leaf(path or "1", False, content or b"", False, is_quoted)  # type: ignore[arg-type]
    elif node.get_content_maintype() == "message":
        is_message = node.get_content_type() == "message/rfc822"
        try:
            content = b"".join(inner.as_bytes() for inner in payload)  # type: ignore[union-attr]
        except (UnicodeError, LookupError, ValueError, TypeError, AttributeError, KeyError):
            content = b""
        yield Leaf(path or "1", is_message, content, is_message_like=not is_message)
    else:
        for number, child in enumerate(payload, 1):
            yield from _leaves(child, f"{path}.{number}" if path else str(number))  # type: ignore[arg-type]


def main() -> int:
    """Compare every message of the paths, print the counts and what nothing names."""
    named = sys.argv[1:]
    if not named:
        folder = Path(os.environ.get("CORPORA", "../shared/corpora"))
        named = [str(path) for path in sorted(folder.glob("*.tar.zst"))]
        if not named:
            sys.exit(f"no archive in {folder}; name a PATH, or a folder with *.tar.zst in CORPORA")
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[str, list[str]] = {}
    total = differing = 0
    for item in sources.read(named):
        if not isinstance(item, sources.Source):
            continue
        total += 1
        found = compare(item.raw)
        differing += bool(found)
        for difference in found:
            counts[difference.kind, difference.named_by or "NOTHING"] += 1
            if not difference.named_by:
                examples.setdefault(difference.kind, []).append(f"{item.name} {difference.where}")
    print(f"{total:,} messages; {differing:,} differ")
    for (kind, by), count in sorted(counts.items()):
        print(f"  {kind:<14} named by {by:<18} {count:>7,}")
    for kind, where in examples.items():
        print(f"{len(where)} {kind} that nothing names, among them:")
        print("\n".join(f"  {one}" for one in where[:SHOWN]))
    return int(bool(examples))


if __name__ == "__main__":
    sys.exit(main())
