"""What operators do to outboxes and dead letters: straight in the databases, each as its own service's role."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from cli.data_dir import NotRunning, use_settings
from cli.output import fail
from cli.services import load
from contracts.topics import TOPICS
from kit import dead_letters, replay
from kit.db import Database
from kit.service import subscribers
from kit.settings import SERVICES, settings

SNAPSHOTS = {"auth": "services.auth.queries", "catalog": "services.catalog.queries.states"}
"""Where the states of each producer are read; imported when it is its turn, like the services themselves."""
T = TypeVar("T")


def run(data_dir: Path, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do some of what follows with the databases of the settings, or else of the data folder.

    Raises: typer.Exit with code 2 and the reason on standard error.
    """
    try:
        use_settings(data_dir)
        return asyncio.run(work())
    except (NotRunning, SQLAlchemyError, asyncpg.PostgresError, RuntimeError, OSError) as error:
        fail(str(error))


def reached(names: Collection[str] = SERVICES) -> tuple[list[str], list[str]]:
    """Of some services those whose database the settings name, and the others.

    Raises: RuntimeError when there is none of the first.
    """
    known, unknown = [], []
    for name in names:
        try:
            settings().database_url_of(name)
        except RuntimeError:
            unknown.append(name)
        else:
            known.append(name)
    if not known:
        settings().database_url_of(unknown[0])
    return known, unknown


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Database]:
    """A service's database, of which nothing but the pool runs in this process."""
    database.subscribers = subscribers
    database.open()
    try:
        yield database
    finally:
        await database.close()


async def outbox_status() -> list[dict[str, Any]]:
    """What waits in each outbox, and since when what was published is kept.

    Raises: RuntimeError.
    """
    found: list[dict[str, Any]] = []
    for name in reached()[0]:
        async with opened(Database(name)) as database:
            found += [{"service": name, **row} for row in await replay.outbox_status(database)]
    return found


def producers(topic: str | None, *, compacted: bool) -> dict[str, str]:
    """The producer of each topic wanted: the one named, or all (of states, for `compacted`).

    Raises: RuntimeError when there is no such topic.
    """
    known = {one.name: one.producer for one in TOPICS if one.compacted or not compacted}
    if topic is None:
        return dict(known)
    if topic not in known:
        raise RuntimeError(f"there is no topic {topic}; known are {', '.join(known)}")
    return {topic: known[topic]}


async def snapshot(topic: str | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Publish every present state of a topic, or of all topics of states.

    Answers what was published, and the services that were left out, their databases not being named.

    Raises: RuntimeError.
    """
    wanted = producers(topic, compacted=True)
    known, unknown = reached(dict.fromkeys(wanted.values()))
    done = []
    for name in known:
        read = cast("replay.Snapshot", import_module(SNAPSHOTS[name]).snapshot)
        async with opened(Database(name)) as database:
            for one in (one for one, producer in wanted.items() if producer == name):
                states = await replay.state_again(database, one, read)
                done.append({"service": name, "topic": one, "events": states})
    return done, unknown


async def publish_again(topic: str | None, since: datetime | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Let what was published go out again: of one topic or all, since a time (naive: of the platform's zone) or ever.

    Answers what was published, and the services that were left out, their databases not being named.

    Raises: RuntimeError.
    """
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=settings().zone)
    known, unknown = reached(dict.fromkeys(producers(topic, compacted=False).values()))
    done = []
    for name in known:
        async with opened(Database(name)) as database:
            rows = await replay.publish_again(database, topic, since)
            done.append({"service": name, "topic": topic, "rows": rows})
    return done, unknown


async def dead_letters_of(name: str | None, limit: int) -> list[dict[str, Any]]:
    """The oldest dead letters of each service, or of one.

    Raises: RuntimeError.
    """
    found: list[dict[str, Any]] = []
    for one in reached([name] if name else SERVICES)[0]:
        async with opened(Database(one)) as database:
            found += [{"service": one, **row} for row in await dead_letters.dead_letters(database, limit)]
    return found


async def retry(name: str, ids: list[int] | None) -> list[dict[str, Any]]:
    """Hand dead letters of a service to it again, all without ids; answers what came of each."""
    (service,) = load([name])
    async with opened(service.database) as database:
        done = []
        for id_ in await dead_letters.ids_of_all(database) if ids is None else ids:
            outcome, reason = await dead_letters.retry(service.consumer, id_)
            done.append({"service": name, "id": id_, "outcome": outcome, "reason": reason or None})
        return done


async def drop(name: str, ids: list[int] | None) -> list[int]:
    """Forget dead letters of a service, all without ids; answers the ids of those that there were."""
    async with opened(Database(name)) as database:
        return await dead_letters.drop(database, await dead_letters.ids_of_all(database) if ids is None else ids)
