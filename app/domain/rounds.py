"""Screening rounds, 排查: every unit is asked at once, answers even when it found nothing, and the silent ones climb the ladder together."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.domain.access import ADMINS, DESK_STAFF, Actor
from app.domain.clock import Clock
from app.domain.commands import Command, RecomputeDeadlines
from app.domain.opening import recipients
from app.domain.policy import Frozen, Policy, RoundSpec
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Role, Rung, Term

UNIT = "unit"
"""Address of the people of one reporting unit, such as a school."""


class RoundEnd(Term):
    """Why a round ends."""

    COMPLETE = "complete", "全部报送", "every unit has answered"
    SUPERSEDED = "superseded", "新一轮排查开始", "the next round has begun"


class Asked(Frozen):
    """A unit that is asked: a desk, or a reporting unit of the agency that sits behind one."""

    unit: str
    desk: str

    def answers(self, actor: Actor) -> bool:
        """Whether this actor speaks for the unit."""
        if self.unit == self.desk:
            return actor.desk == self.desk and actor.has(*DESK_STAFF, Role.AGENCY_HEAD)
        return actor.unit == self.unit and actor.has(Role.REPORTER, Role.MACHINE)


class OpenRound(Command):
    """A round begins, by its schedule or by its organiser."""

    round_id: str
    code: str
    division: str
    units: tuple[Asked, ...]


class ReturnRound(Command):
    """A unit's answer; what it found is reported by then. `screened` are the children that were looked at."""

    unit: str
    screened: int = Field(ge=0)
    reports: tuple[str, ...] = ()
    registered: tuple[str, ...] = ()
    """Children whom it found, and registered without a report."""
    unfit: RefusalCode | None = None
    """Why such a child cannot be named, as it stands now; a repetition is answered whatever stands now."""
    joined: tuple[Agency, ...] = ()


class CloseRound(Command):
    """The next round of the same kind begins; whoever has not answered stays on record."""


class RaiseDueRound(Command):
    """The engine records every rung that is due for the units that have not answered."""


class RoundFact(Frozen):
    """Common to all events of a round."""

    at: datetime
    by: str = "engine"
    behalf: str | None = None


class RoundOpened(RoundFact):
    """Every unit is asked, on one clock."""

    kind: Literal["round_opened"] = "round_opened"
    round_id: str
    code: str
    policy: str
    division: str
    organiser: Agency
    agency: Agency
    units: tuple[Asked, ...]
    clock: Clock

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who is told that they are asked."""
        return tuple(_address(asked) for asked in self.units)


class UnitReturned(RoundFact):
    """A unit has answered, or added to its answer; no reports mean that it found nothing."""

    kind: Literal["unit_returned"] = "unit_returned"
    unit: str
    screened: int
    reports: tuple[str, ...] = ()
    registered: tuple[str, ...] = ()
    joined: tuple[Agency, ...] = ()


class RoundRecomputed(RoundFact):
    """The calendar changed; the clock as it runs now."""

    kind: Literal["round_recomputed"] = "round_recomputed"
    calendar_version: str
    reason: str
    clock: Clock


class RoundRungFired(RoundFact):
    """One rung for all units that have not answered, once."""

    kind: Literal["round_rung_fired"] = "round_rung_fired"
    rung: Rung
    planned_at: datetime
    missing: tuple[str, ...]
    recipients: tuple[str, ...]


class RoundClosed(RoundFact):
    """The round is over; `missing` are those who never answered."""

    kind: Literal["round_closed"] = "round_closed"
    reason: RoundEnd
    missing: tuple[str, ...] = ()


RoundEvent = Annotated[
    RoundOpened | UnitReturned | RoundRecomputed | RoundRungFired | RoundClosed, Field(discriminator="kind")
]
round_event_adapter: TypeAdapter[RoundEvent] = TypeAdapter(RoundEvent)


class Returned(Frozen):
    """What a unit has answered so far; late is who answered after the round was due."""

    unit: str
    at: datetime
    late: bool
    screened: int
    reports: tuple[str, ...]
    registered: tuple[str, ...] = ()
    joined: tuple[Agency, ...]

    @property
    def found(self) -> int:
        """How many children were found at risk or in need: those reported and those registered."""
        return len(self.reports) + len(self.registered)


class Round(Frozen):
    """Where a round stands."""

    round_id: str
    version: int = 0
    code: str
    policy: str
    division: str
    organiser: Agency
    agency: Agency
    opened_at: datetime
    units: tuple[Asked, ...]
    returns: tuple[Returned, ...] = ()
    clock: Clock
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether answers are taken."""
        return self.closed_at is None

    @property
    def case_id(self) -> str:
        """What a notice is about."""
        return self.round_id

    @property
    def instead(self) -> tuple[str, ...]:
        """Who is told in the place of a unit for which nobody can answer; of a desk it is whoever oversees the district."""
        return (f"desk:{self.organiser}",) if any(asked.unit != asked.desk for asked in self.units) else ()

    @property
    def missing(self) -> tuple[Asked, ...]:
        """Who has not answered."""
        done = {returned.unit for returned in self.returns}
        return tuple(asked for asked in self.units if asked.unit not in done)

    @property
    def registered(self) -> tuple[str, ...]:
        """The children whom answers have named as found and registered."""
        return tuple(child for returned in self.returns for child in returned.registered)

    def returned(self, unit: str) -> Returned | None:
        """The answer of a unit."""
        return next((one for one in self.returns if one.unit == unit), None)


