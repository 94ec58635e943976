"""How the message travelled and who vouches for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scorelane.mail.message import trusted_auth
from scorelane.signals.declaration import derived
from scorelane.signals.derived.senders import registrable

if TYPE_CHECKING:
    from scorelane.mail.message import AuthResult, Hop, Message
    from scorelane.signals.context import Directory
    from scorelane.signals.reference import Lists

PRIVATE = re.compile(
    r"10\.|127\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|"
    r"::1$|f[cd][0-9a-f]{2}:|fe80:"
)
"""Addresses that nobody outside can have (RFC 1918, 6598, 3927, 4193)."""


@derived
def auth_results(message: Message, directory: Directory) -> tuple[AuthResult, ...] | None:
    """Results of receivers that the tenant trusts; None when there are none."""
    return trusted_auth(message, directory.authserv_ids) or None


@derived
def message_id_domain(message: Message) -> str:
    """Domain of the Message-ID, lower case; empty when there is none."""
    return message.message_id.rpartition("@")[2].strip("<> \t").lower()[:253] if message.message_id else ""


@derived
def handover(message: Message) -> Hop | None:
    """The newest hop that came from a public address: where the outside handed the message over.

    Hops below it are the sender's word. None without such a hop.
    """
    for hop in message.hops:
        if hop.ip and not PRIVATE.match(hop.ip):
            return hop
    return None


@derived
def is_by_bulk_mailer(message: Message, return_org: str, handover: Hop | None, lists: Lists) -> bool:
    """Whether an e-mail service provider sent it, by Return-Path, DKIM domain or handover name."""
    known = lists.bulk_mailers
    if return_org in known or any(registrable(d) in known for d in message.dkim_domains[:10]):
        return True
    return handover is not None and registrable(handover.rdns or "") in known
