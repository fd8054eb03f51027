"""Quiet hours and mutes, and the unsubscribe link of each mail."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from services.notifier.db import Caller, Session
from services.notifier.models import CompletedRun, Delivery, Preference
from services.notifier.rules.mail import render_unsubscribe_page
from services.notifier.schemas import PreferenceRead, PreferenceWrite
from services.notifier.usecases import preferences

router = APIRouter(prefix="/notifications", tags=["notifications"])
LinkToken = Annotated[str, Path(pattern=r"^[\x21-\x7e]{1,200}$", description="As the mail's link has it.")]


@router.get("/preferences", summary="When I want no mail")
async def get_preferences(caller: Caller, session: Session) -> PreferenceRead:
    """The caller's quiet hours and mutes."""
    return _read(await preferences.preference_of(session, caller.user_id))


@router.put("/preferences", summary="Set when I want no mail")
async def put_preferences(new: PreferenceWrite, caller: Caller, session: Session) -> PreferenceRead:
    """Replace the caller's quiet hours and mutes. What waits and is now muted is skipped."""
    return _read(await preferences.save(session, caller.user_id, new))


@router.get("/unsubscribe/{token}", summary="Ask whether to mute a task", response_class=HTMLResponse)
async def ask_to_unsubscribe(token: LinkToken, session: Session) -> HTMLResponse:
    """The page behind a mail's link. Opening it changes nothing: scanners of mails open links too."""
    return _page(*await preferences.told_by(session, token), done=False)


@router.post("/unsubscribe/{token}", summary="Mute a task", response_class=HTMLResponse)
async def unsubscribe(token: LinkToken, session: Session) -> HTMLResponse:
    """Mute the task for the mail's recipient; mail programs post here at one click (RFC 8058)."""
    return _page(*await preferences.unsubscribe(session, token), done=True)


def _page(delivery: Delivery, completed: CompletedRun, *, done: bool) -> HTMLResponse:
    html = render_unsubscribe_page(delivery.language, str(completed.body["task_name"] or ""), done=done)
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})


def _read(found: Preference) -> PreferenceRead:
    return PreferenceRead(
        quiet_from=found.quiet_from and f"{found.quiet_from:%H:%M}",
        quiet_until=found.quiet_until and f"{found.quiet_until:%H:%M}",
        timezone=found.timezone,
        muted_until=found.muted_until,
        muted_task_ids=found.muted_task_ids,
    )
