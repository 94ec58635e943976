"""What attachments hold, kept per tenant, content and extractor version."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_extractions"
down_revision = "2026_11_24_lookups"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE extractions (
    tenant_id integer NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    kind text NOT NULL,
    version text NOT NULL,
    status text NOT NULL,
    body bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sha256, kind, version)
);
CREATE INDEX extractions_made_at ON extractions (made_at);
ALTER TABLE extractions ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON extractions TO scorelane_api
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer);
GRANT SELECT, INSERT, UPDATE, DELETE ON extractions TO scorelane_worker;
GRANT SELECT ON extractions TO scorelane_api;
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE extractions")
