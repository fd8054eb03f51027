"""How cases, tasks and projects do day by day.

Days that are over are summed once, into `trend_day`; what ended since is counted when it is asked for. So a trend costs
the same however much has run, and outlives the runs.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from caselang.judgement import pass_rate
from kit import clock
from kit.partitions import first_uuid7
from services.executor.models import ALL_ENVIRONMENTS
from services.executor.schemas import ProjectRate, TrendDay
from services.executor.settings import executor_settings

LATE = timedelta(hours=1)
"""After midnight until a day is summed: transactions that ended cases before it have been committed by then."""

_BY_STATUS = """count(*) FILTER (WHERE status = 'passed') AS passed,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'error' AND NOT {platform}) AS error"""
_COUNTED = (
    f"""count(*) AS total, {_BY_STATUS},"""
    """
    CAST(percentile_cont(0.5) WITHIN GROUP (ORDER BY {duration}) AS integer) AS duration_ms_p50,
    CAST(percentile_cont(0.95) WITHIN GROUP (ORDER BY {duration}) AS integer) AS duration_ms_p95,
    count(*) FILTER (WHERE {flaky}) AS flaky"""
)
_OF_CASES = _COUNTED.format(platform="failure_class = 'platform'", duration="duration_ms", flaky="flaky")
_PLATFORM_RUN = "(cases_error > 0 AND cases_error = cases_platform)"
_OF_RUNS = _COUNTED.format(
    platform=_PLATFORM_RUN,
    duration="extract(epoch FROM finished_at - coalesce(started_at, finished_at)) * 1000",
    flaky="cases_flaky > 0",
)
_ENDED = "run_id >= :oldest AND status IN ('passed', 'failed', 'error') AND finished_at >= :since"
_CHOSEN = {
    "case": f"{_OF_CASES} FROM case_run WHERE case_id = :id AND {_ENDED}",
    "task": f"{_OF_RUNS} FROM run WHERE task_id = :id AND NOT trial AND {_ENDED}",
    "project": f"{_OF_RUNS} FROM run WHERE project_ids @> ARRAY[CAST(:id AS integer)] AND NOT trial AND {_ENDED}",
}
_HERE = " AND coalesce(environment_id, 0) = :environment_id"
_KEPT = text("""
    SELECT day, total, passed, failed, error, duration_ms_p50, duration_ms_p95, flaky FROM trend_day
    WHERE kind = :kind AND id = :id AND environment_id = :environment_id AND day >= :first AND day < :until ORDER BY day
""")
_SUMMED_UNTIL = text("SELECT max(day) + 1 FROM trend_day WHERE kind = 'summed' AND id = 0 AND environment_id = -1")
_FIRST_RUN = text("SELECT run_id FROM run ORDER BY run_id LIMIT 1")
_KEPT_RATES = text("""
    SELECT id AS project_id, sum(passed) AS passed, sum(failed) AS failed, sum(error) AS error FROM trend_day
    WHERE kind = 'project' AND id = ANY(:ids) AND environment_id = :all AND day >= :first AND day < :until GROUP BY id
""")
_FRESH_RATES = text(f"""
    SELECT project_id, {_BY_STATUS.format(platform=_PLATFORM_RUN)} FROM run, unnest(project_ids) AS project_id
    WHERE project_ids && CAST(:ids AS integer[]) AND project_id = ANY(:ids) AND NOT trial AND {_ENDED}
    GROUP BY project_id
