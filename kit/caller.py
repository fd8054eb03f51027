"""Who is calling, and what they may do.

Every service but auth keeps a replica of the users and the sha256 of their tokens, so that auth may be down. A token
that the replica does not know is asked about at auth once; one that auth has not confirmed for a minute is confirmed
in the background.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import orjson
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.auth import UserChanged
from kit.db import Database
from kit.errors import MustChangePassword, NotAuthenticated, PermissionDenied, is_infrastructure
from kit.peers import ask

log = logging.getLogger(__name__)

Scope = Literal["read", "run", "write"]
ALL_SCOPES: frozenset[str] = frozenset({"read", "run", "write"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

DENIAL_KEPT_SECONDS = 5.0
CONFIRM_AFTER_SECONDS = 60
CONFIRMATIONS_AT_ONCE = 4


@dataclass(frozen=True)
class Caller:
    """A logged-in user, or a machine acting for one."""

    user_id: int
    username: str
    is_superuser: bool
    project_ids: frozenset[int]
    scopes: frozenset[str] = ALL_SCOPES
    must_change_password: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    credential: str = ""
    """sha256 of the token, in hexadecimal."""

    def is_member(self, project_id: int) -> bool:
        """Whether the caller may write in a project: its members may, and superusers."""
        return self.is_superuser or project_id in self.project_ids

    def require_member(self, project_id: int) -> None:
        """Raises: PermissionDenied for who is no member of the project."""
        if not self.is_member(project_id):
            raise PermissionDenied

    def require_superuser(self) -> None:
        """Raises: PermissionDenied for everyone but a superuser."""
        if not self.is_superuser:
            raise PermissionDenied


_TOKEN = APIKeyHeader(
    name="Authorization",
    scheme_name="Token",
    description="`Token <token>`: the one that log-in answered, or an API token",
    auto_error=False,
)
"""Only so that the OpenAPI document tells of it: `token_hash` reads the header."""

FindCaller = Callable[[str], Awaitable[Caller]]
"""From a token's sha256 to its caller. Raises: NotAuthenticated."""
_AUTHENTICATIONS: set[Callable[..., Any]] = set()
"""The dependencies that `authentication` made."""


def authentication(find: FindCaller, scope: Scope | None = None, *, before_password_change: bool = False) -> Any:  # noqa: ANN401
    """The FastAPI dependency that makes the `Caller` of a request.

    `scope` is what an API token must hold: by default `read` for GET and `write` for the rest.
    `before_password_change` lets in who still has the default password.
    """

    async def authenticate(request: Request, _: Annotated[str | None, Security(_TOKEN)]) -> Caller:
        caller = await find(token_hash(request))
        if caller.must_change_password and not before_password_change:
            raise MustChangePassword
        needed = scope or ("read" if request.method in SAFE_METHODS else "write")
        if needed not in caller.scopes:
            raise PermissionDenied
        return caller

    _AUTHENTICATIONS.add(authenticate)
    return Depends(authenticate)


async def authenticate_first(request: Request) -> None:
    """Authenticate a request whose body FastAPI could not parse: it parses before any dependency is asked.

    Raises: NotAuthenticated, MustChangePassword, PermissionDenied; nothing where the route asks for no caller.
    """
    waiting = [request.scope["route"].dependant] if "route" in request.scope else []
    while waiting:
        dependant = waiting.pop()
        if dependant.call in _AUTHENTICATIONS:
            await dependant.call(request, None)
        waiting.extend(dependant.dependencies)


