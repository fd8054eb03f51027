"""The shapes of the notifier's HTTP API."""

from datetime import datetime, time
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)

from contracts.scheduler import Notify
from kit.clock import utc_text
from kit.crypto import KeyRead
from kit.http import Body, FaultReason
from kit.tables import MAX_ID

Moment = Annotated[datetime, PlainSerializer(utc_text, return_type=str)]

Status = Literal["queued", "sending", "sent", "failed", "skipped"]


_DELIVERY = {
    "id": "6d0a4f0b-2d0e-5a7c-9b61-0f4f5c3e8d21",
    "run_id": "0198e0c2-9b2f-7c31-a5d4-3f6f0e9c1b77",
    "task_id": 1,
    "task_name": "登录 等2个用例 2025-08-26T15:00:00",
    "channel": {"id": 0, "kind": "email", "name": None},
    "recipient": {"kind": "user", "id": 2, "name": "王小明"},
    "status": "queued",
    "reason": None,
    "error": "451 4.3.0 try later",
    "via": None,
    "tries": 1,
    "next_try_at": "2025-08-26T07:00:36Z",
    "created_at": "2025-08-26T07:00:05Z",
    "ended_at": None,
}
_MAIL = {"subject": "[失败 50%] 登录 等2个用例", "html": "<!doctype html>…", "text": "失败 50% 登录 等2个用例\n…"}
_SETTINGS = {"name": "CI", "notify": "on_change", "language": "zh", "enabled": True}
_CHANNEL = {
    "id": 5,
    "project": {"id": 7, "name": "项目A"},
    **_SETTINGS,
    "kind": "webhook",
    "host": "hooks.example.com",
    "signed": True,
    "revision": 1,
    "created_at": "2025-08-26T06:00:00Z",
    "created_by": {"id": 5, "username": "testuser"},
    "updated_at": "2025-08-26T06:00:00Z",
    "updated_by": {"id": 5, "username": "testuser"},
}
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (an example)
_PREFERENCE = {
    "quiet_from": "22:00",
    "quiet_until": "08:00",
    "timezone": "Asia/Shanghai",
    "muted_until": None,
    "muted_task_ids": [12],
}


