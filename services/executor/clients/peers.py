"""Asking the catalog and auth about what the replicas miss."""

from collections.abc import Iterable
from typing import Any

from kit.peers import ask


async def look_up(case_ids: Iterable[int], environment_ids: Iterable[int]) -> list[Any]:
    """The catalog's answers about cases and environments, to be kept in the replicas.

    Raises: DependencyUnavailable.
    """
    answers = []
    if cases := sorted(set(case_ids)):
        answers.append(await ask("catalog", "cases:lookup", {"ids": cases}))
    if environments := sorted(set(environment_ids)):
        answers.append(await ask("catalog", "environments:lookup", {"ids": environments}))
    return answers


async def look_up_project(project_id: int) -> Any:  # noqa: ANN401 (JSON)
    """The catalog's answer about a project. Raises: DependencyUnavailable."""
    return await ask("catalog", "projects:lookup", {"ids": [project_id]})


async def look_up_user(user_id: int) -> Any:  # noqa: ANN401 (JSON)
    """Auth's answer about a user. Raises: DependencyUnavailable."""
    return await ask("auth", "users:lookup", {"ids": [user_id]})
