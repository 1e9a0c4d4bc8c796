"""All that is known of one child, read together from the report, the cases, the watch and the file; nothing of it is kept twice."""

from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime
from operator import itemgetter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.domain.child_file import Change, ChildFile, Value
from app.domain.child_terms import PLACE, FileField
from app.domain.entitlement import Held
from app.domain.facts import ChildSeen, FactsSeen, Known, Relation, ReportFacts
from app.domain.policy import SENTENCED, Frozen
from app.domain.progress import Child, Progress, State
from app.domain.terms import GONE, Agency, CloseReason, Grade, Stage
from app.domain.visit import VisitRecorded, counted_from
from app.domain.watch import EndReason, Watch, WatchEnded, watch_id
from app.domain.working_time import day_of

NOTHING_SEEN = FactsSeen()
MEANS = ("on_minimum_living", "low_income", "on_destitute_support")
"""What civil affairs recognise of a family, by the names of the facts and of what is entered alike."""
OLDEST = 17
"""The rules are for children; of whoever has come of age since they say what they said last."""


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


def tells_of(case: CaseSeen | Progress, ids: Collection[str]) -> bool:
    """Whether the reason with which a case closed is said of the one child known by these ids: of several it does not say whom it means."""
    return case.watch is not None or len(case.children) == 1 or {child.id for child in case.children} <= {*ids}


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
    ended: WatchEnded | None = None
    """How the watch ended, where it is over."""
    ended_as: int = 0
    """The version of that."""
    visits: tuple[Seen, ...] = ()
    given: tuple[str, ...] = ()
    """What registers say was given to it, as far as the reader sees them, in words; asked for by books alone (app/db/given.py)."""
    entrusted: dict[str, JsonValue] = Field(default_factory=dict)
    """What was entered of the delegate whom the parents have entrusted."""
    suspected: bool = False
    """Whether a guardian is a suspect by a case of the child that is not read here."""
    joined: tuple["ChildRecord", ...] = ()
    """Other files about this child, which stand as they are and are read where this one is silent."""
    kept_back: tuple[FileField, ...] = ()
    """Fields that the reader's body is not told (app/domain/compartment.py)."""
    asked_of: tuple[FileField, ...] = ()
    """Fields that may be kept back from the reader's body, of this child or another."""
    own: tuple[FileField, ...] = ()
    """Fields whose value the reader or their office entered."""
    own_values: dict[FileField, Value] = Field(default_factory=dict)
    """Of what is kept back, what came to count in this very file of what they entered, the newest; it stands for the field to them, for
    nobody is told whether another has entered since."""
    own_changes: tuple[int, ...] = ()
    """What waits of theirs."""
    at_desk: tuple[int, ...] = ()
    """What others entered and waits for their desk."""

    def own_value(self, field: FileField) -> Entry | None:
        """What the reader's office entered of a field and came to count, in this file or in one that was joined."""
        found = ((one, one.own_values.get(field)) for one in (self, *self.joined))
        return next((one._counts(value) for one, value in found if value), None)

    def entry(self, field: FileField) -> Entry | None:
        """What counts for a field now: what was passed, in this file or in one that was joined, else what was first said.

        Of what is kept back, what the reader's own office entered, else what was first said of where the child lives.
        """
        if field not in self.kept_back:
            if not self.joined:
                return self.passed(field) or self.first(field)
            return self._of_whole(ChildRecord.passed, field) or self._of_whole(ChildRecord.first, field)
        return self.own_value(field) or (self._of_whole(ChildRecord.first, field) if field in PLACE else None)

    def _of_whole(self, of: Callable[["ChildRecord", FileField], Entry | None], field: FileField) -> Entry | None:
        return next((entry for one in (self, *self.joined) if (entry := of(one, field))), None)

    def passed(self, field: FileField) -> Entry | None:
        """What has gone its path in this very file."""
        counts = self.file.counts.get(field) if self.file else None
        return self._counts(counts) if counts else None

    def _counts(self, value: Value) -> Entry:
        said = self.contents[value.version].get("value")
        return Entry(value=said, version=value.version, by=value.by, office=value.office, at=value.at)

    def first(self, field: FileField) -> Entry | None:
        """What the report or the registration said."""
        value = self.reported.get(field)
        if value in (None, "", []):
            return None
        return Entry(value=value, by=self.registered_by, office=self._registered_at, at=self.reported_at)

    @property
    def _registered_at(self) -> str:
        """The office that registered it; of a child that was reported, none."""
        if self.file is None:
            return ""
        every = (
            self.file.counts.get(FileField.REGISTRATION),
            *self.file.set_aside,
            self.file.waiting_for(FileField.REGISTRATION),
        )
        return next((one.office for one in every if one), "")

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
        waits, mine = self.file.waiting if self.file else (), {*self.own_changes, *self.at_desk}
        return tuple(c for c in waits if c.field is field and (field not in self.asked_of or c.number in mine))

    def stands_against(self, field: FileField) -> Change | None:
        """The change for which the reader can enter none of the field: of what may be kept back their own, of every child alike."""
        waits = self.all_waiting(field)
        return next((c for c in waits if field not in self.asked_of or c.number in self.own_changes), None)

    def waiting_value(self, change: Change) -> JsonValue:
        """What was entered; of what is kept back another's is verified or returned without it."""
        is_told = change.field not in self.kept_back or change.number in self.own_changes
        return self.contents[change.number].get("value") if is_told else None

    def facts_with(self, *more: tuple[datetime, FactsSeen]) -> ReportFacts | None:
        """What was reported, and of this child and the family what was said, seen or recognised to be otherwise since, `more` too, the
        newest last."""
        visits = ((seen.event, seen.event.form.facts) for seen in self.visits if seen.event.form)
        seen = [(counted_from(visit.day, visit.at), facts) for visit, facts in visits if facts != NOTHING_SEEN]
        return self.folded(sorted((*self.later, *seen, *self._means(), *more), key=itemgetter(0)))

    def facts_on(self, day: date, *more: tuple[datetime, FactsSeen]) -> ReportFacts | None:
        """The same, and the child as old as it is on that day by the birth date that counts; the rules are for children."""
        facts, age = self.facts_with(*more), self.age_on(day)
        if facts is None or age is None:
            return facts
        age = min(age, OLDEST)
        children = [
            one.model_copy(update={"age_years": age}) if one.child_id == self.child_id and one.age_years != age else one
            for one in facts.children
        ]
        return facts.model_copy(update={"children": tuple(children)})

    def age_on(self, day: date) -> int | None:
        """By the birth date that counts, where it is known to the day."""
        entry = self.entry(FileField.BIRTH_DATE)
        try:
            born = date.fromisoformat(str(entry.value)) if entry else None
        except ValueError:  # a birth date that was reported in words
            return None
        return max(0, day.year - born.year - ((day.month, day.day) < (born.month, born.day))) if born else None

    def _means(self) -> Iterable[tuple[datetime, FactsSeen]]:
        """What was decided of the means of the family; what was claimed and is not recognised is not known, whoever had said so before."""
        for one in (self, *self.joined):
            known: dict[str, Any] = {}
            for decided in one.file.means if one.file else ():
                value = one.contents.get(decided.version, {}).get("value")
                said = {name: value.get(name) for name in MEANS} if isinstance(value, dict) else {}
                said = {name: answer for name, answer in said.items() if answer in (Known.YES, Known.NO)}
                if decided.taken:
                    known = said
                else:
                    said = {
                        name: Known.UNKNOWN for name, answer in said.items() if answer == Known.YES != known.get(name)
                    }
                yield decided.at, FactsSeen(household=said)

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
        then = {
            "file": self._file_at(at),
            "joined": tuple(one.model_copy(update={"file": one._file_at(at)}) for one in self.joined),
        }
        return self.model_copy(update={"later": later, "visits": visits, **then}).facts_on(day_of(at))

    def _file_at(self, at: datetime) -> ChildFile | None:
        if self.file is None:
            return None
        counts = {field: value for field, value in self.file.counts.items() if value.at <= at}
        decided = tuple(one for one in self.file.means if one.at <= at)
        return self.file.model_copy(update={"counts": counts, "means": decided})

    def last_said(self, at: datetime) -> datetime:
        """When anything was said, seen or decided of the child last, up to that instant."""
        whole = (self, *self.joined)
        every = [
            *(one.reported_at for one in whole),
            *(decided.at for one in whole if one.file for decided in one.file.means),
            *(when for when, _ in self.later),
            *(seen.event.at for seen in self.visits),
        ]
        return max((one for one in every if one <= at), default=at)

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
        said = self.entry(FileField.RESIDENCE_DIVISION)
        return str(said.value) if said else self.division[:6]

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
    def gone(self) -> tuple[datetime, EndReason] | None:
        """Since when and why nobody will work with the child again: it died, came of age or moved out, and no case and no watch goes on."""
        if any(case.is_open for _, case in self.cases) or (self.watch and not self.watch.has_ended):
            return None
        said = [(self.ended.at, self.ended.reason.value)] if self.ended else []
        if (last := self.last_case) and last.closed_at and last.closed_reason and tells_of(last, self.ids):
            said.append((last.closed_at, last.closed_reason.value))
        at, reason = max(said, default=(None, ""))
        return (at, EndReason(reason)) if at and reason in GONE else None

    @property
    def last_case(self) -> CaseSeen | None:
        """The newest case of this child."""
        return self.cases[-1][1] if self.cases else None


def held_by(record: ChildRecord) -> list[tuple[tuple[int, CaseSeen], Held]]:
    """What the child receives by decisions, each with its case; a brother's benefit in the same case is his."""
    return [
        ((number, case), held)
        for number, case in record.cases
        for held in case.benefits
        if held.child_id in (*record.ids, *record.called_in(case))
    ]
