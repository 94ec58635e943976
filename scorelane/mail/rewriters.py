"""Undo link rewriters and redirectors whose target stands in the link itself."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import parse_qs, unquote

_RUN = re.compile(r"\*(\*[A-Za-z0-9_-])?")
_RUN_LENGTHS = {c: n for n, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 2)}
_URL_SAFE = str.maketrans("-_ ", "+/+")
_V2_MARKS = str.maketrans("-_", "%/")
_GOOGLE = re.compile(r"(?:www\.)?google\.(?:com|[a-z]{2}|co\.[a-z]{2}|com\.[a-z]{2})$")
_AMP = re.compile(r"^/amp/(s/)?(.+)$")
_SCHEME = re.compile(r"^(?:https?:|[a-z][a-z0-9+.-]{0,20}://)", re.IGNORECASE)
MOST_PARAMETERS = 100


def unwrap(host: str, path: str, query: str) -> tuple[str, str] | None:  # noqa: C901, PLR0911 - one rewriter, one line
    """(rewriter, target as written) for a link of a known rewriter; None for all others."""
    if host.endswith("safelinks.protection.outlook.com"):
        return _parameter("safelinks", query, "url")
    if host in ("urldefense.com", "urldefense.proofpoint.com", "urldefense.us"):
        return _urldefense(path, query)
    if host.endswith((".mimecast.com", ".mimecastprotect.com")) or host == "mimecast.com":
        return _parameter("mimecast", query, "url", "domain")
    if "google." in host and _GOOGLE.match(host):
        return _google(path, query)
    if host in ("l.facebook.com", "lm.facebook.com", "l.instagram.com", "l.messenger.com"):
        return _parameter("facebook", query, "u")
    if host in ("www.facebook.com", "facebook.com", "m.facebook.com"):
        return _parameter("facebook", query, "u") if path in ("/l.php", "/flx/warn/") else None
    if host in ("www.youtube.com", "youtube.com"):
        return _parameter("youtube", query, "q") if path == "/redirect" else None
    if host in ("www.linkedin.com", "linkedin.com"):
        return _parameter("linkedin", query, "url") if path.startswith(("/redir/", "/safety/go")) else None
    if host == "linkprotect.cudasvc.com":
        return _parameter("barracuda", query, "a")
    if host == "slack-redir.net":
        return _parameter("slack", query, "url")
    if host.endswith(".sophos.com") and "d=" in query:
        return _sophos(query)
    return None


def _parameter(name: str, query: str, *keys: str) -> tuple[str, str] | None:
    if query.count("&") >= MOST_PARAMETERS:
        return None
    found = parse_qs(query)
    for key in keys:
        target = found.get(key, [""])[0].strip()
        if target:
            return name, target if _SCHEME.match(target) else f"http://{target.lstrip('/')}"
    return None


def _google(path: str, query: str) -> tuple[str, str] | None:
    if path == "/url":
        return _parameter("google", query, "q", "url")
    amp = _AMP.match(path)
    if amp is None or "." not in amp.group(2).partition("/")[0]:
        return None
    scheme = "https" if amp.group(1) else "http"
    return "google", f"{scheme}://{amp.group(2)}" + (f"?{query}" if query else "")


def _urldefense(path: str, query: str) -> tuple[str, str] | None:
    if path.startswith("/v1/"):
        return _parameter("urldefense_v1", query, "u")
    if path.startswith("/v2/"):
        coded = parse_qs(query).get("u", [""])[0] if query.count("&") < MOST_PARAMETERS else ""
        return ("urldefense_v2", unquote(coded.translate(_V2_MARKS))) if coded else None
    _, found, rest = f"{path}?{query}".rstrip("?").partition("/v3/__")
    end = rest.find("__;", 1)  # never a pattern here: on marks that repeat, one with two open ends takes cubic time
    encoded, closed, _ = rest[end + 3 :].partition("!")
    return ("urldefense_v3", _filled(rest[:end], encoded)) if found and closed and end > 0 else None


def _filled(target: str, encoded: str) -> str:
    """The target of URLDefense v3: each `*` is the next of the characters that stand apart, `**X` a run of them."""
    try:
        characters = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        characters = ""
    position = 0

    def fill(run: re.Match[str]) -> str:
        nonlocal position
        length = 1 if run.group(1) is None else _RUN_LENGTHS[run.group(1)[1]]
        piece = characters[position : position + length]
        position += length
        return piece

    target = _RUN.sub(fill, target) if characters else target
    if target.startswith(("http:/", "https:/")) and "://" not in target:
        target = target.replace(":/", "://", 1)
    return target


def _sophos(query: str) -> tuple[str, str] | None:
    coded = parse_qs(query).get("u", [""])[0] if query.count("&") < MOST_PARAMETERS else ""
    try:
        target = base64.b64decode(coded.translate(_URL_SAFE) + "=" * (-len(coded) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return ("sophos", target) if "://" in target else None
