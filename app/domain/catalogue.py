"""The catalogue of services for children: what is due for one child by age and facts, what was given, and by which clause."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from app.domain.facts import Known
from app.domain.policy import Frozen
from app.domain.terms import Agency

DAYS_OF_A_YEAR = 365


class Served(Frozen):
    """A service of the catalogue, and what the rules answer for one child."""

    service: str
    agency: Agency
    zh: str
    en: str
    basis: tuple[str, ...]
    from_months: int
    until_months: int
    at_months: tuple[int, ...] = ()
    """The ages at which it is due again; none: once, while the child is of the age."""
    fits: Known
    missing: tuple[str, ...] = ()
    """The facts that would decide whether it fits."""


class Born(Frozen):
    """Between which days the child was born; one day where the birth date is known."""

    first: date
    last: date

    @classmethod
    def of(cls, birth_date: date | None, age_years: int | None, seen_on: date) -> "Born | None":
        """From the birth date, or from an age in years as it was on a day; None while nothing is known."""
        if birth_date is not None:
            return cls(first=birth_date, last=birth_date)
        if age_years is None:
            return None
        last = seen_on - timedelta(days=DAYS_OF_A_YEAR * age_years + age_years // 4)
        return cls(first=last - timedelta(days=DAYS_OF_A_YEAR), last=last)


class Due(Frozen):
    """A service as it stands for a child: due, given, or open until the named facts are known."""

    service: str
    agency: Agency
    zh: str
    en: str
    basis: tuple[str, ...]
    due: Known
    at_months: int | None
    """The age at which it came due last."""
    next_months: int | None
    given: tuple[date, ...]
    missing: tuple[str, ...]


def due_of(
    services: Iterable[Served], born: Born | None, given: Mapping[str, Sequence[date]], today: date
) -> tuple[Due, ...]:
    """What concerns the child now: what is due, what is open, and what was given; not what its age has passed or not reached."""
    found = (_due(one, born, tuple(sorted(given.get(one.service, ()))), today) for one in services)
    return tuple(one for one in found if one.due is not Known.NO or one.given)


def _due(one: Served, born: Born | None, given: tuple[date, ...], today: date) -> Due:
    ages = None if born is None else (_months(born.last, today), _months(born.first, today))
    of_age = Known.UNKNOWN if ages is None else _within(one, *ages)
    youngest = ages[0] if ages else None
    mark = max((m for m in one.at_months if youngest is not None and m <= youngest), default=None)
    coming = min((m for m in one.at_months if youngest is not None and m > youngest), default=None)
    fits = _both(one.fits, of_age)
    if fits is Known.YES and _was_given(born, mark, given, bool(one.at_months)):
        fits = Known.NO
    age = ("age",) if of_age is Known.UNKNOWN else ()
    return Due(
        **one.model_dump(include={"service", "agency", "zh", "en", "basis"}), due=fits, at_months=mark,
        next_months=coming, given=given, missing=(*one.missing, *age) if fits is Known.UNKNOWN else (),
    )  # fmt: skip


def _within(one: Served, youngest: int, oldest: int) -> Known:
    inside = [one.from_months <= age <= one.until_months for age in (youngest, oldest)]
    if all(inside):
        return Known.YES
    apart = oldest < one.from_months or youngest > one.until_months
    return Known.NO if apart else Known.UNKNOWN


def _both(one: Known, other: Known) -> Known:
    if Known.NO in (one, other):
        return Known.NO
    return Known.YES if one is other is Known.YES else Known.UNKNOWN


def _was_given(born: Born | None, mark: int | None, given: tuple[date, ...], again: bool) -> bool:
    """Once is enough, or, where it comes again, once since the child was of the age."""
    if not again:
        return bool(given)
    return mark is None or (born is not None and any(_months(born.first, day) >= mark for day in given))


def _months(born: date, day: date) -> int:
    """Whole months of age; a month is full on the day of the same number."""
    return (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)
