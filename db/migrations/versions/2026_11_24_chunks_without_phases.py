"""A chunk has no phases: a backfill observes while it scores."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_chunks_without_phases"
down_revision = "2026_11_24_running_jobs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE chunks DROP COLUMN phase")


def downgrade() -> None:
    op.execute(
        "ALTER TABLE chunks ADD COLUMN phase text NOT NULL DEFAULT 'score' CHECK (phase IN ('observe', 'score'))"
    )
