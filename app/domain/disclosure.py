"""What each agency and the reporter are told: the least that their part needs."""

from datetime import date, datetime
from typing import Any

from app.domain.policy import Frozen
from app.domain.progress import Answer, Progress, Referral, State
from app.domain.terms import OWN_AGENCY, Agency, Stage


class View(Frozen):
    """All that is known of a case; a packet is chosen from it. The reporter is not in it."""

    children: tuple[dict[str, Any], ...]
    family: tuple[dict[str, Any], ...]
    narrative: str
    facts: dict[str, Any]


class Packet(Frozen):
    """Common to all agencies: which children, and where."""

    children: tuple[dict[str, Any], ...]


class PolicePacket(Packet):
    """Police: everything about the event and the family, to act on the spot."""

    branch: str | None
    family: tuple[dict[str, Any], ...]
    narrative: str


class CivilAffairsPacket(Packet):
    """Civil affairs: who may care for the child and who must not."""

    family: tuple[dict[str, Any], ...]
    household: dict[str, Any]


class EducationPacket(Packet):
    """Education: the school and whether the child attends; nothing of the event."""


class HealthPacket(Packet):
    """Health: the condition of the child; nothing of the family."""

    conditions: tuple[dict[str, Any], ...]


WHO = ("name", "sex", "birth_date", "birth_text", "id_no", "residence", "division")
SCHOOL = ("name", "sex", "birth_date", "school", "division")
PATIENT = ("name", "sex", "birth_date", "birth_text", "id_no", "division")
CONDITION = ("child_id", "age_years", "injured", "needs_treatment", "gravely_ill", "disabled", "disability_grade")


def packet_for(progress: Progress, referral: Referral, view: View) -> Packet:
    """The packet of the agency that the referral goes to."""
    match referral.agency:
        case Agency.POLICE:
            children = _some(view, (*WHO, "school", "features", "phone"))
            branch = progress.branch.value if progress.branch else None
            return PolicePacket(children=children, branch=branch, family=view.family, narrative=view.narrative)
        case Agency.CIVIL:
            household = dict(view.facts.get("household", {}))
            return CivilAffairsPacket(children=_some(view, (*WHO, "hukou")), family=view.family, household=household)
        case Agency.EDU | Agency.SCHOOL:
            return EducationPacket(children=_some(view, SCHOOL))
        case Agency.HEALTH | Agency.HOSPITAL:
            conditions = tuple({k: c.get(k) for k in CONDITION} for c in view.facts.get("children", ()))
            return HealthPacket(children=_some(view, PATIENT), conditions=conditions)
        case _:
            return Packet(children=_some(view, WHO))


def _some(view: View, fields: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    return tuple({field: _plain(child.get(field)) for field in fields} for child in view.children)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


class ForReporter(Frozen):
    """What a reporter may know of the own report: no child, no agency's findings."""

    received_at: datetime
    stage: Stage
    accepted: bool
    answered: bool
    answer: str | None = None
    answer_due_at: datetime | None = None
    answer_due_provisional: bool = False
    closed: bool


def for_reporter(progress: Progress, answer: str | None) -> ForReporter:
    """Accepted means by somebody other than the reporter's own agency; a deadline counts only while it is owed."""
    duty = progress.open_duty("answer_outcome")
    own = OWN_AGENCY.get(progress.reporter_class)
    taken = any(r.state in (State.ACCEPTED, State.COMPLETED) and r.agency is not own for r in progress.referrals)
    return ForReporter(
        received_at=progress.filed_at, stage=progress.stage, accepted=progress.informed or taken,
        answered=progress.answered and progress.answer is not Answer.WAIVED, answer=answer,
        answer_due_at=duty.clock.due_at if duty else None,
        answer_due_provisional=bool(duty and duty.clock.due_provisional), closed=not progress.is_open,
    )  # fmt: skip
