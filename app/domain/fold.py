"""How facts change a case: the one pure `apply`, used by the ledger, the workflow and the tests alike."""

from collections.abc import Iterable

from app.domain import events as e
from app.domain.access import ENGINE
from app.domain.benefits import Benefit, Verdict
from app.domain.clock import Clock
from app.domain.entitlement import Held
from app.domain.ladder import RUNGS
from app.domain.procedure import Ended, happening
from app.domain.progress import Answer, Child, ClockName, Duty, Progress, Referral, State
from app.domain.terms import Stage

Change = dict[str, object]


def fold(events: Iterable[e.Event], start: Progress | None = None) -> Progress:
    """The state after these events."""
    progress = start
    for event in events:
        progress = apply(progress, event)
    if progress is None:
        raise ValueError("a ledger begins with report_filed")
    return progress


def apply(progress: Progress | None, event: e.Event) -> Progress:
    """The state after one more event."""
    if isinstance(event, e.ReportFiled):
        return _filed(event)
    if progress is None:
        raise ValueError("a ledger begins with report_filed")
    change = _of_referral(progress, event) or _of_duty(progress, event) or _of_case(progress, event)
    return progress.model_copy(update={**change, "version": progress.version + 1})


def _filed(event: e.ReportFiled) -> Progress:
    return Progress(
        version=1,
        filed_at=event.at,
        children=tuple(Child(id=child) for child in event.children),
        planned_duties=event.duties,
        case_id=event.case_id,
        policy=event.policy,
        report_kind=event.report_kind,
        reporter_class=event.reporter_class,
        reporter_unit=event.reporter_unit,
        division=event.division,
        urgency=event.urgency,
        branch=event.branch,
        lead=event.lead,
        closes_only_when_found=event.closes_only_when_found,
        possible_duplicate=event.possible_duplicate,
        steps=event.steps,
        watch=event.watch,
        about=event.about,
        sealed_for=event.sealed_for,
    )


def _of_referral(progress: Progress, event: e.Event) -> Change:
    match event:
        case e.ReferralOpened():
            return {"referrals": (*progress.referrals, _opened(event))}
        case e.ReferralAccepted(referral_id=rid, finish=finish):
            accept = clock_of(progress, rid, "accept").meet(event.at)
            return _with(progress, rid, state=State.ACCEPTED, accept=accept, finish=finish)
        case e.ReferralReturned(referral_id=rid):
            referral = progress.referral(rid)
            returns = referral.returns + 1 if referral else 1
            return _with(progress, rid, state=State.RETURNED, accept=event.accept, supply=event.supply, returns=returns)
        case e.MaterialSupplied(referral_id=rid):
            supply = clock_of(progress, rid, "supply").meet(event.at)
            return _with(progress, rid, state=State.SENT, accept=event.accept, supply=supply)
        case e.ClockPaused(referral_id=rid):
            referral = progress.referral(rid)
            return _with(progress, rid, finish=event.finish, pauses=referral.pauses + 1 if referral else 1)
        case e.ClockExtended(referral_id=rid) | e.ClockResumed(referral_id=rid):
            return _with(progress, rid, finish=event.finish)
        case e.TaskClaimed(referral_id=rid, holder=holder) | e.TaskMoved(referral_id=rid, holder=holder):
            return _with(progress, rid, holder=holder)
        case e.TaskHandedBack(referral_id=rid):
            return _with(progress, rid, holder=None)
        case e.DeliveryRecorded(referral_id=rid):
            return _with(progress, rid, delivery=event.outcome)
        case e.ReferralUrged(referral_id=rid):
            referral = progress.referral(rid)
            return _with(progress, rid, urged=referral.urged + 1 if referral else 1)
        case e.AssessmentFiled(referral_id=rid):
            return {**_ended(progress, rid, event), "grade": event.grade}
        case _:
            return _ended_by(progress, event)


def _ended_by(progress: Progress, event: e.Event) -> Change:
    rid = getattr(event, "referral_id", None)
    return _ended(progress, rid, event) if rid and type(event) in _ENDS else {}


def _ended(progress: Progress, referral_id: str, event: e.Event) -> Change:
    """The leg ends: the clock that ran is met, unless silence ended it, for then its ladder climbs on."""
    referral = progress.referral(referral_id)
    changes: Change = {"state": _ENDS[type(event)]}
    if referral and changes["state"] is not State.SILENT:
        changes |= {name: clock.meet(event.at) for name, clock in referral.clocks()}
    return _with(progress, referral_id, **changes)


_ENDS: dict[type, State] = {
    e.AssessmentFiled: State.COMPLETED,
    e.ReferralCompleted: State.COMPLETED,
    e.ReferralFailed: State.FAILED,
    e.ReferralDeclined: State.DECLINED,
    e.ReferralPassedOn: State.PASSED_ON,
    e.ReferralReassigned: State.REASSIGNED,
    e.ReferralLeftSilent: State.SILENT,
    e.ReferralWithdrawn: State.WITHDRAWN,
}


