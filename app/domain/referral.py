"""A referral at its desk: accept, return, decline, pass on, complete, extend, pause; claim and hand back inside the desk."""

from datetime import datetime
from typing import Any

from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.access import Actor
from app.domain.clock import Clock
from app.domain.opening import REPLY, SUPERVISED, next_agency, reopen_leg
from app.domain.policy import Policy
from app.domain.progress import Progress, Referral, State
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import knows_reporters, office_of
from app.domain.terms import Agency, DeclineReason, Role

HEADS = (Role.DESK_HEAD, Role.AGENCY_HEAD, Role.SUPERVISOR)
POLICE_MAY_DECLINE = (DeclineReason.ALREADY_HANDLED, DeclineReason.CONFLICT_OF_INTEREST)

Events = tuple[e.Event, ...]


def signed(by: Actor, now: datetime) -> dict[str, Any]:
    """The head of an event: when, who, at which office, and for whom when a deputy acts."""
    head = {"at": now, "by": by.person_id, "behalf": by.acting_for}
    return {**head, "office": office_of(by), "knows_reporter": knows_reporters(by)}


def open_referral(progress: Progress, referral_id: str) -> Referral:
    """The referral, if somebody still owes something on it."""
    referral = progress.referral(referral_id)
    if referral is None:
        raise Refused(RefusalCode.REFERRAL_NOT_FOUND)
    if not referral.state.is_open:
        raise Refused(RefusalCode.REFERRAL_ENDED, state=referral.state.value)
    return referral


def same_person(by: Actor, holder: str | None) -> bool:
    """The holder himself, or his deputy."""
    return holder in (by.person_id, by.acting_for) if holder else False


def at_its_desk(by: Actor, referral: Referral) -> None:
    """Only the desk that was asked works on a referral; an agency's head and its own system count as its desks."""
    whole_agency = by.agency is referral.agency and (Role.AGENCY_HEAD in by.roles or Role.MACHINE in by.roles)
    if by.desk != referral.desk and not whole_agency:
        raise Refused(RefusalCode.NOT_YOUR_DESK, desk=referral.desk)


def _in_hand(progress: Progress, command: c.Command, referral_id: str) -> Referral:
    """The open referral that this actor may work on: at his desk and not held by a colleague."""
    referral = open_referral(progress, referral_id)
    at_its_desk(command.by, referral)
    if referral.holder and not same_person(command.by, referral.holder) and not _is_head(command.by):
        raise Refused(RefusalCode.HELD_BY_COLLEAGUE, holder=referral.holder)
    return referral


def _is_head(by: Actor) -> bool:
    return any(role in HEADS for role in by.roles)


def _not_accepted(progress: Progress, command: c.Command, referral_id: str) -> Referral:
    referral = _in_hand(progress, command, referral_id)
    if referral.state is State.ACCEPTED:
        raise Refused(RefusalCode.REFERRAL_ALREADY_ACCEPTED)
    return referral


def in_work(progress: Progress, command: c.Command, referral_id: str) -> tuple[Referral, Clock]:
    """The accepted referral that this actor may work on, with its finish clock."""
    referral = _in_hand(progress, command, referral_id)
    if referral.state is not State.ACCEPTED or referral.finish is None:
        raise Refused(RefusalCode.REFERRAL_NOT_ACCEPTED)
    return referral, referral.finish


def _accept(progress: Progress, command: rc.AcceptReferral, policy: Policy, now: datetime) -> Events:
    referral = _not_accepted(progress, command, command.referral_id)
    route = policy.route(referral.route_id, urgent=progress.urgency.around_the_clock)
    finish = Clock.start(route.finish, now, policy.calendar)
    accepted = e.ReferralAccepted(**signed(command.by, now), referral_id=referral.id, finish=finish)
    if referral.holder or Role.MACHINE in command.by.roles:
        return (accepted,)
    return _claimed(command.by, referral, now), accepted


def _return(progress: Progress, command: rc.ReturnReferral, policy: Policy, now: datetime) -> Events:
    referral = _not_accepted(progress, command, command.referral_id)
    if referral.state is State.RETURNED:
        raise Refused(RefusalCode.ALREADY_DONE)
    if referral.returns >= policy.return_cap:
        raise Refused(RefusalCode.RETURN_CAP, cap=policy.return_cap)
    supply = Clock.start(policy.time("supply", urgent=referral.urgent), now, policy.calendar)
    returned = e.ReferralReturned(
        **signed(command.by, now), referral_id=referral.id, reason=command.reason,
        accept=referral.accept.pause(now, policy.calendar), supply=supply,
    )  # fmt: skip
    return (returned,)


