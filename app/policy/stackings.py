"""The pack's tables on benefits: which exclude or may join each other, the dated amounts, the payers of a medical bill."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from app.domain.benefits import Amount, Benefit, Result, Standards
from app.domain.entitlement import BenefitRules, Stacking
from app.policy.rows import Basis

SAID = (Result.CHOOSE_HIGHEST, Result.ALLOWED, Result.NOTICE_SILENT)
Found = tuple[str, str, str]


class StackingRow(Stacking):
    """What the notice says of some benefits together, with its sources."""

    basis: Basis


class AmountRow(Amount):
    """What a benefit is a month from a date on."""

    id: str


def rules_of(
    stackings: tuple[StackingRow, ...], amounts: tuple[AmountRow, ...], payers: tuple[Benefit, ...]
) -> BenefitRules:
    """As the domain asks for them."""
    return BenefitRules(stackings=stackings, standards=Standards(amounts=amounts), payers=payers)


def faults_of(
    stackings: Sequence[StackingRow], amounts: Sequence[AmountRow], payers: Sequence[Benefit]
) -> Iterator[Found]:
    """(table, row, reason): two answers on the same benefits, none at all, amounts of one day that differ, a payer twice."""
    groups = [row for row in stackings if row.result is Result.CHOOSE_HIGHEST]
    if len(groups) != 1:
        yield "stackings", "-", "exactly one row names the group of which the highest is chosen"
    for row in stackings:
        if row.result not in SAID:
            yield "stackings", row.id, f"{row.result} is no answer on benefits together"
        if len(set(row.benefits)) < len(row.benefits):
            yield "stackings", row.id, "a benefit stands twice"
    supports = dict.fromkeys(benefit for row in stackings for benefit in row.benefits)
    for one, other in combinations(supports, 2):
        rows = [row.id for row in stackings if row.joins(one, other)]
        if len(rows) != 1:
            reason = (
                f"{one} with {other} has {' and '.join(rows) or 'no row'}; one row answers each pair of living supports"
            )
            yield "stackings", rows[-1] if rows else "-", reason
    days = [(row.benefit, row.effective_from) for row in amounts]
    yield from (
        ("amounts", row.id, f"{row.benefit} has two amounts from {row.effective_from}")
        for n, row in enumerate(amounts) if days[n] in days[:n]
    )  # fmt: skip
    if len(set(payers)) < len(payers) or not payers:
        yield "payers", "-", "each payer stands once, and there is one at least"
