"""The tables that every schema has beside its own."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

MAX_ID = 2**31 - 1
"""The largest id that a column of integers holds."""


def platform_tables(metadata: MetaData) -> None:
    """Declare outbox, inbox, dead_letter and clock_offset. `PLATFORM_DDL_…` below makes them."""
    Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", UUID(as_uuid=True), nullable=False),
        Column("topic", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("subscriber", Text, nullable=False),
        Column("time", DateTime(timezone=True), nullable=False, server_default=func.clock_now()),
        Column("traceparent", Text),
        Column("value", LargeBinary, nullable=False),
        Column("published_at", DateTime(timezone=True)),
        Index("outbox_unpublished_idx", "subscriber", "id", postgresql_where=text("published_at IS NULL")),
        Index("outbox_published_idx", "published_at", postgresql_where=text("published_at IS NOT NULL")),
    )
    Table(
        "inbox",
        metadata,
        Column("event_id", UUID(as_uuid=True), primary_key=True),
        postgresql_partition_by="RANGE (event_id)",
    )
    Table(
        "dead_letter",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", UUID(as_uuid=True), nullable=False, unique=True),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("reason", Text, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_now()),
    )
    Table(
        "clock_offset",
        metadata,
        Column("only_row", Integer, primary_key=True, server_default="1"),
        Column("value", Interval, nullable=False, server_default=text("'0'")),
    )


PLATFORM_DDL_1 = """
CREATE TABLE clock_offset (
    only_row integer DEFAULT 1 NOT NULL,
    value interval DEFAULT '0' NOT NULL,
    CONSTRAINT clock_offset_pkey PRIMARY KEY (only_row),
    CONSTRAINT clock_offset_only_row_check CHECK (only_row = 1)
);
INSERT INTO clock_offset DEFAULT VALUES;
CREATE FUNCTION clock_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    RETURN now() + (SELECT value FROM clock_offset);
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    subscriber text NOT NULL,
    time timestamptz DEFAULT clock_now() NOT NULL,
    traceparent text,
    value bytea NOT NULL,
    published_at timestamptz,
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
);
CREATE INDEX outbox_unpublished_idx ON outbox (subscriber, id) WHERE published_at IS NULL;
CREATE INDEX outbox_published_idx ON outbox (published_at) WHERE published_at IS NOT NULL;
CREATE TABLE inbox (
    event_id uuid NOT NULL,
    CONSTRAINT inbox_pkey PRIMARY KEY (event_id)
) PARTITION BY RANGE (event_id);
CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;
CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    headers jsonb NOT NULL,
    value bytea NOT NULL,
    reason text NOT NULL,
    tries integer NOT NULL,
    created_at timestamptz DEFAULT clock_now() NOT NULL,
    CONSTRAINT dead_letter_pkey PRIMARY KEY (id),
    CONSTRAINT dead_letter_event_id_key UNIQUE (event_id)
);
"""
"""Part of each service's first migration. Never edited: a later change is `PLATFORM_DDL_2`, in a later migration."""
