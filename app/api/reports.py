"""Reports at the one door, and what a reporter may know of them."""

from functools import partial
from typing import Annotated, Any

from fastapi import Header, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import case as sql_case
from sqlalchemy import false, func, not_, select

from app.api.answers import ReportRow
from app.api.context import Conn, Shouhu, Who, require, unconcerned
from app.api.limits import address_of
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.guesses import guess, key_of
from app.db.intake import file
from app.db.receipts import by_receipt
from app.db.service import Service
from app.domain.access import Action, scope
from app.domain.disclosure import ForReporter
from app.domain.refusals import RefusalCode, Refused
from app.domain.submission import Submission
from app.router import Router

ANSWER = "answer_outcome"
"""The duty to answer the reporter, as a task."""
router = Router(prefix="/v1", tags=["reports"], route_class=StrictRoute)
Key = Annotated[str | None, Header(max_length=200, description="The same key again gives the same receipt.")]


class ReceiptCode(BaseModel):
    """As on the receipt; spaces, dashes and small letters are read as well."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"receipt": "8F3K-72QD-0M5T-PX1A"}]})

    receipt: str = Field(max_length=200)


class Receipt(BaseModel):
    """The reporter's proof, at once."""

    case_id: str
    receipt: str = Field(examples=["8F3K-72QD-0M5T-PX1A"])
    findings: list[dict[str, Any]] = Field(
        description="What looks wrong, such as a check digit. Nothing was refused for it."
    )
    progress_page: str = Field(
        description="Where a person enters the receipt code to see the progress; the code stands in no address.",
        examples=["http://127.0.0.1:8000/progress"],
    )
    says: str = "已收到。怀疑即可上报，无需证据。请保存回执编号。"


@router.post("/reports", status_code=201, operation_id="file_report")
async def post_report(
    submission: Submission, conn: Conn, shouhu: Shouhu, who: Who, idempotency_key: Key = None
) -> Receipt:
    """A report becomes a case; police legs lie on their desk before this answers."""
    require(who, Action.FILE_REPORT)
    filed = await file(conn, shouhu.ledger, shouhu.receipts, submission, who, idempotency_key)
    return Receipt(
        case_id=filed.case_id, receipt=filed.receipt, findings=filed.findings, progress_page=shouhu.progress_page
    )


@router.post("/progress", operation_id="progress_by_receipt")
async def progress_by_receipt(asked: ReceiptCode, request: Request, shouhu: Shouhu) -> ForReporter:
    """For whoever holds the receipt; needs no account. The code travels in the body, so that no address or log holds it.

    Five wrong codes an hour from one address, then 429 with Retry-After also for right ones; a right code uses up nothing.
    """
    found = await guessed(shouhu, address_of(request), asked.receipt)
    if found is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    return found


async def guessed(
    shouhu: Service, address: str | None, code: str, action: str = "progress_by_receipt"
) -> ForReporter | None:  # fmt: skip
    """What this code opens for whoever asks from this address, programs and people alike, on record as `action` before it leaves;
    TooManyGuesses after too many wrong ones."""
    key = key_of(shouhu.receipts, shouhu.codes, address)
    look = partial(by_receipt, receipts=shouhu.receipts, code=code, action=action)
    return await guess(shouhu.engine, key, shouhu.codes, shouhu.ledger.clock(), look)


@router.get("/reports", operation_id="own_reports")
async def own_reports(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 50) -> Page[ReportRow]:
    """The reports of the caller's own unit, newest first, without the children."""
    unit = scope(who).reports_of_unit
    if unit is None:
        raise Refused(RefusalCode.NOT_ALLOWED)
    case, owed = tables.cases.c, tables.tasks.c
    answer = (owed.case_id == case.id) & (owed.subject == ANSWER)
    query = (
        select(case.id, case.number, case.stage, case.filed_at, case.is_open,
               func.coalesce(not_(owed.is_open), false()).label("answered"),
               sql_case((owed.is_open, owed.due_at)).label("answer_due_at"))
        .select_from(tables.cases).outerjoin(tables.tasks, answer)
        .where(case.reporter_unit == unit, unconcerned(who, case.id))
    )  # fmt: skip
    by = (case.filed_at, case.id)
    return await page_of(conn, who, query, ReportRow, by, cursor=cursor, limit=limit, newest_first=True)
