"""Rescans: what was asked, how far planning is, and one result a message."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_rescans"
down_revision = "2026_11_24_second_look"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE rescans (
    id uuid PRIMARY KEY REFERENCES jobs,
    tenant_id integer NOT NULL,
    bundle text NOT NULL,
    as_of text NOT NULL CHECK (as_of IN ('received', 'final', 'time')),
    as_of_time timestamptz,
    applies boolean NOT NULL DEFAULT false,
    wanted jsonb NOT NULL,
    preview jsonb NOT NULL DEFAULT '{}',
    ceiling uuid NOT NULL,
    planned_to uuid,
    planned boolean NOT NULL DEFAULT false
);
CREATE INDEX rescans_unplanned ON rescans (id) WHERE NOT planned;
CREATE INDEX rescans_tenant ON rescans (tenant_id, id);
CREATE TABLE rescan_results (
    rescan_id uuid NOT NULL,
    message_id uuid NOT NULL,
    tenant_id integer NOT NULL,
    mailbox_id integer NOT NULL,
    work text NOT NULL,
    before_revision integer NOT NULL,
    before_verdict text NOT NULL,
    before_log_odds double precision NOT NULL,
    before_category text,
    verdict text NOT NULL,
    log_odds double precision NOT NULL,
    category text,
    reasons jsonb,
    vector bytea,
    text_log_odds real,
    PRIMARY KEY (rescan_id, message_id)
);
CREATE INDEX rescan_flips ON rescan_results (rescan_id, message_id) WHERE verdict <> before_verdict;
"""


def upgrade() -> None:
    op.execute(UP)
    for table in ("rescans", "rescan_results"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_tenant ON {table} TO scorelane_api "
            "USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer)"
        )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON rescans, rescan_results TO scorelane_worker")
    op.execute("GRANT SELECT, INSERT, UPDATE ON rescans TO scorelane_api")
    op.execute("GRANT SELECT, UPDATE ON rescan_results TO scorelane_api")
    op.execute("GRANT SELECT ON signal_sets TO scorelane_api")


def downgrade() -> None:
    op.execute("DROP TABLE rescan_results, rescans")
