"""Benefits in the codes of the worked cases: what each child is due, the comparison that a family is shown, invented amounts for trying."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any

from app.domain.benefits import Benefit, Result
from app.domain.determination import ChildFound, Entitlement
from app.domain.entitlement import Comparison, Held, Move, change_amount, recompute
from app.domain.refusals import RefusalCode, Refused
from app.policy.entitlement_rows import AmountRow
from app.policy.pack import Pack

LONG_AGO = date(1970, 1, 1)


def with_amounts(pack: Pack, case_file: Mapping[str, Any]) -> Pack:
    """The pack with the invented amounts that a case file brings for trying the rules."""
    amounts = invented_amounts(case_file)
    return replace(pack, file=pack.file.model_copy(update={"amounts": amounts})) if amounts else pack


def invented_amounts(case_file: Mapping[str, Any]) -> tuple[AmountRow, ...]:
    """The amounts that a case file brings; a bundle is entered by its parts."""
    said = case_file.get("test_amounts") or {}
    codes = {benefit.value: benefit for benefit in Benefit} | {benefit.zh: benefit for benefit in Benefit}
    whole = {name: value for name, value in said.items() if not isinstance(value, dict)}
    parts = {name: value for bundle in said.values() if isinstance(bundle, dict) for name, value in bundle.items()}
    return tuple(
        AmountRow(id=name, benefit=codes[name], yuan=value, effective_from=LONG_AGO, source="case file", fictional=True)
        for name, value in (whole | parts).items() if name in codes
    )  # fmt: skip


def benefits_of(names: list[str], found: Iterable[ChildFound]) -> dict[str, Any]:
    """Answers of all children, the same answer of several once."""
    children = list(zip(names, found, strict=True))
    due = [(name, one, child) for name, child in children for one in child.benefits.entitlements]
    offers = [(name, one, child) for name, child in children for one in child.benefits.offers]
    return {
        "entitlements": list(_once(due)),
        "offers": list(_once(offers)),
        "comparisons": {
            name: _comparison(child.benefits.comparison) for name, child in children if child.benefits.comparison
        },
        "entitlements_nearly": {
            name: [near.model_dump(mode="json") for near in child.benefits.near] for name, child in children
        },
    }


def _once(answers: list[tuple[str, Entitlement, ChildFound]]) -> Iterator[dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    for name, one, _ in answers:
        said = shown.setdefault(f"{one.row} {one.result}", {
            "benefit": one.benefit, "result": one.result.value,
            "basis": [source for source in one.basis if source.startswith("R")],
            "legal": [source for source in one.basis if not source.startswith("R")],
            "row": one.row, "children": [],
        })  # fmt: skip
        said["children"].append(name)
        if one.ask:
            said["decided_by"] = sorted({*said.get("decided_by", ()), *one.ask})
    yield from shown.values()


def _comparison(comparison: Comparison) -> dict[str, Any]:
    """As the family signs under it; what is missing is said, and what is invented is marked."""
    return {
        "on": comparison.on.isoformat(),
        "lines": [
            {
                "benefit": line.benefit.value, "zh": line.benefit.zh, "met": line.met.value,
                "yuan_a_month": None if line.total is None else str(line.total),
                "fictional": any(part.fictional for part in line.parts),
                "missing_amounts": [part.value for part in line.missing], "decided_by": list(line.ask),
                "parts": [
                    {"benefit": part.benefit.value, "met": part.met.value, "yuan_a_month": _plain(part.yuan)}
                    for part in line.parts if len(line.parts) > 1
                ],
            }
            for line in comparison.lines
        ],
        "highest": [benefit.value for benefit in comparison.highest],
        "missing_amounts": [benefit.value for benefit in comparison.missing],
        "signed_choice_needed": True,
    }  # fmt: skip


def _plain(yuan: Decimal | None) -> str | None:
    return None if yuan is None else str(yuan)


def assertions_of_benefits(pack: Pack, found: Iterable[ChildFound]) -> Iterator[dict[str, Any]]:
    """What a case file may assert of benefits, each by asking the rules."""
    rules = pack.benefits
    for child in found:
        comparison = child.benefits.comparison
        if comparison is None:
            continue
        for one, other in combinations([line.benefit for line in comparison.met], 2):
            if rules.together(one, other) is Result.CHOOSE_HIGHEST:
                yield {"check": "must_not_grant_both", "a": one.value, "b": other.value}
        for answer in child.benefits.entitlements:
            if answer.result is Result.ALLOWED:
                one, other = answer.benefit.split("+")
                yield {"check": "may_grant_both", "a": one, "b": other}
        if comparison.top is not None:
            held = Held(
                child_id=child.child_id, benefit=comparison.highest[0], yuan=comparison.top, since=comparison.on
            )
            if recompute(held, _raised(comparison)).move is Move.RAISE:
                yield {"check": "recompute_when_standard_changes"}
            if _is_refused_unheard(held):
                yield {"check": "hear_applicant_before_reduce_or_stop", "legal": ["L65"]}


def _raised(comparison: Comparison) -> Comparison:
    """The same at amounts that are all a yuan higher."""
    lines = tuple(
        line.model_copy(update={
            "parts": tuple(p.model_copy(update={"yuan": None if p.yuan is None else p.yuan + 1}) for p in line.parts)
        })
        for line in comparison.lines
    )  # fmt: skip
    return comparison.model_copy(update={"lines": lines})


def _is_refused_unheard(held: Held) -> bool:
    try:
        change_amount(held, Decimal(0), held.since)
    except Refused as refused:
        return refused.code is RefusalCode.HEARING_NEEDED
    return False
