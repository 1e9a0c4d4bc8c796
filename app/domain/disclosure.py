"""What each agency and the reporter are told: the least that their part needs, by the disclosure lists of the rules."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from app.domain.disclosure_lists import DisclosureList, Lists
from app.domain.facts import GuardianFacts, GuardianSeen, Known, Relation, ReportFacts
from app.domain.opening import desk_of
from app.domain.policy import Frozen
from app.domain.progress import LEFT, Progress, State
from app.domain.sight import Actor, scope
from app.domain.terms import OWN_AGENCY, Stage

SUSPECT = {"suspected_of_harm": "yes"}
UNKNOWN = Relation.UNKNOWN.value


class View(Frozen):
    """All that is known of a case; a packet is chosen from it. The reporter is not in it."""

    children: tuple[dict[str, Any], ...]
    family: tuple[dict[str, Any], ...]
    narrative: str
    facts: dict[str, Any]


def packet(told: DisclosureList, progress: Progress, view: View) -> dict[str, Any]:
    """What leaves for an agency's own system, by the list of its leg; as JSON."""
    people = whom(told, view.family)
    household = view.facts.get("household") or {}
    parts: dict[str, Any] = {
        "children": _some(view.children, told.children),
        "branch": progress.branch.value if progress.branch else None,
        "family": _some(people, told.family),
        "kin": _some(people, told.kin),
        "household": {name: household[name] for name in told.household if name in household},
        "conditions": _some(view.facts.get("children", ()), told.conditions),
        "narrative": view.narrative,
    }
    return {part: parts[part] for part in told.parts}


