"""Hashing in a thread, two at a time: argon2id is made to cost time and memory."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from services.auth import rules

_THREADS = ThreadPoolExecutor(2, thread_name_prefix="argon2")


async def hash_of(password: str) -> str:
    """The argon2id hash of a password. Call it before the transaction's first statement: it may have to wait."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, rules.hash_password, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether it is the password of that hash; takes as long for None, which no password matches."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, rules.password_matches, password_hash, password)
