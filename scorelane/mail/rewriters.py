"""Undo link rewriters and redirectors whose target stands in the link itself."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import parse_qs, unquote

_V3 = re.compile(r"/v3/__(.+?)__;([^!]*)!")
_RUN = re.compile(r"\*(\*[A-Za-z0-9_-])?")
_RUN_LENGTHS = {c: n for n, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 2)}


def unwrap(host: str, path: str, query: str) -> tuple[str, str] | None:  # noqa: C901, PLR0911 - one rewriter, one line
    """(rewriter, target as written) for a link of a known rewriter; None for all others."""
    if host.endswith("safelinks.protection.outlook.com"):
        return _parameter("safelinks", query, "url")
    if host in ("urldefense.com", "urldefense.proofpoint.com", "urldefense.us"):
        return _urldefense(path, query)
    if host.endswith((".mimecast.com", ".mimecastprotect.com")) or host == "mimecast.com":
        return _parameter("mimecast", query, "domain", "url")
    if host in ("www.google.com", "google.com") or host.startswith("www.google."):
        return _parameter("google", query, "q", "url") if path == "/url" else None
    if host in ("l.facebook.com", "lm.facebook.com", "l.instagram.com"):
        return _parameter("facebook", query, "u")
    if host in ("www.youtube.com", "youtube.com") and path == "/redirect":
        return _parameter("youtube", query, "q")
    if host in ("www.linkedin.com", "linkedin.com") and path.startswith("/redir/"):
        return _parameter("linkedin", query, "url")
    if host == "linkprotect.cudasvc.com":
        return _parameter("barracuda", query, "a")
    if host == "slack-redir.net":
        return _parameter("slack", query, "url")
    if host.endswith(".sophos.com") and "d=" in query:
        return _sophos(query)
    return None


def _parameter(name: str, query: str, *keys: str) -> tuple[str, str] | None:
    found = parse_qs(query, max_num_fields=None) if query.count("&") < 100 else {}  # noqa: PLR2004 - bounded work
    for key in keys:
        if found.get(key, [""])[0]:
            target = found[key][0]
            return name, target if "://" in target else f"http://{target}"
    return None


def _urldefense(path: str, query: str) -> tuple[str, str] | None:
    if path.startswith("/v1/"):
        return _parameter("urldefense_v1", query, "u")
    if path.startswith("/v2/"):
        found = parse_qs(query).get("u", [""])[0]
        if not found:
            return None
        return "urldefense_v2", unquote(found.translate(str.maketrans("-_", "%/")))
    match = _V3.search(path + ("?" + query if query else ""))
    if match is None:
        return None
    target, encoded = match.groups()
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        characters = base64.urlsafe_b64decode(padded).decode("utf-8")
    except (binascii.Error, ValueError):
        return "urldefense_v3", unquote(target)
    position = 0

    def fill(run: re.Match[str]) -> str:
        nonlocal position
        length = 1 if run.group(1) is None else _RUN_LENGTHS.get(run.group(1)[-1], 1)
        piece = characters[position : position + length]
        position += length
        return piece

    target = _RUN.sub(fill, target)
    if target.startswith(("http:/", "https:/")) and "://" not in target:
        target = target.replace(":/", "://", 1)
    return "urldefense_v3", unquote(target)


def _sophos(query: str) -> tuple[str, str] | None:
    coded = parse_qs(query).get("u", [""])[0]
    try:
        target = base64.b64decode(coded + "=" * (-len(coded) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return ("sophos", target) if "://" in target else None
