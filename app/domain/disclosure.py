"""What each agency and the reporter are told: the least that their part needs."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Self

from app.domain.opening import desk_of
from app.domain.policy import Frozen
from app.domain.progress import LEFT, Progress, State
from app.domain.sight import Actor, scope
from app.domain.terms import OWN_AGENCY, Agency, Stage


class View(Frozen):
    """All that is known of a case; a packet is chosen from it. The reporter is not in it."""

    children: tuple[dict[str, Any], ...]
    family: tuple[dict[str, Any], ...]
    narrative: str
    facts: dict[str, Any]


WHO = ("name", "sex", "birth_date", "birth_text", "id_no", "residence", "division")
SCHOOL = ("name", "sex", "birth_date", "school", "division")
PATIENT = ("name", "sex", "birth_date", "birth_text", "id_no", "division")
KIN = ("name", "relation", "phone")
MEANS = ("name", "relation", "id_no")


class Packet(Frozen):
    """What every agency is told that has no packet of its own: which children, and where."""

    fields: ClassVar[tuple[str, ...]] = WHO
    children: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, progress: Progress, view: View) -> Self:
        """Chosen from all that is known."""
        return cls(children=_some(view.children, cls.fields), **cls.more(progress, view))

    @classmethod
    def more(cls, progress: Progress, view: View) -> dict[str, Any]:
        """What this packet adds to the children."""
        return {}


class EmergencyPacket(Packet):
    """Police on the spot: everything about the event and the family."""

    fields = (*WHO, "school", "features", "phone")
    branch: str | None
    family: tuple[dict[str, Any], ...]
    narrative: str

    @classmethod
    def more(cls, progress: Progress, view: View) -> dict[str, Any]:
        branch = progress.branch.value if progress.branch else None
        return {"branch": branch, "family": view.family, "narrative": view.narrative}


class KinPacket(Packet):
    """Police who ask a detained parent or tell the family: who may be told, never a suspect, and nothing of the event."""

    kin: tuple[dict[str, Any], ...]

    @classmethod
    def more(cls, progress: Progress, view: View) -> dict[str, Any]:
        free = (one for one in view.family if (one.get("facts") or {}).get("suspected_of_harm") != "yes")
        return {"kin": _some(free, KIN)}


class CarePacket(Packet):
    """Civil affairs: who may care for the child and who must not; nothing of the event."""

    family: tuple[dict[str, Any], ...]

    @classmethod
    def more(cls, progress: Progress, view: View) -> dict[str, Any]:
        return {"family": view.family}


class MeansPacket(Packet):
    """Civil affairs on an application: the household's means; nothing of harm."""

    fields = (*WHO, "hukou")
    family: tuple[dict[str, Any], ...]
    household: dict[str, Any]

    @classmethod
    def more(cls, progress: Progress, view: View) -> dict[str, Any]:
        return {"family": _some(view.family, MEANS), "household": dict(view.facts.get("household", {}))}


class PupilPacket(Packet):
    """Education and the school: which pupil of which school; nothing of the event or the family."""

    fields = SCHOOL


class DropoutPacket(Packet):
    """Education that brings a child back: the pupil, and how to reach the family."""

    fields = (*SCHOOL, "residence")
    kin: tuple[dict[str, Any], ...]

    @classmethod
    def more(cls, progress: Progress, view: View) -> dict[str, Any]:
        return {"kin": _some(view.family, KIN)}


class PatientPacket(Packet):
    """Health and the hospital: the patient's condition; nothing of the family or the event."""

    fields = PATIENT
    told: ClassVar[tuple[str, ...]] = ("age_years", "injured", "needs_treatment", "gravely_ill")
    conditions: tuple[dict[str, Any], ...]

    @classmethod
    def more(cls, progress: Progress, view: View) -> dict[str, Any]:
        return {"conditions": _some(view.facts.get("children", ()), cls.told)}


class RehabilitationPacket(PatientPacket):
    """Health on an application: the disability, for rehabilitation and insurance."""

    told = ("age_years", "gravely_ill", "disabled", "disability_grade")


