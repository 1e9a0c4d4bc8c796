"""The seed of the calendar table: public holidays and make-up working days (调休), and until when they are known."""

from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import sha256
from importlib.metadata import version

import holidays
from pydantic import BaseModel, ConfigDict

from app.domain.clock import Calendar, DayKind

FIRST_YEAR, LAST_YEAR = 2016, 2027


class CalendarDay(BaseModel):
    """One exception to the Monday-to-Friday week, as a row of the calendar table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: date
    kind: DayKind
    name: str
    source: str
    confirmed: bool


class CalendarSeed(BaseModel):
    """All rows, by day, and the last day of the last year whose arrangement the State Council has announced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[CalendarDay, ...]
    confirmed_until: date

    def calendar(self) -> Calendar:
        """The calendar that deadlines are counted by."""
        return calendar_of(self.rows, self.confirmed_until)


def calendar_of(rows: Iterable[CalendarDay], confirmed_until: date) -> Calendar:
    """Make a calendar of table rows; its version is a digest of what it says."""
    days = {row.day: row.kind for row in sorted(rows, key=lambda row: row.day)}
    said = ";".join([f"until {confirmed_until}", *(f"{day} {kind.value}" for day, kind in days.items())])
    digest = sha256(said.encode()).hexdigest()[:12]
    return Calendar(version=f"CN-{confirmed_until.year}-{digest}", days=days, confirmed_until=confirmed_until)


def seed(first: int = FIRST_YEAR, last: int = LAST_YEAR) -> CalendarSeed:
    """Take the years from the `holidays` library; those it knows no arrangement of have statutory days only."""
    years = [holidays.China(years=year, language="zh_CN") for year in range(first, last + 1)]
    known = _last_announced(years, first)
    rows = [row for year, days in enumerate(years, first) for row in _rows(days, year, confirmed=year <= known)]
    return CalendarSeed(rows=tuple(sorted(rows, key=lambda row: row.day)), confirmed_until=date(known, 12, 31))


def _last_announced(years: Sequence[holidays.HolidayBase], first: int) -> int:
    """The last year of an unbroken run with make-up days: every arrangement has some, no computed year has any."""
    known = first - 1
    for year, days in enumerate(years, first):
        if not _make_up_days(days, year):
            break
        known = year
    return known


def _make_up_days(days: holidays.HolidayBase, year: int) -> list[date]:
    """Those of one year; the library also lists make-up days of other years."""
    return sorted(day for day in days.weekend_workdays if day.year == year)


def _rows(days: holidays.HolidayBase, year: int, *, confirmed: bool) -> list[CalendarDay]:
    basis = "国务院办公厅节假日安排" if confirmed else "全国年节及纪念日放假办法"
    source = f"{basis} (holidays {version('holidays')})"
    named = [(day, DayKind.HOLIDAY, name) for day, name in days.items()]
    named += [(day, DayKind.MAKE_UP, "调休上班") for day in _make_up_days(days, year)]
    return [CalendarDay(day=day, kind=kind, name=name, source=source, confirmed=confirmed) for day, kind, name in named]
