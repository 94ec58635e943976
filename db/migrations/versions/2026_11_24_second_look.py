"""Carriers are looked for twice: a message that was being scored when its entity turned bad is found then."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_second_look"
down_revision = "2026_11_24_privacy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE turned_bad ADD COLUMN looked smallint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE turned_bad DROP COLUMN looked")
