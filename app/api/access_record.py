"""Who saw or changed what, when, why and in which request: of one child for the supervisors, and sought by whoever reads the audit."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import ColumnElement, Select, and_, false, func, not_, or_, select

from app.api.context import Conn, Who, audit_read, require, unconcerned, visible
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.reading import NOT_NAMED
from app.api.strict import StrictRoute
from app.db import tables
from app.db.audit import SESSIONS, about, access_to, comes_to_report, erased, hidden, shown
from app.db.walls import child_concerns, stream_concerns
from app.domain.access import Action, Actor
from app.domain.child_file import file_id
from app.domain.owed import SettleOwed
from app.domain.refusals import RefusalCode, Refused
from app.domain.sheets import harmless
from app.domain.terms import Agency, Role
from app.domain.typed import Instant
from app.router import Router

router = Router(prefix="/v1", tags=["audit"], route_class=StrictRoute)
MOST = 100_000
SEARCH = "search_audit"
line = tables.audit.c


class AccessRow(BaseModel):
    """One access."""

    id: int
    at: datetime
    person_id: str = Field(examples=["police.officer.1"])
    behalf: str | None = Field(description="The absent person, when a deputy acted.")
    agency: Agency
    action: str = Field(examples=["read_content"])
    stream_id: str | None = Field(description="The case, the watch, or the file or book.")
    version: int | None = Field(description="Of a change: the version that it made.")
    fields: list[str]
    children: list[str] = Field(description="Of whom something was read; of a change, the case or file says it.")
    why: str = Field(
        description="What opens the case to the reader, or the reason that was given.", examples=["own_desk"]
    )
    outcome: str
    trace_id: str = Field(description="Of the request; the answer carried it as X-Trace-Id.")


@router.get("/children/{child_id}/access-record", operation_id="access_record")
async def access_record(
    child_id: str, conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100
) -> Page[AccessRow]:
    """Newest first; for supervisors. Of a row that was about several children, this one alone; none of a case about the caller."""
    await _of_visible_child(conn, who, child_id)
    page = await _page(conn, who, _record_of(who, child_id), cursor, limit)
    return Page(
        items=[row.model_copy(update={"children": _alone(child_id, row.children)}) for row in page.items],
        next=page.next,
    )


def _record_of(who: Actor, child_id: str) -> Select[*tuple[Any, ...]]:
    return access_to(child_id).where(not_(stream_concerns(who, func.coalesce(line.stream_id, ""))))


def _alone(child_id: str, children: Sequence[str]) -> list[str]:
    """Another child's case may be about the caller, and whose record is shown to a family names no child of others."""
    return [one for one in children if one == child_id]


class _Row(AccessRow):
    hidden: bool
    erased: bool


async def _page(
    conn: Conn, who: Actor, query: Select[*tuple[Any, ...]], cursor: str | None, limit: int
) -> Page[AccessRow]:
    page = await page_of(conn, who, query, _Row, (line.id,), cursor=cursor, limit=limit, newest_first=True)
    return Page(items=[AccessRow.model_validate(_unnamed(who, row.model_dump())) for row in page.items], next=page.next)


Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,80}$")]
"""No text, for what was sought goes on record."""


class Sought(BaseModel):
    """By what rows of the audit are sought; all that is said has to be true of a row."""

    person_id: Id | None = Field(None, description="Who acted, or for whom a deputy did.")
    child_id: Id | None = Field(None, description="Whose access record it is.")
    stream_id: Id | None = Field(None, description="The case, the watch, or the file or book.")
    action: Id | None = Field(None, examples=["read_content"])
    outcome: Id | None = Field(None, examples=["refused"])
    since: Instant | None = None
    until: Instant | None = None


