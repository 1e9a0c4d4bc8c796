"""A policy pack: tables with their sources and CEL conditions, validated when loaded, evaluated over the facts of a report."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Annotated, Any

import cel
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from app.domain.clock import Budget, Calendar, RungSpec, TimeSpec
from app.domain.facts import Known, ReportFacts
from app.domain.policy import Gate, ObligationSpec, PlannedRoute, Triage
from app.domain.terms import Agency, Branch, Rung, Service, Trigger, Urgency
from app.policy.basis import citations


def _known_sources(basis: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [source for source in basis if source not in citations()]
    if unknown or not basis:
        raise ValueError(f"no such source, or none that is law: {', '.join(unknown) or 'the basis is empty'}")
    return basis


def _compiles(condition: str) -> str:
    try:
        cel.compile(condition)
    except ValueError as error:
        raise ValueError(f"the condition is no CEL: {error}") from None
    return condition


def _budget(value: object) -> object:
    return Budget.parse(value) if isinstance(value, str) else value


Basis = Annotated[tuple[str, ...], AfterValidator(_known_sources)]
Condition = Annotated[str, AfterValidator(_compiles)]
Span = Annotated[Budget, BeforeValidator(_budget)]


class PackModel(BaseModel):
    """A row or table of the pack; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(PackModel):
    """Common to rows that fire on a condition."""

    id: str
    when: Condition = "true"
    basis: Basis


class TriggerRow(Row):
    """Adds a trigger to those that were ticked."""

    add: Trigger


class BranchRow(Row):
    """Names the branch or procedure; the first that holds."""

    branch: Branch


class UrgencyRow(Row):
    """Names the urgency; the first that holds."""

    urgency: Urgency


class RungRow(PackModel):
    """One rung of a ladder."""

    rung: Rung
    anchor: str
    before: bool = False
    offset: Span | None = None

    def spec(self) -> RungSpec:
        """As the clock wants it."""
        return RungSpec.model_validate(dict(self))


class TimeRow(PackModel):
    """A pair of budgets, in working time and around the clock."""

    normal: Span
    urgent: Span
    basis: Basis


class RouteRow(Row):
    """A leg; `accept` and `finish` name times."""

    step: int = Field(ge=1)
    agency: Agency
    task: str
    zh: str
    en: str
    gate: Gate = Gate()
    accept: str = "accept"
    finish: str = "finish"
    urgent: bool = False
    assessment: bool = False
    search: bool = False
    fallback: Agency | None = None


class DutyRow(PackModel):
    """A duty; without a gate it is opened by an act, not by the report."""

    code: str
    holder: Agency
    zh: str
    en: str
    time: str
    basis: Basis
    gate: Gate | None = None
    when: Condition = "true"


class PackFile(PackModel):
    """The whole pack as it stands in its files."""

    name: str
    title: str
    effective_from: date
    lead: Agency
    left_behind_max_age: int = Field(gt=0, le=18)
    quorum: int = Field(gt=0)
    refusals_before_conference: int = Field(gt=0)
    extension_cap: int = Field(ge=0)
    extension_limit: Span
    silence_reroutes_at: Rung
    triggers: tuple[TriggerRow, ...]
    branches: tuple[BranchRow, ...]
    urgencies: tuple[UrgencyRow, ...]
    ladders: dict[str, tuple[RungRow, ...]]
    times: dict[str, TimeRow]
    duties: tuple[DutyRow, ...]
    routes: tuple[RouteRow, ...]

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> "PackFile":
        names = [row.id for row in (*self.triggers, *self.branches, *self.urgencies, *self.routes)]
        names += [f"duty {duty.code}" for duty in self.duties]
        doubles = {name for name in names if names.count(name) > 1}
        if doubles:
            raise ValueError(f"these ids stand twice: {', '.join(sorted(doubles))}")
        wanted = {(r.id, t) for r in self.routes for t in (r.accept, r.finish)} | {
            (d.code, d.time) for d in self.duties
        }
        for row, time in sorted(wanted):
            if time not in self.times:
                raise ValueError(f"row {row}: there is no time called {time}")
        return self


