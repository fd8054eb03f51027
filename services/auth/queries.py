"""What auth reads."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import orjson
from sqlalchemy import ColumnElement, func, text
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

import kit.caller
from contracts.auth import Credential, UserChanged, UserSettings
from kit.clock import clock_now, utc_text
from kit.errors import NotAuthenticated, NotFound
from kit.http import Paging
from services.auth.db import database
from services.auth.models import Audit, KnownProject, Membership, Token, User
from services.auth.schemas.audit import AuditFilter
from services.auth.schemas.users import UserSort

RowT = TypeVar("RowT", bound=SQLModel)

_FIND_CALLER = text("""
    SELECT u.id, u.username, u.is_active AND NOT u.deleted AS may_enter, u.is_superuser, u.must_change_password,
           u.settings, t.scopes, t.replaced_at, t.expires_at <= clock_now() AS expired,
           ARRAY(SELECT project_id FROM membership m WHERE m.user_id = u.id) AS project_ids
    FROM token t JOIN "user" u ON u.id = t.user_id
    WHERE t.sha256 = :sha256
""")


async def find_caller(sha256: str) -> kit.caller.Caller:
    """The caller of a token.

    Raises: NotAuthenticated (`unknown`, `replaced` with `replaced_at`, `expired`).
    """
    async with database.transaction() as session:
        row = (await session.execute(_FIND_CALLER, {"sha256": sha256})).mappings().first()
    if row is None or not row["may_enter"]:
        raise NotAuthenticated("unknown")
    if row["replaced_at"] is not None:
        raise NotAuthenticated("replaced", replaced_at=utc_text(row["replaced_at"]))
    if row["expired"]:
        raise NotAuthenticated("expired")
    return kit.caller.Caller(
        user_id=row["id"],
        username=row["username"],
        is_superuser=row["is_superuser"],
        project_ids=frozenset(row["project_ids"]),
        scopes=frozenset(row["scopes"]),
        must_change_password=row["must_change_password"],
        settings=row["settings"],
        credential=sha256,
    )


async def users_for_update(session: AsyncSession, ids: Collection[int]) -> list[User]:
    """Users that are not deleted, by id, locked in that order; ids of nobody are left out."""
    query = select(User).where(col(User.id).in_(ids), ~col(User.deleted)).order_by(col(User.id)).with_for_update()
    return list(await session.exec(query.execution_options(populate_existing=True)))


async def user_for_update(session: AsyncSession, user_id: int) -> User:
    """A user, locked.

    Raises: NotFound (there is none, or a deleted one).
    """
    for user in await users_for_update(session, [user_id]):
        return user
    raise NotFound


async def users_with_ids(session: AsyncSession, ids: Collection[int]) -> Sequence[User]:
    """Users by id, the deleted ones too."""
    return (await session.exec(select(User).where(col(User.id).in_(ids)).order_by(col(User.id)))).all()


async def live_user_named(session: AsyncSession, username: str) -> User | None:
    """The user of a name, unless deleted."""
    return (await session.exec(select(User).where(User.username == username, ~col(User.deleted)))).first()


async def first_superuser(session: AsyncSession) -> User | None:
    """The first superuser, None before the first start."""
    return (await session.exec(select(User).where(col(User.is_first)))).first()


async def user_states(session: AsyncSession, users: Sequence[User]) -> list[UserChanged]:
    """The users' whole present states."""
    ids = [user.id for user in users if not user.deleted]
    project_ids, credentials = defaultdict(list), defaultdict(list)
    memberships = await session.exec(
        select(Membership).where(col(Membership.user_id).in_(ids)).order_by(col(Membership.project_id)),
    )
    for membership in memberships:
        project_ids[membership.user_id].append(membership.project_id)
    tokens = await session.exec(select(Token).where(col(Token.user_id).in_(ids), is_live()).order_by(col(Token.id)))
    for token in tokens:
        credentials[token.user_id].append(
            Credential.model_validate(
                {"kind": token.kind, "sha256": token.sha256, "scopes": token.scopes, "expires_at": token.expires_at},
            ),
        )
    return [
        UserChanged.of_deleted(user.id, user.revision, username=user.username, real_name=user.real_name)
        if user.deleted
        else UserChanged(
            id=user.id,
            revision=user.revision,
            deleted=False,
            username=user.username,
            real_name=user.real_name,
            email=user.email,
            is_active=user.is_active,
            is_superuser=user.is_superuser,
            must_change_password=user.must_change_password,
            project_ids=project_ids[user.id],
            settings=settings_of(user.settings),
            credentials=credentials[user.id] if user.is_active else [],
        )
        for user in users
    ]


async def snapshot(
    session: AsyncSession, topic: str, after_id: int, limit: int
) -> tuple[Sequence[UserChanged], int | None]:
    """The state of up to `limit` users whose ids follow `after_id`, and the id to go on from (None: that was all).

    They are locked, so that no change is stated before this older state.

    Raises: KeyError for a topic of another service.
    """
    if topic != UserChanged.topic:
        raise KeyError(topic)
    query = select(User).where(col(User.id) > after_id).order_by(col(User.id)).limit(limit)
    users = (await session.exec(query.with_for_update(read=True))).all()
    return await user_states(session, users), users[-1].id if users else None