@router.get("/audit", operation_id="search_audit")
async def search_audit(
    sought: Annotated[Sought, Query()], conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100
) -> Page[AccessRow]:
    """The audit, newest first, for the auditor and the supervisors; never of a case about the caller, nor who reported.

    The search is itself on record, with whom it was about.
    """
    require(who, Action.READ_AUDIT)
    asked = sought.model_dump(exclude_none=True, mode="json")
    fields = [f"{name}={value}"[:40] for name, value in asked.items()]
    children = [sought.child_id] if sought.child_id else []
    await audit_read(conn, who, SEARCH, sought.stream_id, fields, children=children)
    query = access_to(sought.child_id) if sought.child_id else shown()
    if sought.child_id or sought.stream_id:  # the own looks: of what there is and is hidden they would be too
        query = query.where(or_(line.action != SEARCH, line.person_id != who.person_id))
    return await _page(conn, who, query.where(~about(who), *_conditions(who, sought)), cursor, limit)


def _conditions(who: Actor, sought: Sought) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        line[name] == value for name in ("stream_id", "action", "outcome") if (value := getattr(sought, name))
    ]
    if sought.person_id:
        found.append(or_(line.person_id == sought.person_id, line.behalf == sought.person_id))
        found.append(~(hidden() & erased()) if _knows_reporters(who) else ~hidden() | _looks_after(who))
    if sought.stream_id and not _knows_reporters(who):  # of which signal a report was made is whose desk made it
        found.append(~((line.action == SettleOwed.__name__) & hidden()))
    found += [line.at >= sought.since] if sought.since else []
    found += [line.at < sought.until] if sought.until else []
    return found


@router.get("/children/{child_id}/access-record.csv", operation_id="export_access_record", response_class=Response)
async def export_access_record(child_id: str, conn: Conn, who: Who) -> Response:
    """The same as text/csv for a file; no cell of it is a formula."""
    await _of_visible_child(conn, who, child_id)
    found = (await conn.execute(_record_of(who, child_id).order_by(line.id.desc()).limit(MOST))).mappings()
    rows = [{**row, "children": _alone(child_id, row["children"])} for row in found]
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(AccessRow.model_fields)
    table.writerows(
        [_cell(row[name]) for name in AccessRow.model_fields] for row in (_unnamed(who, one) for one in rows)
    )
    named = {"Content-Disposition": f'attachment; filename="access-{child_id}.csv"'}
    return Response("\ufeff" + text.getvalue(), media_type="text/csv", headers=named)


def _knows_reporters(who: Actor) -> bool:
    """Of those who read the record, only the supervisors of civil affairs know who reports."""
    return who.agency is Agency.CIVIL and who.has(Role.SUPERVISOR)


def _looks_after(who: Actor) -> ColumnElement[bool]:
    """Whose accounts are used is the auditor's to see, who sees no case."""
    return comes_to_report() if who.has(Role.AUDITOR) else false()


def _unnamed(who: Actor, row: Mapping[str, Any]) -> Mapping[str, Any]:
    if _knows_reporters(who) and not row["erased"]:
        return row
    if row["action"] == SEARCH:  # whom somebody sought in a case may be who reported it
        return {**row, "fields": [said.partition("=")[0] for said in row["fields"]]}
    if not row["hidden"] or (row["action"] in SESSIONS and who.has(Role.AUDITOR)):
        return row
    told = {"stream_id": None, "trace_id": ""} if row["action"] == SettleOwed.__name__ else {}
    return {**row, "person_id": NOT_NAMED, "behalf": None, **told}


def _cell(value: Any) -> str:
    shown = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return harmless(shown)


async def _of_visible_child(conn: Conn, who: Who, child_id: str) -> None:
    """Also of one that nobody has reported. The look at the record is itself on record."""
    require(who, Action.READ_AUDIT)
    child, case = tables.children.c, tables.cases.c
    seen = or_(visible(who), and_(child.case_id.is_(None), unconcerned(who, child.case_id)))
    query = select(child.id, child.case_id).outerjoin(tables.cases, child.case_id == case.id)
    query = query.where(child.id == child_id, seen, ~child_concerns(who, child.id))
    found = (await conn.execute(query)).one_or_none()
    if found is None:
        raise Refused(RefusalCode.CHILD_NOT_FOUND)
    stream = found.case_id or file_id(child_id)
    await audit_read(conn, who, "read_access_record", stream, ["access_record"], children=[child_id])
