"""What one worker child keeps between tasks: a database connection, bundles, policies and directories."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import psycopg
import structlog

from db import bases, bundles, directories, lanes, policies, rescans
from db.session import Connection, connect, share_niceness
from scorelane import directory, stored_bundles
from scorelane.scoring import Bundle, BundleMismatch, Policy, Scorer, TenantPolicy
from scorelane.scoring.policy import read_policy
from scorelane.signals import SignalSet, signal_set
from scorelane.signals.context import Directory
from scorelane.signals.reference import Reference, read_reference
from tasks.attachments import Attachments
from tasks.facts import OFF, Enrichment

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from db.bases import Basis
    from db.bundles import Pointer
    from db.rescans import Order

log = structlog.get_logger()

KEPT_BUNDLES = 4
"""Live and shadow, before and after a flip."""
KEPT_TENANTS = 256
REFUSED = "bundle_refused"
"""Name of the exact counter, which stands under the worker's group of lanes."""
REFUSED_S = 5.0
"""A bundle that was refused is tried again after this long: its folder may have been mended."""

K = TypeVar("K")
V = TypeVar("V")


class NoBundle(Exception):
    """No bundle has been promoted yet, or none that was can be loaded."""


class BundleRefused(Exception):
    """The bundle that a job asked for is gone or does not load; its messages are not at fault, and it may be mended."""


class Standing(NamedTuple):
    """What the messages of one tenant are scored with: used whole, so that a flip reaches the next chunk."""

    basis: Basis
    live: Scorer
    shadow: Scorer | None
    directory: Directory
    signals: SignalSet
    """Every registered signal: what a vector holds."""
    reference: Reference
    """The reference lists."""
    session: Session
    """Where else a job may look: other bundles, older directories."""
    attachments: Attachments
    """What opens attachments."""
    enrichment: Enrichment = OFF


