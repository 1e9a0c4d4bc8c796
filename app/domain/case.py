"""The rules of a case: what a command makes of it now, and what follows from that at once by rule alone."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from app.domain import benefit_commands as bc
from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.benefit_work import BENEFIT_WORK
from app.domain.compartment import outside, require_inside, require_unsealed
from app.domain.fold import fold
from app.domain.opening import REPLY, SUPERVISED, open_duty, open_leg, ready_duties, ready_legs
from app.domain.policy import Policy
from app.domain.procedure import is_step, step_of
from app.domain.procedure_work import PROCEDURE_WORK, elapsed, handed_over, lost_by_link, taken_over
from app.domain.progress import Answer, Progress, State
from app.domain.referral import DESK_WORK, signed
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import ENGINE
from app.domain.stages import STAGE_WORK
from app.domain.supervision import SUPERVISION_WORK
from app.domain.terms import OWN_AGENCY, Role

Decision = Callable[[Progress, Any, Policy, datetime], tuple[e.Event, ...]]

BY_ACT: dict[str, Callable[[Progress], bool]] = {
    "answer_acceptance": lambda state: state.informed,
    "answer_outcome": lambda state: state.answered,
    "confirm_safety": lambda state: state.all_safe,
    "confirm_treated": lambda state: state.all_safe,
    "duplicate_check": lambda state: not state.possible_duplicate,
    "committee_review": lambda state: state.grade_reviewed,
    "adopt_plan": lambda state: state.plan_adopted,
    "post_assessment": lambda state: state.post_assessments > 0,
    "post_assessment_later": lambda state: state.post_assessed,
    "closure": lambda state: not state.is_open,
}
"""Duties that the act itself fulfils; nobody can tick them off."""

WHILE_LINKED = (
    c.UnlinkReport, c.AnswerReporter, c.WaiveAnswer, c.AddNote, c.DeclareConflict, c.KeepOut, c.FollowPrimary, c.RaiseDue,
    c.RecomputeDeadlines, rc.RecordDelivery,
)  # fmt: skip


def decide(progress: Progress | None, command: c.Command, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    """The events of a command, in order; raises Refused and changes nothing when the rules say no."""
    if isinstance(command, c.FileReport):
        if progress is not None:
            raise Refused(RefusalCode.ALREADY_FILED)
        raise TypeError("a report is decided by file_report, which knows the new id")
    if progress is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    ended_with_another = progress.linked_to and isinstance(command, c.UnlinkReport)
    if not progress.is_open and not ended_with_another and not _goes_on(progress, command):
        raise Refused(RefusalCode.CASE_CLOSED, closed_reason=progress.closed_reason)
    if progress.linked_to and not isinstance(command, WHILE_LINKED):
        raise Refused(RefusalCode.CASE_LINKED, primary=progress.linked_to)
    first = DECISIONS[type(command)](progress, command, policy, now)
    return with_consequences(progress, first, policy, now)


def _goes_on(progress: Progress, command: c.Command) -> bool:
    """What a child receives outlives its case: there it is changed and stopped, by the amounts of the day; what is new is a new case."""
    match command:
        case bc.DecideBenefit() | bc.HearFamily():
            return progress.held(command.child_id, command.benefit) is not None
        case bc.ChooseHighest():
            return bool(progress.benefits_of(command.child_id))
        case c.MovePolicy():
            return bool(progress.benefits)
        case c.KeepOut():
            return True  # it can still be read
        case c.DeclareConflict(by=by):
            return by == ENGINE
        case _:
            return False


def file_report(case_id: str, command: c.FileReport, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    """The first events of a case: the report, and every leg and duty that opens with it."""
    facts, triage = command.facts, policy.triage(command.facts)
    require_inside(triage.sealed_for, command.by.agency)
    filed = e.ReportFiled(
        at=now,
        by=command.by.person_id,
        behalf=command.by.acting_for,
        case_id=case_id,
        report_kind=facts.kind,
        reporter_class=facts.reporter_class,
        reporter_unit=command.unit,
        division=facts.division,
        children=tuple(child.child_id for child in facts.children),
        policy=policy.version,
        triggers=triage.triggers,
        urgency=triage.urgency,
        branch=triage.branch,
        left_behind=triage.left_behind,
        lead=triage.lead,
        must_not_notify=triage.must_not_notify,
        closes_only_when_found=triage.closes_only_when_found,
        possible_duplicate=facts.possible_duplicate,
        steps=tuple(e.PlannedStep(route_id=r.id, step=r.step, agency=r.agency, gate=r.gate) for r in triage.routes),
        duties=tuple(e.PlannedDuty(code=o.code, gate=o.gate) for o in triage.obligations),
        rows=triage.rows,
        watch=command.watch,
        about=(*command.about, *outside(triage.sealed_for)),
        named=command.named,
        sealed_for=triage.sealed_for,
    )
    return with_consequences(None, (filed,), policy, now)


def with_consequences(
    progress: Progress | None, first: tuple[e.Event, ...], policy: Policy, now: datetime
) -> tuple[e.Event, ...]:
    """The events and all that follows from them at once, until nothing more follows."""
    events, state = first, fold(first, progress)
    while more := _consequences(state, policy, now):
        events, state = events + more, fold(more, state)
    return events


def _consequences(state: Progress, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    if not state.is_open:
        return ()
    told = _reporter_is_told(state, now) + _duties_settled(state, now)
    if state.linked_to:
        return told
    over = tuple(elapsed(state, policy, now))
    legs = tuple(open_leg(state, policy, now, step) for step in ready_legs(state))
    duties = tuple(open_duty(state, policy, now, code) for code in ready_duties(state))
    return told + over + legs + duties


def _reporter_is_told(state: Progress, now: datetime) -> tuple[e.Event, ...]:
    """The first acceptance by somebody other than the reporter's own agency."""
    own = OWN_AGENCY.get(state.reporter_class)
    accepted = any(r.state in (State.ACCEPTED, State.COMPLETED) and r.agency is not own for r in state.referrals)
    return (e.ReporterInformed(at=now),) if accepted and not state.informed else ()


