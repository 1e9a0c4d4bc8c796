"""From assessment to closure: grade, committee review, plan with one lead agency, post-assessments, two persons to close."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from app.domain import commands as c
from app.domain import events as e
from app.domain.benefits import Benefit
from app.domain.compartment import OFFENCE, require_inside
from app.domain.facts import ChildSeen
from app.domain.opening import open_duty, reopen_leg
from app.domain.policy import Gate, Policy
from app.domain.procedure import is_step
from app.domain.procedure_work import handed_over
from app.domain.progress import Duty, Progress, State
from app.domain.referral import Events, in_work, signed
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import GONE, CloseReason, Safety, Stage

ENDS_EARLY = (
    CloseReason.NO_RISK_FOUND, CloseReason.MOVED_AND_HANDED_OVER, CloseReason.ADULTHOOD, CloseReason.DIED,
    CloseReason.POLICE_CLOSED,
)  # fmt: skip
"""Reasons that end a case before its post-assessment."""
DECIDED_ELSEWHERE = (*OFFENCE, "conference_decided", "conference_refused", "court_appointed_civil")
"""What no assessment finds: the procuratorate, the joint conference and the courts decide it."""
OWN_OBSTACLE = ("closure", "answer_", "post_assessment")
REPLIES = ("supervision_reply", "supervised")
NO_CHILD_TO_SEE = (CloseReason.DIED, CloseReason.POLICE_CLOSED)


def _enter_stage(progress: Progress, command: c.EnterStage, policy: Policy, now: datetime) -> Events:
    allowed = {
        Stage.ASSESS: progress.stage is Stage.REPORT and progress.is_secured,
        Stage.INTERVENE: progress.stage is Stage.ASSESS and progress.plan_adopted,
        Stage.REVIEW: progress.stage is Stage.INTERVENE and progress.is_helped,
    }
    if not allowed.get(command.stage, False):
        raise Refused(RefusalCode.WRONG_STAGE, stage=progress.stage.value)
    return (e.StageEntered(**signed(command.by, now), stage=command.stage),)


def _graded(command: c.Grading) -> dict[str, Any]:
    """The grade of a person beside that of the scale: a proposal is never overruled without saying why."""
    said = command.proposed
    differs = said is not None and said.grade is not command.grade
    if said and differs and command.override is None:
        raise Refused(RefusalCode.OVERRIDE_NEEDS_REASON, scale=said.scale, proposed=said.grade.value)
    beside = {"scale": said.scale, "proposed": said.grade} if said else {}
    return {"grade": command.grade, **beside, "override": command.override if differs else None}


def _file_assessment(progress: Progress, command: c.FileAssessment, policy: Policy, now: datetime) -> Events:
    referral, _ = in_work(progress, command, command.referral_id)
    if not referral.assessment:
        raise Refused(RefusalCode.NO_ASSESSMENT)
    _require_facts(progress, command.seen)
    filed = e.AssessmentFiled(
        **signed(command.by, now), referral_id=referral.id, facts=bool(command.seen), **_graded(command)
    )
    if progress.grade_reviewed or progress.open_duty("committee_review"):
        return (filed,)
    return filed, open_duty(progress, policy, now, "committee_review")


def _review_grade(progress: Progress, command: c.ReviewGrade, policy: Policy, now: datetime) -> Events:
    if progress.grade is None:
        raise Refused(RefusalCode.NO_ASSESSMENT)
    _require_quorum(command, policy)
    head = signed(command.by, now)
    return (e.GradeReviewed(**head, **_graded(command), present=command.present, recused=command.recused),)


def _require_facts(progress: Progress, seen: Iterable[ChildSeen]) -> None:
    """Facts are of the children of the case, and what others decide is theirs to say."""
    for one in seen:
        if one.child_id not in {child.id for child in progress.children}:
            raise Refused(RefusalCode.CHILD_NOT_FOUND)
        if names := tuple(name for name in DECIDED_ELSEWHERE if name in one.child):
            raise Refused(RefusalCode.DECIDED_ELSEWHERE, fields=names)


def _require_quorum(command: c.ReviewGrade | c.ReturnAssessment, policy: Policy) -> None:
    if command.present - command.recused < policy.quorum:
        raise Refused(RefusalCode.QUORUM_NOT_MET, quorum=policy.quorum)


def _return_assessment(progress: Progress, command: c.ReturnAssessment, policy: Policy, now: datetime) -> Events:
    """Whoever assessed does so again and the committee reviews it anew; what is urgent waits for neither."""
    if progress.grade is None:
        raise Refused(RefusalCode.NO_ASSESSMENT)
    assessed = [leg for leg in progress.referrals if leg.assessment and leg.state is State.COMPLETED]
    if not (assessed and progress.open_duty("committee_review")):
        raise Refused(RefusalCode.ALREADY_DONE)
    _require_quorum(command, policy)
    if progress.assessment_returns >= policy.return_cap:
        raise Refused(RefusalCode.RETURN_CAP, cap=policy.return_cap)
    if not command.note.strip():
        raise Refused(RefusalCode.REASONS_NEEDED)
    head, leg = signed(command.by, now), assessed[-1]
    returned = e.AssessmentReturned(**head, referral_id=leg.id, present=command.present, recused=command.recused)
    met = e.DutyMet(**head, code="committee_review")
    return returned, met, reopen_leg(progress, policy, now, leg, leg.agency, refused=False)


def _adopt_plan(progress: Progress, command: c.AdoptPlan, policy: Policy, now: datetime) -> Events:
    if progress.plan_adopted:
        raise Refused(RefusalCode.PLAN_ALREADY_ADOPTED)
    if progress.stage is not Stage.ASSESS:
        raise Refused(RefusalCode.WRONG_STAGE, stage=progress.stage.value)
    if _assessment_is_owed(progress, policy):
        raise Refused(RefusalCode.NO_ASSESSMENT)
    reviewing = progress.open_duty("committee_review") or any(leg.assessment for leg in progress.open_referrals)
    if reviewing and not progress.urgency.around_the_clock:
        raise Refused(RefusalCode.COMMITTEE_REVIEW_PENDING)
    require_inside(
        progress.sealed_for, *(item.agency for item in command.items), *((command.lead,) if command.lead else ())
    )
    last = max((step.step for step in progress.steps), default=0)
    added = tuple(
        e.PlannedStep(
            route_id=f"plan:{item.agency}:{item.service}", step=last + 1, agency=item.agency,
            gate=Gate(stage=Stage.INTERVENE),
        )
        for item in dict.fromkeys(command.items)
    )  # fmt: skip
    asked = {r.route_id for r in progress.referrals}
    dropped = tuple(route_id for route_id in dict.fromkeys(command.drop) if route_id not in asked)
    lead = command.lead or progress.lead
    return (e.PlanAdopted(**signed(command.by, now), lead=lead, added=added, dropped=dropped),)


def _assessment_is_owed(progress: Progress, policy: Policy) -> bool:
    urgent = progress.urgency.around_the_clock
    ended = {r.route_id for r in progress.referrals if r.state in (State.COMPLETED, State.FAILED)}
    return any(
        policy.route(step.route_id, urgent=urgent).assessment and step.route_id not in ended for step in progress.steps
    )


def _file_post_assessment(progress: Progress, command: c.FilePostAssessment, policy: Policy, now: datetime) -> Events:
    if progress.stage is not Stage.REVIEW:
        raise Refused(RefusalCode.WRONG_STAGE, stage=progress.stage.value)
    if progress.post_assessed:
        raise Refused(RefusalCode.ALREADY_DONE)
    before, planned = progress.post_assessments, progress.post_assessments_planned
    earlier = [d.clock.met_at for d in progress.duties if d.code in planned and d.clock.met_at and not d.dropped]
    if earlier and now < (from_at := max(earlier) + policy.post_assessments_apart.nominal):
        raise Refused(RefusalCode.POST_ASSESSMENT_TOO_EARLY, from_at=from_at)
    code = planned[before] if before < len(planned) else ""
    filed = e.PostAssessmentFiled(**signed(command.by, now), grade=command.grade, code=code)
    if before + 1 < len(planned):
        return (filed,)
    return filed, open_duty(progress, policy, now, "closure")


def closing_obstacles(progress: Progress, reason: CloseReason, policy: Policy) -> tuple[str, ...]:
    """What still stands against closing for this reason, as stable codes."""
    early = reason in ENDS_EARLY
    checks = {
        "reporter_not_answered": not progress.answered,
        "post_assessment_missing": not early and not (progress.stage is Stage.REVIEW and progress.post_assessed),
        "child_not_found": progress.closes_only_when_found and not progress.all_safe and reason not in NO_CHILD_TO_SEE,
        "safety_not_verified": reason not in NO_CHILD_TO_SEE
        and progress.urgency.around_the_clock
        and any(child.safety is Safety.UNKNOWN for child in progress.children),
        "temporary_support_runs": not early and any(held.benefit is Benefit.TEMP_LIVING for held in progress.benefits),
        "referrals_open": not early and bool(progress.open_referrals),
        "procedures_open": early and reason not in GONE and any(_is_first_step(progress, policy)),
        "duties_open": any(_still_owed(progress, duty, reason) for duty in progress.duties),
    }
    return tuple(code for code, stands in checks.items() if stands)


def _is_first_step(progress: Progress, policy: Policy) -> Iterator[bool]:
    """Of each open leg; nobody ends a procedure by closing the case before its first answer."""
    urgent = progress.urgency.around_the_clock
    return (bool(policy.route(leg.route_id, urgent=urgent).procedure) for leg in progress.open_referrals)


def _still_owed(progress: Progress, duty: Duty, reason: CloseReason) -> bool:
    """Whether a duty stands against closing: a written reply always does, a step of a procedure unless the child is gone from here,
    the rest where the case ran its course.

    Those that have an obstacle of their own do not count again, nor does one whose expiry put a leg in its place.
    """
    if not duty.is_open or duty.code.startswith(OWN_OBSTACLE):
        return False
    if duty.code.startswith(REPLIES) or (is_step(duty.code) and reason not in GONE):
        return True
    replaced = duty.expired and any(f"expired:{duty.code}" in step.gate.events for step in progress.steps)
    return reason not in ENDS_EARLY and not replaced


def _propose_closure(progress: Progress, command: c.ProposeClosure, policy: Policy, now: datetime) -> Events:
    """Return to the family is the aim (三(二)3): that a child is placed elsewhere for long needs reasons why it cannot go home.

    Whoever closes over open steps, for the child is gone from here, says what becomes of them.
    """
    steps = [step for step in handed_over(progress, policy) if command.reason in GONE]
    if (command.reason is CloseReason.LONG_TERM_PLACEMENT or steps) and not command.note.strip():
        raise Refused(RefusalCode.REASONS_NEEDED, open=steps)
    obstacles = closing_obstacles(progress, command.reason, policy)
    if obstacles:
        raise Refused(RefusalCode.CANNOT_CLOSE, obstacles=obstacles)
    return (e.ClosureProposed(**signed(command.by, now), reason=command.reason),)


def _reject_closure(progress: Progress, command: c.RejectClosure, policy: Policy, now: datetime) -> Events:
    if not progress.proposed_reason:
        raise Refused(RefusalCode.CLOSURE_NOT_PROPOSED)
    return (e.ClosureRejected(**signed(command.by, now)),)


def _approve_closure(progress: Progress, command: c.ApproveClosure, policy: Policy, now: datetime) -> Events:
    reason = progress.proposed_reason
    if reason is None:
        raise Refused(RefusalCode.CLOSURE_NOT_PROPOSED)
    if command.by.is_behind(progress.proposed_by):
        raise Refused(RefusalCode.SECOND_PERSON_NEEDED)
    obstacles = closing_obstacles(progress, reason, policy)
    if obstacles:
        raise Refused(RefusalCode.CANNOT_CLOSE, obstacles=obstacles)
    head = signed(command.by, now)
    withdrawn = tuple(e.ReferralWithdrawn(**head, referral_id=r.id, why="closed") for r in progress.open_referrals)
    met = tuple(e.DutyMet(**head, code="closure") for _ in (progress.open_duty("closure"),) if _)
    dropped = tuple(e.DutyDropped(**head, code=d.code) for d in progress.duties if d.is_open and d.code != "closure")
    closed = e.CaseClosed(**head, reason=reason, grade=progress.grade, proposed_by=progress.proposed_by[0])
    return (*withdrawn, *met, *dropped, closed)


STAGE_WORK = {
    c.EnterStage: _enter_stage,
    c.FileAssessment: _file_assessment,
    c.ReviewGrade: _review_grade,
    c.ReturnAssessment: _return_assessment,
    c.AdoptPlan: _adopt_plan,
    c.FilePostAssessment: _file_post_assessment,
    c.ProposeClosure: _propose_closure,
    c.RejectClosure: _reject_closure,
    c.ApproveClosure: _approve_closure,
}
