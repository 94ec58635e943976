"""Results of rescans by message: retention and erasure look for them there."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_rescanned_messages"
down_revision = "2026_11_24_rescans"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX rescan_results_message ON rescan_results (message_id)")


def downgrade() -> None:
    op.execute("DROP INDEX rescan_results_message")
