"""Making a destination: what it may be, and the secret that signs what goes there."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from db import audit, outbox
from scorelane.outbox.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.session import Connection

VERDICTS = ("attack", "suspicious", "spam", "clean")
NAME_CHARS = 80
URL_CHARS = 2000


class Made(NamedTuple):
    """A new destination; the secret is shown once."""

    id: int
    secret: str | None


def new_secret() -> str:
    """A secret to sign with."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def add(
    connection: Connection,
    tenant_id: int,
    *,
    name: str,
    kind: str,
    target: str,
    verdicts: Sequence[str] | None,
    author: str,
) -> Made:
    """Make a destination and note who did. Raises Rejected with what would be right.

    Addresses are checked again, resolved, at each delivery: a name may lead elsewhere by then.
    """
    if not 0 < len(name) <= NAME_CHARS or not name.isprintable():
        raise Rejected(f"a destination's name has 1 to {NAME_CHARS} printable characters")
    wrong = sorted(set(verdicts or ()) - set(VERDICTS))
    if wrong:
        raise Rejected(f"verdict {wrong[0]!r} is not one of {', '.join(VERDICTS)}")
    if kind == "webhook":
        check_url(target)
    elif kind == "file":
        if not Path(target).is_absolute() or not Path(target).parent.is_dir():
            raise Rejected(f"{target!r} is not an absolute path in a folder that exists")
    else:
        raise Rejected(f"kind {kind!r} is not one of {', '.join(outbox.KINDS)}")
    secret = new_secret() if kind == "webhook" else None
    made = outbox.add_destination(
        connection, tenant_id, name=name, kind=kind, target=target, secret=secret, verdicts=verdicts, author=author
    )
    if made is None:
        raise Rejected(f"there is a destination named {name!r} already; remove it or choose another name")
    audit.record(connection, tenant_id, actor=author, action="destination.add", object_=made, detail={"kind": kind})
    return Made(made, secret)


def check_url(url: str) -> None:
    """Raises Rejected where this is no address of a webhook."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port != 0
    except ValueError:
        parts, port_fits = urlsplit(""), False
    right = parts.scheme in ("https", "http") and parts.hostname and port_fits
    if not right or "@" in parts.netloc or len(url) > URL_CHARS or not url.isascii() or not url.isprintable():
        raise Rejected("a webhook's target is an address like https://siem.acme.test/scorelane, without a login in it")
