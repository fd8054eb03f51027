"""What channels are sent: a signed JSON document for webhooks, a short plain text for chats.

Chats have their own shapes, their own signatures, and some their own way to refuse with HTTP 200; all of it is pure
here, and one client posts it.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import orjson

from services.notifier.rules.mail import Letter, summary
from services.notifier.rules.telling import Later, Outcome, Refused, Sent

ChannelKind = Literal["webhook", "feishu", "dingtalk", "wecom", "slack", "teams"]
"""`feishu` is Lark too, and `teams` a workflow's webhook."""

SIGNING: frozenset[ChannelKind] = frozenset({"webhook", "feishu", "dingtalk"})
"""Kinds that take a secret."""

_TOO_MANY_REQUESTS = 429
_TRY_AGAIN = frozenset({408, 425, _TOO_MANY_REQUESTS})
_RATE_LIMITED = frozenset(
    {"feishu 9499", "feishu 11232", "dingtalk 130101", "dingtalk 130102", "wecom 45009", "wecom 45033"}
)


@dataclass(frozen=True)
class Post:
    """A POST that tells a channel."""

    url: str
    body: bytes
    headers: dict[str, str]


def write_post(
    kind: ChannelKind, url: str, secret: str | None, delivery_id: UUID, letter: Letter, now: datetime
) -> Post:
    """What to post to a channel of this kind. `now` is the moment that signatures name."""
    timestamp = int(now.timestamp())
    headers: dict[str, str] = {}
    if kind == "webhook":
        body = _document(letter, now)
        if secret is not None:
            headers = webhook_headers(secret, delivery_id, timestamp, body)
    else:
        payload = _message(kind, letter)
        if secret is not None and kind == "feishu":
            payload |= {"timestamp": str(timestamp), "sign": _hmac(f"{timestamp}\n{secret}", "")}
        if secret is not None and kind == "dingtalk":
            milliseconds = timestamp * 1000
            signature = {"timestamp": milliseconds, "sign": _hmac(secret, f"{milliseconds}\n{secret}")}
            url += ("&" if "?" in url else "?") + urlencode(signature)
        body = json.dumps(payload, ensure_ascii=False).encode()
    return Post(url, body, {"Content-Type": "application/json", "User-Agent": "rounds", **headers})


def webhook_headers(secret: str, delivery_id: UUID, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks: HMAC-SHA256 over id, time and body, so that neither can be replayed anew."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((str(delivery_id).encode(), str(timestamp).encode(), body))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": str(delivery_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _document(letter: Letter, now: datetime) -> bytes:
    return orjson.dumps(
        {
            "type": "run.completed",
            "timestamp": now.isoformat(),
            "data": {
                **letter.run.model_dump(mode="json"),
                "change": None if letter.change is None else asdict(letter.change),
                "report_url": letter.report_url,
            },
        }
    )


def _message(kind: ChannelKind, letter: Letter) -> dict[str, Any]:
    """Plain text everywhere: names of tasks and cases are someone's choice, and must not become markup."""
    lines = summary(letter)
    text = "\n".join([*lines, letter.report_url])
    if kind == "feishu":
        return {"msg_type": "text", "content": {"text": text}}
    if kind in {"dingtalk", "wecom"}:
        return {"msgtype": "text", "text": {"content": text}}
    if kind == "slack":
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), "mrkdwn": False}
    card = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": lines[0],
        "body": [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]} for line in lines],
        "actions": [{"type": "Action.OpenUrl", "title": letter.say("Open the report"), "url": letter.report_url}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def _hmac(key: str, signed: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), signed.encode(), hashlib.sha256)).decode()


def judge_answer(kind: ChannelKind, status: int, body: bytes) -> Outcome:
    """Whether the channel took it. Feishu, DingTalk and WeCom refuse with HTTP 200 and a code in the body."""
    if status in _TRY_AGAIN or status >= 500:  # noqa: PLR2004 (server errors)
        return Later(f"HTTP {status}")
    if not 200 <= status < 300:  # noqa: PLR2004 (success)
        return Refused(f"HTTP {status}")
    if kind not in {"feishu", "dingtalk", "wecom"}:
        return Sent("http")
    try:
        answer = orjson.loads(body)
        code = answer["code" if kind == "feishu" else "errcode"]
        message = str(answer.get("msg") or answer.get("errmsg") or "")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return Refused(f"HTTP {status}, but not the answer of {kind}")
    if code == 0:
        return Sent("http")
    said = f"{kind} {code}: {message}"[:500]
    return Later(said) if f"{kind} {code}" in _RATE_LIMITED else Refused(said)