def _duties_settled(state: Progress, now: datetime) -> tuple[e.Event, ...]:
    """Duties that a fact fulfils without anybody saying so."""
    settled = tuple(code for code, done in BY_ACT.items() if done(state) and state.open_duty(code))
    return tuple(e.DutyMet(at=now, code=code) for code in settled)


def _confirm_safety(progress: Progress, command: c.ConfirmSafety, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    if command.child_id not in {child.id for child in progress.children}:
        raise Refused(RefusalCode.CHILD_NOT_FOUND)
    said = {"child_id": command.child_id, "safety": command.safety}
    return (e.SafetyConfirmed(**signed(command.by, now), **said),)


def _record_sentence(
    progress: Progress, command: c.RecordSentence, policy: Policy, now: datetime
) -> tuple[e.Event, ...]:
    if "guardian_sentenced" in progress.happened:
        raise Refused(RefusalCode.ALREADY_DONE)
    return (e.GuardianSentenced(**signed(command.by, now)),)


def _meet_duty(progress: Progress, command: c.MeetDuty, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    if not progress.open_duty(command.code):
        raise Refused(RefusalCode.DUTY_NOT_FOUND, code_of_duty=command.code)
    if command.code in BY_ACT or is_step(command.code) or command.code.startswith((REPLY, SUPERVISED)):
        raise Refused(RefusalCode.DUTY_MET_BY_ACT, code_of_duty=command.code)
    return (e.DutyMet(**signed(command.by, now), code=command.code),)


def _answer_reporter(
    progress: Progress, command: c.AnswerReporter, policy: Policy, now: datetime
) -> tuple[e.Event, ...]:
    return (e.ReporterAnswered(**signed(command.by, now)),)


def _waive_answer(progress: Progress, command: c.WaiveAnswer, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    if progress.answered:
        raise Refused(RefusalCode.ALREADY_DONE)
    return (e.AnswerWaived(**signed(command.by, now), reason=command.reason),)


def _add_note(progress: Progress, command: c.AddNote, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    return (e.NoteAdded(**signed(command.by, now)),)


def _declare_conflict(
    progress: Progress, command: c.DeclareConflict, policy: Policy, now: datetime
) -> tuple[e.Event, ...]:
    """What was declared before is on record once more: any other answer would say which unit is kept out with an account."""
    by_service, about = command.by == ENGINE, tuple(dict.fromkeys((*command.about, *command.staff_of)))
    named = () if by_service else command.about
    return (e.ConflictDeclared(**signed(command.by, now), about=about, named=named, is_own=by_service),)


def _keep_out(progress: Progress, command: c.KeepOut, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    return (e.KeptOutByLink(**signed(command.by, now), about=command.about),)


def _link(progress: Progress, command: c.LinkReport, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    if command.primary == progress.case_id:
        raise Refused(RefusalCode.SAME_CASE)
    require_unsealed(progress.sealed_for)
    if progress.followers:
        raise Refused(RefusalCode.LINK_CHAIN)
    withdrawn = tuple(
        e.ReferralWithdrawn(**signed(command.by, now), referral_id=r.id, why="linked") for r in progress.open_referrals
    )
    dropped = tuple(
        e.DutyDropped(**signed(command.by, now), code=d.code)
        for d in progress.duties
        if d.is_open and not d.code.startswith("answer_")
    )
    owed = handed_over(progress, policy)
    linked = e.ReportLinked(**signed(command.by, now), primary=command.primary, procedures=owed)
    informed = () if progress.informed else (e.ReporterInformed(at=now),)
    return (*withdrawn, *dropped, linked, *informed)


def _unlink(progress: Progress, command: c.UnlinkReport, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    """A report that was closed with the other case opens again, for nobody has helped its child: a supervisor says so."""
    if not progress.linked_to:
        raise Refused(RefusalCode.NOT_LINKED)
    if not progress.is_open and Role.SUPERVISOR not in command.by.roles:
        raise Refused(RefusalCode.NOT_ALLOWED)
    unlinked = e.ReportUnlinked(**signed(command.by, now), primary=progress.linked_to)
    again = taken_over(progress, policy, now, lost_by_link(progress))
    if progress.answer is not Answer.FOLLOWED:
        return (unlinked, *again)
    return unlinked, *again, open_duty(progress, policy, now, "answer_outcome")


def _add_follower(progress: Progress, command: c.AddFollower, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    require_unsealed(progress.sealed_for)
    if missing := policy.lacks((), tuple(map(step_of, command.procedures))):
        raise Refused(RefusalCode.POLICY_UNFIT, rows=list(missing))
    settles = command.settles and progress.possible_duplicate
    added = e.FollowerAdded(**signed(command.by, now), case_id=command.case_id, settles=settles)
    steps = {step: command.clocks.get(step) for step in command.procedures}
    return (added, *taken_over(progress, policy, now, steps))


def _remove_follower(
    progress: Progress, command: c.RemoveFollower, policy: Policy, now: datetime
) -> tuple[e.Event, ...]:
    if command.case_id not in progress.followers:
        raise Refused(RefusalCode.NOT_LINKED)
    return (e.FollowerRemoved(**signed(command.by, now), case_id=command.case_id),)


def _clear_duplicate(
    progress: Progress, command: c.ClearDuplicate, policy: Policy, now: datetime
) -> tuple[e.Event, ...]:
    if not progress.possible_duplicate:
        raise Refused(RefusalCode.ALREADY_DONE)
    return (e.DuplicateCleared(**signed(command.by, now)),)


def _suspect_duplicate(
    progress: Progress, command: c.SuspectDuplicate, policy: Policy, now: datetime
) -> tuple[e.Event, ...]:
    if progress.possible_duplicate:
        return ()
    return e.DuplicateSuspected(**signed(command.by, now)), open_duty(progress, policy, now, "duplicate_check")


def _follow_primary(progress: Progress, command: c.FollowPrimary, policy: Policy, now: datetime) -> tuple[e.Event, ...]:
    """A report whose own reporter has had no answer stays open, whatever became of the primary case."""
    head = signed(command.by, now)
    answered = (e.ReporterAnswered(**head),) if command.answered and not progress.answered else ()
    if command.closed is None or not (answered or progress.answered):
        return answered
    open_codes = dict.fromkeys(d.code for d in progress.duties if d.is_open)
    duties = tuple(
        e.DutyMet(at=now, code=code) if answered and code == "answer_outcome" else e.DutyDropped(at=now, code=code)
        for code in open_codes
    )
    closed = e.CaseClosed(
        **head, reason=command.closed, grade=None, proposed_by=command.by.person_id
    )  # fmt: skip
    return (*answered, *duties, closed)


DECISIONS: dict[type[c.Command], Decision] = {
    c.ConfirmSafety: _confirm_safety,
    c.RecordSentence: _record_sentence,
    c.MeetDuty: _meet_duty,
    c.AnswerReporter: _answer_reporter,
    c.WaiveAnswer: _waive_answer,
    c.AddNote: _add_note,
    c.DeclareConflict: _declare_conflict,
    c.KeepOut: _keep_out,
    c.LinkReport: _link,
    c.UnlinkReport: _unlink,
    c.AddFollower: _add_follower,
    c.RemoveFollower: _remove_follower,
    c.ClearDuplicate: _clear_duplicate,
    c.SuspectDuplicate: _suspect_duplicate,
    c.FollowPrimary: _follow_primary,
    **DESK_WORK,
    **PROCEDURE_WORK,
    **STAGE_WORK,
    **SUPERVISION_WORK,
    **BENEFIT_WORK,
}
