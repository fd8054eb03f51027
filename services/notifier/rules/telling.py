"""Who is told what, and when: pure decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from contracts.scheduler import Notify

FAILING = frozenset({"failed", "error"})
JUDGED = FAILING | {"passed"}

FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 3600
GIVE_UP_AFTER = timedelta(hours=24)
"""How long a delivery is tried; also the age from which a run is no news any more."""


@dataclass(frozen=True)
class Change:
    """What differs from the task's run before. Cases by id, in the order of the run."""

    previous_status: str
    previous_pass_rate: float | None
    new: list[int]
    """Cases that fail now and did not before."""
    still: list[int]
    """Cases that fail as they did before."""
    recovered: list[int]
    """Cases that failed before and pass now."""


@dataclass(frozen=True)
class Sent:
    """The other side accepted it."""

    via: str
    """`smtp`, `file` or `http`."""


@dataclass(frozen=True)
class Later:
    """Not accepted now; trying again may help."""

    error: str


@dataclass(frozen=True)
class Refused:
    """Not accepted, and never will be."""

    error: str


Outcome = Sent | Later | Refused


def delivery_id(run_id: UUID, channel_id: int, recipient: int) -> UUID:
    """The id of a delivery: the same at every delivery of the event that asks for it."""
    return uuid5(NAMESPACE_URL, f"rounds:delivery:{run_id}:{channel_id}:{recipient}")


def compare(
    before: Mapping[int, str], now: Mapping[int, str], previous_status: str, previous_pass_rate: float | None
) -> Change:
    """Hold the statuses of a run's cases against those of the run before."""
    failing = [case for case, status in now.items() if status in FAILING]
    return Change(
        previous_status=previous_status,
        previous_pass_rate=previous_pass_rate,
        new=[case for case in failing if before.get(case) not in FAILING],
        still=[case for case in failing if before.get(case) in FAILING],
        recovered=[case for case, status in now.items() if status == "passed" and before.get(case) in FAILING],
    )


def is_told(rule: Notify, status: str, change: Change | None) -> bool:
    """Whether a run that ended so is told under a rule.

    `on_failure`: it failed. `on_change`: its status or the set of failing cases is another than before; a first run
    that passed changed nothing. Under both, the run that passes after one that failed is told: a recovery, once.
    What was cancelled says nothing about the cases: only `always` tells it.
    """
    if rule == "always":
        return True
    if status == "cancelled":
        return False
    if status == "passed":
        return change is not None and (change.previous_status in FAILING or _moved(rule, change))
    if rule == "on_failure" or change is None:
        return True
    return status != change.previous_status or _moved(rule, change)


def _moved(rule: Notify, change: Change) -> bool:
    return rule == "on_change" and bool(change.new or change.recovered)


def pause_seconds(tries: int) -> int:
    """How long to wait after this many tries: 30 s, doubling, at most an hour."""
    return int(min(FIRST_PAUSE_SECONDS * 2.0 ** min(tries - 1, 20), LONGEST_PAUSE_SECONDS))


def end_of_quiet(now: datetime, quiet_from: time, quiet_until: time, zone: ZoneInfo) -> datetime | None:
    """When the quiet hours end that `now` lies in; None when it lies in none. They may span midnight."""
    local = now.astimezone(zone)
    clock = local.time()
    overnight = quiet_from > quiet_until
    quiet = (clock >= quiet_from or clock < quiet_until) if overnight else quiet_from <= clock < quiet_until
    if not quiet:
        return None
    day = local.date() + timedelta(days=1) if overnight and clock >= quiet_from else local.date()
    return datetime.combine(day, quiet_until, zone)
