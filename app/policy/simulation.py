"""Answers a case file with the codes of the worked cases: what the rules would do, asked without touching any case."""

from collections.abc import Mapping
from typing import Any

from app.domain.determination import ChildFound
from app.domain.policy import PlannedRoute
from app.policy.assertions import assertions
from app.policy.benefit_answers import benefits_of, with_amounts
from app.policy.case_file import facts_of_file, name_of
from app.policy.child_words import asked_in_words
from app.policy.examples import with_facts
from app.policy.loader import load
from app.policy.pack import Pack

CURRENT = "fengtai-2026.1"
SAME_AS = "SAME_AS"
"""Where the child lives is a matter of the case that was first."""
HELD = ("duplicate_cleared", "expired:")


def simulate(case_file: Mapping[str, Any], pack: Pack | None = None) -> dict[str, Any]:
    """The answers of a pack to a case file; raises ValidationError where its facts are none."""
    case = with_facts(case_file)
    rules = with_amounts(pack or load(CURRENT), case)
    facts = facts_of_file(case)
    triage = rules.triage(facts)
    found = rules.determine(facts, triage)
    names = [name_of(child) for child in case.get("children", ())]
    primary = (case.get("facts") or {}).get("duplicate_of")
    branch = triage.branch
    return {
        "case_id": case_file.get("case_id"),
        "policy": rules.version,
        "triggers": [trigger.value for trigger in triage.triggers],
        "nine_situations": list(facts.nine_situations),
        "urgency": triage.urgency.value,
        "police_branch": branch.value if branch and branch.is_police else None,
        "branch": branch.value if branch else None,
        "duplicate_of": primary,
        "children": {} if primary else {name: _child(one) for name, one in zip(names, found, strict=True)},
        "routing": [_leg(route) for route in triage.routes if not _waits_for_a_lapse(route)],
        "placement": {"—": {"code": SAME_AS, "case": primary}} if primary else _placements(names, found),
        **benefits_of([] if primary else names, [] if primary else found),
        "records": _records(found, rules),
        "assertions": list(assertions(rules, case, facts, triage, found)),
        "rows": list(triage.rows),
    }


def _child(found: ChildFound) -> dict[str, Any]:
    said: dict[str, Any] = {
        "categories": [
            {"code": one.code.value, "status": one.status.value, "basis": _notice(one.basis), "rows": list(one.rows)}
            | (
                {"decided_by": list(one.missing), "to_find_out": [_asked(fact) for fact in one.missing]}
                if one.missing
                else {}
            )
            for one in found.categories
        ],
        "left_behind": found.left_behind.value == "yes",
        "grade": found.grade.model_dump(mode="json"),
        "nearly": [near.model_dump(mode="json") for near in found.near],
    }
    if found.overlap:
        said["overlap"] = list(found.overlap)
    if found.multi_difficulty:
        said["multi_difficulty"] = True
    return said


def _asked(fact: str) -> str:
    words = asked_in_words(fact)
    return f"{words.zh} {words.en}"


def _notice(basis: tuple[str, ...]) -> list[str]:
    """The rows of the notice alone: law and defaults stand beside them."""
    return [source for source in basis if source.startswith("R")]


def _beside(basis: tuple[str, ...]) -> list[str]:
    return [source for source in basis if not source.startswith("R")]


def _waits_for_a_lapse(route: PlannedRoute) -> bool:
    """A leg that opens only when a duty runs out, or when somebody finds that the report is no duplicate."""
    return any(event.startswith(HELD) for event in route.gate.events)


def _leg(route: PlannedRoute) -> dict[str, Any]:
    """`fallback` takes it from an agency that refuses or stays silent; without one, whoever leads."""
    return {
        "step": route.step, "agency": route.agency.value, "task": route.title_zh, "basis": _notice(route.basis),
        "legal": _beside(route.basis), "row": route.id,
        **({"fallback": route.fallback.value} if route.fallback else {}),
        **({"procedure": route.procedure.partition(".")[0]} if route.procedure else {}),
    }  # fmt: skip


def _placements(names: list[str], found: tuple[ChildFound, ...]) -> dict[str, Any]:
    """Children whose placement is the same stand together, as they are to stay together."""
    together: dict[str, list[str]] = {}
    shown: dict[str, dict[str, Any]] = {}
    for name, child in zip(names, found, strict=True):
        place = child.placement
        together.setdefault(place.row, []).append(name)
        shown.setdefault(place.row, {
            "code": place.code.value, "now": place.now_zh, "decider": [agency.value for agency in place.deciders],
            "parents_decide": place.parents_decide, "basis": _notice(place.basis), "legal": _beside(place.basis),
            "tonight": place.tonight.value if place.tonight else None, "next": place.next_zh, "gates": [need.value for need in place.gates],
            "reject": [
                {"option": one.zh, "reason": one.reason_zh, "basis": list(one.basis)} for one in place.rejected
            ],
            "row": place.row,
        })  # fmt: skip
    return {"+".join(who): shown[row] for row, who in together.items()}


def _records(found: tuple[ChildFound, ...], rules: Pack) -> list[str]:
    owed = {row for child in found for row in child.records}
    return [row.zh for row in rules.file.records if row.id in owed]
