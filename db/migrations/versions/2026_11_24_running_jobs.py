"""Rescans, revisions and backfills that run are found by an index: some end short of messages that were erased."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_running_jobs"
down_revision = "2026_11_24_bundle_content"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX jobs_running ON jobs (id) WHERE state = 'open' AND kind IN ('rescan', 'revision', 'backfill')"
    )


def downgrade() -> None:
    op.execute("DROP INDEX jobs_running")
