"""Tavern's integration tests as cases. A stage is a step; `_xfail` says that a test is red."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.conformance.judge import GREEN, RED, CannotSay
from bench.conformance.tavern_values import Test, has, number_of, schema_of, static, value_of
from bench.conformance.tavern_yaml import Tagged, documents

_TYPES = {"int": "is_integer", "float": "is_float", "str": "is_string", "bool": "is_boolean", "list": "is_list",
          "dict": "is_object"}  # fmt: skip
_OPERATORS = {"eq": "==", "ne": "!=", "equals": "==", "less_than": "<", "greater_than": ">", "contains": "contains"}


def tests(folder: Path) -> Iterator[tuple[str, str, list[dict[str, Any]] | CannotSay]]:
    """Name, Tavern's verdict, and the cases (one per set of parameters) or why there is none."""
    base = folder / "tests" / "integration"
    common = next(documents(base / "global_cfg.yaml"))
    for path in sorted(base.glob("*.tavern.yaml")):
        defaults: dict[str, Any] = {}
        for number, given in enumerate(documents(path), 1):
            if not given or given.get("is_defaults"):
                defaults = given or {}
                continue
            document = {**defaults, **given}
            document.pop("is_defaults", None)
            name = f"{path.name.removesuffix('.tavern.yaml')} {number}: {document.get('test_name')}"
            try:
                found: list[dict[str, Any]] | CannotSay = list(_cases(document, common))
            except CannotSay as reason:
                found = reason
            yield name, RED if "_xfail" in document else GREEN, found


def _cases(document: dict[str, Any], common: dict[str, Any]) -> Iterator[dict[str, Any]]:
    known = {"test_name", "stages", "_xfail", "includes", "marks", "strict", "finally"}
    if unknown := sorted(set(document) - known):
        raise CannotSay(f"`{unknown[0]}` of a test")
    if "stages" not in document:
        raise CannotSay("a fault of Tavern's own words, which have no counterpart")
    rows = list(_rows(document.get("marks") or []))
    for row in rows:
        test = Test({}, {}, _strict(document.get("strict"), default=True))
        for source in [common, *(document.get("includes") or []), {"variables": row}]:
            if isinstance(source, Tagged):
                raise CannotSay(f"`!{source.tag}`")
            test.stages |= {stage["id"]: stage for stage in source.get("stages") or ()}
            for name, value in (source.get("variables") or {}).items():
                test.variables[name] = static(value, test)
        test.stages |= {stage["id"]: stage for stage in document["stages"] if "id" in stage and "name" in stage}
        steps: list[dict[str, Any]] = []
        chosen = [stage for stage in document["stages"] if stage.get("only")][:1]
        for stage in chosen or document["stages"]:
            steps += _steps(stage, test)
        teardown = [step for stage in document.get("finally") or () for step in _steps(stage, test)]
        texts = {name: value for name, value in test.variables.items() if isinstance(value, str)}
        yield {
            "apiVersion": "rounds/v1",
            "kind": "Case",
            "name": str(document["test_name"])[:100],
            "variables": {name: value.replace("{{", "\\{{") for name, value in texts.items()},
            "steps": steps,
            **({"teardown": teardown} if teardown else {}),
        }


def _rows(marks: list[Any]) -> Iterator[dict[str, Any]]:
    sets: list[list[dict[str, Any]]] = []
    for mark in marks:
        word = mark.split("(")[0] if isinstance(mark, str) else next(iter(mark))
        if word == "parametrize":
            key, vals = mark[word]["key"], mark[word]["vals"]
            if has(vals, "$ext"):
                raise CannotSay("a Python function (`$ext`)")
            if not isinstance(vals, list):
                raise CannotSay("a fault of Tavern's own words, which have no counterpart")
            keys = key if isinstance(key, list) else [key]
            sets.append([dict(zip(keys, value if isinstance(key, list) else [value], strict=True)) for value in vals])
        elif word in {"skip", "do_not_run", "skipif", "xfail", "usefixtures"}:
            raise CannotSay(f"the pytest mark `{word}`")
    for chosen in itertools.product(*sets):
        yield {name: value for each in chosen for name, value in each.items()}


def _strict(given: Any, *, default: bool) -> bool:  # noqa: ANN401 (YAML)
    if given is None:
        return default
    if isinstance(given, bool):
        return given
    if not isinstance(given, list):
        raise CannotSay("a fault of Tavern's own words, which have no counterpart")
    words = dict([*str(word).split(":"), "on"][:2] for word in given)
    if words.get("json") == "list_any_order":
        raise CannotSay("lists compared in any order")
    if not set(words) <= {"json", "headers", "redirect_query_params", "text"}:
        raise CannotSay("a fault of Tavern's own words, which have no counterpart")
    if words.get("headers") == "on" and "json" not in words:
        return default
    return words.get("json", "on" if default else "off") == "on"


def _steps(stage: dict[str, Any], test: Test) -> Iterator[dict[str, Any]]:
    if stage.get("type") == "ref":
        if stage["id"] not in test.stages:
            raise CannotSay("a fault of Tavern's own words, which have no counterpart")
        stage = test.stages[stage["id"]]
    known = {"name", "id", "request", "response", "max_retries", "delay_before", "delay_after", "skip", "only"}
    if unknown := sorted(set(stage) - known):
        raise CannotSay(f"`{unknown[0]}` of a stage")
    if isinstance(stage.get("skip"), str | Tagged):
        raise CannotSay("a condition in Python (`skip`)")
    request, response = stage["request"], stage.get("response") or {}
    if has(request, "$ext") or has(response, "$ext") or "PLEASE " in str(request):
        raise CannotSay("a Python function (`$ext`)")
    yield from _wait(stage.get("delay_before"), test)
    options: dict[str, Any] = {"follow_redirects": bool(request.get("follow_redirects", False))}
    if "max_retries" in stage:
        options["retry"] = {"max": number_of(stage["max_retries"], test), "interval_ms": 0}
    step = {
        "name": str(stage["name"])[:100],
        "type": "request",
        "enabled": not stage.get("skip", False),
        "request": _request(request, test, options),
        "asserts": list(_asserts(response, test, request)),
        "options": options,
    }
    step["captures"] = list(_captures(response.get("save") or {}, test))
    yield step
    yield from _wait(stage.get("delay_after"), test)


