"""Mixes the kinds of mail into sets and into a mailbox in time order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

from scorelane.sample.delivery import Letter, Scene, deliver
from scorelane.sample.kinds import bulk, bulletins, conversation, fraud, languages, machines, malware, notices, phishing
from scorelane.sample.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
HOME = "harbourline.example"
"""Domain of the organisation whose mailbox `sample_mailbox` is."""
WORLDS = 24
"""Sets for training are written in this many worlds, so that no domain or person stands for a class."""

LEGITIMATE: Mapping[str, tuple[int, Callable[[Scene], Letter]]] = {
    "private": (8, conversation.private),
    "work": (14, conversation.work),
    "invitation": (3, conversation.invitation),
    "forward": (2, conversation.forward),
    "automatic_reply": (1, conversation.away),
    "news_digest": (7, bulk.news_digest),
    "newsletter": (8, bulk.newsletter),
    "weather_alert": (4, bulk.weather),
    "promotion": (8, bulk.promotion),
    "job_alert": (2, bulk.jobs),
    "event": (4, bulk.event),
    "survey": (2, bulk.survey),
    "portal": (6, bulletins.portal),
    "filing": (4, bulletins.filing),
    "forecast": (4, bulletins.forecast),
    "text_issue": (8, bulletins.text_issue),
    "feed_item": (4, bulletins.feed_item),
    "confirmation": (4, bulletins.confirmation),
    "contest": (4, bulletins.contest),
    "daily": (4, bulletins.daily),
    "forum": (3, bulletins.forum),
    "receipt": (5, notices.receipt),
    "shipping": (4, notices.shipping),
    "account_security": (4, notices.reset),
    "statement": (3, notices.statement),
    "transaction": (3, notices.transaction),
    "invoice": (3, notices.invoice),
    "travel": (3, notices.travel),
    "social": (4, notices.social),
    "renewal": (3, notices.renewal),
    "mailing_list": (6, machines.list_post),
    "monitoring": (3, machines.monitoring),
    "code_review": (3, machines.code_review),
    "bounce": (1, machines.bounce),
    "help_desk": (2, machines.helpdesk),
    "foreign_private": (5, languages.foreign_private),
    "foreign_bulk": (5, languages.foreign_bulk),
}
ATTACKS: Mapping[str, tuple[int, str, Callable[[Scene], Letter]]] = {
    "credential": (9, "credential_phishing", phishing.credential),
    "image_only": (2, "credential_phishing", phishing.image_only),
    "callback": (3, "callback", phishing.callback),
    "gift_cards": (2, "bec", fraud.gift_cards),
    "payroll": (2, "bec", fraud.payroll),
    "invoice_change": (2, "bec", fraud.invoice_change),
    "advance_fee": (3, "advance_fee", fraud.advance_fee),
    "extortion": (3, "extortion", fraud.extortion),
    "malware": (5, "malware", malware.attachment),
    "spam": (8, "spam", fraud.spam),
}


class SampleMessage(NamedTuple):
    """One generated message."""

    raw: bytes
    received_at: datetime
    label: Literal["legitimate", "attack", "spam"]
    kind: str
    """A key of `LEGITIMATE` or `ATTACKS`."""
    category: str | None
    """What attack it is, None for legitimate mail."""


def legitimate(seed: int, count: int) -> Iterator[SampleMessage]:
    """`count` wanted messages of many kinds, senders and languages; the same ones for the same seed."""
    rng = Random(f"legitimate {seed}")
    for number in range(count):
        yield _write(_world(seed, number), _pick(rng, _weights(LEGITIMATE)), f"{seed} {number}", _anytime(rng))


def attacks(seed: int, count: int) -> Iterator[SampleMessage]:
    """`count` unwanted messages, of every category when there are 50 or more; the same ones for the same seed."""
    rng = Random(f"attacks {seed}")
    for number in range(count):
        yield _write(_world(seed, number), _pick(rng, _weights(ATTACKS)), f"{seed} {number}", _anytime(rng))


def sample_mailbox(seed: int = 1, count: int = 520) -> Iterator[SampleMessage]:
    """A mailbox of one organisation over months, in time order: mostly wanted mail, about a fifth not.

    Every kind appears when `count` is at least twice the number of kinds.
    """
    rng = Random(f"mailbox {seed}")
    world = World(seed, HOME)
    kinds = [*LEGITIMATE, *ATTACKS][:count]
    while len(kinds) < count:
        unwanted = rng.random() < 0.2  # the share after what gateways let through
        kinds.append(_pick(rng, _weights(ATTACKS if unwanted else LEGITIMATE)))
    rng.shuffle(kinds)
    when = START
    for number, kind in enumerate(kinds):
        when += timedelta(minutes=rng.randint(3, 600))
        yield _write(world, kind, f"{seed} {number}", when)


def _world(seed: int, number: int, _known: dict[int, World] = {}) -> World:  # noqa: B006 - a memory of worlds
    key = seed * WORLDS + number % WORLDS
    if len(_known) > 4 * WORLDS:
        _known.clear()
    return _known.setdefault(key, World(key))


def _weights(table: Mapping[str, tuple[int, *tuple[object, ...]]]) -> Mapping[str, int]:
    return {kind: entry[0] for kind, entry in table.items()}


def _pick(rng: Random, weights: Mapping[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _anytime(rng: Random) -> datetime:
    return START + timedelta(seconds=rng.randrange(180 * 86_400))


def _write(world: World, kind: str, key: str, when: datetime) -> SampleMessage:
    rng = Random(f"{kind} {key}")
    scene = Scene(rng, world, rng.choice(world.staff), when)
    category = None
    if kind in ATTACKS:
        _, category, build = ATTACKS[kind]
    else:
        _, build = LEGITIMATE[kind]
    label: Literal["legitimate", "attack", "spam"] = "legitimate"
    if category is not None:
        label = "spam" if category == "spam" else "attack"
    return SampleMessage(deliver(scene, build(scene)), when, label, kind, category)
