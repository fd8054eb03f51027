"""`docs/permissions.md` is the truth: every operation is called as every role."""

import re
from pathlib import Path

import pytest

from tests.contract.world import ROLES, World, operations

TABLE = Path(__file__).parents[2] / "docs" / "permissions.md"
NEVER_200 = {"POST /notifications/deliveries/{delivery_id}/retry", "POST /runs/{run_id}/cancel"}
"""What was sent is not sent again, and a run that is over not cancelled: 409 for who may."""


def table() -> dict[str, dict[str, str]]:
    """Operation → role → expected outcome."""
    rows = [line.strip().strip("|").split("|") for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    named = [(re.sub("`", "", row[0]).strip(), [cell.strip() for cell in row[1:]]) for row in rows]
    assert len(named) == len(dict(named)), "an operation has two rows"
    return {operation: dict(zip(ROLES, cells, strict=True)) for operation, cells in named}


def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    assert set(table()) == set(operations())


@pytest.mark.timeout(400)
async def test_every_operation_answers_every_role_as_the_table_says(world: World) -> None:
    wrong, succeeded = [], set(NEVER_200)
    for operation, expected in table().items():
        for role, outcome in expected.items():
            answer = await world.send(operation, role)
            status = answer.status_code
            found = str(status) if status in {401, 403} or status >= 500 else "allowed"
            if found != outcome:
                wrong.append(f"{operation} as {role}: {status} {answer.text[:200]}, the table says {outcome}")
            if status < 400:
                succeeded.add(operation)
    assert not wrong, "\n".join(wrong)
    assert set(operations()) - succeeded == set(), "the request of these is valid for nobody"
