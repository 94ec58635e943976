"""What a vector was computed from, shadow scores, rolled-up sightings, and revisions by basis.

Columns without a default are filled by the code that came with them; older rows read as "not known".
"""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_context_and_revisions"
down_revision = "2026_11_24_lane_control"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE signal_sets (
    hash text PRIMARY KEY,
    names text[] NOT NULL,
    versions integer[] NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE vectors ADD COLUMN text_model text;
ALTER TABLE scores ADD COLUMN rule text NOT NULL DEFAULT 'threshold';
ALTER TABLE message_state
    ADD COLUMN last_revision integer NOT NULL DEFAULT 0,
    ADD COLUMN sighted boolean NOT NULL DEFAULT false,
    ADD COLUMN rule text;
ALTER TABLE jobs ADD COLUMN spec jsonb NOT NULL DEFAULT '{}';
ALTER TABLE chunks ADD COLUMN phase text NOT NULL DEFAULT 'score' CHECK (phase IN ('observe', 'score'));
CREATE TABLE shadow_scores (
    message_id uuid NOT NULL,
    revision integer NOT NULL,
    tenant_id integer NOT NULL,
    bundle text NOT NULL,
    log_odds double precision NOT NULL,
    verdict text NOT NULL,
    category text,
    text_log_odds real,
    known_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, revision)
) PARTITION BY RANGE (message_id);
CREATE TABLE shadow_scores_default PARTITION OF shadow_scores DEFAULT;
CREATE TABLE sighting_days (
    tenant_id integer NOT NULL,
    kind smallint NOT NULL,
    entity bytea NOT NULL,
    day date NOT NULL,
    messages integer NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, kind, entity, day)
);
CREATE TABLE sighting_rolls (
    tenant_id integer PRIMARY KEY,
    before date NOT NULL
);
CREATE TABLE stale_days (
    tenant_id integer NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (tenant_id, day)
);
CREATE INDEX sightings_received ON sightings USING brin (received_at) WITH (pages_per_range = 32);
ALTER TABLE labels ADD COLUMN sender text;
CREATE INDEX labels_sender ON labels (tenant_id, sender);
CREATE FUNCTION label_sender() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.sender := (SELECT sender FROM message_state WHERE message_id = NEW.message_id AND tenant_id = NEW.tenant_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER labels_sender BEFORE INSERT ON labels FOR EACH ROW EXECUTE FUNCTION label_sender();
"""

ENSURE = """
CREATE OR REPLACE FUNCTION ensure_partitions(first_month date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    made integer := 0;
    start_at timestamptz;
    end_at timestamptz;
    parent text;
    child text;
BEGIN
    FOR step IN 0 .. months - 1 LOOP
        start_at := (first_month + make_interval(months => step))::timestamp AT TIME ZONE 'UTC';
        end_at := (first_month + make_interval(months => step + 1))::timestamp AT TIME ZONE 'UTC';
        FOREACH parent IN ARRAY ARRAY[{parents}] LOOP
            child := format('%s_p%s', parent, to_char(start_at AT TIME ZONE 'UTC', 'YYYYMM'));
            CONTINUE WHEN to_regclass(child) IS NOT NULL;
            made := made + 1;
            IF parent = 'raw_mail' THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                               (start_at AT TIME ZONE 'UTC')::date, (end_at AT TIME ZONE 'UTC')::date);
            ELSE
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                               uuid_floor(start_at), uuid_floor(end_at));
            END IF;
            IF parent = 'message_state' THEN
                EXECUTE format('ALTER TABLE %I SET (fillfactor = 70)', child);
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
"""
DROP = """
CREATE OR REPLACE FUNCTION drop_partitions(before date, raw_before date) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    dropped text[] := '{{}}';
    child record;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    FOR child IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
        WHERE p.relname IN ({parents})
          AND c.relname ~ '_p[0-9]{{6}}$'
          AND right(c.relname, 6) < to_char(CASE p.relname WHEN 'raw_mail' THEN raw_before ELSE before END, 'YYYYMM')
        ORDER BY right(c.relname, 6), c.relname
    LOOP
        EXECUTE format('DROP TABLE %I', child.relname);
        dropped := dropped || child.relname::text;
    END LOOP;
    RETURN dropped;
END
$$;
"""
BEFORE = "'messages', 'message_state', 'scores', 'vectors', 'sightings', 'raw_mail'"
AFTER = f"{BEFORE}, 'shadow_scores'"

DOWN = """
DROP TRIGGER labels_sender ON labels;
DROP FUNCTION label_sender;
ALTER TABLE labels DROP COLUMN sender;
DROP INDEX sightings_received;
DROP TABLE stale_days, sighting_rolls, sighting_days, shadow_scores, signal_sets;
ALTER TABLE chunks DROP COLUMN phase;
ALTER TABLE jobs DROP COLUMN spec;
ALTER TABLE message_state DROP COLUMN last_revision, DROP COLUMN sighted, DROP COLUMN rule;
ALTER TABLE scores DROP COLUMN rule;
ALTER TABLE vectors DROP COLUMN text_model;
"""

OF_TENANTS = ("shadow_scores", "sighting_days", "sighting_rolls", "stale_days")


def upgrade() -> None:
    op.execute(UP)
    op.execute(ENSURE.format(parents=AFTER))
    op.execute(DROP.format(parents=AFTER))
    op.execute("SELECT ensure_partitions(date_trunc('month', now() AT TIME ZONE 'UTC')::date, 4)")
    for table in OF_TENANTS:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_tenant ON {table} TO scorelane_api "
            "USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer)"
        )
    names = ", ".join((*OF_TENANTS, "signal_sets", "shadow_scores_default"))
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {names} TO scorelane_worker")
    op.execute("GRANT SELECT ON shadow_scores, signal_sets TO scorelane_api")


def downgrade() -> None:
    op.execute(DOWN)
    op.execute(ENSURE.format(parents=BEFORE))
    op.execute(DROP.format(parents=BEFORE))
