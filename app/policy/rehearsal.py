"""One case played through in virtual time: the same decisions and clocks as in life, with agencies that answer and agencies that do not."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.access import ENGINE, Actor
from app.domain.case import BY_ACT, decide, file_report
from app.domain.clock import Clock
from app.domain.facts import ReportFacts
from app.domain.fold import fold
from app.domain.policy import Policy
from app.domain.procedure import Outcome, is_step
from app.domain.procedure_work import usual, usual_end
from app.domain.progress import Duty, Progress, Referral, State, next_deadline
from app.domain.referral_events import ReferralOpened
from app.domain.refusals import Refused
from app.domain.terms import Agency, CloseReason, Grade, Role, Safety, Stage
from app.domain.titles import TITLES

LONGEST = timedelta(days=800)
"""After so long the course is cut, open or not."""
AGAIN = timedelta(days=1)
"""When somebody who was refused tries again."""
REPORTER = Actor(person_id="reporter", agency=Agency.COMM, desk="COMM", roles=(Role.REPORTER,), unit="rehearsal")
REPLIES = ("supervision_reply", "supervised")
HIDDEN = ("delivery_recorded", "note_added", "task_claimed")


class Happening(BaseModel):
    """One event of the course: `who` acts or is asked, `due_at` is until when."""

    at: datetime
    kind: str
    title_zh: str
    title_en: str
    who: str
    subject: str = ""
    rung: str | None = None
    recipients: tuple[str, ...] = ()
    due_at: datetime | None = None
    basis: tuple[str, ...] = ()


class Course(BaseModel):
    """The whole course and where it ends."""

    policy: str
    silent: tuple[Agency, ...]
    happenings: tuple[Happening, ...]
    stage: Stage
    closed_reason: CloseReason | None
    ends_at: datetime
    still_open: tuple[str, ...]
    not_met: tuple[str, ...] = ()
    """Outcomes that were asked for, and to which the course never came."""


class NoSuchOutcome(ValueError):
    """An outcome that no step of the rules has, with those that it has."""


def outcomes_of(policy: Policy, written: Sequence[str]) -> dict[str, tuple[Outcome, ...]]:
    """By step, what is said of it as `procedure.step=outcome`; said again, it is how the step ends the next time.

    Raises NoSuchOutcome.
    """
    chosen: dict[str, tuple[Outcome, ...]] = {}
    for one in written:
        name, _, code = one.partition("=")
        if policy.lacks((), (name,)) or not is_step(name):
            raise NoSuchOutcome(f"没有步骤 {name} · there is no step {name}")
        ends = policy.step(name).by_person
        ended = next((end for end in ends if end.code == code), None)
        if ended is None:
            known = "、".join(f"{end.code} {end.title_zh}" for end in ends) or "-"
            raise NoSuchOutcome(f"步骤 {name} 没有结果 {code or '-'}；可选 · {name} ends as one of: {known}")
        chosen[name] = (*chosen.get(name, ()), ended)
    return chosen


def rehearse(
    policy: Policy,
    facts: ReportFacts,
    starts_at: datetime,
    silent: Collection[Agency] = (),
    outcomes: Sequence[str] = (),
) -> Course:
    """Whoever is not silent acts at half of the time that the rules give; the engine acts exactly when a clock rings.

    A step ends as it usually does, unless `outcomes` says otherwise; once these are used up, as it usually does.
    """
    chosen = outcomes_of(policy, outcomes)
    inside = policy.triage(facts).sealed_for
    by = _at(inside[0], inside[0]) if inside else REPORTER
    report = c.FileReport(by=by, facts=facts.at(starts_at), unit="rehearsal")
    filed = list(file_report("case-rehearsal", report, policy, starts_at))
    play = _Play(policy, frozenset(silent), filed, starts_at, chosen)
    play.run(starts_at + LONGEST)
    case = play.case
    owed = [referral.id for referral in case.open_referrals] + [duty.code for duty in case.duties if duty.is_open]
    return Course(
        policy=policy.version, silent=tuple(sorted(silent)), happenings=tuple(_told(play.events, policy)), stage=case.stage,
        closed_reason=case.closed_reason, ends_at=play.events[-1].at, still_open=tuple(owed),
        not_met=tuple(f"{name}={end.code}" for name, ends in chosen.items() for end in ends[play.times(name) :]),
    )  # fmt: skip


@dataclass
class _Play:
    policy: Policy
    silent: frozenset[Agency]
    events: list[Any]
    now: datetime
    chosen: dict[str, tuple[Outcome, ...]] = field(default_factory=dict)
    refused: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.case: Progress = fold(self.events)

    def run(self, until: datetime) -> None:
        """Whatever comes first, until nothing more comes."""
        while self.case.is_open:
            if self._engine_moves_on():
                continue
            rings = next_deadline(self.case)
            act = min(self._acts(), key=lambda act: act[0], default=None)
            coming = [at for at in (rings, act[0] if act else None) if at is not None]
            if not coming or min(coming) > until:
                return
            self.now = max(self.now, min(coming))
            if act is None or (rings is not None and rings <= self.now):
                self._do(c.RaiseDue(by=ENGINE))
            else:
                self._do(act[1])

    def _engine_moves_on(self) -> bool:
        """The next stage, as the workflow asks for it."""
        done = {
            Stage.REPORT: (self.case.is_secured, Stage.ASSESS),
            Stage.ASSESS: (self.case.plan_adopted, Stage.INTERVENE),
            Stage.INTERVENE: (self.case.is_helped, Stage.REVIEW),
        }
        ready, stage = done.get(self.case.stage, (False, Stage.CLOSED))
        return ready and self.case.linked_to is None and self._do(c.EnterStage(by=ENGINE, stage=stage))

    def _do(self, command: c.Command) -> bool:
        try:
            new = decide(self.case, command, self.policy, self.now)
        except Refused:
            self.refused[_name(command)] = (self.case.version, self.now + AGAIN)
            return False
        self.events += new
        self.case = fold(new, self.case)
        return bool(new)

    def _acts(self) -> Iterator[tuple[datetime, c.Command]]:
        """What those who are not silent would do next, and when."""
        for at, command in self._possible():
            version, again = self.refused.get(_name(command), (-1, at))
            yield max(self.now, at, again if version == self.case.version else at), command

    def _possible(self) -> Iterator[tuple[datetime, c.Command]]:
        for referral in self.case.open_referrals:
            if referral.agency not in self.silent:
                yield from self._on_referral(referral)
        for duty in self.case.duties:
            if duty.is_open and duty.holder not in self.silent:
                yield from ((_half(duty.clock), command) for command in self._on_duty(duty))

    def _on_referral(self, referral: Referral) -> Iterator[tuple[datetime, c.Command]]:
        who = _at(referral.agency, referral.desk)
        if referral.state is State.SENT:
            yield _half(referral.accept), rc.AcceptReferral(by=who, referral_id=referral.id)
        elif referral.state is State.ACCEPTED and referral.finish:
            yield _half(referral.finish), self._done(who, referral)

    def _done(self, who: Actor, referral: Referral) -> c.Command:
        if referral.assessment:
            return c.FileAssessment(by=who, referral_id=referral.id, grade=Grade.MEDIUM)
        first = self.policy.route(referral.route_id, urgent=referral.urgent).procedure
        return usual_end(self.case, self.policy, self.now, referral, who, self._instead(first))

    def times(self, step: str) -> int:
        """How often a step has ended so far."""
        return sum(done.step == step for done in self.case.outcomes)

    def _instead(self, step: str) -> Outcome | None:
        """How it ends this time, where somebody said so."""
        return next(iter(self.chosen.get(step, ())[self.times(step) :]), None)

    def _on_duty(self, duty: Duty) -> Iterator[c.Command]:
        who = _at(duty.holder, duty.desk)
        match duty.code.partition(":")[0]:
            case "confirm_safety" | "confirm_treated":
                unseen = [child.id for child in self.case.children if child.safety is Safety.UNKNOWN]
                yield from (c.ConfirmSafety(by=who, child_id=child, safety=Safety.SAFE) for child in unseen[:1])
            case "answer_outcome":
                yield c.AnswerReporter(by=who, note="rehearsal")
            case "duplicate_check":
                yield c.ClearDuplicate(by=who)
            case "committee_review":
                yield c.ReviewGrade(by=who, grade=self.case.grade or Grade.MEDIUM, present=self.policy.quorum)
            case "adopt_plan":
                yield c.AdoptPlan(by=who)
            case "post_assessment" | "post_assessment_later":
                yield c.FilePostAssessment(by=who, grade=Grade.LOW)
            case "closure" if self.case.proposed_reason:
                yield c.ApproveClosure(by=_at(duty.holder, duty.desk, "head"))
            case "closure":
                yield c.ProposeClosure(by=who, reason=CloseReason.NEEDS_MET)
            case code if code in REPLIES:
                yield rc.ReplyToSupervision(by=who, code=duty.code)
            case code if is_step(code):
                step, instead = self.policy.step(code), self._instead(code)
                if instead or not (step.waits or step.by_act):
                    said = usual(self.case, self.policy, self.now, step, instead)
                    yield c.RecordOutcome(by=who, code=duty.code, **said)
            case code if code not in BY_ACT:
                yield c.MeetDuty(by=who, code=duty.code)
            case _:
                pass


def _at(agency: Agency, desk: str, person: str = "officer") -> Actor:
    return Actor(person_id=f"{desk.lower()}.{person}", agency=agency, desk=desk, roles=(Role.OFFICER,))


def _half(clock: Clock) -> datetime:
    return clock.started_at + (clock.due_at - clock.started_at) / 2


def _name(command: c.Command) -> str:
    about = command.model_dump(include={"referral_id", "code", "child_id", "stage"})
    return f"{type(command).__name__} {about}"


def _told(events: list[Any], policy: Policy) -> Iterator[Happening]:
    """The events as an officer reads them; whoever is asked stands with the task and its deadline."""
    for event in events:
        if event.kind in HIDDEN or (isinstance(event, e.DutyMet) and is_step(event.code)):
            continue  # that a step ended stands there with its outcome
        zh, en = TITLES[event.kind]
        who, subject, due, basis = event.by, getattr(event, "subject", getattr(event, "referral_id", "")), None, ()
        if isinstance(event, ReferralOpened):
            route = policy.route(event.route_id, urgent=event.urgent)
            zh, en, who = f"{zh}：{route.title_zh}", f"{en}: {route.title_en}", event.agency.value
            due, basis = event.accept.due_at, event.basis
        elif isinstance(event, e.DutyOpened):
            spec = policy.obligation(event.code.partition(":")[0], urgent=False)
            zh, en, who, subject = f"{zh}：{spec.title_zh}", f"{en}: {spec.title_en}", event.holder.value, event.code
            due, basis = event.clock.due_at, event.basis
        elif isinstance(event, e.RungFired):
            zh, en = f"{zh}：{event.rung.zh}", f"{en}: {event.rung.en}"
        elif isinstance(event, e.StageEntered):
            zh, en = f"{zh}：{event.stage.zh}", f"{en}: {event.stage.en}"
        elif isinstance(event, e.OutcomeRecorded):
            ended = policy.step(event.step).ends_by(event.outcome)
            zh, en = f"{zh}：{ended.title_zh}", f"{en}: {ended.title_en}"
        elif isinstance(event, e.DutyMet | e.DutyExpired | e.DutyDropped):
            subject = event.code
        yield Happening(
            at=event.at, kind=event.kind, title_zh=zh, title_en=en, who=who, subject=subject, due_at=due, basis=basis,
            rung=getattr(event, "rung", None), recipients=getattr(event, "recipients", ()),
        )  # fmt: skip
