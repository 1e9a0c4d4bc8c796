"""What a desk owes outside of a case: an empty post to fill, books to set right, a signal or two files to look at, help that a child
needs, parents who left without an arrangement, a case that nobody here may handle. One clock, one ladder, one end."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.domain.access import ENGINE
from app.domain.clock import Clock
from app.domain.commands import Command, RecomputeDeadlines
from app.domain.opening import recipients
from app.domain.policy import Frozen, Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Role, Rung, Term


class Matter(Term):
    """What it is about."""

    VACANCY = "vacancy", "岗位空缺", "an empty post"
    BOOKS = "books", "账实不符", "the books do not agree"
    SIGNAL = "signal", "信号待核对", "a signal that waits for a person"
    RECUSAL = (
        "recusal",
        "区内应办单位须回避，待上级机关指定办理",
        "whoever may handle a case is concerned: a superior organ designates another",
    )
    DOUBLE = "double", "跨街乡镇疑似重复", "files in two streets that may be one child's"
    HELP = "help", "待落实帮扶", "a watched child that needs help"
    DEPARTURE = "departure", "外出未作监护安排", "parents who have left without an arrangement"


class Settled(Term):
    """How it ends."""

    FILLED = "filled", "已补齐", "the post is filled"
    AGREES = "agrees", "核对一致", "the books agree"
    EXPLAINED = "explained", "核实无误，已说明", "looked into and explained"
    DECIDED = "decided", "已处理", "somebody decided"
    DESIGNATED = "designated", "已报请上级机关指定办理", "a superior organ was asked to designate"
    HELPED = "helped", "已帮扶", "it is said what was done"
    HANDED_OVER = "handed_over", "已移交其他单位", "it has gone to another desk"
    ARRANGED = "arranged", "已作安排", "care is arranged, or nobody has left"
    GONE = "gone", "儿童已死亡、成年或迁出", "the child has died, come of age or moved out"


BY_HAND: Mapping[Matter, Settled] = {
    Matter.BOOKS: Settled.EXPLAINED, Matter.RECUSAL: Settled.DESIGNATED, Matter.DOUBLE: Settled.EXPLAINED,
    Matter.HELP: Settled.HELPED,
}  # fmt: skip
"""The others follow from what was done, such as the entry of a new director; of two files one may be gone before they are compared."""


NEEDS, DEPARTURES = "needs", "departures"
"""The codes of help, which is owed to a child once, and of the register of parents who leave."""


class OpenOwed(Command):
    """It is found that something is owed; `code` says what by the rules, `subject` for whom or what."""

    owed_id: str
    matter: Matter
    code: str
    subject: str
    agency: Agency
    desk: str
    division: str
    time: str
    urgent: bool = False


class SettleOwed(Command):
    """It is no longer owed."""

    how: Settled


class RaiseDueOwed(Command):
    """The engine records every rung that is due."""


class OwedFact(Frozen):
    """Common to all events of what is owed."""

    at: datetime
    by: str = "engine"
    behalf: str | None = None


class OwedOpened(OwedFact):
    """It is owed from now on, or again."""

    kind: Literal["owed_opened"] = "owed_opened"
    owed_id: str
    matter: Matter
    code: str
    subject: str
    agency: Agency
    desk: str
    division: str
    policy: str
    clock: Clock

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who is told: of files in two streets those alone who may compare them."""
        if self.matter is Matter.DOUBLE:
            return (f"{Role.SUPERVISOR}:{self.desk}",)
        return (f"desk:{self.desk}",)


class OwedRungFired(OwedFact):
    """One rung, once."""

    kind: Literal["owed_rung_fired"] = "owed_rung_fired"
    rung: Rung
    planned_at: datetime
    recipients: tuple[str, ...]


class OwedRecomputed(OwedFact):
    """The calendar changed; the clock as it runs now."""

    kind: Literal["owed_recomputed"] = "owed_recomputed"
    calendar_version: str
    reason: str
    clock: Clock


class OwedSettled(OwedFact):
    """It has ended."""

    kind: Literal["owed_settled"] = "owed_settled"
    how: Settled


OwedEvent = Annotated[OwedOpened | OwedRungFired | OwedRecomputed | OwedSettled, Field(discriminator="kind")]
owed_event_adapter: TypeAdapter[OwedEvent] = TypeAdapter(OwedEvent)


class Owed(Frozen):
    """Where it stands."""

    owed_id: str
    version: int = 0
    matter: Matter
    code: str
    subject: str
    agency: Agency
    desk: str
    division: str
    policy: str
    opened_at: datetime
    clock: Clock
    is_open: bool = True
    how: Settled | None = None
    settled_at: datetime | None = None


