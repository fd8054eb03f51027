import json
from typing import Any

import jsonschema
import pytest

from caselang.schema import PATH, main, schema
from tests.caselang.test_document import WHOLE

VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_committed_schema_is_what_the_models_give(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out
    assert json.loads(PATH.read_text("utf-8")) == schema()


@pytest.mark.parametrize(
    "change",
    [{"name": 5}, {"steps": []}, {"extra": 1}, {"steps": [{"type": "script"}]}, {"data": []}, {"variables": {"1a": 1}},
     {"steps": [{"type": "request", "request": {"url": "x", "headers": {"a": 1}}}]}],
)  # fmt: skip
def test_the_schema_refuses_what_is_no_case(change: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(WHOLE)
    assert not VALIDATOR.is_valid(WHOLE | change)
