"""A child's record of access: who saw or changed what of this child, when, why and in which request."""

import csv
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from app.api.cases import NOT_NAMED
from app.api.context import Conn, Who, audit_read, require, visible
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.audit import access_to
from app.domain.access import Action, Actor
from app.domain.commands import FileReport
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency

router = APIRouter(prefix="/v1", tags=["audit"], route_class=StrictRoute)
MOST = 100_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run instead of showing."""


class AccessRow(BaseModel):
    """One access."""

    id: int
    at: datetime
    person_id: str = Field(examples=["police.officer.1"])
    behalf: str | None = Field(description="The absent person, when a deputy acted.")
    agency: Agency
    action: str = Field(examples=["read_content"])
    stream_id: str | None = Field(description="The case, or the watch.")
    version: int | None = Field(description="Of a change: the version that it made.")
    fields: list[str]
    why: str = Field(
        description="What opens the case to the reader, or the reason that was given.", examples=["own_desk"]
    )
    outcome: str
    trace_id: str = Field(description="Of the request; the answer carried it as X-Trace-Id.")


@router.get("/children/{child_id}/access-record", operation_id="access_record")
async def access_record(
    child_id: str, conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100
) -> Page[AccessRow]:
    """Newest first; for supervisors."""
    await _of_visible_child(conn, who, child_id)
    query = access_to(child_id)
    page = await page_of(conn, query, AccessRow, (tables.audit.c.id,), cursor=cursor, limit=limit, newest_first=True)
    return Page(items=[AccessRow.model_validate(_unnamed(who, row.model_dump())) for row in page.items], next=page.next)


@router.get("/children/{child_id}/access-record.csv", operation_id="export_access_record", response_class=Response)
async def export_access_record(child_id: str, conn: Conn, who: Who) -> Response:
    """The same as text/csv for a file; no cell of it is a formula."""
    await _of_visible_child(conn, who, child_id)
    rows = (await conn.execute(access_to(child_id).order_by(tables.audit.c.id.desc()).limit(MOST))).mappings()
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(AccessRow.model_fields)
    shown = (_unnamed(who, {name: row[name] for name in AccessRow.model_fields}) for row in rows)
    table.writerows([_cell(row[name]) for name in AccessRow.model_fields] for row in shown)
    named = {"Content-Disposition": f'attachment; filename="access-{child_id}.csv"'}
    return Response("\ufeff" + text.getvalue(), media_type="text/csv", headers=named)


def _unnamed(who: Actor, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Who filed the report is the reporter's identity: of those who read the record, only the supervisors of civil affairs know it."""
    knows = who.agency is Agency.CIVIL or row["action"] != FileReport.__name__
    return row if knows else {**row, "person_id": NOT_NAMED, "behalf": None}


def _cell(value: Any) -> str:
    shown = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{shown}" if shown.startswith(FORMULA) else shown


async def _of_visible_child(conn: Conn, who: Who, child_id: str) -> None:
    """The look at the record is itself on record."""
    require(who, Action.READ_AUDIT)
    child, case = tables.children.c, tables.cases.c
    query = select(case.id).join(tables.children, child.case_id == case.id).where(child.id == child_id, visible(who))
    found = (await conn.execute(query)).scalar_one_or_none()
    if found is None:
        raise Refused(RefusalCode.CHILD_NOT_FOUND)
    await audit_read(conn, who, "read_access_record", found, ["access_record"], children=[child_id])
