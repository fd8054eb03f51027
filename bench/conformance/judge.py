"""Documents judged as a worker judges them: read by `caselang.document.parse`, driven by the executor's runner, sent by
its HTTP client. Only the database and the queue are left out.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from caselang.document import parse
from caselang.faults import DocumentInvalid
from caselang.judgement import worst
from kit.egress import Egress
from services.executor.clients.http import HttpClient
from services.executor.runner.case import run_case
from services.executor.runner.plan import Place, Plan, Signals, StepReport

EGRESS = Egress.of(["127.0.0.0/8", "::1/128"], [], [])
GREEN, RED = "green", "red"


class CannotSay(Exception):
    """What a test needs and the case format has no words for; the text is the reason that is counted."""


@dataclass
class Suite:
    """What became of a suite's tests."""

    name: str
    source: str
    same: Counter[str] = field(default_factory=Counter)
    """Verdicts that equal the tool's own, by verdict."""
    other: list[str] = field(default_factory=list)
    """Tests that are judged otherwise, with what was met."""
    unsaid: Counter[str] = field(default_factory=Counter)
    """Tests that cannot be expressed, by reason."""
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All tests of the suite."""
        return sum(self.same.values()) + len(self.other) + sum(self.unsaid.values())


async def judged(document: dict[str, Any], client: HttpClient) -> tuple[str, str]:
    """Whether a document is green or red, refused ones included, and why it is red."""
    try:
        case = parse(document)
    except DocumentInvalid as invalid:
        return RED, f"refused: {invalid.faults[0].field}: {invalid.faults[0].message}"
    statuses, why = [], ""
    rows: list[dict[str, Any] | None] = [*case.data] if case.data else [None]
    for row in rows:

        async def emit(_step: StepReport) -> None:
            """Nothing is kept."""

        place = Place(egress=EGRESS)
        plan = Plan(case=case, called={}, row=row, place=place, failed_stop=True, only_failed_log=False)
        end = await run_case(plan, client, emit, Signals())
        statuses.append(end.status)
        why = why or str(end.first_failure or "")
    return (GREEN, "") if worst(statuses) == "passed" else (RED, why)
