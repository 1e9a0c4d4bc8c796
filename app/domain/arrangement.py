"""What parents arrange before they go away to work: a fit delegate, dates, a word with the child every week; their return ends it."""

from datetime import date, datetime, time
from typing import Any, Literal

from app.domain.clock import Clock
from app.domain.commands import Command, ContentCommand
from app.domain.facts import Relation
from app.domain.policy import Frozen, Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Term
from app.domain.visit import WatchFact
from app.domain.working_time import LAST_SECOND, day_of, local_instant


class Ground(Term):
    """Who must not be entrusted with a child, 未成年人保护法 第22条."""

    VIOLENCE = (
        "violence",
        "曾实施性侵害、虐待、遗弃、拐卖、暴力伤害等违法犯罪行为",
        "has harmed a child or been violent",
    )
    ADDICTION = "addiction", "有吸毒、酗酒、赌博等恶习", "takes drugs, drinks or gambles"
    NEGLECT = "neglect", "曾拒不履行或者长期怠于履行监护、照护职责", "has neglected a child before"
    UNSUITABLE = "unsuitable", "其他不适宜担任被委托人的情形", "unsuitable for another reason"


class ArrangeCare(ContentCommand):
    """外出前监护安排: `content` names the delegate and where the parents go."""

    relation: Relation
    is_adult: bool
    is_able: bool
    grounds: tuple[Ground, ...] = ()
    leaves_on: date
    returns_on: date | None = None
    told_school: bool = False


class RecordContact(Command):
    """The parents have spoken with the child."""


class RecordReturn(Command):
    """A parent is back and cares for the child."""


class CareArranged(WatchFact):
    """A delegate who was found fit cares from the day of leaving; `late` when that day had passed."""

    kind: Literal["care_arranged"] = "care_arranged"
    relation: Relation
    leaves_on: date
    returns_on: date | None
    told_school: bool
    late: bool
    contact: Clock
    back: Clock | None = None
    """Rings when the day has passed on which they meant to be back."""


class ContactRecorded(WatchFact):
    """The parents' next word with the child is due a week from now."""

    kind: Literal["contact_recorded"] = "contact_recorded"
    contact: Clock


class ParentsReturned(WatchFact):
    """The arrangement has ended."""

    kind: Literal["parents_returned"] = "parents_returned"


class Arrangement(Frozen):
    """Where it stands; its number is the version of the event that made it."""

    number: int
    relation: Relation
    leaves_on: date
    returns_on: date | None
    told_school: bool
    contact: Clock
    back: Clock | None = None


def decide_arrangement(
    arrangement: Arrangement | None, command: Command, policy: Policy, now: datetime, head: dict[str, Any]
) -> WatchFact:
    """The event of a command about it."""
    if isinstance(command, ArrangeCare):
        return _arranged(arrangement, command, policy, now, head)
    if arrangement is None:
        raise Refused(RefusalCode.NO_ARRANGEMENT)
    if isinstance(command, RecordReturn):
        return ParentsReturned(**head)
    return ContactRecorded(**head, contact=contact_clock(policy, now, arrangement.leaves_on))


def _arranged(
    standing: Arrangement | None, command: ArrangeCare, policy: Policy, now: datetime, head: dict[str, Any]
) -> CareArranged:
    """Nobody is entrusted who is no capable grown-up, or to whom one of the four grounds applies (L32). Of parents who are away already
    the word that they owe is owed as before, whatever else is entered anew."""
    unfit = tuple(ground.value for ground in command.grounds)
    if unfit or not command.is_adult or not command.is_able:
        raise Refused(RefusalCode.DELEGATE_UNFIT, grounds=unfit)
    if command.returns_on and command.returns_on < command.leaves_on:
        raise Refused(RefusalCode.RETURN_BEFORE_LEAVING)
    given = command.model_dump(include={"relation", "leaves_on", "returns_on", "told_school"})
    late = command.leaves_on < day_of(now)
    back = _back_clock(policy, command.returns_on, now) if command.returns_on else None
    contact = contact_clock(policy, now, command.leaves_on)
    if standing and max(standing.leaves_on, command.leaves_on) <= day_of(now):
        contact = standing.contact
    return CareArranged(**head, **given, late=late, contact=contact, back=back)


def contact_clock(policy: Policy, since: datetime, leaves_on: date, known: datetime | None = None) -> Clock:
    """Parents who are away speak with the child once a week at least (L33); from the day on which they leave."""
    since = max(since, local_instant(leaves_on, time()))
    return Clock.start(policy.time("parent_contact", urgent=False), since, policy.calendar, known)


def _back_clock(policy: Policy, day: date, now: datetime) -> Clock:
    """The committee asks after parents who have not come back by the day that they named; their return, or a new day, ends it."""
    since = max(now, local_instant(day, LAST_SECOND))
    return Clock.start(policy.time("parents_back", urgent=False), since, policy.calendar)