def whom(told: DisclosureList, family: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of a family of whom a list tells."""
    return [one for one in family if not (told.without_suspects and is_suspect(one))]


def is_suspect(person: Mapping[str, Any]) -> bool:
    """Whether somebody of the family is suspected of having harmed the child."""
    return SUSPECT.items() <= (person.get("facts") or {}).items()


def as_known(content: Mapping[str, Any], facts: ReportFacts | None) -> dict[str, Any]:
    """The content of a report with whom an assessment has come to suspect since, for `facts` are as assessed."""
    family = content.get("family") or ()
    suspects = _suspects(family, facts.guardians) if facts else ()
    marked = [
        {**one, "facts": {**(one.get("facts") or {}), **SUSPECT}} if place in suspects else one
        for place, one in enumerate(family)
    ]
    return {**content, "family": marked}


def _suspects(family: Sequence[Mapping[str, Any]], guardians: Sequence[GuardianFacts]) -> set[int]:
    """Places of those of the reported family who are suspected by now. A suspect of whom nobody said who it is may be anybody of that
    relation of whom nothing else is said, or of no such relation anybody at all."""
    relation = [(one.get("facts") or {}).get("relation", UNKNOWN) for one in family]
    said = [one.place if isinstance(one, GuardianSeen) else place for place, one in enumerate(guardians)]
    named = [place if place in range(len(family)) else None for place in said]
    left = set(range(len(family))).difference(named)
    suspects = set[int]()
    for place, one in zip(named, guardians, strict=True):
        if one.suspected_of_harm is Known.YES:
            alike = {at for at in left if UNKNOWN in (relation[at], one.relation) or relation[at] == one.relation}
            suspects |= {place} if place is not None else alike or left
    return suspects


class Told(Frozen):
    """What a seat sees of those whom a case is about; None is everything."""

    child: tuple[str, ...] | None = None
    kin: tuple[str, ...] | None = None
    """Of everybody of the family."""
    unsuspected: tuple[str, ...] = ()
    """Further fields, of those whom nobody suspects."""
    narrative: bool = True
    facts: tuple[str, ...] | None = None
    """Of health, school and household, as conditions of the rules name them; of what a list tells of the children, their sex and age too."""
    branch: bool = True
    lists: tuple[str, ...] = ()
    """The lists that say so, by id."""

    @property
    def whole(self) -> bool:
        """Whether nothing is kept back."""
        return self == Told()

    @property
    def of_suspicion(self) -> bool:
        """Whether it turns on who is suspected by now: whose facts are told, or who is left out."""
        return self.kin is None or "facts" in self.kin or bool(self.unsuspected)

    @property
    def fields(self) -> list[str]:
        """By name, for the record."""
        more = (("family", self.kin != () or bool(self.unsuspected)), ("narrative", self.narrative))
        return ["children" if self.child is None else "children: some", *(name for name, is_told in more if is_told)]

    def of(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a case's content that this seat sees; what looks wrong with a field is told with the field."""
        shown = dict(content)
        shown["children"] = [_only(child, self.child) for child in content["children"]]
        if "family" in content:
            shown["family"] = [
                _only(one, told) for one in content["family"] or () if (told := self._told_of(one)) != ()
            ]
        if "findings" in content:
            shown["findings"] = [one for one in content["findings"] if self._has(one["field"])]
        if not self.narrative:
            shown.pop("narrative", None)
        return shown

    def _has(self, field: str) -> bool:
        """Whom a report is about is for those alone who are told all of it."""
        return self.whole if field == "about" else self.child is None or field in self.child

    def _told_of(self, person: Mapping[str, Any]) -> tuple[str, ...] | None:
        return self.kin if self.kin is None or is_suspect(person) else (*self.kin, *self.unsuspected)


def _only(person: Mapping[str, Any], fields: tuple[str, ...] | None) -> dict[str, Any]:
    kept = ("id", *fields) if fields is not None else tuple(person)
    return {name: value for name, value in person.items() if name in kept}


def told_to(actor: Actor, progress: Progress, lists: Lists) -> Told:
    """The lead, the overseers, whoever assesses and those whom the rules name see all; others, what the lists of their legs tell."""
    lead_desk = desk_of(progress.lead, progress.division)
    leads = actor.agency is progress.lead and (not progress.lead.is_territorial or actor.desk == lead_desk)
    if leads or actor.oversees_district or actor.agency in lists.see_all:
        return Told()
    whole = scope(actor).agencies
    legs = [
        leg for leg in progress.referrals
        if leg.state not in LEFT and (leg.desk in (actor.desk, *scope(actor).desks) or leg.agency in whole)
    ]  # fmt: skip
    if any(leg.assessment for leg in legs):
        return Told()
    rows = [lists.of(leg.agency, leg.task) for leg in legs] or [lists.of_others]
    return Told(
        child=_together(row.children for row in rows),
        kin=_together(row.people for row in rows if not row.without_suspects),
        unsuspected=_together(row.people for row in rows if row.without_suspects),
        narrative=any(row.narrative for row in rows),
        facts=_together((*row.conditions, *row.household) for row in rows),
        branch=any(row.branch for row in rows),
        lists=tuple(dict.fromkeys(row.id for row in rows)),
    )


def _together(named: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(field for fields in named for field in fields))


def _some(people: Iterable[Mapping[str, Any]], fields: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    return tuple({field: _plain(person.get(field)) for field in fields} for person in people)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


class ForReporter(Frozen):
    """What a reporter may know of the own report: no child, no agency's findings."""

    received_at: datetime
    stage: Stage
    accepted: bool
    accept_due_at: datetime | None = None
    """By when somebody has to take it up, as long as nobody has."""
    answered: bool
    """Nothing more is owed: there is the answer, or a recorded reason why there is none."""
    answer: str | None = None
    answer_due_at: datetime | None = None
    answer_due_provisional: bool = False
    closed: bool


def for_reporter(progress: Progress, answer: str | None) -> ForReporter:
    """Accepted means by somebody other than the reporter's own agency; a deadline counts only while it is owed."""
    duty = progress.open_duty("answer_outcome")
    own = OWN_AGENCY.get(progress.reporter_class)
    taken = any(r.state in (State.ACCEPTED, State.COMPLETED) and r.agency is not own for r in progress.referrals)
    accepted = progress.informed or taken
    waits = (
        ()
        if accepted
        else (r.accept.due_at for r in progress.referrals if r.state is State.SENT and r.agency is not own)
    )
    return ForReporter(
        received_at=progress.filed_at, stage=progress.stage, accepted=accepted, accept_due_at=min(waits, default=None),
        answered=progress.answered, answer=answer, answer_due_at=duty.clock.due_at if duty else None,
        answer_due_provisional=bool(duty and duty.clock.due_provisional), closed=not progress.is_open,
    )  # fmt: skip
