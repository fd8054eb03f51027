"""Reports as files: they keep to their schemas, say nothing wrong, and carry no text that does anything."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from junitparser import Error, Failure, JUnitXml, Skipped
from lxml import etree, html

from services.executor.queries import reports
from tests.executor.conftest import Executor
from tests.executor.test_runs import get
from tests.executor.test_steps import post

HERE = Path(__file__).parent
REPORT_SCHEMA = json.loads((HERE.parents[1] / "docs" / "run-report.schema.json").read_text())
JUNIT_SCHEMA = etree.XMLSchema(etree.parse(HERE / "junit.xsd"))
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
CTRF_STATUS = {"enum": ["passed", "failed", "skipped", "pending", "other"]}


def closed(required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | optional,
        "additionalProperties": False,
    }


CTRF_STEP = closed({"name": TEXT, "status": CTRF_STATUS}, {})
CTRF_TEST = closed(
    {"name": TEXT, "status": CTRF_STATUS, "duration": COUNT},
    {
        **dict.fromkeys(("testId", "rawStatus", "message"), TEXT),
        **dict.fromkeys(("start", "stop", "retries"), COUNT),
        "trace": {"type": "string"},
        "flaky": {"type": "boolean"},
        "suite": {"type": "array", "minItems": 1, "items": TEXT},
        "steps": {"type": "array", "items": CTRF_STEP},
        "labels": {"type": "object", "additionalProperties": TEXT},
        "extra": {"type": "object"},
    },
)
CTRF_COUNTS = ("tests", "passed", "failed", "skipped", "pending", "other", "start", "stop")
CTRF_RESULTS = closed(
    {
        "tool": closed({"name": TEXT}, {"version": TEXT}),
        "summary": closed(dict.fromkeys(CTRF_COUNTS, COUNT), {"flaky": COUNT, "duration": COUNT}),
        "tests": {"type": "array", "items": CTRF_TEST},
    },
    {"extra": {"type": "object"}},
)
CTRF = Draft202012Validator(
    closed(
        {"reportFormat": {"const": "CTRF"}, "specVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"}}
        | {"results": CTRF_RESULTS},
        {"reportId": {"type": "string", "pattern": "^[0-9a-f-]{36}$"}}
        | dict.fromkeys(("runId", "timestamp", "generatedBy"), TEXT),
    )
)
"""What of the format's own schema holds for the fields that Rounds writes."""

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style><style>*{display:none}</style>",
    "]]><!-- &amp; &#0; ${7*7} {% raw %}",
    "\x01\x1b[31m\x0b\ufffe\U0001f4a5 \u202egnp.exe",
    "javascript:alert(1)",
)


async def export(executor: Executor, run_id: Any, kind: str) -> bytes:
    answer = await executor.member.get(f"/runs/{run_id}/export", params={"format": kind})
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["Content-Disposition"]
    return answer.content


async def junit(executor: Executor, run_id: Any) -> JUnitXml:
    content = await export(executor, run_id, "junit")
    JUNIT_SCHEMA.assertValid(etree.fromstring(content))
    return JUnitXml.fromstring(content)


