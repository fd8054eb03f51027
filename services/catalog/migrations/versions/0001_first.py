"""The catalog's tables."""

from alembic import op

from kit.caller import USER_REPLICA_DDL_1
from kit.tables import PLATFORM_DDL_1

revision = "0001"
down_revision = None


TABLES = """
CREATE TABLE project (
    id integer GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    description text NOT NULL,
    variables json NOT NULL,
    egress_allow text[] NOT NULL,
    default_environment_id integer,
    case_count integer NOT NULL,
    deleted boolean NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by_id integer NOT NULL,
    updated_by_id integer NOT NULL,
    CONSTRAINT project_pkey PRIMARY KEY (id)
);
CREATE TABLE environment (
    id integer GENERATED ALWAYS AS IDENTITY,
    project_id integer NOT NULL,
    name text NOT NULL,
    base_urls json NOT NULL,
    headers json NOT NULL,
    variables json NOT NULL,
    verify_tls boolean NOT NULL,
    proxy text,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by_id integer NOT NULL,
    updated_by_id integer NOT NULL,
    CONSTRAINT environment_pkey PRIMARY KEY (id),
    CONSTRAINT environment_project_id_fkey FOREIGN KEY (project_id) REFERENCES project (id)
);
CREATE INDEX environment_project_id_idx ON environment (project_id);
CREATE TABLE secret (
    environment_id integer NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT secret_pkey PRIMARY KEY (environment_id, name),
    CONSTRAINT secret_environment_id_fkey FOREIGN KEY (environment_id) REFERENCES environment (id)
        ON DELETE CASCADE
);
CREATE TABLE module (
    id integer GENERATED ALWAYS AS IDENTITY,
    project_id integer NOT NULL,
    parent_id integer,
    name text NOT NULL,
    rank bigint NOT NULL,
    case_count integer NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by_id integer NOT NULL,
    updated_by_id integer NOT NULL,
    CONSTRAINT module_pkey PRIMARY KEY (id),
    CONSTRAINT module_project_id_fkey FOREIGN KEY (project_id) REFERENCES project (id),
    CONSTRAINT module_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES module (id)
);
CREATE INDEX module_project_id_parent_id_rank_idx ON module (project_id, parent_id, rank);
CREATE INDEX module_parent_id_idx ON module (parent_id);
CREATE TABLE "case" (
    id integer GENERATED ALWAYS AS IDENTITY,
    project_id integer NOT NULL,
    module_id integer NOT NULL,
    name text NOT NULL,
    folded_name text NOT NULL,
    grams text[] NOT NULL,
    tags text[] NOT NULL,
    step_count integer NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by_id integer NOT NULL,
    updated_by_id integer NOT NULL,
    CONSTRAINT case_pkey PRIMARY KEY (id),
    CONSTRAINT case_project_id_fkey FOREIGN KEY (project_id) REFERENCES project (id),
    CONSTRAINT case_module_id_fkey FOREIGN KEY (module_id) REFERENCES module (id)
);
CREATE INDEX case_name_id_idx ON "case" (name, id);
CREATE INDEX case_updated_at_id_idx ON "case" (updated_at, id);
CREATE INDEX case_project_id_id_idx ON "case" (project_id, id);
CREATE INDEX case_project_id_name_id_idx ON "case" (project_id, name, id);
CREATE INDEX case_project_id_updated_at_id_idx ON "case" (project_id, updated_at, id);
CREATE INDEX case_module_id_id_idx ON "case" (module_id, id);
CREATE INDEX case_module_id_name_id_idx ON "case" (module_id, name, id);
CREATE INDEX case_module_id_updated_at_id_idx ON "case" (module_id, updated_at, id);
CREATE INDEX case_tags_idx ON "case" USING gin (tags);
CREATE INDEX case_grams_idx ON "case" USING gin (grams);
CREATE TABLE case_revision (
    case_id integer NOT NULL,
    revision bigint NOT NULL,
    module_id integer NOT NULL,
    document json NOT NULL,
    created_at timestamptz NOT NULL,
    created_by_id integer NOT NULL,
    CONSTRAINT case_revision_pkey PRIMARY KEY (case_id, revision),
    CONSTRAINT case_revision_case_id_fkey FOREIGN KEY (case_id) REFERENCES "case" (id) ON DELETE CASCADE
);
CREATE TABLE case_call (
    case_id integer NOT NULL,
    called_id integer NOT NULL,
    CONSTRAINT case_call_pkey PRIMARY KEY (case_id, called_id),
    CONSTRAINT case_call_case_id_fkey FOREIGN KEY (case_id) REFERENCES "case" (id) ON DELETE CASCADE,
    CONSTRAINT case_call_called_id_fkey FOREIGN KEY (called_id) REFERENCES "case" (id)
);
CREATE INDEX case_call_called_id_idx ON case_call (called_id);
"""


def upgrade() -> None:
    """Make everything."""
    for statement in f"{PLATFORM_DDL_1}{USER_REPLICA_DDL_1}{TABLES}".split(";"):
        if statement.strip():
            op.execute(statement)
