"""Opening legs and duties: which of the planned ones are ready, and the event that puts one on its desk and on its clock."""

from collections.abc import Collection
from datetime import datetime

from app.domain import events as e
from app.domain.clock import Budget, Clock
from app.domain.compartment import Sealed, inside, require_inside
from app.domain.policy import Gate, Policy
from app.domain.progress import Progress, Referral, State
from app.domain.terms import Agency, Role, Rung, Stage

STAGES = tuple(Stage)
OF_STREET = len("110106001")
"""Digits of a street's division; the district's own has fewer."""
REPLY, SUPERVISED = "supervision_reply", "supervised"
"""Duties that an agency meets by a written reply, to 检察监督 and to 督办; the referral stands behind a colon."""
TAKEN_UP = (State.ACCEPTED, State.COMPLETED, State.FAILED)


def desk_of(agency: Agency, division: str) -> str:
    """The desk that works for an agency in a division (statistics code, 9 digits, or 110106 while the street is unknown)."""
    return f"{agency.value}-{division}" if agency.is_territorial else agency.value


def desk_unless(agency: Agency, division: str, about: Collection[str] = ()) -> str:
    """The desk of the agency; where a case is about a committee or street office, the street office, else civil affairs, else the joint
    conference office. Where all of these are concerned it is the first again, for then the board says so and people decide."""
    desks = desks_from(agency, division)
    return next((desk for desk in desks if not is_about(desk, about)), desks[0])


def desks_from(agency: Agency, division: str) -> list[str]:
    """The desk of the agency and those that take its place, one after another."""
    office = (Agency.STREET,) if agency.is_territorial and len(division) == OF_STREET else ()
    return [desk_of(one, division) for one in (agency, *office, Agency.CIVIL, Agency.CONF)]


def is_about(desk: str, about: Collection[str]) -> bool:
    """Whether cases that are about these are about this desk."""
    return not {desk, desk.partition("-")[0]}.isdisjoint(about)


def ready_legs(state: Progress) -> tuple[e.PlannedStep, ...]:
    """Planned legs whose gate is open and that nobody has been asked for yet."""
    newest = {r.route_id: r.state for r in state.referrals}
    asked = {route for route, at in newest.items() if at is not State.WITHDRAWN} | set(state.dropped_steps)
    return tuple(step for step in state.steps if step.route_id not in asked and _is_open(state, step.gate))


def ready_duties(state: Progress) -> tuple[str, ...]:
    """Planned duties whose gate is open and that have not begun yet."""
    begun = {d.code for d in state.duties if not d.dropped}
    return tuple(duty.code for duty in state.planned_duties if duty.code not in begun and _is_open(state, duty.gate))


def _is_open(state: Progress, gate: Gate) -> bool:
    hurried = any(r.route_id in gate.or_after and r.state is State.COMPLETED for r in state.referrals)
    if STAGES.index(state.stage) < STAGES.index(gate.stage) and not hurried:
        return False
    if gate.events and not any(event in state.happened for event in gate.events):
        return False
    return gate.after_step is None or _taken_up(state, gate.after_step)


def _taken_up(state: Progress, step: int) -> bool:
    """Every leg of that step, or what replaced it, was accepted or has ended; without one, those of the last step below."""
    planned = [p for p in state.steps if p.step <= step and p.route_id not in state.dropped_steps]
    last = max((p.step for p in planned), default=step)
    up = {r.route_id for r in state.referrals if r.state in TAKEN_UP}
    return all(p.route_id in up for p in planned if p.step == last)


def open_leg(state: Progress, policy: Policy, now: datetime, step: e.PlannedStep) -> e.ReferralOpened:
    """The event that puts a planned leg on its agency's desk; one that was withdrawn goes back to whoever had it last."""
    route = policy.route(step.route_id, urgent=state.urgency.around_the_clock)
    before = next((r for r in reversed(state.referrals) if r.route_id == step.route_id), None)
    agency = inside(state.sealed_for, before.agency if before else step.agency, state.lead)
    return e.ReferralOpened(
        at=now,
        referral_id=_next_id(state, step.route_id),
        route_id=step.route_id,
        step=step.step,
        stage=state.stage,
        agency=agency,
        desk=desk_of(agency, state.division),
        task=route.task,
        basis=route.basis,
        urgent=route.urgent,
        assessment=route.assessment,
        accept=Clock.start(route.accept, now, policy.calendar),
        refusals=before.refusals if before else 0,
        visited=before.visited if before else (step.agency,),
    )


