"""Who may see and do what, and why not: one pure function."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel

from app.domain.refusals import RefusalCode
from app.domain.sight import (
    ADMINS,
    DESK_STAFF,
    ENGINE,
    HEADS,
    OVERSIGHT,
    STAFF,
    Actor,
    CaseSubject,
    Leg,
    Relation,
    Scope,
    scope,
)
from app.domain.terms import Agency, KeyScope, Role

__all__ = [
    "ADMINS",
    "DESK_STAFF",
    "ENGINE",
    "HEADS",
    "OVERSIGHT",
    "STAFF",
    "Actor",
    "CaseSubject",
    "Leg",
    "Relation",
    "Scope",
    "scope",
]
"""Whoever asks for access needs these as well."""


class Action(StrEnum):
    """What somebody may want to do."""

    FILE_REPORT = "file_report"
    ADD_FILE = "add_file"
    READ_PROGRESS = "read_progress"
    READ_CASE = "read_case"
    READ_CONTENT = "read_content"
    READ_REPORTER = "read_reporter"
    ADD_NOTE = "add_note"
    SUPPLY_MATERIAL = "supply_material"
    WORK_REFERRAL = "work_referral"
    CLAIM = "claim"
    HAND_BACK = "hand_back"
    MOVE_TASK = "move_task"
    EXTEND = "extend"
    URGE = "urge"
    SUPERVISE = "supervise"
    REASSIGN = "reassign"
    LINK_REPORT = "link_report"
    DECLARE_CONFLICT = "declare_conflict"
    ANSWER_REPORTER = "answer_reporter"
    START_PROCEDURE = "start_procedure"
    CONFIRM_SAFETY = "confirm_safety"
    REVIEW_GRADE = "review_grade"
    ADOPT_PLAN = "adopt_plan"
    DECIDE_BENEFIT = "decide_benefit"
    SETTLE_BILL = "settle_bill"
    CLOSE_PROPOSE = "close_propose"
    CLOSE_REJECT = "close_reject"
    CLOSE_APPROVE = "close_approve"
    READ_STATISTICS = "read_statistics"
    MANAGE_CALENDAR = "manage_calendar"
    MANAGE_POLICY = "manage_policy"
    MANAGE_DEPUTIES = "manage_deputies"
    READ_AUDIT = "read_audit"
    MANAGE_ACCOUNTS = "manage_accounts"
    MANAGE_RIGHTS = "manage_rights"


class Allow(BaseModel, frozen=True):
    """Yes."""

    allowed: Literal[True] = True


class Deny(BaseModel, frozen=True):
    """No, and why; CASE_NOT_FOUND where even the existence is not the actor's to know."""

    reason: RefusalCode
    allowed: Literal[False] = False


def may(actor: Actor, action: Action, subject: CaseSubject | None = None) -> Allow | Deny:
    """The one answer. Every action on a case needs its `subject`; those on a leg need `subject.leg` as well."""
    refusal = _refusal(actor, action, subject) or _beyond_the_key(actor, action)
    return Allow() if refusal is None else Deny(reason=refusal)


def _refusal(actor: Actor, action: Action, subject: CaseSubject | None) -> RefusalCode | None:
    if action in OFFICE_RULES:
        return None if OFFICE_RULES[action](actor) else RefusalCode.NOT_ALLOWED
    if subject is None:
        return RefusalCode.CASE_NOT_FOUND
    visible = scope(actor)
    if action is Action.READ_PROGRESS:
        return None if visible.admits_progress(subject) else RefusalCode.CASE_NOT_FOUND
    if not visible.admits(subject):
        return RefusalCode.CASE_NOT_FOUND
    if actor.has(Role.ENGINE):
        return None if action in ENGINE_ACTIONS else RefusalCode.NOT_ALLOWED
    return CASE_RULES[action](actor, subject)


KEY_ACTIONS: Mapping[KeyScope, tuple[Action, ...]] = {
    KeyScope.REPORT_CREATE: (Action.FILE_REPORT, Action.ADD_FILE),
    KeyScope.REPORT_READ_OWN: (Action.READ_PROGRESS,),
    KeyScope.ROUND_ANSWER: (),
    KeyScope.SIGNAL_SEND: (),
    KeyScope.TASK_READ: (Action.READ_PROGRESS, Action.READ_CASE),
    KeyScope.TASK_WORK: (Action.ADD_FILE, Action.READ_PROGRESS, Action.READ_CASE, Action.WORK_REFERRAL),
}
"""A key does what its scopes name, of what a machine may do."""


def _beyond_the_key(actor: Actor, action: Action) -> RefusalCode | None:
    named = actor.scopes is None or any(action in KEY_ACTIONS[scope] for scope in actor.scopes)
    return None if named else RefusalCode.NOT_ALLOWED