async def ctrf(executor: Executor, run_id: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(await export(executor, run_id, "ctrf"))
    CTRF.validate(found)
    return found["results"]  # type: ignore[no-any-return]


async def page(executor: Executor, run_id: Any) -> Any:
    return html.fromstring((await export(executor, run_id, "html")).decode())


def results(found: JUnitXml) -> list[list[tuple[str, list[type]]]]:
    return [[(test.name, [type(one) for one in test.result]) for test in suite] for suite in found]


async def mixed(executor: Executor) -> str:
    """A run with a case that passed, one that failed at its second step and skipped the third, and one in error."""
    fine = await executor.case(get("/status/200"))
    broken = await executor.case(get("/status/200"), get("/status/500?a=<b>&c"), get("/status/200"))
    unreachable = await executor.case({**get("/x"), "request": {"method": "GET", "url": "http://127.0.0.1:9/"}})
    return str((await executor.run(fine, broken, unreachable, task_name="a <task>"))["run_id"])


async def test_json_keeps_to_its_published_schema(executor: Executor) -> None:
    run_id = await mixed(executor)

    found = orjson.loads(await export(executor, run_id, "json"))

    Draft202012Validator(REPORT_SCHEMA).validate(found)
    statuses = [[step["status"] for step in case["steps"]] for case in found["cases"]]
    assert statuses == [["passed"], ["passed", "failed", "skipped"], ["error"]]
    assert (found["format"], found["status"], found["cases"][1]["steps"][1]["response"]["status"]) == (
        "rounds/run-report/v1",
        "error",
        500,
    )


async def test_junit_is_valid_and_tells_each_step_to_a_parser(executor: Executor) -> None:
    run_id = await mixed(executor)

    found = await junit(executor, run_id)

    assert results(found) == [
        [("1 /status/200", [])],
        [("1 /status/200", []), ("2 /status/500?a=<b>&c", [Failure]), ("3 /status/200", [Skipped])],
        [("1 /x", [Error])],
    ]
    assert [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in found] == [
        (1, 0, 0, 0),
        (3, 1, 0, 1),
        (1, 0, 1, 0),
    ]
    (failure,) = list(list(found)[1])[1].result
    assert (failure.message, failure.type) == ("status < 400, found 500", "assertion")


async def test_ctrf_is_valid_and_tells_each_case(executor: Executor) -> None:
    run_id = await mixed(executor)

    found = await ctrf(executor, run_id)

    counts = {name: found["summary"][name] for name in ("tests", "passed", "failed", "skipped", "pending", "other")}
    assert counts == {"tests": 3, "passed": 1, "failed": 2, "skipped": 0, "pending": 0, "other": 0}
    assert [(test["status"], test["rawStatus"]) for test in found["tests"]] == [
        ("passed", "passed"),
        ("failed", "failed"),
        ("failed", "error"),
    ]
    assert "status < 400, found 500" in found["tests"][1]["trace"]
    assert found["summary"]["stop"] >= found["summary"]["start"] > 1_700_000_000_000


async def test_html_loads_nothing_and_shows_every_step(executor: Executor) -> None:
    run_id = await mixed(executor)

    found = await page(executor, run_id)

    assert found.xpath("//h1/bdi/text()") == ["a <task>"]
    assert len(found.xpath("//details")) == 5
    assert len(found.xpath("//details[@open]")) == 2
    assert (
        found.xpath("//script | //link | //img | //iframe | //object | //*[@src] | //a[not(starts-with(@href,'#'))]")
        == []
    )
    assert "url(" not in "".join(found.xpath("//style/text()"))
    policy = found.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy.startswith("default-src 'none'")
    assert set(found.xpath("//@id")) >= {href[1:] for href in found.xpath("//a/@href")}


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_shown_and_does_nothing(executor: Executor, text: str) -> None:
    step = post({"text": text})
    unequal = {"query": {"type": "jsonpath", "expr": "$.body"}, "predicate": "!=", "value": text}
    case_id = await executor.case({**step, "name": text[:90], "asserts": [unequal]}, name=text[:90])
    run_id = (await executor.run(case_id, task_name=text))["run_id"]

    found = await page(executor, run_id)

    seen = text.replace("\x0b", "\n").translate({1: None, 27: None, 0xFFFE: None})
    assert found.xpath("//script | //img | //body//style | //*[@onerror]") == []
    assert len(found.xpath("//style")) == 1
    assert found.xpath("//title/text()")
    if seen == text:
        assert found.xpath("//h1/bdi/text()") == [text]
        assert found.xpath("//summary/bdi/text()") == [text]
    assert results(await junit(executor, run_id))[0][0][1] == [Failure]
    assert (await ctrf(executor, run_id))["tests"][0]["name"] == text[:90]
    Draft202012Validator(REPORT_SCHEMA).validate(orjson.loads(await export(executor, run_id, "json")))


async def test_a_purged_report_tells_how_it_ended_and_never_looks_like_nothing_ran(executor: Executor) -> None:
    run_id = await mixed(executor)
    await executor.rows("DELETE FROM step_result RETURNING 1")
    await executor.rows("DELETE FROM case_definition RETURNING 1")

    found = await junit(executor, run_id)

    assert [result for ((_, result),) in results(found)] == [[], [Failure], [Error]]
    assert "1 of 3 passed" in str(next(iter(list(found)[1])).result[0].text)
    assert [test["status"] for test in (await ctrf(executor, run_id))["tests"]] == ["passed", "failed", "failed"]
    shown = (await page(executor, run_id)).text_content()
    assert shown.count("no longer kept") == 3


async def test_a_case_that_could_not_run_is_an_error_in_every_format(executor: Executor) -> None:
    case_id = await executor.case(get("/status/200"))
    await executor.case(get("/status/200"), id_=case_id, revision=2, deleted=True)
    run_id = (await executor.run(case_id))["run_id"]

    assert [result for ((_, result),) in results(await junit(executor, run_id))] == [[Error]]
    assert (await ctrf(executor, run_id))["tests"][0]["status"] == "failed"


async def test_what_has_no_room_in_a_file_is_left_out_and_said(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_EXPORTED_STEPS", 3)
    first = await executor.case(get("/status/200"), get("/status/200"))
    second = await executor.case(get("/status/200"), get("/status/500"))
    run_id = (await executor.run(first, second))["run_id"]

    found = orjson.loads(await export(executor, run_id, "json"))

    assert [(len(case["steps"]), case["next_cursor"]) for case in found["cases"]] == [(2, None), (1, "1")]
    assert results(await junit(executor, run_id))[1] == [("1 /status/200", []), (found["cases"][1]["name"], [Failure])]
    assert "more steps than this file has room for" in (await page(executor, run_id)).text_content()

    monkeypatch.setattr(reports, "MAX_EXPORTED_BYTES", 10)
    found = orjson.loads(await export(executor, run_id, "json"))
    assert [(case["steps"], case["next_cursor"]) for case in found["cases"]] == [([], "0"), ([], "0")]
