"""Working time: calendars, and budgets that become instants by the law of days."""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Local time of the district; China has had no daylight saving since 1991."""
OPENS = time(9)
LAST_SECOND = time(23, 59, 59)
LONGEST = timedelta(days=20 * 366)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


class ClockError(ValueError):
    """A clock was asked for what it cannot do: a naive instant, a budget of nothing, a resume without a pause."""


def utc(at: datetime) -> datetime:
    """Refuse a naive instant, and write any other in UTC."""
    if at.tzinfo is UTC:
        return at
    if at.utcoffset() is None:
        raise ClockError(f"a clock needs an aware datetime, and {at.isoformat()} has no time zone")
    return at.astimezone(UTC)


def day_of(at: datetime) -> date:
    """The local day of an instant."""
    return at.astimezone(BEIJING).date()


def local_instant(day: date, clock_time: time) -> datetime:
    """The instant of a local wall-clock time, in UTC."""
    return datetime.combine(day, clock_time, BEIJING).astimezone(UTC)


Instant = AwareDatetime
"""Made by `utc` wherever a clock is asked; what is read back is not looked through again."""


class Value(BaseModel):
    """Immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DayKind(StrEnum):
    """What a calendar says of one day; MAKE_UP is a weekend day that is worked (调休)."""

    WORKING = "working"
    HOLIDAY = "holiday"
    MAKE_UP = "make_up"
    WEEKEND = "weekend"


class Calendar(Value):
    """Exceptions to the Monday-to-Friday week; after `confirmed_until` nobody has announced them all yet."""

    version: str = Field(min_length=1)
    days: Mapping[date, DayKind]
    confirmed_until: date

    def kind(self, day: date) -> DayKind:
        """What kind of day it is; an instant is refused, because its day depends on the time zone."""
        if isinstance(day, datetime):
            raise ClockError(f"a calendar is asked about a day, not about the instant {day.isoformat()}")
        exception = self.days.get(day)
        if exception is not None:
            return exception
        return DayKind.WORKING if day.weekday() < 5 else DayKind.WEEKEND

    def is_working(self, day: date) -> bool:
        """Make-up days are working days."""
        return self.kind(day) in (DayKind.WORKING, DayKind.MAKE_UP)

    def next_working_day(self, day: date) -> date:
        """The first working day after `day`, never `day` itself."""
        day += DAY
        while not self.is_working(day):
            day += DAY
        return day

    def previous_working_day(self, day: date) -> date:
        """The last working day before `day`, never `day` itself."""
        day -= DAY
        while not self.is_working(day):
            day -= DAY
        return day