def _wait(seconds: Any, test: Test) -> Iterator[dict[str, Any]]:  # noqa: ANN401 (YAML)
    if seconds:
        yield {"name": "wait", "type": "wait", "duration_ms": int(float(number_of(seconds, test)) * 1000)}


def _request(given: dict[str, Any], test: Test, options: dict[str, Any]) -> dict[str, Any]:
    reasons = {"files": "a local file", "file_body": "a local file", "cert": "a local file",
               "cookies": "cookies chosen by name",
               "clear_session_cookies": "emptying the cookie jar", "stream": None, "verify": None,
               "follow_redirects": None, "meta": "emptying the cookie jar"}  # fmt: skip
    known = {"url", "method", "headers", "params", "json", "data", "auth", "timeout"}
    for key in set(given) - known:
        if key not in reasons:
            raise CannotSay("a fault of Tavern's own words, which have no counterpart")
        if reasons[key]:
            raise CannotSay(str(reasons[key]))
    options["max_redirects"] = 30
    method = static(given.get("method", "GET"), test)
    out: dict[str, Any] = {
        "method": method.upper() if method in {"get", "post", "put", "delete", "patch"} else method,
        "url": value_of(given["url"], test, given),
    }
    if "headers" in given:
        out["headers"] = {name: str(value_of(value, test, given)) for name, value in given["headers"].items()}
    if "params" in given:
        pairs = value_of(given["params"], test, given)
        out["query"] = [
            [name, one if isinstance(one, str) else json.dumps(one)]
            for name, value in pairs.items()
            for one in (value if isinstance(value, list) else [value])
        ]
    body: dict[str, Any] = {}
    if "json" in given:
        body["json"] = value_of(given["json"], test, given)
    if "data" in given:
        data = value_of(given["data"], test, given)
        body["form" if isinstance(data, dict) else "text"] = data
    if body:
        out["body"] = body
    if "auth" in given:
        username, password = given["auth"][0], given["auth"][1]
        out["auth"] = {
            "type": "basic",
            "username": value_of(username, test, given),
            "password": value_of(password, test, given),
        }
    if "verify" in given:
        options["verify_tls"] = value_of(given["verify"], test, given)
    if "timeout" in given:
        if isinstance(given["timeout"], list):
            raise CannotSay("a time limit of its own for connecting")
        seconds = number_of(given["timeout"], test)
        options["timeout_ms"] = int(seconds * 1000) if isinstance(seconds, int | float) else seconds
    return out


def _asserts(given: dict[str, Any], test: Test, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    known = {"status_code", "headers", "json", "text", "save", "verify_response_with", "strict", "cookies"}
    if unknown := sorted(set(given) - known):
        raise CannotSay(f"`{unknown[0]}` of a response")
    strict = _strict(given.get("strict"), default=test.strict)
    status = given.get("status_code", 200)
    yield {"query": {"type": "status"}, "predicate": "==", "value": number_of(status, test)}
    for name, value in (given.get("headers") or {}).items():
        query = {"type": "header", "expr": name}
        yield {"query": query, "predicate": "==", "value": str(value_of(value, test, request))}
    if "json" in given:
        schema = schema_of(given["json"], test, request, strict=strict)
        yield {"query": {"type": "body"}, "predicate": "matches_schema", "value": schema}
    if "text" in given:
        yield {"query": {"type": "body"}, "predicate": "==", "value": value_of(given["text"], test, request)}
    for cookie in given.get("cookies") or ():
        name = value_of(cookie, test, request)
        yield {"query": {"type": "cookie", "expr": name}, "predicate": "exists"}
    checks = given.get("verify_response_with") or []
    for check in checks if isinstance(checks, list) else [checks]:
        yield from _check(check)


def _check(check: dict[str, Any]) -> Iterator[dict[str, Any]]:
    more = check.get("extra_kwargs") or {}
    if check["function"] == "tavern.helpers:validate_regex" and set(more) == {"expression"}:
        yield {"query": {"type": "regex", "expr": more["expression"]}, "predicate": "exists"}
    elif check["function"] == "tavern.helpers:validate_content":
        for one in more["comparisons"]:
            query = {"type": "jmespath", "expr": one["jmespath"]}
            operator, expected = one["operator"], one["expected"]
            if operator == "type" and expected in _TYPES:
                yield {"query": query, "predicate": _TYPES[expected]}
            elif operator in _OPERATORS:
                yield {"query": query, "predicate": _OPERATORS[operator], "value": expected}
            else:
                raise CannotSay(f"the operator `{operator}` of Tavern's helper")
    else:
        raise CannotSay("a Python function (`verify_response_with`)")


def _captures(save: dict[str, Any], test: Test) -> Iterator[dict[str, Any]]:
    for place, names in save.items():
        kind = {"json": "jmespath", "headers": "header"}.get(place)
        if kind is None:
            raise CannotSay(f"`save` of {place}")
        for name, expr in names.items():
            test.captured.add(name)
            yield {"name": name, "query": {"type": kind, "expr": expr}}
