"""Two persons: what was proposed and waits for another, by whoever may approve it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row, func, or_, select

from app.api.context import Conn, Shouhu, Who, is_kept, numbers_of, visible
from app.api.pages import Cursor, Limit, Office, Page, hiding, in_words, numbered, own_words, page_of
from app.api.strict import StrictRoute
from app.db import approvals as two
from app.db import tables
from app.db.vault import opened
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.approvals import Act, Reason
from app.domain.terms import Agency
from app.domain.typed import LongText
from app.router import Router

router = Router(prefix="/v1/approvals", tags=["two persons"], route_class=StrictRoute)
Code = Annotated[str, Field(max_length=120)]
NAMES = {Act.HOLD: "hold", Act.DELETE: "child"}
"""The parameter by which an act is about a child without a case."""
hold = tables.legal_holds.c


class Proposed(BaseModel):
    """An act with its parameters, in codes and ids, exactly as the route that does it names them; never a name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "act": "unmask_list", "parameters": {"ledger": "work", "use": "hand_in"}, "reason": "hand_in", "note": "季度上报"
            }
        },
    )  # fmt: skip

    act: Act
    parameters: dict[Code, Code | int] = Field(max_length=10)
    reason: Reason
    note: LongText = Field(min_length=2)


class ApprovalRow(BaseModel):
    """A proposal and what became of it."""

    id: str
    act: Act
    case_id: str | None
    case_no: str | None = Field(None, examples=["WB-2026-000123"])
    parameters: dict[str, str | int]
    reason: Reason
    note: str | None = Field(description="Gone with the content of its case.")
    office: Office = None
    person_id: str
    behalf: str | None
    agency: Agency
    desk: str
    proposed_at: datetime
    expires_at: datetime = Field(description="Until when it waits, or once approved, holds.")
    approved_by: str | None
    approved_at: datetime | None
    rejected_by: str | None
    rejected_at: datetime | None
    used_at: datetime | None


@router.post("", status_code=201, operation_id="propose_act")
async def propose(asked: Proposed, conn: Conn, who: Who, shouhu: Shouhu) -> ApprovalRow:
    """The first person's step; nothing is done by it."""
    case_id = await _in_sight(conn, who, await _case_of(conn, asked))
    now = shouhu.ledger.clock()
    made = await two.propose(conn, who, asked.act, asked.parameters, asked.reason, asked.note, now, case_id=case_id)
    return await _shown(conn, who, made)


async def _case_of(conn: Conn, asked: Proposed) -> str | None:
    """As the act names it, or as the hold does that it would lift; a sealed case is in nobody's sight."""
    if asked.act is Act.HOLD:
        query = select(hold.subject_id).where(hold.id == str(asked.parameters.get("hold", "")))
        return (await conn.execute(query)).scalar_one_or_none()
    named = asked.parameters.get("case") if asked.act is not Act.UNSEAL else None
    return None if named is None else str(named)


async def _in_sight(conn: Conn, who: Actor, case_id: str | None) -> str | None:
    """Anybody may write anything as the case of an act; whether there is one that they do not see is not told by it."""
    case = tables.cases.c
    query = select(case.id).where(case.id == case_id, visible(who), is_kept())
    return (await conn.execute(query)).scalar_one_or_none() if case_id else None


@router.get("", operation_id="approvals")
async def approvals(
    conn: Conn, who: Who, shouhu: Shouhu, waiting: bool = True, cursor: Cursor = None, limit: Limit = 50
) -> Page[ApprovalRow]:
    """Proposals of the caller's office, for overseers of all; those that wait for a second person, or all; newest first.

    Those to open a sealed record, to whoever may open one alone, and is not who it is about.
    """
    row = tables.approvals.c
    query = select(*(row[name] for name in ApprovalRow.model_fields if name != "case_no")).where(two.told_to(who))
    if waiting:
        query = query.where(
            row.approved_at.is_(None), row.rejected_at.is_(None), row.expires_at > shouhu.ledger.clock()
        )
    page = await page_of(
        conn, who, query, ApprovalRow, (row.proposed_at, row.id), cursor=cursor, limit=limit, newest_first=True
    )
    beside = await _children_of(conn, page.items)
    page = await numbered(conn, who, page, "case_id")
    return await in_words(conn, who, "approvals", page, tables.approvals, beside=lambda one: beside.get(one.id, set()))


@router.post("/{approval_id}/approve", operation_id="approve_act")
async def approve(approval_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> ApprovalRow:
    """The second person's step: whoever proposed may now do it. Never the same natural person, by whatever account or seat."""
    done = await two.decide(conn, who, approval_id, shouhu.ledger.clock(), approve=True)
    return await _shown(conn, who, done)


@router.post("/{approval_id}/reject", operation_id="reject_act")
async def reject(approval_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> ApprovalRow:
    """It is not done."""
    done = await two.decide(conn, who, approval_id, shouhu.ledger.clock(), approve=False)
    return await _shown(conn, who, done)


async def _children_of(conn: Conn, rows: Sequence[ApprovalRow]) -> dict[str, set[str]]:
    """By proposal: the child that was registered without a case, whose file is to be destroyed or no longer held."""
    wanted = {
        row.id: str(row.parameters.get(NAMES[row.act], "")) for row in rows if row.act in NAMES and row.case_id is None
    }
    if not wanted:
        return {}
    await open_door(conn)
    child, names = tables.children.c, [*wanted.values()]
    query = select(func.coalesce(hold.id, child.id), child.id).select_from(tables.children)
    query = query.outerjoin(tables.legal_holds, hold.subject_id == child.id)
    named = query.where(child.case_id.is_(None), or_(child.id.in_(names), hold.id.in_(names)))
    found: dict[str, set[str]] = {}
    for by_hold, one in await conn.execute(named):
        found |= {made: {one} for made, name in wanted.items() if name in (by_hold, one)}
    return found


async def _shown(conn: Conn, who: Actor, row: Row) -> ApprovalRow:
    (found,) = await opened(conn, [row._mapping], tables.approvals)
    number = (await numbers_of(conn, who, [found["case_id"]])).get(found["case_id"]) if found["case_id"] else None
    made = ApprovalRow.model_validate({**found, "case_no": number})
    about = ({found["case_id"]} - {None}) | (await _children_of(conn, [made])).get(made.id, set())
    return made.model_copy(
        update=(await hiding(conn, about))(about, {"note": found["note"]}, own=own_words(who, found))
    )