PACKETS: Mapping[Agency, type[Packet]] = {
    Agency.POLICE: EmergencyPacket, Agency.CIVIL: CarePacket, Agency.EDU: PupilPacket, Agency.SCHOOL: PupilPacket,
    Agency.HEALTH: PatientPacket, Agency.HOSPITAL: PatientPacket,
}  # fmt: skip
"""By agency; schools and hospitals are told what their authority is told, the rest, which children and where."""
FOR_TASK: Mapping[tuple[Agency, str], type[Packet]] = {
    (Agency.POLICE, "ask_detainee"): KinPacket, (Agency.POLICE, "contact_kin"): KinPacket,
    (Agency.POLICE, "notify_without_suspect"): KinPacket, (Agency.POLICE, "note_dropout"): PupilPacket,
    (Agency.CIVIL, "check_support"): MeansPacket, (Agency.CIVIL, "check_hardship"): MeansPacket,
    (Agency.EDU, "dropout_control"): DropoutPacket, (Agency.HEALTH, "rehabilitation"): RehabilitationPacket,
}  # fmt: skip


def packet_for(agency: Agency, task: str) -> type[Packet]:
    """The disclosure row of a leg, whether a system is told or a person at the desk looks."""
    return FOR_TASK.get((agency, task)) or PACKETS.get(agency, Packet)


class Told(Frozen):
    """What a seat sees of those whom a case is about; None is everything."""

    child: tuple[str, ...] | None = None
    kin: tuple[str, ...] | None = None
    narrative: bool = True

    @property
    def whole(self) -> bool:
        """Whether nothing is kept back."""
        return self == Told()

    @property
    def fields(self) -> list[str]:
        """By name, for the record."""
        more = (("family", self.kin != ()), ("narrative", self.narrative))
        return ["children" if self.child is None else "children: some", *(name for name, is_told in more if is_told)]

    def of(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a case's content that this seat sees; codes are everybody's."""
        shown = dict(content)
        shown["children"] = [_only(child, self.child) for child in content["children"]]
        if "family" in content:
            shown["family"] = [] if self.kin == () else [_only(one, self.kin) for one in content["family"]]
        if not self.narrative:
            shown.pop("narrative", None)
        return shown


CODES = ("id", "sex", "division")


def _only(person: Mapping[str, Any], fields: tuple[str, ...] | None) -> dict[str, Any]:
    kept = (*CODES, *fields) if fields is not None else tuple(person)
    return {name: value for name, value in person.items() if name in kept}


def told_to(actor: Actor, progress: Progress) -> Told:
    """The lead, intake, the overseers, the procuratorate and whoever assesses see all; others, what the rows of their legs tell."""
    lead_desk = desk_of(progress.lead, progress.division)
    leads = actor.agency is progress.lead and (not progress.lead.is_territorial or actor.desk == lead_desk)
    if leads or actor.oversees_district or actor.agency in SEE_ALL:
        return Told()
    whole = scope(actor).agencies
    legs = [
        leg for leg in progress.referrals
        if leg.state not in LEFT and (leg.desk in (actor.desk, *scope(actor).desks) or leg.agency in whole)
    ]  # fmt: skip
    if any(leg.assessment for leg in legs):
        return Told()
    packets = {packet_for(leg.agency, leg.task) for leg in legs} or {Packet}
    kin = tuple(dict.fromkeys(field for packet in packets for field in KIN_OF.get(packet, ())))
    return Told(
        child=tuple(dict.fromkeys(field for packet in packets for field in packet.fields)),
        kin=None if packets & {CarePacket, EmergencyPacket} else kin,
        narrative=EmergencyPacket in packets,
    )


SEE_ALL = (Agency.POLICE, Agency.PROC, Agency.COURT, Agency.COMMITTEE)
"""Where every report is taken in, who supervises and judges, and the committee that weighs a grade."""
KIN_OF: Mapping[type[Packet], tuple[str, ...]] = {KinPacket: KIN, DropoutPacket: KIN, MeansPacket: MEANS}


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
