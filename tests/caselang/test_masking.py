import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest

from caselang.masking import MASKED, Mask

SECRET = 'p/w "ö+\\%=&é中😀'
MASK = Mask({"password": SECRET, "token": "abcdef123456"})


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("abcdef123456", MASKED), ("Bearer abcdef123456!", f"Bearer {MASKED}!"), ("abcdef12345", "abcdef12345"),
        ("ABCDEF123456", "ABCDEF123456"), (SECRET, MASKED), (f"<{SECRET}|{SECRET}>", f"<{MASKED}|{MASKED}>"),
        (quote(SECRET, safe=""), MASKED), (quote(SECRET), MASKED), (quote_plus(SECRET), MASKED),
        (quote(SECRET, safe="").lower(), MASKED), (quote(SECRET, safe="!'()*~=&+/"), MASKED),
        (urlencode({"a": SECRET, "b": "c"}), f"a={MASKED}&b=c"), (json.dumps(SECRET), f'"{MASKED}"'),
        (json.dumps(SECRET, ensure_ascii=False), f'"{MASKED}"'),
        (json.dumps(SECRET).replace("/", r"\/"), f'"{MASKED}"'),
        (json.dumps({"a": [SECRET]}), json.dumps({"a": [MASKED]})),
        (base64.b64encode(SECRET.encode()).decode(), MASKED),
        (base64.urlsafe_b64encode(SECRET.encode()).decode(), MASKED),
        (base64.b64encode(b"abcdef123456").decode(), MASKED),
        (quote(base64.b64encode(SECRET.encode()).decode(), safe=""), None),
        ({"a": "abcdef123456", "b": [SECRET, 1]}, {"a": MASKED, "b": [MASKED, 1]}), ({"abcdef123456": 1}, {MASKED: 1}),
        ([None, True, 5, 1.5], [None, True, 5, 1.5]), ("", ""), ([("A", "abcdef123456")], [["A", MASKED]]),
    ],
)  # fmt: skip
def test_a_secret_is_masked_however_it_is_written(value: Any, masked: Any) -> None:
    if masked is None:
        assert MASKED in MASK.mask(value)
        return
    assert MASK.mask(value) == masked


@pytest.mark.parametrize("user", ["", "u", "us", "use", "user:", "user:x", "名字:"])
@pytest.mark.parametrize("after", ["", "!", "!!", ":end"])
def test_base64_around_a_secret_does_not_show_it(user: str, after: str) -> None:
    for secret in ("abcdef123456", SECRET):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            header = f"Basic {encode((user + secret + after).encode()).decode()}"
            masked = MASK.mask(header)
            assert masked.startswith("Basic ")
            assert MASKED in masked
            left = masked.removeprefix("Basic ").replace(MASKED, "")
            assert len(left) <= len(encode((user + after).encode())) + 4


def test_a_number_that_is_a_secret_is_masked() -> None:
    mask = Mask({"pin": "123456"})
    assert mask.mask({"pin": 123456, "other": 12345, "long": 91234567}) == {
        "pin": MASKED,
        "other": 12345,
        "long": "9***7",
    }


def test_a_secret_made_up_by_what_is_left_is_masked_too() -> None:
    assert Mask({"a": "secret", "b": "xx***yy"}).mask("xxsecretyy") == MASKED
    assert "******" not in Mask({"stars": "******"}).mask("*" * 21)


def test_what_is_masked_is_located() -> None:
    value = {"headers": [["Authorization", "Bearer abcdef123456"]], "body": {"a/b": {"~": SECRET}}, "plain": 1}
    assert MASK.locate(value) == [
        {"pointer": "/headers/0/1", "name": "token"},
        {"pointer": "/body/a~1b/~0", "name": "password"},
    ]
    assert MASK.locate({"a": "nothing"}) == []


def test_too_short_a_secret_is_not_masked() -> None:
    assert Mask({"a": "", "b": "12345"}).mask("12345") == "12345"


def test_masking_leaves_the_value_that_it_was_given_alone() -> None:
    value = {"a": ["abcdef123456"]}
    MASK.mask(value)
    assert value == {"a": ["abcdef123456"]}


def test_masking_a_long_text_takes_linear_time() -> None:
    mask = Mask({f"s{n}": f"secret-{n}/value" for n in range(20)})
    text = ("a%20b\\n+/" * 100_000) + "secret-7/value"
    assert mask.mask(text).endswith(MASKED)