def next_round_deadline(state: Round) -> datetime | None:
    """When the next rung is due for those who have not answered."""
    return state.clock.next_at if state.is_open else None


def apply_round(state: Round | None, event: RoundEvent) -> Round:
    """The state after one more event."""
    if isinstance(event, RoundOpened):
        kept = event.model_dump(include={"round_id", "code", "policy", "division", "organiser", "agency"})
        return Round(version=1, **kept, opened_at=event.at, units=event.units, clock=event.clock)
    if state is None:
        raise ValueError("the ledger of a round begins with round_opened")
    match event:
        case UnitReturned():
            change: dict[str, Any] = {"returns": _with(state, event)}
        case RoundRecomputed():
            change = {"clock": event.clock}
        case RoundRungFired():
            change = {"clock": state.clock.fire(event.rung)}
        case RoundClosed():
            change = {"closed_at": event.at, "clock": state.clock.meet(event.at)}
    return state.model_copy(update={**change, "version": state.version + 1})


def _with(state: Round, event: UnitReturned) -> tuple[Returned, ...]:
    """A second answer adds to the first, which keeps its time."""
    before = state.returned(event.unit)
    now = Returned(
        unit=event.unit,
        at=before.at if before else event.at,
        late=before.late if before else event.at > state.clock.due_at,
        screened=event.screened + (before.screened if before else 0),
        reports=(*(before.reports if before else ()), *event.reports),
        registered=(*(before.registered if before else ()), *event.registered),
        joined=tuple(dict.fromkeys([*(before.joined if before else ()), *event.joined])),
    )
    return (*(one for one in state.returns if one.unit != event.unit), now)


def decide_round(state: Round | None, command: Command, policy: Policy, now: datetime) -> tuple[RoundEvent, ...]:
    """The events of a command; raises Refused and changes nothing when the rules say no."""
    head = {"at": now, "by": command.by.person_id, "behalf": command.by.acting_for}
    if isinstance(command, OpenRound):
        return (_opened(command, policy, now, head),)
    if state is None:
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    if not state.is_open:
        raise Refused(RefusalCode.ROUND_CLOSED)
    match command:
        case ReturnRound():
            return _answered(state, command, policy, head)
        case CloseRound():
            missing = tuple(asked.unit for asked in state.missing)
            return (RoundClosed(**head, reason=RoundEnd.SUPERSEDED, missing=missing),)
        case RaiseDueRound():
            return _chased(state, now)
        case RecomputeDeadlines(why=why):
            return (_recomputed(state, why, policy, now, head),)
        case _:
            raise Refused(RefusalCode.WRONG_STAGE)