def _example(fields: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Read(BaseModel):
    """An answer; what stands under a field is its description."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Write(Body):
    """A request body, likewise."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class ChannelName(Read):
    """The channel that a delivery goes over."""

    id: int
    """0: the built-in mail channel."""
    kind: str
    """`email`, `webhook` or a chat's."""
    name: str | None
    """None: the built-in mail channel, or one that was deleted."""


class Recipient(Read):
    """Who is told."""

    kind: Literal["user", "channel"]
    id: int
    name: str | None


class DeliveryRead(Read):
    """One message to one recipient over one channel."""

    model_config = _example(_DELIVERY)

    id: UUID
    run_id: UUID
    task_id: int
    task_name: str
    channel: ChannelName
    recipient: Recipient
    status: Status
    reason: str | None
    """Why it was skipped: `rule`, `too_old`, `deleted`, `disabled`, `no_address`, `mail_off`, `muted`."""
    error: str | None
    """What the last try met."""
    via: str | None
    """How it went out: `smtp`, `file` (no mail server is configured; see `DATA_DIR/mail`), `http`."""
    tries: int
    next_try_at: Moment | None
    """Only while `queued`."""
    created_at: Moment
    ended_at: Moment | None


class RenderedMail(Read):
    """A mail as its reader sees it. Show the HTML in a sandboxed frame."""

    subject: str
    html: str
    text: str


class DeliveryDetail(DeliveryRead):
    """A delivery with its message."""

    model_config = _example({**_DELIVERY, "mail": _MAIL, "post": None})

    mail: RenderedMail | None
    """Only of mails; null for who is neither the recipient nor a member of the run's projects."""
    post: str | None
    """Likewise, what a webhook or a chat gets, without the signature."""


ChannelKind = Literal["webhook", "feishu", "dingtalk", "wecom", "slack", "teams"]
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Language = Literal["zh", "en"]


def _web_address(url: str) -> str:
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError:
        raise FaultReason("bad_format") from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if address.scheme not in {"http", "https"} or not address.hostname or port == 0 or not plain:
        raise FaultReason("bad_format")
    return url


def _name(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise FaultReason("bad_format")
    return name


WebAddress = Annotated[str, Field(max_length=2000), AfterValidator(_web_address)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_name)]
Secret = Annotated[str, Field(min_length=1, max_length=200)]


class ChannelUpdate(Write):
    """A channel as it shall be; address and secret are kept where they are left out."""

    model_config = _example(_SETTINGS)

    name: Name
    notify: Notify
    language: Language
    enabled: bool
    url: WebAddress | None = None
    secret: Secret | None = None


class ChannelCreate(Write):
    """A new channel."""

    model_config = _example(
        {"project_id": 7, "kind": "webhook", "url": "https://hooks.example.com/rounds", **_SETTINGS}
    )

    project_id: Id
    name: Name
    kind: ChannelKind
    url: WebAddress
    """A webhook's address, or the one that the chat shows for its robot."""
    secret: Secret | None = None
    """Webhook: `whsec_` and at least 24 bytes in base64, made if left out; Feishu, DingTalk: their signing secret."""
    notify: Notify = "always"
    language: Language = "zh"
    enabled: bool = True


class UserName(Read):
    """A user who changed something."""

    id: int
    username: str | None


class ProjectName(Read):
    """A project."""

    id: int
    name: str | None


class ChannelRead(Read):
    """A channel; its address and secret are never shown."""

    model_config = _example(_CHANNEL)

    id: int
    project: ProjectName
    name: str
    kind: ChannelKind
    host: str
    """Host of the address."""
    signed: bool
    """Whether what is posted carries a signature."""
    notify: Notify
    language: Language
    enabled: bool
    revision: int
    created_at: Moment
    created_by: UserName
    updated_at: Moment
    updated_by: UserName


class ChannelCreated(ChannelRead):
    """A new channel with its secret, shown this once."""

    model_config = _example({**_CHANNEL, "secret": _SECRET})

    secret: str | None


class ChannelsRotated(Read):
    """How many channels were under an older key."""

    rotated: int
    before: list[KeyRead]
    """The keys that these were under."""
    key: KeyRead
    """The key in force, under which they are now."""


class TrialResult(Read):
    """What became of a test message."""

    model_config = _example({"ok": False, "error": "HTTP 404"})

    ok: bool
    error: str | None


def _clock_time(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return time.fromisoformat(text) if len(text) == len("22:00") else _refuse()
    except ValueError:
        return _refuse()


def _moment(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _refuse()
    return _refuse() if moment.tzinfo is None else moment


def _refuse() -> object:
    raise FaultReason("bad_format")


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise FaultReason("wrong")
    return name


class PreferenceWrite(Write):
    """When the caller wants no mail. During quiet hours mails wait; while muted they are skipped."""

    model_config = _example(_PREFERENCE)

    quiet_from: Annotated[time | None, BeforeValidator(_clock_time)]
    """`HH:MM`, in `timezone`; null: no quiet hours."""
    quiet_until: Annotated[time | None, BeforeValidator(_clock_time)]
    """`HH:MM`; before `quiet_from`: on the next day."""
    timezone: Annotated[str, AfterValidator(_zone)]
    """IANA name."""
    muted_until: Annotated[AwareDatetime | None, BeforeValidator(_moment)]
    """No mail at all until then."""
    muted_task_ids: Annotated[list[Id], Field(max_length=1000)]
    """No mail about these tasks."""


class PreferenceRead(Read):
    """When the caller wants no mail. Whether mail is wanted at all is the user's setting `notify.email`."""

    model_config = _example(_PREFERENCE)

    quiet_from: str | None
    quiet_until: str | None
    timezone: str
    muted_until: Moment | None
    muted_task_ids: list[int]
