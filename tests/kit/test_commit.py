"""Rule 1: the commit comes before the answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.edge import Edge
from kit.http import add_error_handlers
from tests.kit.conftest import Toys
from tests.support.serve import serving

DEFERRED = """
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (parent_id integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
"""


@asynccontextmanager
async def app_of(toys: Toys) -> AsyncIterator[httpx.AsyncClient]:
    database = toys.catalog.database
    app = FastAPI()
    app.add_middleware(Edge)
    add_error_handlers(app)
    session_dependency = Annotated[AsyncSession, Depends(database.session, scope="function")]

    @app.post("/children", status_code=201)
    async def add_child(session: session_dependency, parent_id: int) -> dict[str, int]:
        await session.execute(text("INSERT INTO child VALUES (:id)"), {"id": parent_id})
        return {"parent_id": parent_id}

    connection = await database.connect()
    await connection.execute(DEFERRED)
    await connection.close()
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


async def test_a_failed_commit_is_not_a_201(toys: Toys) -> None:
    """The foreign key is checked at commit: the endpoint itself has returned without an error."""
    async with app_of(toys) as client:
        answer = await client.post("/children?parent_id=1")
        assert answer.status_code == 500
        assert answer.json()["code"] == "internal_error"

        async with toys.catalog.database.transaction() as session:
            await session.execute(text("INSERT INTO parent VALUES (1)"))
        assert (await client.post("/children?parent_id=1")).status_code == 201
        async with toys.catalog.database.transaction() as session:
            assert (await session.execute(text("SELECT count(*) FROM child"))).scalar_one() == 1
