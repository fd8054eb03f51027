"""What auth asks of the catalog."""

from collections.abc import Collection

import orjson

from contracts.catalog import ProjectChanged
from kit.peers import ask


async def look_up_projects(ids: Collection[int]) -> list[ProjectChanged]:
    """The present states of projects, the deleted ones too; ids of none are left out.

    Raises: DependencyUnavailable.
    """
    answer = await ask("catalog", "projects:lookup", {"ids": sorted(ids)})
    return [ProjectChanged.model_validate_json(orjson.dumps(project)) for project in (answer or {}).get("projects", [])]
