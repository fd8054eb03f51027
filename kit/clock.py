"""The one clock: PostgreSQL's, read through the function `clock_now()` of each schema, which tests can move."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, DateTime, func, text
from sqlmodel.ext.asyncio.session import AsyncSession

NAIVE_FORMAT = "%Y-%m-%dT%H:%M:%S"


def clock_now() -> ColumnElement[datetime]:
    """The present, as an SQL expression. Within one transaction it does not move."""
    return func.clock_now(type_=DateTime(timezone=True))


async def now(session: AsyncSession) -> datetime:
    """The present by the database's clock, aware, in UTC."""
    moment: datetime = (await session.execute(text("SELECT clock_now()"))).scalar_one()
    return moment.astimezone(UTC)


async def move(session: AsyncSession, offset: timedelta) -> None:
    """Set how far this schema's clock runs ahead of the real time; for tests and rehearsals only."""
    await session.execute(text("UPDATE clock_offset SET value = :offset"), {"offset": offset})


def utc_text(moment: datetime) -> str:
    """An aware time as `YYYY-MM-DDTHH:MM:SSZ`."""
    return moment.astimezone(UTC).strftime(NAIVE_FORMAT) + "Z"


def naive_text(moment: datetime, zone: ZoneInfo) -> str:
    """An aware time as the naive text that the seed's HTTP edge writes, in the platform's zone."""
    return moment.astimezone(zone).strftime(NAIVE_FORMAT)
