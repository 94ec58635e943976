"""Failed logins are counted by name and address together, so that a stranger cannot lock a user out."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_login_attempts"
down_revision = "2026_11_24_timeouts"
branch_labels = None
depends_on = None

# The hash stands for names that nobody has, too, which may be passwords typed into the wrong field.
TABLE = """
CREATE TABLE login_attempts (
    name_hash bytea NOT NULL,
    address text NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    failed_at timestamptz NOT NULL DEFAULT now(),
    locked_until timestamptz,
    succeeded_at timestamptz,
    PRIMARY KEY (name_hash, address)
);
CREATE INDEX login_attempts_failed ON login_attempts (failed_at);
ALTER TABLE users DROP COLUMN failures, DROP COLUMN locked_until;
GRANT SELECT, INSERT, UPDATE, DELETE ON login_attempts TO scorelane_worker, scorelane_api;
"""


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE login_attempts")
    op.execute("ALTER TABLE users ADD COLUMN failures integer NOT NULL DEFAULT 0, ADD COLUMN locked_until timestamptz")
    op.execute("GRANT UPDATE (failures, locked_until) ON users TO scorelane_api")
