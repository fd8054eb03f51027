"""Who may write: the replica's no is confirmed with auth before it is answered."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import orjson
from fastapi import Depends, Request

from contracts.auth import UserChanged
from kit import caller
from kit.caller import keep_user
from kit.errors import DependencyUnavailable
from kit.peers import ask
from kit.tables import MAX_ID
from services.catalog.db import Caller, database
from services.catalog.models import Case, Environment, Module
from services.catalog.queries import projects as queries
from services.catalog.schemas.cases import CaseCopy, CasesBulk
from services.catalog.schemas.fields import PathId

_KINDS: dict[str, type[queries.InProject]] = {"environment_id": Environment, "module_id": Module, "case_id": Case}


async def _writer(request: Request, caller: Caller) -> caller.Caller:
    ids = {name: int(value) for name, value in request.path_params.items() if str(value).isdecimal()}
    wanted = {ids["project_id"]} if "project_id" in ids else set()
    for name, kind in _KINDS.items():
        if ids.get(name, MAX_ID + 1) <= MAX_ID and not caller.is_superuser:
            wanted |= await _projects_of(kind, [ids[name]])
    return await _confirmed(caller, all(caller.is_member(project_id) for project_id in wanted))


Writer = Annotated[caller.Caller, Depends(_writer)]
"""The caller of a write in the project that the path names."""


async def _superuser(caller: Caller) -> caller.Caller:
    return await _confirmed(caller, caller.is_superuser)


async def _copier(case_id: PathId, caller: Caller, body: CaseCopy) -> caller.Caller:
    kind, id_ = (Case, case_id) if body.module_id is None else (Module, body.module_id)
    wanted = set() if caller.is_superuser else await _projects_of(kind, [id_])
    return await _confirmed(caller, all(caller.is_member(project_id) for project_id in wanted))


async def _bulk_writer(caller: Caller, body: CasesBulk) -> caller.Caller:
    wanted = set() if caller.is_superuser else await _projects_of(Case, body.ids)
    return await _confirmed(caller, all(caller.is_member(project_id) for project_id in wanted))


async def _projects_of(kind: type[queries.InProject], ids: Sequence[int]) -> set[int]:
    async with database.transaction() as session:
        return await queries.projects_of(session, kind, ids)


async def _confirmed(caller: caller.Caller, holds: bool) -> caller.Caller:
    """The caller, with the rights that auth knows of when by the replica the one that is needed does not hold.

    While auth is out of reach the replica's word stands.
    """
    if holds:
        return caller
    try:
        answer = await ask("auth", "users:lookup", {"ids": [caller.user_id]})
    except DependencyUnavailable:
        return caller
    for user in (UserChanged.model_validate_json(orjson.dumps(one)) for one in answer["users"]):
        async with database.transaction() as session:
            await keep_user(session, user)
        caller = dataclasses.replace(
            caller, is_superuser=bool(user.is_superuser), project_ids=frozenset(user.project_ids or ())
        )
    return caller


Copier = Annotated[caller.Caller, Depends(_copier)]
"""The caller of a write in the module that the body names."""
Superuser = Annotated[caller.Caller, Depends(_superuser)]
"""The caller of what superusers alone may do; whether it is one is still to be checked."""
BulkWriter = Annotated[caller.Caller, Depends(_bulk_writer)]
"""The caller of a write on the cases that the body names."""
