"""What the tenant's earlier mail says of this sender and content; all missing where history is unknown.

Counts enter as log1p, so that the first few weigh most.
"""

from __future__ import annotations

from math import log1p
from typing import TYPE_CHECKING

from scorelane.signals import derived as _declared  # noqa: F401 - declares what the parameters name
from scorelane.signals.declaration import signal

if TYPE_CHECKING:
    from scorelane.signals.context import History

UNKNOWN = "history unknown"
MOST = 20.0
"""Upper end of a log1p count: five hundred million messages."""
YEARS_DAYS = 3650.0


@signal(version=1, missing=UNKNOWN, attacks=("bec", "phishing"), monotone=1)
def first_contact_address(history: History) -> float:
    """1 when this mailbox never saw the From address."""
    return float(history.address_to_recipient == 0)


@signal(version=1, missing=UNKNOWN, attacks=("bec", "phishing"), monotone=1)
def first_contact_tenant(history: History) -> float:
    """1 when nobody at the tenant ever saw the From address."""
    return float(history.address_count == 0)


@signal(version=1, missing=UNKNOWN, attacks=("phishing",), monotone=1)
def first_contact_domain(history: History) -> float:
    """1 when nobody at the tenant ever saw the From domain."""
    return float(history.domain_count == 0)


@signal(version=1, missing=UNKNOWN, range=(0, MOST), monotone=-1)
def contact_count_log(history: History) -> float:
    """log1p of earlier messages from the address to this mailbox."""
    return min(log1p(history.address_to_recipient), MOST)


@signal(version=1, missing=UNKNOWN, range=(0, MOST))
def address_prevalence_log(history: History) -> float:
    """log1p of earlier messages from the address to the tenant."""
    return min(log1p(history.address_count), MOST)


@signal(version=1, missing=UNKNOWN, range=(0, MOST))
def domain_prevalence_log(history: History) -> float:
    """log1p of earlier messages from the domain to the tenant."""
    return min(log1p(history.domain_count), MOST)


@signal(version=1, missing=UNKNOWN, range=(0, MOST))
def domain_prevalence_30d_log(history: History) -> float:
    """log1p of messages from the domain in the last 30 days."""
    return min(log1p(history.domain_count_30d), MOST)


@signal(version=1, missing="history unknown, or domain never seen", range=(0, YEARS_DAYS), monotone=-1)
def domain_known_days(history: History) -> float | None:
    """Days since the tenant first saw the domain, at most ten years."""
    return _days(history.domain_days_known)


@signal(version=1, missing="history unknown, or address never seen", range=(0, YEARS_DAYS), monotone=-1)
def address_known_days(history: History) -> float | None:
    """Days since the tenant first saw the address, at most ten years."""
    return _days(history.address_days_known)


@signal(version=1, missing="history unknown, or address never seen", range=(0, YEARS_DAYS))
def address_silent_days(history: History) -> float | None:
    """Days since the address last wrote to the tenant, at most ten years."""
    return _days(history.address_days_since_last)


def _days(value: float | None) -> float | None:
    return None if value is None else max(0.0, min(value, YEARS_DAYS))


@signal(version=1, missing="history unknown, or address never seen", attacks=("bec",), monotone=1)
def new_name_for_address(history: History) -> float | None:
    """1 when a known address shows a display name that it never used."""
    return float(not history.name_seen_for_address) if history.address_count else None


@signal(version=1, missing="history unknown, or no display name", attacks=("bec",), monotone=1)
def new_address_for_name(history: History, author_name: str) -> float | None:
    """1 when a display name known from other addresses comes from a new one."""
    if not author_name:
        return None
    return float(history.addresses_of_name > 0 and not history.name_seen_for_address)


@signal(version=1, missing=UNKNOWN, range=(0, MOST))
def names_of_address_log(history: History) -> float:
    """log1p of display names that the address used before."""
    return min(log1p(history.names_of_address), MOST)


@signal(version=1, missing=UNKNOWN, range=(0, MOST))
def addresses_of_name_log(history: History) -> float:
    """log1p of addresses that used the display name before."""
    return min(log1p(history.addresses_of_name), MOST)


@signal(version=1, missing=UNKNOWN, monotone=-1)
def solicited(history: History) -> float:
    """1 when the tenant wrote to the address before."""
    return float(history.wrote_to_address > 0)


@signal(version=1, missing=UNKNOWN, range=(0, MOST))
def near_duplicates_log(history: History) -> float:
    """log1p of earlier messages with the same content fingerprint, within 30 days."""
    return min(log1p(history.near_duplicates), MOST)


@signal(version=1, missing=UNKNOWN, range=(0, MOST), attacks=("spam", "phishing"))
def fan_out_1h_log(history: History) -> float:
    """log1p of mailboxes that the address wrote to in the last hour."""
    return min(log1p(history.fan_out_1h), MOST)


@signal(version=1, missing=UNKNOWN, attacks=("spam", "phishing"), monotone=1)
def first_contact_fan_out(history: History) -> float:
    """1 when an address new to the tenant wrote to at least three mailboxes within an hour."""
    return float(history.address_count <= history.fan_out_1h and history.fan_out_1h >= 3)  # noqa: PLR2004 - as documented


@signal(version=1, missing="history unknown, or no judged message", monotone=1)
def bad_share(history: History) -> float | None:
    """Share of bad among the sender's judged messages, smoothed by one of each; 0 to 1."""
    judged = history.good_count + history.bad_count
    return (history.bad_count + 1) / (judged + 2) if judged else None


@signal(version=1, missing=UNKNOWN, range=(0, MOST), monotone=-1)
def good_count_log(history: History) -> float:
    """log1p of the sender's messages that were judged good."""
    return min(log1p(history.good_count), MOST)


@signal(version=1, missing=UNKNOWN, range=(0, MOST), monotone=1)
def bad_count_log(history: History) -> float:
    """log1p of the sender's messages that were judged bad."""
    return min(log1p(history.bad_count), MOST)


@signal(version=1, missing="history unknown, or no link", range=(0, MOST), monotone=-1)
def rarest_link_domain_log(history: History) -> float | None:
    """log1p of earlier messages that showed the rarest link domain of this one."""
    seen = history.link_domain_min_count
    return None if seen is None else min(log1p(seen), MOST)


@signal(version=1, missing="history unknown, or no link", attacks=("phishing",), monotone=1)
def stranger_with_new_link(history: History) -> float | None:
    """1 when an address new to this mailbox links to a domain that the tenant never saw."""
    if history.link_domain_min_count is None:
        return None
    return float(history.address_to_recipient == 0 and history.link_domain_min_count == 0)
