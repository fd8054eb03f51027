"""Searching for a part of a name, in any script: PostgreSQL's own index for that, pg_trgm, is not everywhere.

A row keeps the grams of its name in an array with a GIN index. A search looks up some grams of what it seeks, then
compares the names found.
"""

MAX_LOOKED_UP = 4


def fold(text: str) -> str:
    """The one letter case that searches use."""
    return text.casefold()


def grams(folded: str) -> list[str]:
    """Every run of one, two and three characters, each once.

    Whatever contains a text contains all grams of it, also where words have no spaces between them.
    """
    return sorted({folded[at : at + size] for size in (1, 2, 3) for at in range(len(folded) - size + 1)})


def search_grams(folded: str) -> list[str]:
    """The grams to look up for a text: some of its longest, from its beginning to its end; each one costs time."""
    size = min(len(folded), 3)
    last = len(folded) - size
    return sorted({folded[at : at + size] for at in {last * n // (MAX_LOOKED_UP - 1) for n in range(MAX_LOOKED_UP)}})
