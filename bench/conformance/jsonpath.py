"""The compliance suite of RFC 9535, through the query `jsonpath` of the judge."""

import json
from pathlib import Path
from typing import Any

from bench.conformance.judge import Suite
from caselang.asserts import Query
from caselang.expressions import ExpressionInvalid, jsonpath
from caselang.queries import Found, evaluate
from caselang.response import Response


def judge(folder: Path) -> Suite:
    """Hold every selector against its expected nodes, or its expected refusal."""
    suite = Suite("RFC 9535 compliance suite", "`cts.json` of jsonpath-standard/jsonpath-compliance-test-suite")
    for test in json.loads((folder / "cts.json").read_text())["tests"]:
        refused = test.get("invalid_selector", False)
        verdict = "red" if refused else "green"
        if _as_expected(test):
            suite.same[verdict] += 1
        else:
            suite.other.append(f"{test['name']}: `{test['selector']}`")
    return suite


def _as_expected(test: dict[str, Any]) -> bool:
    try:
        singular = jsonpath(test["selector"]).singular_query()
    except ExpressionInvalid:
        return bool(test.get("invalid_selector", False))
    if test.get("invalid_selector", False):
        return False
    body = json.dumps(test["document"]).encode()
    response = Response(status=200, headers=[], body=body, url="", duration_ms=0)
    found = evaluate(Query.model_construct(type="jsonpath", expr=test["selector"]), response, {})
    nodes = [] if not isinstance(found, Found) else [found.value] if singular else found.value
    return nodes in (test.get("results") or [test["result"]])
