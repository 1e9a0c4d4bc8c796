"""What no single row shows: rows that never hold, unique tables with two answers, conditions that fail, found by trying many reports."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from typing import Any

from app.domain.compartment import TOLD_PLACE
from app.domain.facts import ReportFacts
from app.policy.asked import Asked, ConditionFails
from app.policy.child_rows import Asks, never_reached
from app.policy.conditions import conjuncts
from app.policy.loader import BadPack, Fault, Files, parse, tables_of
from app.policy.made import made
from app.policy.pack import Pack
from app.policy.pack_file import CONDITIONED, PackFile

TRIED = 1000
"""Reports that every pack is tried on."""
BEST = 20
"""Of these, how many are bred from when a row held for none."""
BRED = 3000
"""How many are bred for one such row before it counts as never reached."""
OFTEN = 100
"""A row that held so often and was beaten each time is not reached by breeding either."""
Place = tuple[str, str]


def check(written: Mapping[str, str]) -> tuple[Fault, ...]:
    """Every fault of a pack's files: those that forbid to load it, or else those that trying shows."""
    return _checked(tuple(sorted(written.items())))


@lru_cache(maxsize=4)
def _checked(given: tuple[tuple[str, str], ...]) -> tuple[Fault, ...]:
    """Whoever proposes and whoever approves ask the same, each time for more than a second."""
    written = dict(given)
    try:
        file = parse(written)
    except BadPack as bad:
        return bad.faults
    files = tables_of(written)
    return (
        *_Trial(Pack(file.name, file), files).faults(),
        *_beaten_for_children(file, files),
        *_left_waiting(file, files),
    )


def _left_waiting(file: PackFile, files: Files) -> Iterator[Fault]:
    """Steps of a change at bodies to which a place may be kept back, which pass none: it would wait there for good."""
    for row in file.changes:
        for agency in (one for one in row.steps if one not in TOLD_PLACE):
            yield files.fault("changes", row.id, f"{agency} passes no change, so this one would wait there for good")


def _beaten_for_children(file: PackFile, files: Files) -> Iterator[Fault]:
    """The same of the tables that are asked of each child and of which the first row decides."""
    for table, rows in _first_decides(file):
        for row in never_reached(rows):
            yield files.fault(table, row.id, "is never reached: whenever it holds, a row before it has decided")


def _first_decides(file: PackFile) -> Iterator[tuple[str, Sequence[Asks]]]:
    """The tables of a child of which the first row that holds decides, and of the benefits the rows of each."""
    yield "placements", file.placements
    yield "tonight", file.tonight
    for benefit in dict.fromkeys(row.benefit for row in file.entitlements):
        yield "entitlements", [row for row in file.entitlements if row.benefit is benefit]


def too_early(file: PackFile, files: Files, today: date) -> tuple[Fault, ...]:
    """A version is published for a day to come: what has been decided was decided by the rules of its day."""
    if file.effective_from > today:
        return ()
    return (files.fault("effective_from", "", f"{file.effective_from} is not after today, {today}"),)


@dataclass
class _Trial:
    """A pack on trial, and what its rows did on all reports."""

    pack: Pack
    files: Files
    reports: list[ReportFacts] = field(default_factory=lambda: [made(seed) for seed in range(TRIED)])
    asked: list[Asked] = field(default_factory=list)
    """The reports as the tables have seen them, in the same order."""
    decided: set[Place] = field(default_factory=set)
    beaten: defaultdict[Place, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """For a row that held where the first decides: which rows decided instead."""
    together: set[tuple[str, str, str]] = field(default_factory=set)
    """Two rows of a unique table that held for one report."""

    def faults(self) -> Iterator[Fault]:
        """What is wrong, each with its place."""
        try:
            for report in self.reports:
                self.asked.append(self._try(report))
            never = [place for place in self._rows if place not in self.decided and not self._reached(place)]
        except ConditionFails as failure:
            reason = f"when the condition fails on some reports: {failure}"
            yield from (
                self.files.fault(*place, reason) for place, row in self._rows.items() if row.when == failure.condition
            )
            return
        for table, one, other in sorted(self.together):
            yield self.files.fault(table, other, f"holds together with {one}, and of this table one row may hold")
        yield from (self.files.fault(*place, self._why_never(place)) for place in never)

    @cached_property
    def _rows(self) -> dict[Place, Any]:
        """The rows that a report decides about; a duty without a gate is opened by an act."""
        tables = {table: getattr(self.pack.file, table) for table in CONDITIONED}
        opened_by_act = {("duties", duty.code) for duty in self.pack.file.duties if duty.gate is None}
        rows = {(table, row.id): row for table, rows in tables.items() for row in rows}
        return {place: row for place, row in rows.items() if place not in opened_by_act}

    def _try(self, report: ReportFacts) -> Asked:
        asked = self.pack.asked(report)
        held: defaultdict[str, list[str]] = defaultdict(list)
        for (table, name), row in self._rows.items():
            if asked.holds(row.when):
                held[table].append(name)
        for table, names in held.items():
            first = table in self.pack.file.first_decides
            self.decided.update((table, name) for name in (names[:1] if first else names))
            for name in names[1:]:
                if first:
                    self.beaten[table, name][names[0]] += 1
                if table in self.pack.file.unique:
                    self.together.add((table, names[0], name))
        return asked

    def _reached(self, place: Place) -> bool:
        """Breed reports for this row: those that meet most parts of its condition take single facts from those that meet the rest."""
        if self.beaten[place].total() > OFTEN:
            return False
        parts, draw = conjuncts(self._rows[place].when), random.Random(place[1])
        met = [_met(asked, parts) for asked in self.asked]
        best = [(met[n], self.reports[n]) for n in sorted(range(len(met)), key=lambda n: -len(met[n]))[:BEST]]
        givers = {part: [n for n, those in enumerate(met) if part in those] for part in parts}
        for _ in range(BRED):
            n, fact = draw.randrange(BEST), draw.choice(list(ReportFacts.model_fields))
            had, parent = best[n]
            wanted = [part for part in parts if part not in had and givers[part]]
            others = givers[draw.choice(wanted)] if wanted else range(len(self.reports))
            child = parent.model_copy(update={fact: getattr(self.reports[draw.choice(others)], fact)})
            asked = self.pack.asked(child)
            has = _met(asked, parts)
            if len(has) >= len(had):
                best[n] = has, child
                self._try(child)
            if place in self.decided:
                return True
        return False

    def _why_never(self, place: Place) -> str:
        if winners := self.beaten[place]:
            return f"is never reached: whenever it holds, a row before it has decided: {', '.join(sorted(winners))}"
        return f"is never reached: it held for none of {TRIED + BRED} reports"


def _met(asked: Asked, parts: tuple[str, ...]) -> frozenset[str]:
    """The parts of a condition that hold."""
    return frozenset(part for part in parts if asked.holds(part))
