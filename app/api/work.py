"""Commands of people: one way from a request to the ledger, whatever the command."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field, create_model
from sqlalchemy import literal, select

from app.api.answers import ETAG
from app.api.context import Conn, Shouhu, Who, audit_read, part, progress_of, require, subject_of
from app.api.problems import Problem
from app.api.strict import StrictRoute
from app.db.ledger import KeyReused, Recorded
from app.db.past import report_of
from app.db.people import actors_of, units_of
from app.db.suggestions import decide_suggestions
from app.db.walls import stream_concerns
from app.domain import benefit_commands as bc
from app.domain import commands as c
from app.domain import referral_commands as rc
from app.domain.access import DESK_STAFF, Action, Actor
from app.domain.own_part import Part
from app.domain.progress import ClockName, Progress, running_clocks
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Grade
from app.router import Router

router = Router(prefix="/v1", tags=["work"], route_class=StrictRoute)
SET_BY_SERVICE = ("by", "proposed", "staff_of")
LONGEST_VERSION = 9
Key = Annotated[
    str | None, Header(max_length=200, description="The same key again changes nothing and answers the same.")
]
IfMatch = Annotated[
    str | None, Header(description="The ETag that was read; 409 with what changed when it is no longer so.")
]

DryRun = Annotated[
    bool, Query(description="Try it and say what it would do: the events, the deadlines that move, who is told.")
]

ON_REFERRAL: dict[str, tuple[type[c.Command], Action]] = {
    "accept": (rc.AcceptReferral, Action.WORK_REFERRAL),
    "return": (rc.ReturnReferral, Action.WORK_REFERRAL),
    "supply": (rc.SupplyMaterial, Action.SUPPLY_MATERIAL),
    "decline": (rc.DeclineReferral, Action.WORK_REFERRAL),
    "pass-on": (rc.PassOnReferral, Action.WORK_REFERRAL),
    "complete": (rc.CompleteReferral, Action.WORK_REFERRAL),
    "fail": (rc.FailReferral, Action.WORK_REFERRAL),
    "assess": (c.FileAssessment, Action.WORK_REFERRAL),
    "extend": (rc.ExtendReferral, Action.EXTEND),
    "pause": (rc.PauseReferral, Action.WORK_REFERRAL),
    "resume": (rc.ResumeReferral, Action.WORK_REFERRAL),
    "claim": (rc.ClaimTask, Action.CLAIM),
    "hand-back": (rc.HandBackTask, Action.HAND_BACK),
    "move": (rc.MoveTask, Action.MOVE_TASK),
    "reassign": (rc.ReassignReferral, Action.REASSIGN),
    "urge": (rc.UrgeReferral, Action.URGE),
    "supervise": (rc.SuperviseReferral, Action.SUPERVISE),
}
ON_DUTY: dict[str, tuple[type[c.Command], Action]] = {
    "meet": (c.MeetDuty, Action.WORK_REFERRAL),
    "outcome": (c.RecordOutcome, Action.WORK_REFERRAL),
    "reply": (rc.ReplyToSupervision, Action.WORK_REFERRAL),
    "reassign": (rc.ReassignDuty, Action.REASSIGN),
}
ON_CASE: dict[str, tuple[type[c.Command], Action]] = {
    "procedure": (c.StartProcedure, Action.START_PROCEDURE),
    "safety": (c.ConfirmSafety, Action.CONFIRM_SAFETY),
    "sentence": (c.RecordSentence, Action.CONFIRM_SAFETY),
    "grade-review": (c.ReviewGrade, Action.REVIEW_GRADE),
    "assessment-return": (c.ReturnAssessment, Action.REVIEW_GRADE),
    "plan": (c.AdoptPlan, Action.ADOPT_PLAN),
    "benefit": (bc.DecideBenefit, Action.DECIDE_BENEFIT),
    "benefit-choice": (bc.ChooseHighest, Action.DECIDE_BENEFIT),
    "benefit-hearing": (bc.HearFamily, Action.DECIDE_BENEFIT),
    "bill": (bc.OpenBill, Action.SETTLE_BILL),
    "bill-payer": (bc.RecordPayer, Action.SETTLE_BILL),
    "post-assessment": (c.FilePostAssessment, Action.CONFIRM_SAFETY),
    "answer": (c.AnswerReporter, Action.ANSWER_REPORTER),
    "waive-answer": (c.WaiveAnswer, Action.ANSWER_REPORTER),
    "link": (c.LinkReport, Action.LINK_REPORT),
    "unlink": (c.UnlinkReport, Action.LINK_REPORT),
    "clear-duplicate": (c.ClearDuplicate, Action.LINK_REPORT),
    "move-policy": (c.MovePolicy, Action.SUPERVISE),
    "conflict": (c.DeclareConflict, Action.DECLARE_CONFLICT),
    "notes": (c.AddNote, Action.ADD_NOTE),
    "closure-proposal": (c.ProposeClosure, Action.CLOSE_PROPOSE),
    "closure-rejection": (c.RejectClosure, Action.CLOSE_REJECT),
    "closure-approval": (c.ApproveClosure, Action.CLOSE_APPROVE),
}

CHILD = "ch-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11"
EXAMPLES: dict[type[c.Command], dict[str, Any]] = {
    rc.ReturnReferral: {"reason": "missing_contact", "note": "请补充联系电话"},
    rc.DeclineReferral: {"reason": "not_competent"},
    rc.PassOnReferral: {"to": "CIVIL", "reason": "not_competent"},
    rc.FailReferral: {"reason": "family_moved"},
    c.FileAssessment: {
        "grade": "medium",
        "override": "mitigated",
        "note": "评估报告全文",
        "seen": [{"child_id": CHILD, "child": {"lost_family_support": "yes"}, "household": {"low_income": "no"}}],
    },
    rc.ExtendReferral: {"reason": "complex_facts", "by_budget": {"amount": 5, "unit": "working_days"}},
    rc.PauseReferral: {"reason": "awaiting_material"},
    rc.MoveTask: {"to": "police.officer.2"},
    rc.ReassignReferral: {"to": "CIVIL"},
    rc.ReassignDuty: {"to": "CIVIL"},
    c.StartProcedure: {"procedure": "guardian_admonition"},
    c.RecordOutcome: {"outcome": "admonished", "record": {"done_on": "2026-05-06"}, "note": "已当面劝诫"},
    c.ConfirmSafety: {"child_id": CHILD, "safety": "safe"},
    c.ReviewGrade: {"grade": "high", "present": 5},
    c.ReturnAssessment: {"present": 5, "note": "缺少对其他照料人的走访，请补充评估"},
    c.AdoptPlan: {"items": [{"agency": "EDU", "service": "education_support"}], "lead": "CIVIL"},
    c.FilePostAssessment: {"grade": "low"},
    bc.DecideBenefit: {"child_id": CHILD, "benefit": "TEMP_LIVING", "verdict": "grant", "yuan": "1000.00"},
    bc.ChooseHighest: {
        "child_id": CHILD,
        "benefit": "B_DIFF",
        "signed_on": "2026-05-06",
        "met": ["B_DIFF", "B_DIS_LIVING", "B_DIS_NURSING"],
        "still_open": ["B_TK"],
    },
    bc.HearFamily: {"child_id": CHILD, "benefit": "B_DIFF", "heard_on": "2026-05-06", "note": "家庭意见全文"},
    bc.OpenBill: {"child_id": CHILD, "yuan": "12000.00"},
    bc.RecordPayer: {"bill_id": "bill-1", "payer": "MED_BASIC", "approved": "6000.00"},
    c.MovePolicy: {"version": "fengtai-2027.1"},
    c.WaiveAnswer: {"reason": "anonymous"},
    c.LinkReport: {"primary": "case-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11"},
    c.DeclareConflict: {"about": ["unit-school-1"], "note": "被报告人在该校任职"},
    c.ProposeClosure: {"reason": "needs_met"},
}


class Moved(BaseModel):
    """A clock of a leg or a duty that the command starts, moves, stops or ends."""

    subject: str
    clock: ClockName
    before: datetime | None = Field(description="When it was due; null for one that begins.")
    after: datetime | None = Field(description="When it is due now; null for one that has ended or stands still.")


class Foreseen(BaseModel):
    """What a command would make of the case, by the rules themselves; nothing of it was kept."""

    deadlines: list[Moved]
    told: list[str] = Field(description="Desks, roles and persons who would be told.", examples=[["desk:POLICE"]])


class Done(BaseModel):
    """What the command made of the case."""

    case_id: str
    version: int
    events: list[str]
    replayed: bool
    foreseen: Foreseen | None = Field(None, description="Of a dry run: the command was tried and undone.")


def version_of(if_match: str | None) -> int | None:
    """The version behind an ETag; None for any."""
    if if_match is None or if_match == "*":
        return None
    plain = if_match.removeprefix("W/").strip('"')
    if not plain.isdecimal() or len(plain) > LONGEST_VERSION:
        raise Problem(422, "invalid_if_match", "If-Match须为案件版本 · If-Match has to be the ETag of the case.")
    return int(plain)


async def foresee(
    conn: Conn, shouhu: Shouhu, who: Actor, case_id: str, command: c.Command, action: Action, *,
    if_match: str | None = None, referral_id: str | None = None, duty: str | None = None,
) -> Done:  # fmt: skip
    """The same as `perform`, undone before it answers; the same refusals."""
    stands = await progress_of(conn, who, case_id, to_act=True)
    shown, before = await part(conn, who, shouhu, stands), _clocks(stands)
    if isinstance(
        command, c.Grading
    ):  # the scale is asked of what was reported; what is undone takes its own row along
        await audit_read(conn, who, "read_content", case_id, ["facts"])
    tried = await conn.begin_nested()
    try:
        recorded = await _recorded(
            conn, shouhu, stands, shown, command, action, None, if_match, referral_id=referral_id, duty=duty
        )
    finally:
        await tried.rollback()
    after = _clocks(recorded.progress)
    moved = [
        Moved(subject=subject, clock=clock, before=before.get((subject, clock)), after=after.get((subject, clock)))
        for subject, clock in dict.fromkeys([*after, *before])
        if before.get((subject, clock)) != after.get((subject, clock)) and shown.owes(subject)
    ]
    told = dict.fromkeys(whom for event in recorded.events for whom in getattr(event, "recipients", ()))
    return _done(recorded, shown).model_copy(
        update={"foreseen": Foreseen(deadlines=moved, told=[whom for whom in told if shown.hears_of(whom)])}
    )


def _clocks(progress: Progress) -> dict[tuple[str, ClockName], datetime]:
    """When each clock that runs is due."""
    running = running_clocks(progress)
    return {(subject, name): clock.due_at for subject, name, clock in running if clock.paused_at is None}


async def perform(
    conn: Conn, shouhu: Shouhu, who: Actor, case_id: str, command: c.Command, action: Action, *,
    key: str | None, if_match: str | None, referral_id: str | None = None, duty: str | None = None,
) -> Done:  # fmt: skip
    """See, be allowed, record."""
    if key and (first := await _first(conn, shouhu, case_id, command, key)):
        return _done(first, await _shown_still(conn, shouhu, who, case_id, referral_id, duty))
    progress = await progress_of(conn, who, case_id, to_act=True)
    shown = await part(conn, who, shouhu, progress)
    return _done(
        await _recorded(
            conn, shouhu, progress, shown, command, action, key, if_match, referral_id=referral_id, duty=duty
        ),
        shown,
    )


async def _first(conn: Conn, shouhu: Shouhu, case_id: str, command: c.Command, key: str) -> Recorded | None:
    """What the command did, if it was given with this key before. To whom the case has come to be about there is none, nor a key."""
    try:
        first = await shouhu.ledger.replayed(conn, case_id, command, key, None)
    except KeyReused:
        await _require_unconcerned(conn, command.by, case_id)
        raise
    if first:
        await _require_unconcerned(conn, command.by, case_id)
    return first


async def _require_unconcerned(conn: Conn, who: Actor, case_id: str) -> None:
    if (await conn.execute(select(stream_concerns(who, literal(case_id))))).scalar_one():
        raise Refused(RefusalCode.CASE_NOT_FOUND)


async def _shown_still(
    conn: Conn, shouhu: Shouhu, who: Actor, case_id: str, referral_id: str | None, duty: str | None
) -> Part:
    """Of what a command did once: before the access rules, for what this person did then may not be theirs to do or see now. What they did
    with a leg or duty that was their own then they are told again."""
    try:
        return await part(conn, who, shouhu, await progress_of(conn, who, case_id))
    except Refused:
        legs, duties = (frozenset([one] if one else []) for one in (referral_id, duty))
        return Part(whole=False, agency=who.agency, persons=who.persons, legs=legs, duties=duties)


async def _recorded(
    conn: Conn, shouhu: Shouhu, progress: Progress, shown: Part, command: c.Command, action: Action, key: str | None,
    if_match: str | None, *, referral_id: str | None, duty: str | None,
) -> Recorded:  # fmt: skip
    """A leg or duty that is not shown is answered as one that is not there."""
    who, case_id = command.by, progress.case_id
    owed = duty or ("answer_outcome" if action is Action.ANSWER_REPORTER else None)
    known = (one if one and shown.owes(one) else None for one in (referral_id, owed))
    require(who, action, subject_of(progress, *known))
    if isinstance(command, c.RecordSentence) and not (shown.whole or shown.told.branch):
        raise Refused(RefusalCode.NOT_ALLOWED)  # another refusal would tell whether there is a judgment
    if isinstance(command, c.LinkReport):
        await progress_of(conn, who, command.primary)
    if isinstance(command, rc.MoveTask):
        await _require_colleague(conn, progress, command)
    if isinstance(command, c.Grading):
        command = command.model_copy(update={"proposed": await _by_the_scale(conn, shouhu, progress, command)})
    if isinstance(command, c.DeclareConflict):
        command = command.model_copy(update={"staff_of": await units_of(conn, command.about)})
    recorded = await shouhu.ledger.record(conn, case_id, command, key=key, expected=version_of(if_match))
    if not recorded.replayed:
        await decide_suggestions(conn, case_id, command)
    return recorded


async def _by_the_scale(conn: Conn, shouhu: Shouhu, progress: Progress, command: c.Grading) -> c.Proposed | None:
    """The highest grade that the scale of the case's own rules proposes for one of its children, as far as is known by now."""
    facts = await report_of(conn, progress.case_id)
    if facts is None:
        return None
    for one in command.seen if isinstance(command, c.FileAssessment) else ():
        if several := facts.unclear(one):
            raise Refused(RefusalCode.WHICH_OF_FAMILY, relations=several)
        facts = facts.with_seen(one.child_id, one)
    found = (await shouhu.ledger.pack(conn, progress.policy)).found(facts, progress.happened)
    grades = tuple(Grade)
    highest = min((child.grade for child in found), key=lambda one: grades.index(one.grade), default=None)
    return c.Proposed(scale=highest.scale, grade=highest.grade) if highest else None


