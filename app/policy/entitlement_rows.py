"""The tables on benefits: what a child is due and by which clause, which benefits exclude or may join each other, amounts, payers."""

from collections.abc import Iterator
from itertools import combinations
from typing import Self

from pydantic import model_validator

from app.domain.benefits import Amount, Benefit, Result, Standards, parts_of
from app.domain.entitlement import BenefitRules, Stacking
from app.policy.child_rows import ChildRow
from app.policy.child_view import ChildCondition
from app.policy.rows import Basis, PackModel

SAID = (Result.CHOOSE_HIGHEST, Result.ALLOWED, Result.NOTICE_SILENT)
Found = tuple[str, str, str]


class BenefitRow(ChildRow):
    """What a child is due; of a benefit the first row that speaks counts. While it is open it speaks only where the hint has been said."""

    benefit: Benefit
    result: Result
    while_open: Result | None = None
    hint: ChildCondition = "true"

    @model_validator(mode="after")
    def _nothing_is_given_while_it_is_open(self) -> Self:
        if self.while_open and self.while_open.gives:
            raise ValueError("an unknown fact never gives a benefit")
        return self


class OfferRow(ChildRow):
    """A service that the plan may take up."""

    benefit: Benefit


class ClaimRow(ChildRow):
    """One way to meet a benefit of the exclusive group, or one of the two subsidies; any of its ways will do."""

    benefit: Benefit
    part: Benefit
    result: Result = Result.CANDIDATE
    """The answer where it is the only one of the group that is met."""

    @model_validator(mode="after")
    def _of_its_benefit(self) -> Self:
        if self.part not in parts_of(self.benefit):
            raise ValueError(f"{self.part} is no part of {self.benefit}")
        return self


class StackingRow(Stacking):
    """What the notice says of some benefits together, with its sources."""

    basis: Basis


class AmountRow(Amount):
    """What a benefit is a month from a date on."""

    id: str


class BenefitTables(PackModel):
    """As they stand in the pack."""

    entitlements: tuple[BenefitRow, ...]
    offers: tuple[OfferRow, ...]
    claims: tuple[ClaimRow, ...]
    stackings: tuple[StackingRow, ...]
    amounts: tuple[AmountRow, ...] = ()
    payers: tuple[Benefit, ...]

    @property
    def benefits(self) -> BenefitRules:
        """As the domain asks for them."""
        return BenefitRules(stackings=self.stackings, standards=Standards(amounts=self.amounts), payers=self.payers)

    def faults_of_benefits(self) -> Iterator[Found]:
        """(table, row, reason): doubles, a group that its claims do not fill, two answers on the same benefits or none."""
        for table in ("entitlements", "offers", "claims", "stackings", "amounts"):
            names = [row.id for row in getattr(self, table)]
            yield from ((table, name, "this id stands twice") for name in dict.fromkeys(names) if names.count(name) > 1)
        yield from self._faults_of_stackings()
        group = next((row.benefits for row in self.stackings if row.result is Result.CHOOSE_HIGHEST), ())
        claimed = {row.benefit for row in self.claims}
        for benefit in {*group} ^ claimed:
            what = "no row says when it is met" if benefit in group else "does not belong to the group of the highest"
            yield "claims", benefit.value, what
        days = [(row.benefit, row.effective_from) for row in self.amounts]
        yield from (
            ("amounts", row.id, f"{row.benefit} has two amounts from {row.effective_from}")
            for n, row in enumerate(self.amounts) if days[n] in days[:n]
        )  # fmt: skip
        if len(set(self.payers)) < len(self.payers) or not self.payers:
            yield "payers", "-", "each payer stands once, and there is one at least"

    def _faults_of_stackings(self) -> Iterator[Found]:
        if [row.result for row in self.stackings].count(Result.CHOOSE_HIGHEST) != 1:
            yield "stackings", "-", "exactly one row names the group of which the highest is chosen"
        for row in self.stackings:
            if row.result not in SAID:
                yield "stackings", row.id, f"{row.result} is no answer on benefits together"
            if len(set(row.benefits)) < len(row.benefits):
                yield "stackings", row.id, "a benefit stands twice"
        supports = dict.fromkeys(benefit for row in self.stackings for benefit in row.benefits)
        for one, other in combinations(supports, 2):
            rows = [row.id for row in self.stackings if row.joins(one, other)]
            if len(rows) != 1:
                said = " and ".join(rows) or "no row"
                yield "stackings", rows[-1] if rows else "-", f"{one} with {other} has {said}; each pair has one answer"
