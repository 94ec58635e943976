"""Where events go: destinations of a tenant, and one delivery an event and destination, retried here alone."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_outbox"
down_revision = "2026_11_24_keys_and_audit"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE outbox RENAME COLUMN delivered_at TO routed_at;
CREATE INDEX outbox_message ON outbox (message_id);
CREATE TABLE destinations (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES tenants,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('webhook', 'file')),
    target text NOT NULL,
    secret text,
    verdicts text[],
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    rests_until timestamptz
);
CREATE UNIQUE INDEX destinations_name ON destinations (tenant_id, name) WHERE removed_at IS NULL;
CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL,
    destination_id integer NOT NULL REFERENCES destinations,
    event_id bigint NOT NULL REFERENCES outbox ON DELETE CASCADE,
    message_id uuid,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts smallint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    status smallint,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    UNIQUE (event_id, destination_id)
) WITH (fillfactor = 70);
CREATE INDEX deliveries_due ON deliveries (destination_id, next_attempt_at) WHERE state = 'waiting';
CREATE INDEX deliveries_order ON deliveries (destination_id, message_id, event_id) WHERE state = 'waiting';
CREATE INDEX deliveries_tenant ON deliveries (tenant_id, id);
CREATE INDEX deliveries_message ON deliveries (message_id);
"""


def upgrade() -> None:
    op.execute(UP)
    for table in ("destinations", "deliveries"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_tenant ON {table} TO scorelane_api "
            "USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer)"
        )
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO scorelane_worker")
    # The secret that signs is written once by whoever makes a destination and read by the deliverer alone.
    op.execute(
        "GRANT SELECT (id, tenant_id, name, kind, target, verdicts, created_by, created_at, removed_at, failures, "
        "rests_until), INSERT, UPDATE (removed_at, failures, rests_until) ON destinations TO scorelane_api"
    )
    op.execute("GRANT SELECT, UPDATE ON deliveries TO scorelane_api")
    op.execute("REVOKE INSERT, UPDATE ON outbox FROM scorelane_api")
    op.execute("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO scorelane_worker, scorelane_api")


def downgrade() -> None:
    op.execute("GRANT INSERT, UPDATE ON outbox TO scorelane_api")
    op.execute("DROP TABLE deliveries, destinations")
    op.execute("DROP INDEX outbox_message")
    op.execute("ALTER TABLE outbox RENAME COLUMN routed_at TO delivered_at")
