"""What the shapes of auth's HTTP API are made of. Times are naive, in the platform's zone, each with a twin in UTC."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from kit.http import FaultReason
from kit.settings import settings

NO_NUL = r"^[^\x00]*$"
TRIMMED = r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$"

Id = Annotated[int, Field(ge=1, le=2**31 - 1)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=TRIMMED)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^([^@\s\x00]+@[^@\s\x00]+)?$")]
NewPassword = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=NO_NUL)]
GivenName = Annotated[str, StringConstraints(max_length=100, pattern=NO_NUL)]
GivenPassword = Annotated[str, StringConstraints(max_length=256, pattern=NO_NUL)]
SearchText = Annotated[str, StringConstraints(max_length=100, pattern=NO_NUL)]
Scope = Literal["read", "run", "write"]


def _instant(given: Any) -> datetime:  # noqa: ANN401 (whatever the body holds)
    """A time with an offset, or a naive one in the platform's zone; in the fold of a DST change the first."""
    if not isinstance(given, str):
        raise FaultReason("wrong_type")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?", given, re.ASCII):
        raise FaultReason("bad_format")
    zone = settings().zone
    try:
        moment = datetime.fromisoformat(given)
        in_utc = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        shown = in_utc.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise FaultReason("out_of_range") from None
    except ValueError:
        raise FaultReason("bad_format") from None
    if moment.tzinfo is None and shown != moment:
        raise FaultReason("time_does_not_exist")
    return in_utc


Instant = Annotated[datetime, BeforeValidator(_instant)]


def example(fields: dict[str, Any]) -> ConfigDict:
    """The configuration of a model that is shown with these values."""
    return ConfigDict(use_attribute_docstrings=True, json_schema_extra={"examples": [fields]})


def absent(**options: Any) -> Any:  # noqa: ANN401 (a field)
    """A field that may be left out, and is then not among `model_fields_set`; null is no value of it."""
    return Field(default=None, json_schema_extra=_without_default, **options)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def page_example(row: dict[str, Any]) -> ConfigDict:
    """The configuration of a page that is shown with this row."""
    return example({"msg": "操作成功", "total": 1, "page": 1, "page_size": 20, "data": [row]})


class Message(BaseModel):
    """That it is done."""

    model_config = example({"msg": "操作成功"})

    msg: str
