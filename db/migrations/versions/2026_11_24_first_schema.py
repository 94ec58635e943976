"""First schema: queue of record, messages and scores in time partitions, tenants kept apart.

Runs as the owner. The roles scorelane_worker and scorelane_api exist already (deploy/roles.sql).
"""

from __future__ import annotations

from alembic import op

revision = "2026_11_24_first_schema"
down_revision = None
branch_labels = None
depends_on = None

PARTITIONED_BY_MESSAGE = ("messages", "message_state", "scores", "vectors", "sightings")
TENANT_TABLES = (
    "mailboxes", "directories", "policies", "jobs", "chunks", "receipts", "raw_mail", *PARTITIONED_BY_MESSAGE,
    "explanations", "dead_letters", "labels", "outbox", "wanted_facts",
)  # fmt: skip

TABLES = """
CREATE TABLE tenants (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    raw_days integer NOT NULL DEFAULT 30 CHECK (raw_days > 0),
    score_days integer NOT NULL DEFAULT 400 CHECK (score_days > 0)
);
CREATE TABLE mailboxes (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES tenants,
    address text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, address)
);
CREATE TABLE directories (
    tenant_id integer NOT NULL REFERENCES tenants,
    version integer NOT NULL,
    valid_from timestamptz NOT NULL DEFAULT now(),
    author text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (tenant_id, version)
);
CREATE TABLE policies (
    tenant_id integer NOT NULL REFERENCES tenants,
    version integer NOT NULL,
    valid_from timestamptz NOT NULL DEFAULT now(),
    author text NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (tenant_id, version)
);
CREATE TABLE lanes (
    name text PRIMARY KEY,
    urgency smallint NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    window_messages integer NOT NULL CHECK (window_messages > 0),
    backlog_limit bigint NOT NULL CHECK (backlog_limit > 0),
    lease_s integer NOT NULL DEFAULT 90 CHECK (lease_s > 0)
);
INSERT INTO lanes (name, urgency, window_messages, backlog_limit) VALUES
    ('interactive', 0, 256, 10000), ('realtime', 1, 2048, 1000000), ('rescan', 2, 4096, 5000000),
    ('backfill', 3, 4096, 5000000), ('enrich', 4, 2048, 5000000);
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES tenants,
    kind text NOT NULL CHECK (kind IN ('intake', 'rescan', 'backfill', 'revision')),
    lane text NOT NULL REFERENCES lanes,
    actor text NOT NULL,
    idempotency_key text,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'paused', 'cancelled', 'done')),
    messages integer NOT NULL DEFAULT 0,
    scored integer NOT NULL DEFAULT 0,
    dead integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (tenant_id, idempotency_key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE SEQUENCE dispatch_ids;
CREATE TABLE chunks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES tenants,
    job_id uuid NOT NULL REFERENCES jobs,
    lane text NOT NULL REFERENCES lanes,
    state text NOT NULL CHECK (state IN ('ready', 'published', 'claimed', 'done', 'cancelled', 'held')),
    messages integer NOT NULL CHECK (messages > 0),
    attempt smallint NOT NULL DEFAULT 0,
    alone boolean NOT NULL DEFAULT false,
    marked uuid,
    error text,
    dispatch_id bigint,
    worker text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    claimed_at timestamptz,
    lease_until timestamptz,
    finished_at timestamptz
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX chunks_ready ON chunks (lane, tenant_id, id) WHERE state = 'ready';
CREATE INDEX chunks_published ON chunks (lane, published_at) WHERE state = 'published';
CREATE INDEX chunks_claimed ON chunks (lease_until) WHERE state = 'claimed';
CREATE INDEX chunks_finished ON chunks (lane, finished_at) WHERE state = 'done';
CREATE INDEX chunks_job ON chunks (job_id);
CREATE TABLE chunk_bodies (
    chunk_id bigint PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,
    message_ids uuid[] NOT NULL
);
CREATE TABLE dispatcher_lease (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    holder text NOT NULL,
    epoch bigint NOT NULL,
    lease_until timestamptz NOT NULL
);
CREATE TABLE counters (
    name text NOT NULL,
    lane text NOT NULL,
    shard smallint NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (name, lane, shard)
) WITH (fillfactor = 50);
CREATE TABLE receipts (
    tenant_id integer NOT NULL,
    mailbox_id integer NOT NULL,
    sha256 bytea NOT NULL,
    message_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, mailbox_id, sha256)
) PARTITION BY HASH (tenant_id);
CREATE TABLE raw_mail (
    tenant_id integer NOT NULL,
    month date NOT NULL,
    sha256 bytea NOT NULL,
    size_bytes integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant_id, month, sha256)
) PARTITION BY RANGE (month);
CREATE TABLE messages (
    id uuid NOT NULL,
    tenant_id integer NOT NULL,
    mailbox_id integer NOT NULL,
    job_id uuid NOT NULL,
    sha256 bytea NOT NULL,
    month date NOT NULL,
    size_bytes integer NOT NULL,
    received_at timestamptz NOT NULL,
    direction text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    envelope bytea,
    source text,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX messages_tenant ON messages (tenant_id, id);
CREATE TABLE message_state (
    message_id uuid NOT NULL,
    tenant_id integer NOT NULL,
    mailbox_id integer NOT NULL,
    state text NOT NULL DEFAULT 'accepted' CHECK (state IN ('accepted', 'scored', 'observed', 'dead')),
    revision integer NOT NULL DEFAULT 0,
    log_odds double precision,
    verdict text CHECK (verdict IN ('attack', 'suspicious', 'spam', 'clean')),
    category text,
    basis_pointer integer,
    basis_time timestamptz,
    scored_at timestamptz,
    sender text,
    sender_domain text,
    subject text,
    header_message_id text,
    PRIMARY KEY (message_id)
) PARTITION BY RANGE (message_id);
CREATE INDEX message_state_tenant ON message_state (tenant_id, message_id);
CREATE INDEX message_state_flagged ON message_state (tenant_id, verdict, message_id) WHERE verdict <> 'clean';
CREATE TABLE scores (
    message_id uuid NOT NULL,
    revision integer NOT NULL,
    tenant_id integer NOT NULL,
    job_id uuid NOT NULL,
    cause text NOT NULL,
    provisional boolean NOT NULL DEFAULT false,
    log_odds double precision NOT NULL,
    score double precision NOT NULL,
    verdict text NOT NULL,
    category text,
    bundle text NOT NULL,
    signal_set text NOT NULL,
    policy_version integer NOT NULL DEFAULT 0,
    basis_pointer integer NOT NULL,
    basis_time timestamptz NOT NULL,
    known_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, revision)
) PARTITION BY RANGE (message_id);
CREATE TABLE vectors (
    message_id uuid NOT NULL,
    revision integer NOT NULL,
    tenant_id integer NOT NULL,
    signal_set text NOT NULL,
    text_log_odds real,
    vector bytea NOT NULL,
    statuses bytea NOT NULL,
    context bytea NOT NULL,
    PRIMARY KEY (message_id, revision)
) PARTITION BY RANGE (message_id);
CREATE TABLE sightings (
    message_id uuid NOT NULL,
    kind smallint NOT NULL,
    entity bytea NOT NULL,
    tenant_id integer NOT NULL,
    mailbox_id integer NOT NULL,
    received_at timestamptz NOT NULL,
    outbound boolean NOT NULL DEFAULT false,
    PRIMARY KEY (message_id, kind, entity)
) PARTITION BY RANGE (message_id);
CREATE INDEX sightings_entity ON sightings (tenant_id, kind, entity, received_at);
CREATE TABLE explanations (
    message_id uuid NOT NULL,
    revision integer NOT NULL,
    tenant_id integer NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (message_id, revision)
);
CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL,
    message_id uuid NOT NULL,
    job_id uuid NOT NULL,
    lane text NOT NULL,
    attempts smallint NOT NULL,
    error text NOT NULL,
    died_at timestamptz NOT NULL DEFAULT now(),
    resolution text CHECK (resolution IN ('replayed', 'discarded')),
    resolved_by text,
    resolved_at timestamptz
);
CREATE INDEX dead_letters_open ON dead_letters (tenant_id, id) WHERE resolution IS NULL;
CREATE TABLE labels (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL,
    message_id uuid NOT NULL,
    label text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('analyst', 'user_report', 'import')),
    weight real NOT NULL DEFAULT 1,
    author text NOT NULL,
    retracts bigint REFERENCES labels,
    labelled_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX labels_message ON labels (tenant_id, message_id);
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id integer NOT NULL,
    message_id uuid,
    kind text NOT NULL,
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE delivered_at IS NULL;
CREATE TABLE facts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    kind text NOT NULL,
    entity text NOT NULL,
    status text NOT NULL,
    value double precision,
    body jsonb,
    observed_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX facts_entity ON facts (entity, kind, known_at DESC);
CREATE TABLE wanted_facts (
    provider text NOT NULL,
    entity text NOT NULL,
    tenant_id integer NOT NULL,
    message_id uuid NOT NULL,
    deadline timestamptz NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, entity, message_id)
);
CREATE INDEX wanted_facts_due ON wanted_facts (next_attempt_at);
CREATE TABLE bundles (
    digest text PRIMARY KEY,
    name text NOT NULL,
    path text NOT NULL,
    signal_set text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE bundle_pointer (
    version integer PRIMARY KEY,
    live text NOT NULL REFERENCES bundles,
    shadow text REFERENCES bundles,
    author text NOT NULL,
    flipped_at timestamptz NOT NULL DEFAULT now()
);
"""

