"""Break-glass: one read of a case by somebody who may not see it, told to the supervisors at once and judged by another desk."""

import uuid
from datetime import datetime
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import String, and_, cast, func, insert, or_, select, update

from app.api.context import Conn, Shouhu, Who, audit_read, is_kept, unconcerned, visible
from app.api.need import owner_of
from app.api.pages import Cursor, Limit, Office, Page, hiding, in_words, own_words, page_of
from app.api.reading import content_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.need import tell
from app.db.vault import opened, sealed_row
from app.db.walls import open_door
from app.domain.emergency import (
    REVIEWED_WITHIN,
    Emergency,
    Read,
    Verdict,
    may_break_glass,
    may_review,
    overdue,
    require_reviewer,
)
from app.domain.masking import names_of, texts_without
from app.domain.progress import Progress
from app.domain.refusals import RefusalCode, Refused
from app.domain.sight import reads_with
from app.domain.terms import Agency, Role, Stage
from app.domain.typed import LongText
from app.router import Router

router = Router(prefix="/v1/emergency-reads", tags=["need to know"], route_class=StrictRoute)
SUPERVISORS = (f"{Role.SUPERVISOR}:{Agency.CIVIL}", f"{Role.SUPERVISOR}:{Agency.CONF}")
glass = tables.emergency_reads.c


class BreakGlass(BaseModel):
    """Which case, by its id or its number, and why it cannot wait."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"case": "1024", "reason": "child_found", "note": "夜间站前发现儿童，核对身份"}},
    )

    case: str = Field(min_length=1, max_length=80)
    reason: Emergency
    note: LongText = Field(min_length=2)


CALLED = (Agency.POLICE, Agency.CIVIL, Agency.CONF, Agency.STREET, Agency.COMM)
"""Whom one calls who has found a child in danger; that others have a part tells of proceedings, a placement or an illness. Default."""


class InEmergency(BaseModel):
    """What was read, once; never who reported."""

    id: str
    case_id: str
    stage: Stage
    desks: list[str] = Field(description="Whom to call.")
    content: dict[str, Any]
    review_by: datetime


class EmergencyRead(BaseModel):
    """One emergency read and its review."""

    id: str
    case_id: str
    person_id: str
    behalf: str | None
    agency: Agency
    desk: str
    reason: Emergency
    note: str | None = Field(description="Gone with the content of its case.")
    office: Office = None
    read_at: datetime
    review_by: datetime
    overdue: bool = False
    verdict: Verdict | None
    reviewed_by: str | None
    review_note: str | None
    review_office: Office = None
    reviewed_at: datetime | None


class Judged(BaseModel):
    """Whether it was necessary."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"verdict": "justified", "note": "已核实现场情况"}}
    )

    verdict: Verdict
    note: LongText = Field(min_length=2)


