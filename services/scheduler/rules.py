"""Times, names and policies of tasks: pure functions, which are given the present where they need it."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from kit.clock import naive_text
from kit.messages import N_

CRON_FIELDS = 5
LAST_YEAR = 9000
RECURRING_GRACE_SECONDS = 300
_TICK = timedelta(microseconds=1)
_ISO_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?", re.ASCII)

Mark = Literal["gap", "fold"]


class TimeFault(ValueError):
    """A time, zone or cron expression is refused; the text is one of the contract's reason words."""

    def __init__(self, reason: str, message: str | None = None) -> None:
        """`message` is a sentence for people that says more than the reason word does."""
        super().__init__(reason)
        self.message = message


def parse_time(text: str, zone: ZoneInfo) -> datetime:
    """The instant of an ISO 8601 text with whole seconds, in UTC. Without an offset it is read in the zone.

    In a fold the first of the two instants is meant.

    Raises: TimeFault (`bad_format`, `out_of_range`, `time_does_not_exist`).
    """
    if not _ISO_SECONDS.fullmatch(text):
        raise TimeFault("bad_format")
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise TimeFault("bad_format") from error
    if not 1 < given.year < LAST_YEAR:
        raise TimeFault("out_of_range")
    if given.tzinfo is None and does_not_exist(given, zone):
        raise TimeFault("time_does_not_exist")
    return (given.replace(tzinfo=zone) if given.tzinfo is None else given).astimezone(UTC)


def does_not_exist(naive: datetime, zone: ZoneInfo) -> bool:
    """Whether the zone's clocks are put forward over this wall-clock time."""
    return naive.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != naive


def parse_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name.

    Raises: TimeFault (`wrong`).
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise TimeFault("wrong") from error


def check_cron(cron: str) -> None:
    """Refuse what is no cron expression of exactly five fields.

    Raises: TimeFault (`bad_format`).
    """
    if len(cron.split()) != CRON_FIELDS:
        raise TimeFault("bad_format", N_("A cron expression has five fields: minute, hour, day, month, weekday"))
    try:
        CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
    except (CronSimError, ValueError) as error:
        message = N_("A field of the cron expression is out of its range, or no day ever matches")
        raise TimeFault("bad_format", message) from error


