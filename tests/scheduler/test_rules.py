"""Times of tasks: tables, and properties against a reference that walks every minute."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduler import rules

SHANGHAI, BERLIN, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
MINUTE = timedelta(minutes=1)
ZONES = [
    "UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe",
    "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca", "Asia/Beirut", "America/St_Johns", "Europe/Dublin",
]  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2025-08-26T15:00:00", SHANGHAI, "2025-08-26T07:00:00"),
        ("2025-08-26T15:00:00Z", SHANGHAI, "2025-08-26T15:00:00"),
        ("2025-08-26T15:00:00-03:30", SHANGHAI, "2025-08-26T18:30:00"),
        ("2025-10-26T02:30:00", BERLIN, "2025-10-26T00:30:00"),  # the first of the two
        ("2025-10-26T02:30:00+01:00", BERLIN, "2025-10-26T01:30:00"),
        ("2024-02-29T00:00:00", SHANGHAI, "2024-02-28T16:00:00"),
    ],
)
def test_a_time_is_read(text: str, zone: ZoneInfo, instant: str) -> None:
    assert rules.parse_time(text, zone) == utc(instant)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2025-03-30T02:30:00", "time_does_not_exist"),
        ("2025-03-30T02:00:00", "time_does_not_exist"),
        ("2025-03-30T02:59:59", "time_does_not_exist"),
        ("2025-08-26T15:00:00.1", "bad_format"),
        ("2025-08-26T15:00:00.000", "bad_format"),
        ("2025-08-26", "bad_format"),
        ("2025-8-26T15:00:00", "bad_format"),
        ("2025-13-26T15:00:00", "bad_format"),
        ("2025-08-26T24:00:00", "bad_format"),
        ("2025-08-26T15:00:00z", "bad_format"),
        ("2025-08-26T15:00:00+0800", "bad_format"),
        (" 2025-08-26T15:00:00", "bad_format"),
        ("２０２５-08-26T15:00:00", "bad_format"),
        ("2025-08-26T15:00:00\n", "bad_format"),
        ("9999-12-31T23:59:59", "out_of_range"),
        ("0001-01-01T00:00:00+10:00", "out_of_range"),
    ],
)
def test_a_time_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(rules.TimeFault, match=reason):
        rules.parse_time(text, BERLIN)


@pytest.mark.parametrize("text", ["2025-03-30T01:59:59", "2025-03-30T03:00:00", "2025-03-30T02:30:00+01:00"])
def test_times_beside_a_gap_exist(text: str) -> None:
    rules.parse_time(text, BERLIN)


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../etc/passwd", "/etc/passwd", "America", "Asia/Shanghai\x00", "x" * 300]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(rules.TimeFault, match="wrong"):
        rules.parse_zone(name)


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "* * * * * *", "@daily", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
     "a * * * *", "*/0 * * * *", "5-1 * * * *", "0 0 30 2 *", "0 0 31 4,6 *", "0 0 ? * MON", "1,,2 * * * *"],
)  # fmt: skip
def test_what_is_no_cron_expression_of_five_fields_is_refused(cron: str) -> None:
    with pytest.raises(rules.TimeFault, match="bad_format"):
        rules.check_cron(cron)


@pytest.mark.parametrize(
    ("cron", "zone", "start", "expected"),
    [
        ("0 9 * * *", SHANGHAI, "2025-08-26T01:00:00", ["2025-08-26T01:00:00", "2025-08-27T01:00:00"]),
        ("0 9 * * *", SHANGHAI, "2025-08-26T01:00:01", ["2025-08-27T01:00:00"]),
        ("0 9 * * 1-5", SHANGHAI, "2025-08-29T02:00:00", ["2025-09-01T01:00:00"]),  # Friday to Monday
        ("0 0 29 2 *", SHANGHAI, "2025-01-01T00:00:00", ["2028-02-28T16:00:00"]),
        ("0 0 L * *", SHANGHAI, "2025-02-01T00:00:00", ["2025-02-27T16:00:00"]),
        ("0 0 13 * 5", SHANGHAI, "2025-06-01T00:00:00", ["2025-06-05T16:00:00", "2025-06-12T16:00:00"]),  # either
        # 02:30 does not exist on 9 March: the first minute after the gap; and it comes twice on 2 November: the first
        ("30 2 * * *", NEW_YORK, "2025-03-09T00:00:00", ["2025-03-09T07:00:00", "2025-03-10T06:30:00"]),
        ("30 1 * * *", NEW_YORK, "2025-11-02T00:00:00", ["2025-11-02T05:30:00", "2025-11-03T06:30:00"]),
        ("0,30 2 * * *", NEW_YORK, "2025-03-09T00:00:00", ["2025-03-09T07:00:00", "2025-03-10T06:00:00"]),
        ("0 */1 * * *", NEW_YORK, "2025-11-02T05:00:00", [f"2025-11-02T{hour:02}:00:00" for hour in (5, 6, 7)]),
        ("*/30 * * * *", NEW_YORK, "2025-03-09T06:30:00", ["2025-03-09T06:30:00", "2025-03-09T07:00:00"]),
        # clocks go back by half an hour: the minutes from 01:30 to 02:00 come twice
        ("*/30 * * * *", LORD_HOWE, "2025-04-05T14:30:00", [f"2025-04-05T{time}:00" for time in
                                                            ("14:30", "15:00", "15:30", "16:00")]),
        # a start inside the second half of a fold: that day's only match is over
        ("30 1 * * *", NEW_YORK, "2025-11-02T06:15:00", ["2025-11-03T06:30:00"]),
    ],
)  # fmt: skip
def test_the_next_times_of_a_cron_expression(cron: str, zone: ZoneInfo, start: str, expected: list[str]) -> None:
    assert rules.upcoming(cron, zone, utc(start), count=len(expected)) == [utc(text) for text in expected]


def test_a_task_has_no_match_after_its_end() -> None:
    first, end = utc("2025-08-26T01:00:00"), utc("2025-08-27T01:00:00")
    assert rules.upcoming("0 9 * * *", SHANGHAI, first, count=9, until=end) == [first, end]
    assert rules.next_match("0 9 * * *", SHANGHAI, end, end) is None


@pytest.mark.parametrize(
    ("cron", "moment", "mark"),
    [
        ("30 2 * * *", "2025-03-09T07:00:00", ("gap", "02:30")),
        ("0,30 2,3 * * *", "2025-03-09T07:00:00", (None, None)),  # 03:00 was meant too
        ("*/30 * * * *", "2025-03-09T07:00:00", (None, None)),
        ("30 1 * * *", "2025-11-02T05:30:00", ("fold", None)),
        ("30 1 * * *", "2025-11-03T06:30:00", (None, None)),
    ],
)
def test_changes_of_the_clock_are_marked(cron: str, moment: str, mark: tuple[str | None, str | None]) -> None:
    assert rules.clock_change(cron, NEW_YORK, utc(moment)) == mark


DUE = utc("2025-08-26T01:00:00")


@pytest.mark.parametrize(
    ("grace", "late", "runs"), [(None, 10**6, True), (60, 60, True), (60, 61, False), (1, 0, True)]
)
def test_a_task_due_once_runs_late_unless_a_grace_period_is_over(grace: int | None, late: int, runs: bool) -> None:
    outcome = rules.one_off_outcome(DUE, DUE + timedelta(seconds=late), grace)
    assert (outcome.run == DUE) is runs
    assert (outcome.missed is None) is runs


@pytest.mark.parametrize(
    ("minutes_late", "run", "missed", "reason"),
    [
        (0, 0, None, None),
        (0.5, 0, None, None),
        (1, 1, (0, 0, 1), "superseded"),
        (10, 10, (0, 9, 10), "superseded"),
        (60 * 24 * 400, 60 * 24 * 400, (0, 60 * 24 * 400 - 1, 60 * 24 * 400), "superseded"),
    ],
)
def test_after_a_downtime_the_latest_occurrence_runs(
    minutes_late: float, run: int, missed: tuple[int, int, int] | None, reason: str | None
) -> None:
    now = DUE + timedelta(minutes=minutes_late)
    outcome = rules.recurring_outcome("* * * * *", SHANGHAI, DUE, now, 300, None)
    assert outcome.run == DUE + run * MINUTE
    assert outcome.next_due == DUE + (run + 1) * MINUTE
    if missed is None:
        assert outcome.missed is None
    else:
        first, last, count = missed
        assert outcome.missed is not None
        assert outcome.missed == rules.Missed(DUE + first * MINUTE, DUE + last * MINUTE, count, outcome.missed.reason)
        assert outcome.missed.reason == reason


def test_an_occurrence_past_its_grace_is_missed_and_the_next_one_is_ahead() -> None:
    now = DUE + timedelta(days=2, seconds=301)
    outcome = rules.recurring_outcome("0 9 * * *", SHANGHAI, DUE, now, 300, None)
    assert outcome.run is None
    assert outcome.missed == rules.Missed(DUE, DUE + timedelta(days=2), 3, "past_grace")
    assert outcome.next_due == DUE + timedelta(days=3)


def test_after_its_end_a_task_is_due_no_more() -> None:
    outcome = rules.recurring_outcome("0 9 * * *", SHANGHAI, DUE, DUE, 300, DUE)
    assert (outcome.run, outcome.next_due) == (DUE, None)


def test_a_generated_name_tells_the_first_case_the_number_and_the_time() -> None:
    assert rules.generated_name("登录", 1, DUE, SHANGHAI) == "登录 2025-08-26T09:00:00"
    assert rules.generated_name("登录", 2, DUE, SHANGHAI) == "登录 等2个用例 2025-08-26T09:00:00"


def a_list(values: range) -> st.SearchStrategy[str]:
    some = st.lists(st.sampled_from(list(values)), min_size=1, max_size=3, unique=True)
    ranges = st.tuples(st.sampled_from(list(values)), st.sampled_from(list(values))).map(sorted)
    return st.one_of(
        st.just("*"),
        st.sampled_from([7, 13, 15, 30]).map(lambda step: f"*/{step}"),
        some.map(lambda found: ",".join(map(str, sorted(found)))),
        ranges.map(lambda bounds: f"{bounds[0]}-{bounds[1]}"),
    )


def values(field: str, every: range) -> set[int]:
    if field.startswith("*"):
        return set(every[:: int(field[2:] or 1)])
    found: set[int] = set()
    for part in field.split(","):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return found


def reference(cron: str, zone: ZoneInfo, first: datetime, last: datetime) -> list[datetime]:
    """Matches from `first` to `last`, by walking minutes: real ones for wildcards, else those of the wall clock."""
    minute, hour, day, month, weekday = cron.split()
    minutes, hours = values(minute, range(60)), values(hour, range(24))
    days, months = values(day, range(1, 32)), values(month, range(1, 13))
    weekdays = {number % 7 for number in values(weekday, range(8))}
    either = not (day.startswith("*") or weekday.startswith("*"))

    def is_a_day(found: date) -> bool:
        by_day, by_weekday = found.day in days, found.isoweekday() % 7 in weekdays
        return found.month in months and (by_day or by_weekday if either else by_day and by_weekday)

    def fits(local: datetime) -> bool:
        return local.minute in minutes and local.hour in hours and is_a_day(local)

    found = set()
    if minute.startswith("*") or hour.startswith("*"):
        moment = first.replace(second=0, microsecond=0)
        while moment <= last:
            if fits(moment.astimezone(zone)):
                found.add(moment)
            moment += MINUTE
    else:
        wall = first.astimezone(zone).replace(tzinfo=None, second=0) - timedelta(days=2)
        while wall <= last.astimezone(zone).replace(tzinfo=None) + timedelta(days=1):
            if fits(wall):
                moved = wall
                while rules.does_not_exist(moved, zone):
                    moved += MINUTE
                found.add(moved.replace(tzinfo=zone).astimezone(UTC))
            wall += MINUTE
    return sorted(moment for moment in found if first <= moment <= last)


def change_near(zone: ZoneInfo, year: int, which: int) -> datetime:
    """A moment at which the zone's clocks change in the year, or its start if they do not."""
    hours = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(0, 366 * 24, 6)]
    changes = [
        late
        for early, late in pairwise(hours)
        if early.astimezone(zone).utcoffset() != late.astimezone(zone).utcoffset()
    ]
    return changes[which % len(changes)] if changes else hours[0]