@dataclass(frozen=True)
class Pack:
    """A version of the rules. Satisfies the domain's Policy once it has a calendar."""

    version: str
    file: PackFile
    calendar: Calendar | None = None
    _programs: dict[str, Any] = field(default_factory=dict, compare=False)

    def with_calendar(self, calendar: Calendar) -> "Pack":
        """The same rules with the calendar in force."""
        return Pack(self.version, self.file, calendar, self._programs)

    @property
    def refusals_before_conference(self) -> int:
        return self.file.refusals_before_conference

    @property
    def extension_cap(self) -> int:
        return self.file.extension_cap

    @property
    def extension_limit(self) -> Budget:
        return self.file.extension_limit

    @property
    def silence_reroutes_at(self) -> Rung:
        return self.file.silence_reroutes_at

    @property
    def quorum(self) -> int:
        return self.file.quorum

    def time(self, name: str, *, urgent: bool) -> TimeSpec:
        """A budget with its ladder; urgent ones run around the clock."""
        row = self.file.times[name]
        ladder = tuple(rung.spec() for rung in self.file.ladders["urgent" if urgent else "normal"])
        return TimeSpec(
            budget=row.urgent if urgent else row.normal, around_the_clock=urgent, basis=row.basis, ladder=ladder
        )

    def route(self, route_id: str, *, urgent: bool) -> PlannedRoute:
        """A row by its id; `plan:AGENCY:service` is an item of a plan."""
        row = self._routes.get(route_id) or _plan_item(route_id)
        # A leg that its row marks urgent runs around the clock whatever the case; the others as the case does.
        fast = urgent or row.urgent
        return PlannedRoute(
            id=row.id, step=row.step, agency=row.agency, task=row.task, title_zh=row.zh, title_en=row.en, basis=row.basis,
            gate=row.gate, accept=self.time(row.accept, urgent=fast), finish=self.time(row.finish, urgent=fast),
            urgent=fast, assessment=row.assessment, fallback=row.fallback, search=row.search,
        )  # fmt: skip

    def obligation(self, code: str, *, urgent: bool) -> ObligationSpec:
        """A duty by its code."""
        row = next(duty for duty in self.file.duties if duty.code == code)
        return ObligationSpec(
            code=row.code, holder=row.holder, title_zh=row.zh, title_en=row.en, time=self.time(row.time, urgent=urgent),
            basis=row.basis, gate=row.gate or Gate(),
        )  # fmt: skip

    def triage(self, facts: ReportFacts) -> Triage:
        """The pack's answer to a report; pure, with the rows that made it."""
        seen = _view(facts, self.file.left_behind_max_age)
        extra = [row for row in self.file.triggers if self._holds(row.when, seen)]
        triggers = tuple(dict.fromkeys([*facts.situations, *(row.add for row in extra)]))
        seen |= {"triggers": [str(t) for t in triggers], "rescued": Trigger.RESCUED_FROM_TRAFFICKING in triggers}
        branch = self._first(self.file.branches, seen)
        seen |= {"branch": str(branch.branch) if branch else "", "police": bool(branch and branch.branch.is_police)}
        urgency = self._first(self.file.urgencies, seen)
        if urgency is None:
            raise ValueError("the pack names no urgency for this report")
        seen |= {"urgent": urgency.urgency.around_the_clock}
        routes = tuple(row for row in self.file.routes if self._holds(row.when, seen))
        duties = tuple(duty for duty in self.file.duties if duty.gate and self._holds(duty.when, seen))
        urgent = bool(seen["urgent"])
        return Triage(
            triggers=triggers,
            urgency=urgency.urgency,
            branch=branch.branch if branch else None,
            left_behind=seen["left_behind"],
            lead=self.file.lead,
            routes=tuple(self._gated(row, facts, urgent) for row in routes),
            obligations=tuple(self.obligation(duty.code, urgent=urgent) for duty in duties),
            must_not_notify=tuple(
                f"guardian:{n}" for n, g in enumerate(facts.guardians) if g.suspected_of_harm is Known.YES
            ),
            closes_only_when_found=bool(branch and branch.branch is Branch.B),
            rows=tuple(row.id for row in (*extra, *filter(None, (branch, urgency)), *routes)),
        )

    def _gated(self, row: RouteRow, facts: ReportFacts, urgent: bool) -> PlannedRoute:
        """While a report may be a duplicate, no second search starts: those legs wait for a person, or for the check to expire."""
        route = self.route(row.id, urgent=urgent)
        if not (row.search and facts.possible_duplicate):
            return route
        held = route.gate.model_copy(update={"events": ("duplicate_cleared", "expired:duplicate_check")})
        return route.model_copy(update={"gate": held})

    def _first(self, rows: Iterable[Any], seen: dict[str, Any]) -> Any:
        return next((row for row in rows if self._holds(row.when, seen)), None)

    def _holds(self, condition: str, seen: dict[str, Any]) -> bool:
        program = self._programs.get(condition)
        if program is None:
            program = self._programs[condition] = cel.compile(condition)
        return bool(program.execute(seen))

    @cached_property
    def _routes(self) -> dict[str, RouteRow]:
        return {row.id: row for row in self.file.routes}


