"""走访 in a row of a sheet: a visit that was made, by whom and when; the same child, day and visitor are the same visit.

Of a visit entered on the page only the account is known, which need not bear the name that a committee's own book has: it is the same as
one row of its day with the same finding; of a row with another finding a person says what it was. A row in which the child was not seen
is an attempt, which stands apart from the visits.
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
SAID_OTHERWISE = {"见到": Known.YES, "见到了": Known.YES, "未见到": Known.NO, "没有见到": Known.NO, "未见": Known.NO}
"""What old books say of whether the child was seen."""
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
    is_known: bool = False
    """Whether it is on record already, as a visit or as an attempt."""
    finding: Finding | None = None
    form: VisitForm = field(default_factory=VisitForm)
    note: str = ""
    faults: list[Fault] = field(default_factory=list)


@dataclass
class OnRecord:
    """What stands of one child beside its visits: attempts by day and visitor, and which visits of the page a row was found to be."""

    attempts: set[tuple[date, str]] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)


def read_visit(
    row: Mapping[SheetColumn, Any], record: ChildRecord, today: date, known: OnRecord | None = None
) -> VisitSaid:
    """One that stands already says nothing new. Of a new one nobody guesses the day, the visitor, whether the child was seen, or what
    was found."""
    known = known or OnRecord()
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
    texts = {part: text for part, (text, _) in typed.items()}
    if _known(texts.get("seen_in_person", "")) is Known.NO:
        said.is_known = (said.day, clean_name(said.visitor)) in known.attempts
        if not said.is_known:
            _read_new(said, _unseen(texts), record)
        return said
    _find(said, record, choice(Finding, texts.get("finding", "")), known.taken)
    if not said.is_known and not said.faults:
        _read_new(said, texts, record)
    return said


def _unseen(typed: Mapping[str, str]) -> dict[str, str]:
    """Nobody saw the child, so nothing was found, and what was written there goes to the notes; a risk is reported all the same."""
    found, note = typed.get("finding", ""), typed.get("note", "")
    if choice(Finding, found) is Finding.AT_RISK:
        return dict(typed)
    notes = "；".join(part for part in (note, f"走访结果：{found}" if found else "") if part)
    return {**typed, "finding": Finding.WELL.zh} | ({"note": notes} if notes else {})


def _find(said: VisitSaid, record: ChildRecord, finding: Finding | None, taken: set[int]) -> None:
    """The visits on record that are this one: those of that name, else one with that finding of which nobody wrote down who visited."""
    of_day = [seen for seen in record.visits if seen.event.day == said.day]
    mine = [seen for seen in of_day if clean_name(said.visitor) == clean_name(seen.visitor or seen.event.by)]
    free = [seen for seen in of_day if not seen.is_said and seen.version not in taken]
    alike = [seen for seen in free if finding in (None, seen.event.finding)]
    said.stands = tuple(mine or alike[:1])
    said.is_known = bool(said.stands)
    taken.update(seen.version for seen in said.stands)
    if free and not said.stands:
        said.faults.append(Fault(CODES["day"], Wrong.SAME_DAY))


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


def _known(text: str) -> Known | None:
    return SAID_OTHERWISE.get(text) or choice(Known, text)


def _value(part: str, text: str) -> tuple[Any, Wrong | None]:
    if "*" in text:
        return None, Wrong.MASKED
    if part in ANSWERS:
        found = choice(ANSWERS[part], text)
        return found, Wrong.AT_RISK if found is Finding.AT_RISK else None if found else Wrong.NO_CHOICE
    match part:
        case "seen_in_person" | "guardian_met":
            known = _known(text)
            if known not in (Known.YES, Known.NO):
                return None, Wrong.NO_CHOICE
            return known is Known.YES, None
        case "needs":
            found = tuple(choice(Service, one.strip()) for one in SPLIT.split(text) if one.strip())
            return found, None if all(found) else Wrong.NO_CHOICE
        case "note":
            return text, Wrong.TOO_LONG if len(text) > LONGEST_NOTE else None
        case _:
            return text, Wrong.TOO_LONG if len(text) > LONGEST else None
