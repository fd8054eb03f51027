import base64

import pytest

from kit import crypto
from kit.settings import settings

OLD, NEW = "k1:" + base64.b64encode(b"1" * 32).decode(), "k2:" + base64.b64encode(b"2" * 32).decode()


def use_keys(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("ROUNDS_ENCRYPTION_KEYS", keys)
    settings.cache_clear()


def test_the_first_key_encrypts_and_every_key_decrypts(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch, OLD)
    old = crypto.encrypt("password", 3, "s3cret 密码")
    use_keys(monkeypatch, f"{NEW},{OLD}")
    new = crypto.encrypt("password", 3, "s3cret 密码")
    assert old.startswith("k1:")
    assert new.startswith("k2:")
    assert crypto.decrypt("password", 3, old) == crypto.decrypt("password", 3, new) == "s3cret 密码"
    assert crypto.encrypt("password", 3, "s3cret 密码") != new


def test_a_secret_moved_to_another_name_or_environment_does_not_decrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch, OLD)
    sealed = crypto.encrypt("password", 3, "s3cret")
    changed = sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB")
    for name, environment_id, text in (
        ("passwort", 3, sealed),
        ("password", 4, sealed),
        ("password", 3, changed),
        ("password", 3, "k1:!"),
        ("password", 3, "k1:"),
        ("password", 3, "k9" + sealed[2:]),
    ):
        with pytest.raises(crypto.DecryptionFailed) as failed:
            crypto.decrypt(name, environment_id, text)
        assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize(
    "keys", ["", "k1", "k1:", "k1:short", "k1:" + "A" * 44, f"{OLD},{OLD}", f"{OLD},", ":" + OLD[3:], f"k 1{OLD[2:]}"]
)
async def test_malformed_keys_refuse_the_start_without_showing_them(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    use_keys(monkeypatch, keys)
    with pytest.raises(crypto.EncryptionKeysInvalid) as refused:
        await crypto.check_keys()
    assert "ROUNDS_ENCRYPTION_KEYS" in str(refused.value)
    assert OLD[3:] not in str(refused.value)


async def test_missing_keys_refuse_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUNDS_ENCRYPTION_KEYS")
    settings.cache_clear()
    with pytest.raises(crypto.EncryptionKeysInvalid, match="not set"):
        await crypto.check_keys()


def test_a_new_key_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch, f"k3:{crypto.new_key()}")
    assert crypto.key_ids() == ["k3"]
