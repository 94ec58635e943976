"""What a signal may know beside the message: directory, history and facts, each a value with a version.

A vector stores the context it consumed, so that the same function gives the same bits again.
"""

from __future__ import annotations

import msgspec

STATUSES = ("ok", "absent", "timeout", "not_found", "breaker_open", "failed")
"""Why a signal has no value, by code: the index is what a vector stores (0 = ok)."""


class Person(msgspec.Struct, frozen=True, gc=False):
    """Somebody of the protected organisation."""

    name: str
    addresses: tuple[str, ...] = ()
    title: str = ""
    is_vip: bool = False


class Directory(msgspec.Struct, frozen=True):
    """What the tenant says of itself at one time. An empty directory is a valid one."""

    version: int = 0
    domains: frozenset[str] = frozenset()
    """Own domains, lower case A-labels."""
    people: tuple[Person, ...] = ()
    partners: frozenset[str] = frozenset()
    authserv_ids: frozenset[str] = frozenset()
    """Lower case; Authentication-Results of others are not read."""


class History(msgspec.Struct, frozen=True, gc=False):
    """What the tenant's earlier sightings say of this message's sender and content.

    Counts are of earlier messages; days are since a time, None when never seen.
    """

    address_to_recipient: int = 0
    """From address seen by this mailbox."""
    address_count: int = 0
    """From address seen by the tenant."""
    domain_count: int = 0
    domain_count_30d: int = 0
    domain_days_known: float | None = None
    address_days_known: float | None = None
    address_days_since_last: float | None = None
    names_of_address: int = 0
    """Distinct display names that this address used before."""
    name_seen_for_address: bool = False
    addresses_of_name: int = 0
    """Distinct addresses that used this display name before."""
    wrote_to_address: int = 0
    """Outbound messages of the tenant to this address (solicited)."""
    near_duplicates: int = 0
    """Earlier messages with the same content fingerprint, within 30 days."""
    fan_out_1h: int = 0
    """Distinct mailboxes that the address wrote to in the last hour."""
    good_count: int = 0
    bad_count: int = 0
    link_domain_min_count: int | None = None
    """Earlier messages that showed the rarest link domain of this one; None without links."""
    same_hours: int = 0
    """Earlier messages of the address in this three-hour part of the day (UTC)."""
    same_recipients: int | None = None
    """Earlier messages of the address to exactly these recipients; None for a single one."""
    same_structure: int = 0
    """Earlier messages of the address whose program wrote its headers in this order."""
    mailer_count: int | None = None
    """Earlier messages that named this mail program; None when this one names none."""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """What an enrichment provider said of an entity at a time."""

    fact_id: str
    kind: str
    """domain_age_days, ip_listed, url_listed, ..."""
    entity: str
    status: str
    """One of STATUSES."""
    value: float | None = None