def _plan_item(route_id: str) -> RouteRow:
    _, agency, service = route_id.split(":")
    named = Service(service)
    return RouteRow(
        id=route_id, step=9, agency=Agency(agency), task=named.value, zh=named.zh, en=named.en, basis=("R062",)
    )


def _view(facts: ReportFacts, left_behind_max_age: int) -> dict[str, Any]:
    """The facts as CEL sees them: codes, and the few joint answers that many rows ask for."""
    children = [child.model_dump(mode="json") for child in facts.children]
    guardians = [guardian.model_dump(mode="json") for guardian in facts.guardians]
    yes = Known.YES.value
    at_school = [c for c in children if c["attending"] == yes or c["school_stage"] in ("primary", "junior", "senior")]
    doubtful = ("missing", "dead", "imprisoned", "detox")
    return {
        "kind": facts.kind.value,
        "reporter": facts.reporter_class.value,
        "hour": facts.local_hour if facts.local_hour is not None else 12,
        "nine": list(facts.nine_situations),
        "children": children,
        "guardians": guardians,
        "triggers": [str(t) for t in facts.situations],
        "exploited": facts.organised_exploitation is Known.YES,
        "possible_duplicate": facts.possible_duplicate,
        "carer": facts.household.carer_available_tonight.value,
        "has_children": bool(children),
        "pupil": bool(at_school),
        "at_school": any(str(by) in ("schoolmate", "school_staff") for by in facts.harm_by),
        "hurt": any(c["injured"] == yes or c["needs_treatment"] == yes for c in children),
        "disabled": any(c["disabled"] == yes or c["disability_grade"] for c in children),
        "ill": any(c["gravely_ill"] == yes for c in children),
        "cannot_attend": any(c["unable_to_attend"] == yes for c in children),
        "girl": any(c["sex"] == "female" for c in children),
        "sibling_alone": any(not c["is_the_subject"] and c["alone_now"] == yes for c in children),
        "guardians_in_doubt": any(g["whereabouts"] in doubtful or g["able"] == "no" for g in guardians),
        "carer_at_home": any(g["whereabouts"] == "home" and g["able"] != "no" for g in guardians),
        "left_behind": _left_behind(children, guardians, left_behind_max_age),
    }


def _left_behind(children: list[dict[str, Any]], guardians: list[dict[str, Any]], max_age: int) -> bool:
    """R011: both parents away for work, or one away and the other unable; below the age that the pack sets."""
    parents = [g for g in guardians if g["relation"] in ("father", "mother")]
    away = [g for g in parents if g["whereabouts"] == "away_for_work"]
    rest = [g for g in parents if g["whereabouts"] != "away_for_work"]
    young = any(c["age_years"] is None or c["age_years"] < max_age for c in children)
    return bool(away) and young and all(g["able"] == "no" for g in rest) and len(parents) > 1
