"""What the event classes refuse, and how they write what they take."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.auth import UserChanged
from contracts.catalog import EnvironmentChanged, ModuleChanged
from contracts.executor import RunStarted
from contracts.generate import EXAMPLES
from contracts.scheduler import TaskDue


def example(path: str, **changes: object) -> str:
    return json.dumps(json.loads((EXAMPLES / f"{path}.json").read_text("utf-8")) | changes)


def test_an_unknown_field_is_ignored() -> None:
    event = RunStarted.model_validate_json(example("run.started/scheduled", invented_later=1))
    assert json.loads(event.model_dump_json()) == json.loads(example("run.started/scheduled"))


def test_a_time_with_an_offset_is_written_in_utc() -> None:
    event = RunStarted.model_validate_json(example("run.started/scheduled", started_at="2025-08-26T15:00:00+08:00"))
    assert json.loads(event.model_dump_json())["started_at"] == "2025-08-26T07:00:00Z"


@pytest.mark.parametrize(
    "changes",
    [
        {"started_at": "2025-08-26T07:00:00"},
        {"started_at": 1756191600},
        {"task_id": "1"},
        {"task_id": True},
        {"trigger": "cron"},
        {"run_id": "1"},
    ],
    ids=str,
)
def test_a_value_of_the_wrong_kind_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RunStarted.model_validate_json(example("run.started/scheduled", **changes))


def test_a_deleted_object_that_still_carries_its_secrets_is_refused() -> None:
    with pytest.raises(ValidationError, match="still carries secrets"):
        EnvironmentChanged.model_validate_json(example("environment.changed/deleted", secrets={"password": "k1:AAAA"}))


def test_the_state_of_a_deleted_object_needs_its_names_only() -> None:
    assert json.loads(ModuleChanged.of_deleted(6, 3, name="权限").model_dump_json()) == json.loads(
        example("module.changed/deleted"),
    )
    with pytest.raises(ValidationError, match="real_name"):
        UserChanged.of_deleted(5, 4, username="testuser")


def test_the_environments_a_user_chose_are_numbers_by_project_id() -> None:
    user = UserChanged.model_validate_json(example("user.changed/present"))
    assert user.settings is not None
    assert user.settings.environments == {7: 3}


def test_the_key_is_the_id_that_orders_and_the_type_names_topic_and_version() -> None:
    assert TaskDue.model_validate_json(example("task.due/retry")).key == "9"
    assert TaskDue.event_type() == "rounds.task.due.v1"
    assert ModuleChanged.of_deleted(6, 3, name="权限").key == "6"
