"""What earlier mail says of a message, folded in memory; and fingerprints under which near-duplicates meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scorelane.mail import parse
from scorelane.signals.fingerprint import bands
from scorelane.signals.recall import Memory
from scorelane.signals.sightings import SENDER, WROTE_TO, entity, shown

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TEXT = (
    "Dear customer, your parcel could not be delivered because the address on the label was not complete. "
    "Please confirm the address within two days so that the driver can bring it on the next working day."
)


@pytest.fixture
def fold(build_mail):
    """Remembers mails at times; gives the history of the last one."""
    memory = Memory()

    def fold(at=NOON, *, mailbox="bob", outbound=False, **spec):  # noqa: ANN003 - the words of `build_mail`
        seen = shown(parse(build_mail(**spec), received_at=at), mailbox=mailbox, at=at, outbound=outbound)
        history = None if outbound else memory.history(seen, at)
        memory.add(seen, at, mailbox)
        return history

    fold.memory = memory
    return fold


def test_a_stranger_has_no_history(fold):
    history = fold()
    assert (history.address_count, history.domain_count, history.wrote_to_address) == (0, 0, 0)
    assert history.domain_days_known is None


def test_addresses_mailboxes_and_days_are_counted(fold):
    fold(NOON - timedelta(days=40))
    fold(NOON - timedelta(days=10), mailbox="carol")
    fold(NOON - timedelta(days=9), from_="Other <other@mail.example.com>")
    history = fold()
    assert (history.address_count, history.address_to_recipient) == (2, 1)
    assert (history.domain_count, history.domain_count_30d) == (3, 2)
    assert (history.domain_days_known, history.address_days_since_last) == (40.0, 10.0)


def test_names_and_addresses_find_each_other(fold):
    fold(from_="Ann Lee <ann.lee@example.com>")
    fold(from_="Accounts <ann.lee@example.com>")
    history = fold(from_="ANN  LEE <a@other.test>")
    assert (history.addresses_of_name, history.name_seen_for_address) == (1, False)
    known = fold(from_="Accounts <ann.lee@example.com>")
    assert (known.names_of_address, known.name_seen_for_address, known.addresses_of_name) == (2, True, 1)


def test_an_answer_to_our_own_mail_is_solicited(fold):
    fold(outbound=True, from_="bob@example.org", to="ann.lee@example.com")
    history = fold()
    assert (history.wrote_to_address, history.address_count) == (1, 0)


def test_fan_out_counts_mailboxes_within_the_hour(fold):
    for minute, mailbox in enumerate(["a", "b", "b", "c"]):
        fold(NOON - timedelta(minutes=90 - 20 * minute), mailbox=mailbox)
    assert fold().fan_out_1h == 2


def test_links_recipients_hours_and_structure_are_habits(fold):
    spec = {"text": "https://common.test/a", "to": "bob@example.org, eve@example.org"}
    fold(**spec)
    history = fold(text="https://common.test/b https://rare.test/", to=spec["to"])
    assert (history.link_domain_min_count, history.same_recipients) == (0, 1)
    assert (history.same_hours, history.same_structure) == (1, 1)
    other = fold(NOON + timedelta(hours=5), h=[("X-Mailer", "Robot 2.0")], to=spec["to"] + ", joe@example.org")
    assert (other.same_hours, other.same_structure, other.same_recipients, other.mailer_count) == (0, 0, 0, 0)


def test_judged_mail_of_a_sender_is_counted(fold):
    fold()
    fold.memory.judge(entity("ann.lee@example.com"), good=False)
    fold.memory.judge(entity("ann.lee@example.com"), good=True)
    history = fold()
    assert (history.good_count, history.bad_count) == (1, 1)


def test_copies_with_other_names_and_amounts_are_near_duplicates(build_mail):
    one = parse(build_mail(text=f"Hello Bob, {TEXT} Reference 8817."), received_at=NOON)
    two = parse(build_mail(text=f"Hello Alice, {TEXT} Reference 20441."), received_at=NOON)
    other = parse(build_mail(text=f"{TEXT[::-1]}"), received_at=NOON)
    assert set(bands(one)) & set(bands(two))
    assert not set(bands(one)) & set(bands(other))


def test_short_texts_have_no_fingerprint(build_mail):
    assert bands(parse(build_mail(text="Thanks, see you!"), received_at=NOON)) == ()


def test_what_is_shown_is_recorded_once_each(build_mail):
    message = parse(build_mail(text="https://a.test/ https://a.test/2"), received_at=NOON)
    rows = shown(message, mailbox="bob", at=NOON).all()
    assert len(rows) == len(set(rows))
    assert (SENDER, entity("ann.lee@example.com")) in rows
    sent = shown(message, mailbox="bob", at=NOON, outbound=True).all()
    assert sent == ((WROTE_TO, entity("bob@example.org")),)
