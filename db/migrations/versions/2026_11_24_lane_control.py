"""Lanes that drain and shed in order, limits of a tenant, jobs that are paused and cancelled."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_lane_control"
down_revision = "2026_11_24_first_schema"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE lanes ADD COLUMN draining boolean NOT NULL DEFAULT false,
                  ADD COLUMN total_limit bigint NOT NULL DEFAULT 10000000 CHECK (total_limit > 0);
UPDATE lanes SET total_limit = CASE name WHEN 'rescan' THEN 4000000 WHEN 'backfill' THEN 5000000
                                         WHEN 'realtime' THEN 8000000 ELSE 10000000 END;
ALTER TABLE tenants ADD COLUMN in_flight_limit integer CHECK (in_flight_limit > 0),
                    ADD COLUMN backlog_limit bigint CHECK (backlog_limit > 0);
ALTER TABLE jobs ADD COLUMN cancelled integer NOT NULL DEFAULT 0;
CREATE INDEX jobs_halted ON jobs (id) WHERE state = 'paused' OR (state = 'cancelled' AND finished_at IS NULL);
CREATE INDEX chunks_held ON chunks (job_id) WHERE state = 'held';
CREATE INDEX chunks_unswept ON chunks (job_id) WHERE state = 'cancelled' AND finished_at IS NULL;
CREATE INDEX chunks_ended ON chunks (finished_at) WHERE state IN ('done', 'cancelled');
ALTER TABLE message_state DROP CONSTRAINT message_state_state_check,
    ADD CONSTRAINT message_state_state_check
        CHECK (state IN ('accepted', 'scored', 'observed', 'dead', 'cancelled'));
"""
# Names end in the month, so that they sort; a partition is dropped when its whole month is past.
DROP_PARTITIONS = """
CREATE FUNCTION drop_partitions(before date, raw_before date) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    dropped text[] := '{}';
    child record;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    FOR child IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
        WHERE p.relname IN ('messages', 'message_state', 'scores', 'vectors', 'sightings', 'raw_mail')
          AND c.relname ~ '_p[0-9]{6}$'
          AND right(c.relname, 6) < to_char(CASE p.relname WHEN 'raw_mail' THEN raw_before ELSE before END, 'YYYYMM')
        ORDER BY right(c.relname, 6), c.relname
    LOOP
        EXECUTE format('DROP TABLE %I', child.relname);
        dropped := dropped || child.relname::text;
    END LOOP;
    RETURN dropped;
END
$$;
REVOKE ALL ON FUNCTION drop_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_partitions TO scorelane_worker;
"""
DOWN = """
DROP FUNCTION drop_partitions;
ALTER TABLE message_state DROP CONSTRAINT message_state_state_check,
    ADD CONSTRAINT message_state_state_check CHECK (state IN ('accepted', 'scored', 'observed', 'dead'));
DROP INDEX chunks_ended, chunks_unswept, chunks_held, jobs_halted;
ALTER TABLE jobs DROP COLUMN cancelled;
ALTER TABLE tenants DROP COLUMN backlog_limit, DROP COLUMN in_flight_limit;
ALTER TABLE lanes DROP COLUMN total_limit, DROP COLUMN draining;
"""


def upgrade() -> None:
    op.execute(UP)
    op.execute(DROP_PARTITIONS)


def downgrade() -> None:
    op.execute(DOWN)
