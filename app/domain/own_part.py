"""What a desk is shown of a case of which it is not told all: the common header, what it owes itself, and who else takes part.

The header is the case's number, state, stage, grade and lead. Of the other agencies it says who takes part and whether they still owe
something, which coordination needs, and not even that where it would tell what a compartment keeps.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from app.domain.access import Action, Deny, may
from app.domain.compartment import TOLD_HEALTH, TOLD_PLACE, UNNAMED
from app.domain.disclosure import Told
from app.domain.opening import desk_of
from app.domain.policy import Frozen
from app.domain.procedure import step_of
from app.domain.progress import LEFT, Child, Duty, Progress, Referral
from app.domain.sight import INTAKE_DESK, Actor, CaseSubject, Leg, offices_of, scope
from app.domain.terms import Agency, Role, Rung

APART: Mapping[Agency, tuple[Agency, ...]] = {
    **dict.fromkeys((Agency.PROC, Agency.COURT, Agency.JUSTICE, Agency.EXEC), ()),
    **dict.fromkeys((Agency.RESCUE, Agency.CWI), TOLD_PLACE),
    **dict.fromkeys((Agency.HEALTH, Agency.HOSPITAL, Agency.DPF), TOLD_HEALTH),
    **dict.fromkeys((Agency.SCHOOL, Agency.HOTLINE), ()),
    Agency.COMM: (Agency.STREET,),
}
"""Agencies whose part alone tells something, and to whom it is told all the same: of criminal proceedings and a child's offence, of where a
child was placed, of its health, of who reported (a school, the hotline or a committee is asked where it did). Default."""
COMMON: Mapping[str, tuple[str, ...]] = {
    "report_filed": ("urgency", "division"),
    "stage_entered": ("stage",),
    "assessment_filed": ("grade",),
    "grade_reviewed": ("grade",),
    "post_assessment_filed": ("grade",),
    "plan_adopted": (),
    "report_linked": ("primary",),
    "report_unlinked": ("primary",),
    "closure_proposed": (),
    "closure_rejected": (),
    "case_closed": (),
    "policy_moved": ("before", "after"),
    "deadlines_recomputed": ("calendar_version",),
}
"""By kind of event, what every desk is told of it beside who and when."""
EVERY = ("kind", "at", "by", "behalf", "version")
OF_COMING = ("referral_passed_on", "referral_reassigned", "referral_declined", "referral_left_silent")
"""How another desk's leg came to be the own one."""
OF_OFFICE = ("note_added", "safety_confirmed")
"""What was done beside any leg and is shown to the colleagues at the desk, with their office."""
OF_SAFETY = ("kind", "at", "version", "child_id", "safety")
"""How a child was found."""
OF_PAYING = ("bill_opened", "payer_answered")
HEADER = (
    "case_id", "version", "policy", "filed_at", "division", "stage", "urgency", "lead", "grade", "plan_adopted", "linked_to", "closed_at",
    "referrals", "duties", "steps", "benefits", "bills", "outcomes", "rung",
)  # fmt: skip
"""Fields of the progress that are told, as far as they are the desk's own."""
RESTS_ON: Mapping[str, tuple[str, ...]] = {
    "hour": (), "urgent": (), "has_children": (),
    "pupil": ("school_stage", "attending"), "hurt": ("injured", "needs_treatment"), "disabled": ("disabled",), "ill": ("gravely_ill",),
    "cannot_attend": ("unable_to_attend",), "girl": ("sex",), "housing_need": ("housing_need",), "carer": ("carer_available_tonight",),
    "children": (),
}  # fmt: skip
"""What a name in a condition rests on, by the fields of the disclosure lists. A name that does not stand here is told by no list."""


class Beside(Frozen):
    """Another agency that takes part, and whether it still owes something."""

    agency: Agency
    is_open: bool


