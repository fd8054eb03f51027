"""What the auth service states: who the users are and what they may do."""

from typing import ClassVar, Literal

from contracts.base import Part, StateEvent, UtcTime


class Credential(Part):
    """A token that answers for its user until it expires."""

    kind: Literal["session", "api"]
    """`session`: a person's log-in; `api`: a machine's named key."""
    sha256: str
    """SHA-256 of the token, 64 hexadecimal digits; the token itself is stored nowhere."""
    scopes: list[Literal["read", "run", "write"]]
    """What the token may be used for; a session carries all three."""
    expires_at: UtcTime
    """From this instant on the token is refused."""


class NotifySettings(Part):
    """Over which channels a user wants to be told."""

    email: bool
    """False: no mail at all."""


class UserSettings(Part):
    """What a user chose for the tasks that the user saves."""

    environments: dict[int, int]
    """Environment id by project id."""
    failed_stop: bool
    """Stop a case at its first failed step."""
    only_failed_log: bool
    """Keep request and response of failed steps only."""
    language: Literal["zh", "en"]
    """Language of mails and messages."""
    notify: NotifySettings
    """Over which channels the user wants to be told."""


class UserChanged(StateEvent):
    """A user, the rights or the tokens of a user changed. Carries the whole state; the higher revision wins."""

    topic: ClassVar[str] = "user.changed"
    name_fields: ClassVar[frozenset[str]] = frozenset({"username", "real_name"})

    username: str
    """The name to log in with, unique; kept after deletion."""
    real_name: str
    """The name to show; kept after deletion."""
    email: str | None
    """Where mail goes; empty: nowhere."""
    is_active: bool | None
    """False: may not log in, and none of the tokens is accepted."""
    is_superuser: bool | None
    """May do everything everywhere."""
    must_change_password: bool | None
    """Everything but changing the password is refused until it is changed."""
    project_ids: list[int] | None
    """Projects that the user is a member of."""
    settings: UserSettings | None
    """What the user chose for the tasks that the user saves."""
    credentials: list[Credential] | None
    """Every token that is valid now; one that is not listed is refused."""
