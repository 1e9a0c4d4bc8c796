"""委托照护 in a row of a sheet: whom the parents have entrusted and since when, for the committee that watches the child to arrange."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.domain.access import Actor
from app.domain.child_record import ChildRecord
from app.domain.facts import Known, Relation
from app.domain.identity import mask_name, mask_phone, phone_findings
from app.domain.sheet_columns import FIT, SheetColumn
from app.domain.sheets import LONGEST, Fault, Wrong, as_typed, read_day
from app.domain.terms import Agency

NEEDED = ("name", "relation", "leaves_on", "fit")
MASKED = {"name": mask_name, "phone": mask_phone}


@dataclass
class Care:
    """What a row says; nothing where it says what the book would show."""

    values: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def arranges(who: Actor) -> bool:
    """Whether the actor's body is one that arranges care for those whom it watches."""
    return who.agency is Agency.COMM


def is_watched_by(record: ChildRecord | None, desk: str) -> bool:
    """Whether this desk arranges the care of the child: it watches it."""
    watch = record.watch if record else None
    return watch is not None and watch.is_open and watch.desk == desk


def read_care(row: Mapping[SheetColumn, Any], record: ChildRecord | None) -> Care:
    """Of a child that is watched. Whoever is entrusted anew is named in full, with the day, and was found fit; nobody guesses any of it."""
    typed = {column.care: (column, as_typed(raw), raw) for column, raw in row.items() if column.care and as_typed(raw)}
    now, care = _now(record), Care()
    if all(part == "fit" or text in now.get(part, ()) for part, (_, text, _) in typed.items()):
        return care
    for part in NEEDED:
        if part not in typed:
            care.faults.append(Fault(CODES[part], Wrong.REQUIRED))
    for part, (column, text, raw) in typed.items():
        value, wrong = _value(part, text, raw)
        care.values[part] = value
        care.faults += [Fault(column.code, wrong)] if wrong else []
    return care


CODES = {"name": "delegate_name", "relation": "delegate_relation", "leaves_on": "leaves_on", "fit": FIT.code}


def _now(record: ChildRecord | None) -> dict[str, tuple[str, ...]]:
    """What the book shows of the arrangement, in full and masked."""
    watch = record.watch if record else None
    if record is None or watch is None or watch.arrangement is None:
        return {}
    known = {part: str(record.entrusted.get(part) or "") for part in MASKED}
    shown = {part: (text, mask(text)) if (text := known[part]) else () for part, mask in MASKED.items()}
    arranged = watch.arrangement
    return {
        **shown,
        "relation": (arranged.relation.zh, arranged.relation.value),
        "leaves_on": (arranged.leaves_on.isoformat(),),
    }


def _value(part: str, text: str, raw: Any) -> tuple[Any, Wrong | None]:
    if "*" in text:
        return None, Wrong.MASKED
    match part:
        case "relation":
            found = next((one for one in Relation if text in (one.zh, one.value)), None)
            return found, None if found else Wrong.NO_CHOICE
        case "leaves_on":
            said, wrong = read_day(raw, text, date.max)
            return date.fromisoformat(said) if said else None, wrong
        case "fit":
            return text == Known.YES.zh, None if text == Known.YES.zh else Wrong.UNFIT
        case "phone" if phone_findings(text):
            return None, Wrong.NOT_A_PHONE
        case _:
            return text, Wrong.TOO_LONG if len(text) > LONGEST else None
