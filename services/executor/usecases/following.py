"""Runs that somebody follows: one look for all viewers of all runs, and what it found, kept for each of them."""

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from kit.streams import EventLog
from services.executor.models import NO_ROW
from services.executor.queries import history, reports

Case = tuple[int, int]
"""Position and data row."""
Started = tuple[int, int, int]
"""The same, and which start."""

_AT_START = {"status": "running", "failure_class": None, "pass_rate": None, "duration_ms": None}

LINGER_SECONDS = 30.0
"""How long a run is looked at after its last viewer has gone: most of them are back within seconds."""
_followed: dict[UUID, "Followed"] = {}


class Followed(EventLog):
    """A run with viewers in this process."""

    def __init__(self, run_id: UUID) -> None:
        """Remember nothing yet: `look` begins."""
        super().__init__()
        self.run_id = run_id
        self.looked_at = False
        self.completed = False
        self.left_at = time.monotonic()
        self._running: dict[Case, list[dict[str, Any]]] = {}
        self._known: dict[Case, dict[str, Any]] = {}
        self._seen: dict[Started, int] = {}

    def position_of_newcomer(self) -> int:
        """Where a viewer goes on who has a snapshot: at the end, but the end of the run is told to everyone."""
        return self.end - self.completed

    def steps_so_far(self, number: int) -> list[bytes]:
        """The steps of the cases that are running: a snapshot does not have them."""
        return [self.event("step.completed", step, number) for steps in self._running.values() for step in steps]

    def cursors(self, cases: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """After which step each case that goes on was looked at."""
        names = ("position", "data_row", "start_no", "seq")
        keys = [(*_key(case), case["starts"]) for case in self.going(cases)]
        return [
            {"run_id": self.run_id, **dict(zip(names, (*key, self._seen.get(key, 0)), strict=True))} for key in keys
        ]

    def going(self, cases: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The cases that are running, or that ended since the last look."""
        return [case for case in cases if self._differs(case) or case["status"] == "running"]

    def begin(self, cases: Iterable[dict[str, Any]]) -> None:
        """Know what had been before: the snapshot tells it."""
        self._known = {_key(case): case for case in cases}
        self.looked_at = True

    def tell(self, going: Iterable[dict[str, Any]], steps: Iterable[dict[str, Any]]) -> None:
        """Keep what a look found as events: of each case its start, its steps, its end."""
        steps_of: defaultdict[Case, list[dict[str, Any]]] = defaultdict(list)
        for step in steps:
            self._seen[step["position"], step["data_row"], step["start_no"]] = step["seq"]
            steps_of[_key(step)].append(step)
        for case in going:
            key = _key(case)
            before = self._known.get(key)
            if before is None or before["starts"] != case["starts"]:  # it may have ended since: that is told below
                self._running.pop(key, None)
                self.add("case.started", _told({**case, **_AT_START}))
            for step in map(_told, steps_of[key]):
                self._running.setdefault(key, []).append(step)
                self.add("step.completed", step)
            if case["status"] not in {"running", "queued"} and self._differs(case):
                self._running.pop(key, None)
                self.add("case.completed", _told(case))
            self._known[key] = case

    def complete(self, report: dict[str, Any]) -> None:
        """Tell the end of the run."""
        self.add("run.completed", report)
        self.completed = True

    def _differs(self, case: dict[str, Any]) -> bool:
        before = self._known.get(_key(case))
        return before is None or (before["status"], before["starts"]) != (case["status"], case["starts"])


def followed(run_id: UUID) -> Followed:
    """A run that is followed from now on, with what is known of it already."""
    return _followed.setdefault(run_id, Followed(run_id))


def all_followed() -> list[Followed]:
    """The runs that are followed, but not those that everyone has left."""
    now = time.monotonic()
    for one in list(_followed.values()):
        if one.viewers:
            one.left_at = now
        elif one.completed or now - one.left_at > LINGER_SECONDS:
            del _followed[one.run_id]
    return list(_followed.values())


async def look(session: AsyncSession, runs: Iterable[Followed]) -> None:
    """Find what has happened in these runs since the last look, and wake their viewers."""
    by_id = {one.run_id: one for one in runs if not one.completed}
    if not by_id:
        return
    over = await history.over(session, list(by_id))  # before the rest, so that of what is over everything is found
    cases: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for case in await history.begun_cases(session, list(by_id)):
        cases[case.pop("run_id")].append(case)
    new = [one for one in by_id.values() if not one.looked_at]
    for one in new:
        one.begin(cases[one.run_id])
    cursors = [cursor for run_id, one in by_id.items() for cursor in one.cursors(cases[run_id])]
    steps: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for step in await history.new_steps(session, cursors) if cursors else []:
        steps[step.pop("run_id")].append(step)
    for run_id, one in by_id.items():
        before = one.end
        one.tell(one.going(cases[run_id]), steps[run_id])
        if run_id in over and (found := await reports.run_report(session, run_id)):
            one.complete(found[1].model_dump(mode="json", exclude={"cases"}))
        if one.end > before or new:
            one.ring()


def _key(row: dict[str, Any]) -> Case:
    return row["position"], row["data_row"]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in row.items() if name != "data_row"}
    return {**rest, "row": None if row["data_row"] == NO_ROW else row["data_row"]}
