"""All that is known of one child, read together from the report, the cases, the watch and the file; nothing of it is kept twice."""

from collections.abc import Iterable
from datetime import date, datetime
from operator import itemgetter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.domain import compartment
from app.domain.child_file import Change, ChildFile
from app.domain.child_terms import SECTION_OF, WHOLE, FileField, Section
from app.domain.compartment import PLACE, kept_back
from app.domain.determination import ChildFound
from app.domain.entitlement import Held
from app.domain.facts import ChildSeen, FactsSeen, Relation, ReportFacts
from app.domain.policy import SENTENCED, Frozen
from app.domain.progress import Child, State
from app.domain.sight import Actor, by_own_hand
from app.domain.terms import Agency, CloseReason, Grade, Safety, Stage
from app.domain.visit import VisitRecorded, counted_from
from app.domain.watch import Watch, watch_id

NOTHING_SEEN = FactsSeen()


class Entry(Frozen):
    """A value of the file; `by` is empty for what stands in the report, whose author is not the file's to name."""

    value: JsonValue
    version: int = 0
    by: str | None = None
    office: str = ""
    at: datetime


class Seen(Frozen):
    """A visit with what was written down."""

    version: int
    event: VisitRecorded
    note: str = ""
    visitor: str = ""
    """The name of whoever visited, where it is known."""
    is_said: bool = False
    """Whether somebody wrote that name down with the visit; else it is that of whoever recorded it."""

    @property
    def order(self) -> tuple[date, datetime]:
        """By the day on which it was made, whichever was sent first."""
        return self.event.day, self.event.at

    def told(self, agency: Agency) -> "Seen":
        """As this body is told of it."""
        hidden = {"event": self.event.told(agency), "visitor": ""}
        return self if self.event.tells_who(agency) else self.model_copy(update=hidden)


class _Part(BaseModel):
    """What is read of a stored fold, which holds much else."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class LegSeen(_Part):
    """A leg as files and books show it."""

    agency: Agency
    task: str
    state: State


class CaseSeen(_Part):
    """A case as files and books show it: of its stored progress a few fields, for its clocks cost more to read than all the rest."""

    case_id: str
    stage: Stage
    filed_at: datetime
    closed_at: datetime | None = None
    closed_reason: CloseReason | None = None
    grade: Grade | None = None
    grade_reviewed: bool = False
    post_assessments: int = 0
    watch: str | None = None
    happened: tuple[str, ...] = ()
    sealed_for: tuple[Agency, ...] = ()
    children: tuple[Child, ...] = ()
    referrals: tuple[LegSeen, ...] = ()
    benefits: tuple[Held, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether anybody still has something to do."""
        return self.stage is not Stage.CLOSED


Said = ChildSeen | ReportFacts | None
"""An assessment, a report, or None: the guardians in custody were sentenced. The child is called as in the file itself."""
Later = tuple[datetime, Said]


