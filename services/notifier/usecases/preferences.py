"""When a user wants to be left alone: quiet hours, mutes, and the link in each mail that mutes its task."""

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from kit import clock
from kit.errors import FieldFault, InvalidParameter, NotFound
from kit.settings import settings
from services.notifier import queries
from services.notifier.models import MAIL_CHANNEL_ID, CompletedRun, Delivery, Preference
from services.notifier.schemas import PreferenceWrite
from services.notifier.usecases.telling import skip_waiting


async def preference_of(session: AsyncSession, user_id: int) -> Preference:
    """What a user chose; nothing yet: no quiet hours, nothing muted."""
    found = (await queries.preferences(session, [user_id])).get(user_id)
    return found or Preference(
        user_id=user_id, quiet_from=None, quiet_until=None, timezone=settings().timezone, muted_task_ids=[]
    )


async def save(session: AsyncSession, user_id: int, new: PreferenceWrite) -> Preference:
    """Replace what a user chose. Mails that wait for the user and are now muted are skipped.

    Raises: InvalidParameter (quiet hours without a beginning, an end, or a length).
    """
    half_given = (new.quiet_from is None) != (new.quiet_until is None)
    if half_given or (new.quiet_from is not None and new.quiet_from == new.quiet_until):
        raise InvalidParameter(errors=[FieldFault("quiet_until", "wrong")])
    statement = insert(Preference).values(user_id=user_id, **new.model_dump())
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[col(Preference.user_id)],
            set_={name: statement.excluded[name] for name in new.model_dump()},
        )
    )
    if new.muted_until is not None and new.muted_until > await clock.now(session):
        await skip_waiting(session, user_id, "muted")
    elif new.muted_task_ids:
        await skip_waiting(session, user_id, "muted", new.muted_task_ids)
    return await preference_of(session, user_id)


async def told_by(session: AsyncSession, token: str) -> tuple[Delivery, CompletedRun]:
    """The mail whose link holds this token, and what it told.

    Raises: NotFound (a wrong link, or one older than deliveries are kept).
    """
    delivery = (await session.exec(select(Delivery).where(col(Delivery.unsubscribe_token) == token))).first()
    if delivery is None or delivery.channel_id != MAIL_CHANNEL_ID:
        raise NotFound
    return delivery, (await queries.completed_runs(session, [delivery.run_id]))[delivery.run_id]


async def unsubscribe(session: AsyncSession, token: str) -> tuple[Delivery, CompletedRun]:
    """Mute the task that a mail told of, for its recipient. Safe to repeat. Raises: NotFound."""
    delivery, completed = await told_by(session, token)
    statement = insert(Preference).values(
        user_id=delivery.recipient, timezone=settings().timezone, muted_task_ids=[completed.task_id]
    )
    without = func.array_remove(col(Preference.muted_task_ids), completed.task_id)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[col(Preference.user_id)],
            set_={"muted_task_ids": func.array_append(without, completed.task_id)},
        )
    )
    await skip_waiting(session, delivery.recipient, "muted", [completed.task_id])
    return delivery, completed