def token_hash(request: Request) -> str:
    """The sha256 of the request's token, in hexadecimal.

    Raises: NotAuthenticated (`missing`) without an `Authorization: Token …` header.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "token" or not token.strip():
        raise NotAuthenticated("missing")
    return hashlib.sha256(token.strip().encode()).hexdigest()


def user_replica_tables(metadata: MetaData) -> None:
    """Declare the replica of `user.changed`; `USER_REPLICA_DDL_1` makes it."""
    Table(
        "known_user",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("username", Text, nullable=False),
        Column("real_name", Text),
        Column("email", Text),
        Column("is_active", Boolean, nullable=False),
        Column("is_superuser", Boolean, nullable=False),
        Column("must_change_password", Boolean, nullable=False),
        Column("project_ids", ARRAY(Integer), nullable=False),
        Column("settings", JSONB, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("deleted", Boolean, nullable=False),
        Column("confirmed_at", DateTime(timezone=True), nullable=False),
    )
    Table(
        "known_credential",
        metadata,
        Column("sha256", Text, primary_key=True),
        Column("user_id", Integer, nullable=False),
        Column("kind", Text, nullable=False),
        Column("scopes", ARRAY(Text), nullable=False),
        Column("expires_at", DateTime(timezone=True)),
        Index("known_credential_user_id_idx", "user_id"),
    )


USER_REPLICA_DDL_1 = """
CREATE TABLE known_user (
    id integer NOT NULL,
    username text NOT NULL,
    real_name text,
    email text,
    is_active boolean NOT NULL,
    is_superuser boolean NOT NULL,
    must_change_password boolean NOT NULL,
    project_ids integer[] NOT NULL,
    settings jsonb NOT NULL,
    revision bigint NOT NULL,
    deleted boolean NOT NULL,
    confirmed_at timestamptz NOT NULL,
    CONSTRAINT known_user_pkey PRIMARY KEY (id)
);
CREATE TABLE known_credential (
    sha256 text NOT NULL,
    user_id integer NOT NULL,
    kind text NOT NULL,
    scopes text[] NOT NULL,
    expires_at timestamptz,
    CONSTRAINT known_credential_pkey PRIMARY KEY (sha256)
);
CREATE INDEX known_credential_user_id_idx ON known_credential (user_id);
"""

_KEEP_USER = text("""
    INSERT INTO known_user (id, username, real_name, email, is_active, is_superuser, must_change_password, project_ids,
                            settings, revision, deleted, confirmed_at)
    VALUES (:id, :username, :real_name, :email, :is_active, :is_superuser, :must_change_password, :project_ids,
            :settings, :revision, :deleted, clock_now())
    ON CONFLICT (id) DO UPDATE SET
        username = excluded.username, real_name = excluded.real_name, email = excluded.email,
        is_active = excluded.is_active, is_superuser = excluded.is_superuser,
        must_change_password = excluded.must_change_password, project_ids = excluded.project_ids,
        settings = excluded.settings, revision = excluded.revision, deleted = excluded.deleted,
        confirmed_at = excluded.confirmed_at
    WHERE known_user.revision <= excluded.revision
    RETURNING id
""").bindparams(bindparam("settings", type_=JSONB), bindparam("project_ids", type_=ARRAY(Integer)))

_KEEP_CREDENTIAL = text("""
    INSERT INTO known_credential (sha256, user_id, kind, scopes, expires_at)
    VALUES (:sha256, :user_id, :kind, :scopes, :expires_at)
    ON CONFLICT (sha256) DO UPDATE SET scopes = excluded.scopes, expires_at = excluded.expires_at
""").bindparams(bindparam("scopes", type_=ARRAY(Text)))

_FIND = text("""
    SELECT u.id, u.username, u.is_active, u.is_superuser, u.must_change_password, u.project_ids, u.settings,
           c.scopes, c.expires_at <= clock_now() AS expired,
           u.confirmed_at < clock_now() - make_interval(secs => :confirm_after) AS stale
    FROM known_credential c JOIN known_user u ON u.id = c.user_id
    WHERE c.sha256 = :sha256 AND NOT u.deleted
""")

_STILL_GOOD = text("""
    SELECT c.sha256 FROM known_credential c JOIN known_user u ON u.id = c.user_id
    WHERE c.sha256 = ANY(:hashes) AND u.is_active AND NOT u.deleted AND c.expires_at > clock_now()
