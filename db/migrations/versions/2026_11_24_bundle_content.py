"""Bundles carry their content, so that every process loads the same one without a shared folder."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_bundle_content"
down_revision = "2026_11_24_rescanned_messages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the content; bundles that are known already are loaded from their folders as before."""
    op.execute("ALTER TABLE bundles ADD COLUMN content bytea")


def downgrade() -> None:
    """Drop the content."""
    op.execute("ALTER TABLE bundles DROP COLUMN content")
