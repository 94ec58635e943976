"""A chunk keeps when a statement last ran out of time over it: twice while others were saved is its own doing."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_timeouts"
down_revision = "2026_11_24_chunks_without_phases"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE chunks ADD COLUMN timed_out_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE chunks DROP COLUMN timed_out_at")
