"""What time and supervisors do to a case: rungs and expiries that are due, re-routing of a silent leg, urge, supervise, reassign."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.clock import Clock
from app.domain.compartment import require_inside
from app.domain.fold import fold
from app.domain.opening import (
    REPLY,
    SUPERVISED,
    desk_of,
    is_about,
    next_agency,
    open_duty,
    recipients,
    reopen_leg,
)
from app.domain.policy import Policy
from app.domain.procedure import is_step, step_of
from app.domain.progress import LEFT, ClockName, Progress, State, running_clocks
from app.domain.referral import Events, open_referral, signed
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Rung

OF_ONE_BODY = ("closure", "committee_review")
"""Duties of which the rules let one body alone do the act; at another desk nobody could."""


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


def _urge(progress: Progress, command: rc.UrgeReferral, policy: Policy, now: datetime) -> Events:
    referral = open_referral(progress, command.referral_id)
    told = (f"person:{referral.holder}",) if referral.holder else (f"desk:{referral.desk}",)
    return (e.ReferralUrged(**signed(command.by, now), referral_id=referral.id, recipients=told),)


def _supervise(progress: Progress, command: rc.SuperviseReferral, policy: Policy, now: datetime) -> Events:
    referral = progress.referral(command.referral_id)
    if referral is None:
        raise Refused(RefusalCode.REFERRAL_NOT_FOUND)
    name = f"{SUPERVISED}:{referral.id}"
    if progress.open_duty(name):
        raise Refused(RefusalCode.ALREADY_DONE)
    opened = open_duty(progress, policy, now, SUPERVISED, holder=referral.agency, name=name)
    return (opened.model_copy(update=signed(command.by, now)),)


def _reassign(progress: Progress, command: rc.ReassignReferral, policy: Policy, now: datetime) -> Events:
    referral = open_referral(progress, command.referral_id)
    if command.to is referral.agency:
        raise Refused(RefusalCode.NO_PING_PONG, agency=command.to.value)
    moved = e.ReferralReassigned(**signed(command.by, now), referral_id=referral.id, to=command.to)
    return moved, reopen_leg(progress, policy, now, referral, command.to, refused=False)


def _reassign_duty(progress: Progress, command: rc.ReassignDuty, policy: Policy, now: datetime) -> Events:
    """The rules say who owes a duty, so it leaves that desk only where the case is about it. Time to act begins anew; months that were
    ruled, and time that only passes, run on, for they are nobody's to give."""
    duty, desk = progress.open_duty(command.code), desk_of(command.to, progress.division)
    if duty is None:
        raise Refused(RefusalCode.DUTY_NOT_FOUND, code_of_duty=command.code)
    concerned = is_about(duty.desk, progress.about) and not is_about(desk, progress.about)
    if not concerned or duty.code in OF_ONE_BODY:
        raise Refused(RefusalCode.DUTY_STAYS, desk=duty.desk)
    require_inside(progress.sealed_for, command.to)
    step = policy.step(step_of(duty.code)) if is_step(duty.code) else None
    clock = duty.clock if step and step.runs_on else Clock.start(duty.clock.spec, now, policy.calendar)
    head = signed(command.by, now)
    opened = e.DutyOpened(**head, code=duty.code, holder=command.to, desk=desk, basis=duty.basis, clock=clock)
    return e.DutyDropped(**head, code=duty.code), opened


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


Told = Mapping[str, tuple[str, ...]]


def require_no_wider(progress: Progress, before: Policy, after: Policy) -> None:
    """Of a move to other rules: TELLS_MORE where an agency would be told a field of this case that the old ones do not tell it.

    Whatever makes it so: a list that grew or fell away, whole sight, the list of all others, or the row of a leg that is to come: another
    task, an assessment, somebody else who takes it from an agency that refuses.
    """
    everything = (progress.lead, Agency.CONF)
    was, now = ({(place, who): told for place, who, told in _told(progress, one)} for one in (before, after))
    rows = [
        f"{place} {who}: {field if part == field else f'{part}.{field}'}"
        for (place, who), told in now.items() if who not in everything
        for part, field in _more(was.get((place, who), {}), told)
    ]  # fmt: skip
    if rows:
        raise Refused(RefusalCode.TELLS_MORE, rows=rows)


def _told(progress: Progress, policy: Policy) -> Iterator[tuple[str, Agency, Told]]:
    """By route, what each agency is or will be told of the case by these rules: for its leg, instead of one that refuses, or for a duty."""
    lists, urgent = policy.lists, progress.urgency.around_the_clock
    legs = [leg for leg in progress.referrals if leg.state not in LEFT]
    for leg in legs:
        fallback = policy.route(leg.route_id, urgent=urgent).fallback if leg.state.is_open else None
        for agency in (leg.agency, fallback):
            if agency:
                yield leg.route_id, agency, lists.of_leg(agency, leg.task, assessment=leg.assessment)
    begun = {leg.route_id for leg in progress.referrals if leg.state is not State.WITHDRAWN} | {*progress.dropped_steps}
    for step in (step for step in progress.steps if step.route_id not in begun):
        row = policy.route(step.route_id, urgent=urgent)
        for agency in (step.agency, row.fallback):
            if agency:
                yield step.route_id, agency, lists.of_leg(agency, row.task, assessment=row.assessment)
    for agency in progress.agencies:
        if not any(leg.agency is agency for leg in legs):
            yield "duty", agency, lists.of_no_leg(agency)


def _more(was: Told, now: Told) -> Iterator[tuple[str, str]]:
    """Nothing is more than everything."""
    for part, fields in now.items() if "everything" not in was else ():
        yield from ((part, field) for field in fields if field not in was.get(part, ()))


SUPERVISION_WORK = {
    c.RaiseDue: _raise_due,
    rc.UrgeReferral: _urge,
    rc.SuperviseReferral: _supervise,
    rc.ReassignReferral: _reassign,
    rc.ReassignDuty: _reassign_duty,
    c.MovePolicy: _move_policy,
    c.RecomputeDeadlines: _recompute,
}
