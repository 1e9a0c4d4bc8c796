"""Signals of other systems: sent by key, many at once; those that no watched child was found for wait for a person of the street."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, and_, func, not_, select, true

from app.api.children import in_sight, rules_of, sighted
from app.api.context import Conn, Shouhu, Who, at_desk_of, audit_read
from app.api.need import Asked, Opened, look, open_view
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.api.work import Key
from app.db import signals
from app.db.alike import alike
from app.db.audit import on_record
from app.db.dismissed import dismissed_at, still_told, told
from app.db.intake import file
from app.db.signal_desks import is_concerned
from app.db.signal_warnings import how_verified
from app.db.signals import Said, Signal, Taken
from app.db.walls import open_door
from app.domain.access import DESK_STAFF, Actor
from app.domain.commands import Concerned
from app.domain.matching import Reason
from app.domain.refusals import RefusalCode, Refused
from app.domain.signals import SignalEnd, SignalState, sends, tells_words
from app.domain.submission import Reporter, Submission
from app.domain.terms import Agency, ReporterClass, Role, Trigger
from app.domain.typed import LongText
from app.domain.visit import Outcome
from app.router import Router

router = Router(prefix="/v1/signals", tags=["signals"], route_class=StrictRoute)
row = signals.row
MOST = 500
EXAMPLE: dict[str, Any] = {
    "signals": [
        {
            "id": "kq-2026-0311", "count": 3, "happened_on": "2026-03-11", "text": "连续三日无故缺勤",
            "child": {"name": "示例甲（化名）", "birth_date": "2016-05-06", "school": "示例三小（化名）"},
        }
    ]
}  # fmt: skip
REPORTS_AS = {
    Agency.SCHOOL: ReporterClass.SCHOOL, Agency.HOSPITAL: ReporterClass.MEDICAL, Agency.POLICE: ReporterClass.POLICE,
    Agency.HOTLINE: ReporterClass.HOTLINE,
}  # fmt: skip


class Batch(BaseModel):
    """Signals as a system noticed them; the same again changes nothing."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})

    signals: list[Signal] = Field(min_length=1, max_length=MOST)


class AllTaken(BaseModel):
    """What became of each, in their order; whether a child is watched is not told."""

    signals: list[Taken]


class HeldRow(BaseModel):
    """A signal that waits for a person."""

    id: str
    rule: str
    zh: str
    en: str
    agency: Agency
    unit: str
    division: str
    desk: str
    times: int
    happened_on: date | None
    received_at: datetime
    dismissed_at: datetime | None = Field(
        default=None,
        description="When a person found nothing behind it; its words are forgotten 30 days after, a product default.",
    )


class Likely(BaseModel):
    """A child whose file the caller may see, and why the signal may be about it."""

    child_id: str
    score: float
    reasons: list[Reason]
    watched: bool


class HeldSignal(HeldRow):
    """The same with what was said of the child, masked until somebody says why, and who it may be."""

    said: dict[str, Any]
    about: list[str] = Field(description="Codes of whom it is about, as they were named; they do not see it.")
    kept_back: bool = Field(
        description="Whether words of a hospital, the health commission or the police were left out, for they may name an "
        "illness, and the caller's agency is told of none; rule, count, day and child stay."
    )
    likely: list[Likely]
    full: bool


