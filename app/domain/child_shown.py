"""What a reader is told of a child: as their body may read it, and the file as a body with these sections sees it."""

from typing import Any

from app.domain import compartment
from app.domain.child_file import Change, Value
from app.domain.child_record import CaseSeen, ChildRecord, Seen, held_by
from app.domain.child_terms import PLACE, SECTION_OF, WHOLE, FileField, Section
from app.domain.compartment import kept_back
from app.domain.determination import ChildFound
from app.domain.sight import Actor, by_own_hand
from app.domain.terms import Agency, Safety


def read_by(record: ChildRecord, who: Actor) -> ChildRecord:
    """As this person may read it."""
    joined = tuple(one.model_copy(update=_own(one, who)) for one in record.joined)
    record = told(record, who.agency).model_copy(update={**_own(record, who), "joined": joined})
    files = [one.file for one in reversed((record, *record.joined)) if one.file]
    counts = {field: value for file in files for field, value in file.counts.items()}
    own = tuple(
        field for field, value in counts.items()
        if (record.own_value(field) if field in record.kept_back else by_own_hand(who, value.by, value.office))
    )  # fmt: skip
    waits = record.file.waiting if record.file else ()
    changes = tuple(one.number for one in waits if by_own_hand(who, one.persons[0], one.office))
    at_desk = tuple(one.number for one in waits if one.desk == who.desk and one.number not in changes)
    return record.model_copy(update={"own": own, "own_changes": changes, "at_desk": at_desk})


def _own(record: ChildRecord, who: Actor) -> dict[str, Any]:
    """The newest value of each field that this person or their office entered and that came to count in this very file."""
    if record.file is None:
        return {}
    found = dict[FileField, Value]()
    for field, value in record.file.counts.items():
        every = (value, *record.file.before.get(field, ()))
        own = next((one for one in every if by_own_hand(who, one.by, one.office)), None)
        found |= {field: own} if own else {}
    return {"own_values": found}


def told(record: ChildRecord, agency: Agency) -> ChildRecord:
    """As this body may read it; of a child whose place is kept back, the visits without their words."""
    visits = tuple(seen.told(agency) for seen in record.visits)
    update = {"visits": visits, "asked_of": compartment.asked_of(agency)}
    return _placed(record.model_copy(update=update), agency)


def _placed(record: ChildRecord, agency: Agency) -> ChildRecord:
    whole = (record, *record.joined) if agency not in compartment.TOLD_PLACE else ()
    known = (facts for one in whole for facts in (one.facts, one.folded(one.later), one.facts_with()) if facts)
    fields = kept_back(agency, known, suspected=record.suspected)
    if not fields:
        return record
    visits = record.visits
    if PLACE[0] in fields:
        visits = tuple(seen.model_copy(update={"note": ""}) for seen in visits)
    return record.model_copy(update={"kept_back": fields, "visits": visits})


def shown(record: ChildRecord, sections: tuple[Section, ...], found: ChildFound | None) -> dict[str, Any]:
    """The file as a body with these sections sees it."""
    fields = {field: _field(record, field) for field in FileField if SECTION_OF[field] in sections}
    parts: dict[Section, Any] = {
        Section.CATEGORIES: _categories(found),
        Section.GRADE: _grade(record, found),
        Section.BENEFITS: [held.model_dump(mode="json", exclude={"comparison"}) for _, held in held_by(record)],
        Section.PLACEMENT: _placement(record, found),
        Section.CASES: [_case(number, progress) for number, progress in record.cases],
        Section.VISITS: [_visit(seen) for seen in record.visits],
    }
    return {
        "id": record.child_id,
        "version": record.file.version if record.file else 0,
        "division": record.shown_division,
        "fields": {field.value: one for field, one in fields.items() if one},
        **{section.value: part for section, part in parts.items() if section in sections},
    }


def _field(record: ChildRecord, field: FileField) -> dict[str, Any] | None:
    entry, waiting = None if field in WHOLE else record.entry(field), record.all_waiting(field)
    if entry is None and not waiting:
        return None
    said: dict[str, Any] = {"zh": field.zh, "en": field.en, "value": None, "version": 0, "by": None, "at": None}
    said |= entry.model_dump(mode="json", exclude={"office"}) if entry else {}
    if waiting:
        said["waiting"] = _under_way(record, waiting[0])
    if waiting[1:]:
        said["beside"] = [{"field": field.value, **_under_way(record, one)} for one in waiting[1:]]
    return said


def _under_way(record: ChildRecord, waiting: Change) -> dict[str, Any]:
    said = {
        "change": waiting.number, "value": record.waiting_value(waiting), "by": waiting.persons[0],
        "at": waiting.at.isoformat(), "desk": waiting.desk, "due_at": waiting.clock.due_at.isoformat(),
    }  # fmt: skip
    said |= {"registration": waiting.registration.model_dump(mode="json")} if waiting.registration else {}
    return said | ({"other": waiting.other} if waiting.other else {})


def _categories(found: ChildFound | None) -> list[dict[str, Any]]:
    if found is None:
        return []
    ways = [(one.code, one.status, one.basis) for one in found.categories]
    return [
        {"code": code.value, "zh": code.zh, "en": code.en, "status": status.value, "basis": list(basis)}
        for code, status, basis in ways
    ]


def _grade(record: ChildRecord, found: ChildFound | None) -> dict[str, Any]:
    """The grade that a person set, beside what the scale of the rules would say."""
    case = record.last_case
    decided = record.watch.grade if record.watch else case.grade if case else None
    proposed = found.grade.model_dump(mode="json") if found else None
    reviewed = bool(case and case.grade_reviewed)
    return {"decided": decided.value if decided else None, "reviewed": reviewed, "proposed": proposed}


def _placement(record: ChildRecord, found: ChildFound | None) -> dict[str, Any]:
    """How the child was found, and where the rules would place it; where it lives while a guardian is a suspect is not told."""
    case = record.last_case
    safety = _safety(record, case) if case else None
    proposed = found.placement.code if found else None
    return {
        "safety": safety.value if safety else None,
        "proposed": {"code": proposed.value, "zh": proposed.zh, "en": proposed.en} if proposed else None,
    }


def _safety(record: ChildRecord, case: CaseSeen) -> Safety | None:
    """How this child was found, and never how a brother was."""
    called = record.called_in(case)
    return next((child.safety for child in case.children if child.id in called), None)


def _case(number: int, progress: CaseSeen) -> dict[str, Any]:
    return {
        "id": progress.case_id, "number": number, "stage": progress.stage.value, "filed_at": progress.filed_at.isoformat(),
        "closed_at": progress.closed_at.isoformat() if progress.closed_at else None,
        "closed_reason": progress.closed_reason.value if progress.closed_reason else None,
        "services": [referral.task for referral in progress.referrals if referral.state == "completed"],
    }  # fmt: skip


def _visit(seen: Seen) -> dict[str, Any]:
    hidden = {"kind": True, "visit": True, "form": {"facts"}} if seen.event.form else {"kind", "visit"}
    said = seen.event.model_dump(mode="json", exclude=hidden)
    return {**said, "visited_on": seen.event.day.isoformat(), "version": seen.version, "note": seen.note}
