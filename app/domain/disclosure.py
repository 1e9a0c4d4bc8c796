"""What each agency and the reporter are told: the least that their part needs."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Self

from app.domain.policy import Frozen
from app.domain.progress import Progress, State
from app.domain.terms import OWN_AGENCY, Stage


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


def _some(people: Iterable[Mapping[str, Any]], fields: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    return tuple({field: _plain(person.get(field)) for field in fields} for person in people)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


class ForReporter(Frozen):
    """What a reporter may know of the own report: no child, no agency's findings."""

    received_at: datetime
    stage: Stage
    accepted: bool
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
    return ForReporter(
        received_at=progress.filed_at, stage=progress.stage, accepted=progress.informed or taken,
        answered=progress.answered, answer=answer, answer_due_at=duty.clock.due_at if duty else None,
        answer_due_provisional=bool(duty and duty.clock.due_provisional), closed=not progress.is_open,
    )  # fmt: skip