def matches(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The instants at which a cron expression matches, each later than `after`, in order, in UTC.

    Debian's rule for daylight saving: where minute or hour is a wildcard, every real minute counts; else a time that
    the clocks skip is moved to the first minute after the gap, and one that comes twice matches the first time only.
    """
    fields = cron.split()
    wildcard = fields[0].startswith("*") or fields[1].startswith("*")
    # cronsim walks the wall clock alone: with a zone it misses minutes where clocks change by half an hour
    for moment in _in_order(CronSim(cron, _wall_before(zone, after)), zone, wildcard=wildcard):
        if moment > after:
            after = moment
            yield moment


def _wall_before(zone: ZoneInfo, moment: datetime) -> datetime:
    """A wall-clock time at or before which nothing later than the moment is shown."""
    wall, later = moment.astimezone(zone), (moment + timedelta(hours=3)).astimezone(zone)
    put_back = (wall.utcoffset() or timedelta()) - (later.utcoffset() or timedelta())
    return wall.replace(tzinfo=None) - max(put_back, timedelta())


def _in_order(walls: Iterable[datetime], zone: ZoneInfo, *, wildcard: bool) -> Iterator[datetime]:
    """The instants of wall-clock times, in UTC; of times in a fold both, if it is a wildcard's."""
    second_times: deque[datetime] = deque()
    for wall in walls:
        if does_not_exist(wall, zone):
            if wildcard:
                continue
            while does_not_exist(wall, zone):
                wall += timedelta(minutes=1)  # noqa: PLW2901 (it is moved)
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        while second_times and second_times[0] <= moment:
            yield second_times.popleft()
        yield moment
        again = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if wildcard and again != moment:
            second_times.append(again)
    yield from second_times


def first_match(cron: str, zone: ZoneInfo, start: datetime, until: datetime | None = None) -> datetime | None:
    """The first match at or after `start` and not after `until`; None when there is none."""
    found = next(matches(cron, zone, start - _TICK), None)
    return found if found is not None and (until is None or found <= until) else None


def next_match(cron: str, zone: ZoneInfo, after: datetime, until: datetime | None = None) -> datetime | None:
    """The first match later than `after` and not after `until`; None when there is none."""
    return first_match(cron, zone, after + _TICK, until)


def upcoming(
    cron: str, zone: ZoneInfo, start: datetime, *, count: int, until: datetime | None = None
) -> list[datetime]:
    """The first `count` matches at or after `start` and not after `until`."""
    return list(islice(_matches_within(cron, zone, start, until), count))


def _matches_within(cron: str, zone: ZoneInfo, first: datetime, last: datetime | None) -> Iterator[datetime]:
    return takewhile(lambda moment: last is None or moment <= last, matches(cron, zone, first - _TICK))


def count_matches(cron: str, zone: ZoneInfo, first: datetime, last: datetime) -> int:
    """How many matches there are from `first` to `last`, both included.

    Whole days without a change of the clock are multiplied, not walked: a task of every minute may have slept a year.
    """
    plan = CronSim(cron, first.replace(tzinfo=None))
    a_day = len(plan.minutes) * len(plan.hours)
    total, moment = 0, first
    while moment <= last:
        day = moment.astimezone(zone).date()
        start, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
        regular = start.utcoffset() == end.utcoffset() and moment == start.astimezone(UTC)
        if regular and end.astimezone(UTC) <= last:
            total += a_day if day.month in plan.months and plan.match_day(day) else 0
        else:
            total += sum(1 for _ in _matches_within(cron, zone, moment, min(last, end.astimezone(UTC) - _TICK)))
        moment = max(end.astimezone(UTC), moment + _TICK)
    return total


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def last_match(cron: str, zone: ZoneInfo, first: datetime, now: datetime) -> datetime:
    """The latest match not after `now`; `first` is one of them."""
    back = timedelta(hours=1)
    while now - back > first:
        if found := list(_matches_within(cron, zone, now - back, now)):
            return found[-1]
        back *= 4
    return [first, *_matches_within(cron, zone, first, now)][-1]


@dataclass(frozen=True)
class Missed:
    """Occurrences that were due and do not run, told in one line."""

    first: datetime
    last: datetime
    count: int
    reason: Literal["past_grace", "superseded"]


@dataclass(frozen=True)
class Outcome:
    """What becomes of a task that is due: what runs, what is missed, when it is due again."""

    run: datetime | None
    missed: Missed | None = None
    next_due: datetime | None = None


def one_off_outcome(due: datetime, now: datetime, grace_seconds: int | None) -> Outcome:
    """A task that is due once runs, however late, unless a grace period was set and is over."""
    if grace_seconds is not None and now - due > timedelta(seconds=grace_seconds):
        return Outcome(None, Missed(due, due, 1, "past_grace"))
    return Outcome(due)


def recurring_outcome(
    cron: str, zone: ZoneInfo, due: datetime, now: datetime, grace_seconds: int, until: datetime | None
) -> Outcome:
    """After a downtime only the latest missed occurrence runs, if it is within the grace period."""
    end = now if until is None else min(now, until)
    latest = last_match(cron, zone, due, end)
    following = next_match(cron, zone, max(now, latest), until)
    if now - latest > timedelta(seconds=grace_seconds):
        return Outcome(None, Missed(due, latest, count_matches(cron, zone, due, latest), "past_grace"), following)
    if latest == due:
        return Outcome(due, None, following)
    before = last_match(cron, zone, due, latest - _TICK)
    missed = Missed(due, before, count_matches(cron, zone, due, before), "superseded")
    return Outcome(latest, missed, following)


def status_between(
    cron: str | None, last_status: str | None, next_due: datetime | None, open_firings: int
) -> Literal["pending", "running", "completed", "failed"]:
    """The status of a task between two of its occurrences, or after the last."""
    if open_firings > 0:
        return "running"
    if cron is not None and next_due is not None:
        return "pending"
    return "completed" if last_status == "passed" else "failed"


def grace_of(cron: str | None, misfire_grace_seconds: int | None) -> int | None:
    """The grace period in force, in seconds: by default none for a task that is due once, 300 for a recurring one."""
    if misfire_grace_seconds is not None:
        return misfire_grace_seconds
    return None if cron is None else RECURRING_GRACE_SECONDS


def lag_ms(due: datetime, fired: datetime) -> int:
    """How late something was fired, in milliseconds."""
    return round((fired - due) / timedelta(milliseconds=1))


def generated_name(case_name: str, cases: int, moment: datetime, zone: ZoneInfo) -> str:
    """The name of a task that was given none: the first case, how many there are, and the time in the zone."""
    several = f" 等{cases}个用例" if cases > 1 else ""
    return f"{case_name}{several} {naive_text(moment, zone)}"


def clock_change(cron: str, zone: ZoneInfo, moment: datetime) -> tuple[Mark | None, str | None]:
    """What a change of the clocks does to a match, and the wall-clock time (`HH:MM`) that was meant.

    `gap`: the time meant does not exist that day, so it was moved; `fold`: the wall clock shows this time twice.
    """
    local = moment.astimezone(zone)
    naive = local.replace(tzinfo=None)
    before = (moment - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) + timedelta(seconds=1)
    if before < naive and next(CronSim(cron, naive - timedelta(seconds=1)), None) != naive:
        meant = next(CronSim(cron, before - timedelta(seconds=1)))
        return "gap", f"{meant:%H:%M}"
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return ("fold", None) if twice and not does_not_exist(naive, zone) else (None, None)
