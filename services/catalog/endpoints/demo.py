"""A small API to be tested: the target of the sample project. It keeps nothing, and takes no token of Rounds."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel

from kit.errors import NotFound
from kit.settings import settings
from services.catalog.schemas.sample import ORDER_ID, PASSWORD, TOKEN


def _demo_only() -> None:
    if not settings().demo:
        raise NotFound


demo_only = Depends(_demo_only)
"""Nothing is there unless `ROUNDS_DEMO` is set."""
router = APIRouter(prefix="/catalog/demo", include_in_schema=False, dependencies=[demo_only])


class LogIn(BaseModel):
    """Who logs in."""

    user: str
    password: str


class Order(BaseModel):
    """What is bought."""

    item: str
    count: int


@router.post("/login")
async def log_in(given: LogIn, response: Response) -> dict[str, Any]:
    """A token for the right password, 401 for any other."""
    if given.password != PASSWORD:
        response.status_code = 401
        return {"error": "wrong password"}
    return {"token": TOKEN, "user": given.user, "roles": ["buyer", "tester"]}


@router.post("/orders")
async def create_order(
    given: Order, response: Response, authorization: Annotated[str, Header()] = ""
) -> dict[str, Any]:
    """The one order that there is."""
    if authorization != f"Bearer {TOKEN}":
        response.status_code = 401
        return {"error": "log in first"}
    response.status_code = 201
    return {"id": ORDER_ID, "item": given.item, "count": given.count, "state": "created"}


@router.get("/orders/{order_id}")
async def read_order(order_id: int, response: Response, authorization: Annotated[str, Header()] = "") -> dict[str, Any]:
    """The order, paid."""
    if authorization != f"Bearer {TOKEN}":
        response.status_code = 401
        return {"error": "log in first"}
    return {"id": order_id, "state": "paid", "total": 25.0, "items": [{"sku": "tea", "count": 2}]}