""")


async def keep_user(session: AsyncSession, event: UserChanged) -> None:
    """Take a user's state into the replica, unless a higher revision is there already.

    The same revision is taken again: it is how auth confirms what the replica knows.
    """
    kept = await session.execute(
        _KEEP_USER,
        {
            "id": event.id,
            "username": event.username,
            "real_name": event.real_name,
            "email": event.email,
            "is_active": bool(event.is_active),
            "is_superuser": bool(event.is_superuser),
            "must_change_password": bool(event.must_change_password),
            "project_ids": event.project_ids or [],
            "settings": event.settings.model_dump(mode="json") if event.settings else {},
            "revision": event.revision,
            "deleted": event.deleted,
        },
    )
    if kept.first() is None:
        return
    credentials = event.credentials or []
    await session.execute(
        text("DELETE FROM known_credential WHERE user_id = :id AND NOT sha256 = ANY(:kept)").bindparams(
            bindparam("kept", type_=ARRAY(Text)),
        ),
        {"id": event.id, "kept": [credential.sha256 for credential in credentials]},
    )
    for credential in credentials:
        await session.execute(_KEEP_CREDENTIAL, {**_credential_row(credential), "user_id": event.id})


def _credential_row(credential: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "sha256": credential.sha256,
        "kind": credential.kind,
        "scopes": list(credential.scopes),
        "expires_at": credential.expires_at,
    }


class Authenticator:
    """Finds callers in a service's replica, and asks auth where the replica may be wrong."""

    def __init__(self, database: Database) -> None:
        """Database of the service whose replica is read."""
        self.database = database
        self._denied: dict[str, tuple[float, dict[str, Any]]] = {}
        self._confirming: set[str] = set()
        self._asking = asyncio.Semaphore(CONFIRMATIONS_AT_ONCE)

    async def find(self, sha256: str) -> Caller:
        """The caller of a token.

        Raises: NotAuthenticated (`unknown`, `expired`, `replaced`), DependencyUnavailable when only auth could tell.
        """
        row = await self._look_up(sha256)
        if row is None:
            await self._ask_auth(sha256)
            row = await self._look_up(sha256)
        elif row["stale"] and sha256 not in self._confirming:
            self._confirming.add(sha256)
            task = asyncio.create_task(self._confirm(sha256))
            self.database.beside.add(task)
            task.add_done_callback(self.database.beside.discard)
        if row is None or not row["is_active"]:
            raise NotAuthenticated("unknown")
        if row["expired"]:
            raise NotAuthenticated("expired")
        return Caller(
            user_id=row["id"],
            username=row["username"],
            is_superuser=row["is_superuser"],
            project_ids=frozenset(row["project_ids"]),
            scopes=frozenset(row["scopes"]),
            must_change_password=row["must_change_password"],
            settings=row["settings"],
            credential=sha256,
        )

    async def still_good(self, hashes: Iterable[str]) -> set[str]:
        """Which of the tokens are good as far as the replica knows: one look for however many open streams."""
        async with self.database.transaction() as session:
            return set((await session.execute(_STILL_GOOD, {"hashes": sorted(set(hashes))})).scalars())

    async def _look_up(self, sha256: str) -> Any:  # noqa: ANN401 (a row)
        async with self.database.transaction() as session:
            found = await session.execute(_FIND, {"sha256": sha256, "confirm_after": CONFIRM_AFTER_SECONDS})
            return found.mappings().first()

    async def _ask_auth(self, sha256: str) -> None:
        denied_at, refusal = self._denied.get(sha256, (-DENIAL_KEPT_SECONDS, {}))
        if time.monotonic() - denied_at < DENIAL_KEPT_SECONDS:
            raise NotAuthenticated(**refusal)
        async with self._asking:
            answer = await ask("auth", "tokens:verify", {"sha256": sha256})
        if answer is None or "user" not in answer:
            if len(self._denied) > 10_000:  # noqa: PLR2004 (a bound on memory)
                self._denied.clear()
            refusal = {"reason": "unknown", **(answer or {})}
            self._denied[sha256] = (time.monotonic(), refusal)
            async with self.database.transaction() as session:
                await session.execute(text("DELETE FROM known_credential WHERE sha256 = :sha256"), {"sha256": sha256})
            raise NotAuthenticated(**refusal)
        async with self.database.transaction() as session:
            await keep_user(session, UserChanged.model_validate_json(orjson.dumps(answer["user"])))

    async def _confirm(self, sha256: str) -> None:
        try:
            await self._ask_auth(sha256)
        except NotAuthenticated:
            log.info("auth no longer knows a token of the replica; removed")
        except Exception as error:
            log.log(logging.INFO if is_infrastructure(error) else logging.ERROR, "a token is not confirmed: %s", error)
        finally:
            self._confirming.discard(sha256)
