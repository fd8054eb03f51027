"""Runs, case runs, definitions, step results, and the replicas."""

from alembic import op

from kit.caller import USER_REPLICA_DDL_1
from kit.tables import PLATFORM_DDL_1

revision = "0001"
down_revision = None


TABLES = """
CREATE TABLE run (
    run_id uuid NOT NULL,
    status varchar NOT NULL,
    reason varchar,
    trigger varchar NOT NULL,
    task_id integer,
    task_name varchar,
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    parallel integer NOT NULL,
    max_parallel integer NOT NULL,
    failed_stop boolean NOT NULL,
    only_failed_log boolean NOT NULL,
    environments json NOT NULL,
    project_ids integer[] NOT NULL,
    owner_ids integer[] NOT NULL,
    notify varchar,
    previous_status varchar,
    requested_by integer,
    rerun_of uuid,
    trial boolean DEFAULT false NOT NULL,
    until_step varchar,
    due_at timestamptz,
    fired_at timestamptz,
    created_at timestamptz DEFAULT clock_now() NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    cases_total integer NOT NULL,
    cases_done integer DEFAULT 0 NOT NULL,
    cases_passed integer DEFAULT 0 NOT NULL,
    cases_failed integer DEFAULT 0 NOT NULL,
    cases_error integer DEFAULT 0 NOT NULL,
    cases_skipped integer DEFAULT 0 NOT NULL,
    cases_cancelled integer DEFAULT 0 NOT NULL,
    cases_platform integer DEFAULT 0 NOT NULL,
    cases_new integer DEFAULT 0 NOT NULL,
    cases_recovered integer DEFAULT 0 NOT NULL,
    cases_flaky integer DEFAULT 0 NOT NULL,
    steps_passed integer DEFAULT 0 NOT NULL,
    steps_failed integer DEFAULT 0 NOT NULL,
    steps_error integer DEFAULT 0 NOT NULL,
    steps_skipped integer DEFAULT 0 NOT NULL,
    CONSTRAINT run_pkey PRIMARY KEY (run_id),
    CONSTRAINT run_status_check CHECK (
        status IN ('queued', 'running', 'cancelling', 'passed', 'failed', 'error', 'cancelled')),
    CONSTRAINT run_done_check CHECK (cases_done <= cases_total)
) PARTITION BY RANGE (run_id);
CREATE TABLE run_default PARTITION OF run DEFAULT;
CREATE INDEX run_task_id_run_id_idx ON run (task_id, run_id);
CREATE INDEX run_open_idx ON run (run_id) WHERE finished_at IS NULL;
CREATE INDEX run_trial_idx ON run (created_at) WHERE trial;
CREATE INDEX run_project_ids_idx ON run USING gin (project_ids);
CREATE INDEX run_owner_ids_idx ON run USING gin (owner_ids);

CREATE TABLE case_run (
    run_id uuid NOT NULL,
    position integer NOT NULL,
    data_row integer NOT NULL,
    case_id integer NOT NULL,
    project_id integer NOT NULL,
    environment_id integer,
    min_revision integer NOT NULL,
    revision integer,
    name varchar NOT NULL,
    status varchar NOT NULL,
    reason varchar,
    failure_class varchar,
    flaky boolean DEFAULT false NOT NULL,
    starts integer DEFAULT 0 NOT NULL,
    worker_id varchar,
    lease_token uuid,
    lease_until timestamptz,
    deadline_at timestamptz,
    not_before timestamptz,
    queued_at timestamptz,
    missing_since timestamptz,
    locks varchar[] DEFAULT '{}' NOT NULL,
    locked_since timestamptz,
    lock_wait_ms integer DEFAULT 0 NOT NULL,
    on_worker_loss varchar DEFAULT 'restart' NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    duration_ms integer,
    tries integer DEFAULT 1 NOT NULL,
    steps_total integer DEFAULT 0 NOT NULL,
    steps_passed integer DEFAULT 0 NOT NULL,
    steps_failed integer DEFAULT 0 NOT NULL,
    steps_error integer DEFAULT 0 NOT NULL,
    steps_skipped integer DEFAULT 0 NOT NULL,
    steps_platform integer DEFAULT 0 NOT NULL,
    pass_rate double precision,
    teardown_status varchar,
    first_failure json,
    baseline json,
    variables json,
    CONSTRAINT case_run_pkey PRIMARY KEY (run_id, position, data_row),
    CONSTRAINT case_run_status_check CHECK (
        status IN ('waiting', 'queued', 'running', 'passed', 'failed', 'error', 'skipped', 'cancelled')),
    CONSTRAINT case_run_lease_check CHECK ((status = 'running') = (lease_token IS NOT NULL)),
    CONSTRAINT case_run_steps_check CHECK (steps_total = steps_passed + steps_failed + steps_error + steps_skipped)
) PARTITION BY RANGE (run_id);
CREATE TABLE case_run_default PARTITION OF case_run DEFAULT;
CREATE INDEX case_run_queued_idx ON case_run (project_id, queued_at) WHERE status = 'queued';
CREATE INDEX case_run_waiting_idx ON case_run (run_id, position, data_row) WHERE status = 'waiting';
CREATE INDEX case_run_running_idx ON case_run (project_id, lease_until) WHERE status = 'running';
CREATE INDEX case_run_history_idx ON case_run (case_id, run_id);

CREATE TABLE case_definition (
    run_id uuid NOT NULL,
    position integer NOT NULL,
    revision integer NOT NULL,
    document json NOT NULL,
    called json NOT NULL,
    CONSTRAINT case_definition_pkey PRIMARY KEY (run_id, position)
) PARTITION BY RANGE (run_id);
CREATE TABLE case_definition_default PARTITION OF case_definition DEFAULT;

CREATE TABLE step_result (
    run_id uuid NOT NULL,
    position integer NOT NULL,
    data_row integer NOT NULL,
    start_no integer NOT NULL,
    seq integer NOT NULL,
    case_try integer NOT NULL,
    path varchar NOT NULL,
    name varchar NOT NULL,
    type varchar NOT NULL,
    phase varchar NOT NULL,
    iteration integer,
    status varchar NOT NULL,
    failure_class varchar,
    error varchar,
    skip_reason varchar,
    tries integer NOT NULL,
    flaky boolean NOT NULL,
    started_at timestamptz,
    duration_ms integer,
    log_dropped boolean NOT NULL,
    detail bytea NOT NULL,
    CONSTRAINT step_result_pkey PRIMARY KEY (run_id, position, data_row, start_no, seq)
) PARTITION BY RANGE (run_id);
CREATE TABLE step_result_default PARTITION OF step_result DEFAULT;

CREATE TABLE last_result (
    case_id integer NOT NULL,
    environment_id integer NOT NULL,
    data_row integer NOT NULL,
    run_id uuid NOT NULL,
    status varchar NOT NULL,
    failure_class varchar,
    pass_rate double precision,
    duration_ms integer NOT NULL,
    finished_at timestamptz NOT NULL,
    passed json,
    CONSTRAINT last_result_pkey PRIMARY KEY (case_id, environment_id, data_row)
);

CREATE TABLE green_step (
    case_id integer NOT NULL,
    environment_id integer NOT NULL,
    data_row integer NOT NULL,
    path varchar NOT NULL,
    run_id uuid NOT NULL,
    revision integer NOT NULL,
    finished_at timestamptz NOT NULL,
    detail bytea NOT NULL,
    CONSTRAINT green_step_pkey PRIMARY KEY (case_id, environment_id, data_row, path)
);

CREATE TABLE held_lock (
    environment_id integer NOT NULL,
    name varchar NOT NULL,
    lease_token uuid NOT NULL,
    CONSTRAINT held_lock_pkey PRIMARY KEY (environment_id, name)
);
CREATE INDEX held_lock_lease_token_idx ON held_lock (lease_token);

CREATE TABLE idempotency_key (
    user_id integer NOT NULL,
    key varchar NOT NULL,
    body_sha256 varchar NOT NULL,
    run_id uuid NOT NULL,
    created_at timestamptz DEFAULT clock_now() NOT NULL,
    CONSTRAINT idempotency_key_pkey PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_key_created_at_idx ON idempotency_key (created_at);

CREATE TABLE known_project (
    id integer NOT NULL,
    revision bigint NOT NULL,
    deleted boolean NOT NULL,
    name varchar NOT NULL,
    variables json,
    egress_allow varchar[] NOT NULL,
    default_environment_id integer,
    CONSTRAINT known_project_pkey PRIMARY KEY (id)
);
CREATE TABLE known_environment (
    id integer NOT NULL,
    revision bigint NOT NULL,
    deleted boolean NOT NULL,
    project_id integer,
    name varchar NOT NULL,
    settings json,
    CONSTRAINT known_environment_pkey PRIMARY KEY (id)
);
CREATE TABLE known_case (
    id integer NOT NULL,
    revision bigint NOT NULL,
    deleted boolean NOT NULL,
    project_id integer,
    name varchar NOT NULL,
    document json,
    calls integer[] NOT NULL,
    data_rows integer NOT NULL,
    CONSTRAINT known_case_pkey PRIMARY KEY (id)
);
"""


def upgrade() -> None:
    for statement in (PLATFORM_DDL_1 + USER_REPLICA_DDL_1 + TABLES).split(";\n"):
        if statement.strip():
            op.execute(statement)
