"""保存期限与销毁: by which rules what is kept ends, what is due, what is held, and the destruction that two persons approved."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from app.api.context import Conn, Shouhu, Who, numbers_of, progress_of
from app.api.pages import Cursor, Limit, Office, Page, hiding, in_words, numbered, own_words, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.approvals import spend
from app.db.audit import on_record
from app.db.erasure import erase, owed
from app.db.retention import hold, in_state, lift_hold, listed, require_due, set_hold
from app.db.vault import opened
from app.db.walls import child_concerns, through_the_door
from app.domain.access import Actor
from app.domain.approvals import Act
from app.domain.refusals import RefusalCode, Refused
from app.domain.retention import Dossier, HoldReason, LiftReason, may_dispose, may_hold
from app.domain.typed import LongText
from app.policy.basis import Citation, cite
from app.policy.retention import retention_rules
from app.router import Router

router = Router(prefix="/v1/retention", tags=["retention"], route_class=StrictRoute)
Subject = Annotated[str, Path(max_length=80, description="A case, or a child that was registered without a report.")]
PARAMETER = {Dossier.CASE: "case", Dossier.CHILD: "child"}
"""Under which name the approval of two persons says what is destroyed."""


class RetentionRow(BaseModel):
    """How long what is kept stays, from a day on, with what that rests on."""

    code: str
    kept: Dossier
    holds_from: date
    years: int = Field(description="After the last fact of all that belongs to the child.")
    until_age: int = Field(description="And never before the youngest child is so old.")
    why: str
    basis: list[Citation]


class DisposalRow(BaseModel):
    """A line of the list of destruction; it says nothing of who it is about."""

    subject_id: str
    case_no: str | None = Field(None, examples=["WB-2026-000123"], description="Of a case; null for a child's file.")
    kept: Dossier
    rule: str
    due_on: date
    held: bool
    listed_at: datetime
    erased_at: datetime | None
    erased_by: str | None
    approval_id: str | None
    streams: int | None = Field(description="Keys that were destroyed.")
    files: int | None


class HoldRow(BaseModel):
    """What must not be destroyed, and why."""

    id: str
    subject_id: str
    case_id: str | None
    case_no: str | None = Field(None, examples=["WB-2026-000123"], description="Of a case; null for a child's file.")
    reason: HoldReason
    note: str | None
    office: Office = None
    set_by: str
    set_at: datetime
    lift_reason: LiftReason | None
    lifted_by: str | None
    lifted_at: datetime | None


class ToHold(BaseModel):
    """Why it must stay."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reason": "litigation", "note": "抚养权诉讼未结"}}
    )

    reason: HoldReason
    note: LongText = Field(min_length=2)


