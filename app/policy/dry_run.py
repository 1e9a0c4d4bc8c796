"""Which past cases another version of the rules would have taken otherwise: the same stored facts, asked of both."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from app.domain.determination import ChildFound
from app.domain.facts import ReportFacts
from app.domain.policy import ObligationSpec, PlannedRoute, Triage
from app.domain.terms import Agency
from app.policy.determination import Tables
from app.policy.pack import Pack

SAID = ("triggers", "urgency", "branch", "left_behind", "lead", "must_not_notify", "closes_only_when_found")


class Otherwise(NamedTuple):
    """One difference in one case: `before` or `after` is None where only one of the two versions says anything."""

    case_id: str
    what: str
    before: Any
    after: Any

    @property
    def of_what(self) -> str:
        """The same without the child whom it is about."""
        return self.what.rpartition(" ")[2]


def dry_run(before: Pack, after: Pack, cases: Iterable[tuple[str, ReportFacts]]) -> Iterator[Otherwise]:
    """All differences; a case without any is not named."""
    told = before.lists != after.lists
    same_tables, same_rows = _of_children(before) == _of_children(after), _of_triage(before) == _of_triage(after)
    for case_id, facts in cases:
        old, new = before.triage(facts), after.triage(facts)
        changed = _in_short(old) != _in_short(new) if same_rows else old != new
        if changed:
            yield from (Otherwise(case_id, *one) for one in _between(old, new))
        if told or changed:
            yield from (Otherwise(case_id, *one) for one in _of_lists(before, after, old, new))
        if changed or not same_tables:
            found = zip(before.determine(facts, old), after.determine(facts, new), strict=True)
            yield from (Otherwise(case_id, *one) for was, now in found for one in _of_child(was, now))


def _of_lists(before: Pack, after: Pack, old: Triage, new: Triage) -> Iterator[tuple[str, Any, Any]]:
    """What each agency would be told otherwise for a leg, part by part, also the one that takes it where its agency refuses or stays
    silent (`fallback`); one that had no such leg was told nothing for it."""
    was, now = _told(before, old), _told(after, new)
    for place, told in now.items():
        earlier = was.get(place, {})
        for part in dict.fromkeys([*told, *earlier]):
            if earlier.get(part) != told.get(part):
                yield f"{place[0]}:told:{part}", earlier.get(part), told.get(part)


def _told(pack: Pack, triage: Triage) -> dict[tuple[str, Agency], dict[str, tuple[str, ...]]]:
    """By leg and agency."""
    takers = [(row.id, row.agency, row) for row in triage.routes]
    takers += [(f"{row.id}:fallback:{row.fallback}", row.fallback, row) for row in triage.routes if row.fallback]
    return {
        (place, agency): pack.lists.of_leg(agency, row.task, assessment=row.assessment) for place, agency, row in takers
    }


def _of_children(pack: Pack) -> tuple[object, ...]:
    """The tables that are asked of each child; while they are the same, only another triage changes an answer."""
    return (pack.file.left_behind_max_age, *(getattr(pack.file, name) for name in Tables.model_fields))


def _of_triage(pack: Pack) -> tuple[object, ...]:
    """What a row of triage means; while it is the same, the same rows are the same answer."""
    return tuple(getattr(pack.file, name) for name in ("routes", "duties", "times", "ladders", "never_rests"))


def _in_short(triage: Triage) -> tuple[object, ...]:
    """The answer by the names of its rows."""
    return (triage.rows, *(duty.code for duty in triage.obligations), *(getattr(triage, name) for name in SAID))


def _of_child(was: ChildFound, now: ChildFound) -> Iterator[tuple[str, Any, Any]]:
    """What an officer would notice of a child."""
    before, after = _answers(was), _answers(now)
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield f"{was.child_id} {name}", before.get(name), after.get(name)


def _answers(found: ChildFound) -> dict[str, Any]:
    due = found.benefits.entitlements
    return {
        **{f"category {one.code}": one.status.value for one in found.categories},
        "left_behind": found.left_behind.value, "multi_difficulty": found.multi_difficulty,
        "placement": found.placement.code.value, "grade": found.grade.grade.value,
        **{f"benefit {one.benefit}": one.result.value for one in due},
        **{f"record {row}": "owed" for row in found.records},
    }  # fmt: skip


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
        "agency": row.agency, "task": row.title_zh, "code": row.task, "assessment": row.assessment,
        "fallback": row.fallback, "step": row.step, "accept": str(row.accept.budget), "finish": str(row.finish.budget),
        "gate": row.gate.model_dump(mode="json", exclude_defaults=True),
        "ladder": [str(rung.offset or rung.anchor) for rung in row.accept.ladder],
    }  # fmt: skip


def _duty(row: ObligationSpec) -> dict[str, Any]:
    return {"holder": row.holder, "task": row.title_zh, "time": str(row.time.budget)}