OfficeRule = Callable[[Actor], bool]
CaseRule = Callable[[Actor, CaseSubject], RefusalCode | None]

ENGINE_ACTIONS = (Action.READ_CASE, Action.READ_CONTENT, Action.READ_REPORTER, Action.REASSIGN)
"""What the service does by rule; it never decides in a person's place."""


def _may_file(actor: Actor) -> bool:
    """State organs report as well (未成年人保护法 第11条), so everybody but the administrators."""
    return not actor.has(*ADMINS)


def _may_read_statistics(actor: Actor) -> bool:
    return not actor.has(*ADMINS) and (actor.oversees_district or actor.has(*HEADS, Role.PROCURATOR))


def _may_manage_calendar(actor: Actor) -> bool:
    return actor.has(Role.ADMIN) or _supervises(actor)


def _supervises(actor: Actor) -> bool:
    """Of civil affairs or the joint conference office, and no administrator beside it."""
    return actor.supervises and not actor.has(*ADMINS)


def _may_manage_policy(actor: Actor) -> bool:
    """The rules are the supervisors', of civil affairs (牵头) and of the joint conference office; no administrator's."""
    return _supervises(actor)


def _may_manage_deputies(actor: Actor) -> bool:
    return actor.has(Role.ADMIN, Role.DESK_HEAD, Role.AGENCY_HEAD)


def _may_read_audit(actor: Actor) -> bool:
    """The auditor's, and the supervisors' of the cases; never of whoever runs the system or gives rights."""
    return _supervises(actor) or (actor.has(Role.AUDITOR) and not actor.has(Role.ADMIN, Role.SECURITY_ADMIN))


def _may_manage_accounts(actor: Actor) -> bool:
    """Who has an account, and whether it is in use; not what it may do."""
    return actor.runs_the_system


def _may_manage_rights(actor: Actor) -> bool:
    """Roles, and the end of sessions and keys (app/domain/keys.py); not of whoever runs the system, nor of whoever reads the audit."""
    return actor.has(Role.SECURITY_ADMIN) and not actor.has(Role.ADMIN, Role.AUDITOR)


OFFICE_RULES: Mapping[Action, OfficeRule] = {
    Action.FILE_REPORT: _may_file,
    Action.ADD_FILE: _may_file,
    Action.READ_STATISTICS: _may_read_statistics,
    Action.MANAGE_CALENDAR: _may_manage_calendar,
    Action.MANAGE_POLICY: _may_manage_policy,
    Action.MANAGE_DEPUTIES: _may_manage_deputies,
    Action.READ_AUDIT: _may_read_audit,
    Action.MANAGE_ACCOUNTS: _may_manage_accounts,
    Action.MANAGE_RIGHTS: _may_manage_rights,
}


