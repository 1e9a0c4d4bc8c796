"""The visit to a child, 走访探视: what the form asks, what it finds, and the warnings that must be verified within their time."""

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from typing import Literal, Self

from app.domain.clock import Clock
from app.domain.commands import Command
from app.domain.facts import FactsSeen, Relation
from app.domain.policy import Frozen, Policy
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Grade, Role, Rung, Service, Term
from app.domain.working_time import LAST_SECOND, day_of, local_instant


class Finding(Term):
    """What a visit found; the child was seen in person or it is not a visit."""

    WELL = "well", "情况良好", "the child is well"
    NEEDS_HELP = "needs_help", "需要帮扶", "needs help"
    AT_RISK = "at_risk", "存在风险", "at risk: a report follows"


class ParentContact(Term):
    """How often parents who are away speak with the child (未成年人保护法 第23条: once a week at least)."""

    AT_HOME = "at_home", "父母在家", "the parents are at home"
    WEEKLY = "weekly", "每周至少一次", "once a week at least"
    SELDOM = "seldom", "少于每周一次", "less than once a week"
    NONE = "none", "没有联系", "none"


class Guardianship(Term):
    """Who in fact looks after the child, 家庭监护情况."""

    PARENTS = "parents", "父母监护", "both parents"
    ONE_PARENT = "one_parent", "父母一方监护", "one parent"
    DELEGATED = "delegated", "委托照护", "somebody whom the parents have entrusted"
    KIN = "kin", "亲属照料（未委托）", "relatives, not entrusted"
    INSTITUTION = "institution", "机构照料", "an institution"
    NOBODY = "nobody", "无人监护", "nobody"


class Supervision(Term):
    """What the committee did about the guardians, 督促履责."""

    FULFILLED = "fulfilled", "履责正常", "they fulfil their duty"
    URGED = "urged", "当场督促", "urged on the spot"
    ADMONISHED = "admonished", "劝诫、制止", "admonished"
    REPORTED = "reported", "报告公安机关", "reported to the police"


class Acknowledgement(Term):
    """Whether the guardians have signed that they know their duty, 监护责任确认书."""

    SIGNED = "signed", "已签署", "signed"
    REFUSED = "refused", "拒绝签署", "refused"
    ABSENT = "absent", "监护人不在场", "the guardians were absent"


class VisitForm(Frozen):
    """What a visitor answers besides the finding; nothing need be known."""

    seen_in_person: bool = True
    guardian_met: bool = False
    parent_contact: ParentContact | None = None
    guardianship: Guardianship | None = None
    supervision: Supervision | None = None
    acknowledged: Acknowledgement | None = None
    needs: tuple[Service, ...] = ()
    facts: FactsSeen = FactsSeen()

    def without(self, relations: Collection[Relation]) -> Self:
        """The same without what was seen of these of the family."""
        family = {one: said for one, said in self.facts.family.items() if one not in relations}
        return self.model_copy(update={"facts": self.facts.model_copy(update={"family": family})})


def needs_help(finding: Finding, form: VisitForm | None) -> bool:
    """By what was found, or by what was ticked."""
    return finding is Finding.NEEDS_HELP or bool(form and form.needs)


TAKEN_BACK_WITHIN = timedelta(days=7)
"""Product default: so long after a visit was recorded as missed, one that had been made in time and comes late takes that back."""


class Outcome(Term):
    """How a warning turned out when it was verified (R055)."""

    NO_RISK = "no_risk", "核实无风险", "no risk: a false alarm"
    HELP = "help", "需要帮扶", "help according to what was found"
    RISK = "risk", "核实存在风险", "a risk: a report follows"


class RaiseWarning(Command):
    """A signal of another system about a watched child: it is verified like what a visit found."""

    rule: str
    basis: tuple[str, ...]
    urgent: bool


class Warned(Frozen):
    """A warning that waits to be verified; its number is the version of the event that opened it."""

    number: int
    rule: str
    opened_at: datetime
    clock: Clock
    of: str | None = None
    """The watch in which it was opened, where that rests since two files were joined."""
    number_there: int | None = None
    """Its number in that one, by which a signal knows it; events of former days do not say it."""


class Missed(Frozen):
    """A visit that was not made by its day: from when on one counted for it, and by when it was due."""

    started_at: datetime
    due_at: datetime

    def was_made(self, day: date, made: datetime) -> bool:
        """Whether a visit of that day was this one, in time after all."""
        return made > self.started_at and day <= day_of(self.due_at)


