"""The words of the case format that can be run today: whatever is not listed is refused by name when a case is saved.

The document's models know the whole format; a word is switched on by adding it here once the runner can run it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

QueryType = Literal[
    "status", "header", "cookie", "body", "bytes", "jsonpath", "jmespath", "xpath", "regex", "url", "duration", "ip",
    "certificate", "variable",
]  # fmt: skip
PredicateType = Literal[
    "==", "!=", "<", "<=", ">", ">=", "between", "in", "contains", "starts_with", "ends_with", "matches", "exists",
    "is_empty", "is_integer", "is_float", "is_boolean", "is_string", "is_list", "is_object", "is_null", "is_date",
    "count", "matches_schema",
]  # fmt: skip

Supported = Mapping[str, frozenset[str]]
"""Per kind of word (`step`, `query` …) the words that can be run."""

EVERYTHING: Supported = MappingProxyType(
    {
        "step": frozenset({"request", "wait", "set", "call", "group", "sql"}),
        "body": frozenset({"json", "text", "form", "multipart", "graphql"}),
        "auth": frozenset({"bearer", "basic", "api_key", "oauth2_client_credentials"}),
        "query": frozenset(get_args(QueryType)),
        "predicate": frozenset(get_args(PredicateType)),
        "function": frozenset(
            {"uuid", "timestamp", "iso_date", "random_int", "base64", "sha256", "hmac_sha256", "env.name"}
        ),
        "case option": frozenset({"timeout_ms", "failed_stop", "retry", "locks", "on_worker_loss"}),
    }
)
"""The whole format."""

SUPPORTED: Supported = EVERYTHING
"""What the runner runs now: all of it. A word that it could not run yet would be missing here."""
