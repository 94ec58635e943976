"""``scorelane lmtp`` and ``scorelane watch``: front doors that run until they are told to stop."""

from __future__ import annotations

import hashlib
import signal
from typing import TYPE_CHECKING

from scorelane.cli import output
from scorelane.cli.enqueue import check_mailbox
from scorelane.cli.errors import CommandError, Misused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DOOR_LANES = ("interactive", "realtime", "backfill")


def lmtp(listen: str, tenant: str | None, route: Sequence[str], lane: str) -> None:
    """Listen for a mail server's deliveries until SIGTERM or Ctrl-C."""
    from scorelane.doors import LmtpDoor, Routes
    from scorelane.doors.tally import Tally
    from scorelane.enqueuer import Enqueuer, Linger
    from scorelane.logs import configure_logs
    from scorelane.settings import Settings

    domains = {}
    for one in route:
        domain, equals, name = one.partition("=")
        if not equals or not domain or not name:
            raise Misused(f"--route {one!r} is not DOMAIN=TENANT, like acme.test=acme")
        domains[domain.lower()] = name
    if tenant is None and not domains:
        raise Misused("say whose mail it is: --tenant T for all, or --route DOMAIN=TENANT")
    _check(lane)
    settings = Settings()
    _tenants_exist(settings.database_url, [*domains.values(), *([tenant] if tenant else [])])
    configure_logs(settings.log_level)
    tally = Tally(settings.database_url, lane, door="lmtp")
    try:
        with (
            Enqueuer(settings.database_url, settings.broker_url, actor="lmtp") as enqueuer,
            Linger(enqueuer, lane=lane) as linger,
        ):
            door = LmtpDoor(linger, Routes(domains, tenant), tally)
            door.serve(listen, ready=lambda address: output.note(f"LMTP listens at {address}; Ctrl-C stops it"))
    finally:
        tally.close()
    output.note("stopped")


def watch(path: Path, tenant: str, mailbox: str, lane: str) -> None:
    """Accept a Maildir's mail until SIGTERM or Ctrl-C."""
    from scorelane.doors import MaildirWatcher
    from scorelane.doors.maildir import Place
    from scorelane.doors.tally import Tally
    from scorelane.enqueuer import Enqueuer
    from scorelane.logs import configure_logs
    from scorelane.settings import Settings

    _check(lane)
    check_mailbox(mailbox)
    settings = Settings()
    _tenants_exist(settings.database_url, [tenant])
    configure_logs(settings.log_level)
    folder = path.resolve()
    name = hashlib.sha256(f"{folder}\0{tenant}\0{mailbox.lower()}".encode()).hexdigest()[:24]
    memory = settings.home / "watch" / f"{name}.sqlite"
    tally = Tally(settings.database_url, lane, door="maildir")
    try:
        with Enqueuer(settings.database_url, settings.broker_url, actor="maildir") as enqueuer:
            watcher = MaildirWatcher(folder, Place(tenant, mailbox, lane), enqueuer, memory, tally)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: watcher.stopping.set())
            output.note(f"watching {folder} for mailbox {mailbox}; Ctrl-C stops it")
            watcher.run()
    finally:
        tally.close()
    output.note("stopped")


def _check(lane: str) -> None:
    if lane not in DOOR_LANES:
        raise Misused(f"--lane {lane!r} is not one of {', '.join(DOOR_LANES)}")


def _tenants_exist(database_url: str, names: Sequence[str]) -> None:
    from db import tenants
    from db.session import connect

    with connect(database_url, application="scorelane-cli") as connection:
        for name in names:
            if tenants.find(connection, name) is None:
                raise CommandError(f"there is no tenant {name!r}; make it with: scorelane tenants create {name}")
