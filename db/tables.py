"""The tables as SQLAlchemy metadata, equal to what the migrations make (a test compares the two).

Queries that are composed of optional filters are built on these; hot paths are plain SQL in the nouns' modules.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL

metadata = MetaData()


def required(name: str, type_: Any, *args: Any, default: str | None = None) -> Column[Any]:
    """A NOT NULL column, with a server default where one is named."""
    return Column(name, type_, *args, nullable=False, server_default=None if default is None else text(default))


def optional(name: str, type_: Any, *args: Any) -> Column[Any]:
    """A column that may be NULL."""
    return Column(name, type_, *args, nullable=True)


def identity(type_: Any = Integer) -> Column[Any]:
    """A generated primary key."""
    return Column("id", type_, Identity(always=True), primary_key=True)


def tenant(*, references: bool = True) -> Column[Any]:
    """The protected organisation that a row belongs to; row-level security reads it."""
    return required("tenant_id", Integer, *([ForeignKey("tenants.id")] if references else []))


TIME = DateTime(timezone=True)

tenants = Table(
    "tenants",
    metadata,
    identity(),
    required("name", Text),
    required("created_at", TIME, default="now()"),
    required("raw_days", Integer, default="30"),
    required("score_days", Integer, default="400"),
    required("vector_days", Integer, default="400"),
    optional("in_flight_limit", Integer),
    optional("backlog_limit", BigInteger),
    UniqueConstraint("name"),
    CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'"),
)
mailboxes = Table(
    "mailboxes",
    metadata,
    identity(),
    tenant(),
    required("address", Text),
    required("created_at", TIME, default="now()"),
    UniqueConstraint("tenant_id", "address"),
)
directories = Table(
    "directories",
    metadata,
    tenant(),
    required("version", Integer),
    required("valid_from", TIME, default="now()"),
    required("author", Text),
    required("body", LargeBinary),
    PrimaryKeyConstraint("tenant_id", "version"),
)
policies = Table(
    "policies",
    metadata,
    tenant(),
    required("version", Integer),
    required("valid_from", TIME, default="now()"),
    required("author", Text),
    required("body", JSONB),
    PrimaryKeyConstraint("tenant_id", "version"),
)
lanes = Table(
    "lanes",
    metadata,
    Column("name", Text, primary_key=True),
    required("urgency", SmallInteger),
    required("paused", Boolean, default="false"),
    required("window_messages", Integer),
    required("backlog_limit", BigInteger),
    required("lease_s", Integer, default="90"),
    required("draining", Boolean, default="false"),
    required("total_limit", BigInteger, default="10000000"),
)
jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    tenant(),
    required("kind", Text),
    required("lane", Text, ForeignKey("lanes.name")),
    required("actor", Text),
    optional("idempotency_key", Text),
    required("state", Text, default="'open'"),
    required("messages", Integer, default="0"),
    required("scored", Integer, default="0"),
    required("dead", Integer, default="0"),
    required("created_at", TIME, default="now()"),
    optional("finished_at", TIME),
    required("cancelled", Integer, default="0"),
    required("spec", JSONB, default="'{}'"),
    UniqueConstraint("tenant_id", "idempotency_key"),
    Index(
        "jobs_halted",
        "id",
        postgresql_where=text("state = 'paused' OR (state = 'cancelled' AND finished_at IS NULL)"),
    ),
)
chunks = Table(
    "chunks",
    metadata,
    identity(BigInteger),
    tenant(),
    required("job_id", Uuid, ForeignKey("jobs.id")),
    required("lane", Text, ForeignKey("lanes.name")),
    required("state", Text),
    required("messages", Integer),
    required("attempt", SmallInteger, default="0"),
    required("alone", Boolean, default="false"),
    optional("marked", Uuid),
    optional("error", Text),
    optional("dispatch_id", BigInteger),
    optional("worker", Text),
    required("created_at", TIME, default="clock_timestamp()"),
    required("next_attempt_at", TIME, default="clock_timestamp()"),
    optional("published_at", TIME),
    optional("claimed_at", TIME),
    optional("lease_until", TIME),
    optional("finished_at", TIME),
    required("phase", Text, default="'score'"),
    Index("chunks_ready", "lane", "tenant_id", "id", postgresql_where=text("state = 'ready'")),
    Index("chunks_published", "lane", "published_at", postgresql_where=text("state = 'published'")),
    Index("chunks_claimed", "lease_until", postgresql_where=text("state = 'claimed'")),
    Index("chunks_finished", "lane", "finished_at", postgresql_where=text("state = 'done'")),
    Index("chunks_job", "job_id"),
    Index("chunks_held", "job_id", postgresql_where=text("state = 'held'")),
    Index("chunks_unswept", "job_id", postgresql_where=text("state = 'cancelled' AND finished_at IS NULL")),
    Index("chunks_ended", "finished_at", postgresql_where=text("state IN ('done', 'cancelled')")),
)
chunk_bodies = Table(
    "chunk_bodies",
    metadata,
    Column("chunk_id", BigInteger, ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True),
    required("message_ids", ARRAY(Uuid)),
)
dispatcher_lease = Table(
    "dispatcher_lease",
    metadata,
    Column("singleton", Boolean, primary_key=True, server_default=text("true")),
    required("holder", Text),
    required("epoch", BigInteger),
    required("lease_until", TIME),
)
counters = Table(
    "counters",
    metadata,
    required("name", Text),
    required("lane", Text),
    required("shard", SmallInteger),
    required("value", BigInteger),
    PrimaryKeyConstraint("name", "lane", "shard"),
)
receipts = Table(
    "receipts",
    metadata,
    tenant(references=False),
    required("mailbox_id", Integer),
    required("sha256", LargeBinary),
    required("message_id", Uuid),
    PrimaryKeyConstraint("tenant_id", "mailbox_id", "sha256"),
)
raw_mail = Table(
    "raw_mail",
    metadata,
    tenant(references=False),
    required("month", Date),
    required("sha256", LargeBinary),
    required("size_bytes", Integer),
    required("content", LargeBinary),
    PrimaryKeyConstraint("tenant_id", "month", "sha256"),
)
messages = Table(
    "messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    tenant(references=False),
    required("mailbox_id", Integer),
    required("job_id", Uuid),
    required("sha256", LargeBinary),
    required("month", Date),
    required("size_bytes", Integer),
    required("received_at", TIME),
    required("direction", Text),
    optional("envelope", LargeBinary),
    optional("source", Text),
    Index("messages_tenant", "tenant_id", "id"),
)
message_state = Table(
    "message_state",
    metadata,
    Column("message_id", Uuid, primary_key=True),
    tenant(references=False),
    required("mailbox_id", Integer),
    required("state", Text, default="'accepted'"),
    required("revision", Integer, default="0"),
    optional("log_odds", Double),
    optional("verdict", Text),
    optional("category", Text),
    optional("basis_pointer", Integer),
    optional("basis_time", TIME),
    optional("scored_at", TIME),
    optional("sender", Text),
    optional("sender_domain", Text),
    optional("subject", Text),
    optional("header_message_id", Text),
    required("last_revision", Integer, default="0"),
    required("sighted", Boolean, default="false"),
    optional("rule", Text),
    Index("message_state_tenant", "tenant_id", "message_id"),
    Index("message_state_flagged", "tenant_id", "verdict", "message_id", postgresql_where=text("verdict <> 'clean'")),
    Index("message_state_header_id", "tenant_id", "header_message_id"),
)
scores = Table(
    "scores",
    metadata,
    required("message_id", Uuid),
    required("revision", Integer),
    tenant(references=False),
    required("job_id", Uuid),
    required("cause", Text),
    required("provisional", Boolean, default="false"),
    required("log_odds", Double),
    required("score", Double),
    required("verdict", Text),
    optional("category", Text),
    required("bundle", Text),
    required("signal_set", Text),
    required("policy_version", Integer, default="0"),
    required("basis_pointer", Integer),
    required("basis_time", TIME),
    required("known_at", TIME, default="now()"),
    required("rule", Text, default="'threshold'"),
    PrimaryKeyConstraint("message_id", "revision"),
)
shadow_scores = Table(
    "shadow_scores",
    metadata,
    required("message_id", Uuid),
    required("revision", Integer),
    tenant(references=False),
    required("bundle", Text),
    required("log_odds", Double),
    required("verdict", Text),
    optional("category", Text),
    optional("text_log_odds", REAL),
    required("known_at", TIME, default="now()"),
    PrimaryKeyConstraint("message_id", "revision"),
)
signal_sets = Table(
    "signal_sets",
    metadata,
    Column("hash", Text, primary_key=True),
    required("names", ARRAY(Text)),
    required("versions", ARRAY(Integer)),
    required("registered_at", TIME, default="now()"),
)
vectors = Table(
    "vectors",
    metadata,
    required("message_id", Uuid),
    required("revision", Integer),
    tenant(references=False),
    required("signal_set", Text),
    optional("text_log_odds", REAL),
    required("vector", LargeBinary),
    required("statuses", LargeBinary),
    required("context", LargeBinary),
    optional("text_model", Text),
    PrimaryKeyConstraint("message_id", "revision"),
)
sightings = Table(
    "sightings",
    metadata,
    required("message_id", Uuid),
    required("kind", SmallInteger),
    required("entity", LargeBinary),
    tenant(references=False),
    required("mailbox_id", Integer),
    required("received_at", TIME),
    required("outbound", Boolean, default="false"),
    PrimaryKeyConstraint("message_id", "kind", "entity"),
    Index("sightings_entity", "entity", "kind", "tenant_id", "received_at"),
    Index("sightings_received", "received_at", postgresql_using="brin", postgresql_with={"pages_per_range": 32}),
)
sighting_days = Table(
    "sighting_days",
    metadata,
    tenant(references=False),
    required("kind", SmallInteger),
    required("entity", LargeBinary),
    required("day", Date),
    required("messages", Integer),
    required("first_at", TIME),
    required("last_at", TIME),
    PrimaryKeyConstraint("tenant_id", "kind", "entity", "day"),
)
sighting_rolls = Table(
    "sighting_rolls",
    metadata,
    Column("tenant_id", Integer, primary_key=True, autoincrement=False),
    required("before", Date),
)
stale_days = Table(
    "stale_days",
    metadata,
    tenant(references=False),
    required("day", Date),
    PrimaryKeyConstraint("tenant_id", "day"),
)
extractions = Table(
    "extractions",
    metadata,
    tenant(references=False),
    required("sha256", LargeBinary),
    required("kind", Text),
    required("version", Text),
    required("status", Text),
    required("body", LargeBinary),
    required("made_at", TIME, default="now()"),
    PrimaryKeyConstraint("tenant_id", "sha256", "kind", "version"),
    Index("extractions_made_at", "made_at"),
)
explanations = Table(
    "explanations",
    metadata,
    required("message_id", Uuid),
    required("revision", Integer),
    tenant(references=False),
    required("body", LargeBinary),
    PrimaryKeyConstraint("message_id", "revision"),
)
dead_letters = Table(
    "dead_letters",
    metadata,
    identity(BigInteger),
    tenant(references=False),
    required("message_id", Uuid),
    required("job_id", Uuid),
    required("lane", Text),
    required("attempts", SmallInteger),
    required("error", Text),
    required("died_at", TIME, default="now()"),
    optional("resolution", Text),
    optional("resolved_by", Text),
    optional("resolved_at", TIME),
    Index("dead_letters_open", "tenant_id", "id", postgresql_where=text("resolution IS NULL")),
)
labels = Table(
    "labels",
    metadata,
    identity(BigInteger),
    tenant(references=False),
    required("message_id", Uuid),
    required("label", Text),
    required("origin", Text),
    required("weight", REAL, default="1"),
    required("author", Text),
    optional("retracts", BigInteger, ForeignKey("labels.id")),
    required("labelled_at", TIME, default="now()"),
    optional("sender", Text),
    Index("labels_message", "tenant_id", "message_id"),
    Index("labels_sender", "tenant_id", "sender"),
)
outbox = Table(
    "outbox",
    metadata,
    identity(BigInteger),
    tenant(references=False),
    optional("message_id", Uuid),
    required("kind", Text),
    required("body", JSONB),
    required("created_at", TIME, default="now()"),
    optional("routed_at", TIME),
    Index("outbox_waiting", "id", postgresql_where=text("routed_at IS NULL")),
    Index("outbox_message", "message_id"),
)
facts = Table(
    "facts",
    metadata,
    identity(BigInteger),
    required("provider", Text),
    required("kind", Text),
    required("entity", Text),
    required("status", Text),
    optional("value", Double),
    optional("body", JSONB),
    required("observed_at", TIME),
    required("known_at", TIME, default="clock_timestamp()"),
    optional("usable_until", TIME),
    Index("facts_entity", "entity", "kind", "provider", text("known_at DESC")),
)
lookups = Table(
    "lookups",
    metadata,
    required("provider", Text),
    required("entity", Text),
    required("state", Text, default="'due'"),
    required("failures", SmallInteger, default="0"),
    optional("status", Text),
    required("next_attempt_at", TIME, default="clock_timestamp()"),
    optional("batch_id", BigInteger),
    optional("published_at", TIME),
    optional("lease_until", TIME),
    optional("fresh_until", TIME),
    PrimaryKeyConstraint("provider", "entity"),
    Index("lookups_due", "provider", "next_attempt_at", postgresql_where=text("state = 'due'")),
    Index("lookups_batch", "batch_id", postgresql_where=text("state IN ('published', 'asking')")),
)
wanted_facts = Table(
    "wanted_facts",
    metadata,
    required("provider", Text),
    required("entity", Text),
    required("message_id", Uuid),
    tenant(references=False),
    PrimaryKeyConstraint("provider", "entity", "message_id"),
    Index("wanted_facts_message", "message_id"),
)
awaiting = Table(
    "awaiting",
    metadata,
    Column("message_id", Uuid, primary_key=True),
    tenant(references=False),
    required("open", Integer),
    required("since", TIME, default="clock_timestamp()"),
    required("deadline", TIME),
    Index("awaiting_deadline", "deadline", postgresql_where=text("open > 0")),
    Index("awaiting_ready", "tenant_id", "message_id", postgresql_where=text("open <= 0")),
)
feed_imports = Table(
    "feed_imports",
    metadata,
    identity(BigInteger),
    required("feed", Text),
    required("kind", Text),
    required("author", Text),
    required("entries", Integer),
    required("added", Integer),
    required("removed", Integer),
    required("imported_at", TIME, default="clock_timestamp()"),
)
turned_bad = Table(
    "turned_bad",
    metadata,
    identity(BigInteger),
    required("kind", SmallInteger),
    required("entity", LargeBinary),
    required("source", Text),
    required("turned_at", TIME, default="clock_timestamp()"),
    required("looked", SmallInteger, default="0"),
    Index("turned_bad_source", "source"),
)
lookup_counters = Table(
    "lookup_counters",
    metadata,
    required("provider", Text),
    required("outcome", Text),
    required("shard", SmallInteger),
    required("value", BigInteger),
    PrimaryKeyConstraint("provider", "outcome", "shard"),
)
bundles = Table(
    "bundles",
    metadata,
    Column("digest", Text, primary_key=True),
    required("name", Text),
    required("path", Text),
    required("signal_set", Text),
    required("registered_at", TIME, default="now()"),
)
bundle_pointer = Table(
    "bundle_pointer",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    required("live", Text, ForeignKey("bundles.digest")),
    optional("shadow", Text, ForeignKey("bundles.digest")),
    required("author", Text),
    required("flipped_at", TIME, default="now()"),
)
users = Table(
    "users",
    metadata,
    identity(),
    required("name", Text),
    required("password_hash", Text),
    required("created_at", TIME, default="now()"),
    optional("disabled_at", TIME),
    required("failures", Integer, default="0"),
    optional("locked_until", TIME),
    optional("last_login_at", TIME),
    UniqueConstraint("name"),
)
user_roles = Table(
    "user_roles",
    metadata,
    required("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE")),
    optional("tenant_id", Integer, ForeignKey("tenants.id")),
    required("role", Text),
    UniqueConstraint("user_id", "tenant_id", postgresql_nulls_not_distinct=True),
)
console_sessions = Table(
    "console_sessions",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    required("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE")),
    optional("tenant_id", Integer, ForeignKey("tenants.id")),
    required("csrf_token", Text),
    required("created_at", TIME, default="now()"),
    required("seen_at", TIME, default="now()"),
    required("expires_at", TIME),
    Index("console_sessions_user", "user_id"),
)
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    tenant(),
    required("name", Text),
    required("role", Text),
    required("secret_sha256", LargeBinary),
    optional("previous_sha256", LargeBinary),
    optional("previous_until", TIME),
    required("rate_per_s", Integer),
    required("created_by", Text),
    required("created_at", TIME, default="now()"),
    optional("expires_at", TIME),
    optional("revoked_at", TIME),
    optional("last_used_at", TIME),
    Index("api_keys_tenant", "tenant_id", "created_at"),
)
audit_log = Table(
    "audit_log",
    metadata,
    identity(BigInteger),
    tenant(references=False),
    required("at", TIME, default="now()"),
    required("actor", Text),
    required("action", Text),
    optional("object", Text),
    optional("detail", JSONB),
    Index("audit_log_tenant", "tenant_id", "id"),
)
destinations = Table(
    "destinations",
    metadata,
    identity(),
    tenant(),
    required("name", Text),
    required("kind", Text),
    required("target", Text),
    optional("secret", Text),
    optional("verdicts", ARRAY(Text)),
    required("created_by", Text),
    required("created_at", TIME, default="now()"),
    optional("removed_at", TIME),
    required("failures", Integer, default="0"),
    optional("rests_until", TIME),
    Index("destinations_name", "tenant_id", "name", unique=True, postgresql_where=text("removed_at IS NULL")),
)
deliveries = Table(
    "deliveries",
    metadata,
    identity(BigInteger),
    tenant(references=False),
    required("destination_id", Integer, ForeignKey("destinations.id")),
    required("event_id", BigInteger, ForeignKey("outbox.id", ondelete="CASCADE")),
    optional("message_id", Uuid),
    required("state", Text, default="'waiting'"),
    required("attempts", SmallInteger, default="0"),
    required("next_attempt_at", TIME, default="clock_timestamp()"),
    optional("status", SmallInteger),
    optional("error", Text),
    required("created_at", TIME, default="now()"),
    optional("delivered_at", TIME),
    UniqueConstraint("event_id", "destination_id"),
    Index("deliveries_due", "destination_id", "next_attempt_at", postgresql_where=text("state = 'waiting'")),
    Index("deliveries_order", "destination_id", "message_id", "event_id", postgresql_where=text("state = 'waiting'")),
    Index("deliveries_tenant", "tenant_id", "id"),
    Index("deliveries_message", "message_id"),
)
retained = Table(
    "retained",
    metadata,
    tenant(),
    required("kind", Text),
    required("through", Uuid),
    PrimaryKeyConstraint("tenant_id", "kind"),
)
erasures = Table(
    "erasures",
    metadata,
    Column("id", Uuid, primary_key=True),
    tenant(),
    required("mailbox_id", Integer),
    required("address_sha256", LargeBinary),
    required("requested_by", Text),
    required("requested_at", TIME, default="clock_timestamp()"),
    required("counts", JSONB, default="'{}'"),
    required("messages_sha256", LargeBinary, default="''"),
    optional("finished_at", TIME),
    optional("previous", LargeBinary),
    optional("digest", LargeBinary),
    Index("erasures_open", "tenant_id", "mailbox_id", unique=True, postgresql_where=text("finished_at IS NULL")),
    Index("erasures_tenant", "tenant_id", "finished_at"),
)
