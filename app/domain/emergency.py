"""Break-glass: in an emergency somebody reads a case that is not theirs to see; supervisors know at once, and another desk judges it."""

from datetime import datetime, timedelta

from app.domain.policy import Frozen
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import ADMINS, STAFF, Actor
from app.domain.terms import Role, Term

REVIEWED_WITHIN = timedelta(hours=24)
"""How long a reviewer has (Q-S10: later review within 24 hours); default."""


class Emergency(Term):
    """Why a case is read by somebody who may not see it."""

    DANGER_TO_LIFE = "danger_to_life", "儿童生命安全受到现实威胁", "a child's life is in danger now"
    CHILD_FOUND = "child_found", "现场发现儿童，须立即核实身份", "a child was found and has to be identified at once"
    MEDICAL = "medical", "紧急救治", "urgent treatment"
    DESK_UNREACHABLE = "desk_unreachable", "经办单位无法联系", "the desks of the case cannot be reached"


class Verdict(Term):
    """How a reviewer judges it."""

    JUSTIFIED = "justified", "确有必要", "it was necessary"
    UNJUSTIFIED = "unjustified", "并无必要", "it was not necessary"


class Read(Frozen):
    """One emergency read, as a reviewer's right depends on it."""

    accounts: tuple[str, ...]
    """All accounts of whoever read, and of whom they stood in for."""
    desk: str
    reviewed: bool


def may_break_glass(actor: Actor) -> bool:
    """Staff; no administrator, reporter or system."""
    return actor.has(*STAFF) and not actor.has(*ADMINS, Role.MACHINE)


def may_review(actor: Actor) -> bool:
    """The supervisors of civil affairs and of the joint conference office."""
    return actor.supervises and not actor.has(*ADMINS)


def require_reviewer(actor: Actor, read: Read) -> None:
    """Refused to whoever read it, by whatever account or seat, and to their own desk."""
    if not may_review(actor):
        raise Refused(RefusalCode.NOT_ALLOWED)
    if actor.is_behind(read.accounts) or actor.desk == read.desk:
        raise Refused(RefusalCode.SECOND_PERSON_NEEDED)
    if read.reviewed:
        raise Refused(RefusalCode.ALREADY_DONE)


def overdue(review_by: datetime, reviewed_at: datetime | None, now: datetime) -> bool:
    """Nobody has judged it in time."""
    return reviewed_at is None and now > review_by
