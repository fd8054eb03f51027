"""Queries: what an answer, or a variable, gives for them.

Public: `evaluate(query, response, variables, functions) -> Found | NotFound`. A `Found` holds a JSON value, or bytes
for the query `bytes`. It never raises for what an answer holds; a template in `expr` may raise UndefinedVariable.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jmespath.exceptions import JMESPathError
from jsonpath_rfc9535 import JSONPathError
from lxml import etree, html

from caselang.asserts import COOKIE, Query
from caselang.expressions import ExpressionInvalid, jmespath_query, jsonpath, plain_path, regex_search, xpath
from caselang.response import NotJson, Response
from caselang.template import (
    Functions,
    JsonValue,
    TemplateInvalid,
    UndefinedVariable,
    compile_name,
    look_up,
    render,
    text,
)


@dataclass(slots=True)
class Found:
    """The value that a query gives. `nodes`: it is the list of all nodes that an expression found."""

    value: JsonValue
    nodes: bool = False

    @property
    def exists(self) -> bool:
        """Whether there is something: null is, a list of no nodes is not."""
        return not (self.nodes and not self.value)


@dataclass(slots=True)
class NotFound:
    """A query gives nothing; `message` says why."""

    message: str

    @property
    def exists(self) -> bool:
        """Never."""
        return False


def evaluate(
    query: Query,
    response: Response | None,
    variables: Mapping[str, JsonValue],
    functions: Functions | None = None,
) -> Found | NotFound:
    """Ask a query of an answer (None where there is none) and the variables.

    Raises UndefinedVariable, TemplateError (the expression has a template that cannot be rendered).
    """
    expr = text(render(query.expr or "", variables, functions))
    if query.type == "variable":
        return _variable(expr, variables)
    if response is None:
        return NotFound("there is no answer")
    try:
        return _QUERIES[query.type](response, expr)
    except (NotJson, ExpressionInvalid) as error:
        return NotFound(str(error))


def _variable(expr: str, variables: Mapping[str, JsonValue]) -> Found | NotFound:
    try:
        return Found(look_up(compile_name(expr), variables))
    except (UndefinedVariable, TemplateInvalid) as error:
        return NotFound(str(error))


def _header(response: Response, expr: str) -> Found | NotFound:
    """One value, or the list of them where the header repeats."""
    values = response.header_values(expr)
    if not values:
        return NotFound(f"there is no header {expr}")
    return Found(values[0] if len(values) == 1 else values)


def _cookie(response: Response, expr: str) -> Found | NotFound:
    wanted = COOKIE.fullmatch(expr)
    if wanted is None:
        raise ExpressionInvalid(f"{expr!r} names no cookie")
    for header in reversed(response.header_values("set-cookie")):
        first, *rest = header.split(";")
        name, _, value = first.partition("=")
        if name.strip() == wanted["name"]:
            return _cookie_part(value.strip(), rest, wanted["attribute"])
    return NotFound(f"the answer sets no cookie {wanted['name']}")


def _cookie_part(value: str, parts: list[str], wanted: str | None) -> Found | NotFound:
    """The cookie's value, or an attribute: Max-Age as a number, true for Secure and HttpOnly, else a text."""
    if wanted in {None, "Value"}:
        return Found(value)
    for part in parts:
        name, _, own = part.partition("=")
        if name.strip().lower() == str(wanted).lower():
            if wanted in {"Secure", "HttpOnly"}:
                return Found(value=True)
            return Found(int(own) if wanted == "Max-Age" and own.strip().lstrip("-").isdecimal() else own.strip())
    return NotFound(f"the cookie has no {wanted}")


def _jsonpath(response: Response, expr: str) -> Found | NotFound:
    if (path := plain_path(expr)) is not None:
        return _member(response.json(), path, expr)
    query = jsonpath(expr)
    try:
        values = query.find(response.json()).values()
    except (JSONPathError, RecursionError) as error:
        return NotFound(f"the JSONPath cannot be followed: {error}")
    if not query.singular_query():
        return Found(values, nodes=True)
    return Found(values[0]) if values else NotFound(f"nothing at {expr}")


def _member(value: JsonValue, path: tuple[str | int, ...], expr: str) -> Found | NotFound:
    """Follow names and indexes: what the library does with them, at a fifth of its time."""
    for key in path:
        of_object = isinstance(value, dict) and key in value
        of_list = isinstance(value, list) and isinstance(key, int) and key < len(value)
        if not (of_object or of_list):
            return NotFound(f"nothing at {expr}")
        value = value[key]
    return Found(value)


def _jmespath(response: Response, expr: str) -> Found | NotFound:
    """JMESPath has null for what is not there, so null is nothing found."""
    try:
        value = jmespath_query(expr).search(response.json())
    except (JMESPathError, RecursionError) as error:
        return NotFound(f"the JMESPath cannot be followed: {error}")
    return NotFound(f"nothing at {expr}") if value is None else Found(value)


def _xpath(response: Response, expr: str) -> Found | NotFound:
    """A list of texts for nodes; a text, a number or a boolean for an XPath that gives one."""
    try:
        root = _tree(response)
    except (etree.LxmlError, ValueError) as error:
        return NotFound(f"the body is no XML: {error}")
    namespaces = {prefix or "_": uri for prefix, uri in root.nsmap.items()}
    try:
        result = xpath(expr, namespaces)(root)
    except etree.LxmlError as error:
        return NotFound(f"the XPath cannot be followed: {error}")
    if isinstance(result, list):
        return Found([_node_text(node) for node in result], nodes=True)
    if isinstance(result, float):
        if not math.isfinite(result):
            return NotFound(f"{expr} gives no number")
        return Found(int(result) if result.is_integer() else result)
    return Found(result if isinstance(result, bool) else str(result))


def _tree(response: Response) -> "etree._Element":
    if "html" in ", ".join(response.header_values("content-type")).lower():
        return html.document_fromstring(response.text)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(response.body, parser)
    own = root.getroottree().docinfo.internalDTD
    if own is not None and any(True for _ in own.iterentities()):  # type: ignore[union-attr]  # the stub lacks it
        # An XPath would expand them, each inside the other, without end.
        raise ValueError("it declares entities of its own, which are not read")
    return root


def _node_text(node: object) -> str:
    return "".join(map(str, node.itertext())) if isinstance(node, etree._Element) else str(node)  # noqa: SLF001 - lxml's own name


def _regex(response: Response, expr: str) -> Found | NotFound:
    found = regex_search(expr, response.text)
    return NotFound("the body does not match") if found is None else Found(found)


def _ip(response: Response, _: str) -> Found | NotFound:
    return NotFound("the address is not known") if response.ip is None else Found(response.ip)


def _certificate(response: Response, expr: str) -> Found | NotFound:
    value = response.certificate.get(expr)
    if value is not None:
        return Found(value)
    return NotFound(f"the certificate has no {expr}" if response.certificate else "there was no TLS")


_QUERIES: dict[str, Callable[[Response, str], Found | NotFound]] = {
    "status": lambda response, _: Found(response.status),
    "header": _header,
    "cookie": _cookie,
    "body": lambda response, _: Found(response.text),
    "bytes": lambda response, _: Found(response.body),
    "jsonpath": _jsonpath,
    "jmespath": _jmespath,
    "xpath": _xpath,
    "regex": _regex,
    "url": lambda response, _: Found(response.url),
    "duration": lambda response, _: Found(response.duration_ms),
    "ip": _ip,
    "certificate": _certificate,
}
