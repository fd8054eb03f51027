"""`task.due`, made by SQL from the rows of `task` and `firing`: a burst of thousands costs no object for each."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.scheduler import TaskDue
from kit.outbox import publish_from

MAX_CASES_OF_TARGETS = 10_000
"""What a task's targets may add: an event has room for no more."""

# The cases that the targets stand for now: those of a module and all below it, those of a project with a tag.
_CASES_OF_TARGETS = """
    WITH RECURSIVE target AS (
        SELECT * FROM jsonb_to_recordset(task.targets) AS target (module_id integer, project_id integer, tag text)
    ), module (id) AS (
        SELECT module_id FROM target WHERE module_id IS NOT NULL
        UNION
        SELECT child.id FROM module JOIN known_module AS child ON child.parent_id = module.id AND NOT child.deleted
    )
    SELECT known_case.id FROM known_case
    WHERE NOT known_case.deleted AND known_case.id <> ALL (task.case_ids)
      AND (known_case.module_id IN (SELECT id FROM module)
           OR EXISTS (SELECT FROM target WHERE project_id = known_case.project_id AND tag = ANY(known_case.tags)))
    ORDER BY known_case.id"""
REASON = f"""
    CASE task.targets WHEN '[]' THEN NULL
    ELSE (SELECT 'targets_cut' FROM ({_CASES_OF_TARGETS} OFFSET {MAX_CASES_OF_TARGETS} LIMIT 1) AS left_out) END"""
"""What the ledger says of a firing of `task` from its beginning: whether its targets stand for too many cases."""


def _object(**fields: str) -> str:
    """SQL of a JSON object of SQL expressions; each gives the text of a JSON value, never null.

    Written as text, because `json_build_object` and `json_agg` take twice the time; so does `to_json` of what needs no
    escaping.
    """
    names = ",".join(f'"{name}":%s' for name in fields)
    return f"format('{{{names}}}', {', '.join(fields.values())})"


def _list(item: str, source: str) -> str:
    return f"(SELECT '[' || coalesce(string_agg({item}, ','), '') || ']' FROM ({source}) AS wanted)"


def _utc(moment: str) -> str:
    return f"replace(to_json({moment})::text, '+00:00', 'Z')"


def _word(column: str) -> str:
    """Of a column that holds one of a few plain words, or null."""
    return f"""coalesce('"' || {column} || '"', 'null')"""


def _bool(column: str) -> str:
    return f"CASE WHEN {column} THEN 'true' ELSE 'false' END"


_CASE = _object(
    case_id="id", min_revision="coalesce((SELECT revision FROM known_case WHERE known_case.id = wanted.id), 1)"
)
_CASE_IDS = f"""
    SELECT unnest(CASE task.targets WHEN '[]' THEN task.case_ids
                  ELSE task.case_ids || ARRAY({_CASES_OF_TARGETS} LIMIT {MAX_CASES_OF_TARGETS}) END) AS id"""
_ENVIRONMENTS = _list(_object(project_id="key", environment_id="value"), "SELECT * FROM jsonb_each(task.environments)")
_VALUE = _object(
    run_id=_word("firing.run_id"),
    task_id="task.id",
    task_name="to_json(task.task_name)",
    trigger=_word("firing.trigger"),
    attempt="firing.attempt",
    max_attempts="firing.max_attempts",
    due_at=_utc("firing.due_at"),
    fired_at=_utc("firing.fired_at"),
    cases=_list(_CASE, _CASE_IDS),
    parallel="task.parallel",
    max_parallel="task.max_parallel",
    environments=f"CASE task.environments WHEN '{{}}' THEN '[]' ELSE {_ENVIRONMENTS} END",
    failed_stop=_bool("task.failed_stop"),
    only_failed_log=_bool("task.only_failed_log"),
    owner_ids="'[' || array_to_string(task.owner_ids, ',') || ']'",
    notify=_word("task.notify"),
    previous_status=_word("task.last_status"),
    requested_by="coalesce(firing.requested_by::text, 'null')",
)
EVENT = f"""
    SELECT task.id AS key, CASE WHEN task.cron IS NULL THEN task.traceparent END AS traceparent, {_VALUE} AS value
    FROM firing JOIN task ON task.id = firing.task_id"""
"""Selects the events of `firing`; `task` must have the columns that it names."""


async def announce(session: AsyncSession, run_ids: Sequence[UUID]) -> None:
    """State `task.due` for firings that stand in the ledger, with the cases as they are now."""
    await session.flush()
    if run_ids:
        ours = "firing.run_id = ANY(CAST(:run_ids AS uuid[]))"
        ctes = f"""
            cut AS (UPDATE firing SET reason = {REASON} FROM task
                    WHERE task.id = firing.task_id AND {ours} AND task.targets <> '[]'),
            event AS ({EVENT} WHERE {ours})"""
        await publish_from(session, TaskDue, ctes, "SELECT", {"run_ids": list(run_ids)})
