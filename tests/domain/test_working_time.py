"""Budgets become instants by the law of days: against an oracle that walks the days, and by the names of known bugs."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise

import pytest
from pydantic import ValidationError

from app.domain.clock import Budget, Calendar, ClockError, DayKind, Remaining, Unit
from tests.domain.days import CALENDAR, CHINA, MADE_UP, china, works

DAY_CLOCK_TIMES = (time(0), time(8, 59, 59), time(9), time(12, 30), time(23, 59, 59), time(23, 59, 59, 999999))

Case = tuple[datetime, Budget, bool]
Ends = Callable[[datetime, Budget, bool], datetime]


def walked(start: datetime, budget: Budget, around_the_clock: bool) -> datetime:
    """The oracle: walk second by second, minute by minute or day by day, and look at each."""
    strides = {"seconds": timedelta(seconds=1), "minutes": timedelta(minutes=1), "hours": timedelta(minutes=60)}
    if budget.unit in strides:
        at = start
        for _ in range(budget.amount):
            at += strides[budget.unit]
        return at
    first, counted = start.astimezone(CHINA).date(), 0
    day = first
    while True:
        day += timedelta(days=1)
        tomorrow = day + timedelta(days=1)
        if budget.unit == "months":
            short_of_it = tomorrow.day == 1 and day.day < first.day
            counted += day.day == first.day or short_of_it
        elif budget.unit == "days" or works(day):
            counted += 1
        may_end = works(day) or (around_the_clock and budget.unit in ("days", "months"))
        if counted >= budget.amount and may_end:
            return datetime.combine(day, time(23, 59, 59), CHINA)


def cases(count: int) -> list[Case]:
    chance = random.Random(20170101)
    first, made = date(2016, 1, 1), []
    longest = {"seconds": 7200, "minutes": 4320, "hours": 240, "days": 90, "working_days": 60, "months": 4}
    for _ in range(count):
        day = first + timedelta(days=chance.randrange(12 * 365 - 150))
        clock_time = chance.choice((*DAY_CLOCK_TIMES, time(chance.randrange(24), chance.randrange(60))))
        start = datetime.combine(day, clock_time, CHINA)
        start = start.astimezone(chance.choice((UTC, CHINA, timezone(timedelta(hours=-5)))))
        unit = chance.choice((*Unit, Unit.DAYS, Unit.WORKING_DAYS, Unit.MONTHS))
        amount = chance.choice((1, 2, 3, 5, chance.randint(1, longest[unit])))
        made.append((start, Budget(amount=amount, unit=unit), chance.random() < 0.4))
    return made


def counted(start: datetime, budget: Budget, around_the_clock: bool) -> datetime:
    return budget.ends(start, CALENDAR, around_the_clock=around_the_clock)


def differences(ends: Ends) -> list[Case]:
    return [case for case in cases(2_000) if ends(*case) != walked(*case)]


def local(at: datetime) -> str:
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def ends(start: str, budget: str, *, around_the_clock: bool = False) -> str:
    return local(Budget.parse(budget).ends(china(start), CALENDAR, around_the_clock=around_the_clock))


def test_two_thousand_random_budgets_end_where_the_oracle_walks_to() -> None:
    assert differences(counted) == []


def working_day_as_24_hours(start: datetime, budget: Budget, around_the_clock: bool) -> datetime:
    hours = budget.amount * 24 if budget.unit == "working_days" else 0
    return start + timedelta(hours=hours) if hours else counted(start, budget, around_the_clock)


def blind_to_make_up_days(start: datetime, budget: Budget, around_the_clock: bool) -> datetime:
    blind = CALENDAR.model_copy(update={"days": {d: k for d, k in CALENDAR.days.items() if k != "make_up"}})
    return budget.ends(start, blind, around_the_clock=around_the_clock)


def ends_on_a_holiday(start: datetime, budget: Budget, around_the_clock: bool) -> datetime:
    return counted(start, budget, around_the_clock or budget.unit == "days")


def counts_the_first_day(start: datetime, budget: Budget, around_the_clock: bool) -> datetime:
    earlier = timedelta(days=1) if budget.unit in ("days", "working_days") else timedelta()
    return counted(start - earlier, budget, around_the_clock)


def takes_the_day_in_utc(start: datetime, budget: Budget, around_the_clock: bool) -> datetime:
    elapsed = budget.unit not in ("days", "working_days")
    return counted(start if elapsed else start - timedelta(hours=8), budget, around_the_clock)


@pytest.mark.parametrize(
    "wrong",
    [working_day_as_24_hours, blind_to_make_up_days, ends_on_a_holiday, counts_the_first_day, takes_the_day_in_utc],
)
def test_the_oracle_sees_each_wrong_count(wrong: Ends) -> None:
    assert len(differences(wrong)) > 20


def test_one_working_day_is_not_24_working_hours() -> None:
    assert ends("2026-03-06 16:00", "1 working day") == "2026-03-09 23:59:59"
    assert ends("2026-03-05 00:00", "1 working day") == "2026-03-06 23:59:59"


def test_elapsed_time_does_not_stop_at_night_or_on_holidays() -> None:
    assert ends("2026-09-30 23:50", "15 minutes") == "2026-10-01 00:05:00"
    assert ends("2026-10-01 08:00", "48 hours") == "2026-10-03 08:00:00"


def test_a_make_up_saturday_counts_to_its_last_second() -> None:
    assert date(2026, 2, 14) in MADE_UP
    assert ends("2026-02-13 10:00", "1 working day") == "2026-02-14 23:59:59"
    assert ends("2026-02-13 10:00", "1 day") == "2026-02-14 23:59:59"


def test_a_make_up_saturday_is_a_first_day_like_any_other() -> None:
    assert ends("2026-02-14 10:00", "1 working day") == "2026-02-24 23:59:59"


@pytest.mark.parametrize(
    ("budget", "end"),
    [
        ("1 working day", "2026-10-08 23:59:59"),
        ("3 working days", "2026-10-10 23:59:59"),
        ("4 working days", "2026-10-12 23:59:59"),
        ("1 day", "2026-10-08 23:59:59"),
        ("7 days", "2026-10-08 23:59:59"),
        ("9 days", "2026-10-09 23:59:59"),
        ("10 days", "2026-10-10 23:59:59"),
        ("11 days", "2026-10-12 23:59:59"),
    ],
)
def test_national_day_week_2026(budget: str, end: str) -> None:
    assert ends("2026-09-30 10:00", budget) == end


def test_around_the_clock_a_last_day_is_never_moved() -> None:
    assert ends("2026-09-30 10:00", "3 days", around_the_clock=True) == "2026-10-03 23:59:59"


def test_a_start_on_a_day_off_counts_from_the_next_working_day() -> None:
    assert ends("2026-03-07 11:00", "1 working day") == "2026-03-09 23:59:59"
    assert ends("2026-10-03 11:00", "2 working days") == "2026-10-09 23:59:59"


@pytest.mark.parametrize(
    ("start", "budget", "end"),
    [
        ("2026-03-10 10:00", "1 month", "2026-04-10 23:59:59"),
        ("2025-01-31 10:00", "1 month", "2025-02-28 23:59:59"),
        ("2026-01-31 10:00", "1 month", "2026-02-28 23:59:59"),
        ("2024-01-31 10:00", "1 month", "2024-02-29 23:59:59"),
        ("2025-11-30 10:00", "3 months", "2026-02-28 23:59:59"),
        ("2026-12-31 23:59", "2 months", "2027-03-01 23:59:59"),
        ("2026-09-05 10:00", "1 month", "2026-10-08 23:59:59"),
    ],
)
def test_a_month_ends_on_the_day_of_its_number_or_on_its_last_and_never_on_a_day_off(
    start: str, budget: str, end: str
) -> None:
    assert ends(start, budget) == end


def test_what_is_left_of_a_month_are_the_days_up_to_its_own_end() -> None:
    month = Remaining(amount=1, unit=Unit.MONTHS)
    start, now = china("2026-01-31 10:00"), china("2026-02-20 09:00")
    left = month.left_at(now, start, CALENDAR)
    assert left == Remaining(amount=8, unit=Unit.DAYS)
    assert left.ends(now, CALENDAR, around_the_clock=True) == month.ends(start, CALENDAR, around_the_clock=True)


def test_midnight_belongs_to_the_day_that_begins() -> None:
    assert ends("2026-03-02 23:59:59", "1 day") == "2026-03-03 23:59:59"
    assert ends("2026-03-03 00:00:00", "1 day") == "2026-03-04 23:59:59"


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-06 10:00", "2026-03-06 23:59:59"),
        ("2026-03-07 10:00", "2026-03-09 23:59:59"),
        ("2026-03-06 23:59:59", "2026-03-09 23:59:59"),
    ],
)
def test_nought_days_left_is_the_end_of_the_day_or_of_the_next_working_day(now: str, end: str) -> None:
    for unit in (Unit.DAYS, Unit.WORKING_DAYS):
        assert local(Remaining(amount=0, unit=unit).ends(china(now), CALENDAR)) == end


def test_ends_grow_with_the_budget_and_with_the_start() -> None:
    for start, budget, around_the_clock in cases(300):
        more = Budget(amount=budget.amount + 1, unit=budget.unit)
        end = counted(start, budget, around_the_clock)
        assert start < end <= counted(start, more, around_the_clock)
        assert end <= counted(start + timedelta(hours=7), budget, around_the_clock)
        assert end.tzinfo is UTC


def test_a_naive_instant_is_refused_by_name() -> None:
    with pytest.raises(ClockError, match="2026-03-06T16:00:00 has no time zone"):
        Budget.parse("1 day").ends(datetime(2026, 3, 6, 16), CALENDAR)  # noqa: DTZ001 - naive on purpose


def test_an_instant_is_no_day_to_ask_a_calendar_about() -> None:
    with pytest.raises(ClockError, match="not about the instant"):
        CALENDAR.is_working(china("2026-03-06 16:00"))


@pytest.mark.parametrize("amount", [0, -1, 1.5, "3", True, 10**12])
def test_a_budget_of_nothing_of_parts_or_without_end_is_refused(amount: object) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate({"amount": amount, "unit": "days"})


@pytest.mark.parametrize(
    "written", ["15 minutes", "1 minute", "1 day", "30 seconds", "3 working days", "48 hours", "1 month", "3 months"]
)
def test_budgets_are_read_as_they_are_written(written: str) -> None:
    assert str(Budget.parse(written)) == written


def test_budgets_are_read_with_underscores_and_capitals() -> None:
    assert Budget.parse(" 3 Working_Days ") == Budget(amount=3, unit=Unit.WORKING_DAYS)


@pytest.mark.parametrize(
    "written", ["", "soon", "1.5 days", "-1 days", "3", "days", "1 year", "1 day 2 hours", "٣ days x"]
)
def test_what_is_no_budget_is_refused(written: str) -> None:
    with pytest.raises(ClockError, match="no budget"):
        Budget.parse(written)


def test_nought_is_refused_when_written_too() -> None:
    with pytest.raises(ValidationError):
        Budget.parse("0 days")


def test_lengths_compare_across_units() -> None:
    ordered = [
        "59 seconds",
        "1 minute",
        "1 hour",
        "23 hours",
        "1 day",
        "1 working day",
        "5 working days",
        "8 days",
        "30 days",
        "1 month",
    ]
    assert all(Budget.parse(a).nominal < Budget.parse(b).nominal for a, b in pairwise(ordered))
    assert Budget.parse("15 working days").nominal == Budget.parse("21 days").nominal


def test_the_calendar_knows_every_kind_of_day() -> None:
    kinds = {date(2026, 3, 6): "working", date(2026, 3, 7): "weekend", date(2026, 10, 1): "holiday"}
    kinds[date(2026, 10, 10)] = "make_up"
    assert {day: CALENDAR.kind(day) for day in kinds} == kinds
    assert CALENDAR.next_working_day(date(2026, 10, 10)) == date(2026, 10, 12)
    assert CALENDAR.previous_working_day(date(2026, 10, 10)) == date(2026, 10, 9)


def test_a_calendar_survives_json() -> None:
    assert Calendar.model_validate_json(CALENDAR.model_dump_json()) == CALENDAR
    assert CALENDAR.days[date(2026, 2, 14)] is DayKind.MAKE_UP
