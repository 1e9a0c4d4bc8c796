"""What time and supervisors do to a case: rungs and expiries that are due, re-routing of a silent leg, urge, supervise, reassign."""

from datetime import datetime

from app.domain import commands as c
from app.domain import events as e
from app.domain.disclosure_lists import Lists
from app.domain.fold import fold
from app.domain.opening import REPLY, SUPERVISED, desk_of, next_agency, open_duty, recipients, reopen_leg
from app.domain.policy import Policy
from app.domain.procedure import is_step, step_of
from app.domain.progress import LEFT, ClockName, Progress, State, running_clocks
from app.domain.referral import Events, open_referral, signed
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Rung


def _raise_due(progress: Progress, command: c.RaiseDue, policy: Policy, now: datetime) -> Events:
    """Every rung whose instant has come, each with the instant it was planned for, then what silence and expiry bring."""
    rungs = tuple(sorted(_due_rungs(progress, now), key=lambda rung: rung.planned_at))
    after = fold(rungs, progress) if rungs else progress
    events = rungs + _replies_owed(after, policy, now, rungs) + _silent_legs(after, policy, now)
    events += tuple(
        e.DutyExpired(at=now, code=d.code)
        for d in progress.duties
        if d.is_open and not d.expired and d.clock.due_at <= now
    )
    if not events:
        raise Refused(RefusalCode.NOTHING_DUE)
    return events


def _due_rungs(progress: Progress, now: datetime) -> list[e.RungFired]:
    fired = []
    for subject, name, clock in running_clocks(progress):
        agency, desk, holder = _whose(progress, subject, name)
        for plan in clock.due_rungs(now):
            told = recipients(plan.rung, agency, desk, holder, progress.sealed_for)
            fired.append(
                e.RungFired(at=now, subject=subject, clock=name, rung=plan.rung, planned_at=plan.at, recipients=told)
            )
    return fired


def _whose(progress: Progress, subject: str, name: ClockName) -> tuple[Agency, str, str | None]:
    """Whose silence a clock measures: the desk's, or, while material is missing, the lead agency's."""
    duty, referral = progress.duty(subject), progress.referral(subject)
    if name == "duty" and duty:
        return duty.holder, duty.desk, None
    if name == "supply" or referral is None:
        return progress.lead, desk_of(progress.lead, progress.division), None
    return referral.agency, referral.desk, referral.holder


def _replies_owed(state: Progress, policy: Policy, now: datetime, rungs: tuple[e.RungFired, ...]) -> Events:
    """On the top rung the silent agency owes the procuratorate a written reply."""
    owed: dict[str, e.DutyOpened] = {}
    for rung in rungs:
        name = f"{REPLY}:{rung.subject}"
        if rung.rung is not Rung.PROCURATORATE or rung.subject.startswith((REPLY, SUPERVISED)) or state.duty(name):
            continue
        agency, _, _ = _whose(state, rung.subject, rung.clock)
        owed[name] = open_duty(state, policy, now, REPLY, holder=agency, name=name)
    return tuple(owed.values())


def _silent_legs(state: Progress, policy: Policy, now: datetime) -> Events:
    events: Events = ()
    for referral in state.referrals:
        if referral.state is not State.SENT or policy.silence_reroutes_at not in referral.accept.fired:
            continue
        to = next_agency(state, policy, referral) if referral.agency is not Agency.POLICE else None
        if to is not None:
            left = e.ReferralLeftSilent(at=now, referral_id=referral.id)
            events += (left, reopen_leg(fold(events, state) if events else state, policy, now, referral, to))
    return events


def _urge(progress: Progress, command: c.UrgeReferral, policy: Policy, now: datetime) -> Events:
    referral = open_referral(progress, command.referral_id)
    told = (f"person:{referral.holder}",) if referral.holder else (f"desk:{referral.desk}",)
    return (e.ReferralUrged(**signed(command.by, now), referral_id=referral.id, recipients=told),)


def _supervise(progress: Progress, command: c.SuperviseReferral, policy: Policy, now: datetime) -> Events:
    referral = progress.referral(command.referral_id)
    if referral is None:
        raise Refused(RefusalCode.REFERRAL_NOT_FOUND)
    name = f"{SUPERVISED}:{referral.id}"
    if progress.open_duty(name):
        raise Refused(RefusalCode.ALREADY_DONE)
    opened = open_duty(progress, policy, now, SUPERVISED, holder=referral.agency, name=name)
    return (opened.model_copy(update={"by": command.by.person_id, "behalf": command.by.acting_for}),)


def _reassign(progress: Progress, command: c.ReassignReferral, policy: Policy, now: datetime) -> Events:
    referral = open_referral(progress, command.referral_id)
    if command.to is referral.agency:
        raise Refused(RefusalCode.NO_PING_PONG, agency=command.to.value)
    moved = e.ReferralReassigned(**signed(command.by, now), referral_id=referral.id, to=command.to)
    return moved, reopen_leg(progress, policy, now, referral, command.to, refused=False)


def _recompute(progress: Progress, command: c.RecomputeDeadlines, policy: Policy, now: datetime) -> Events:
    """Open deadlines follow the calendar in force; those that do not move are left alone."""
    moved = tuple(
        e.MovedClock(subject=subject, clock=name, moved=again)
        for subject, name, clock in running_clocks(progress)
        if (again := clock.recompute(policy.calendar, now)).differs_from(clock)
    )
    if not moved:
        raise Refused(RefusalCode.NOTHING_TO_RECOMPUTE)
    return (
        e.DeadlinesRecomputed(
            **signed(command.by, now), calendar_version=policy.calendar.version, reason=command.why, clocks=moved
        ),
    )


def _move_policy(progress: Progress, command: c.MovePolicy, policy: Policy, now: datetime) -> Events:
    """`policy` is the one to go to; a planned leg or duty that it does not know could never open."""
    if progress.policy == policy.version:
        raise Refused(RefusalCode.ALREADY_DONE)
    steps = (step.route_id for step in progress.steps)
    owed = [duty.code for duty in progress.planned_duties]
    owed += [step_of(duty.code) for duty in progress.duties if duty.is_open and is_step(duty.code)]
    if lacks := policy.lacks(tuple(steps), tuple(owed)):
        raise Refused(RefusalCode.POLICY_UNFIT, rows=list(lacks))
    return (e.PolicyMoved(**signed(command.by, now), before=progress.policy, after=policy.version),)


def require_no_wider(progress: Progress, before: Lists, after: Lists) -> None:
    """Of a move to other rules: POLICY_UNFIT where the list of a leg is gone, and the one that it falls to tells more.

    A list of the same name may tell more: two persons have read that of it when they published it.
    """
    wider: list[str] = []
    for leg in (leg for leg in progress.referrals if leg.state not in LEFT):
        was, now = before.of(leg.agency, leg.task), after.of(leg.agency, leg.task)
        if was.id != now.id and now.tells_more_than(was):
            wider.append(f"{leg.route_id}: {was.id}")
    if wider:
        raise Refused(RefusalCode.POLICY_UNFIT, rows=wider)


SUPERVISION_WORK = {
    c.RaiseDue: _raise_due,
    c.UrgeReferral: _urge,
    c.SuperviseReferral: _supervise,
    c.ReassignReferral: _reassign,
    c.MovePolicy: _move_policy,
    c.RecomputeDeadlines: _recompute,
}