class Found(BaseModel):
    """What is behind a signal."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"outcome": "child", "child_id": "ch-9a8b7c6d", "note": "电话核实"}},
    )

    outcome: SignalEnd
    child_id: str | None = Field(default=None, max_length=80)
    situations: tuple[Trigger, ...] = ()
    note: LongText = ""
    about: tuple[Concerned, ...] = Field(
        default=(),
        max_length=signals.MOST_NAMED,
        description="Codes of whom it is about. Where that is the caller, or the caller's office (`own_office` says so without a code), it "
        "goes to another office undecided, and nothing of it is forgotten.",
    )


class FoundAnswer(BaseModel):
    """What a decision made: a warning over the watched child, or a report; `own_office` where another office decides."""

    id: str
    outcome: SignalEnd
    watch_id: str | None = None
    warning: int | None = None
    case_id: str | None = None


class RuleRow(BaseModel):
    """How a rule fares: `repeated` were the same again, false alarms are those that a person or a verified warning found empty."""

    rule: str
    zh: str
    en: str
    basis: list[str]
    received: int
    repeated: int
    warned: int
    held: int
    reported: int
    false_alarms: int
    unknown: int
    risks: int
    false_alarm_rate: float | None = Field(description="Of those that were decided; null while none is.")


@router.post("", operation_id="send_signals")
async def send(batch: Batch, conn: Conn, who: Who, shouhu: Shouhu) -> AllTaken:
    """By the key of a system or a person of a unit to which a rule listens; each is taken once."""
    now = shouhu.ledger.clock()
    rules = await shouhu.ledger.current(conn, now)
    speaks = who.has(Role.MACHINE, Role.REPORTER, *DESK_STAFF) and not who.has(Role.ADMIN)
    if not speaks or not sends(who.agency, rules.signals.values()):
        raise Refused(RefusalCode.NOT_ALLOWED)
    await open_door(conn)
    await on_record(conn, who, "send_signals", None, [], children=[])
    return AllTaken(signals=await signals.take_all(conn, shouhu.ledger, batch.signals, who, now))


@router.get("/held", operation_id="held_signals")
async def held(
    conn: Conn, who: Who, shouhu: Shouhu, cursor: Cursor = None, limit: Limit = 50, dismissed: bool = False
) -> Page[HeldRow]:
    """Those that wait at the caller's desk, the oldest first; nothing of whom they name. `dismissed`, for those who oversee the district:
    behind which a person found nothing, as long as their words are kept, so that nobody wipes a complaint alone."""
    if dismissed and not who.oversees_district:
        raise Refused(RefusalCode.NOT_ALLOWED)
    query = select(signals.signals).where(seen_by(who))
    if dismissed:
        now = shouhu.ledger.clock()
        query = query.add_columns(dismissed_at().label("dismissed_at")).where(still_told(now))
    else:
        query = query.where(row.state == SignalState.HELD.value)
    page = await page_of(conn, who, query, _Stored, (row.received_at, row.id), cursor=cursor, limit=limit)
    return Page(
        items=[HeldRow(**one.model_dump(), **await _named(conn, shouhu, one.rule)) for one in page.items],
        next=page.next,
    )


class _Stored(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str
    rule: str
    agency: Agency
    unit: str
    division: str
    desk: str
    times: int
    happened_on: date | None
    received_at: datetime
    dismissed_at: datetime | None = None


def seen_by(who: Actor) -> Any:
    """The desk that holds a signal and those who oversee the district, but nobody whom it is about."""
    return and_(
        true() if who.oversees_district else at_desk_of(who, row.desk), not_(row.about.overlap(list(who.marks)))
    )


async def _named(conn: Conn, shouhu: Shouhu, rule: str) -> dict[str, Any]:
    spec = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).signals.get(rule)
    return {"zh": spec.zh if spec else rule, "en": spec.en if spec else rule}


async def _held(conn: Conn, who: Actor, signal_id: str) -> None:
    if not await _is(conn, who, signal_id, row.state == SignalState.HELD.value):
        raise Refused(RefusalCode.SIGNAL_NOT_FOUND)


async def _is(conn: Conn, who: Actor, signal_id: str, so: ColumnElement[bool]) -> bool:
    return await conn.scalar(select(row.id).where(row.id == signal_id, seen_by(who), so)) is not None


async def _is_dismissed(conn: Conn, who: Actor, signal_id: str, now: datetime) -> bool:
    """Whether it is one whose words those who oversee still read; one that is neither that nor held is not there."""
    if who.oversees_district and await _is(conn, who, signal_id, still_told(now)):
        return True
    await _held(conn, who, signal_id)
    return False


@router.get("/rules", operation_id="signal_rules")
async def rules(conn: Conn, who: Who, shouhu: Shouhu) -> list[RuleRow]:
    """For those who oversee the district: how many signals of each rule were real."""
    if not who.oversees_district:
        raise Refused(RefusalCode.NOT_ALLOWED)
    specs = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).signals
    verified = how_verified().label("verified")
    every = select(row.rule, row.state, row.outcome, row.times, verified).where(seen_by(who)).subquery()
    one = every.c
    no_risk = one.verified == Outcome.NO_RISK.value
    counted = select(
        one.rule, func.count().label("received"), func.sum(one.times - 1).label("repeated"),
        func.count().filter(and_(one.state == SignalState.WARNED.value)).label("warned"),
        func.count().filter(one.state == SignalState.HELD.value).label("held"),
        func.count().filter(one.outcome == SignalEnd.REPORT.value).label("reported"),
        func.count().filter((one.outcome == SignalEnd.FALSE_ALARM.value) | no_risk).label("false_alarms"),
        func.count().filter(one.outcome == SignalEnd.UNKNOWN.value).label("unknown"),
        func.count().filter(one.verified.in_((Outcome.RISK.value, Outcome.HELP.value))).label("risks"),
    ).group_by(one.rule)  # fmt: skip
    found = {line["rule"]: dict(line) for line in (await conn.execute(counted)).mappings()}
    return [_fares(spec, found.get(code, {})) for code, spec in specs.items()]


def _fares(spec: Any, counted: dict[str, Any]) -> RuleRow:
    names = ("received", "repeated", "warned", "held", "reported", "false_alarms", "unknown", "risks")
    figures = {name: int(counted.get(name) or 0) for name in names}
    decided = sum(figures[name] for name in ("reported", "false_alarms", "unknown", "risks"))
    rate = round(figures["false_alarms"] / decided, 4) if decided else None
    return RuleRow(
        rule=spec.code, zh=spec.zh, en=spec.en, basis=list(spec.basis), false_alarm_rate=rate, **figures
    )  # fmt: skip


@router.get("/{signal_id}", operation_id="read_signal")
async def read(signal_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> HeldSignal:
    """What was said, on record, and the children in the caller's sight whom it may be about."""
    now = shouhu.ledger.clock()
    dismissed = await _is_dismissed(conn, who, signal_id, now)
    lens = await look(conn, who, "read_signal", signal_id, ["said"])
    await open_door(conn)
    signal = await told(conn, signal_id, now) if dismissed else await signals.waiting(conn, signal_id)
    said = Said.model_validate(signal["said"])
    sections = (await rules_of(conn, shouhu)).file.seen_by(who.agency)
    likely = [
        Likely(
            child_id=one.child_id, score=one.told.score, reasons=list(one.told.reasons),
            watched=await signals.watch_over(conn, one.child_id) is not None,
        )
        for one in await alike(conn, said.known(), among=sighted(who), sections=sections)
    ]  # fmt: skip
    if likely:
        fields = ["name", "birth_date", "id_no", "family"]
        await audit_read(conn, who, "compare_children", signal_id, fields, children=[one.child_id for one in likely])
    kept_back = not tells_words(Agency(signal["agency"]), who.agency)
    told_of = said.without_words() if kept_back else said
    shown = lens(told_of.model_dump(mode="json", exclude_defaults=True, exclude={"id", "about"}))
    return HeldSignal(
        **_Stored.model_validate(signal).model_dump(), **await _named(conn, shouhu, signal["rule"]), said=shown, likely=likely,
        about=list(said.about), full=lens.full, kept_back=kept_back,
    )  # fmt: skip


