"""The shapes of the notifier's HTTP API."""

from datetime import datetime, time
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field, PlainSerializer

from contracts.scheduler import Notify
from kit.clock import utc_text
from kit.http import Body, FaultReason

Moment = Annotated[datetime, PlainSerializer(utc_text, return_type=str)]

Status = Literal["queued", "sending", "sent", "failed", "skipped"]


class ChannelName(BaseModel):
    """The channel that a delivery goes over."""

    id: int
    """0: the built-in mail channel."""
    kind: str
    """`email`, `webhook` or a chat's."""
    name: str | None
    """None: the built-in mail channel, or one that was deleted."""


class Recipient(BaseModel):
    """Who is told."""

    kind: Literal["user", "channel"]
    id: int
    name: str | None


class DeliveryRead(BaseModel):
    """One message to one recipient over one channel."""

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


class RenderedMail(BaseModel):
    """A mail as its reader sees it. Show the HTML in a sandboxed frame."""

    subject: str
    html: str
    text: str


class DeliveryDetail(DeliveryRead):
    """A delivery with its message."""

    mail: RenderedMail | None
    """None for who is neither the recipient nor a member of the run's projects."""


ChannelKind = Literal["webhook", "feishu", "dingtalk", "wecom", "slack", "teams"]
MAX_ID = 2**31 - 1
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


class ChannelUpdate(Body):
    """A channel as it shall be; address and secret are kept where they are left out."""

    name: Name
    notify: Notify
    language: Language
    enabled: bool
    url: WebAddress | None = None
    secret: Secret | None = None


class ChannelCreate(Body):
    """A new channel."""

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


class UserName(BaseModel):
    """A user who changed something."""

    id: int
    username: str | None


class ProjectName(BaseModel):
    """A project."""

    id: int
    name: str | None


class ChannelRead(BaseModel):
    """A channel; its address and secret are never shown."""

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

    secret: str | None


class TrialResult(BaseModel):
    """What became of a test message."""

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


class PreferenceWrite(Body):
    """When the caller wants no mail. During quiet hours mails wait; while muted they are skipped."""

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


class PreferenceRead(BaseModel):
    """When the caller wants no mail. Whether mail is wanted at all is the user's setting `notify.email`."""

    quiet_from: str | None
    quiet_until: str | None
    timezone: str
    muted_until: Moment | None
    muted_task_ids: list[int]
