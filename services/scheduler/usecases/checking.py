"""Whether a task may be saved: every fault of a request found at once, before anything is written."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from kit import clock
from kit.caller import Caller
from kit.errors import DependencyUnavailable, FieldFault, InvalidParameter, MissingParameter, PermissionDenied
from kit.http import validation_error
from kit.messages import translate
from kit.settings import settings
from kit.tables import MAX_ID
from services.scheduler import clients, queries, rules
from services.scheduler.db import database
from services.scheduler.errors import TaskNotFound, TaskNotPending
from services.scheduler.models import AnyKnown, KnownCase, KnownEnvironment, KnownModule, KnownProject, Task
from services.scheduler.schemas import REQUIRED, PreviewRequest, TaskCancel, TaskSave
from services.scheduler.usecases.access import is_holder, require_holder
from services.scheduler.usecases.replicas import keep

BodyT = TypeVar("BodyT", bound=BaseModel)
T = TypeVar("T")
NOUNS: dict[type[Any], str] = {
    KnownCase: "cases",
    KnownEnvironment: "environments",
    KnownModule: "modules",
    KnownProject: "projects",
}


@dataclass(frozen=True)
class Checked:
    """A save that nothing speaks against. Times are in UTC."""

    caller: Caller
    """With the rights that were found to hold."""
    body: TaskSave
    start: datetime
    until: datetime | None

    @property
    def task_id(self) -> int | None:
        """The task to update; None: a task to create."""
        return self.body.task_id if "task_id" in self.body.model_fields_set else None


async def check_save(caller: Caller, raw: object) -> Checked:
    """Check a save in the order of the contract. Asks other services where a replica may be wrong.

    Raises: MissingParameter, TaskNotFound, PermissionDenied, TaskNotPending, InvalidParameter with all faults,
    DependencyUnavailable when only a service that is away could tell.
    """
    body, faults = parse(TaskSave, raw, REQUIRED)
    present = None
    if body.task_id and not _at_fault(faults, "task_id"):
        caller, present = await changeable_task(caller, body.task_id)
    async with database.transaction() as session:
        now = await clock.now(session)
    start, until = _check_times(body, present, now, faults)
    if not body.case_ids and not _effective(body, present, "targets") and not _at_fault(faults, "case_ids"):
        faults.append(FieldFault("case_ids", "out_of_range"))
    things = await _look_up(body)
    faults += _reference_faults(body, things)
    if faults:
        raise InvalidParameter(errors=faults)
    if _foreign(body, things, caller):
        caller = await confirmed(caller)
    if foreign := _foreign(body, things, caller):
        raise PermissionDenied(errors=foreign)
    assert start is not None  # noqa: S101 (no fault was found)
    return Checked(caller, body, start, until)


async def check_cancel(caller: Caller, raw: object) -> tuple[Caller, int]:
    """Check a cancellation in the order of the contract; answers the caller with confirmed rights, and the task's id.

    Raises: MissingParameter, TaskNotFound, PermissionDenied, TaskNotPending, InvalidParameter.
    """
    body, faults = parse(TaskCancel, raw, ("task_id",))
    if not _at_fault(faults, "task_id"):
        caller, _ = await changeable_task(caller, body.task_id)
    if faults:
        raise InvalidParameter(errors=faults)
    return caller, body.task_id


def _field_fault(name: str, fault: rules.TimeFault) -> FieldFault:
    return FieldFault(name, str(fault), {"msg": translate(fault.message)} if fault.message else {})


def check_preview(wanted: PreviewRequest, now: datetime) -> tuple[ZoneInfo, datetime, datetime | None]:
    """The zone, start and end of a preview.

    Raises: InvalidParameter.
    """
    faults: list[FieldFault] = []

    def read(name: str, parse_it: Callable[[str], T], default: T) -> T:
        text = getattr(wanted, name)
        try:
            return default if text is None else parse_it(text)
        except rules.TimeFault as fault:
            faults.append(_field_fault(name, fault))
            return default

    read("cron", rules.check_cron, None)
    zone = read("timezone", rules.parse_zone, settings().zone)
    start = read("start", lambda text: rules.parse_time(text, settings().zone), now)
    until = read("until", lambda text: rules.parse_time(text, settings().zone), None)
    if faults:
        raise InvalidParameter(errors=faults)
    return zone, start, until


async def changeable_task(caller: Caller, task_id: int) -> tuple[Caller, Task]:
    """A task that the caller may change now, and the caller with confirmed rights.

    Raises: TaskNotFound, PermissionDenied, TaskNotPending.
    """
    async with database.transaction() as session:
        task = await queries.find_task(session, task_id)
    if task is None:
        raise TaskNotFound
    if not is_holder(caller, task):
        caller = await confirmed(caller)
        require_holder(caller, task)
    if task.status != "pending":
        raise TaskNotPending(task.status)
    return caller, task


async def confirmed(caller: Caller) -> Caller:
    """The caller with the rights that auth knows; those of the replica when auth is away."""
    try:
        facts = await clients.look_up("auth", "users", [caller.user_id])
    except DependencyUnavailable:
        return caller
    async with database.transaction() as session:
        await keep(session, *facts)
        user = (await queries.users(session, [caller.user_id]))[caller.user_id]
    return replace(caller, is_superuser=user["is_superuser"], project_ids=frozenset(user["project_ids"]))


def parse(model: type[BodyT], raw: object, required: Iterable[str]) -> tuple[BodyT, list[FieldFault]]:
    """A body as far as it is sound, and its faults. A field at fault is left out of the body.

    Raises: InvalidParameter (it is no object), MissingParameter.
    """
    if not isinstance(raw, dict):
        raise InvalidParameter(errors=[FieldFault("body", "bad_format")])
    if missing := [FieldFault(name, "missing") for name in required if name not in raw]:
        raise MissingParameter(errors=missing)
    try:
        return model.model_validate(raw), []
    except ValidationError as error:
        found = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
        faulty = {fault["loc"][0] for fault in error.errors()}
        sound = {name: value for name, value in raw.items() if name not in faulty}
        return model.model_validate(sound), validation_error(found).errors


def _at_fault(faults: Iterable[FieldFault], name: str) -> bool:
    return any(re.split(r"[.\[]", fault.field)[0] == name for fault in faults)


def _effective(body: TaskSave, present: Task | None, name: str) -> Any:  # noqa: ANN401 (the field's type)
    """A field's value after the save: what is given, else what the task has."""
    given = name in body.model_fields_set or present is None
    return getattr(body, name) if given else getattr(present, name)


