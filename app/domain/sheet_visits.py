"""走访 in a row of a sheet: a visit that was made, by whom and when; the same child, day and visitor are the same visit.

Of a visit entered on the page only the account is known, which need not bear the name that a committee's own book has: it is the same as
any row of its day, unless another visit of that day bears the name of the row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.domain.child_record import ChildRecord, Seen
from app.domain.child_terms import FileField
from app.domain.facts import Known
from app.domain.identity import clean_name
from app.domain.sheet_columns import SEEN, VISIT, VISITOR, SheetColumn
from app.domain.sheets import LONGEST, SPLIT, Fault, Wrong, as_typed, choice, now_of, read_day
from app.domain.terms import Service, Term
from app.domain.visit import Acknowledgement, Finding, Guardianship, ParentContact, Supervision, VisitForm

CODES = {column.visit: column.code for column in (*VISIT.values(), SEEN)}
MADE_BY = ("day", VISITOR)
NEEDED = ("seen_in_person", "finding")
ANSWERS: Mapping[str, type[Term]] = {
    "guardianship": Guardianship, "supervision": Supervision, "acknowledged": Acknowledgement, "parent_contact": ParentContact,
    "finding": Finding,
}  # fmt: skip
LONGEST_NOTE = 20_000


@dataclass
class VisitSaid:
    """What a row says; `stands` are the visits on record that are this one."""

    day: date | None = None
    visitor: str = ""
    stands: tuple[Seen, ...] = ()
    finding: Finding | None = None
    form: VisitForm = field(default_factory=VisitForm)
    note: str = ""
    faults: list[Fault] = field(default_factory=list)


def read_visit(row: Mapping[SheetColumn, Any], record: ChildRecord, today: date) -> VisitSaid:
    """One that stands already says nothing new. Of a new one nobody guesses the day, the visitor, whether the child was seen, or what
    was found."""
    typed = {column.visit: (as_typed(raw), raw) for column, raw in row.items() if column.visit and as_typed(raw)}
    said = VisitSaid(faults=[Fault(CODES[part], Wrong.REQUIRED) for part in MADE_BY if part not in typed])
    if said.faults:
        return said
    day, wrong = read_day(typed["day"][1], typed["day"][0], today)
    said.visitor = typed[VISITOR][0]
    if day is None or wrong:
        said.faults.append(Fault(CODES["day"], wrong or Wrong.BAD_DATE))
        return said
    said.day = date.fromisoformat(day)
    said.stands = standing(record, said.day, said.visitor)
    if not said.stands:
        _read_new(said, {part: text for part, (text, _) in typed.items()}, record)
    return said


def standing(record: ChildRecord, day: date, visitor: str) -> tuple[Seen, ...]:
    """The visits on record that are this one: those of that name, else those of which nobody wrote down who visited."""
    of_day = [seen for seen in record.visits if seen.event.day == day]
    mine = tuple(seen for seen in of_day if clean_name(visitor) == clean_name(seen.visitor or seen.event.by))
    return mine or tuple(seen for seen in of_day if not seen.is_said)


def _read_new(said: VisitSaid, typed: Mapping[str, str], record: ChildRecord) -> None:
    said.faults += [Fault(CODES[part], Wrong.REQUIRED) for part in NEEDED if part not in typed]
    if said.day and said.day.isoformat() < str(now_of(record, FileField.BIRTH_DATE) or ""):
        said.faults.append(Fault(CODES["day"], Wrong.BEFORE_BIRTH))
    answers: dict[str, Any] = {}
    for part, text in typed.items():
        value, wrong = _value(part, text)
        answers[part] = value
        said.faults += [Fault(CODES[part], wrong)] if wrong else []
    if not said.faults:
        said.finding, said.note = answers["finding"], answers.get("note", "")
        said.form = VisitForm.model_validate(
            {name: answers[name] for name in VisitForm.model_fields if name in answers}
        )


def _value(part: str, text: str) -> tuple[Any, Wrong | None]:
    if "*" in text:
        return None, Wrong.MASKED
    if part in ANSWERS:
        found = choice(ANSWERS[part], text)
        return found, Wrong.AT_RISK if found is Finding.AT_RISK else None if found else Wrong.NO_CHOICE
    match part:
        case "seen_in_person" | "guardian_met":
            known = choice(Known, text)
            if known not in (Known.YES, Known.NO):
                return None, Wrong.NO_CHOICE
            return known is Known.YES, Wrong.UNSEEN if part == "seen_in_person" and known is Known.NO else None
        case "needs":
            found = tuple(choice(Service, one.strip()) for one in SPLIT.split(text) if one.strip())
            return found, None if all(found) else Wrong.NO_CHOICE
        case "note":
            return text, Wrong.TOO_LONG if len(text) > LONGEST_NOTE else None
        case _:
            return text, Wrong.TOO_LONG if len(text) > LONGEST else None
