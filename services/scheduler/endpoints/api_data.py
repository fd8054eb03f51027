"""The three paths of the seed's contract."""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.clock import naive_text, utc_text
from kit.errors import FieldFault, InvalidParameter
from kit.http import Body, PagingQuery
from kit.messages import N_, translate
from kit.settings import settings
from services.scheduler import queries, rules
from services.scheduler.db import Caller, Session, database
from services.scheduler.models import KnownCase, KnownModule, KnownProject, Task
from services.scheduler.schemas import ListedTask, ListedTaskPage, Status, TaskCancel, TaskRead, TaskSave, TaskSaved
from services.scheduler.usecases import answers, checking, saving

router = APIRouter(prefix="/api-data", tags=["scheduled tasks"])

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="The same key within 24 hours gets the same answer, and nothing is created again.",
        pattern=r"^[\x21-\x7e]{1,200}$",
    ),
]
_CREATED = {"case_ids": [22, 20], "parallel": 1, "owner_ids": [1, 2], "startTime": "2027-08-26T15:00:00"}
_EXAMPLES = {
    "create": {"summary": "Run two cases once, at the same time", "value": _CREATED},
    "recurring": {
        "summary": "Every working day at nine, one run at a time",
        "value": _CREATED | {"task_name": "每日回归", "cron": "0 9 * * 1-5", "timezone": "Asia/Shanghai"},
    },
    "update": {
        "summary": "Update a pending task in full",
        "value": {"task_id": 1, "case_ids": [25, 30], "parallel": 0, "owner_ids": [1, 3]}
        | {"startTime": "2027-08-26T16:30:00"},
    },
}


def _schema(body: type[Body]) -> dict[str, Any]:
    """The JSON Schema of a body that is read by hand, with the parts that it refers to in their places."""
    schema = body.model_json_schema()
    parts, text = schema.pop("$defs", {}), json.dumps(schema)
    for name, part in parts.items():
        text = text.replace(json.dumps({"$ref": f"#/$defs/{name}"}), json.dumps(part))
    inlined: dict[str, Any] = json.loads(text)
    for name in inlined["required"]:
        inlined["properties"][name].pop("default")
    return inlined


@router.post(
    "/schedule-api-cases",
    summary="Create or update a scheduled task",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _schema(TaskSave), "examples": _EXAMPLES}},
        }
    },
)
async def schedule_api_cases(request: Request, caller: Caller, idempotency_key: IdempotencyKey = None) -> TaskSaved:
    """Create a task, or with the key `task_id` update a pending one in full.

    An answer of 400 names every field at fault at once.
    """
    raw, key = await request.body(), idempotency_key  # read by hand: other refusals come before a field's faults
    if key is None:
        checked = await checking.check_save(caller, _json(raw))
        async with database.transaction() as session:
            return await _save(session, checked)
    async with database.transaction() as session:
        earlier = await answers.earlier_answer(session, caller.user_id, key, raw)
    if earlier is None:
        checked = await checking.check_save(caller, _json(raw))
        async with database.transaction() as session:
            if await answers.claim_key(session, caller.user_id, key, raw):
                saved = await _save(session, checked)
                await answers.keep_answer(session, caller.user_id, key, saved.model_dump(mode="json"))
                return saved
            earlier = await answers.earlier_answer(session, caller.user_id, key, raw)
    return TaskSaved.model_validate(earlier)


async def _save(session: AsyncSession, checked: checking.Checked) -> TaskSaved:
    task = await saving.save_task(session, checked)
    msg = N_("Scheduled task created") if checked.task_id is None else N_("Scheduled task updated")
    return TaskSaved(msg=translate(msg), task_id=task.key, task=TaskRead(**task_fields(task)))


@router.post(
    "/cancel-scheduled-task",
    summary="Cancel a pending task",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _schema(TaskCancel), "example": {"task_id": 1}}},
        }
    },
)
async def cancel_scheduled_task(request: Request, caller: Caller) -> TaskSaved:
    """Cancel a task that has not fired; in any other status it is 409 `task_not_pending`."""
    caller, task_id = await checking.check_cancel(caller, _json(await request.body()))
    async with database.transaction() as session:
        task = await saving.cancel_task(session, caller, task_id)
    msg = translate(N_("Scheduled task cancelled"))
    return TaskSaved(msg=msg, task_id=task.key, task=TaskRead(**task_fields(task)))


@router.get("/scheduled-tasks", summary="List the caller's tasks")
async def scheduled_tasks(
    caller: Caller, session: Session, paging: PagingQuery, status: Status | None = None
) -> ListedTaskPage:
    """Tasks that the caller owns or made, newest first; a superuser sees all."""
    seen_by = None if caller.is_superuser else caller.user_id
    wanted = queries.TaskFilter(seen_by=seen_by, status=status)
    total, tasks = await queries.list_tasks(session, wanted, offset=paging.offset, limit=paging.page_size)
    data = await _listed(session, tasks)
    return ListedTaskPage(msg=translate(N_("Done")), total=total, **paging.model_dump(), data=data)


async def _listed(session: AsyncSession, tasks: list[Task]) -> list[ListedTask]:
    """The tasks with their cases and owners: one query per replica, however many tasks."""
    cases = await queries.known(session, KnownCase, {id_ for task in tasks for id_ in task.case_ids})
    modules = await queries.known(session, KnownModule, {case.module_id for case in cases.values() if case.module_id})
    projects = await queries.known(
        session, KnownProject, {case.project_id for case in cases.values() if case.project_id}
    )
    users = await queries.users(session, {id_ for task in tasks for id_ in task.owner_ids})

    def named(known: dict[int, Any], id_: int | None) -> dict[str, Any] | None:
        return {"id": id_, "name": known[id_].name} if id_ in known else None

    of_cases = {
        id_: {
            "id": id_,
            "name": case.name,
            "module": named(modules, case.module_id),
            "project": named(projects, case.project_id),
            "deleted": case.deleted,
        }
        for id_, case in cases.items()
    }
    of_users = {
        id_: {"id": id_, "username": user["username"], "real_name": user["real_name"] or "", "deleted": user["deleted"]}
        for id_, user in users.items()
    }
    return [
        ListedTask(
            **task_fields(task),
            cases=[of_cases[id_] for id_ in task.case_ids if id_ in of_cases],
            owners=[of_users[id_] for id_ in task.owner_ids if id_ in of_users],
        )
        for task in tasks
    ]


def task_fields(task: Task) -> dict[str, Any]:
    """A task in full, as the seed's paths write it."""
    same = set(TaskRead.model_fields) & set(Task.model_fields)
    return {
        **{name: getattr(task, name) for name in same},
        "execution_mode": "parallel" if task.parallel else "serial",
        "creater": task.created_by,
        "updater": task.updated_by,
        "misfire_grace_seconds": rules.grace_of(task.cron, task.misfire_grace_seconds),
        **_times("scheduled_time", task.scheduled_at),
        **_times("created", task.created_at),
        **_times("updated", task.updated_at),
        **_times("until", task.until),
    }


def _times(name: str, moment: datetime | None) -> dict[str, str | None]:
    if moment is None:
        return {name: None, f"{name}_utc": None}
    return {name: naive_text(moment, settings().zone), f"{name}_utc": utc_text(moment)}


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise InvalidParameter(errors=[FieldFault("body", "bad_format")]) from error
