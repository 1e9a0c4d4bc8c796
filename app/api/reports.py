"""Reports at the one door, and what a reporter may know of them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, Field
from sqlalchemy import select, tuple_

from app.api import answers
from app.api.answers import ReportRow
from app.api.cases import Limit, Page, cursor_of, read_cursor
from app.api.context import Conn, Shouhu, Who, require
from app.db import tables
from app.db.intake import Submission, file
from app.domain.access import Action
from app.domain.progress import Progress, State
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import OWN_AGENCY

router = APIRouter(prefix="/v1", tags=["reports"])
Key = Annotated[str | None, Header(max_length=200, description="The same key again gives the same receipt.")]


class Receipt(BaseModel):
    """The reporter's proof, at once."""

    case_id: str
    receipt: str = Field(examples=["8F3K-72QD-0M5T-PX1A"])
    findings: list[dict[str, Any]] = Field(
        description="What looks wrong, such as a check digit. Nothing was refused for it."
    )
    says: str = "已收到。怀疑即可上报，无需证据。请保存回执编号。"


class ProgressForReporter(BaseModel):
    """What a reporter may know: no child, no agency's findings."""

    received_at: datetime
    stage: str
    accepted: bool
    answered: bool
    answer: str | None = None
    answer_due_at: datetime | None = None
    closed: bool


@router.post("/reports", status_code=201, operation_id="file_report")
async def post_report(
    submission: Submission, conn: Conn, shouhu: Shouhu, who: Who, response: Response, idempotency_key: Key = None
) -> Receipt:
    """A report becomes a case; police legs lie on their desk before this answers."""
    require(who, Action.FILE_REPORT)
    filed = await file(conn, shouhu.ledger, shouhu.receipts, submission, who, idempotency_key)
    response.headers["Location"] = f"/v1/progress/{filed.receipt}"
    return Receipt(case_id=filed.case_id, receipt=filed.receipt, findings=filed.findings)


@router.get("/progress/{receipt}", operation_id="progress_by_receipt")
async def progress_by_receipt(receipt: str, conn: Conn, shouhu: Shouhu) -> ProgressForReporter:
    """For whoever holds the receipt; needs no account."""
    query = select(tables.cases.c.progress).join(tables.reports, tables.reports.c.case_id == tables.cases.c.id)
    stored = await conn.execute(query.where(tables.reports.c.receipt_hash == shouhu.receipts.hash(receipt)))
    found = stored.scalar_one_or_none()
    if found is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    progress = Progress.model_validate(found)
    return _shown(progress, await _answer(conn, progress))


def _shown(progress: Progress, answer: str | None) -> ProgressForReporter:
    duty = progress.open_duty("answer_outcome")
    own = OWN_AGENCY.get(progress.reporter_class)
    taken = any(r.state in (State.ACCEPTED, State.COMPLETED) and r.agency is not own for r in progress.referrals)
    return ProgressForReporter(
        received_at=progress.filed_at, stage=progress.stage.value, accepted=progress.informed or taken,
        answered=progress.answered, answer=answer, answer_due_at=duty.clock.due_at if duty else None,
        closed=not progress.is_open,
    )  # fmt: skip


async def _answer(conn: Conn, progress: Progress) -> str | None:
    """The answer's text, of this report or of the case that it follows."""
    note = tables.notes.c
    for case_id in (progress.case_id, progress.linked_to):
        query = select(note.body).where(note.stream_id == case_id, note.kind == "reporter_answered")
        text = (await conn.execute(query.order_by(note.version.desc()).limit(1))).scalar_one_or_none()
        if text:
            return text
    return None


@router.get("/reports", operation_id="own_reports")
async def own_reports(conn: Conn, who: Who, cursor: Page = None, limit: Limit = 50) -> answers.Page[ReportRow]:
    """The reports of the caller's own unit, newest first, without the children."""
    if who.unit is None:
        raise Refused(RefusalCode.NOT_ALLOWED)
    case = tables.cases.c
    query = select(case.id, case.number, case.stage, case.filed_at, case.is_open).where(case.reporter_unit == who.unit)
    query = query.where(tuple_(case.filed_at, case.id) < read_cursor(cursor, 2)) if cursor else query
    rows = (await conn.execute(query.order_by(case.filed_at.desc(), case.id.desc()).limit(limit))).mappings().all()
    following = cursor_of(rows[-1]["filed_at"].isoformat(), rows[-1]["id"]) if len(rows) == limit else None
    return answers.Page(items=[ReportRow.model_validate(dict(row)) for row in rows], next=following)
