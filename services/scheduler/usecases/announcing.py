"""`task.due`, made by SQL from the rows of `task` and `firing`: a burst of thousands costs no object for each."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.scheduler import TaskDue
from kit.outbox import publish_from

MAX_CASES_OF_TARGETS = 10_000
"""What a task's targets may add: an event has room for no more."""

# The cases that the targets stand for now: those of a module and all below it, those of a project with a tag.
_CASES_OF_TARGETS = f"""
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
    ORDER BY known_case.id LIMIT {MAX_CASES_OF_TARGETS}"""


def _utc(moment: str) -> str:
    return f"replace(to_json({moment}) #>> '{{}}', '+00:00', 'Z')"


EVENT = f"""
    SELECT task.id AS key, CASE WHEN task.cron IS NULL THEN task.traceparent END AS traceparent, json_build_object(
        'run_id', firing.run_id,
        'task_id', task.id,
        'task_name', task.task_name,
        'trigger', firing.trigger,
        'attempt', firing.attempt,
        'max_attempts', firing.max_attempts,
        'due_at', {_utc("firing.due_at")},
        'fired_at', {_utc("firing.fired_at")},
        'cases', (
            SELECT coalesce(json_agg(json_build_object('case_id', id, 'min_revision', coalesce(
                (SELECT revision FROM known_case WHERE known_case.id = wanted.id), 1))), '[]')
            FROM unnest(CASE task.targets WHEN '[]' THEN task.case_ids
                        ELSE task.case_ids || ARRAY({_CASES_OF_TARGETS}) END) AS wanted (id)),
        'parallel', task.parallel,
        'max_parallel', task.max_parallel,
        'environments', (
            SELECT coalesce(json_agg(json_build_object('project_id', key::integer, 'environment_id', value)), '[]')
            FROM jsonb_each(task.environments)),
        'failed_stop', task.failed_stop,
        'only_failed_log', task.only_failed_log,
        'owner_ids', task.owner_ids,
        'notify', task.notify,
        'previous_status', task.last_status,
        'requested_by', firing.requested_by) AS value
    FROM firing JOIN task ON task.id = firing.task_id"""
"""Selects the events of `firing`; `task` must have the columns that it names."""


async def announce(session: AsyncSession, run_ids: Sequence[UUID]) -> None:
    """State `task.due` for firings that stand in the ledger, with the cases as they are now."""
    await session.flush()
    if run_ids:
        event = f"event AS ({EVENT} WHERE firing.run_id = ANY(CAST(:run_ids AS uuid[])))"
        await publish_from(session, TaskDue, event, "SELECT", {"run_ids": list(run_ids)})