class Unit(StrEnum):
    """What a budget counts; the first three are elapsed time, which never stops."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WORKING_DAYS = "working_days"
    MONTHS = "months"


_ELAPSED = {Unit.SECONDS: SECOND, Unit.MINUTES: timedelta(minutes=1), Unit.HOURS: timedelta(hours=1)}
_LONGEST_MONTH = 31 * DAY
_WRITTEN = re.compile(r"(\d{1,10}) +(second|minute|hour|day|working[ _]day|month)s?")


class Remaining(Value):
    """What is left of a budget; nought days left means until the end of the day on which the clock goes on."""

    amount: int = Field(ge=0, strict=True)
    unit: Unit

    @model_validator(mode="after")
    def _is_not_endless(self) -> Self:
        if self.amount > LONGEST // (_LONGEST_MONTH if self.unit is Unit.MONTHS else _ELAPSED.get(self.unit, DAY)):
            raise ClockError(f"{self} is longer than any duty here, {LONGEST.days} days")
        return self

    def __str__(self) -> str:
        written = self.unit.value.replace("_", " ")
        return f"{self.amount} {written[:-1] if self.amount == 1 else written}"

    def ends(self, start: datetime, calendar: Calendar, *, around_the_clock: bool = False) -> datetime:
        """Count from `start` by 民法典 201-203: the first day is not counted, the last ends at its last second.

        Months end on the day of the same number, or on the last of a month that has none. A last day that is no working
        day gives way to the next one, except around the clock. Elapsed units are exact.
        """
        start = utc(start)
        step = _ELAPSED.get(self.unit)
        if step is not None:
            return start + self.amount * step
        day = day_of(start)
        if self.unit is Unit.MONTHS:
            day = months_on(day, self.amount)
        elif self.unit is Unit.DAYS:
            day += self.amount * DAY
        else:
            for _ in range(self.amount):
                day = calendar.next_working_day(day)
        if local_instant(day, LAST_SECOND) <= start:
            day += DAY
        if self.depends_on_calendar(around_the_clock=around_the_clock) and not calendar.is_working(day):
            day = calendar.next_working_day(day)
        return local_instant(day, LAST_SECOND)

    def leads_to(self, end: datetime, calendar: Calendar, *, around_the_clock: bool = False) -> datetime:
        """The moment this long before `end`; days lead to an opening hour, around the clock to the same hour."""
        end = utc(end)
        step = _ELAPSED.get(self.unit)
        if step is not None:
            return end - self.amount * step
        day = day_of(end)
        if self.unit is Unit.MONTHS:
            day = months_on(day, -self.amount)
        elif self.unit is Unit.DAYS:
            day -= self.amount * DAY
        else:
            for _ in range(self.amount):
                day = calendar.previous_working_day(day)
        return local_instant(day, end.astimezone(BEIJING).time() if around_the_clock else OPENS)

    def left_at(self, now: datetime, start: datetime, calendar: Calendar) -> "Remaining":
        """What is left at `now` of a count begun at `start`: whole seconds, rounded up, or the days after today.

        Once a month has been begun, what is left of it are days: those up to its own last day.
        """
        step = _ELAPSED.get(self.unit)
        if step is not None:
            seconds = -((now - start - self.amount * step) // SECOND)
            return Remaining(amount=max(0, seconds), unit=Unit.SECONDS)
        day, today = day_of(start), day_of(now)
        if self.unit is Unit.MONTHS:
            return Remaining(amount=max(0, (months_on(day, self.amount) - max(day, today)).days), unit=Unit.DAYS)
        if self.unit is Unit.DAYS:
            return Remaining(amount=max(0, self.amount - max(0, (today - day).days)), unit=self.unit)
        left = self.amount
        while left and (day := calendar.next_working_day(day)) <= today:
            left -= 1
        return Remaining(amount=left, unit=self.unit)

    @property
    def nominal(self) -> timedelta:
        """Its length for comparing one span with another, five working days being a week, a month a long one."""
        if self.unit is Unit.WORKING_DAYS:
            return self.amount * DAY * 7 / 5
        if self.unit is Unit.MONTHS:
            return self.amount * _LONGEST_MONTH
        return self.amount * _ELAPSED.get(self.unit, DAY)

    def depends_on_calendar(self, *, around_the_clock: bool) -> bool:
        """Whether a change of the calendar may move its end."""
        return self.unit is Unit.WORKING_DAYS or (self.unit in (Unit.DAYS, Unit.MONTHS) and not around_the_clock)


class Budget(Remaining):
    """A span that a rule grants, never of nothing."""

    amount: int = Field(gt=0, strict=True)

    @classmethod
    def parse(cls, written: str) -> Self:
        """Read `15 minutes`, `1 day` or `3 working days`, as `str` writes it."""
        match = _WRITTEN.fullmatch(written.strip().lower())
        if match is None:
            raise ClockError(f"{written!r} is no budget; write it like '15 minutes', '1 day' or '3 working days'")
        return cls(amount=int(match[1]), unit=Unit(match[2].replace(" ", "_") + "s"))


def months_on(day: date, months: int) -> date:
    """The day of the same number so many months later, or the last of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