class WatchFact(Frozen):
    """Common to all events of a watch."""

    at: datetime
    by: str = "engine"
    behalf: str | None = None


class VisitAttempted(WatchFact):
    """Nobody was met, or not the child: the visit is owed as before."""

    kind: Literal["visit_attempted"] = "visit_attempted"
    form: VisitForm
    visited_on: date | None = None


class VisitRecorded(WatchFact):
    """The child was seen; the next visit is planned. `categories` are those that the rules find on what is known now.

    `in_time_after_all`: it was sent when its day had passed and, as its visitor says, had been made by then, so what stands as missed was
    not; whether figures take that back is up to `TAKEN_BACK_WITHIN`. `missed` is what still stands as missed before the visit that is owed
    now, for one made in time may come later than one made after. `graded_at`: this visit decides the grade, as of then. `before_watch`: it
    comes from an old book and from before this watch began, so it opens no warning and counts in no scorecard.
    """

    kind: Literal["visit_recorded"] = "visit_recorded"
    finding: Finding
    grade: Grade
    visit: Clock
    report: str | None = None
    form: VisitForm | None = None
    categories: tuple[str, ...] = ()
    visited_on: date | None = None
    in_time_after_all: bool = False
    missed: Missed | None = None
    graded_at: datetime | None = None
    before_watch: bool = False

    @property
    def asks_for_help(self) -> bool:
        """Whether somebody owes help by what it found; a risk is a report, and of what is older than the watch others knew."""
        return not self.before_watch and self.report is None and needs_help(self.finding, self.form)

    @property
    def day(self) -> date:
        """On which it was made; of those from before anybody was asked, on which it was recorded."""
        return self.visited_on or day_of(self.at)

    def tells_who(self, agency: Agency) -> bool:
        """Whether this body is told who made it: of one that made a report, the street and the committee alone, whose visits they are."""
        return self.report is None or agency.is_territorial

    def told(self, agency: Agency) -> "VisitRecorded":
        """As this body is told of it."""
        hidden = {"by": Role.REPORTER.value, "behalf": None}
        return self if self.tells_who(agency) else self.model_copy(update=hidden)


class WarningOpened(WatchFact):
    """A finding meets a rule of early warning."""

    kind: Literal["warning_opened"] = "warning_opened"
    rule: str
    basis: tuple[str, ...]
    clock: Clock


class WarningVerified(WatchFact):
    """Somebody looked; a risk is a report by then."""

    kind: Literal["warning_verified"] = "warning_verified"
    warning: int
    rule: str
    outcome: Outcome
    report: str | None = None


class WatchRungFired(WatchFact):
    """One rung of a warning that nobody verifies or of a contact that parents owe, once."""

    kind: Literal["watch_rung_fired"] = "watch_rung_fired"
    about: str
    rung: Rung
    planned_at: datetime
    recipients: tuple[str, ...]


def made_on(said: date | None, began_on: date | None, now: datetime) -> date:
    """The day of a visit, today where none is said. Raises Refused for one ahead, or from before the watch."""
    day = said or day_of(now)
    if day > day_of(now):
        raise Refused(RefusalCode.VISIT_AHEAD)
    if began_on and day < began_on:
        raise Refused(RefusalCode.VISIT_BEFORE_WATCH, began_on=began_on.isoformat())
    return day


def counted_from(day: date, now: datetime) -> datetime:
    """From when on the next one is counted: now, or the end of an earlier day."""
    return now if day == day_of(now) else local_instant(day, LAST_SECOND)


def answers(finding: Finding, form: VisitForm, left_behind: bool) -> dict[str, bool | str]:
    """What the condition of a warning may ask of a visit."""
    return {
        "finding": finding.value,
        "left_behind": left_behind,
        "guardian_met": form.guardian_met,
        "parent_contact": form.parent_contact or "",
        "guardianship": form.guardianship or "",
        "supervision": form.supervision or "",
        "acknowledged": form.acknowledged or "",
        "has_needs": bool(form.needs),
        "benefit_stopped": False,
    }


def warned(
    finding: Finding, form: VisitForm, left_behind: bool, open_rules: tuple[str, ...], policy: Policy, now: datetime
) -> Iterator[WarningOpened]:
    """A warning for each rule that holds and has none open yet."""
    for spec in policy.warnings(answers(finding, form, left_behind)):
        if spec.id not in open_rules:
            clock = Clock.start(policy.time("warning_verify", urgent=spec.urgent), now, policy.calendar)
            yield WarningOpened(at=now, rule=spec.id, basis=spec.basis, clock=clock)
