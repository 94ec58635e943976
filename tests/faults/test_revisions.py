"""Two jobs on one message at once: the newest basis is current, whichever arrives last."""

from __future__ import annotations

from uuid_utils.compat import uuid7

from db import bundles, intake


def test_two_jobs_on_the_same_messages_leave_the_newest_basis_current(rig, tenant):
    """One reads the old pointer and one the new, in two lanes with workers of their own, in both orders."""
    accepted = rig.accept(tenant, rig.mail(max(60, rig.scale.messages // 4)))
    rig.audit(tenant, accepted)
    lanes = ["realtime", "rescan", "rescan", "realtime"]
    with rig.sql() as sql:
        for lane in lanes:
            _revise(sql, tenant, lane)
            pointer = bundles.current(sql)
            bundles.flip(sql, live=pointer.live, shadow=None, author="test")
    rig.lifted("four revisions and four flips of the bundle pointer at once")
    rig.audit(tenant, accepted)
    revisions = rig.one(
        "SELECT array_agg(DISTINCT last_revision) FROM message_state s JOIN tenants t ON t.id = s.tenant_id "
        "WHERE t.name = %s",
        tenant,
    )
    assert revisions == [1 + len(lanes)]


def _revise(sql, tenant, lane):
    job = uuid7()
    (tenant_id,) = sql.execute("SELECT id FROM tenants WHERE name = %s", (tenant,)).fetchone()
    rows = sql.execute("SELECT message_id FROM message_state WHERE tenant_id = %s ORDER BY 1", (tenant_id,)).fetchall()
    ids = [message_id for (message_id,) in rows]
    with sql.transaction():
        sql.execute(
            "INSERT INTO jobs (id, tenant_id, kind, lane, actor) VALUES (%s, %s, 'revision', %s, 'test')",
            (job, tenant_id, lane),
        )
        chunks = [intake.NewChunk(ids[at : at + 20], publish=False) for at in range(0, len(ids), 20)]
        intake.add_chunks(sql, tenant_id=tenant_id, job_id=job, lane=lane, chunks=chunks)
