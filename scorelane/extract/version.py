"""Which extractor said it: the part of a stored result's key that code decides."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib.metadata import version

import msgspec

from scorelane.extract.limits import DEFAULT, Limits

VERSION = 4
"""Raised with every change of what a reader finds."""

LIBRARIES = ("LnkParse3", "archi", "olefile", "pillow", "pypdfium2", "rarfile", "selectolax", "zxing-cpp")


@cache
def extractor_version(limits: Limits = DEFAULT) -> str:
    """``VERSION-digest``, the digest over the readers' library versions, Python's and the limits."""
    parts = [f"{name}={version(name)}" for name in LIBRARIES]
    parts.append("python={}.{}".format(*sys.version_info))
    parts.append(msgspec.json.encode(msgspec.to_builtins(limits)).decode())
    return f"{VERSION}-{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:16]}"