@router.post("", status_code=201, operation_id="break_glass")
async def break_glass(asked: BreakGlass, request: Request, conn: Conn, who: Who, shouhu: Shouhu) -> InEmergency:
    """Never into a case about the caller, nor into a sealed one; supervisors and the owner are told in the same step."""
    if not may_break_glass(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    request.state.tried = asked.case
    await open_door(conn)
    case = tables.cases.c
    named = or_(case.id == asked.case, cast(case.number, String) == asked.case)
    sealed = func.coalesce(func.jsonb_array_length(case.progress["sealed_for"]), 0) > 0
    query = select(case.progress, visible(who).label("seen")).where(
        and_(named, ~sealed, is_kept(), unconcerned(who, case.id))
    )
    found = (await conn.execute(query)).one_or_none()
    if found is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    if found.seen:
        raise Refused(RefusalCode.NO_EMERGENCY_NEEDED)
    progress, now = Progress.model_validate(found.progress), shouhu.ledger.clock()
    case_id, fields = progress.case_id, ["children", "family", "narrative"]
    await audit_read(conn, who, "emergency_read", case_id, fields, why=f"emergency:{asked.reason}")
    row = {
        "id": f"glass-{uuid.uuid4().hex}", "case_id": case_id, "person_id": who.person_id, "behalf": who.acting_for,
        "accounts": list(who.persons), "agency": who.agency.value, "desk": who.desk, "reason": asked.reason.value,
        "note": asked.note, "office": reads_with(who), "read_at": now, "review_by": now + REVIEWED_WITHIN,
    }  # fmt: skip
    await conn.execute(insert(tables.emergency_reads).values(await sealed_row(conn, tables.emergency_reads, row)))
    await tell(conn, (*SUPERVISORS, owner_of(progress)), case_id, "emergency_read", row["id"], now, but=who.persons)
    content, reporter = await content_of(conn, progress)
    return InEmergency(
        id=row["id"], case_id=case_id, stage=progress.stage,
        desks=[desk for desk in progress.desks if desk.partition("-")[0] in CALLED],
        content=texts_without({name: content[name] for name in fields}, names_of(reporter)),
        review_by=row["review_by"],
    )  # fmt: skip


@router.get("", operation_id="emergency_reads")
async def emergency_reads(
    conn: Conn, who: Who, shouhu: Shouhu, waiting: bool = True, cursor: Cursor = None, limit: Limit = 50
) -> Page[EmergencyRead]:
    """The review queue of the supervisors, the most urgent first; those whom a case is about do not see its reads."""
    if not may_review(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    shown = [name for name in EmergencyRead.model_fields if name != "overdue"]
    query = select(*(glass[name] for name in shown)).where(unconcerned(who, glass.case_id))
    query = query.where(glass.reviewed_at.is_(None)) if waiting else query
    page = await page_of(conn, who, query, EmergencyRead, (glass.review_by, glass.id), cursor=cursor, limit=limit)
    page, now = await in_words(conn, who, "emergency_reads", page, tables.emergency_reads), shouhu.ledger.clock()
    late = [one.model_copy(update={"overdue": overdue(one.review_by, one.reviewed_at, now)}) for one in page.items]
    return Page(items=late, next=page.next)


@router.post("/{read_id}/verdict", operation_id="judge_emergency_read")
async def judge(read_id: str, judged: Judged, conn: Conn, who: Who, shouhu: Shouhu) -> EmergencyRead:
    """By a supervisor who neither read it nor sits at the same desk."""
    if not may_review(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    seen = select(glass.id).where(glass.id == read_id, unconcerned(who, glass.case_id))
    if (await conn.execute(seen)).scalar_one_or_none() is None:
        raise Refused(RefusalCode.READ_NOT_FOUND)
    await open_door(conn)
    row = (await conn.execute(select(tables.emergency_reads).where(glass.id == read_id).with_for_update())).one()
    require_reviewer(who, Read(accounts=tuple(row.accounts), desk=row.desk, reviewed=row.reviewed_at is not None))
    said = {"id": row.id, "case_id": row.case_id, "review_note": judged.note}
    values = {
        **await sealed_row(conn, tables.emergency_reads, said), "verdict": judged.verdict.value,
        "review_office": reads_with(who), "reviewed_by": who.person_id, "reviewed_at": shouhu.ledger.clock(),
    }  # fmt: skip
    await audit_read(
        conn, who, "judge_emergency_read", row.case_id, [read_id[:40]], children=[], why=judged.verdict.value
    )
    done = update(tables.emergency_reads).where(glass.id == read_id).values(**values).returning(tables.emergency_reads)
    (found,) = await opened(conn, (await conn.execute(done)).mappings(), tables.emergency_reads)
    words = {name: found[name] for name in ("note", "review_note")}
    said = (await hiding(conn, {row.case_id}))({row.case_id}, words, own=own_words(who, found))
    shown = {name: found[name] for name in EmergencyRead.model_fields if name != "overdue"}
    return EmergencyRead.model_validate({**shown, **said})
