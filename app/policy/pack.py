"""A version of the rules: its tables, evaluated over the facts of a report, and asked by the domain."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

from app.domain.clock import Budget, Calendar, RungSpec, TimeSpec, Unit
from app.domain.determination import ChildFound
from app.domain.disclosure_lists import Lists
from app.domain.entitlement import BenefitRules
from app.domain.facts import Known, ReportFacts
from app.domain.policy import (
    RECOGNISED,
    REFUSED,
    SENTENCED,
    Gate,
    ObligationSpec,
    PlannedRoute,
    Policy,
    Triage,
)
from app.domain.procedure import Procedure, Step, step_of
from app.domain.terms import Agency, Branch, Rung, Service, Stage, Trigger
from app.domain.working_time import day_of
from app.policy.asked import Asked
from app.policy.books import Shelf
from app.policy.conditions import compiled, view
from app.policy.determination import determine, put_forward
from app.policy.file_rows import Cabinet
from app.policy.pack_file import CONDITIONED, DutyRow, PackFile, RouteRow
from app.policy.procedure_rows import StepRow
from app.policy.task_names import task_names

ASKED_BY_TRIAGE = ("foundling", "left_behind")
LEARNT = frozenset({"triggers", "origin_unknown"})
"""What a branch may ask that is decided before it."""


@dataclass(frozen=True)
class Pack(Shelf, Cabinet):
    """A version of the rules. Satisfies the domain's Policy once it has a calendar."""

    version: str
    file: PackFile
    calendar: Calendar | None = None
    silent_about: tuple[str, ...] = ()
    """Tables and rows that it was published without, and that are read from the version of the release."""
    left_out: tuple[str, ...] = ()
    """Rows that it was published without, and that stay out of it: what the release looks for by itself on words of the notice."""
    _made: dict[tuple[str, str, bool], Any] = field(default_factory=dict, compare=False, repr=False)
    """Times, routes and duties already put together; they follow from the file alone."""

    def with_calendar(self, calendar: Calendar) -> Policy:
        """The same rules with the calendar in force."""
        return cast(Policy, replace(self, calendar=calendar))

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
    def pause_cap(self) -> int:
        return self.file.pause_cap

    @property
    def return_cap(self) -> int:
        return self.file.return_cap

    @property
    def deputy_limit(self) -> Budget:
        return self.file.deputy_limit

    @property
    def post_assessments_apart(self) -> Budget:
        return self.file.post_assessments_apart

    @property
    def silence_reroutes_at(self) -> Rung:
        return self.file.silence_reroutes_at

    @property
    def quorum(self) -> int:
        return self.file.quorum

    @property
    def benefits(self) -> BenefitRules:
        return self.file.benefits

    @property
    def lists(self) -> Lists:
        return self.file.lists

    def lacks(self, routes: tuple[str, ...], duties: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the rows that this version does not have; an item of a plan needs none."""
        codes = {*(duty.code for duty in self.file.duties), *self.file.steps}
        missing = [name for name in routes if name not in self._routes and not name.startswith("plan:")]
        return (*missing, *(code for code in duties if code not in codes))

    def task(self, code: str) -> str:
        """What a task is called in a book; the code of one that this version does not have."""
        called = task_names(self.version, self.file).get(code)
        return called.zh if called else code

    def time(self, name: str, *, urgent: bool) -> TimeSpec:
        """A budget with its ladder; urgent ones run around the clock."""
        key = ("time", name, urgent)
        if key not in self._made:
            row = self.file.times[name]
            ladder = tuple(rung.spec() for rung in self.file.ladders["urgent" if urgent else "normal"])
            self._made[key] = TimeSpec(
                budget=row.urgent if urgent else row.normal, around_the_clock=urgent or self.file.never_rests,
                basis=row.basis, ladder=ladder,
            )  # fmt: skip
        return self._made[key]

    def route(self, route_id: str, *, urgent: bool) -> PlannedRoute:
        """A row by its id; `plan:AGENCY:service` is an item of a plan."""
        key = ("route", route_id, urgent)
        if key not in self._made:
            self._made[key] = self._planned(self._routes.get(route_id) or _plan_item(route_id), urgent)
        return self._made[key]

    def _planned(self, row: RouteRow, urgent: bool) -> PlannedRoute:
        # A leg that its row marks urgent runs around the clock whatever the case; the others as the case does.
        fast = urgent or row.urgent
        return PlannedRoute(
            id=row.id, step=row.step, agency=row.agency, task=row.task, title_zh=row.zh, title_en=row.en, basis=row.basis,
            gate=row.gate, accept=self.time(row.accept, urgent=fast), finish=self.time(row.finish, urgent=fast),
            urgent=fast, assessment=row.assessment, fallback=row.fallback, search=row.search,
            procedure=self.file.courses[row.procedure].first if row.procedure else "",
        )  # fmt: skip

    def obligation(self, code: str, *, urgent: bool) -> ObligationSpec:
        """A duty by its code, or that of a step by its full name."""
        key = ("duty", code, urgent)
        if key not in self._made:
            row = self.file.step_rows.get(code) or next(duty for duty in self.file.duties if duty.code == code)
            time, gate = self.time(row.time, urgent=urgent), row.gate if isinstance(row, DutyRow) else None
            if isinstance(row, StepRow) and row.waits:
                time = time.model_copy(update={"ladder": ()})  # nobody is late while time has to pass
            if isinstance(row, StepRow) and row.remind and not self.file.never_rests:
                time = time.model_copy(update={"ladder": tuple(_sooner(rung, row.remind) for rung in time.ladder)})
            self._made[key] = ObligationSpec(
                code=code, holder=row.holder, title_zh=row.zh, title_en=row.en, time=time, basis=row.basis,
                gate=gate or Gate(),
            )  # fmt: skip
        return self._made[key]

    def step_of_task(self, subject: str) -> str:
        """The step that a duty or a leg is, by the name of the task; nothing where it is none."""
        name = step_of(subject)
        leg = self._routes.get(subject.rpartition("-")[0])
        return (
            name if name in self.file.steps else self.file.courses[leg.procedure].first if leg and leg.procedure else ""
        )

    def procedure(self, code: str) -> Procedure | None:
        """A procedure by its code."""
        return self.file.courses.get(code)

    def step(self, name: str) -> Step:
        """A step by its full name."""
        return self.file.steps[name]

    def months(self, amount: int) -> Budget:
        """So many months; where nothing rests, seconds."""
        return Budget(amount=amount, unit=Unit.SECONDS if self.file.never_rests else Unit.MONTHS)

    def triage(self, facts: ReportFacts) -> Triage:
        """The pack's answer to a report; pure, with the rows that made it.

        One branch leads; the legs of the others that hold open beside it where their rows say so.
        """
        return self._triage(facts, self._opened(facts))

    def sealed_for(self, facts: ReportFacts) -> tuple[Agency, ...]:
        """For which agencies alone a report with these facts is a compartment; asks no more rows than it needs."""
        rows = [row for row in self.file.branches if row.sealed_for]
        if any(not LEARNT.isdisjoint(compiled(row.when).variables()) for row in rows):
            return self.triage(facts).sealed_for
        asked = self._opened(facts) if rows else None
        return next((row.sealed_for for row in rows if asked and asked.holds(row.when)), ())

    def determine(self, facts: ReportFacts, triage: Triage) -> tuple[ChildFound, ...]:
        """What the tables find of each child of the report, in its order."""
        day = day_of(facts.reported_at) if facts.reported_at else self.file.effective_from
        return determine(self.file, facts, triage, self.file.left_behind_max_age, day)

    def found(self, facts: ReportFacts, happened: Collection[str] = ()) -> tuple[ChildFound, ...]:
        """The same of a report that has not been answered yet, with what has happened in its case since."""
        since = self.since(facts, happened)
        return self.determine(since, self.triage(since))

    def since(self, facts: ReportFacts, happened: Collection[str]) -> ReportFacts:
        """The report once its guardians were sentenced, and once the joint conference has resolved on whom it was asked about."""
        facts = facts.after_judgment() if SENTENCED in happened else facts
        if RECOGNISED not in happened and REFUSED not in happened:
            return facts
        asked = put_forward(self.file, facts, self.triage(facts), self.file.left_behind_max_age)
        return facts.after_conference(asked, recognised=RECOGNISED in happened)

    def asked(self, facts: ReportFacts) -> Asked:
        """The report with all that the tables decide of it, to be asked any condition of the pack."""
        asked = self._opened(facts)
        self._triage(facts, asked)
        return asked

    def _opened(self, facts: ReportFacts) -> Asked:
        known = view(facts, self.file.left_behind_max_age)
        return Asked({name: value for name, value in known.items() if name in self._asks})

    @cached_property
    def _asks(self) -> frozenset[str]:
        """The names in this pack's conditions: handing CEL whole children that no row asks about costs more than all the rows."""
        whens = (row.when for table in CONDITIONED for row in getattr(self.file, table))
        return frozenset(name for when in (*whens, *ASKED_BY_TRIAGE) for name in compiled(when).variables())

    def _triage(self, facts: ReportFacts, asked: Asked) -> Triage:
        added = [row for row in self.file.triggers if asked.holds(row.when)]
        triggers = tuple(dict.fromkeys([*facts.situations, *(row.add for row in added)]))
        rescued = Trigger.RESCUED_FROM_TRAFFICKING in triggers
        asked.learn(triggers=[str(t) for t in triggers], origin_unknown=rescued or asked.holds("foundling"))
        branches = [row for row in self.file.branches if asked.holds(row.when)]
        sealed = [row for row in branches if row.sealed_for][:1]
        branches = sealed or branches
        branch = branches[0].branch if branches else None
        asked.learn(
            branches=[str(row.branch) for row in branches], branch=str(branch or ""),
            police=bool(branch and branch.is_police),
        )  # fmt: skip
        urgency = next(row for row in self.file.urgencies if asked.holds(row.when))
        urgent = urgency.urgency.around_the_clock
        asked.learn(urgent=urgent)
        lead = next(row for row in self.file.leads if asked.holds(row.when))
        routes = tuple(row for row in self.file.routes if asked.holds(row.when))
        duties = tuple(duty for duty in self.file.duties if duty.gate and asked.holds(duty.when))
        triage = Triage(
            triggers=triggers,
            urgency=urgency.urgency,
            branch=branch,
            left_behind=asked.holds("left_behind"),
            lead=lead.lead,
            routes=tuple(self._gated(row, facts, urgent) for row in routes),
            obligations=tuple(self.obligation(duty.code, urgent=urgent) for duty in duties),
            must_not_notify=tuple(
                f"guardian:{n}" for n, g in enumerate(facts.guardians) if g.suspected_of_harm is Known.YES
            ),
            closes_only_when_found=branch is Branch.B,
            rows=tuple(row.id for row in (*added, *branches, urgency, lead, *routes)),
            sealed_for=sealed[0].sealed_for if sealed else (),
        )
        return self._with_procedures(facts, asked, triage)

    def _with_procedures(self, facts: ReportFacts, asked: Asked, triage: Triage) -> Triage:
        """With the procedures that begin beside the legs; what a child is put forward for follows from all that stands so far."""
        if put_forward(self.file, facts, triage, self.file.left_behind_max_age):
            asked.learn(put_forward=True)
        rows = [row for row in self.file.begins if asked.holds(row.when)]
        if not rows:
            return triage
        urgent = triage.urgency.around_the_clock
        begun = (self.obligation(self.file.courses[row.procedure].first, urgent=urgent) for row in rows)
        return triage.model_copy(
            update={"obligations": (*triage.obligations, *begun), "rows": (*triage.rows, *(row.id for row in rows))}
        )

    def _gated(self, row: RouteRow, facts: ReportFacts, urgent: bool) -> PlannedRoute:
        """While a report may be a duplicate, no second search starts: those legs wait for a person, or for the check to expire.

        A leg that waits for the child to be found waits for it still: the stage of assessment begins no sooner.
        """
        route = self.route(row.id, urgent=urgent)
        if not (row.search and facts.possible_duplicate):
            return route
        key = ("held", row.id, urgent)
        if key not in self._made:
            self._made[key] = self._held(row, route)
        return self._made[key]

    def _held(self, row: RouteRow, route: PlannedRoute) -> PlannedRoute:
        stage = Stage.ASSESS if row.gate.events else row.gate.stage
        held = route.gate.model_copy(
            update={"stage": stage, "events": ("duplicate_cleared", "expired:duplicate_check")}
        )
        return route.model_copy(update={"gate": held})

    @cached_property
    def _routes(self) -> dict[str, RouteRow]:
        return {row.id: row for row in self.file.routes}


def _sooner(rung: RungSpec, offset: Budget) -> RungSpec:
    return rung.model_copy(update={"offset": offset}) if rung.rung is Rung.REMIND else rung


def _plan_item(route_id: str) -> RouteRow:
    _, agency, service = route_id.split(":")
    named = Service(service)
    return RouteRow(
        id=route_id, step=9, agency=Agency(agency), task=named.value, zh=named.zh, en=named.en, basis=("R062",)
    )
