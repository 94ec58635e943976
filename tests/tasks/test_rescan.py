"""Rescans: what is computed again, what is reported, and that no way through them loses or doubles a message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from db import bundles, chunks, dispatch, jobs, labels, messages
from db import rescans as queries
from scorelane import rescans
from scorelane.choosing import chosen
from scorelane.rescans import Asked, ChoiceError, Wanted, planning, wanted_of
from scorelane.sample import sample_mailbox
from scorelane.scoring import Bundle
from tasks import rescan, work
from tasks.score import score_chunks


@pytest.fixture
def mailbox(accept_mail, run_all):
    """Forty generated messages, scored; gives how many."""
    samples = sorted(sample_mailbox(count=40), key=lambda s: s.received_at)
    accept_mail([(s.raw, s.received_at) for s in samples])
    run_all()
    return len({s.raw for s in samples})


@pytest.fixture
def stricter(sql, make_stricter):
    """A registered bundle that adds 20 to each log-odds."""
    return make_stricter(sql)


def live(sql):
    return Bundle.load(bundles.current(sql).live_path)


EVERY = Asked()


def begin(sql, bundle, asked=EVERY, **options):  # noqa: ANN003 - those of `rescans.start`
    rescan_id, preview = rescans.start(
        sql, 1, asked, wanted_of(bundle), actor="ann", live=bundles.current(sql).live, **options
    )
    rescans.plan_all(sql, rescan_id)
    return rescan_id, preview


def results(sql, rescan_id):
    return sql.execute(
        "SELECT work, before_verdict, verdict, before_log_odds, log_odds FROM rescan_results WHERE rescan_id = %s "
        "ORDER BY message_id",
        (rescan_id,),
    ).fetchall()


def test_the_live_bundle_as_of_receipt_gives_every_stored_score_again_without_raw_mail(sql, mailbox, run_all):
    sql.execute("DELETE FROM raw_mail")
    rescan_id, preview = begin(sql, live(sql))
    assert (preview.messages, preview.works) == (mailbox, {"stored": mailbox})
    run_all()
    found = results(sql, rescan_id)
    assert len(found) == mailbox
    assert all(
        (work_, before, before_log_odds) == ("stored", after, log_odds)
        for work_, before, after, before_log_odds, log_odds in found
    )
    rescan = rescans.progress(sql, rescan_id).rescan
    assert (rescan.state, rescan.done, rescan.flips) == ("done", mailbox, 0)


@pytest.mark.usefixtures("mailbox")
def test_another_bundle_reports_flips_with_reasons_and_changes_nothing(sql, run_all, stricter):
    before = sql.execute("SELECT message_id, verdict, last_revision FROM message_state ORDER BY 1").fetchall()
    sql.execute("DELETE FROM outbox")
    rescan_id, _ = begin(sql, stricter)
    run_all()
    assert sql.execute("SELECT message_id, verdict, last_revision FROM message_state ORDER BY 1").fetchall() == before
    assert all(after == pytest.approx(old + 20) for _, _, _, old, after in results(sql, rescan_id))
    flips = list(rescans.flips(sql, rescan_id))
    assert flips
    assert all(row["verdict"] != row["before_verdict"] and row["reasons"] is not None for row in flips)
    assert sum(row[-1] for row in queries.summary(sql, rescan_id)) == len(flips)
    assert sql.execute("SELECT count(*) FROM outbox WHERE kind = 'flip'").fetchone() == (len(flips),)


@pytest.mark.usefixtures("mailbox")
def test_reasons_beyond_the_first_are_computed_when_read_and_then_kept(sql, run_all, stricter, monkeypatch):
    monkeypatch.setattr(queries, "EXPLAINED", 0)
    rescan_id, _ = begin(sql, stricter)
    run_all()
    assert all(row["reasons"] is None for row in rescans.flips(sql, rescan_id))
    read = list(rescans.flips(sql, rescan_id, reasons=rescans.reader(sql, stricter.digest)))
    assert [row["reasons"] for row in rescans.flips(sql, rescan_id)] == [row["reasons"] for row in read]


def test_applying_makes_revisions_of_the_live_bundle_current(sql, mailbox, run_all, stricter):
    with pytest.raises(ChoiceError, match="promote the bundle first"):
        begin(sql, stricter, applies=True)
    bundles.flip(sql, live=stricter.digest, shadow=None, author="ann")
    rescan_id, _ = begin(sql, stricter, applies=True)
    run_all()
    found = sql.execute(
        "SELECT count(*) FROM message_state s JOIN scores c ON c.message_id = s.message_id AND c.revision = s.revision "
        "WHERE c.cause = 'rescan' AND c.bundle = %s AND s.revision = 2 AND c.job_id = %s",
        (stricter.digest, rescan_id),
    ).fetchone()
    assert found == (mailbox,)
    flips = len(list(rescans.flips(sql, rescan_id)))
    assert sql.execute("SELECT count(*) FROM outbox WHERE body->>'cause' = 'rescan'").fetchone() == (flips,)


def test_a_rescan_whose_bundle_broke_waits_without_using_up_attempts_and_ends_when_it_is_mended(  # noqa: PLR0917
    sql, mailbox, run_all, session, stricter, tmp_path, monkeypatch
):
    monkeypatch.setattr("tasks.session.REFUSED_S", 0.0)
    rescan_id, _ = begin(sql, stricter)
    away = stricter.path.rename(tmp_path / "away")
    sql.execute("UPDATE bundles SET content = NULL WHERE digest = %s", (stricter.digest,))
    score_chunks(session, [(d.chunk_id, d.dispatch_id) for d in dispatch.publish_due(sql, "rescan", 100_000)])
    state, attempt, error, later = sql.execute(
        "SELECT state, attempt, error, next_attempt_at > clock_timestamp() + interval '5 seconds' FROM chunks "
        "WHERE job_id = %s",
        (rescan_id,),
    ).fetchone()
    assert (state, attempt, later) == ("ready", 0, True)
    assert stricter.digest[:12] in error
    assert dict(sql.execute("SELECT name, value FROM counters WHERE name = 'bundle_refused'"))["bundle_refused"] >= 1
    away.rename(stricter.path)
    run_all()
    assert rescans.progress(sql, rescan_id).rescan.done == mailbox


def test_a_bundle_promoted_since_a_rescan_was_asked_for_is_the_newer_one(sql, mailbox, run_all, stricter):
    first = bundles.current(sql).live
    bundles.flip(sql, live=stricter.digest, shadow=None, author="ann")
    late, _ = begin(sql, stricter, applies=True)
    assert jobs.pause(sql, late)
    bundles.flip(sql, live=first, shadow=None, author="ann")
    begin(sql, live(sql), applies=True)
    run_all()
    assert jobs.resume(sql, late)
    run_all()
    assert len(results(sql, late)) == mailbox
    current = sql.execute(
        "SELECT DISTINCT c.bundle FROM message_state s JOIN scores c USING (message_id, revision) "
        "WHERE s.last_revision = 3"
    ).fetchall()
    assert current == [(first,)]


def test_a_vector_without_a_wanted_column_is_computed_from_raw_mail_with_its_stored_context(sql, mailbox, run_all):
    sql.execute("UPDATE signal_sets SET versions = array_fill(99, ARRAY[cardinality(versions)])")
    rescan_id, preview = begin(sql, live(sql))
    assert preview.works == {"full": mailbox}
    run_all()
    assert all(row[0] == "full" and row[3] == row[4] for row in results(sql, rescan_id))


def test_another_text_model_reads_the_words_again(sql, mailbox, run_all):
    sql.execute("UPDATE vectors SET text_model = 'older', text_log_odds = 0")
    rescan_id, preview = begin(sql, live(sql))
    assert preview.works == {"text": mailbox}
    run_all()
    assert all(row[0] == "text" and row[3] == row[4] for row in results(sql, rescan_id))


def test_mail_that_is_gone_keeps_its_verdict_and_is_counted(sql, mailbox, run_all):
    sql.execute("UPDATE signal_sets SET versions = array_fill(99, ARRAY[cardinality(versions)])")
    sql.execute("DELETE FROM raw_mail")
    rescan_id, preview = begin(sql, live(sql))
    assert preview.works == {"gone": mailbox}
    run_all()
    assert {row[0] for row in results(sql, rescan_id)} == {"gone"}
    assert rescans.progress(sql, rescan_id).rescan.flips == 0


@pytest.mark.parametrize("as_of", ["now", "final", "2020-01-01T00:00:00Z"])
def test_a_rescan_may_know_more_or_less_than_the_first_score(sql, mailbox, run_all, as_of):
    rescan_id, preview = begin(sql, live(sql), as_of=as_of)
    run_all()
    found = results(sql, rescan_id)
    assert len(found) == preview.messages == mailbox
    if as_of == "final":
        assert all(row[3] == row[4] for row in found)


def test_history_of_a_time_before_all_mail_is_empty(sql, mailbox, run_all, monkeypatch):
    seen = []
    score = rescan.results.score

    def keeping(given, *rest, **more):  # noqa: ANN002, ANN003 - passed on
        seen.extend(given)
        return score(given, *rest, **more)

    monkeypatch.setattr(rescan.results, "score", keeping)
    begin(sql, live(sql), as_of="2020-01-01T00:00:00Z")
    run_all()
    assert len(seen) == mailbox
    assert {one.history.address_count for one in seen} == {0}
    seen.clear()
    begin(sql, live(sql), as_of="now")
    run_all()
    assert max(one.history.domain_count for one in seen) > 0


def test_filters_choose_messages(sql, accept_mail, run_all, mailbox):
    at = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    pdf = b"%PDF-1.4 nothing"
    raw = (
        b"From: Zoe <zoe@mail.special.test>\r\nMessage-ID: <odd@special.test>\r\n"
        b"To: z@acme.test\r\nSubject: The 100% odd_invoice\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nhttps://www.rare.test/x\r\n--b\r\n'
        b'Content-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.pdf"\r\n\r\n'
        + pdf
        + b"\r\n--b--\r\n"
    )
    accept_mail([(raw, at)], mailbox="z@acme.test")
    run_all()
    zoe, verdict, digest = sql.execute(
        "SELECT s.message_id, s.verdict, c.bundle FROM message_state s JOIN scores c USING (message_id) "
        "WHERE s.sender = 'zoe@mail.special.test'"
    ).fetchone()
    labels.add(sql, 1, message_ids=[zoe], labels=["spam"], origin="analyst", author="ann")
    only = [
        Asked(mailboxes=("Z@acme.test",)),
        Asked(since=at, until=at + timedelta(seconds=1)),
        Asked(sender="Zoe@mail.special.test"),
        Asked(sender_domain="mail.special.test"),
        Asked(sender_domain="special.test", verdicts=(verdict,), scored_by=digest),
        Asked(subject="odd_ 100%"),
        Asked(link_domain="rare.test"),
        Asked(link_domain="hxxps://deep.rare[.]test/y"),
        Asked(attachment=sha256(pdf).hexdigest()),
        Asked(header_message_id="<odd@special.test>"),
        Asked(message_ids=[zoe]),
        Asked(labelled=True),
    ]
    wanted = wanted_of(live(sql))
    for asked in only:
        assert rescans.preview(sql, 1, asked, wanted, "received").messages == 1, asked
        assert [one["id"] for one in messages.listing(sql, chosen(sql, 1, asked), 10)] == [zoe], asked
    assert rescans.preview(sql, 1, Asked(labelled=False), wanted, "received").messages == mailbox
    assert rescans.preview(sql, 1, Asked(sender_domain="cial.test"), wanted, "received").messages == 0
    assert rescans.preview(sql, 1, Asked(), wanted, "received").messages == mailbox + 1
    halves = [
        rescans.preview(sql, 1, asked, wanted, "received").messages
        for asked in (Asked(min_score=0.3), Asked(max_score=0.3))
    ]
    assert sum(halves) == mailbox + 1


@pytest.mark.parametrize(
    ("asked", "options", "said"),
    [
        (Asked(mailboxes=("nobody@acme.test",)), {}, "no mailbox 'nobody@acme.test'"),
        (Asked(verdicts=("evil",)), {}, "verdict 'evil' is not one of attack"),
        (Asked(category="evil"), {}, "category 'evil' is not one of credential_phishing"),
        (Asked(min_score=7), {}, "min_score 7 is not a probability"),
        (Asked(attachment="abc"), {}, "'abc' is not a SHA-256"),
        (Asked(sender="none@x.test"), {}, "no scored message fits"),
        (Asked(), {"as_of": "yesterday"}, "as-of 'yesterday' is not received, final, now"),
        (Asked(), {"as_of": "2999-01-01"}, "lies in the future"),
        (
            Asked(since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 1, tzinfo=UTC)),
            {},
            "since is not before",
        ),
    ],
)
def test_what_cannot_be_rescanned_is_one_line_and_starts_nothing(sql, asked, options, said):
    with pytest.raises(ChoiceError, match=said):
        begin(sql, live(sql), asked, **options)
    assert queries.listing(sql) == []


def test_a_large_rescan_needs_a_yes(sql, mailbox, monkeypatch):
    monkeypatch.setattr(planning, "MOST_UNASKED", mailbox - 1)
    with pytest.raises(ChoiceError, match="need a yes"):
        begin(sql, live(sql))
    begin(sql, live(sql), yes=True)


def test_planning_that_is_killed_between_steps_goes_on_and_plans_each_message_once(sql, mailbox, monkeypatch):
    monkeypatch.setattr(queries, "CHUNKS_A_STEP", 2)
    rescan_id, _ = rescans.start(sql, 1, Asked(), wanted_of(live(sql)), actor="ann")
    steps = 0
    while queries.plan(sql, rescan_id, {"rescan": 4}):
        steps += 1
        assert rescans.progress(sql, rescan_id).rescan.state == "open"
    assert steps == -(-mailbox // 8) - (mailbox % 8 != 0)
    planned = sql.execute(
        "SELECT unnest(message_ids) FROM chunk_bodies b JOIN chunks c ON c.id = b.chunk_id WHERE c.job_id = %s",
        (rescan_id,),
    ).fetchall()
    assert len(planned) == len(set(planned)) == mailbox
    assert not queries.plan(sql, rescan_id, {"rescan": 4})


@pytest.mark.usefixtures("mailbox")
def test_pause_resume_and_cancel_between_chunks_lose_and_double_nothing(sql, session, monkeypatch):
    monkeypatch.setattr(queries, "CHUNKS_A_STEP", 100)
    rescan_id, _ = rescans.start(sql, 1, Asked(), wanted_of(live(sql)), actor="ann")
    queries.plan(sql, rescan_id, {"rescan": 5})

    def run_one():
        pairs = [(d.chunk_id, d.dispatch_id) for d in dispatch.publish_due(sql, "rescan", 5)]
        return sum(score_chunks(session, [pair]) for pair in pairs)

    assert run_one() == 5
    assert jobs.pause(sql, rescan_id)
    assert run_one() == 0
    assert jobs.resume(sql, rescan_id)
    assert run_one() == 5
    assert jobs.cancel(sql, rescan_id)
    assert run_one() == 0
    while jobs.settle(sql):
        pass
    rescan = rescans.progress(sql, rescan_id)
    assert (rescan.rescan.state, rescan.rescan.done, rescan.left) == ("cancelled", 10, 0)
    assert len(results(sql, rescan_id)) == 10
    assert sql.execute("SELECT DISTINCT state FROM message_state").fetchall() == [("scored",)]


def test_a_worker_killed_in_a_chunk_is_made_up_for(sql, session, mailbox, run_all, monkeypatch):
    class Killed(BaseException):
        pass

    rescan_id, _ = begin(sql, live(sql))
    pairs = [(d.chunk_id, d.dispatch_id) for d in dispatch.publish_due(sql, "rescan", 100_000)]
    score = work.score

    def dying(*_):  # noqa: ANN002 - those of `work.score`
        raise Killed

    monkeypatch.setattr(work, "score", dying)
    with pytest.raises(Killed):
        score_chunks(session, pairs)
    session.forget_connection()
    chunks.release(sql, pairs, "its worker died")
    monkeypatch.setattr(work, "score", score)
    run_all()
    assert len(results(sql, rescan_id)) == mailbox
    assert rescans.progress(sql, rescan_id).rescan.state == "done"


def test_two_rescans_of_one_mailbox_do_not_meet(sql, mailbox, run_all, stricter):
    first, _ = begin(sql, live(sql))
    second, _ = begin(sql, stricter)
    run_all()
    assert len(results(sql, first)) == len(results(sql, second)) == mailbox


@pytest.mark.parametrize(
    ("names", "versions", "text", "as_of", "work_"),
    [
        (("a", "b", "c"), (1, 2, 3), "t", "received", "stored"),
        (("a", "b"), (1, 2), "t", "time", "full"),
        (("a", "b"), (1, 2), "u", "final", "text"),
        (("a", "b"), (1, 1), "t", "received", "full"),
        (("a",), (1,), "t", "received", "full"),
        (None, (), None, "received", "full"),
    ],
)
def test_only_what_is_not_stored_or_may_know_more_is_computed_again(names, versions, text, as_of, work_):
    wanted = Wanted("d", {"a": 1, "b": 2}, "t", frozenset({"a"}))
    for has_raw in (True, False):
        found = rescans.work_of(wanted, as_of, names=names, versions=versions, text_model=text, has_raw=has_raw)
        assert found == (work_ if has_raw or work_ == "stored" else "gone")


def test_without_signals_that_reach_context_a_later_time_changes_nothing():
    wanted = Wanted("d", {"a": 1}, "t", frozenset({"a"}))
    assert rescans.work_of(wanted, "time", names=("a",), versions=(1,), text_model="t", has_raw=False) == "stored"