def _of_duty(progress: Progress, event: e.Event) -> Change:
    match event:
        case e.DutyOpened():
            duty = Duty(
                code=event.code,
                holder=event.holder,
                desk=event.desk,
                basis=event.basis,
                opened_at=event.at,
                clock=event.clock,
            )
            return {"duties": (*progress.duties, duty)}
        case e.DutyMet(code=code) | e.DutyDropped(code=code):
            met = clock_of(progress, code, "duty").meet(event.at)
            return _with_duty(progress, code, is_open=False, dropped=isinstance(event, e.DutyDropped), clock=met)
        case e.DutyExpired(code=code):
            return {**_with_duty(progress, code, expired=True), "happened": (*progress.happened, f"expired:{code}")}
        case e.RungFired():
            fired = clock_of(progress, event.subject, event.clock).fire(event.rung)
            highest = max((r for r in (progress.rung, event.rung) if r), key=RUNGS.index)
            return {**with_clock(progress, event.subject, event.clock, fired), "rung": highest}
        case e.DeadlinesRecomputed():
            return _recomputed(progress, event)
        case _:
            return {}


def _of_case(progress: Progress, event: e.Event) -> Change:
    match event:
        case e.SafetyConfirmed():
            return _safety(progress, event)
        case e.PolicyMoved(after=version):
            return {"policy": version}
        case e.OutcomeRecorded():
            return _outcome(progress, event)
        case e.GuardianSentenced():
            return {"happened": (*progress.happened, "guardian_sentenced")}
        case e.GradeReviewed(grade=grade):
            return {"grade": grade, "grade_reviewed": True}
        case e.AssessmentReturned():
            return {"assessment_returns": progress.assessment_returns + 1}
        case e.PlanAdopted():
            return _planned(progress, event)
        case e.StageEntered(stage=stage):
            return {"stage": stage}
        case e.PostAssessmentFiled(grade=grade):
            filed = progress.post_assessments + 1
            done = filed >= len(progress.post_assessments_planned)
            return {"post_assessments": filed, "post_assessed": done, "grade": grade}
        case e.ReporterInformed():
            return {"informed": True}
        case e.ReporterAnswered():
            followed = event.by == ENGINE.person_id
            return {"answered": True, "answer": Answer.FOLLOWED if followed else Answer.GIVEN}
        case e.AnswerWaived():
            return {"answered": True, "answer": Answer.WAIVED}
        case e.ClosureProposed(reason=reason):
            return {"proposed_by": tuple(p for p in (event.by, event.behalf) if p), "proposed_reason": reason}
        case e.ClosureRejected():
            return {"proposed_by": (), "proposed_reason": None}
        case e.ConflictDeclared():
            return _concerned(progress, event)
        case e.KeptOutByLink(about=about):
            return {"about": (*progress.own_about, *about), "about_by_link": about}
        case e.CaseClosed(reason=reason):
            about = (*progress.about, *(agency.value for agency in progress.sealed_for))
            return {"stage": Stage.CLOSED, "closed_reason": reason, "closed_at": event.at, "about": about}
        case _:
            return _of_link(progress, event) or _of_benefit(progress, event)


def _concerned(progress: Progress, event: e.ConflictDeclared) -> Change:
    """What the service declared itself stems from a link, unless it says otherwise; so it did before such facts had a kind of their own."""
    about = tuple(dict.fromkeys((*progress.about, *event.about)))
    if event.by == ENGINE.person_id and not event.is_own:
        new = (one for one in event.about if one not in progress.own_about)
        return {"about": about, "about_by_link": tuple(dict.fromkeys((*progress.about_by_link, *new)))}
    return {"about": about, "about_by_link": tuple(one for one in progress.about_by_link if one not in event.about)}


def _of_link(progress: Progress, event: e.Event) -> Change:
    match event:
        case e.ReportLinked(primary=primary):
            return {"linked_to": primary}
        case e.ReportUnlinked() | e.DuplicateCleared():
            return {
                "linked_to": None, **_compared(progress), **_without_followed(progress), **_open_again(progress),
            }  # fmt: skip
        case e.DuplicateSuspected():
            return {"possible_duplicate": True}
        case e.FollowerAdded(case_id=follower, settles=settles):
            return {"followers": (*progress.followers, follower), **(_compared(progress) if settles else {})}
        case e.FollowerRemoved(case_id=follower):
            return {"followers": tuple(f for f in progress.followers if f != follower)}
        case _:
            return {}


def _compared(progress: Progress) -> Change:
    """It goes on by itself, so the search that waited for the comparison begins here."""
    return {"possible_duplicate": False, "happened": tuple(dict.fromkeys((*progress.happened, "duplicate_cleared")))}