CRONS = st.tuples(a_list(range(60)), a_list(range(24)), st.just("*") | a_list(range(1, 29)), st.just("*"),
                  st.just("*") | a_list(range(7))).map(" ".join)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    cron=CRONS,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    year=st.integers(2007, 2037),
    which=st.integers(0, 3),
    shift=st.integers(-30 * 60, 6 * 60),
    length=st.integers(1, 50),
)
def test_the_next_times_are_those_of_a_walk_over_every_minute(
    cron: str, zone: ZoneInfo, year: int, which: int, shift: int, length: int
) -> None:
    first = change_near(zone, year, which) + shift * MINUTE
    last = first + timedelta(hours=length)

    expected = reference(cron, zone, first, last)

    assert rules.upcoming(cron, zone, first, count=10_000, until=last) == expected
    assert rules.count_matches(cron, zone, first, last) == len(expected)
    if expected:
        assert rules.last_match(cron, zone, expected[0], last) == expected[-1]
        outcome = rules.recurring_outcome(cron, zone, expected[0], last, 10**6, None)
        missed = outcome.missed.count if outcome.missed else 0
        assert outcome.run == expected[-1]
        assert missed == len(expected) - 1


@settings(max_examples=100, deadline=None)
@given(
    cron=CRONS,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    days=st.integers(0, 28_000),
    seconds=st.integers(0, 86_399),
)
def test_times_follow_one_another_without_end(cron: str, zone: ZoneInfo, days: int, seconds: int) -> None:
    moment = datetime(2001, 1, 1, tzinfo=UTC) + timedelta(days=days, seconds=seconds)
    for _ in range(5):
        following = rules.next_match(cron, zone, moment)
        assert following is not None
        assert following > moment
        assert rules.first_match(cron, zone, following) == following
        moment = following