@router.post("/{signal_id}/full-view", status_code=201, operation_id="open_signal_in_full")
async def open_signal(signal_id: str, asked: Asked, conn: Conn, who: Who, shouhu: Shouhu) -> Opened:
    """The child that a signal names, for some minutes."""
    await _is_dismissed(conn, who, signal_id, shouhu.ledger.clock())
    made = await open_view(conn, who, signal_id, None, asked.need, asked.note, ["said"], "", children=[])
    return Opened(id=made.id, until=made.until, fields=["said"])


@router.post("/{signal_id}/decision", operation_id="decide_signal")
async def decide(
    signal_id: str, found: Found, conn: Conn, who: Who, shouhu: Shouhu, idempotency_key: Key = None
) -> FoundAnswer:
    """核对: it is about a watched child, it is a risk and becomes a report at once, it is a false alarm, or there is no such child. Or it is
    about the caller's own office, and another decides."""
    await _held(conn, who, signal_id)
    if not who.has(*DESK_STAFF, Role.AGENCY_HEAD):
        raise Refused(RefusalCode.NOT_ALLOWED)
    child = await in_sight(conn, who, found.child_id or "") if found.outcome is SignalEnd.CHILD else None
    await open_door(conn)
    now, signal = shouhu.ledger.clock(), await signals.waiting(conn, signal_id, to_decide=True)
    made: dict[str, Any] = {}
    answer = FoundAnswer(id=signal_id, outcome=found.outcome)
    own = (who.unit or who.desk,) if found.outcome is SignalEnd.OWN_OFFICE else ()
    if named := (*found.about, *own):
        signal = await signals.concern(conn, shouhu.ledger, signal, named, who, now)
        await on_record(conn, who, "decide_signal", signal_id, ["about"], children=[])
        if own or not set(who.marks).isdisjoint(signal["about"]):
            return FoundAnswer(id=signal_id, outcome=SignalEnd.OWN_OFFICE)
    if child:
        rule = (await shouhu.ledger.current(conn, now)).signals.get(signal["rule"])
        watch = await signals.watch_over(conn, child)
        if watch is None or rule is None:
            raise Refused(RefusalCode.CHILD_NOT_WATCHED)
        if await is_concerned(conn, watch, signal["about"]):
            raise Refused(RefusalCode.WATCH_CONCERNED)
        made = {"child_id": watch.child_id, "warning": await signals.warn(conn, shouhu.ledger, rule, watch, now)}
        answer = answer.model_copy(update={"watch_id": watch.watch_id, "warning": made["warning"]})
    elif found.outcome is SignalEnd.REPORT:
        submission = _report(Said.model_validate(signal["said"]), Agency(signal["agency"]), signal["unit"], found)
        filed = await file(
            conn, shouhu.ledger, shouhu.receipts, submission, who, idempotency_key, concerned=signal["about"]
        )
        made = {"case_id": filed.case_id}
        answer = answer.model_copy(update=made)
    await signals.end(conn, shouhu.ledger, signal, found.outcome, who, now, **made)
    return answer


def _report(said: Said, agency: Agency, unit: str, found: Found) -> Submission:
    """What the system said of the child and what a person added."""
    known = {"class": REPORTS_AS.get(agency, ReporterClass.STATE_ORGAN), "org": unit}
    return Submission(
        reporter=Reporter.model_validate(known), children=[said.reported()], situations=found.situations,
        narrative=said.told(found.note), happened_on=said.happened_on, about=said.about[: signals.MOST_NAMED],
    )  # fmt: skip
