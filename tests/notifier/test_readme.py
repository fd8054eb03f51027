"""The sample that the documentation gives for verifying webhooks works."""

import re
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.notifier.rules.chats import webhook_headers
from services.notifier.usecases.channels import new_secret

README = Path(__file__).parents[2] / "services" / "notifier" / "README.md"


@pytest.fixture
def verified() -> Any:
    """The function in the README."""
    (sample,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(sample, names)  # noqa: S102 (the sample is under test)
    return names["verified"]


def test_the_sample_accepts_what_is_sent_and_refuses_the_rest(verified: Any) -> None:
    secret, body, now = new_secret(), b'{"type":"run.completed"}', int(time.time())
    headers = webhook_headers(secret, uuid4(), now, body)
    assert verified(headers, body, secret)
    assert not verified(headers, body + b" ", secret)
    assert not verified(headers, body, new_secret())
    assert not verified(headers | {"webhook-id": str(uuid4())}, body, secret)
    assert not verified(webhook_headers(secret, uuid4(), now - 301, body), body, secret)
