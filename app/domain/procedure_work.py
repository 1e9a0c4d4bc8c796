"""Running procedures: a person starts one, an outcome ends a step and opens what the rules name, time ends a step that waits."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from itertools import count
from typing import Any

from app.domain import commands as c
from app.domain import events as e
from app.domain import referral_commands as rc
from app.domain.access import Actor
from app.domain.clock import Clock
from app.domain.opening import open_duty
from app.domain.policy import Courses, Policy
from app.domain.procedure import ELAPSED, About, Allowed, Outcome, Recorded, Step, is_step, step_of
from app.domain.progress import Progress, Referral
from app.domain.referral import Events, in_work, signed
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency
from app.domain.working_time import Unit, day_of, local_instant


def begin(progress: Progress, policy: Policy, now: datetime, code: str, about: str = "") -> e.DutyOpened:
    """The first step of a procedure that does not run already about the same."""
    procedure = policy.procedure(code)
    if procedure is None:
        raise Refused(RefusalCode.PROCEDURE_NOT_FOUND, procedure=code)
    _require(progress, procedure.about, (about,) if about else ())
    if _is_running(progress, code, about) or _has_leg(progress, policy, procedure.first):
        raise Refused(RefusalCode.PROCEDURE_RUNS, procedure=code)
    return _open(progress, policy, now, procedure.first, about)


def _is_running(progress: Progress, code: str, about: str) -> bool:
    return any(d.is_open and is_step(d.code) and _course(d.code) == (code, about) for d in progress.duties)


def _has_leg(progress: Progress, policy: Policy, first: str) -> bool:
    """A leg is this first step, or will be: it is open, or planned and not yet asked for."""
    urgent = progress.urgency.around_the_clock
    asked = {leg.route_id for leg in progress.referrals}
    coming = (step.route_id for step in progress.steps if step.route_id not in (*asked, *progress.dropped_steps))
    legs = (*(leg.route_id for leg in progress.open_referrals), *coming)
    return any(policy.route(route_id, urgent=urgent).procedure == first for route_id in legs)


def handed_over(progress: Progress, policy: Policy) -> tuple[str, ...]:
    """The steps that are owed here, legs that are such steps among them: who links this case elsewhere does not end them."""
    urgent = progress.urgency.around_the_clock
    legs = (policy.route(leg.route_id, urgent=urgent).procedure for leg in progress.open_referrals)
    duties = (duty.code for duty in progress.duties if duty.is_open and is_step(duty.code))
    return tuple(dict.fromkeys((*(first for first in legs if first), *duties)))


def taken_over(
    progress: Progress, policy: Policy, now: datetime, steps: Mapping[str, Clock | None]
) -> tuple[e.DutyOpened, ...]:
    """The same steps in the case that the other was linked to, unless its procedure runs here as well. Time to act begins anew; by its clock
    runs what somebody has set a term to, for an order is in force no longer by a link, and no shorter: where the procedure runs here, what
    runs on goes along as a course of its own."""
    opened, courses = list[e.DutyOpened](), dict[tuple[str, str], str]()
    for step, clock in steps.items():
        (code, about), spec = _course(step), policy.step(step_of(step))
        runs_on = clock if spec.runs_on else None
        if _is_running(progress, code, about) or _has_leg(progress, policy, _first(policy, step)):
            if runs_on is None or _about(policy, step) is not About.CASE or _stands(progress, step, runs_on):
                continue
            about = courses.setdefault((code, about), _free(progress, code, (*steps, *(one.code for one in opened))))
        name = f"{step_of(step)}:{about}" if about else step_of(step)
        holder = _named_agency(policy, step)
        opened.append(open_duty(progress, policy, now, step_of(step), name=name, holder=holder, clock=runs_on))
    return tuple(opened)


def _stands(progress: Progress, step: str, clock: Clock) -> bool:
    """This order is here already, such as by a link that was taken back."""
    here = (d.clock for d in progress.duties if d.is_open and step_of(d.code) == step_of(step))
    return any((one.started_at, one.due_at) == (clock.started_at, clock.due_at) for one in here)


def _free(progress: Progress, code: str, taken: Iterable[str]) -> str:
    """A number for one more course of this procedure."""
    courses = {_course(one) for one in (*(duty.code for duty in progress.duties), *taken) if is_step(one)}
    return next(number for number in map(str, count(2)) if (code, number) not in courses)


def _first(policy: Courses, step: str) -> str:
    procedure = policy.procedure(step.partition(".")[0])
    return procedure.first if procedure else ""


def lost_by_link(progress: Progress) -> dict[str, Clock | None]:
    """Steps that a link took away, with their clocks: none of their outcomes did, and nothing has begun them again."""
    ended = {(done.step.partition(".")[0], done.at) for done in progress.outcomes}
    codes = dict.fromkeys(duty.code for duty in progress.duties if is_step(duty.code))
    newest = (duty for code in codes if (duty := progress.duty(code)))
    return {d.code: d.clock for d in newest if d.dropped and (_course(d.code)[0], d.clock.met_at) not in ended}


def _named_agency(policy: Policy, step: str) -> Agency | None:
    """Whom the step is about, where that is an agency, unless its row names who owes it."""
    name, _, about = step.partition(":")
    named = policy.obligation(name, urgent=False).holder
    return named or (Agency(about) if _about(policy, name) is About.AGENCY else None)


def follow(
    progress: Progress, policy: Policy, subject: str, step: Step, ended: Outcome, head: dict[str, Any],
    record: Recorded | None = None, about: tuple[str, ...] = (), by: Events | None = None,
) -> Events:  # fmt: skip
    """What the end of a step brings; `by` is what ends it, the duty unless it says so."""
    now, record = head["at"], record or {}
    recorded = e.OutcomeRecorded(**head, subject=subject, step=step.name, outcome=ended.code, record=record)
    ends: Events = (e.DutyMet(**head, code=subject),) if by is None else by
    over = {subject, *(_beside(progress, subject, step) if ended.ends else ())}
    ends += tuple(e.DutyDropped(**head, code=code) for code in sorted(over - {subject}))
    opened = tuple(
        _open(progress, policy, now, target, whom, record)
        for target in ended.opens
        for whom in _whom(progress, policy, subject, step, target, about)
        if not _runs(progress, over, target, whom)
    )
    return recorded, *ends, *opened


def _beside(progress: Progress, subject: str, step: Step) -> Iterator[str]:
    """The other open steps of the same course."""
    course = step.name.partition(".")[0], subject.partition(":")[2]
    for duty in progress.duties:
        if duty.is_open and duty.code != subject and is_step(duty.code) and _course(duty.code) == course:
            yield duty.code


def _course(subject: str) -> tuple[str, str]:
    """The procedure, and whom it is about."""
    return subject.partition(".")[0], subject.partition(":")[2]


def _open(
    progress: Progress, policy: Policy, now: datetime, target: str, about: str, record: Recorded | None = None
) -> e.DutyOpened:
    """The duty by which a step is owed, on the desk of the agency that it is about unless it names a holder."""
    spec, record = policy.step(target), record or {}
    budget = policy.months(int(record[spec.months])) if spec.months else None
    ruled = budget is not None and budget.unit is Unit.MONTHS and record.get(spec.since)
    since = local_instant(date.fromisoformat(str(ruled)), time.min) if ruled else None
    name = f"{target}:{about}" if about else target
    return open_duty(
        progress, policy, now, target, holder=_named_agency(policy, name), name=name, budget=budget, since=since
    )


def _runs(progress: Progress, over: set[str], target: str, about: str) -> bool:
    """A step that is open already is not opened a second time; those that end with this outcome may come again."""
    name = f"{target}:{about}" if about else target
    return name not in over and progress.open_duty(name) is not None


def _whom(
    progress: Progress, policy: Policy, subject: str, step: Step, target: str, about: tuple[str, ...]
) -> tuple[str, ...]:
    """Whom the next step is about: the same as this one, or those who were named with the outcome."""
    here, kind = (_about(policy, name) for name in (step.name, target))
    if here is kind:
        return (subject.partition(":")[2],)
    if kind is About.CASE:
        return ("",)
    _require(progress, kind, about)
    return tuple(dict.fromkeys(about))


def _about(policy: Courses, step: str) -> About:
    procedure = policy.procedure(step.partition(".")[0])
    return procedure.about if procedure else About.CASE


def _require(progress: Progress, kind: About, about: tuple[str, ...]) -> None:
    """Somebody of this case is named where somebody has to be, and nobody where nobody can be."""
    known: dict[About, Iterable[str]] = {
        About.CASE: (),
        About.CHILD: (child.id for child in progress.children),
        About.AGENCY: tuple(Agency),
        About.BILL: (bill.id for bill in progress.bills),
    }
    if set(about) - set(known[kind]) or bool(about) is (kind is About.CASE):
        raise Refused(RefusalCode.WHOM_IT_IS_ABOUT, about=kind.value)


def elapsed(progress: Progress, policy: Policy, now: datetime) -> Iterator[e.Event]:
    """The steps that only waited, once their time is over."""
    for duty in progress.duties:
        if duty.is_open and duty.expired and is_step(duty.code) and (step := policy.step(step_of(duty.code))).waits:
            yield from follow(progress, policy, duty.code, step, step.ends_by(ELAPSED), {"at": now})


def _ended(progress: Progress, step: Step, command: rc.CompleteReferral | c.RecordOutcome, now: datetime) -> Outcome:
    """The outcome that was recorded, with all that it needs."""
    ended = step.ends_by(command.outcome)
    if ended.of_children and not progress.children:
        raise Refused(RefusalCode.CHILDREN_NOT_REPORTED)
    if ended not in step.by_person:
        raise Refused(RefusalCode.DUTY_MET_BY_ACT, code_of_duty=step.name)
    if unfit := ended.unfit(command.record, day_of(now)):
        raise Refused(RefusalCode.RECORD_UNFIT, step=step.name, fields=unfit)
    if ended.reasons and not command.note.strip():
        raise Refused(RefusalCode.REASONS_NEEDED)
    return ended


def _start(progress: Progress, command: c.StartProcedure, policy: Policy, now: datetime) -> Events:
    procedure = policy.procedure(command.procedure)
    if procedure and command.by.agency not in procedure.started_by:
        raise Refused(RefusalCode.NOT_ALLOWED, started_by=tuple(agency.value for agency in procedure.started_by))
    opened = begin(progress, policy, now, command.procedure, command.about)
    return (opened.model_copy(update=signed(command.by, now)),)


def _record(progress: Progress, command: c.RecordOutcome, policy: Policy, now: datetime) -> Events:
    duty = progress.open_duty(command.code) if is_step(command.code) else None
    if duty is None:
        raise Refused(RefusalCode.DUTY_NOT_FOUND, code_of_duty=command.code)
    step = policy.step(step_of(duty.code))
    ended, head = _ended(progress, step, command, now), signed(command.by, now)
    return follow(progress, policy, duty.code, step, ended, head, command.record, command.about)


def _complete(progress: Progress, command: rc.CompleteReferral, policy: Policy, now: datetime) -> Events:
    """A leg is done when it is; one that is the first step of a procedure says how it ended."""
    referral, _ = in_work(progress, command, command.referral_id)
    if referral.assessment:
        raise Refused(RefusalCode.NO_ASSESSMENT)
    head = signed(command.by, now)
    completed = (e.ReferralCompleted(**head, referral_id=referral.id),)
    first = policy.route(referral.route_id, urgent=referral.urgent).procedure
    if not first:
        if command.outcome:
            raise Refused(RefusalCode.OUTCOME_NEEDED, step="", outcomes=())
        return completed
    step = policy.step(first)
    ended = _ended(progress, step, command, now)
    return follow(progress, policy, referral.id, step, ended, head, command.record, command.about, completed)


def allowed(policy: Courses, step: str) -> tuple[Allowed, ...]:
    """How a person may end a step, in the order of its row."""
    return tuple(
        Allowed(
            code=one.code, title_zh=one.title_zh, title_en=one.title_en, record=one.record, note=one.reasons,
            about=next(iter(_named_with(policy, step, one)), None),
        )
        for one in policy.step(step).by_person
    )  # fmt: skip


def _named_with(policy: Courses, step: str, ended: Outcome) -> list[About]:
    """What has to be named with an outcome, because something that it opens is about that and the step is not."""
    kinds = (_about(policy, target) for target in ended.opens)
    return [kind for kind in kinds if kind not in (About.CASE, _about(policy, step))]


def usual(
    progress: Progress, policy: Courses, now: datetime, step: Step, instead: Outcome | None = None
) -> dict[str, Any]:
    """The usual outcome, or another, with all that it needs, as an example and for whoever plays a case through."""
    ended, today = instead or step.usual, day_of(now)
    kinds = dict.fromkeys(_named_with(policy, step.name, ended))
    about = {About.CHILD: tuple(child.id for child in progress.children[:1]), About.AGENCY: (progress.lead.value,)}
    return {
        "outcome": ended.code,
        "record": {name: field.example(today) for name, field in ended.record.items()},
        "about": tuple(whom for kind in kinds for whom in about.get(kind, ())),
        "note": step.name,
    }


def usual_end(
    progress: Progress, policy: Policy, now: datetime, referral: Referral, by: Actor, instead: Outcome | None = None
) -> c.Command:
    """How a desk usually ends a leg, assessments aside."""
    first = policy.route(referral.route_id, urgent=referral.urgent).procedure
    said = usual(progress, policy, now, policy.step(first), instead) if first else {}
    return rc.CompleteReferral(by=by, referral_id=referral.id, **said)


PROCEDURE_WORK = {
    c.StartProcedure: _start,
    c.RecordOutcome: _record,
    rc.CompleteReferral: _complete,
}
