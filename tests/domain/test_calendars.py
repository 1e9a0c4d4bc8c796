"""The calendar seed: real arrangements of the State Council, and where they end."""

from datetime import date, timedelta

import pytest

from app.domain.clock import DayKind
from app.policy.calendars import CalendarDay, calendar_of, seed

SEED = seed()
CALENDAR = SEED.calendar()


def span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def test_each_day_has_one_row_in_order() -> None:
    days = [row.day for row in SEED.rows]
    assert days == sorted(set(days))
    assert (days[0], days[-1].year) == (date(2016, 1, 1), 2027)


def test_every_year_from_2016_to_2026_has_make_up_days_and_2027_has_none() -> None:
    years = {row.day.year for row in SEED.rows if row.kind is DayKind.MAKE_UP}
    assert years == set(range(2016, 2027))
    assert SEED.confirmed_until == date(2026, 12, 31)


def test_make_up_days_are_weekend_days_and_every_one_is_worked() -> None:
    made_up = [row.day for row in SEED.rows if row.kind is DayKind.MAKE_UP]
    assert all(day.isoweekday() > 5 and CALENDAR.is_working(day) for day in made_up)


def test_rows_say_whether_they_are_confirmed_and_where_they_come_from() -> None:
    assert all(row.confirmed == (row.day.year <= 2026) for row in SEED.rows)
    assert all(row.name and "holidays" in row.source for row in SEED.rows)
    assert {row.source for row in SEED.rows if row.confirmed}.isdisjoint(
        {row.source for row in SEED.rows if not row.confirmed}
    )


@pytest.mark.parametrize(
    ("first", "last", "worked"),
    [
        (date(2026, 1, 1), date(2026, 1, 3), (date(2026, 1, 4),)),
        (date(2026, 2, 15), date(2026, 2, 23), (date(2026, 2, 14), date(2026, 2, 28))),
        (date(2026, 4, 4), date(2026, 4, 6), ()),
        (date(2026, 5, 1), date(2026, 5, 5), (date(2026, 5, 9),)),
        (date(2026, 6, 19), date(2026, 6, 21), ()),
        (date(2026, 9, 25), date(2026, 9, 27), ()),
        (date(2026, 10, 1), date(2026, 10, 7), (date(2026, 9, 20), date(2026, 10, 10))),
        (date(2025, 10, 1), date(2025, 10, 8), (date(2025, 9, 28), date(2025, 10, 11))),
        (date(2020, 1, 24), date(2020, 2, 2), (date(2020, 1, 19),)),
    ],
)
def test_announced_breaks(first: date, last: date, worked: tuple[date, ...]) -> None:
    assert not any(CALENDAR.is_working(day) for day in span(first, last))
    assert all(CALENDAR.kind(day) is DayKind.MAKE_UP for day in worked)


@pytest.mark.parametrize(
    ("year", "working_days"),
    [
        *((2016, 250), (2017, 249), (2018, 250), (2019, 250), (2020, 249), (2021, 250)),
        *((2022, 249), (2023, 249), (2024, 251), (2025, 248), (2026, 248)),
    ],
)
def test_working_days_of_each_announced_year(year: int, working_days: int) -> None:
    """The figures are those of another library, chinesecalendar 1.11."""
    assert sum(CALENDAR.is_working(day) for day in span(date(year, 1, 1), date(year, 12, 31))) == working_days


def test_statutory_days_of_an_unannounced_year_are_known() -> None:
    assert CALENDAR.kind(date(2027, 10, 1)) is DayKind.HOLIDAY
    assert CALENDAR.kind(date(2027, 2, 6)) is DayKind.HOLIDAY


def test_the_version_changes_exactly_with_what_the_calendar_says() -> None:
    until = SEED.confirmed_until
    assert calendar_of(reversed(SEED.rows), until).version == CALENDAR.version == seed().calendar().version
    renamed = [row.model_copy(update={"name": "另名"}) for row in SEED.rows]
    assert calendar_of(renamed, until).version == CALENDAR.version
    added = CalendarDay(day=date(2027, 1, 2), kind=DayKind.MAKE_UP, name="调休上班", source="notice", confirmed=True)
    assert calendar_of((*SEED.rows, added), until).version != CALENDAR.version
    assert calendar_of(SEED.rows, date(2027, 12, 31)).version != CALENDAR.version


def test_a_seed_of_announced_years_alone_ends_with_the_last() -> None:
    assert seed(2024, 2025).confirmed_until == date(2025, 12, 31)