def _done(recorded: Recorded, shown: Part) -> Done:
    kinds = [event.kind for event in recorded.events if shown.whole or shown.event(event.model_dump(mode="json"))]
    return Done(
        case_id=recorded.stream_id, version=recorded.version, events=kinds, replayed=recorded.replayed, foreseen=None
    )  # fmt: skip


async def _require_colleague(conn: Conn, progress: Progress, command: rc.MoveTask) -> None:
    """A task is moved to somebody who works at its desk, or it would be lost."""
    referral = progress.referral(command.referral_id)
    colleague = (await actors_of(conn, {command.to})).get(command.to)
    if referral and not (colleague and colleague.desk == referral.desk and colleague.has(*DESK_STAFF)):
        raise Refused(RefusalCode.PERSON_NOT_AT_DESK, desk=referral.desk)


def _body_of(command: type[c.Command], *set_by_path: str) -> type[BaseModel]:
    """The command without its actor and without what stands in the path."""
    fields: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in command.model_fields.items()
        if name not in (*SET_BY_SERVICE, *set_by_path)
    }
    config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLES.get(command, {"note": "已电话告知"})})
    return create_model(f"{command.__name__}Body", __config__=config, __doc__=command.__doc__, **fields)


def _route(path: str, verb: str, command: type[c.Command], action: Action, subject: str | None) -> None:
    """One POST route for one command."""
    body_type = _body_of(command, subject) if subject else _body_of(command)

    async def endpoint(
        case_id: str, body: Any, conn: Conn, shouhu: Shouhu, who: Who, response: Response, subject_id: str = "",
        idempotency_key: Key = None, if_match: IfMatch = None, dry_run: DryRun = False,
    ) -> Done:  # fmt: skip
        given = {name: getattr(body, name) for name in type(body).model_fields}
        named = {subject: subject_id} if subject else {}
        asked = command(by=who, **named, **given)
        about = {"referral_id": subject_id} if subject == "referral_id" else {"duty": subject_id} if subject else {}
        if dry_run:
            return await foresee(conn, shouhu, who, case_id, asked, action, if_match=if_match, **about)
        done = await perform(conn, shouhu, who, case_id, asked, action, key=idempotency_key, if_match=if_match, **about)
        response.headers["ETag"] = f'"{done.version}"'
        return done

    endpoint.__annotations__["body"] = body_type
    if not subject:
        endpoint = _without_subject(endpoint)
    summary = (command.__doc__ or verb).splitlines()[0]
    router.add_api_route(
        path, endpoint, methods=["POST"], response_model=Done, operation_id=verb.replace("-", "_"), summary=summary,
        responses={200: {"headers": ETAG}},
    )  # fmt: skip


def _without_subject(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    import inspect

    signature = inspect.signature(endpoint)
    endpoint.__signature__ = signature.replace(  # type: ignore[attr-defined]  # FastAPI reads the signature
        parameters=[p for name, p in signature.parameters.items() if name != "subject_id"]
    )
    return endpoint


for _verb, (_command, _action) in ON_REFERRAL.items():
    _route(
        f"/cases/{{case_id}}/referrals/{{subject_id}}/{_verb}", f"referral_{_verb}", _command, _action, "referral_id"
    )
for _verb, (_command, _action) in ON_DUTY.items():
    _route(f"/cases/{{case_id}}/duties/{{subject_id}}/{_verb}", f"duty_{_verb}", _command, _action, "code")
for _verb, (_command, _action) in ON_CASE.items():
    _route(f"/cases/{{case_id}}/{_verb}", f"case_{_verb}", _command, _action, None)
