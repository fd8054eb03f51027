"""TLS as an environment asks for it, against servers that insist: whom to trust, and which certificate to show."""

from pathlib import Path
from typing import Any

import pytest

from tests.executor.conftest import Executor
from tests.support.certificates import Authority
from tests.support.tls_target import tls_target


def who(subject: str | None, **options: Any) -> dict[str, Any]:
    query = {"type": "jsonpath", "expr": "$.subject"}
    return {
        "name": "who",
        "type": "request",
        "request": {"method": "GET", "url": "{{base_url}}/"},
        "asserts": [{"query": query, "predicate": "==", "value": subject}],
        "options": options,
    }


async def asked(executor: Executor, revision: int, url: str, step: dict[str, Any], **fields: Any) -> dict[str, Any]:
    await executor.environment(revision=revision, base_urls={"default": url}, **fields)
    return (await executor.steps(step))[0]


async def test_an_environments_authorities_are_trusted_beside_the_systems(executor: Executor, tmp_path: Path) -> None:
    authority = Authority()
    with tls_target(tmp_path, authority) as url:
        trusted = await asked(executor, 2, url, who(None), ca_bundle=Authority("Other").pem + authority.pem)
        refused = await asked(executor, 3, url, who(None), ca_bundle=Authority("Other").pem)
        careless = await asked(executor, 4, url, who(None), ca_bundle=Authority("Other").pem, verify_tls=False)
        strict = await asked(executor, 5, url, who(None, verify_tls=True), verify_tls=False)

    assert [step["status"] for step in (trusted, careless)] == ["passed"] * 2
    for step in (refused, strict):
        assert (step["status"], step["failure_class"]) == ("error", "tls"), step
        assert "ca_bundle" in step["error"]


async def test_a_server_that_asks_for_a_certificate_is_shown_the_environments(
    executor: Executor, tmp_path: Path
) -> None:
    authority = Authority()
    ours, foreign = authority.issue("rounds-client"), Authority("Other").issue("somebody")
    with tls_target(tmp_path, authority, clients=authority) as url:
        common = {"ca_bundle": authority.pem, "client_key": "key"}
        shown = await asked(
            executor, 2, url, who("rounds-client"),
            **common, client_certificate=ours.certificate, secrets={"key": ours.key},
        )  # fmt: skip
        nothing = await asked(executor, 3, url, who("rounds-client"), ca_bundle=authority.pem)
        unknown = await asked(
            executor, 4, url, who("somebody"),
            **common, client_certificate=foreign.certificate, secrets={"key": foreign.key},
        )  # fmt: skip

    assert shown["status"] == "passed", shown
    for step in (nothing, unknown):
        assert (step["status"], step["failure_class"]) == ("error", "tls"), step
        assert "client_certificate" in step["error"]


@pytest.mark.parametrize("key", [None, "no key at all", "another"])
async def test_a_certificate_without_its_key_is_a_fault_of_the_environment(
    executor: Executor, tmp_path: Path, key: str | None
) -> None:
    authority = Authority()
    ours = authority.issue("rounds-client")
    secrets = {} if key is None else {"key": authority.issue("another").key if key == "another" else key}
    with tls_target(tmp_path, authority) as url:
        step = await asked(
            executor, 2, url, who(None),
            ca_bundle=authority.pem, client_certificate=ours.certificate, client_key="key", secrets=secrets,
        )  # fmt: skip

    assert (step["status"], step["failure_class"]) == ("error", "config"), step
    assert "client_certificate" in step["error"]
    assert ours.key[40:80] not in str(step)
