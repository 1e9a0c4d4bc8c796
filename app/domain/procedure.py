"""A procedure of the notice: steps that a recorded outcome ends, and what each outcome opens; a step is a duty, or the leg of a route.

A step is called `procedure.step`. Where a procedure is about a child, an agency or a bill, the name goes on with a colon and whom it
is about, as in `home_lessons.lesson:ch-1`: so every step is a duty of its own, with its clock, its desk and its ladder. Where one about a
case came with a linked case and runs here as well, it has a number there, as in `protection_order.in_force:2`.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from pydantic import Field

from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency
from app.domain.working_time import Value, months_on

CENTURY = 1200
"""Months; no day that a step asks for lies back further, and to none of these can so many be added that no calendar has the day."""
ELAPSED = "elapsed"
"""How a step ends that only lets time pass."""
REFERENCE = re.compile(r"(?=(?:.*\d){4})(?!\d{17}[\dXx]$)[\w()（）〔〕\[\]./-]{4,30}")  # fmt: skip
"""The number of a file that lies elsewhere: of at least four digits, and no identity number."""
Recorded = dict[str, bool | int | str]
"""What was written down with an outcome: dates, counts and numbers of files, no names and no text."""


class About(StrEnum):
    """Whom one course of a procedure is about."""

    CASE = "case"
    CHILD = "child"
    AGENCY = "agency"
    BILL = "bill"


class Kind(StrEnum):
    """What may be written in a field of the record."""

    DATE = "date"
    """A day that has come."""
    DAY = "day"
    """Any day, such as one that was agreed."""
    COUNT = "count"
    CONFIRMED = "confirmed"
    """Has to be true: who records the outcome answers for it."""
    REFERENCE = "reference"


class RecordField(Value):
    """One field that an outcome needs; `low` and `high` bound a count, and `below` names another count that is greater. A day from which
    at most `within` months count is no earlier than these: what was ruled then would be over."""

    kind: Kind
    low: int = 0
    high: int = 100_000
    below: str = ""
    within: int = 0

    def fits(self, value: object, today: date) -> bool:
        """Whether this may be written in it."""
        match self.kind:
            case Kind.CONFIRMED:
                return value is True
            case Kind.COUNT:
                return type(value) is int and self.low <= value <= self.high
            case Kind.REFERENCE:
                return isinstance(value, str) and REFERENCE.fullmatch(value) is not None
            case Kind.DATE | Kind.DAY:
                day = _day(value)
                if day is None or day > today:
                    return day is not None and self.kind is Kind.DAY
                return not self.within or months_on(day, min(self.within, CENTURY)) >= today

    def example(self, today: date) -> bool | int | str:
        """Something that fits."""
        count = self.low if self.below else max(self.low, 1)
        examples: dict[Kind, bool | int | str] = {
            Kind.CONFIRMED: True, Kind.COUNT: count, Kind.REFERENCE: "2026-0001",
        }  # fmt: skip
        return examples.get(self.kind, today.isoformat())


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


class Places(StrEnum):
    """What the end of a step says of where a child lives."""

    NOTHING = ""
    BEGINS = "begins"
    """The child was placed."""
    ENDS = "ends"
    """It went home, or to another guardian."""


class Outcome(Value):
    """One way in which a step ends; `opens` are full names of steps."""

    code: str
    title_zh: str
    title_en: str
    record: dict[str, RecordField] = Field(default_factory=dict)
    reasons: bool = False
    """It needs words: reasons, a resolution, a written reply. They are content."""
    opens: tuple[str, ...] = ()
    ends: bool = False
    """It ends the whole procedure: steps that are open beside this one fall away."""
    of_children: bool = False
    """The children that it is about have to stand in the case."""
    places: Places = Places.NOTHING

    def unfit(self, record: Mapping[str, object], today: date) -> tuple[str, ...]:
        """The fields that are missing, unknown or not what they should be."""
        fits = (name for name, field in self.record.items() if name in record and field.fits(record[name], today))
        right = {name for name in fits if self._is_below(name, record)}
        return tuple(sorted({*self.record, *record} - right))

    def _is_below(self, name: str, record: Mapping[str, object]) -> bool:
        small, great = record[name], record.get(self.record[name].below)
        return not (isinstance(small, int) and isinstance(great, int)) or small < great


class Allowed(Value):
    """One outcome that may be recorded, as whoever owes the step is told of it beforehand."""

    code: str
    title_zh: str
    title_en: str
    record: dict[str, RecordField]
    """The fields that it needs, each with what may be written in it."""
    note: bool
    """Whether it needs words."""
    about: About | None
    """Whom the command has to name besides: children or agencies of the case."""


class Step(Value):
    """One step; the duty by which it is owed has its title, holder, time and basis."""

    name: str
    waits: bool = False
    """Time only passes; the step ends by itself when it is over."""
    months: str = ""
    """The field of the outcome before it that says for how many months it lasts."""
    since: str = ""
    """The field of that outcome with the day from which they count; without one it is that on which the outcome is recorded."""
    by_act: bool = False
    """Another command records how it ended, such as a payer's answer."""
    outcomes: tuple[Outcome, ...]

    @property
    def runs_on(self) -> bool:
        """Its time is no time to act, so it is the same whoever owes the step."""
        return self.waits or bool(self.months)

    @property
    def usual(self) -> Outcome:
        """The first outcome, or that the time is over: following it leads to the end, and rehearsals do."""
        over = (outcome for outcome in self.outcomes if outcome.code == ELAPSED)
        return next(over, self.outcomes[0]) if self.waits else self.outcomes[0]

    def ends_by(self, code: str) -> Outcome:
        """The outcome of that code."""
        found = next((outcome for outcome in self.outcomes if outcome.code == code), None)
        if found is None:
            raise Refused(RefusalCode.OUTCOME_NEEDED, step=self.name, outcomes=tuple(o.code for o in self.by_person))
        return found

    @property
    def by_person(self) -> tuple[Outcome, ...]:
        """Those that a person may record; time passes by itself."""
        return () if self.by_act else tuple(outcome for outcome in self.outcomes if outcome.code != ELAPSED)


class Procedure(Value):
    """Who may start it by hand, whom it is about, and where it begins."""

    code: str
    about: About = About.CASE
    started_by: tuple[Agency, ...] = ()
    first: str


class Ended(Value):
    """A step that has ended."""

    subject: str
    step: str
    outcome: str
    record: Recorded
    at: datetime


def step_of(subject: str) -> str:
    """The name of a step without whom it is about."""
    return subject.partition(":")[0]


def whom_of(subject: str) -> str:
    """Whom a step is about, if anybody: the number of a second course, of an order that came with a linked case, is nobody."""
    about = subject.partition(":")[2]
    return "" if about.isdecimal() else about


def is_step(subject: str) -> bool:
    """Whether a duty is a step of a procedure."""
    return "." in step_of(subject)


def happening(step: str, outcome: str) -> str:
    """What gates may wait for: that a step ended so."""
    return f"{step}={outcome}"
