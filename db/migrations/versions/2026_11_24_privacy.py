"""What a tenant keeps and for how long, what was erased and the proof of it."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_privacy"
down_revision = "2026_11_24_outbox"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE tenants ADD COLUMN vector_days integer NOT NULL DEFAULT 400 CHECK (vector_days > 0);
CREATE TABLE retained (
    tenant_id integer NOT NULL REFERENCES tenants,
    kind text NOT NULL CHECK (kind IN ('raw', 'vector', 'score')),
    through uuid NOT NULL,
    PRIMARY KEY (tenant_id, kind)
);
CREATE TABLE erasures (
    id uuid PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES tenants,
    mailbox_id integer NOT NULL,
    address_sha256 bytea NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    counts jsonb NOT NULL DEFAULT '{}',
    messages_sha256 bytea NOT NULL DEFAULT '',
    finished_at timestamptz,
    previous bytea,
    digest bytea
);
CREATE UNIQUE INDEX erasures_open ON erasures (tenant_id, mailbox_id) WHERE finished_at IS NULL;
CREATE INDEX erasures_tenant ON erasures (tenant_id, finished_at);
"""


def upgrade() -> None:
    op.execute(UP)
    for table in ("retained", "erasures"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_tenant ON {table} TO scorelane_api "
            "USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer)"
        )
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO scorelane_worker")
    op.execute("GRANT SELECT ON retained, erasures TO scorelane_api")
    op.execute("GRANT INSERT (id, tenant_id, mailbox_id, address_sha256, requested_by) ON erasures TO scorelane_api")
    op.execute("GRANT UPDATE (raw_days, vector_days, score_days) ON tenants TO scorelane_api")


def downgrade() -> None:
    op.execute("REVOKE UPDATE (raw_days, vector_days, score_days) ON tenants FROM scorelane_api")
    op.execute("DROP TABLE erasures, retained")
    op.execute("ALTER TABLE tenants DROP COLUMN vector_days")
