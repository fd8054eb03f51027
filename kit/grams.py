"""Searching for a part of a name, in any script: PostgreSQL's own index for that, pg_trgm, is not everywhere.

A row keeps the grams of its name in an array, `grams`, with a GIN index. A search looks up the rare grams of what it
seeks, then compares the names found. Where every gram is common it looks nothing up: walking through the rows in the
order asked for soon meets enough of them.
"""

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

MAX_LOOKED_UP = 3
"""Each gram looked up costs time."""
FOUND_BY_GRAMS = 50_000
"""So many rows at most are taken from a look-up of rare grams; in a table of 2,500,000 rows none finds more."""

_COMMON = text("""
    SELECT common.gram
    FROM pg_stats AS stats
    JOIN pg_class AS class ON class.oid = format('%I.%I', stats.schemaname, stats.tablename)::regclass,
        unnest(stats.most_common_elems::text::text[], stats.most_common_elem_freqs) AS common (gram, frequency)
    WHERE stats.schemaname = current_schema AND stats.tablename = :table AND stats.attname = 'grams'
        AND common.gram = ANY(:grams) AND common.frequency ^ 2 * class.reltuples > :enough
""")


def fold(text: str) -> str:
    """The one letter case that searches use."""
    return text.casefold()


def grams(folded: str) -> list[str]:
    """Every run of one, two and three characters, each once.

    Whatever contains a text contains all grams of it, also where words have no spaces between them.
    """
    return sorted({folded[at : at + size] for size in (1, 2, 3) for at in range(len(folded) - size + 1)})


async def rare_grams(session: AsyncSession, table: str, folded: str, enough: int) -> list[str]:
    """The grams of a text to look up in a table, by what ANALYZE last found in it; empty where all are common.

    A gram of a share `f` of all rows is common where to look it up, `f` times all rows, takes more of them than to
    walk until `enough` are met, `enough / f`.
    """
    size = min(len(folded), 3)
    longest = list(dict.fromkeys(folded[at : at + size] for at in range(len(folded) - size + 1)))
    found = await session.execute(_COMMON, {"table": table, "grams": longest, "enough": enough})
    common = set(found.scalars())
    rare = [gram for gram in longest if gram not in common]
    return rare[:: -(-len(rare) // MAX_LOOKED_UP) or 1]