def _supply(progress: Progress, command: rc.SupplyMaterial, policy: Policy, now: datetime) -> Events:
    referral = open_referral(progress, command.referral_id)
    if referral.state is not State.RETURNED:
        raise Refused(RefusalCode.REFERRAL_NOT_RETURNED)
    accept = referral.accept.resume(now, policy.calendar)
    return (e.MaterialSupplied(**signed(command.by, now), referral_id=referral.id, accept=accept),)


def _decline(progress: Progress, command: rc.DeclineReferral, policy: Policy, now: datetime) -> Events:
    referral = _not_accepted(progress, command, command.referral_id)
    to = next_agency(progress, policy, referral)
    if to is None or _is_statutory(referral, command.reason):
        raise Refused(RefusalCode.MUST_NOT_DECLINE, reason=command.reason.value)
    declined = e.ReferralDeclined(**signed(command.by, now), referral_id=referral.id, reason=command.reason)
    return declined, reopen_leg(progress, policy, now, referral, to)


def _pass_on(progress: Progress, command: rc.PassOnReferral, policy: Policy, now: datetime) -> Events:
    referral = _not_accepted(progress, command, command.referral_id)
    decided = Agency.CONF in referral.visited and referral.agency is not Agency.CONF
    if decided or _is_statutory(referral, command.reason):
        raise Refused(RefusalCode.MUST_NOT_DECLINE, reason=command.reason.value)
    if command.to in referral.visited:
        raise Refused(RefusalCode.NO_PING_PONG, agency=command.to.value)
    conference = referral.refusals + 1 >= policy.refusals_before_conference
    to = Agency.CONF if conference and referral.agency is not Agency.CONF else command.to
    passed = e.ReferralPassedOn(**signed(command.by, now), referral_id=referral.id, to=to, reason=command.reason)
    return passed, reopen_leg(progress, policy, now, referral, to)


def _is_statutory(referral: Referral, reason: DeclineReason) -> bool:
    """The police cannot get rid of an emergency, neither by declining it nor by passing it on."""
    return referral.agency is Agency.POLICE and referral.urgent and reason not in POLICE_MAY_DECLINE


def _fail(progress: Progress, command: rc.FailReferral, policy: Policy, now: datetime) -> Events:
    referral, _ = in_work(progress, command, command.referral_id)
    if first := policy.route(referral.route_id, urgent=referral.urgent).procedure:
        raise Refused(
            RefusalCode.OUTCOME_NEEDED, step=first, outcomes=tuple(o.code for o in policy.step(first).by_person)
        )
    return (e.ReferralFailed(**signed(command.by, now), referral_id=referral.id, reason=command.reason),)


def extend(progress: Progress, command: rc.ExtendReferral, policy: Policy, now: datetime) -> Events:
    """延期: by the desk's head or a supervisor, for a coded reason, within the cap."""
    referral = open_referral(progress, command.referral_id)
    if referral.state is not State.ACCEPTED or referral.finish is None:
        raise Refused(RefusalCode.REFERRAL_NOT_ACCEPTED)
    if Role.SUPERVISOR not in command.by.roles:
        at_its_desk(command.by, referral)
    if not _is_head(command.by):
        raise Refused(RefusalCode.NOT_ALLOWED)
    if referral.finish.extended_times >= policy.extension_cap:
        raise Refused(RefusalCode.EXTENSION_CAP, cap=policy.extension_cap)
    if command.by_budget.nominal > policy.extension_limit.nominal:
        raise Refused(RefusalCode.EXTENSION_TOO_LONG, limit=str(policy.extension_limit))
    finish = referral.finish.extend(command.by_budget, now, policy.calendar)
    return (e.ClockExtended(**signed(command.by, now), referral_id=referral.id, reason=command.reason, finish=finish),)


def _pause(progress: Progress, command: rc.PauseReferral, policy: Policy, now: datetime) -> Events:
    referral, finish = in_work(progress, command, command.referral_id)
    if finish.paused_at is not None:
        raise Refused(RefusalCode.ALREADY_PAUSED)
    if referral.pauses >= policy.pause_cap:
        raise Refused(RefusalCode.PAUSE_CAP, cap=policy.pause_cap)
    finish = finish.pause(now, policy.calendar)
    return (e.ClockPaused(**signed(command.by, now), referral_id=referral.id, reason=command.reason, finish=finish),)


