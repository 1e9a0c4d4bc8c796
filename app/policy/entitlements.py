"""What a child is due by the tables of the pack: pure, each answer with its row, and the facts that would decide what is open."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from app.domain.benefits import Benefit, Result, parts_of
from app.domain.determination import BenefitsFound, Entitlement, NearMiss, near_miss
from app.domain.entitlement import Line, Part, compare
from app.domain.facts import Known
from app.policy.child_view import Answers, question
from app.policy.entitlement_rows import BenefitRow, BenefitTables, ClaimRow
from app.policy.reading import Reading


def entitled(tables: BenefitTables, view: Answers, on: date) -> BenefitsFound:
    """Of a child whose categories and placement are found already: `view` is the child with what has been decided."""
    return _Entitled(tables, view, on).found()


class _Entitled:
    """One child on its way through the tables on benefits."""

    def __init__(self, tables: BenefitTables, view: Answers, on: date) -> None:
        self._tables, self._view = tables, view
        self._rules = tables.benefits
        self._near: list[NearMiss] = []
        self._comparison = compare(self._lines(), self._rules.standards, on)

    def found(self) -> BenefitsFound:
        """The group first, for what is chosen from it is not answered again by a row of its own."""
        group = tuple(self._of_the_group())
        met = [line.benefit for line in self._comparison.met]
        answered = set(self._rules.group if self._comparison.is_due else met)
        single = tuple(self._single(answered))
        due = {one.benefit for one in single}
        joined = tuple(self._joined(due))
        offers = tuple(
            Entitlement(benefit=row.benefit.value, result=Result.PLAN, basis=row.basis, row=row.id)
            for row in self._tables.offers if row.benefit.value not in due and self._said(row.when)
        )  # fmt: skip
        return BenefitsFound(
            entitlements=(*single, *group, *joined), offers=offers, near=tuple(self._near),
            comparison=self._comparison if self._comparison.is_due else None,
        )  # fmt: skip

    def _lines(self) -> Iterator[Line]:
        """Each benefit of the group, met as far as the facts say."""
        ways: defaultdict[Benefit, list[Reading]] = defaultdict(list)
        for row in self._tables.claims:
            ways[row.part].append(self._read(row))
        for benefit in self._rules.group:
            parts = tuple(Part(benefit=part, met=_any(ways[part])) for part in parts_of(benefit))
            ask = (fact for part in parts for way in ways[part.benefit] if way.is_open for fact in way.missing)
            met = _any([Reading(part.met) for part in parts])
            yield Line(benefit=benefit, met=met, parts=parts, ask=tuple(dict.fromkeys(ask)))

    def _of_the_group(self) -> Iterator[Entitlement]:
        """Two or more are met: choose; one alone: that one."""
        if self._comparison.is_due:
            row = next(row for row in self._tables.stackings if row.result is Result.CHOOSE_HIGHEST)
            yield Entitlement(benefit=row.code, result=row.result, basis=row.basis, row=row.id)
        elif self._comparison.met:
            (line,) = self._comparison.met
            ways = [row for row in self._tables.claims if row.benefit is line.benefit and self._holds(row)]
            basis = tuple(dict.fromkeys(source for row in ways for source in row.basis))
            yield Entitlement(benefit=line.benefit.value, result=ways[0].result, basis=basis, row=ways[0].id)

    def _joined(self, due: set[str]) -> Iterator[Entitlement]:
        """What the child receives beside the group, with each of the group in which the choice can end."""
        comparison = self._comparison
        ends = comparison.may_win if comparison.is_due else tuple(line.benefit for line in comparison.met)
        for row in self._tables.stackings:
            inside = {*row.benefits} & {*self._rules.group}
            received = {benefit.value for benefit in row.benefits if benefit not in inside}
            if received and received <= due and inside <= {*ends}:
                yield Entitlement(benefit=row.code, result=row.result, basis=row.basis, row=row.id)

    def _single(self, answered: set[Benefit]) -> Iterator[Entitlement]:
        """Of each benefit the first row that speaks."""
        done = set(answered)
        for row in self._tables.entitlements:
            if row.benefit in done:
                continue
            if spoken := self._spoken(row):
                done.add(row.benefit)
                yield spoken

    def _spoken(self, row: BenefitRow) -> Entitlement | None:
        reading = self._read(row)
        result = row.result if reading.holds else None
        if reading.is_open and row.while_open and self._said(row.hint):
            result = row.while_open
        if result is None:
            return None
        return Entitlement(
            benefit=row.benefit.value,
            result=result,
            basis=row.basis,
            row=row.id,
            ask=() if reading.holds else reading.missing,
        )

    def _read(self, row: BenefitRow | ClaimRow) -> Reading:
        reading = question(row.when).read(self._view)
        if reading.is_open:
            table = "claims" if isinstance(row, ClaimRow) else "entitlements"
            self._near.append(near_miss(table, row.id, reading.missing))
        return reading

    def _holds(self, row: ClaimRow) -> bool:
        return question(row.when).read(self._view).holds

    def _said(self, condition: str) -> bool:
        return question(condition).as_known(self._view)


def _any(ways: list[Reading]) -> Known:
    """Any way will do, and while one is open so is the whole."""
    answers = {way.answer for way in ways}
    return next((known for known in (Known.YES, Known.UNKNOWN) if known in answers), Known.NO)