def _check_times(
    body: TaskSave, present: Task | None, now: datetime, faults: list[FieldFault]
) -> tuple[datetime | None, datetime | None]:
    """The instants of `startTime` and `until`; faults of these, `cron` and `timezone` are added to the list."""

    def read(name: str, parse_it: Callable[[str], T]) -> T | None:
        text = getattr(body, name)
        if name not in body.model_fields_set or text is None:
            return None
        try:
            return parse_it(text)
        except rules.TimeFault as fault:
            faults.append(_field_fault(name, fault))
            return None

    before = len(faults)
    start = read("startTime", lambda text: rules.parse_time(text, settings().zone))
    until = read("until", lambda text: rules.parse_time(text, settings().zone))
    zone = read("timezone", rules.parse_zone)
    read("cron", rules.check_cron)
    if start is not None and start <= now:
        faults.append(FieldFault("startTime", "not_in_future"))
    cron = _effective(body, present, "cron")
    if cron is None:
        alone = [name for name in ("timezone", "until") if getattr(body, name) is not None]
        faults += [FieldFault(name, "wrong") for name in alone if not _at_fault(faults, name)]
    elif present is not None and "until" not in body.model_fields_set:
        until = present.until
    if len(faults) > before or start is None or cron is None or _at_fault(faults, "cron"):
        return start, until
    zone = zone or ZoneInfo(_effective(body, present, "timezone") or settings().timezone)
    if rules.first_match(cron, zone, start) is None:
        faults.append(FieldFault("cron", "out_of_range"))
    elif rules.first_match(cron, zone, start, until) is None:
        faults.append(FieldFault("until", "out_of_range"))
    return start, until