def reopen_leg(
    state: Progress, policy: Policy, now: datetime, old: Referral, to: Agency, *, refused: bool = True
) -> e.ReferralOpened:
    """The event that puts the leg of one agency on the desk of another, because it refused, fell silent, or was relieved."""
    require_inside(state.sealed_for, to)
    route = policy.route(old.route_id, urgent=state.urgency.around_the_clock)
    return e.ReferralOpened(
        at=now,
        referral_id=_next_id(state, old.route_id),
        route_id=old.route_id,
        step=old.step,
        stage=old.stage,
        agency=to,
        desk=desk_of(to, state.division),
        task=old.task,
        basis=old.basis,
        urgent=old.urgent,
        assessment=old.assessment,
        accept=Clock.start(route.accept, now, policy.calendar),
        instead_of=old.id,
        refusals=old.refusals + refused,
        visited=(*old.visited, to),
    )


def open_duty(
    state: Progress, policy: Policy, now: datetime, code: str, *, holder: Agency | None = None, name: str | None = None,
    budget: Budget | None = None, clock: Clock | None = None, since: datetime | None = None,
) -> e.DutyOpened:  # fmt: skip
    """The event that starts a duty of the holder given, else of its rule's, else of the lead agency; `name` tells several of a kind apart,
    `clock` is that of the same duty where it was dropped, and `since` when its time began, if not now."""
    spec = policy.obligation(code, urgent=state.urgency.around_the_clock)
    owes = inside(state.sealed_for, holder or spec.holder or state.lead, state.lead)
    time = spec.time.model_copy(update={"budget": budget}) if budget else spec.time
    return e.DutyOpened(
        at=now,
        code=name or code,
        holder=owes,
        desk=desk_of(owes, state.division),
        basis=spec.basis,
        clock=clock.again(now, policy.calendar) if clock else Clock.start(time, since or now, policy.calendar, now),
    )


def next_agency(state: Progress, policy: Policy, old: Referral) -> Agency | None:
    """Who takes a leg that was refused or left silent: by rule, else the lead agency, else the joint conference office.

    Nobody is asked twice; None when even the joint conference office has had it.
    """
    if old.refusals + 1 >= policy.refusals_before_conference:
        choices: tuple[Agency | None, ...] = (Agency.CONF,)
    else:
        fallback = policy.route(old.route_id, urgent=state.urgency.around_the_clock).fallback
        choices = (fallback, state.lead, Agency.CONF)
    kept = [agency for agency in choices if agency and inside(state.sealed_for, agency, state.lead) is agency]
    return next((agency for agency in kept if agency not in old.visited), None)


def recipients(rung: Rung, agency: Agency, desk: str, holder: str | None, sealed_for: Sealed = ()) -> tuple[str, ...]:
    """Who is told on a rung, as addresses that the notices resolve to people: always somebody who can act, and in a sealed case
    the procuratorate instead of all who are outside."""
    match rung:
        case Rung.AGENCY_HEAD if sealed_for:
            return (f"{Role.AGENCY_HEAD}:{agency}",)
        case Rung.SUPERVISION if sealed_for:
            return (f"desk:{Agency.PROC}",)
        case Rung.REMIND:
            return (f"person:{holder}",) if holder else (f"desk:{desk}",)
        case Rung.DESK_HEAD:
            return (f"{Role.DESK_HEAD}:{desk}",)
        case Rung.AGENCY_HEAD:
            whose = desk if agency.is_territorial else agency
            return (f"{Role.AGENCY_HEAD}:{whose}", f"desk:{Agency.CONF}")
        case Rung.SUPERVISION:
            return (f"{Role.SUPERVISOR}:{Agency.CIVIL}",)
        case Rung.PROCURATORATE:
            return (f"desk:{Agency.PROC}",)


def _next_id(state: Progress, route_id: str) -> str:
    return f"{route_id}-{sum(r.route_id == route_id for r in state.referrals) + 1}"
