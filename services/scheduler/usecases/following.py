"""The tasks that people watch: one look for all viewers of a process, and what it found, kept for each of them."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import clock
from kit.streams import EventLog
from services.scheduler import queries
from services.scheduler.usecases import states

TOLD_AT_ONCE = 1000
"""Tasks; of more changes than that the viewers are only told that there were some."""
OVERLAP = timedelta(seconds=5)
"""How far a look goes back behind the one before it: a transaction may commit later than it says."""

# Each part has an index; a task that nothing was heard of and nobody touched has not changed.
_CHANGED = text("""
    SELECT task_id FROM firing WHERE state IN ('fired', 'started') AND heard_at >= :since
    UNION SELECT task_id FROM firing WHERE ended_at IS NOT NULL AND ended_at >= :since
    UNION SELECT task_id FROM task_listing WHERE updated_at >= :since
    LIMIT :limit
""")


class Board(EventLog):
    """What changes in the tasks, for all who watch them in this process."""

    remembered = 2000

    def __init__(self) -> None:
        """Nobody watches, nothing was looked at."""
        super().__init__()
        self.looked_at: datetime | None = None
        self.told: dict[int, bytes] = {}
        """What was last told of the tasks that the last look saw."""

    def forget(self) -> None:
        """Let every viewer begin anew."""
        self.first, self.log, self.told = self.end + 1, [], {}
        self.ring()


board = Board()


async def look(session: AsyncSession) -> None:
    """Find the tasks that have changed since the last look, and wake the viewers."""
    now = await clock.now(session)
    since = min(board.looked_at or now, now) - OVERLAP
    board.looked_at = now
    found = await session.execute(_CHANGED, {"since": since, "limit": TOLD_AT_ONCE + 1})
    ids = list(found.scalars())
    before = board.end
    if len(ids) > TOLD_AT_ONCE:
        board.forget()
    else:
        tasks = await queries.known_tasks(session, ids)
        told = board.told
        board.told = {}
        for state in await states.of_tasks(session, tasks):
            body = state.model_dump(mode="json")
            event = board.event("task.changed", body, 0)
            if told.get(state.id) != event:
                board.add("task.changed", body)
            board.told[state.id] = event
    if board.end > before:
        board.ring()


def nobody_watches() -> None:
    """Forget what was seen: the next viewer begins anew."""
    if board.looked_at is not None:
        board.looked_at = None
        board.forget()