def _opened(command: OpenRound, policy: Policy, now: datetime, head: dict[str, Any]) -> RoundOpened:
    spec = policy.rounds.get(command.code)
    if spec is None or not command.units:
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    return RoundOpened(
        **head, round_id=command.round_id, code=spec.code, policy=policy.version, division=command.division,
        organiser=spec.organiser, agency=spec.asked, units=command.units,
        clock=Clock.start(policy.time(spec.time, urgent=False), now, policy.calendar),
    )  # fmt: skip


def _answered(state: Round, command: ReturnRound, policy: Policy, head: dict[str, Any]) -> tuple[RoundEvent, ...]:
    asked = next((one for one in state.units if one.unit == command.unit), None)
    if asked is None or not asked.answers(command.by):
        raise Refused(RefusalCode.NOT_ASKED)
    if any(agency not in policy.rounds[state.code].joined for agency in command.joined):
        raise Refused(RefusalCode.NOT_ASKED)
    if command.unfit:
        raise Refused(command.unfit)
    if {*command.registered}.intersection(state.registered):
        raise Refused(RefusalCode.CHILD_NAMED)
    answer = UnitReturned(
        **head, unit=command.unit, screened=command.screened, reports=command.reports, registered=command.registered, joined=command.joined
    )  # fmt: skip
    if any(one.unit != command.unit for one in state.missing):
        return (answer,)
    return answer, RoundClosed(**head, reason=RoundEnd.COMPLETE)


def _chased(state: Round, now: datetime) -> tuple[RoundEvent, ...]:
    fired = tuple(
        RoundRungFired(
            at=now, rung=plan.rung, planned_at=plan.at, missing=tuple(asked.unit for asked in state.missing),
            recipients=_told(state, plan.rung),
        )
        for plan in state.clock.due_rungs(now)
    )  # fmt: skip
    if not fired:
        raise Refused(RefusalCode.NOTHING_DUE)
    return fired


def _told(state: Round, rung: Rung) -> tuple[str, ...]:
    """The unit itself first; above a school or hospital stands the organiser, above a desk its own heads."""
    told: dict[str, None] = {}
    for asked in state.missing:
        behind = asked.unit != asked.desk
        if rung is Rung.REMIND:
            told[_address(asked)] = None
            continue
        whose = state.organiser if behind else state.agency
        told |= dict.fromkeys(recipients(rung, whose, whose.value if behind else asked.desk, None))
    return tuple(told)


def _address(asked: Asked) -> str:
    return f"desk:{asked.desk}" if asked.unit == asked.desk else f"{UNIT}:{asked.unit}"


def _recomputed(state: Round, why: str, policy: Policy, now: datetime, head: dict[str, Any]) -> RoundRecomputed:
    clock = state.clock.recompute(policy.calendar, now)
    if not clock.differs_from(state.clock):
        raise Refused(RefusalCode.NOTHING_TO_RECOMPUTE)
    return RoundRecomputed(**head, calendar_version=policy.calendar.version, reason=why, clock=clock)


def organises(actor: Actor, spec: RoundSpec) -> bool:
    """Whoever may open a round out of its turn: the heads of the agency that holds it, and those who oversee the district."""
    heads = actor.agency is spec.organiser and actor.has(Role.DESK_HEAD, Role.AGENCY_HEAD)
    return not actor.has(*ADMINS) and (heads or (actor.oversees_district and actor.has(Role.SUPERVISOR)))


def follows(actor: Actor, spec: RoundSpec) -> bool:
    """Who sees how all units answer: the organiser, who takes part in the round, and those who oversee the district."""
    staff = actor.has(*DESK_STAFF, Role.AGENCY_HEAD, Role.SUPERVISOR) and not actor.has(*ADMINS)
    return staff and (actor.oversees_district or actor.agency in (spec.organiser, *spec.joined))


def round_id(code: str, day: str) -> str:
    """One round of a kind a day at most."""
    return f"round-{code}-{day}"