@dataclass(frozen=True)
class _Things:
    """What the ids of a save stand for, as far as it exists."""

    cases: Mapping[int, KnownCase]
    modules: Mapping[int, KnownModule]
    projects: Mapping[int, KnownProject]
    environments: Mapping[int, KnownEnvironment]
    users: Mapping[int, Any]

    def projects_of_cases(self, body: TaskSave) -> dict[int, list[int]]:
        """The cases by their project."""
        found: dict[int, list[int]] = {}
        for id_ in body.case_ids:
            found.setdefault(self.cases[id_].project_id or 0, []).append(id_)
        return found

    def projects_of_targets(self, body: TaskSave) -> dict[int, list[int]]:
        """The places of the targets in their list, by their project."""
        found: dict[int, list[int]] = {}
        for place, target in enumerate(body.targets or ()):
            project_id = target.project_id or self.modules[target.module_id or 0].project_id or 0
            found.setdefault(project_id, []).append(place)
        return found


async def _look_up(body: TaskSave) -> _Things:
    targets = body.targets or []
    chosen = body.environments or {}
    modules = [target.module_id for target in targets if target.module_id]
    projects = [*[target.project_id for target in targets if target.project_id], *map(int, chosen)]
    cases, of_modules, of_projects, environments, users = await asyncio.gather(
        _existing(KnownCase, body.case_ids),
        _existing(KnownModule, modules),
        _existing(KnownProject, projects),
        _existing(KnownEnvironment, chosen.values()),
        _users(body.owner_ids),
    )
    return _Things(cases, of_modules, of_projects, environments, users)


async def _existing(model: type[AnyKnown], ids: Iterable[int]) -> dict[int, AnyKnown]:
    """Those of the objects that exist: a query, and one question to their service if some are not known."""
    wanted = list(ids)
    async with database.transaction() as session:
        found = await queries.known(session, model, wanted)
    if unknown := [id_ for id_ in wanted if id_ not in found and id_ <= MAX_ID]:
        facts = await clients.look_up("catalog", NOUNS[model], unknown)
        async with database.transaction() as session:
            await keep(session, *facts)
            found = await queries.known(session, model, wanted)
    return {id_: thing for id_, thing in found.items() if not thing.deleted}


async def _users(ids: list[int]) -> dict[int, Any]:
    """Those of the users that exist. One that is not known, or disabled, is asked about once."""
    async with database.transaction() as session:
        found = await queries.users(session, ids)
    unknown = [id_ for id_ in ids if id_ not in found and id_ <= MAX_ID]
    disabled = [id_ for id_, user in found.items() if not user["is_active"] and not user["deleted"]]
    if unknown or disabled:
        try:
            facts = await clients.look_up("auth", "users", unknown + disabled)
        except DependencyUnavailable:
            if unknown:
                raise
            facts = []
        async with database.transaction() as session:
            await keep(session, *facts)
            found = await queries.users(session, ids)
    return {id_: user for id_, user in found.items() if not user["deleted"]}


def _reference_faults(body: TaskSave, things: _Things) -> list[FieldFault]:
    targets, chosen = body.targets or [], body.environments or {}
    modules = [target.module_id for target in targets if target.module_id]
    projects = [target.project_id for target in targets if target.project_id]
    elsewhere = [
        id_
        for project_id, id_ in chosen.items()
        if id_ in things.environments and things.environments[id_].project_id != int(project_id)
    ]
    unknown = [
        ("case_ids", [id_ for id_ in body.case_ids if id_ not in things.cases]),
        ("owner_ids", [id_ for id_ in body.owner_ids if id_ not in things.users]),
        ("environments", [*[id_ for id_ in chosen.values() if id_ not in things.environments], *elsewhere]),
        ("targets", [id_ for id_ in modules if id_ not in things.modules]),
        ("targets", [id_ for id_ in projects if id_ not in things.projects]),
    ]
    faults = [FieldFault(name, "unknown_ids", {"ids": ids}) for name, ids in unknown if ids]
    inactive = [id_ for id_ in body.owner_ids if id_ in things.users and not things.users[id_]["is_active"]]
    return [*faults, *([FieldFault("owner_ids", "inactive", {"ids": inactive})] if inactive else [])]


def _foreign(body: TaskSave, things: _Things, caller: Caller) -> list[FieldFault]:
    """Cases and targets of projects in which the caller may not write."""
    faults = []
    for name, by_project in (
        ("case_ids", things.projects_of_cases(body)),
        ("targets", things.projects_of_targets(body)),
    ):
        ids = [id_ for project_id, of_it in by_project.items() if not caller.is_member(project_id) for id_ in of_it]
        if ids:
            faults.append(FieldFault(name, "not_a_member", {"ids": sorted(ids)}))
    return faults
