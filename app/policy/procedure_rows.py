"""The table of procedures: steps with holder, time and basis, the outcomes that end each of them, and what an outcome opens."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.domain.policy import STEPS_BY_ACT
from app.domain.procedure import ELAPSED, About, Kind, Outcome, Places, Procedure, RecordField, Step
from app.domain.terms import Agency
from app.policy.rows import Basis, PackModel, Span

Found = tuple[str, str, str]
TABLE = "procedures"


def _field(value: Any) -> Any:
    """As officers write it: a kind, or the bounds of a count such as `6..12`, or `0..<other` for fewer than the other field says."""
    low, between, high = str(value).partition("..")
    if between and low.isdecimal() and high.isdecimal() and int(low) <= int(high):
        return RecordField(kind=Kind.COUNT, low=int(low), high=int(high))
    if between and low.isdecimal() and high.startswith("<"):
        return RecordField(kind=Kind.COUNT, low=int(low), below=high.removeprefix("<"))
    if isinstance(value, str):
        return RecordField(kind=Kind(value))
    return value


class OutcomeRow(PackModel):
    """One way in which a step ends; `opens` names steps of this procedure, a procedure, or a step of one as `procedure.step`."""

    code: str
    zh: str
    en: str
    record: dict[str, Annotated[RecordField, BeforeValidator(_field)]] = Field(default_factory=dict)
    reasons: bool = False
    opens: tuple[str, ...] = ()
    ends: bool = False
    of_children: bool = False
    places: Places = Places.NOTHING


class StepRow(PackModel):
    """Who owes what in which time; without a holder the agency that it is about owes it, or the lead agency.

    A step that `waits` ends by itself when its time is over; `months` names the field of the outcome before it that says how long,
    and `since` that with the day from which it counts. Of a long one, `remind` says how long before its end its holder is reminded.
    """

    id: str
    holder: Agency | None = None
    zh: str
    en: str
    time: str
    basis: Basis
    waits: bool = False
    months: str = ""
    since: str = ""
    remind: Span | None = None
    by_act: bool = False
    interpretation: str = ""
    outcomes: tuple[OutcomeRow, ...] = Field(min_length=1)


class ProcedureRow(PackModel):
    """A procedure; it begins with its first step, as a leg of a route that names it, by the hand of an agency, or by an outcome."""

    code: str
    zh: str
    en: str
    basis: Basis
    about: About = About.CASE
    started_by: tuple[Agency, ...] = ()
    interpretation: str = ""
    steps: tuple[StepRow, ...] = Field(min_length=1)

    @property
    def id(self) -> str:
        """As other rows have one."""
        return self.code

    @property
    def first(self) -> str:
        """The full name of its first step."""
        return f"{self.code}.{self.steps[0].id}"

    def named(self, target: str) -> str:
        """The full name of what an outcome opens, or of the procedure whose beginning it opens."""
        return f"{self.code}.{target}" if target in {step.id for step in self.steps} else target


class ProcedureTables(PackModel):
    """All procedures of a pack."""

    procedures: tuple[ProcedureRow, ...] = ()

    @cached_property
    def courses(self) -> dict[str, Procedure]:
        """By code, as the domain knows them."""
        return {
            row.code: Procedure(code=row.code, about=row.about, started_by=row.started_by, first=row.first)
            for row in self.procedures
        }

    @cached_property
    def step_rows(self) -> dict[str, StepRow]:
        """By full name."""
        return {f"{row.code}.{step.id}": step for row in self.procedures for step in row.steps}

    @cached_property
    def steps(self) -> dict[str, Step]:
        """By full name, as the domain knows them; what an outcome opens stands with its full name as well."""
        return {
            f"{row.code}.{step.id}": Step(
                name=f"{row.code}.{step.id}", waits=step.waits, months=step.months, since=step.since, by_act=step.by_act,
                outcomes=tuple(
                    Outcome(
                        code=one.code, title_zh=one.zh, title_en=one.en, record=self._bounded(row, one), reasons=one.reasons, ends=one.ends,
                        of_children=one.of_children, places=one.places,
                        opens=tuple(self._first(row.named(target)) for target in one.opens),
                    )
                    for one in step.outcomes
                ),
            )
            for row in self.procedures for step in row.steps
        }  # fmt: skip

    def _bounded(self, row: ProcedureRow, one: OutcomeRow) -> dict[str, RecordField]:
        """A day from which months count is no earlier than the most that they may be."""
        opened = (self.step_rows.get(self._first(row.named(target))) for target in one.opens)
        days = {
            step.since: one.record[step.since].model_copy(update={"within": one.record[step.months].high})
            for step in opened if step and step.since in one.record and step.months in one.record
        }  # fmt: skip
        return one.record | days

    def _first(self, target: str) -> str:
        course = self.courses.get(target)
        return course.first if course else target

    def faults_of_procedures(self, times: dict[str, Any], begun: Sequence[Found]) -> Iterator[Found]:
        """What no single row shows; `begun` are the rows of other tables that begin a procedure: (table, row, procedure)."""
        started = {code for _, _, code in begun}
        for name, ends in STEPS_BY_ACT.items() if self.procedures else ():
            known = {one.code for one in self.steps[name].outcomes} if name in self.steps else set[str]()
            if missing := sorted(set(ends) - known):
                yield TABLE, name.partition(".")[0], f"acts end step {name} by {', '.join(missing)}, which it lacks"
        codes = [row.code for row in self.procedures]
        yield from ((TABLE, code, "this code stands twice") for code in dict.fromkeys(codes) if codes.count(code) > 1)
        for table, name, code in begun:
            if code not in codes:
                yield table, name, f"there is no procedure called {code}"
        ways = {(step.name, target) for step in self.steps.values() for one in step.outcomes for target in one.opens}
        opened = {target for _, target in ways}
        for row in self.procedures:
            from_outside = any(to == row.first and not name.startswith(f"{row.code}.") for name, to in ways)
            if not (row.started_by or row.code in started or from_outside or row.about is About.BILL):
                yield TABLE, row.code, "nothing begins it: no route, no report, no agency, no outcome"
            if row.code in started and row.about is not About.CASE:
                yield TABLE, row.code, "a report is about the whole case, so neither a route nor a report can begin it"
            yield from ((TABLE, row.code, reason) for reason in self._faults_of(row, times, opened))

    def _faults_of(self, row: ProcedureRow, times: dict[str, Any], opened: set[str]) -> Iterator[str]:
        names = [step.id for step in row.steps]
        yield from (f"step {name} stands twice" for name in dict.fromkeys(names) if names.count(name) > 1)
        for step in row.steps:
            full = f"{row.code}.{step.id}"
            here = f"step {step.id}: "
            if step.time not in times:
                yield f"{here}there is no time called {step.time}"
            if full != row.first and full not in opened:
                yield f"{here}no outcome opens it"
            if full == row.first and (step.waits or step.months):
                yield f"{here}a procedure cannot begin by waiting"
            codes = [one.code for one in step.outcomes]
            if len(set(codes)) < len(codes):
                yield f"{here}an outcome stands twice"
            if (ELAPSED in codes) is not step.waits:
                yield f"{here}a step ends by `{ELAPSED}` if it waits, and only then"
            elif not self._comes_to_an_end(full):
                yield f"{here}following the first outcomes never comes to an end"
            yield from (f"{here}{fault}" for one in step.outcomes for fault in self._faults_of_outcome(row, one))

    def _faults_of_outcome(self, row: ProcedureRow, one: OutcomeRow) -> Iterator[str]:
        for name, field in one.record.items():
            if field.below and one.record.get(field.below, RecordField(kind=Kind.DAY)).kind is not Kind.COUNT:
                yield f"outcome {one.code} records {name} below {field.below}, which is no count of it"
        for target in one.opens:
            full = self._first(row.named(target))
            if full not in self.step_rows:
                yield f"outcome {one.code} opens {target}, which does not exist"
                continue
            months, since = self.step_rows[full].months, self.step_rows[full].since
            if since and (not months or one.record.get(since, RecordField(kind=Kind.DAY)).kind is not Kind.DATE):
                yield f"outcome {one.code} opens {target}, whose months count from a day that it does not record: {since}"
            if months and one.record.get(months, RecordField(kind=Kind.DAY)).kind is not Kind.COUNT:
                yield f"outcome {one.code} opens {target}, which lasts as many months as it does not record: {months}"

    def _comes_to_an_end(self, name: str, before: tuple[str, ...] = ()) -> bool:
        """Whether the usual course ends, whatever steps it opens side by side."""
        if name in before:
            return False
        step = self.steps.get(name)
        return step is None or all(self._comes_to_an_end(one, (*before, name)) for one in step.usual.opens)
