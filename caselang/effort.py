"""Which judgements are surely quick: the rest must not be done where others wait.

Public: `is_quick(body_bytes, captures, asserts)`.

What an expression costs is not told by the size of the answer alone: `$..*..*` grows with its square, `$[0,0][0,0]` and
`[@, @][]` double what they find, and the references of a JSON Schema can do so too.
"""

import re
from collections.abc import Sequence

from caselang.asserts import Assert, Capture
from caselang.expressions import plain_path

_FOLLOWED_BYTES = 64 * 1024
"""Up to this size a body is read and a path of names and indexes followed within a few ms."""
_SEARCHED_BYTES = 4 * 1024
"""Up to this size it is searched from end to end within a few ms."""
_ONE_SEARCH = {
    "jsonpath": re.compile(r"(?!.*\.\..*\.\.)[^?,{]*", re.DOTALL),
    "jmespath": re.compile(r'[\w.\[\]*"-]*'),
    "xpath": re.compile(r"(?!.*//.*//)[^\[(:{]*", re.DOTALL),
}
"""Expressions that pass over an answer once; no templates, for what they become is not known."""


def is_quick(body_bytes: int, captures: Sequence[Capture], asserts: Sequence[Assert]) -> bool:
    """Tell whether an answer of this size is surely judged within some ms."""
    if body_bytes > _FOLLOWED_BYTES:
        return False
    if any(one.predicate == "matches_schema" for one in asserts):
        return False
    for query in [one.query for one in captures] + [one.query for one in asserts]:
        if query.type not in _ONE_SEARCH or (query.type == "jsonpath" and plain_path(query.expr or "") is not None):
            continue
        if body_bytes > _SEARCHED_BYTES or not _ONE_SEARCH[query.type].fullmatch(query.expr or ""):
            return False
    return True
