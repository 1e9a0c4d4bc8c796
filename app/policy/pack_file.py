"""A pack as it is written: the rows of triage, routes, times and duties, and the whole file with what no single row shows."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

from pydantic import Field

from app.domain.clock import RungSpec
from app.domain.ladder import faults_of
from app.domain.policy import DUTIES_BY_ACT, TIMES_BY_ACT, Gate
from app.domain.terms import Agency, Branch, Rung, Trigger, Urgency
from app.policy.books import Books
from app.policy.determination import Tables
from app.policy.disclosure_rows import DisclosureTables
from app.policy.file_rows import FileTables
from app.policy.procedure_rows import ProcedureTables
from app.policy.rows import Basis, Condition, PackModel, Row, Span

LADDERS = ("urgent", "normal")
CONDITIONED = ("triggers", "branches", "urgencies", "leads", "routes", "duties", "begins")
"""The tables whose rows have a condition."""
NUMBERS = (
    "left_behind_max_age", "quorum", "refusals_before_conference", "extension_cap", "extension_limit", "pause_cap", "return_cap",
    "deputy_limit", "post_assessments_apart", "silence_reroutes_at", "ladders",
)  # fmt: skip


class TriggerRow(Row):
    """Adds a trigger to those that were ticked."""

    add: Trigger


class BranchRow(Row):
    """Names the branch or procedure; the first that holds."""

    branch: Branch
    sealed_for: tuple[Agency, ...] = ()
    """Its case is a compartment sealed for these agencies, in which no other branch holds."""


class UrgencyRow(Row):
    """Names the urgency; the first that holds."""

    urgency: Urgency


class LeadRow(Row):
    """Names the agency that leads the case; the first that holds."""

    lead: Agency


class RungRow(PackModel):
    """One rung of a ladder."""

    rung: Rung
    anchor: Literal["start", "due"]
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
    procedure: str = ""
    """The procedure whose first step this leg is."""


class BeginsRow(Row):
    """A procedure that a report begins beside its legs: whoever holds its first step owes it as a duty."""

    procedure: str
    zh: str
    en: str


class DutyRow(PackModel):
    """A duty; without a gate it is opened by an act, not by the report, and without a holder the lead agency owes it."""

    code: str
    holder: Agency | None = None
    zh: str
    en: str
    time: str
    basis: Basis
    gate: Gate | None = None
    when: Condition = "true"
    interpretation: str = ""

    @property
    def id(self) -> str:
        """As other rows have one."""
        return self.code


class PackFile(Tables, Books, ProcedureTables, FileTables, DisclosureTables):
    """The whole pack as it stands in its files."""

    name: str
    title: str
    effective_from: date
    left_behind_max_age: int = Field(gt=0, le=18)
    quorum: int = Field(gt=0)
    refusals_before_conference: int = Field(gt=0)
    extension_cap: int = Field(ge=0)
    pause_cap: int = Field(ge=0)
    return_cap: int = Field(ge=0)
    deputy_limit: Span
    post_assessments_apart: Span
    extension_limit: Span
    silence_reroutes_at: Rung
    numbers: dict[str, Basis]
    """What each of these, and the ladders, rests on."""
    first_decides: tuple[str, ...] = ("urgencies", "leads")
    """Tables of which the first row that holds decides."""
    unique: tuple[str, ...] = ()
    """Tables of which at most one row may hold for any report, whatever the order."""
    never_rests: bool = False
    """Every clock runs through nights and weekends: for the demonstration, which cannot wait for Monday."""
    triggers: tuple[TriggerRow, ...]
    branches: tuple[BranchRow, ...]
    urgencies: tuple[UrgencyRow, ...]
    leads: tuple[LeadRow, ...]
    ladders: dict[str, tuple[RungRow, ...]]
    times: dict[str, TimeRow]
    duties: tuple[DutyRow, ...]
    routes: tuple[RouteRow, ...]
    begins: tuple[BeginsRow, ...]

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """What no single row shows: (table, row, reason) of doubles, of names that lead nowhere and of ladders that do not climb."""
        tables: dict[str, list[str]] = {
            name: [row.id for row in getattr(self, name)] for name in CONDITIONED if name != "duties"
        }
        tables["duties"] = [duty.code for duty in self.duties]
        for table, names in tables.items():
            yield from ((table, name, "this id stands twice") for name in dict.fromkeys(names) if names.count(name) > 1)
        wanted = [("routes", row.id, time) for row in self.routes for time in (row.accept, row.finish)]
        wanted += [("duties", duty.code, duty.time) for duty in self.duties]
        for table, row, time in wanted:
            if time not in self.times:
                yield table, row, f"there is no time called {time}"
        yield from (
            ("duties", code, "this duty is missing, and acts open it")
            for code in DUTIES_BY_ACT
            if code not in tables["duties"]
        )
        yield from (("times", name, "this time is missing") for name in TIMES_BY_ACT if name not in self.times)
        for row in self.routes:
            if row.urgent and row.gate != Gate():
                yield "routes", row.id, "an emergency leg waits for nothing"
            yield from (
                ("routes", row.id, f"there is no route called {name}")
                for name in row.gate.or_after if name not in tables["routes"]
            )  # fmt: skip
        for setting in ("first_decides", "unique"):
            for name in getattr(self, setting):
                if name not in CONDITIONED:
                    yield setting, "", f"{name} is no table of which a report asks every row: {', '.join(CONDITIONED)}"
        yield from (("numbers", name, "says not what it rests on") for name in NUMBERS if name not in self.numbers)
        yield from (("numbers", name, "there is no such number") for name in self.numbers if name not in NUMBERS)
        yield from (("ladders", name, "this ladder is missing") for name in LADDERS if name not in self.ladders)
        for name, rungs in self.ladders.items():
            yield from (("ladders", name, fault) for fault in faults_of([rung.spec() for rung in rungs]))
        yield from self.faults()
        yield from self.faults_of_benefits()
        yield from self.faults_of_registers(self.times)
        yield from (*self.faults_of_rounds(self.times), *self.faults_of_surveys())
        begun = [("routes", row.id, row.procedure) for row in self.routes if row.procedure]
        begun += [("begins", row.id, row.procedure) for row in self.begins]
        yield from self.faults_of_procedures(self.times, begun)
        yield from self.faults_of_files()
        yield from self.faults_of_disclosures({row.task for row in self.routes})
        yield from self.faults_of_signals([row.id for row in self.warnings])
        for table, what in (("urgencies", "urgency"), ("leads", "a lead agency")):
            if not any(row.when == "true" for row in getattr(self, table)):
                yield table, "-", f"no row holds for every report, so one could stay without {what}"