def is_live() -> ColumnElement[bool]:
    """The condition on a token that it is neither replaced nor expired."""
    return col(Token.replaced_at).is_(None) & (col(Token.expires_at) > clock_now())


def settings_of(stored: dict[str, Any]) -> UserSettings:
    """A user's settings as they lie in the database, where the keys of `environments` are text."""
    return UserSettings.model_validate_json(orjson.dumps(stored))


async def token_with_hash(session: AsyncSession, sha256: str) -> Token | None:
    """The token of a hash, whatever its state."""
    return (await session.exec(select(Token).where(Token.sha256 == sha256))).first()


async def api_tokens(session: AsyncSession, user_id: int) -> Sequence[Token]:
    """A user's API tokens that have not expired, newest first."""
    query = select(Token).where(Token.user_id == user_id, Token.kind == "api", is_live())
    return (await session.exec(query.order_by(col(Token.id).desc()))).all()


async def unknown_project_ids(session: AsyncSession, ids: Collection[int]) -> list[int]:
    """Of some ids those that are no project's here, or a deleted one's."""
    query = select(KnownProject.id).where(col(KnownProject.id).in_(ids), ~col(KnownProject.deleted))
    known: set[int] = set(await session.exec(query))
    return sorted(set(ids) - known)


async def projects_for_update(session: AsyncSession, ids: Collection[int]) -> Sequence[KnownProject]:
    """Projects that are not deleted, by id, locked in that order; ids of none are left out."""
    query = select(KnownProject).where(col(KnownProject.id).in_(ids), ~col(KnownProject.deleted))
    return (await session.exec(query.order_by(col(KnownProject.id)).with_for_update())).all()


async def project_ids_of(session: AsyncSession, user_id: int) -> set[int]:
    """Ids of the projects that a user is a member of."""
    return set(await session.exec(select(Membership.project_id).where(Membership.user_id == user_id)))


async def member_ids(session: AsyncSession, project_id: int) -> set[int]:
    """Ids of a project's members."""
    return set(await session.exec(select(Membership.user_id).where(Membership.project_id == project_id)))


async def projects_of_users(session: AsyncSession, user_ids: Collection[int]) -> dict[int, list[KnownProject]]:
    """The projects of each user, by project id."""
    query = (
        select(Membership.user_id, KnownProject)
        .join(KnownProject, col(KnownProject.id) == col(Membership.project_id))
        .where(col(Membership.user_id).in_(user_ids))
        .order_by(col(KnownProject.id))
    )
    found: dict[int, list[KnownProject]] = {user_id: [] for user_id in user_ids}
    for user_id, project in await session.exec(query):
        found[user_id].append(project)
    return found


async def list_users(
    session: AsyncSession, paging: Paging, *, is_active: bool | None, search: str, sort: UserSort
) -> tuple[int, Sequence[User]]:
    """How many users there are that fit, and a page of them."""
    query = select(User).where(~col(User.deleted))
    if is_active is not None:
        query = query.where(col(User.is_active).is_(is_active))
    if search:
        query = query.where(_contains(search, User.username) | _contains(search, User.real_name))
    key = getattr(User, sort.removeprefix("-"))
    order = key.desc().nulls_last() if sort.startswith("-") else key.asc().nulls_first()
    return await _page(session, query, paging, order, col(User.id))


async def list_members(session: AsyncSession, project_id: int, paging: Paging) -> tuple[int, Sequence[User]]:
    """How many members a project has, and a page of them.

    Raises: NotFound.
    """
    if await unknown_project_ids(session, [project_id]):
        raise NotFound
    query = select(User).join(Membership, col(Membership.user_id) == col(User.id))
    return await _page(session, query.where(Membership.project_id == project_id), paging, col(User.id))


async def list_audit(session: AsyncSession, paging: Paging, only: AuditFilter) -> tuple[int, Sequence[Audit]]:
    """How many entries there are that fit, and a page of them, newest first."""
    query = select(Audit)
    for name in ("actor_id", "action", "object_type", "object_id"):
        if (value := getattr(only, name)) is not None:
            query = query.where(getattr(Audit, name) == value)
    if only.since:
        query = query.where(Audit.at >= only.since)
    if only.until:
        query = query.where(Audit.at < only.until)
    return await _page(session, query, paging, col(Audit.id).desc())


async def _page(
    session: AsyncSession,
    query: SelectOfScalar[RowT],
    paging: Paging,
    *order: Any,  # noqa: ANN401 (columns, or their orders)
) -> tuple[int, Sequence[RowT]]:
    total = (await session.execute(select(func.count()).select_from(query.subquery()))).scalar_one()
    rows = await session.exec(query.order_by(*order).offset(paging.offset).limit(paging.page_size))
    return total, rows.all()


def _contains(text: str, column: str) -> ColumnElement[bool]:
    return col(column).icontains(text, autoescape=True)