class ToLift(BaseModel):
    """Why it need not stay any more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "ended"}})

    reason: LiftReason


class Erased(BaseModel):
    """What was destroyed; `backups` are destroyed keys that older backups open until the master key is renewed."""

    subject_id: str
    streams: int
    files: int
    backups: int


@router.get("/rules", operation_id="retention_rules")
async def rules(conn: Conn, who: Who) -> list[RetentionRow]:
    """All rows, those of earlier days too."""
    return [
        RetentionRow(**rule.model_dump(exclude={"basis"}), basis=[cite(source) for source in rule.basis])
        for rule in retention_rules()
    ]


@router.get("", operation_id="retention_due")
async def due(
    conn: Conn, who: Who, state: Literal["due", "held", "erased"] = "due", cursor: Cursor = None, limit: Limit = 50
) -> Page[DisposalRow]:
    """销毁清册, as the schedule last found it; for supervisors."""
    _require(may_dispose(who))
    query = select(*(listed[name] for name in DisposalRow.model_fields if name != "case_no")).where(in_state(state))
    query = query.where(~child_concerns(who, listed.subject_id))
    page = await page_of(conn, who, query, DisposalRow, (listed.due_on, listed.subject_id), cursor=cursor, limit=limit)
    return await numbered(conn, who, page, "subject_id")


@router.get("/holds", operation_id="legal_holds")
async def holds(conn: Conn, who: Who, in_force: bool = True, cursor: Cursor = None, limit: Limit = 50) -> Page[HoldRow]:
    """Newest first; supervisors see all, others those that they have set."""
    _require(may_hold(who))
    query = select(*(hold[name] for name in HoldRow.model_fields if name != "case_no"))
    query = query.where(~child_concerns(who, hold.subject_id))
    query = query.where(hold.lifted_at.is_(None)) if in_force else query
    page = await page_of(
        conn, who, query, HoldRow, (hold.set_at, hold.id), cursor=cursor, limit=limit, newest_first=True
    )
    return await in_words(conn, who, "legal_holds", await numbered(conn, who, page, "subject_id"), tables.legal_holds)


@router.post("/{subject_id}/holds", status_code=201, operation_id="set_legal_hold")
async def keep(subject_id: Subject, asked: ToHold, conn: Conn, who: Who, shouhu: Shouhu) -> HoldRow:
    """By one person and at once, also before it is due: nothing that belongs to the same child is destroyed."""
    _require(may_hold(who))
    kept = await _sighted(conn, who, subject_id)
    made = await set_hold(conn, who, subject_id, kept, asked.reason, asked.note, shouhu.ledger.clock())
    await on_record(conn, who, "set_legal_hold", subject_id, [made[:40]], children=[], why=asked.reason.value)
    return await _shown(conn, who, made)


@router.post("/holds/{hold_id}/lift", operation_id="lift_legal_hold")
async def lift(hold_id: str, asked: ToLift, conn: Conn, who: Who, shouhu: Shouhu) -> HoldRow:
    """By two persons: `hold` with the id of the hold."""
    _require(may_dispose(who))
    seen = select(hold.subject_id).where(hold.id == hold_id, ~child_concerns(who, hold.subject_id))
    subject_id = (await conn.execute(seen)).scalar_one_or_none()
    if subject_id is None:
        raise Refused(RefusalCode.HOLD_NOT_FOUND)
    now = shouhu.ledger.clock()
    approval = await spend(conn, who, Act.HOLD, {"hold": hold_id}, now)
    await lift_hold(conn, who, hold_id, asked.reason, approval, now)
    await on_record(conn, who, "lift_legal_hold", subject_id, [hold_id[:40]], children=[], why=asked.reason.value)
    return await _shown(conn, who, hold_id)


@router.post("/{subject_id}/erase", operation_id="erase")
async def destroy(subject_id: Subject, conn: Conn, who: Who, shouhu: Shouhu) -> Erased:
    """By two persons: `delete` with the `case` or the `child`, which must stand on the list and be due still. There is no way back.

    The keys of the content are destroyed, files and texts are deleted; the audit and the figures stay, and say nobody's name.
    """
    _require(may_dispose(who))
    await _sighted(conn, who, subject_id)
    now = shouhu.ledger.clock()
    kept = await require_due(conn, subject_id, retention_rules(), now)
    approval = await spend(conn, who, Act.DELETE, {PARAMETER[kept]: subject_id}, now)
    gone = await erase(conn, who, subject_id, kept, approval, now)
    await on_record(conn, who, "erase", subject_id, [approval[:40]], children=[], why="retention_over")
    return Erased(subject_id=subject_id, streams=gone.streams, files=gone.files, backups=await owed(conn))


async def _shown(conn: Conn, who: Actor, hold_id: str) -> HoldRow:
    rows = (await conn.execute(select(tables.legal_holds).where(hold.id == hold_id))).mappings()
    (found,) = await opened(conn, rows, tables.legal_holds)
    number = (await numbers_of(conn, who, [found["subject_id"]])).get(found["subject_id"])
    about = {found["subject_id"]}
    said = (await hiding(conn, about))(about, {"note": found["note"]}, own=own_words(who, found))
    return HoldRow.model_validate({**found, **said, "case_no": number})


def _require(allowed: bool) -> None:
    if not allowed:
        raise Refused(RefusalCode.NOT_ALLOWED)


async def _sighted(conn: Conn, who: Actor, subject_id: str) -> Dossier:
    """What it is, for whoever may see it, and has passed the door; to all others there is none."""
    child = tables.children.c
    if subject_id.startswith("ch-"):
        found = select(child.id, through_the_door()).where(child.id == subject_id, child.case_id.is_(None))
        found = found.where(~child_concerns(who, child.id))
        if not who.oversees_district or (await conn.execute(found)).first() is None:
            raise Refused(RefusalCode.CHILD_NOT_FOUND)
        return Dossier.CHILD
    await progress_of(conn, who, subject_id, to_act=True)
    return Dossier.CASE
