"""What a case file asserts beside its codes, decided by asking the rules: often by asking them again with one fact changed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.determination import Category, ChildFound, PlacementCode, Standing
from app.domain.facts import Known, ReportFacts
from app.domain.policy import Gate, PlannedRoute, Triage
from app.domain.terms import Agency, Branch, ReportKind
from app.policy.benefit_answers import assertions_of_benefits
from app.policy.case_file import name_of, persons_of
from app.policy.pack import Pack

RETURN, WITH_THE_CHILD = "parents_return_or_delegate", "interim_adult_present"
CLEARED = "duplicate_cleared"
Said = dict[str, Any]


@dataclass(frozen=True)
class _Asked:
    """One case and what the rules say of it."""

    pack: Pack
    file: Mapping[str, Any]
    facts: ReportFacts
    triage: Triage
    found: tuple[ChildFound, ...]

    @property
    def at_once(self) -> list[PlannedRoute]:
        """The legs that open with the report."""
        return [route for route in self.triage.routes if route.gate == Gate()]

    @property
    def duties(self) -> set[str]:
        return {duty.code for duty in self.triage.obligations}

    @property
    def primary(self) -> str | None:
        return (self.file.get("facts") or {}).get("duplicate_of")

    def again(self, facts: ReportFacts) -> tuple[Triage, tuple[ChildFound, ...]]:
        """The rules asked about other facts."""
        triage = self.pack.triage(facts)
        return triage, self.pack.determine(facts, triage)


def assertions(
    pack: Pack, file: Mapping[str, Any], facts: ReportFacts, triage: Triage, found: tuple[ChildFound, ...]
) -> Iterator[Said]:
    """Each that holds, in the words of the worked cases."""
    asked = _Asked(pack, file, facts, triage, found)
    for part in (_of_everybody, _of_emergencies, _of_time, _of_missing, _of_duplicates, _of_detained, _of_origin):
        yield from part(asked)
    yield from assertions_of_benefits(pack, found)
    yield from ({"check": name} for name, holds in PLAIN.items() if holds(asked))


def _of_everybody(asked: _Asked) -> Iterator[Said]:
    yield {"check": "must_seal", "field": "reporter"}
    people = persons_of(asked.file)
    for place in asked.triage.must_not_notify:
        n = int(place.removeprefix("guardian:"))
        who = people[n] if n < len(people) else place
        yield {"check": "must_not_notify", "agency_or_person": who, "about": ["placement", "reporter"]}
    for said, child in zip(asked.file.get("children", ()), asked.facts.children, strict=False):
        if not child.is_the_subject:
            yield {"check": "sibling_case_created", "child": name_of(said)}
        if child.identity_known is Known.NO:
            unknown = [name for name in ("id_no", "birth_date", "hukou") if said.get(name) in (None, "", "不明")]
            yield {"check": "identity_unknown_supported", "fields": unknown}


def _of_emergencies(asked: _Asked) -> Iterator[Said]:
    """The police and civil affairs are asked in one breath; nothing urgent waits for a meeting or a grade."""
    steps = {agency: {r.step for r in asked.at_once if r.agency is agency} for agency in (Agency.POLICE, Agency.CIVIL)}
    if asked.triage.urgency.around_the_clock and all(steps.values()):
        yield {"check": "parallel", "steps": sorted(set().union(*steps.values()))}
    meetings = (Agency.COMMITTEE, Agency.CONF)
    if any(route.urgent for route in asked.at_once) and not any(route.agency in meetings for route in asked.at_once):
        yield {"check": "committee_review_must_not_block_emergency"}


def _of_time(asked: _Asked) -> Iterator[Said]:
    if RETURN not in asked.duties:
        return
    yield {"check": "timer_started", "name": RETURN}
    if WITH_THE_CHILD in asked.duties:
        yield {"check": "child_never_alone_while_timer_runs"}
    lapse = f"expired:{RETURN}"
    if any(route.agency is Agency.CIVIL and lapse in route.gate.events for route in asked.triage.routes):
        yield {"check": "if_timer_expires", "then": PlacementCode.P_TEMP_CARE_INSTITUTION.value}


def _of_missing(asked: _Asked) -> Iterator[Said]:
    if asked.triage.branch is not Branch.B:
        return
    if any(route.agency is Agency.POLICE for route in asked.at_once):
        yield {"check": "no_waiting_period"}
    yield {"check": "photo_release_requires_approval", "allowed_because": "查找失踪未成年人例外", "legal": ["L99"]}
    if asked.triage.closes_only_when_found:
        yield {"check": "case_open_until_found_or_police_closure"}


def _of_duplicates(asked: _Asked) -> Iterator[Said]:
    if not asked.facts.possible_duplicate:
        return
    if asked.primary:
        yield {"check": "must_merge_into", "case": asked.primary, "mode": "suggest_then_human_confirm"}
    yield {"check": "merge_is_reversible"}
    if "answer_acceptance" in asked.duties:
        yield {"check": "second_report_gets_own_receipt_and_feedback"}
    if all(CLEARED in route.gate.events for route in asked.triage.routes if route.search):
        yield {"check": "no_second_search_started"}


def _of_detained(asked: _Asked) -> Iterator[Said]:
    not_yet = [child for child in asked.found if _stands(child, Category.D6) is Standing.NOT_YET]
    if not_yet:
        _, then = asked.again(asked.facts.after_judgment())
        if all(_stands(child, Category.D6) is Standing.CONFIRMED for child in then):
            yield {"check": "event_transition", "on": "guardian.sentenced", "to": Category.D6.value}
    if asked.facts.kind is ReportKind.DETENTION_INQUIRY:
        negative, _ = asked.again(asked.facts.model_copy(update={"children": ()}))
        if any(route.agency is Agency.POLICE for route in negative.routes):
            yield {"check": "negative_inquiry_also_recorded"}


def _of_origin(asked: _Asked) -> Iterator[Said]:
    needs = dict.fromkeys(need.value for child in asked.found for need in child.placement.gates)
    if needs:
        yield {"check": "gate", "before": "ADOPT", "needs": list(needs)}


def _hukou_does_not_matter(asked: _Asked) -> bool:
    """An emergency, and the same legs and placements as for children of the district."""
    if not asked.triage.urgency.around_the_clock or not any(
        c.hukou_in_district is Known.NO for c in asked.facts.children
    ):
        return False
    local = tuple(child.model_copy(update={"hukou_in_district": Known.YES}) for child in asked.facts.children)
    triage, found = asked.again(asked.facts.model_copy(update={"children": local}))
    places = [[child.placement.code for child in each] for each in (found, asked.found)]
    return triage.routes == asked.triage.routes and places[0] == places[1]


def _placed_together(asked: _Asked) -> bool:
    return len(asked.found) > 1 and len({child.placement.row for child in asked.found}) == 1


def _buyer_is_excluded(asked: _Asked) -> bool:
    return any(one.row == "x-buyer" for child in asked.found for one in child.placement.rejected)


def _shows_clauses(asked: _Asked) -> bool:
    places = [child.placement for child in asked.found]
    found = [one for child in asked.found for one in child.categories]
    return all(_is_of_notice(one.basis) for one in (*asked.triage.routes, *places, *found))


def _is_of_notice(basis: tuple[str, ...]) -> bool:
    return any(source.startswith("R") for source in basis)


def _stands(child: ChildFound, code: Category) -> Standing | None:
    found = child.category(code)
    return found.status if found else None


PLAIN: dict[str, Callable[[_Asked], bool]] = {
    "siblings_placed_together": _placed_together,
    "hukou_outside_district_does_not_block_emergency_care": _hukou_does_not_matter,
    "buyer_family_excluded_as_carer": _buyer_is_excluded,
    "decision_shows_clause": _shows_clauses,
}
