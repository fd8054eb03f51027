"""Secrets at rest: AES-256-GCM under `ROUNDS_ENCRYPTION_KEYS`, bound to the environment and the name they belong to.

An encrypted secret is a text, `<key id>:<base64 of nonce and ciphertext>`. Moved to another environment or another
name it no longer decrypts.
"""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel

from kit.settings import settings

KEY_BYTES = 32
NONCE_BYTES = 12
_FORM = "ROUNDS_ENCRYPTION_KEYS must be `k2:<base64 of 32 bytes>,k1:…`, the encrypting key first"


class EncryptionKeysInvalid(RuntimeError):
    """`ROUNDS_ENCRYPTION_KEYS` is missing or malformed."""


class DecryptionFailed(Exception):
    """A secret was encrypted under a key that is not here, for another environment or name, or was changed since."""


class KeyRead(BaseModel):
    """A key, told apart from others without its value."""

    id: str
    fingerprint: str
    """The first 8 hexadecimal digits of the SHA-256 of its 32 bytes."""


class _Key(NamedTuple):
    cipher: AESGCM
    fingerprint: str


def new_key() -> str:
    """A fresh key as it stands in `ROUNDS_ENCRYPTION_KEYS` behind its id."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def key_ids() -> list[str]:
    """Ids of the keys in force; the first one encrypts.

    Raises: EncryptionKeysInvalid.
    """
    return list(_keys())


def keys_read(ids: Iterable[str] | None = None) -> list[KeyRead]:
    """Some of the keys in force, each once, or all of them in their order.

    Raises: EncryptionKeysInvalid.
    """
    keys = _keys()
    return [KeyRead(id=id_, fingerprint=keys[id_].fingerprint) for id_ in dict.fromkeys(keys if ids is None else ids)]


def key_id_of(encrypted: str) -> str:
    """The id of the key that a secret is under."""
    return encrypted.partition(":")[0]


async def check_keys() -> None:
    """Refuse to start without usable keys.

    Raises: EncryptionKeysInvalid.
    """
    key_ids()


def encrypt(name: str, environment_id: int, plain: str) -> str:
    """The secret `name` of an environment under the first key.

    Raises: EncryptionKeysInvalid.
    """
    key_id, key = next(iter(_keys().items()))
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + key.cipher.encrypt(nonce, plain.encode(), _associated(name, environment_id))
    return f"{key_id}:{base64.b64encode(sealed).decode()}"


def decrypt(name: str, environment_id: int, encrypted: str) -> str:
    """The secret in the clear.

    Raises: DecryptionFailed, EncryptionKeysInvalid.
    """
    key_id, _, text = encrypted.partition(":")
    key = _keys().get(key_id)
    if key is None:
        raise DecryptionFailed(f"secret {name} of environment {environment_id}: no key {key_id} here")
    try:
        sealed = base64.b64decode(text, validate=True)
        return key.cipher.decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _associated(name, environment_id)
        ).decode()
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise DecryptionFailed(f"secret {name} of environment {environment_id} does not decrypt") from error


def _associated(name: str, environment_id: int) -> bytes:
    return f"{environment_id}:{name}".encode()


def _keys() -> dict[str, _Key]:
    given = settings().encryption_keys
    if given is None:
        raise EncryptionKeysInvalid(f"{_FORM}; it is not set")
    return _parse(given.get_secret_value())


@lru_cache(8)
def _parse(text: str) -> dict[str, _Key]:
    keys: dict[str, _Key] = {}
    for number, entry in enumerate(text.split(","), start=1):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id) or len(key) != KEY_BYTES or key_id in keys:
            raise EncryptionKeysInvalid(f"{_FORM}; entry {number} is not of that form")
        keys[key_id] = _Key(AESGCM(key), hashlib.sha256(key).hexdigest()[:8])
    return keys