class ChildRecord(Frozen):
    """One child."""

    child_id: str
    division: str
    reported_at: datetime
    case_id: str | None
    """The case that reported it; none of a child that was registered without one."""
    reported: dict[FileField, JsonValue]
    registered_by: str | None = None
    facts: ReportFacts | None = None
    """What the report or the registration said in codes."""
    later: tuple[Later, ...] = ()
    """What has been said of the child since, the oldest first: by assessments, by further reports, and that a guardian was sentenced."""
    file: ChildFile | None = None
    contents: dict[int, dict[str, JsonValue]] = Field(default_factory=dict)
    cases: tuple[tuple[int, CaseSeen], ...] = ()
    """With their numbers, the oldest first."""
    watch: Watch | None = None
    visits: tuple[Seen, ...] = ()
    entrusted: dict[str, JsonValue] = Field(default_factory=dict)
    """What was entered of the delegate whom the parents have entrusted."""
    joined: tuple["ChildRecord", ...] = ()
    """Other files about this child, which stand as they are and are read where this one is silent."""
    kept_back: tuple[FileField, ...] = ()
    """Fields that the reader's body is not told (app/domain/compartment.py)."""
    asked_of: tuple[FileField, ...] = ()
    """Fields that may be kept back from the reader's body, of this child or another."""
    own: tuple[FileField, ...] = ()
    """Fields whose value the reader or their office entered."""
    own_changes: tuple[int, ...] = ()
    """What waits of theirs, or for their desk in a field that is not kept back."""
    untold: tuple[int, ...] = ()
    """What waits for their desk and they are not told: they verify or return it without its value."""

    def read_by(self, who: Actor) -> "ChildRecord":
        """As this person may read it."""
        record = self.told(who.agency)
        files = [one.file for one in reversed((self, *self.joined)) if one.file]
        counts = {
            field: value for file in files for field, value in file.counts.items() if field not in record.kept_back
        }
        own = tuple(field for field, value in counts.items() if by_own_hand(who, value.by, value.office))
        waits = self.file.waiting if self.file else ()
        changes = tuple(
            one.number for one in waits
            if by_own_hand(who, one.persons[0], one.office) or (one.desk == who.desk and one.field not in record.kept_back)
        )  # fmt: skip
        untold = tuple(one.number for one in waits if one.desk == who.desk and one.number not in changes)
        return record.model_copy(update={"own": own, "own_changes": changes, "untold": untold})

    def told(self, agency: Agency) -> "ChildRecord":
        """As this body may read it; of a child whose place is kept back, the visits without their words."""
        told = {"visits": tuple(seen.told(agency) for seen in self.visits), "asked_of": compartment.asked_of(agency)}
        return self.model_copy(update=told)._placed(agency)

    def _placed(self, agency: Agency) -> "ChildRecord":
        if agency in compartment.TOLD_PLACE and agency in compartment.TOLD_HEALTH:
            return self
        whole = (self, *self.joined)
        known = (facts for one in whole for facts in (one.facts, one.folded(one.later), one.facts_with()) if facts)
        fields = kept_back(agency, known)
        if not fields:
            return self
        visits = (
            tuple(seen.model_copy(update={"note": ""}) for seen in self.visits) if PLACE[0] in fields else self.visits
        )
        return self.model_copy(update={"kept_back": fields, "visits": visits})

    def entry(self, field: FileField) -> Entry | None:
        """What counts for a field now: what was passed, in this file or in one that was joined, else what was first said.

        Of what is kept back, no more than was first said of where the child lives.
        """
        if field in self.kept_back and field not in PLACE:
            return None
        return self._entry(field, since=field not in self.kept_back)

    def _entry(self, field: FileField, *, since: bool = True) -> Entry | None:
        if not self.joined:
            return (self.passed(field) if since else None) or self.first(field)
        whole = (self, *self.joined)
        passed = (record.passed(field) for record in whole) if since else ()
        found = (*passed, *(record.first(field) for record in whole))
        return next((entry for entry in found if entry), None)

    def passed(self, field: FileField) -> Entry | None:
        """What has gone its path in this very file."""
        counts = self.file.counts.get(field) if self.file else None
        return Entry(value=self.contents[counts.version].get("value"), **counts.model_dump()) if counts else None

    def first(self, field: FileField) -> Entry | None:
        """What the report or the registration said."""
        value = self.reported.get(field)
        return None if value in (None, "", []) else Entry(value=value, by=self.registered_by, at=self.reported_at)

    @property
    def named(self) -> tuple[Any, ...]:
        """Where the child and whoever belongs to it are named: in the report, in what was entered since, as the delegate."""
        joined = tuple(part for one in self.joined for part in one.named)
        if self.file is None:
            return self.reported, self.entrusted, *joined
        counts = {field.value: self.contents[one.version].get("value") for field, one in self.file.counts.items()}
        waiting = ({one.field.value: self.contents[one.number].get("value")} for one in self.file.waiting)
        return self.reported, counts, *waiting, self.entrusted, *joined

    @property
    def authors(self) -> set[str]:
        """The accounts of whoever entered or visited."""
        files = [one.file for one in (self, *self.joined) if one.file]
        entered = {one.by for file in files for one in file.counts.values()} | {
            p for f in files for one in f.waiting for p in one.persons
        }
        visited = {one for seen in self.visits for one in (seen.event.by, seen.event.behalf) if one}
        return entered | visited | {one.registered_by for one in (self, *self.joined) if one.registered_by}

    def waiting(self, field: FileField) -> Change | None:
        """The change of a field that is under way, the first where several are."""
        return next(iter(self.all_waiting(field)), None)

    def all_waiting(self, field: FileField) -> tuple[Change, ...]:
        """The changes of a field that are under way; of what may be kept back the reader's own alone and what waits for them, of every
        child alike."""
        waits, mine = self.file.waiting if self.file else (), {*self.own_changes, *self.untold}
        return tuple(c for c in waits if c.field is field and (field not in self.asked_of or c.number in mine))

    def facts_with(self, *more: tuple[datetime, FactsSeen]) -> ReportFacts | None:
        """What was reported, and of this child and the family what was said or seen to be otherwise since, `more` too, the newest last."""
        visits = ((seen.event, seen.event.form.facts) for seen in self.visits if seen.event.form)
        seen = [(counted_from(visit.day, visit.at), facts) for visit, facts in visits if facts != NOTHING_SEEN]
        return self.folded(sorted((*self.later, *seen, *more), key=itemgetter(0)))

    @property
    def several(self) -> tuple[Relation, ...]:
        """What more than one of the family is to the child: of these nobody can say by that word alone whom they saw."""
        family = [one.relation for one in facts.guardians] if (facts := self.facts_with()) else []
        return tuple(one for one in dict.fromkeys(family) if family.count(one) > 1)

    def folded(self, later: Iterable[tuple[datetime, FactsSeen | ReportFacts | None]]) -> ReportFacts | None:
        """What was reported first, with these in their order."""
        if (facts := self.facts) is None:
            return None
        for _, said in later:
            match said:
                case None:
                    facts = facts.after_judgment()
                case ReportFacts():
                    facts = facts.with_later(self.child_id, said)
                case _:
                    facts = facts.with_seen(said.child_id if isinstance(said, ChildSeen) else self.child_id, said)
        return facts

    def facts_at(self, at: datetime, judged: Iterable[datetime]) -> ReportFacts | None:
        """The same by what was known then; `judged` are the days of the judgments, of which the cases say only that there were some."""
        said = [one for one in self.later if one[1] is not None] + [(day, None) for day in judged]
        later = tuple(sorted((one for one in said if one[0] <= at), key=itemgetter(0)))
        visits = tuple(seen for seen in self.visits if seen.event.at <= at)
        return self.model_copy(update={"later": later, "visits": visits}).facts_with()

    @property
    def happened(self) -> tuple[str, ...]:
        """What has happened in the cases of this child, such as what the joint conference resolved; a judgment stands in `later`."""
        own = (case.happened for _, case in self.cases if case.case_id == self.case_id or not case.sealed_for)
        return tuple(dict.fromkeys(one for happened in own for one in happened if one != SENTENCED))

    @property
    def shown_division(self) -> str:
        """Where the child lives, as far as the reader's body is told."""
        if FileField.RESIDENCE_DIVISION not in self.kept_back:
            return self.division
        first = self.first(FileField.RESIDENCE_DIVISION)
        return str(first.value) if first else self.division[:6]

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids under which this child is known."""
        return (self.child_id, *(one.child_id for one in self.joined))

    def called_in(self, case: CaseSeen) -> tuple[str, ...]:
        """The ids by which this case knows the child: its own, or that of the only child there where it can be no brother."""
        own = tuple(child.id for child in case.children if child.id in self.ids)
        if own or len(case.children) != 1:
            return own
        first = next((one for _, one in self.cases if one.case_id == self.case_id), None)
        is_certain = case.watch in [watch_id(one) for one in self.ids] or (
            first is not None and len(first.children) == 1
        )
        return (case.children[0].id,) if is_certain else ()

    @property
    def last_case(self) -> CaseSeen | None:
        """The newest case of this child."""
        return self.cases[-1][1] if self.cases else None


def together(record: ChildRecord, joined: tuple[ChildRecord, ...]) -> ChildRecord:
    """One child out of several files: cases and visits of all, the watch that goes on, each once and none copied."""
    if not joined:
        return record
    whole = (record, *joined)
    watches = [one for one in whole if one.watch]
    going_on = next((one for one in watches if one.watch and one.watch.is_open), watches[0] if watches else record)
    cases = {progress.case_id: (number, progress) for one in whole for number, progress in one.cases}
    return record.model_copy(
        update={
            "joined": joined,
            **_said_of(record, joined),
            "cases": tuple(sorted(cases.values(), key=lambda case: case[0])),
            "watch": going_on.watch, "entrusted": going_on.entrusted,
            "visits": tuple(sorted((seen for one in whole for seen in one.visits), key=lambda seen: seen.order)),
        }
    )  # fmt: skip


def _said_of(record: ChildRecord, joined: tuple[ChildRecord, ...]) -> dict[str, Any]:
    """The first report of all files and what was said since, without what a sealed case says in another than its own."""
    said = [
        (one.reported_at, renamed(one.facts, one.child_id, record.child_id))
        for one in joined
        if one.facts and _is_open(one)
    ]
    said += [
        (at, renamed(later, one.child_id, record.child_id))
        for one in joined
        if _is_open(one)
        for at, later in one.later
    ]
    later = sorted((*record.later, *said), key=itemgetter(0))
    if record.facts is None and later:
        facts = next((facts for _, facts in later if isinstance(facts, ReportFacts)), None)
        return {"facts": facts, "later": tuple(one for one in later if one[1] is not facts)}
    return {"later": tuple(later)}


def _is_open(record: ChildRecord) -> bool:
    """Whether the case that reported it is no compartment."""
    return not any(case.sealed_for for _, case in record.cases if case.case_id == record.case_id)


def renamed(said: Said, child_id: str, own: str) -> Said:
    """What was said of a child, as another file calls it."""
    match said:
        case ReportFacts():
            children = tuple(
                child.model_copy(update={"child_id": own}) if child.child_id == child_id else child
                for child in said.children
            )
            return said.model_copy(update={"children": children})
        case ChildSeen(child_id=one) if one == child_id:
            return said.model_copy(update={"child_id": own})
        case _:
            return said


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
    value = None if waiting.number in record.untold else record.contents[waiting.number].get("value")
    said = {
        "change": waiting.number, "value": value, "by": waiting.persons[0],
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


def held_by(record: ChildRecord) -> list[tuple[tuple[int, CaseSeen], Held]]:
    """What the child receives by decisions, each with its case; a brother's benefit in the same case is his."""
    return [
        ((number, case), held)
        for number, case in record.cases
        for held in case.benefits
        if held.child_id in (*record.ids, *record.called_in(case))
    ]


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
