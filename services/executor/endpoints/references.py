"""Before the transaction: what a request names is looked up, at its source where the replica does not know it."""

from collections.abc import Iterable
from dataclasses import replace

import orjson

from contracts.auth import UserChanged
from kit.caller import Caller, keep_user
from kit.errors import DependencyUnavailable
from services.executor.clients import peers
from services.executor.db import database
from services.executor.queries import replicas as known
from services.executor.usecases import replicas


async def confirm_references(caller: Caller, case_ids: Iterable[int], environment_ids: Iterable[int]) -> Caller:
    """Have the replicas know the cases and environments that exist; answers the caller with rights as they are now.

    Raises: DependencyUnavailable when only the catalog could tell whether a thing exists.
    """
    wanted_cases, wanted_environments = set(case_ids), set(environment_ids)
    async with database.transaction() as session:
        cases = await known.cases(session, wanted_cases)
        environments = await known.environments(session, wanted_environments)
    unknown_cases, unknown_environments = wanted_cases - cases.keys(), wanted_environments - environments.keys()
    if unknown_cases or unknown_environments:
        answers = await peers.look_up(unknown_cases, unknown_environments)
        async with database.transaction() as session:
            for answer in answers:
                await replicas.keep_looked_up(session, answer)
            cases = await known.cases(session, wanted_cases)
    return await confirm_rights(caller, {case.project_id or 0 for case in cases.values()})


async def confirm_project(project_id: int) -> None:
    """Have the replica know a project that exists. Raises: DependencyUnavailable when only the catalog could tell."""
    async with database.transaction() as session:
        if await known.projects(session, [project_id]):
            return
    answer = await peers.look_up_project(project_id)
    async with database.transaction() as session:
        await replicas.keep_looked_up(session, answer)


async def confirm_rights(caller: Caller, project_ids: Iterable[int]) -> Caller:
    """The caller, asked about at auth if a right on one of the projects is missing; with auth away it stays missing."""
    if all(caller.is_member(project_id) for project_id in project_ids):
        return caller
    try:
        answer = await peers.look_up_user(caller.user_id)
    except DependencyUnavailable:
        return caller
    users = [UserChanged.model_validate_json(orjson.dumps(user)) for user in (answer or {}).get("users", ())]
    async with database.transaction() as session:
        for user in users:
            await keep_user(session, user)
    own = next((user for user in users if user.id == caller.user_id), None)
    if own is None:
        return caller
    return replace(caller, project_ids=frozenset(own.project_ids or ()), is_superuser=bool(own.is_superuser))
