"""Which past cases another version of the rules would have taken otherwise: the same stored facts, asked of both."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from app.domain.facts import ReportFacts
from app.domain.policy import ObligationSpec, PlannedRoute, Triage
from app.policy.pack import Pack

SAID = ("triggers", "urgency", "branch", "left_behind", "lead", "must_not_notify", "closes_only_when_found")


class Otherwise(NamedTuple):
    """One difference in one case: `before` or `after` is None where only one of the two versions says anything."""

    case_id: str
    what: str
    before: Any
    after: Any


def dry_run(before: Pack, after: Pack, cases: Iterable[tuple[str, ReportFacts]]) -> Iterator[Otherwise]:
    """All differences; a case without any is not named."""
    for case_id, facts in cases:
        old, new = before.triage(facts), after.triage(facts)
        if old != new:
            yield from (Otherwise(case_id, *one) for one in _between(old, new))


def _between(old: Triage, new: Triage) -> Iterator[tuple[str, Any, Any]]:
    for name in SAID:
        if getattr(old, name) != getattr(new, name):
            yield name, getattr(old, name), getattr(new, name)
    legs = [{row.id: _leg(row) for row in triage.routes} for triage in (old, new)]
    duties = [{row.code: _duty(row) for row in triage.obligations} for triage in (old, new)]
    for kind, (was, now) in (("route", legs), ("duty", duties)):
        for name in dict.fromkeys([*was, *now]):
            if was.get(name) != now.get(name):
                yield f"{kind} {name}", was.get(name), now.get(name)


def _leg(row: PlannedRoute) -> dict[str, Any]:
    """What an officer would notice of a leg."""
    return {
        "agency": row.agency, "task": row.title_zh, "step": row.step, "accept": str(row.accept.budget),
        "finish": str(row.finish.budget), "gate": row.gate.model_dump(mode="json", exclude_defaults=True),
        "ladder": [str(rung.offset or rung.anchor) for rung in row.accept.ladder],
    }  # fmt: skip


def _duty(row: ObligationSpec) -> dict[str, Any]:
    return {"holder": row.holder, "task": row.title_zh, "time": str(row.time.budget)}
