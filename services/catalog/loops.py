"""What the catalog does by itself."""

from services.catalog.db import database
from services.catalog.usecases import projects as usecases

IDLE_SECONDS = 60.0


async def delete_rest_of_projects() -> float:
    """Delete what lies in deleted projects, a chunk at a time, stating the deletion of each part."""
    async with database.transaction() as session:
        deleted = await usecases.delete_rest_of_projects(session)
    return 0 if deleted else IDLE_SECONDS
