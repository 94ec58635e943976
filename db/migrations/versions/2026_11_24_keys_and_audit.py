"""Keys of the API and the record of who saw or changed what; the API's rights cut to what it needs.

Intake is written by the worker role with the tenant that the key fixes, so the API's own role writes no mail.
"""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_keys_and_audit"
down_revision = "2026_11_24_console_users"
branch_labels = None
depends_on = None

READ_ONLY = ("receipts", "raw_mail", "messages", "scores", "vectors", "sightings", "wanted_facts")

TABLES = """
CREATE TABLE api_keys (
    id text PRIMARY KEY CHECK (id ~ '^[a-z2-7]{12}$'),
    tenant_id integer NOT NULL REFERENCES tenants,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('ingest', 'analyst', 'ops', 'admin')),
    secret_sha256 bytea NOT NULL,
    previous_sha256 bytea,
    previous_until timestamptz,
    rate_per_s integer NOT NULL CHECK (rate_per_s > 0),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_keys_tenant ON api_keys (tenant_id, created_at);
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    object text,
    detail jsonb
);
CREATE INDEX audit_log_tenant ON audit_log (tenant_id, id);
"""

# A key is looked up before its tenant is known, so row-level security cannot be asked yet: this function is all that
# the API's role can do then, and it answers for one id only.
FIND_KEY = """
CREATE FUNCTION find_api_key(key_id text) RETURNS TABLE (
    id text, tenant_id integer, tenant text, name text, role text, secret_sha256 bytea, previous_sha256 bytea,
    previous_until timestamptz, rate_per_s integer, expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE api_keys k SET last_used_at = now()
    WHERE k.id = key_id AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute');
    SELECT k.id, k.tenant_id, t.name, k.name, k.role, k.secret_sha256, k.previous_sha256, k.previous_until,
           k.rate_per_s, k.expires_at, k.revoked_at
    FROM api_keys k JOIN tenants t ON t.id = k.tenant_id WHERE k.id = key_id
$$;
REVOKE ALL ON FUNCTION find_api_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key TO scorelane_api, scorelane_worker;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FIND_KEY)
    for table in ("api_keys", "audit_log"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_tenant ON {table} TO scorelane_api "
            "USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer)"
        )
    # A chunk and its body are made in one statement, which does not see the chunk yet; every chunk has its body from
    # that moment on, so none is left that another tenant could give one.
    op.execute("ALTER TABLE chunk_bodies ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_tenant ON chunk_bodies TO scorelane_api "
        "USING (EXISTS (SELECT FROM chunks c WHERE c.id = chunk_id)) WITH CHECK (true)"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON api_keys, audit_log TO scorelane_worker")
    op.execute("GRANT SELECT, INSERT, UPDATE ON api_keys TO scorelane_api")
    op.execute("GRANT SELECT, INSERT ON audit_log TO scorelane_api")
    op.execute("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO scorelane_worker, scorelane_api")
    op.execute(f"REVOKE INSERT, UPDATE ON {', '.join(READ_ONLY)}, counters FROM scorelane_api")


def downgrade() -> None:
    op.execute(f"GRANT INSERT, UPDATE ON {', '.join(READ_ONLY)}, counters TO scorelane_api")
    op.execute("DROP POLICY own_tenant ON chunk_bodies")
    op.execute("ALTER TABLE chunk_bodies DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION find_api_key")
    op.execute("DROP TABLE audit_log, api_keys")