def _read_case(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """Being visible is all that it needs."""
    return None


def _staff_only(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """A system gets the packet that is disclosed to its agency, not the file."""
    return None if actor.has(*STAFF) else RefusalCode.NOT_ALLOWED


def _read_reporter(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    at_intake = actor.desk == subject.intake_desk and actor.has(Role.OFFICER, Role.DESK_HEAD)
    supervises = actor.agency is Agency.CIVIL and actor.has(Role.SUPERVISOR)
    return None if at_intake or supervises else RefusalCode.NOT_ALLOWED


def _at_leg(actor: Actor, subject: CaseSubject, *roles: Role) -> RefusalCode | None:
    if subject.leg is None:
        return RefusalCode.REFERRAL_NOT_FOUND
    own_system = actor.has(Role.MACHINE) and subject.leg.agency is actor.agency
    if subject.leg.desk != actor.desk and not own_system:
        return RefusalCode.NOT_YOUR_DESK
    return None if actor.has(*roles) else RefusalCode.NOT_ALLOWED


def _colleague_holds(actor: Actor, leg: Leg | None) -> bool:
    return leg is not None and leg.holder is not None and leg.holder not in actor.persons


def _work_referral(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """Whoever is at the desk while nobody has claimed it, then the holder; an agency's system speaks for the desk."""
    refusal = _at_leg(actor, subject, *DESK_STAFF, Role.MACHINE)
    if refusal is None and not actor.has(Role.MACHINE) and _colleague_holds(actor, subject.leg):
        return RefusalCode.HELD_BY_COLLEAGUE
    return refusal


def _claim(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    refusal = _at_leg(actor, subject, *DESK_STAFF)
    if refusal is None and _colleague_holds(actor, subject.leg):
        return RefusalCode.HELD_BY_COLLEAGUE
    return refusal


def _hand_back(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    refusal = _at_leg(actor, subject, *DESK_STAFF)
    if refusal is None and subject.leg is not None and subject.leg.holder not in actor.persons:
        return RefusalCode.NOT_THE_HOLDER
    return refusal


def _move_task(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """The desk's head or a supervisor, whoever holds it; nobody extends a time of their own."""
    if _district_supervisor(actor, subject) is None:
        return None if subject.leg else RefusalCode.REFERRAL_NOT_FOUND
    return _at_leg(actor, subject, Role.DESK_HEAD)


def _district_supervisor(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    return None if actor.supervises else RefusalCode.NOT_ALLOWED


def _urge(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """Supervisors, and the heads of the agency that leads the case."""
    leads = subject.is_led_by(actor) and actor.has(*HEADS)
    return None if leads else _district_supervisor(actor, subject)


def _at_intake_or_lead(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    placed = actor.desk == subject.intake_desk or subject.is_led_by(actor)
    return None if placed and actor.has(*STAFF) else _district_supervisor(actor, subject)


def _answer_reporter(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """Also the desk that owes the answer."""
    return None if _at_leg(actor, subject, *DESK_STAFF) is None else _at_intake_or_lead(actor, subject)


def _confirm_safety(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """A person of a desk that was sent to the child."""
    return None if actor.desk in subject.desks and actor.has(*DESK_STAFF) else RefusalCode.NOT_ALLOWED


def _review_grade(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    return None if actor.agency is Agency.COMMITTEE and actor.has(*STAFF) else RefusalCode.NOT_ALLOWED


def _adopt_plan(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    placed = subject.is_led_by(actor) or actor.agency in (Agency.CIVIL, Agency.CONF)
    return None if placed and actor.has(*STAFF) else RefusalCode.NOT_ALLOWED


def _decide_benefit(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """认定 is civil affairs' (R085), whoever leads the case."""
    return None if actor.agency is Agency.CIVIL and actor.has(*STAFF) else RefusalCode.NOT_ALLOWED


def _settle_bill(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """Whoever treats, insures or assists, of those who are in the case (R023, R114)."""
    placed = actor.agency in (Agency.CIVIL, Agency.HEALTH, Agency.HOSPITAL, Agency.INSURANCE)
    return None if placed and actor.has(*STAFF) else RefusalCode.NOT_ALLOWED


def _close_propose(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    placed = subject.is_led_by(actor) or actor.agency in (Agency.SW, Agency.CIVIL)
    return None if placed and actor.has(*STAFF) else RefusalCode.NOT_ALLOWED


def _close_reject(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    if not subject.is_led_by(actor) or not actor.has(*HEADS):
        return RefusalCode.NOT_ALLOWED
    return None if subject.closure_proposed_by else RefusalCode.CLOSURE_NOT_PROPOSED


def _close_approve(actor: Actor, subject: CaseSubject) -> RefusalCode | None:
    """A head of the lead agency who neither proposed it nor stands in for who did, nor the other way round."""
    refusal = _close_reject(actor, subject)
    if refusal is None and actor.is_behind(subject.closure_proposed_by):
        return RefusalCode.SECOND_PERSON_NEEDED
    return refusal


CASE_RULES: Mapping[Action, CaseRule] = {
    Action.READ_CASE: _read_case,
    Action.READ_CONTENT: _staff_only,
    Action.READ_REPORTER: _read_reporter,
    Action.ADD_NOTE: _staff_only,
    Action.SUPPLY_MATERIAL: _at_intake_or_lead,
    Action.WORK_REFERRAL: _work_referral,
    Action.CLAIM: _claim,
    Action.HAND_BACK: _hand_back,
    Action.MOVE_TASK: _move_task,
    Action.EXTEND: _move_task,
    Action.URGE: _urge,
    Action.SUPERVISE: _district_supervisor,
    Action.REASSIGN: _district_supervisor,
    Action.LINK_REPORT: _at_intake_or_lead,
    Action.DECLARE_CONFLICT: _at_intake_or_lead,
    Action.ANSWER_REPORTER: _answer_reporter,
    Action.START_PROCEDURE: _staff_only,
    Action.CONFIRM_SAFETY: _confirm_safety,
    Action.REVIEW_GRADE: _review_grade,
    Action.ADOPT_PLAN: _adopt_plan,
    Action.DECIDE_BENEFIT: _decide_benefit,
    Action.SETTLE_BILL: _settle_bill,
    Action.CLOSE_PROPOSE: _close_propose,
    Action.CLOSE_REJECT: _close_reject,
    Action.CLOSE_APPROVE: _close_approve,
}