def next_owed_deadline(state: Owed) -> datetime | None:
    """When the next rung is due."""
    return state.clock.next_at if state.is_open else None


def apply_owed(state: Owed | None, event: OwedEvent) -> Owed:
    """The state after one more event; what was settled may be owed again."""
    if isinstance(event, OwedOpened):
        kept = event.model_dump(
            include={"owed_id", "matter", "code", "subject", "agency", "desk", "division", "policy"}
        )
        return Owed(**kept, version=state.version + 1 if state else 1, opened_at=event.at, clock=event.clock)
    if state is None:
        raise ValueError("the ledger of what is owed begins with owed_opened")
    match event:
        case OwedRungFired():
            change: dict[str, Any] = {"clock": state.clock.fire(event.rung)}
        case OwedRecomputed():
            change = {"clock": event.clock}
        case OwedSettled():
            change = {"is_open": False, "how": event.how, "settled_at": event.at, "clock": state.clock.meet(event.at)}
    return state.model_copy(update={**change, "version": state.version + 1})


def decide_owed(state: Owed | None, command: Command, policy: Policy, now: datetime) -> tuple[OwedEvent, ...]:
    """The events of a command; raises Refused and changes nothing when the rules say no."""
    head = {"at": now, "by": command.by.person_id, "behalf": command.by.acting_for}
    if isinstance(command, OpenOwed):
        return _opened(state, command, policy, now, head)
    if state is None:
        raise Refused(RefusalCode.OWED_NOT_FOUND)
    if not state.is_open:
        raise Refused(RefusalCode.ALREADY_DONE)
    match command:
        case SettleOwed(how=how):
            return (OwedSettled(**head, how=how),)
        case RaiseDueOwed():
            return _due(state, now)
        case RecomputeDeadlines(why=why):
            clock = state.clock.recompute(policy.calendar, now)
            if not clock.differs_from(state.clock):
                raise Refused(RefusalCode.NOTHING_TO_RECOMPUTE)
            return (OwedRecomputed(**head, calendar_version=policy.calendar.version, reason=why, clock=clock),)
        case _:
            raise Refused(RefusalCode.WRONG_STAGE)


def _opened(
    state: Owed | None, command: OpenOwed, policy: Policy, now: datetime, head: dict[str, Any]
) -> tuple[OwedEvent, ...]:
    """Its ladder ends with the supervisors: 检察监督 is over what is owed to a child, and that has clocks of its own."""
    if state and state.is_open:
        raise Refused(RefusalCode.ALREADY_DONE)
    given = command.model_dump(include={"owed_id", "matter", "code", "subject", "agency", "desk", "division"})
    spec = policy.time(command.time, urgent=command.urgent)
    ladder = tuple(rung for rung in spec.ladder if rung.rung is not Rung.PROCURATORATE)
    clock = Clock.start(spec.model_copy(update={"ladder": ladder}), now, policy.calendar)
    return (OwedOpened(**head, **given, policy=policy.version, clock=clock),)


def _due(state: Owed, now: datetime) -> tuple[OwedEvent, ...]:
    fired = tuple(
        OwedRungFired(
            at=now, rung=plan.rung, planned_at=plan.at, recipients=_climbs_to(state, plan.rung)
        )
        for plan in state.clock.due_rungs(now)
    )  # fmt: skip
    if not fired:
        raise Refused(RefusalCode.NOTHING_DUE)
    return fired


def _climbs_to(state: Owed, rung: Rung) -> tuple[str, ...]:
    """Who is told on a rung: of files in two streets those alone who may compare them."""
    told = recipients(rung, state.agency, state.desk, None)
    if state.matter is not Matter.DOUBLE:
        return told
    return tuple(
        dict.fromkeys(one if one == f"desk:{Agency.CONF}" else f"{Role.SUPERVISOR}:{state.desk}" for one in told)
    )


def owed_id(matter: Matter, code: str, subject: str) -> str:
    """The same thing owed is the same stream, however often it comes up."""
    return f"owed-{sha256(f'{matter.value}|{code}|{subject}'.encode()).hexdigest()[:32]}"


def opening(
    matter: Matter, code: str, subject: str, desk: str, division: str, time: str, *, urgent: bool = False
) -> OpenOwed:
    """The command by which the engine finds that something is owed at a desk."""
    return OpenOwed(
        by=ENGINE, owed_id=owed_id(matter, code, subject), matter=matter, code=code, subject=subject, desk=desk,
        agency=Agency(desk.partition("-")[0]), division=division, time=time, urgent=urgent,
    )  # fmt: skip
