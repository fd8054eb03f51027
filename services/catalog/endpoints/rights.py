"""Who may write: the replica's no is confirmed with auth before it is answered."""

import dataclasses
from collections.abc import Iterable
from typing import Annotated

import orjson
from fastapi import Depends, Request

from contracts.auth import UserChanged
from kit import caller
from kit.caller import keep_user
from kit.errors import DependencyUnavailable
from kit.peers import ask
from services.catalog.db import Caller, database
from services.catalog.models import Case, Environment, Module
from services.catalog.queries import projects as queries
from services.catalog.schemas.fields import MAX_ID

_KINDS: dict[str, type[queries.InProject]] = {"environment_id": Environment, "module_id": Module, "case_id": Case}


async def _writer(request: Request, caller: Caller) -> caller.Caller:
    ids = {name: int(value) for name, value in request.path_params.items() if str(value).isdecimal()}
    wanted = {ids["project_id"]} if "project_id" in ids else set()
    for name, kind in _KINDS.items():
        if ids.get(name, MAX_ID + 1) <= MAX_ID and not caller.is_superuser:
            async with database.transaction() as session:
                wanted |= await queries.projects_of(session, kind, [ids[name]])
    return await confirmed(caller, wanted)


async def confirmed(caller: caller.Caller, project_ids: Iterable[int]) -> caller.Caller:
    """The caller, with the rights that auth knows of when the replica lacks one on these projects.

    While auth is out of reach the replica's word stands. Opens transactions of its own: never call it inside one.
    """
    if all(caller.is_member(project_id) for project_id in project_ids):
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


Writer = Annotated[caller.Caller, Depends(_writer)]
"""The caller of a write in the project that the path names."""
