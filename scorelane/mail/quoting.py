"""The newest text apart from what it quotes, its signature and the footers that lists add."""

from __future__ import annotations

import re

_ATTRIBUTION = re.compile(
    r"^\s{0,4}(?:on\b.{4,120}\bwrote:|le\b.{4,120}\ba écrit\s?:|am\b.{4,120}\bschrieb\b.{0,80}:|el\b.{4,120}\bescribió:"
    r"|il\b.{4,120}\bha scritto:|op\b.{4,120}\bschreef\b.{0,80}:|em\b.{4,120}\bescreveu:|.{2,80}\bwrote:"
    r"|.{2,60} writes:|.{2,60} (?:said|schrieb|schreef|écrit)\s?:)\s*$",
    re.IGNORECASE,
)
_FORWARD = re.compile(
    r"^\s*(?:-{2,}\s*(?:original message|forwarded message|ursprüngliche nachricht|message d'origine|mensaje original)"
    r"|begin forwarded message|_{20,}\s*$)",
    re.IGNORECASE,
)
_FOOTER = re.compile(
    r"^(?:_{20,}|-{20,}|={20,}|-- ?)\s*$|^(?:you received this message because you are subscribed|to unsubscribe from"
    r" this (?:group|list)|to post to this (?:group|list)|mailing list|unsubscribe:? <?(?:http|mailto))",
    re.IGNORECASE,
)
_LIST_WORDS = (
    "mailing list",
    "mailman",
    "unsubscribe",
    "listinfo",
    "subscribed to",
    "list info",
    "google groups",
    "archives:",
)
_FORWARD_STARTS = frozenset(("--", "__", "be", "bE", "Be", "BE"))
_FOOTER_STARTS = frozenset(("--", "__", "==")).union(
    first + second for pair in ("yo", "to", "ma", "un") for first in pair[0] + pair[0].upper()
    for second in pair[1] + pair[1].upper()
)  # fmt: skip
_MARK_STARTS = frozenset("|").union(
    (start[0] for start in _FORWARD_STARTS | _FOOTER_STARTS), filter(str.isspace, map(chr, range(0x3001)))
)
"""Lines that begin otherwise are marks only by a colon at their end."""
LONGEST_MARK = 200
"""An attribution or a rule is a short line."""


def newest(text: str) -> tuple[str, str]:
    """(newest text, quoted text) of a body. A message that only quotes keeps its whole text as newest."""
    fresh: list[str] = []
    quoted: list[str] = []
    has_fresh = False
    lines = text.split("\n")
    for position, line in enumerate(lines):
        first = line[:1]
        if first not in _MARK_STARTS and first != ">" and line[-1:] != ":":
            fresh.append(line)
            has_fresh = has_fresh or bool(first)
            continue
        bare = line.lstrip()
        if not bare:
            fresh.append(line)
            continue
        start = bare[:2]
        if start[0] == ">" or start == "|>":
            quoted.append(line)
            continue
        if len(line) < LONGEST_MARK:
            if start in _FORWARD_STARTS and _starts_forward(lines, position):
                if has_fresh:
                    quoted.extend(lines[position:])
                    break
                quoted.append(line)
                continue
            if line[-1] == ":" and _is_attribution(lines, position):
                quoted.append(line)
                continue
            if line[:2] in _FOOTER_STARTS and _starts_footer(lines, position):
                break
        fresh.append(line)
        has_fresh = True
    found = "\n".join(fresh).strip()
    return (found, "\n".join(quoted)) if found else (text.strip(), "")


def _starts_forward(lines: list[str], position: int) -> bool:
    line = lines[position]
    if not _FORWARD.match(line):
        return False
    return not line.lstrip().startswith("_") or _has_header_block(lines, position + 1)


def _is_attribution(lines: list[str], position: int) -> bool:
    if not any(following.lstrip().startswith(">") for following in lines[position + 1 : position + 4]):
        return False
    return _ATTRIBUTION.match(lines[position]) is not None


def _has_header_block(lines: list[str], start: int) -> bool:
    return any(line.lstrip("* ").lower().startswith(("from:", "von:", "de:")) for line in lines[start : start + 3])


def _starts_footer(lines: list[str], position: int) -> bool:
    line = lines[position]
    if not _FOOTER.match(line):
        return False
    rest = "\n".join(line[:LONGEST_MARK] for line in lines[position : position + 8]).lower()
    if line.rstrip() == "--":
        return len(lines) - position <= 12 or any(word in rest for word in _LIST_WORDS)  # noqa: PLR2004 - a signature
    return any(word in rest for word in _LIST_WORDS)