class Session:
    """Opened lazily in the child, never inherited through a fork."""

    def __init__(
        self, database_url: str, *, group: str, enrichment: Enrichment = OFF, lists: Path | None = None
    ) -> None:
        self._url = database_url
        self.enrichment = enrichment
        self._lists = lists
        self._group = group
        self._connection: Connection | None = None
        self._bundles: dict[str, Bundle] = {}
        self._refused: dict[str, tuple[float, BundleMismatch]] = {}
        self._policies: dict[tuple[int, int], TenantPolicy] = {}
        self._directories: dict[tuple[int, int], Directory] = {}
        self._columns: dict[str, tuple[tuple[str, ...] | None, tuple[int, ...]]] = {}
        self._orders: dict[UUID, Order] = {}
        self._signals: SignalSet | None = None
        self.attachments = Attachments()
        self.worker = f"{group}@{place()}:{os.getpid()}"
        self.shard = os.getpid()

    def connection(self) -> Connection:
        """An open autocommit connection; reopened after a fault."""
        if self._connection is None or self._connection.closed or self._connection.broken:
            self._connection = connect(self._url, application=self.worker)
            share_niceness(self._connection)
        return self._connection

    def forget_connection(self) -> None:
        """Drop a connection that failed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except psycopg.Error:
                log.warning("close_failed")

    def warm(self) -> None:
        """Load the live bundle before the first chunk comes."""
        pointer = bundles.current(self.connection())
        if pointer is not None:
            self.usable(pointer)
            self.signals()

    def standing(self, tenant_id: int, directory_at: datetime | None = None) -> Standing:
        """What is in force for a tenant now (the directory: at a time). Raises NoBundle where none loads."""
        basis = bases.current(self.connection(), tenant_id, directory_at)
        if basis is None:
            raise NoBundle("no bundle is live; promote one with: scorelane model promote PATH")
        pointer = self.usable(basis.pointer)
        own = self.policy(tenant_id, basis.policy_version)
        live = self.bundle(pointer.live, pointer.live_path)
        shadow = self._shadow(pointer.shadow, pointer.shadow_path)
        return Standing(
            basis=basis._replace(pointer=pointer),
            live=Scorer(live, Policy.from_bundle(live, own, basis.policy_version)),
            shadow=None if shadow is None else Scorer(shadow, Policy.from_bundle(shadow, own, basis.policy_version)),
            directory=self.directory(tenant_id, basis.directory_version),
            signals=self.signals(),
            reference=self.reference(),
            session=self,
            attachments=self.attachments,
            enrichment=self.enrichment,
        )

    def usable(self, pointer: Pointer) -> Pointer:
        """The pointer, or the newest before it whose live bundle loads. Raises NoBundle.

        A bundle that broke after its promotion stops no mail: the one before goes on, and scores name what they used.
        """
        try:
            self.bundle(pointer.live, pointer.live_path)
        except BundleMismatch as refused:
            for older in bundles.before(self.connection(), pointer.version):
                try:
                    self.bundle(older.live, older.live_path)
                except BundleMismatch:
                    continue
                return older
            raise NoBundle(f"no bundle can be loaded: {refused}") from refused
        return pointer

    def bundle(self, digest: str, path: str | Path) -> Bundle:
        """A bundle, loaded whole or not at all."""

        def load() -> Bundle:
            at, fault = self._refused.get(digest, (0.0, None))
            if fault is not None and time.monotonic() - at < REFUSED_S:
                raise fault
            try:
                bundle = stored_bundles.load(self.connection(), digest, path)
            except BundleMismatch as refused:
                self._refused[digest] = time.monotonic(), refused
                log.error("bundle_refused", digest=digest[:12], error=str(refused))  # noqa: TRY400 - the reason is the text
                lanes.count(self.connection(), self._group, {REFUSED: 1}, self.shard)
                raise
            self._refused.pop(digest, None)
            log.info("bundle_loaded", bundle=bundle.name, digest=digest[:12])
            return bundle

        return _kept(self._bundles, digest, load, KEPT_BUNDLES)

    def standing_with(
        self, tenant_id: int, digest: str, directory_at: datetime | None, pointer_version: int
    ) -> Standing:
        """The same with another bundle in the place of the live one, and none in shadow.

        Its scores stand on the pointer of that version, so that what was promoted since is newer than they are. Raises
        BundleRefused where it does not load.
        """
        own = self.standing(tenant_id, directory_at)
        if own.basis.pointer.live == digest:
            return own._replace(shadow=None)
        bundle = self.known_bundle(digest)
        if bundle is None:
            raise BundleRefused(f"bundle {digest[:12]} is not registered any more, or cannot be loaded")
        policy = Policy.from_bundle(bundle, self.policy(tenant_id, own.basis.policy_version), own.basis.policy_version)
        pointer = own.basis.pointer._replace(version=pointer_version, live=digest, shadow=None)
        return own._replace(basis=own.basis._replace(pointer=pointer), live=Scorer(bundle, policy), shadow=None)

    def known_bundle(self, digest: str) -> Bundle | None:
        """A registered bundle, or None where it is gone or does not fit this code."""
        if digest in self._bundles:
            return self._bundles[digest]
        found = rescans.bundle_path(self.connection(), digest)
        try:
            return None if found is None else self.bundle(found[0], found[2])
        except BundleMismatch:
            return None

    def order(self, rescan_id: UUID) -> Order:
        """What was asked of a rescan, which never changes."""

        def load() -> Order:
            found = rescans.find(self.connection(), rescan_id)
            assert found is not None, rescan_id
            return found

        return _kept(self._orders, rescan_id, load, KEPT_TENANTS)

    def columns(self, signal_set: str) -> tuple[tuple[str, ...] | None, tuple[int, ...]]:
        """(names, versions) of a stored signal set; (None, ()) for an unknown one."""

        def load() -> tuple[tuple[str, ...] | None, tuple[int, ...]]:
            return bases.signals(self.connection(), signal_set) or (None, ())

        return _kept(self._columns, signal_set, load, KEPT_TENANTS)

    def _shadow(self, digest: str | None, path: str | None) -> Bundle | None:
        """The bundle in shadow, or None: one that cannot be loaded must not keep the live one from scoring."""
        if digest is None or path is None:
            return None
        try:
            return self.bundle(digest, path)
        except BundleMismatch:
            return None

    def policy(self, tenant_id: int, version: int) -> TenantPolicy | None:
        """One version of a tenant's policy; None for version 0."""

        def load() -> TenantPolicy:
            return read_policy(policies.body(self.connection(), tenant_id, version)[1])

        return _kept(self._policies, (tenant_id, version), load, KEPT_TENANTS) if version else None

    def directory(self, tenant_id: int, version: int) -> Directory:
        """One version of a tenant's directory; the empty one for version 0."""

        def load() -> Directory:
            return directory.decode(directories.body(self.connection(), tenant_id, version), version)

        return _kept(self._directories, (tenant_id, version), load, KEPT_TENANTS) if version else Directory()

    def reference(self) -> Reference:
        """The operator's reference lists as they are now, or the shipped ones."""
        return read_reference(self._lists)

    def signals(self) -> SignalSet:
        """The set of every registered signal, made known to the database once a process."""
        if self._signals is None:
            every = signal_set()
            bases.register_signals(self.connection(), digest=every.hash, names=every.names, versions=every.versions)
            self._signals = every
        return self._signals


def _kept(kept: dict[K, V], key: K, load: Callable[[], V], most: int) -> V:
    """A value from a small cache whose oldest entry makes room."""
    if key not in kept:
        value = load()
        if len(kept) >= most:
            kept.pop(next(iter(kept)))
        kept[key] = value
    return kept[key]


def place() -> str:
    """Host and process namespace, where a process id names one process."""
    try:
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        namespace = 0
    return f"{socket.gethostname()}/{namespace}"
