"""The notifier's first schema."""

from alembic import op

from kit.caller import USER_REPLICA_DDL_1
from kit.tables import PLATFORM_DDL_1

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE known_project (
    id integer NOT NULL,
    name text NOT NULL,
    revision bigint NOT NULL,
    deleted boolean NOT NULL,
    CONSTRAINT known_project_pkey PRIMARY KEY (id)
);
CREATE TABLE completed_run (
    run_id uuid NOT NULL,
    task_id integer NOT NULL,
    project_ids integer[] NOT NULL,
    body json NOT NULL,
    change jsonb,
    created_at timestamptz DEFAULT clock_now() NOT NULL,
    CONSTRAINT completed_run_pkey PRIMARY KEY (run_id)
);
CREATE INDEX completed_run_created_at_idx ON completed_run (created_at);
CREATE INDEX completed_run_task_id_idx ON completed_run (task_id, run_id);
CREATE TABLE task_state (
    task_id integer NOT NULL,
    run_id uuid NOT NULL,
    status text NOT NULL,
    pass_rate double precision,
    cases jsonb NOT NULL,
    finished_at timestamptz NOT NULL,
    CONSTRAINT task_state_pkey PRIMARY KEY (task_id)
);
CREATE TABLE delivery (
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    channel_id integer NOT NULL,
    channel_kind text NOT NULL,
    recipient integer NOT NULL,
    language text NOT NULL,
    status text NOT NULL,
    reason text,
    error text,
    via text,
    tries integer NOT NULL,
    not_before timestamptz NOT NULL,
    give_up_at timestamptz NOT NULL,
    lease_token uuid,
    lease_until timestamptz,
    unsubscribe_token text NOT NULL,
    created_at timestamptz DEFAULT clock_now() NOT NULL,
    ended_at timestamptz,
    CONSTRAINT delivery_pkey PRIMARY KEY (id),
    CONSTRAINT delivery_run_id_fkey FOREIGN KEY (run_id) REFERENCES completed_run (run_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX delivery_run_id_channel_id_recipient_key ON delivery (run_id, channel_id, recipient);
CREATE UNIQUE INDEX delivery_unsubscribe_token_key ON delivery (unsubscribe_token);
CREATE INDEX delivery_due_mail_idx ON delivery (not_before) WHERE status = 'queued' AND channel_id = 0;
CREATE INDEX delivery_due_post_idx ON delivery (not_before) WHERE status = 'queued' AND channel_id > 0;
CREATE INDEX delivery_lease_idx ON delivery (lease_until) WHERE status = 'sending';
CREATE INDEX delivery_created_at_idx ON delivery (created_at, id);
CREATE INDEX delivery_status_created_at_idx ON delivery (status, created_at);
CREATE INDEX delivery_channel_id_recipient_idx ON delivery (channel_id, recipient, created_at);
CREATE TABLE channel (
    id serial NOT NULL,
    project_id integer NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    url text NOT NULL,
    host text NOT NULL,
    secret text,
    notify text NOT NULL,
    language text NOT NULL,
    enabled boolean NOT NULL,
    revision integer NOT NULL,
    created_at timestamptz DEFAULT clock_now() NOT NULL,
    created_by integer NOT NULL,
    updated_at timestamptz DEFAULT clock_now() NOT NULL,
    updated_by integer NOT NULL,
    CONSTRAINT channel_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX channel_project_id_name_key ON channel (project_id, name);
CREATE TABLE preference (
    user_id integer NOT NULL,
    quiet_from time,
    quiet_until time,
    timezone text NOT NULL,
    muted_until timestamptz,
    muted_task_ids integer[] NOT NULL,
    CONSTRAINT preference_pkey PRIMARY KEY (user_id)
);
"""


def upgrade() -> None:
    for statement in f"{PLATFORM_DDL_1};{USER_REPLICA_DDL_1};{TABLES}".split(";"):
        if statement.strip():
            op.execute(statement)
