"""People who log in to the console: users, their role in each tenant, sessions kept on the server."""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_console_users"
down_revision = "2026_11_24_extractions"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._@+-]{0,99}$'),
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    last_login_at timestamptz
);
CREATE TABLE user_roles (
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    tenant_id integer REFERENCES tenants,
    role text NOT NULL CHECK (role IN ('analyst', 'ops', 'admin')),
    UNIQUE NULLS NOT DISTINCT (user_id, tenant_id)
);
CREATE TABLE console_sessions (
    token_hash bytea PRIMARY KEY,
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    tenant_id integer REFERENCES tenants,
    csrf_token text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX console_sessions_user ON console_sessions (user_id);
CREATE INDEX message_state_header_id ON message_state (tenant_id, header_message_id);
"""

# Who logs in is known before any tenant is, so users and sessions stand outside row-level security; roles are held
# by it, for the user that the transaction is set to, and so are the tenants that this user may choose from.
RIGHTS = """
ALTER TABLE user_roles ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_roles ON user_roles FOR SELECT TO scorelane_api
    USING (user_id = nullif(current_setting('app.user', true), '')::integer);
CREATE POLICY my_tenants ON tenants FOR SELECT TO scorelane_api USING (EXISTS (
    SELECT FROM user_roles r WHERE r.user_id = nullif(current_setting('app.user', true), '')::integer
      AND (r.tenant_id IS NULL OR r.tenant_id = tenants.id)));
GRANT SELECT, INSERT, UPDATE, DELETE ON users, user_roles, console_sessions TO scorelane_worker;
GRANT SELECT ON users, user_roles TO scorelane_api;
GRANT UPDATE (password_hash, failures, locked_until, last_login_at) ON users TO scorelane_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON console_sessions TO scorelane_api;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(RIGHTS)


def downgrade() -> None:
    op.execute("DROP POLICY my_tenants ON tenants")
    op.execute("DROP TABLE console_sessions, user_roles, users")
    op.execute("DROP INDEX message_state_header_id")