class Part(Frozen):
    """How much of one case somebody is shown. `whole` is everything; the rest says what is their own."""

    whole: bool
    legs: frozenset[str] = frozenset()
    duties: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()
    """Of the rules: those by which the own legs and duties are there."""
    told: Told = Told()
    agency: Agency = Agency.CONF
    persons: tuple[str, ...] = ()
    offices: tuple[str, ...] = ()
    knows_reporter: bool = False
    came: frozenset[str] = frozenset()
    """Legs of others in whose place the own ones are, as far as it is told who takes part."""
    settles: bool = False
    """It pays, insures or treats, and answers bills."""
    places: bool = False
    """It may know that a child was placed."""

    def progress(self, whole: Progress) -> Progress:
        """The same case with nothing in it that is not shown; what was cut is empty, as if nobody had said it."""
        if self.whole:
            return whole
        legs = tuple(leg for leg in whole.referrals if leg.id in self.legs)
        duties = tuple(duty for duty in whole.duties if duty.code in self.duties)
        return whole.model_copy(update={
            "referrals": legs, "duties": duties, "steps": tuple(s for s in whole.steps if s.route_id in self.rows),
            "planned_duties": tuple(d for d in whole.planned_duties if d.code in self.rows),
            "dropped_steps": tuple(name for name in whole.dropped_steps if name in self.rows),
            "branch": whole.branch if self.told.branch else None, "reporter_unit": "", "happened": (), "followers": (), "about": (),
            "about_by_link": (),
            "children": tuple(child if self.places else Child(id=child.id) for child in whole.children),
            "possible_duplicate": False, "closes_only_when_found": False, "watch": None, "proposed_by": (), "proposed_reason": None,
            "closed_reason": None, "benefits": (), "bills": whole.bills if self.settles else (), "rung": _highest(legs, duties),
            "outcomes": tuple(one for one in whole.outcomes if one.subject in self.legs | self.duties),
        })  # fmt: skip

    def header(self, whole: Progress) -> dict[str, Any]:
        """The case as JSON; of what is not shown not even the field."""
        shown = self.progress(whole)
        if self.whole:
            return {"whole": True, **shown.model_dump(mode="json"), "referrals_open": len(shown.open_referrals)}
        said = shown.model_dump(mode="json", include={*HEADER, *(("branch",) if self.told.branch else ())})
        of_children = {"id"} | ({"safety"} if self.places else set())
        said["children"] = [one.model_dump(mode="json", include=of_children) for one in shown.children]
        beside = [one.model_dump(mode="json") for one in self.beside(whole)]
        return {"whole": False, **said, "beside": beside, "referrals_open": len(shown.open_referrals)}

    def beside(self, whole: Progress) -> tuple[Beside, ...]:
        """Who else takes part, as far as the desk is told; the lead stands in the header."""
        open_by: dict[Agency, bool] = {}
        for leg in whole.referrals:
            if leg.state not in LEFT and (self.whole or self._is_told_of(leg)):
                open_by[leg.agency] = open_by.get(leg.agency, False) or leg.state.is_open
        return tuple(Beside(agency=agency, is_open=is_open) for agency, is_open in open_by.items())

    def event(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """What happened, as far as it is shown; None of what is not."""
        said = self._said(body)
        unsaid = ("knows_reporter", *(() if body["kind"] in OF_OFFICE else ("office",)))
        return said and {name: value for name, value in said.items() if name not in unsaid}

    def _said(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        if self.whole:
            return dict(body)
        if body["kind"] in COMMON and not self.is_own(body):
            kept = (*EVERY, *COMMON[body["kind"]])
            return {name: value for name, value in body.items() if name in kept}
        is_shown = self.is_own(body) if self._subjects(body) else self._beside_legs(body)
        if not is_shown and self.places and body["kind"] == "safety_confirmed":
            return self._found(body)
        return dict(body) if is_shown or self._is_news(body) else None

    def _found(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """How others found a child; by whom only where it is told that they take part. A unit's code does not say of which agency it is."""
        office = body.get("office") or ""
        if self._knows_of(office) and not office.startswith(Agency.SW):
            return dict(body)
        return {name: value for name, value in body.items() if name in OF_SAFETY} | {"by": UNNAMED, "behalf": None}

    def _is_news(self, body: Mapping[str, Any]) -> bool:
        """What is not of an own leg and bears on the own work."""
        kind = body["kind"]
        came = kind in OF_COMING and body["referral_id"] in self.came
        return came or (self.settles and kind in OF_PAYING)

    def by_own_hand(self, body: Mapping[str, Any]) -> bool:
        """Whether it is read as typed: the person wrote it, or somebody at their office who was told no more of the reporter than they are.
        A mask that knew more would answer their guesses."""
        knew_more = body.get("knows_reporter", True) and not self.knows_reporter  # one of before the field does not say
        return body["by"] in self.persons or (self._of_office(body) and not knew_more)

    def _of_office(self, body: Mapping[str, Any]) -> bool:
        return body.get("office") in self.offices

    def _beside_legs(self, body: Mapping[str, Any]) -> bool:
        """Whether the person did it, or a colleague did what colleagues are shown."""
        return body["by"] in self.persons or (body["kind"] in OF_OFFICE and self._of_office(body))

    def is_own(self, body: Mapping[str, Any]) -> bool:
        """Whether an event is of an own leg or duty."""
        return not (self.legs | self.duties).isdisjoint(self._subjects(body))

    def wrote(self, body: Mapping[str, Any]) -> bool:
        """Whether what came with an event, a text or a file, is of an own leg or duty or of the own desk's hand."""
        return self.is_own(body) or self._beside_legs(body)

    @staticmethod
    def _subjects(body: Mapping[str, Any]) -> set[str]:
        return {said for name in ("referral_id", "subject", "code") if (said := body.get(name))}

    def owes(self, subject: str) -> bool:
        """Whether this leg or duty is shown."""
        return self.whole or subject in self.legs | self.duties

    def hears_of(self, recipient: str) -> bool:
        """Whether it is shown that somebody is told, such as `desk:PROC`; of whoever is told by name, only their own people."""
        return self.whole or self._knows_of(recipient.partition(":")[2]) or recipient in self.persons

    def _knows_of(self, desk: str) -> bool:
        """Whether it is told that the agency of this desk takes part."""
        agency = desk.partition("-")[0]
        return agency in Agency._value2member_map_ and (agency == self.agency or self._is_told(Agency(agency)))

    def decided(self, table: str, row: str) -> bool:
        """Whether a decision by this row of the rules is shown."""
        return self.whole or row in (self.told.lists if table == "disclosures" else self.rows)

    def knows(self, names: Iterable[str]) -> bool:
        """Whether all that a condition names is told: by names of the report, or by fields of a child as `children.injured`."""
        return self.whole or all(self._knows(name) for name in names)

    def _knows(self, name: str) -> bool:
        rests = (name.partition(".")[2],) if "." in name else RESTS_ON.get(name)
        known = (*(self.told.facts or ()), *(self.told.child or ()))
        return rests is not None and all(field in known for field in rests)

    def came_from(self, whole: Progress) -> frozenset[str]:
        """The legs in whose place the own ones are, of those agencies of which it is told that they take part."""
        before = (whole.referral(leg.instead_of) for leg in whole.referrals if leg.id in self.legs and leg.instead_of)
        return frozenset(leg.id for leg in before if leg and self._is_told_of(leg))

    def _is_told_of(self, leg: Referral) -> bool:
        if leg.id in self.legs:
            return False
        if leg.agency is Agency.SW and not leg.assessment:  # what it knows is asked where it reported
            return False
        return self._is_told(leg.agency)

    def _is_told(self, agency: Agency) -> bool:
        return agency not in APART or self.agency in APART[agency]


def subject_of(progress: Progress, referral_id: str | None = None, duty: str | None = None) -> CaseSubject:
    """What access depends on in this case, and in the leg that the action is about."""
    leg = None
    if referral_id and (referral := progress.referral(referral_id)):
        leg = Leg(agency=referral.agency, desk=referral.desk, holder=referral.holder)
    if duty and (owed := progress.duty(duty)):
        leg = Leg(agency=owed.holder, desk=owed.desk)
    return CaseSubject(
        case_id=progress.case_id, lead=progress.lead, agencies=progress.agencies, desks=progress.desks, about=progress.about,
        division=progress.division, reporter_unit=progress.reporter_unit, at_procuratorate=progress.rung is Rung.PROCURATORATE,
        leg=leg, closure_proposed_by=progress.proposed_by, intake_desk=INTAKE_DESK,
    )  # fmt: skip


def owing(actor: Actor) -> tuple[frozenset[str], frozenset[Agency]]:
    """The desks and agencies whose legs and duties are the person's own in every case; of streets and committees the desks alone."""
    sight = scope(actor)
    own = () if actor.agency.is_territorial else (actor.agency,)
    return frozenset((actor.desk, *sight.desks)), frozenset((*sight.agencies, *own))


def part_of(actor: Actor, progress: Progress, told: Told, subject: CaseSubject | None = None) -> Part:
    """By what the person is told of those whom the case is about; whoever adopts its plan decides on all legs, and so sees them."""
    subject = subject or subject_of(progress)
    decides = not isinstance(may(actor, Action.ADOPT_PLAN, subject), Deny)
    desks, agencies = owing(actor)
    legs = [leg for leg in progress.referrals if leg.desk in desks or leg.agency in agencies]
    duties = [duty for duty in progress.duties if duty.desk in desks or duty.holder in agencies]
    steps = [one for one in progress.steps if one.agency in agencies or desk_of(one.agency, progress.division) in desks]
    names = [step_of(duty.code) for duty in duties]
    part = Part(
        whole=told.whole or decides or actor.has(Role.ENGINE),
        legs=frozenset(leg.id for leg in legs),
        duties=frozenset(duty.code for duty in duties),
        rows=frozenset((*(leg.route_id for leg in legs), *(one.route_id for one in steps), *names)),
        told=told,
        agency=actor.agency,
        persons=actor.persons,
        offices=offices_of(actor),
        knows_reporter=not isinstance(may(actor, Action.READ_REPORTER, subject), Deny),
        settles=not isinstance(may(actor, Action.SETTLE_BILL, subject), Deny),
        places=actor.agency in TOLD_PLACE,
    )
    return part.model_copy(update={"came": part.came_from(progress)})


def _highest(legs: Iterable[Referral], duties: Iterable[Duty]) -> Rung | None:
    clocks = [clock for leg in legs for clock in (leg.accept, leg.finish, leg.supply) if clock]
    fired = {rung for clock in (*clocks, *(duty.clock for duty in duties)) for rung in clock.fired}
    return next((rung for rung in reversed(Rung) if rung in fired), None)