def _resume(progress: Progress, command: rc.ResumeReferral, policy: Policy, now: datetime) -> Events:
    referral, finish = in_work(progress, command, command.referral_id)
    if finish.paused_at is None:
        raise Refused(RefusalCode.NOT_PAUSED)
    finish = finish.resume(now, policy.calendar)
    return (e.ClockResumed(**signed(command.by, now), referral_id=referral.id, finish=finish),)


def _claim(progress: Progress, command: rc.ClaimTask, policy: Policy, now: datetime) -> Events:
    referral = open_referral(progress, command.referral_id)
    at_its_desk(command.by, referral)
    if referral.holder:
        held_by_me = same_person(command.by, referral.holder)
        raise Refused(RefusalCode.ALREADY_DONE if held_by_me else RefusalCode.HELD_BY_COLLEAGUE, holder=referral.holder)
    return (_claimed(command.by, referral, now),)


def _claimed(by: Actor, referral: Referral, now: datetime) -> e.TaskClaimed:
    """A deputy takes a task into the seat of the absent person, who holds it when the absence is over."""
    return e.TaskClaimed(**signed(by, now), referral_id=referral.id, holder=by.acting_for or by.person_id)


def _hand_back(progress: Progress, command: rc.HandBackTask, policy: Policy, now: datetime) -> Events:
    referral = open_referral(progress, command.referral_id)
    at_its_desk(command.by, referral)
    if not same_person(command.by, referral.holder):
        raise Refused(RefusalCode.NOT_THE_HOLDER)
    return (e.TaskHandedBack(**signed(command.by, now), referral_id=referral.id),)


def _move(progress: Progress, command: rc.MoveTask, policy: Policy, now: datetime) -> Events:
    referral = open_referral(progress, command.referral_id)
    if Role.SUPERVISOR not in command.by.roles:
        at_its_desk(command.by, referral)
    if not _is_head(command.by):
        raise Refused(RefusalCode.NOT_ALLOWED)
    return (e.TaskMoved(**signed(command.by, now), referral_id=referral.id, holder=command.to),)


def _reply(progress: Progress, command: rc.ReplyToSupervision, policy: Policy, now: datetime) -> Events:
    duty = progress.open_duty(command.code) if command.code.startswith((REPLY, SUPERVISED)) else None
    if duty is None:
        raise Refused(RefusalCode.DUTY_NOT_FOUND, code_of_duty=command.code)
    if command.by.agency is not duty.holder:
        raise Refused(RefusalCode.NOT_YOUR_DESK, desk=duty.desk)
    return (e.DutyMet(**signed(command.by, now), code=duty.code),)


def record_delivery(progress: Progress, command: rc.RecordDelivery, policy: Policy, now: datetime) -> Events:
    """How the agency's own system took the packet; a rejection is shown to a person, the clock runs on."""
    referral = progress.referral(command.referral_id)
    if referral is None:
        raise Refused(RefusalCode.REFERRAL_NOT_FOUND)
    if referral.delivery == command.outcome:
        raise Refused(RefusalCode.ALREADY_DONE)
    well = command.outcome in ("delivered", "withdrawn")
    told = () if well else (f"desk:{referral.desk}", f"{Role.SUPERVISOR}:{Agency.CIVIL}")
    recorded = e.DeliveryRecorded(
        **signed(command.by, now), referral_id=referral.id, outcome=command.outcome, code=command.code,
        reference=command.reference, recipients=told,
    )  # fmt: skip
    return (recorded,)


DESK_WORK = {
    rc.AcceptReferral: _accept,
    rc.ReturnReferral: _return,
    rc.SupplyMaterial: _supply,
    rc.DeclineReferral: _decline,
    rc.PassOnReferral: _pass_on,
    rc.FailReferral: _fail,
    rc.ExtendReferral: extend,
    rc.PauseReferral: _pause,
    rc.ResumeReferral: _resume,
    rc.ClaimTask: _claim,
    rc.HandBackTask: _hand_back,
    rc.MoveTask: _move,
    rc.ReplyToSupervision: _reply,
    rc.RecordDelivery: record_delivery,
}