# A UUIDv7 begins with 48 bits of Unix milliseconds (RFC 9562 section 5.7), so a month is a range of ids.
PARTITIONS = """
CREATE FUNCTION uuid_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
CREATE FUNCTION ensure_partitions(first_month date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    made integer := 0;
    start_at timestamptz;
    end_at timestamptz;
    parent text;
    child text;
BEGIN
    FOR step IN 0 .. months - 1 LOOP
        start_at := (first_month + make_interval(months => step))::timestamp AT TIME ZONE 'UTC';
        end_at := (first_month + make_interval(months => step + 1))::timestamp AT TIME ZONE 'UTC';
        FOREACH parent IN ARRAY ARRAY['messages', 'message_state', 'scores', 'vectors', 'sightings', 'raw_mail'] LOOP
            child := format('%s_p%s', parent, to_char(start_at AT TIME ZONE 'UTC', 'YYYYMM'));
            CONTINUE WHEN to_regclass(child) IS NOT NULL;
            made := made + 1;
            IF parent = 'raw_mail' THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                               (start_at AT TIME ZONE 'UTC')::date, (end_at AT TIME ZONE 'UTC')::date);
            ELSE
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', child, parent,
                               uuid_floor(start_at), uuid_floor(end_at));
            END IF;
            IF parent = 'message_state' THEN
                EXECUTE format('ALTER TABLE %I SET (fillfactor = 70)', child);
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
SELECT ensure_partitions(date_trunc('month', now() AT TIME ZONE 'UTC')::date, 4);
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in (*PARTITIONED_BY_MESSAGE, "raw_mail"):
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    for shard in range(8):
        op.execute(
            f"CREATE TABLE receipts_h{shard} PARTITION OF receipts FOR VALUES WITH (MODULUS 8, REMAINDER {shard})"
        )
    op.execute(PARTITIONS)
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_tenant ON {table} TO scorelane_api "
            "USING (tenant_id = nullif(current_setting('app.tenant', true), '')::integer)"
        )
    op.execute("ALTER TABLE tenants ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_tenant ON tenants TO scorelane_api "
        "USING (id = nullif(current_setting('app.tenant', true), '')::integer)"
    )
    op.execute("GRANT USAGE ON SCHEMA public TO scorelane_worker, scorelane_api")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO scorelane_worker")
    op.execute("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO scorelane_worker, scorelane_api")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {', '.join(TENANT_TABLES)} TO scorelane_api")
    op.execute("GRANT SELECT ON tenants, lanes, bundles, bundle_pointer TO scorelane_api")
    op.execute("GRANT SELECT, INSERT ON chunk_bodies TO scorelane_api")
    op.execute("GRANT SELECT, INSERT, UPDATE ON counters TO scorelane_api")
    op.execute("REVOKE ALL ON FUNCTION ensure_partitions FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION ensure_partitions TO scorelane_worker")


def downgrade() -> None:
    op.execute(
        "DROP TABLE bundle_pointer, bundles, wanted_facts, facts, outbox, labels, dead_letters, explanations, "
        "sightings, vectors, scores, message_state, messages, raw_mail, receipts, counters, dispatcher_lease, "
        "chunk_bodies, chunks, jobs, lanes, policies, directories, mailboxes, tenants"
    )
    op.execute("DROP SEQUENCE dispatch_ids")
    op.execute("DROP FUNCTION ensure_partitions, uuid_floor")
