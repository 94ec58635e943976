"""Signatures of webhooks: HMAC-SHA256 over ``timestamp.body``, so that a receiver can refuse forgeries and replays."""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE, TIMESTAMP, EVENT = "Scorelane-Signature", "Scorelane-Timestamp", "Scorelane-Event"


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """``v1=`` and the hex digest. Receivers compare in constant time and refuse timestamps older than 5 minutes."""
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"