""")
_TAKE_DAY = text("""
    INSERT INTO trend_day (kind, id, environment_id, day, total, passed, failed, error, flaky)
    VALUES ('summed', 0, :all, :day, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING RETURNING 1
""")
_SUM = [
    text(f"INSERT INTO trend_day (kind, id, environment_id, day, {columns}) {query}")
    for columns in ("total, passed, failed, error, duration_ms_p50, duration_ms_p95, flaky",)
    for query in (
        f"""SELECT 'case', case_id, CASE GROUPING(environment_id) WHEN 1 THEN :all ELSE coalesce(environment_id, 0) END,
            CAST(:day AS date), {_OF_CASES} FROM case_run WHERE case_id > 0 AND {_ENDED} AND finished_at < :until
            GROUP BY GROUPING SETS ((case_id), (case_id, environment_id))""",
        f"""SELECT 'task', task_id, :all, CAST(:day AS date), {_OF_RUNS} FROM run
            WHERE task_id IS NOT NULL AND NOT trial AND {_ENDED} AND finished_at < :until GROUP BY task_id""",
        f"""SELECT 'project', project_id, :all, CAST(:day AS date), {_OF_RUNS}
            FROM run, unnest(project_ids) AS project_id WHERE NOT trial AND {_ENDED} AND finished_at < :until
            GROUP BY project_id""",
    )
]


async def trends(
    session: AsyncSession, kind: str, id_: int, environment_id: int | None, days: int, zone: ZoneInfo
) -> list[TrendDay]:
    """Results day by day of a `case` (in one environment, 0: without one; None: in all), a `task` or a `project`."""
    first, until = await _days(session, days, zone)
    place = ALL_ENVIRONMENTS if environment_id is None else environment_id
    key = {"kind": kind, "id": id_, "environment_id": place}
    kept = (await session.execute(_KEPT, {**key, "first": first, "until": until})).mappings().all()
    begin = _midnight(until, zone)
    here = "" if environment_id is None else _HERE
    live = text(f"""
        SELECT CAST(finished_at AT TIME ZONE :zone AS date) AS day, {_CHOSEN[kind]}{here} GROUP BY day ORDER BY day
    """)
    asked = {"id": id_, "since": begin, "oldest": _oldest(begin), "zone": zone.key}
    if here:
        asked["environment_id"] = place
    fresh = (await session.execute(live, asked)).mappings().all()
    return [
        TrendDay(
            **row,
            pass_rate=pass_rate(row["passed"], row["failed"], row["error"]),
            flaky_rate=pass_rate(row["flaky"], row["total"] - row["flaky"], 0),
        )
        for row in (*kept, *fresh)
    ]


async def project_rates(session: AsyncSession, ids: Sequence[int], days: int, zone: ZoneInfo) -> list[ProjectRate]:
    """How the runs of each project did over the last days, today included, in the order asked for."""
    first, until = await _days(session, days, zone)
    kept = {"ids": ids, "all": ALL_ENVIRONMENTS, "first": first, "until": until}
    begin = _midnight(until, zone)
    fresh = {"ids": ids, "since": begin, "oldest": _oldest(begin)}
    counts = {id_: Counter[str]() for id_ in ids}
    for query, values in ((_KEPT_RATES, kept), (_FRESH_RATES, fresh)):
        for row in (await session.execute(query, values)).mappings():
            counts[row["project_id"]].update({status: row[status] for status in ("passed", "failed", "error")})
    return [
        ProjectRate(
            project_id=id_,
            passed=of["passed"],
            failed=of["failed"],
            error=of["error"],
            pass_rate=pass_rate(of["passed"], of["failed"], of["error"]),
        )
        for id_, of in counts.items()
    ]


async def _days(session: AsyncSession, days: int, zone: ZoneInfo) -> tuple[date, date]:
    """The first of so many days, today included, and the first one that is not summed up yet."""
    first = (await clock.now(session)).astimezone(zone).date() - timedelta(days=days - 1)
    return first, max((await session.execute(_SUMMED_UNTIL)).scalar() or first, first)


async def day_to_sum(session: AsyncSession, zone: ZoneInfo) -> date | None:
    """The first day that is over and not summed yet; None: there is none."""
    day = (await session.execute(_SUMMED_UNTIL)).scalar()
    if day is None:
        run_id: UUID | None = (await session.execute(_FIRST_RUN)).scalar()
        if run_id is None:
            return None
        day = datetime.fromtimestamp((run_id.int >> 80) / 1000, zone).date()
    over = (await clock.now(session) - LATE).astimezone(zone).date()
    return day if day < over else None


async def sum_day(session: AsyncSession, day: date, zone: ZoneInfo) -> None:
    """Sum what ended on a day; once, whoever else is at it."""
    if (await session.execute(_TAKE_DAY, {"day": day, "all": ALL_ENVIRONMENTS})).first() is None:
        return
    begin, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    bounds = {"day": day, "all": ALL_ENVIRONMENTS, "since": begin, "until": end, "oldest": _oldest(begin)}
    for statement in _SUM:
        await session.execute(statement, bounds)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _oldest(begin: datetime) -> UUID:
    """The oldest run that may have ended since `begin`: it is cancelled after its time."""
    return first_uuid7(begin - timedelta(seconds=executor_settings().run_timeout_seconds) - LATE)
