"""Channels of a project: webhooks and chats that hear of its runs."""

import base64
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.executor import CaseOutcome, RunCompleted
from kit import clock
from kit.caller import Caller
from kit.crypto import decrypt, encrypt, key_id_of, key_ids
from kit.errors import FieldFault, InvalidParameter, NotFound, RevisionConflict
from kit.settings import settings
from services.notifier import queries
from services.notifier.models import Channel
from services.notifier.rules.chats import SIGNING, ChannelKind, Post, write_post
from services.notifier.rules.mail import Letter
from services.notifier.schemas import ChannelCreate, ChannelUpdate

ROTATED_AT_ONCE = 500
URL = "channel url"
SECRET = "channel secret"  # noqa: S105 (what the secret is called)
"""Names under which they are encrypted, bound to the project. No secret of an environment may hold a space."""


def new_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


async def create(session: AsyncSession, caller: Caller, new: ChannelCreate) -> tuple[Channel, str | None]:
    """Save a channel; answers it and its secret, which a webhook gets even if none was given.

    Raises: PermissionDenied, InvalidParameter (unknown project, name taken, a secret on a kind that takes none).
    """
    project = (await queries.projects(session, [new.project_id])).get(new.project_id)
    if project is None or project.deleted:
        raise InvalidParameter(errors=[FieldFault("project_id", "unknown_ids", {"ids": [new.project_id]})])
    caller.require_member(new.project_id)
    await _check(session, new.project_id, new, new.kind)
    secret = new.secret or (new_secret() if new.kind == "webhook" else None)
    channel = Channel(
        project_id=new.project_id,
        name=new.name,
        kind=new.kind,
        url=encrypt(URL, new.project_id, new.url),
        host=_host(new.url),
        secret=None if secret is None else encrypt(SECRET, new.project_id, secret),
        notify=new.notify,
        language=new.language,
        enabled=new.enabled,
        revision=1,
        created_by=caller.user_id,
        updated_by=caller.user_id,
    )
    session.add(channel)
    await session.flush()
    await session.refresh(channel)
    return channel, secret


async def update(session: AsyncSession, caller: Caller, id_: int, new: ChannelUpdate, revision: int | None) -> Channel:
    """Replace a channel; address and secret are kept where they are left out.

    Raises: NotFound, PermissionDenied, RevisionConflict, InvalidParameter, DecryptionFailed (the key of what is kept
    is gone: give both anew).
    """
    channel = await _for_write(session, caller, id_, revision)
    await _check(session, channel.project_id, new, channel.kind, but=id_)
    channel.name, channel.notify, channel.language, channel.enabled = new.name, new.notify, new.language, new.enabled
    secret = new.secret
    if secret is None and channel.secret is not None:
        secret = decrypt(SECRET, channel.project_id, channel.secret)
    channel.url = encrypt(URL, channel.project_id, new.url or decrypt(URL, channel.project_id, channel.url))
    channel.host = channel.host if new.url is None else _host(new.url)
    channel.secret = None if secret is None else encrypt(SECRET, channel.project_id, secret)
    channel.revision += 1
    channel.updated_by, channel.updated_at = caller.user_id, await clock.now(session)
    session.add(channel)
    return channel


async def remove(session: AsyncSession, caller: Caller, id_: int, revision: int | None) -> None:
    """Delete a channel; what waits for it will fail, what it was told stays listed.

    Raises: NotFound, PermissionDenied, RevisionConflict.
    """
    await _for_write(session, caller, id_, revision)
    await session.exec(delete(Channel).where(col(Channel.id) == id_))


async def rotate_secrets(session: AsyncSession, caller: Caller) -> list[str]:
    """Encrypt up to 500 channels that are under an older key with the first key; answers the id of the key of each.

    To be called again until the answer is empty; the older keys must stay in `ROUNDS_ENCRYPTION_KEYS` until then.

    Raises: PermissionDenied (no superuser), DecryptionFailed (a key is missing).
    """
    caller.require_superuser()
    prefix = f"{key_ids()[0]}:"
    stale = select(Channel).where(~col(Channel.url).startswith(prefix, autoescape=True)).order_by(col(Channel.id))
    found = (await session.exec(stale.limit(ROTATED_AT_ONCE).with_for_update())).all()
    under = [key_id_of(channel.url) for channel in found]
    for channel in found:
        channel.url = encrypt(URL, channel.project_id, decrypt(URL, channel.project_id, channel.url))
        if channel.secret is not None:
            channel.secret = encrypt(SECRET, channel.project_id, decrypt(SECRET, channel.project_id, channel.secret))
        session.add(channel)
    return under


