"""From score to verdict: thresholds, and a tenant's own overrides, which change the verdict and never the score."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads annotations at run time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from scorelane.scoring.bundle import Bundle

VERDICTS = ("attack", "suspicious", "spam", "clean")
THRESHOLD = "threshold"
"""The rule of a verdict that no override touched."""


class Override(msgspec.Struct, frozen=True, omit_defaults=True):
    """An allow or block list entry of one tenant."""

    action: Literal["allow", "block"]
    kind: Literal["sender", "domain"]
    value: str
    """Lower case; a domain covers the names below it."""
    author: str
    added_at: datetime
    expires_at: datetime | None = None
    note: str = ""

    @property
    def rule(self) -> str:
        """How a verdict names it."""
        return f"{self.action} {self.kind} {self.value}"

    def applies(self, sender: str, domain: str, at: datetime) -> bool:
        """Whether it covers a From address at a time."""
        if self.expires_at is not None and at >= self.expires_at:
            return False
        if self.kind == "sender":
            return sender == self.value
        return domain == self.value or domain.endswith(f".{self.value}")


class TenantPolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a tenant decided: thresholds in log-odds (None leaves the bundle's) and overrides."""

    flag: float | None = None
    suspect: float | None = None
    overrides: tuple[Override, ...] = ()


class Decision(NamedTuple):
    """A verdict with the rule that gave it: `threshold`, or an override's."""

    verdict: str
    rule: str


@dataclass(frozen=True)
class Policy:
    """Log-odds from which a message is flagged, and from which it is worth a look; with a tenant's overrides."""

    flag: float
    suspect: float
    overrides: tuple[Override, ...] = ()
    version: int = 0
    """Of the tenant's policy; 0 is the bundle's own."""

    @classmethod
    def from_bundle(cls, bundle: Bundle, own: TenantPolicy | None = None, version: int = 0) -> Policy:
        """The thresholds that the bundle was given at its stated false-positive budget, as the tenant changed them."""
        flag, suspect = bundle.thresholds["flag"], bundle.thresholds["suspect"]
        if own is None:
            return cls(flag=flag, suspect=suspect)
        return cls(
            flag=flag if own.flag is None else own.flag,
            suspect=suspect if own.suspect is None else own.suspect,
            overrides=own.overrides,
            version=version,
        )

    def verdict(self, log_odds: float, category: str | None) -> str:
        """One of VERDICTS: flagged mail is an attack unless its best category is spam or none."""
        if log_odds >= self.flag:
            return "spam" if category in (None, "spam") else "attack"
        return "suspicious" if log_odds >= self.suspect else "clean"

    def decide(self, log_odds: float, category: str | None, sender: str, at: datetime) -> Decision:
        """Verdict on mail of a From address at a time: the closest override, else the thresholds.

        An entry for the address stands before one for its domain, a longer domain before a shorter one, and
        block before allow.
        """
        domain = sender.rpartition("@")[2]
        found = [o for o in self.overrides if o.applies(sender, domain, at)] if self.overrides and sender else ()
        if not found:
            return Decision(self.verdict(log_odds, category), THRESHOLD)
        closest = max(found, key=lambda o: (o.kind == "sender", len(o.value), o.action == "block"))
        if closest.action == "allow":
            return Decision("clean", closest.rule)
        return Decision("spam" if category in (None, "spam") else "attack", closest.rule)


def read_policy(body: dict[str, Any]) -> TenantPolicy:
    """A tenant's policy from its stored body."""
    return msgspec.convert(body, TenantPolicy)


def override(
    action: str, value: str, *, author: str, at: datetime, expires_at: datetime | None = None, note: str = ""
) -> Override:
    """An entry for an address or a domain. Raises ValueError saying what would be right."""
    value = value.strip().lower().removeprefix("@")
    kind = "sender" if "@" in value else "domain"
    pattern = _ADDRESS if kind == "sender" else _DOMAIN
    if not pattern.match(value):
        raise ValueError(
            f"{value[:80]!r} is neither an address such as ann@example.com nor a domain such as example.com"
        )
    if action not in ("allow", "block"):
        raise ValueError(f"{action[:80]!r} is not allow or block")
    return msgspec.convert(
        {"action": action, "kind": kind, "value": value, "author": author, "added_at": at, "expires_at": expires_at,
         "note": note[:1000]},
        Override,
    )  # fmt: skip


_ADDRESS = re.compile(r"^[^@\s<>\",;]{1,64}@[^@\s<>\",;]{1,253}$")
_DOMAIN = re.compile(r"^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+$")
