"""Auth's pure functions."""

from datetime import UTC, datetime, timedelta

import pytest

from services.auth import rules
from services.auth.rules import Failures

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def test_failures_spread_wider_than_15_minutes_never_lock() -> None:
    failures = Failures()
    for number in range(20):
        failures = rules.after_failure(failures, minutes(4 * number), 5)
    assert failures.locked_until is None


def test_a_lock_long_past_is_forgotten() -> None:
    failures = Failures((), 3, minutes(0))
    later = rules.after_failure(failures, minutes(16), 5)
    assert later == Failures((minutes(16),), 0, None)


def test_a_failure_soon_after_a_lock_locks_for_twice_as_long() -> None:
    failures = Failures((minutes(0),), 1, minutes(1))
    assert rules.after_failure(failures, minutes(2), 5).locked_until == minutes(4)


def test_no_password_matches_nobodys_hash() -> None:
    assert not rules.password_matches(None, "")
    assert rules.password_matches(rules.hash_password("x"), "x")
    assert not rules.password_matches(rules.hash_password("x"), "y")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "trusted", "expected"),
    [
        ("203.0.113.7", [], "", "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "", "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1"], "10.0.0.0/8", "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1, 10.0.0.2"], "10.0.0.0/8", "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "10.0.0.0/8, 192.0.2.1", "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.0/8", "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3,10.0.0.2"], "10.0.0.1/8", "10.0.0.3"),
        ("2001:db8:1:2:3:4:5:6", [], "", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", [], "", "203.0.113.7"),
        ("fe80::1%eth0", [], "", "fe80::/64"),
        ("::1", ["2001:db8::1"], "::1", "2001:db8::/64"),
        ("10.0.0.1", ["not an address"], "10.0.0.1", "not an address"),
    ],
)
def test_the_client_is_the_last_hop_that_is_no_trusted_proxy(
    peer: str, forwarded_for: list[str], trusted: str, expected: str
) -> None:
    assert rules.client_address(peer, forwarded_for, trusted) == expected
