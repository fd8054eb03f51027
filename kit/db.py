"""One schema, one role, one pool per service; the only place that commits."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from asyncpg import exceptions as pg
from sqlalchemy import MetaData, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.event import listen
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.ext.asyncio import AsyncSession as SQLAlchemySession
from sqlalchemy.orm import registry
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.settings import settings
from kit.tables import platform_tables
from kit.wake import Wakeups

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
POOL_SIZE = 5
POOL_TIMEOUT_SECONDS = 20
"""How long a request waits in line for a connection: shorter than a client or a gateway waits for the answer."""

RESTART_SECONDS = 5.0
"""How long after its database went away a request waits for it, which makes a quick restart no more than a slow answer;
after that it is refused at once."""
RETRY_SECONDS = 0.1
_AWAY = (OSError, pg.PostgresConnectionError, pg.CannotConnectNowError, pg.AdminShutdownError)


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401 (the dialect's own)
    """Let the pool connect anew where the database has hung up: the driver knows, and a ping is three round trips.

    Raises: DisconnectionError, which the pool takes as its word.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _kafka(_topic: str) -> tuple[str, ...]:
    return ("*",)


class TextSession(AsyncSession):
    """SQLModel's session, whose `execute` is SQLAlchemy's own: here SQL text is no mistake to be warned of."""

    execute = SQLAlchemySession.execute  # the same method without the warning


class Database:
    """A service's schema. `open()` it before use; `transaction()` is the only committer."""

    def __init__(self, name: str) -> None:
        """Name is that of the service, its schema and its role."""
        self.name = name
        self.registry = registry(metadata=MetaData(naming_convention=NAMING))
        """Table models hang on it: `class Base(SQLModel, registry=database.registry)`."""
        platform_tables(self.registry.metadata)
        self.wakeups = Wakeups(name, self.connect)
        self.subscribers: Callable[[str], tuple[str, ...]] = _kafka
        """Who gets a topic's events: `*` is Kafka, else the services in this process."""
        self.beside: set[asyncio.Task[None]] = set()
        """Work that requests began and did not wait for; `close()` ends it."""
        self._engine: AsyncEngine | None = None
        self._away_since: float | None = None

    @property
    def metadata(self) -> MetaData:
        """Every table of the schema."""
        return self.registry.metadata

    @property
    def url(self) -> URL:
        """Where the schema is."""
        return make_url(settings().database_url_of(self.name))

    def open(self) -> None:
        """Make the pool. Connects at first use, so an unreachable database stops no start."""
        self._engine = create_async_engine(
            self.url.set(drivername="postgresql+asyncpg"),
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            pool_use_lifo=True,  # few connections are busy, and those have their plans and caches at hand
            pool_recycle=1800,
            hide_parameters=True,  # an error's text goes to the log, and values may be secrets
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args={
                "timeout": 5,
                "command_timeout": 60,
                "server_settings": self._server_settings(),
                "async_creator_fn": self._patiently,
            },
        )
        listen(self._engine.sync_engine, "checkout", _refuse_closed)

    async def close(self) -> None:
        """End the work that no request waits for, give the connections back, forget who in this process listened."""
        for task in self.beside:
            task.cancel()
        await asyncio.gather(*self.beside, return_exceptions=True)
        self.subscribers = _kafka
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    @property
    def engine(self) -> AsyncEngine:
        """The pool.

        Raises: RuntimeError before `open()`.
        """
        if self._engine is None:
            message = f"the database of {self.name} is not open"
            raise RuntimeError(message)
        return self._engine

    def _server_settings(self) -> dict[str, str]:
        return {
            "search_path": self.name,
            "application_name": f"rounds-{self.name}",
            "timezone": "UTC",
            "jit": "off",
            "idle_in_transaction_session_timeout": "60000",
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
        }

    async def _patiently(self, *arguments: Any, **options: Any) -> "asyncpg.Connection[Any]":  # noqa: ANN401
        """Connect to a server that may be starting again."""
        while True:
            try:
                connection: asyncpg.Connection[Any] = await asyncpg.connect(*arguments, **options)
            except _AWAY as error:
                now = time.monotonic()
                self._away_since = self._away_since or now
                if isinstance(error, TimeoutError) or now > self._away_since + RESTART_SECONDS:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._away_since = None
                return connection

    async def connect(self) -> "asyncpg.Connection[Any]":
        """Open a connection outside the pool, for what must own one: advisory locks, LISTEN, COPY."""
        return await self._patiently(
            self.url.set(drivername="postgresql").render_as_string(hide_password=False),
            timeout=5,
            command_timeout=60,
            server_settings=self._server_settings(),
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Begin, and commit unless an error is raised; after the commit, wake whom `session.info["wake"]` names."""
        async with TextSession(self.engine, expire_on_commit=False) as session:
            session.info["database"] = self
            async with session.begin():
                yield session
            for channel in session.info.pop("wake", ()):
                self.wakeups.ring(channel)

    async def session(self) -> AsyncIterator[AsyncSession]:
        """Give an endpoint its transaction: `Depends(database.session, scope="function")`.

        With FastAPI's default scope the commit would come after the answer, and a commit that fails would be a 201.
        """
        async with self.transaction() as session:
            yield session

    async def reachable(self) -> bool:
        """Whether a query gets an answer.

        Raises: whatever the driver raises when it does not.
        """
        async with self.engine.connect() as connection:
            return bool((await connection.execute(text("SELECT 1"))).scalar_one())


def wake_after_commit(session: AsyncSession, channel: str) -> None:
    """Ring a channel of the session's schema once the transaction has committed, in every process."""
    session.info.setdefault("wake", set()).add(channel)
