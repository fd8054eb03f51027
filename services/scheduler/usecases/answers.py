"""`Idempotency-Key`: the same request gets the same answer for a day, and is carried out once."""

import hashlib
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.ext.asyncio.session import AsyncSession

from kit.errors import FieldFault, InvalidParameter

KEPT_HOURS = 24

_FIND = text("""
    SELECT request_sha256, answer FROM kept_answer
    WHERE user_id = :user_id AND key = :key AND created_at > clock_now() - make_interval(hours => :hours)
""")
_CLAIM = text("""
    INSERT INTO kept_answer (user_id, key, request_sha256, answer, created_at)
    VALUES (:user_id, :key, :sha256, '{}', clock_now())
    ON CONFLICT (user_id, key) DO UPDATE SET request_sha256 = excluded.request_sha256, created_at = excluded.created_at
    WHERE kept_answer.created_at <= clock_now() - make_interval(hours => :hours)
    RETURNING key
""")
_KEEP = text("UPDATE kept_answer SET answer = :answer WHERE user_id = :user_id AND key = :key").bindparams(
    bindparam("answer", type_=JSONB)
)
_FORGET = text("DELETE FROM kept_answer WHERE created_at <= clock_now() - make_interval(hours => :hours)")


async def earlier_answer(session: AsyncSession, user_id: int, key: str, request: bytes) -> dict[str, Any] | None:
    """The answer that the same request got; None for a new key.

    Raises: InvalidParameter when the key came with another request.
    """
    found = (await session.execute(_FIND, {"user_id": user_id, "key": key, "hours": KEPT_HOURS})).first()
    if found is None:
        return None
    if found.request_sha256 != _sha256(request):
        raise InvalidParameter(errors=[FieldFault("Idempotency-Key", "repeated")])
    answer: dict[str, Any] = found.answer
    return answer


async def claim_key(session: AsyncSession, user_id: int, key: str, request: bytes) -> bool:
    """Take a key for this transaction; False when another request with it came first and has committed."""
    values = {"user_id": user_id, "key": key, "sha256": _sha256(request), "hours": KEPT_HOURS}
    return (await session.execute(_CLAIM, values)).first() is not None


async def keep_answer(session: AsyncSession, user_id: int, key: str, answer: dict[str, Any]) -> None:
    """Keep what the request with a claimed key is answered."""
    await session.execute(_KEEP, {"user_id": user_id, "key": key, "answer": answer})


async def forget_answers(session: AsyncSession) -> None:
    """Delete the answers that have been kept long enough."""
    await session.execute(_FORGET, {"hours": KEPT_HOURS})


def _sha256(request: bytes) -> bytes:
    return hashlib.sha256(request).digest()