def _of_benefit(progress: Progress, event: e.Event) -> Change:
    match event:
        case e.BenefitDecided(child_id=child, benefit=benefit, verdict=verdict):
            if verdict is Verdict.REFUSE:
                return {}
            before = progress.held(child, benefit)
            held = Held(
                child_id=child, benefit=benefit, yuan=event.yuan, since=event.since,
                comparison=before.comparison if before else None,
            )  # fmt: skip
            return _receiving(progress, child, (benefit,), *(() if verdict is Verdict.STOP else (held,)))
        case e.HighestChosen(child_id=child):
            held = Held(
                child_id=child, benefit=event.benefit, yuan=event.yuan, since=event.since, comparison=event.comparison
            )
            return _receiving(progress, child, tuple(line.benefit for line in event.comparison.lines), held)
        case e.FamilyHeard(child_id=child, benefit=benefit):
            heard = {"heard_on": event.heard_on}
            now = (held.model_copy(update=heard) for held in (progress.held(child, benefit),) if held)
            return _receiving(progress, child, (benefit,), *now)
        case e.BillOpened(bill=bill):
            return {"bills": (*progress.bills, bill)}
        case e.PayerAnswered(bill_id=bill_id, payer=payer, approved=approved):
            return {"bills": tuple(b.answered(payer, approved) if b.id == bill_id else b for b in progress.bills)}
        case _:
            return {}


def _outcome(progress: Progress, event: e.OutcomeRecorded) -> Change:
    ended = Ended(subject=event.subject, step=event.step, outcome=event.outcome, record=event.record, at=event.at)
    happened = dict.fromkeys((*progress.happened, happening(event.step, event.outcome)))
    return {"outcomes": (*progress.outcomes, ended), "happened": tuple(happened)}


def _receiving(progress: Progress, child_id: str, instead_of: tuple[Benefit, ...], *now: Held) -> Change:
    """What the child receives, with these benefits replaced."""
    rest = (h for h in progress.benefits if h.child_id != child_id or h.benefit not in instead_of)
    return {"benefits": (*rest, *now)}


def _open_again(progress: Progress) -> Change:
    """A report that was closed with the case it was linked to begins anew; what has been done stays done."""
    return {} if progress.is_open else {"stage": Stage.REPORT, "closed_reason": None, "closed_at": None}


def _without_followed(progress: Progress) -> Change:
    return {"answered": False, "answer": None} if progress.answer is Answer.FOLLOWED else {}


def _opened(event: e.ReferralOpened) -> Referral:
    return Referral(
        id=event.referral_id,
        route_id=event.route_id,
        step=event.step,
        stage=event.stage,
        agency=event.agency,
        desk=event.desk,
        task=event.task,
        basis=event.basis,
        urgent=event.urgent,
        assessment=event.assessment,
        opened_at=event.at,
        accept=event.accept,
        refusals=event.refusals,
        visited=event.visited,
        instead_of=event.instead_of,
    )


def _planned(progress: Progress, event: e.PlanAdopted) -> Change:
    return {
        "plan_adopted": True,
        "lead": event.lead,
        "steps": (*progress.steps, *event.added),
        "dropped_steps": event.dropped,
        "happened": (*progress.happened, "plan_adopted"),
    }


def _safety(progress: Progress, event: e.SafetyConfirmed) -> Change:
    children = tuple(
        child.model_copy(update={"safety": event.safety}) if child.id == event.child_id else child
        for child in progress.children
    )
    happened = progress.happened
    if progress.model_copy(update={"children": children}).all_safe and "child_safe" not in happened:
        happened = (*happened, "child_safe", "child_found")
    return {"children": children, "happened": happened}


def _recomputed(progress: Progress, event: e.DeadlinesRecomputed) -> Change:
    for moved in event.clocks:
        progress = progress.model_copy(update=with_clock(progress, moved.subject, moved.clock, moved.moved))
    return {"referrals": progress.referrals, "duties": progress.duties}


def _with(progress: Progress, referral_id: str, **changes: object) -> Change:
    return {"referrals": tuple(r.model_copy(update=changes) if r.id == referral_id else r for r in progress.referrals)}


def _with_duty(progress: Progress, code: str, **changes: object) -> Change:
    """Change the newest duty of this code."""
    target = progress.duty(code)
    return {"duties": tuple(d.model_copy(update=changes) if d is target else d for d in progress.duties)}


def with_clock(progress: Progress, subject: str, name: ClockName, clock: Clock) -> Change:
    """Replace one clock of a referral or of a duty."""
    if name == "duty":
        return _with_duty(progress, subject, clock=clock)
    return _with(progress, subject, **{name: clock})


def clock_of(progress: Progress, subject: str, name: ClockName) -> Clock:
    """The clock of that name; an unknown subject is a broken ledger."""
    holder = progress.duty(subject) if name == "duty" else progress.referral(subject)
    clock = getattr(holder, "clock" if name == "duty" else name, None)
    if not isinstance(clock, Clock):
        raise ValueError(f"no clock {name} of {subject}")
    return clock
