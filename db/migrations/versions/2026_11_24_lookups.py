"""Facts with their time, lookups as a queue of their own, messages that await facts, and entities that turned bad."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_lookups"
down_revision = "2026_11_24_context_and_revisions"
branch_labels = None
depends_on = None

TABLES = """
DROP TABLE wanted_facts, facts;
CREATE TABLE facts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    kind text NOT NULL,
    entity text NOT NULL,
    status text NOT NULL CHECK (status IN ('ok', 'absent', 'timeout', 'not_found', 'breaker_open', 'failed')),
    value double precision,
    body jsonb,
    observed_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    usable_until timestamptz
);
CREATE INDEX facts_entity ON facts (entity, kind, provider, known_at DESC);
CREATE TABLE lookups (
    provider text NOT NULL,
    entity text NOT NULL,
    state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'published', 'asking', 'resting')),
    failures smallint NOT NULL DEFAULT 0,
    status text,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    batch_id bigint,
    published_at timestamptz,
    lease_until timestamptz,
    fresh_until timestamptz,
    PRIMARY KEY (provider, entity)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX lookups_due ON lookups (provider, next_attempt_at) WHERE state = 'due';
CREATE INDEX lookups_batch ON lookups (batch_id) WHERE state IN ('published', 'asking');
CREATE TABLE wanted_facts (
    provider text NOT NULL,
    entity text NOT NULL,
    message_id uuid NOT NULL,
    tenant_id integer NOT NULL,
    PRIMARY KEY (provider, entity, message_id)
);
CREATE INDEX wanted_facts_message ON wanted_facts (message_id);
CREATE TABLE awaiting (
    message_id uuid PRIMARY KEY,
    tenant_id integer NOT NULL,
    open integer NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    deadline timestamptz NOT NULL
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX awaiting_deadline ON awaiting (deadline) WHERE open > 0;
CREATE INDEX awaiting_ready ON awaiting (tenant_id, message_id) WHERE open <= 0;
CREATE TABLE feed_imports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    kind text NOT NULL,
    author text NOT NULL,
    entries integer NOT NULL,
    added integer NOT NULL,
    removed integer NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE turned_bad (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind smallint NOT NULL,
    entity bytea NOT NULL,
    source text NOT NULL,
    turned_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX turned_bad_source ON turned_bad (source);
CREATE TABLE lookup_counters (
    provider text NOT NULL,
    outcome text NOT NULL,
    shard smallint NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (provider, outcome, shard)
) WITH (fillfactor = 50);
"""

# All four columns are asked for by equality or range, so the entity may stand first: then who carries an entity is
# found across tenants by the same index that answers one tenant's history.
SIGHTINGS = """
DROP INDEX sightings_entity;
CREATE INDEX sightings_entity ON sightings (entity, kind, tenant_id, received_at);
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(SIGHTINGS)
    for table in ("wanted_facts", "awaiting"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_tenant ON {table} TO scorelane_api "
            "USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer)"
        )
    op.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON facts, lookups, wanted_facts, awaiting, feed_imports, turned_bad, "
        "lookup_counters TO scorelane_worker"
    )
    op.execute("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO scorelane_worker")
    op.execute("GRANT SELECT ON facts, feed_imports, wanted_facts, awaiting TO scorelane_api")


def downgrade() -> None:
    op.execute("DROP TABLE lookup_counters, turned_bad, feed_imports, awaiting, wanted_facts, lookups, facts")
    op.execute("""
CREATE TABLE facts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    kind text NOT NULL,
    entity text NOT NULL,
    status text NOT NULL,
    value double precision,
    body jsonb,
    observed_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX facts_entity ON facts (entity, kind, known_at DESC);
CREATE TABLE wanted_facts (
    provider text NOT NULL,
    entity text NOT NULL,
    tenant_id integer NOT NULL,
    message_id uuid NOT NULL,
    deadline timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, entity, message_id)
);
CREATE INDEX wanted_facts_due ON wanted_facts (next_attempt_at);
DROP INDEX sightings_entity;
CREATE INDEX sightings_entity ON sightings (tenant_id, kind, entity, received_at);
""")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON facts, wanted_facts TO scorelane_worker")