async def _for_write(session: AsyncSession, caller: Caller, id_: int, revision: int | None) -> Channel:
    channel = await session.get(Channel, id_, with_for_update=True)
    if channel is None:
        raise NotFound
    caller.require_member(channel.project_id)
    if revision is not None and revision != channel.revision:
        raise RevisionConflict(channel.revision)
    return channel


async def _check(
    session: AsyncSession,
    project_id: int,
    new: ChannelCreate | ChannelUpdate,
    kind: ChannelKind,
    but: int | None = None,
) -> None:
    faults = []
    same_name = select(Channel.id).where(col(Channel.project_id) == project_id, col(Channel.name) == new.name)
    if (await session.exec(same_name)).first() not in {None, but}:
        faults.append(FieldFault("name", "duplicate"))
    if new.secret is not None and kind not in SIGNING:
        faults.append(FieldFault("secret", "not_supported"))
    if new.secret is not None and kind == "webhook" and not _is_webhook_secret(new.secret):
        faults.append(FieldFault("secret", "bad_format"))
    if faults:
        raise InvalidParameter(errors=faults)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_webhook_secret(secret: str) -> bool:
    try:
        return len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) >= 24  # noqa: PLR2004 (bytes)
    except ValueError:
        return False


def post_to(channel: Channel, letter: Letter, delivery_id: UUID, now: datetime) -> Post:
    """What to send to a channel. Raises: DecryptionFailed (the keys that it was saved under are not here)."""
    secret = None if channel.secret is None else decrypt(SECRET, channel.project_id, channel.secret)
    url = decrypt(URL, channel.project_id, channel.url)
    return write_post(channel.kind, url, secret, delivery_id, letter, now)


async def trial(session: AsyncSession, caller: Caller, id_: int) -> tuple[Channel, Post]:
    """A message about a run that never was, to see that the channel works.

    Raises: NotFound, PermissionDenied, DecryptionFailed.
    """
    channel = await session.get(Channel, id_)
    if channel is None:
        raise NotFound
    caller.require_member(channel.project_id)
    now = await clock.now(session)
    name = {"zh": "Rounds 测试消息", "en": "Test message of Rounds"}[channel.language]
    letter = Letter(
        run=_sample_run(now, channel.project_id, name),
        change=None,
        project_names=[],
        language=channel.language,
        zone=settings().zone,
        public_url=settings().public_url,
        unsubscribe_url=None,
    )
    return channel, post_to(channel, letter, uuid4(), now)


def _sample_run(now: datetime, project_id: int, name: str) -> RunCompleted:
    case = CaseOutcome(
        case_id=1,
        name=name,
        project_id=project_id,
        status="passed",
        failure_class=None,
        flaky=False,
        starts=1,
        steps_total=1,
        steps_passed=1,
        steps_failed=0,
        steps_error=0,
        steps_skipped=0,
        pass_rate=100.0,
        duration_ms=1000,
    )
    return RunCompleted(
        run_id=uuid4(),
        task_id=None,
        task_name=name,
        trigger="manual",
        attempt=1,
        max_attempts=1,
        final=True,
        status="passed",
        reason=None,
        previous_status=None,
        notify="always",
        owner_ids=[],
        project_ids=[project_id],
        cases_total=1,
        cases_passed=1,
        cases_failed=0,
        cases_error=0,
        cases_skipped=0,
        pass_rate=100.0,
        step_pass_rate=100.0,
        cases=[case],
        due_at=now - timedelta(seconds=1),
        started_at=now - timedelta(seconds=1),
        finished_at=now.astimezone(UTC),
        report_path="/console/",
    )
