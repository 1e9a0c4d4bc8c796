"""Cases as those see them who may: where they stand, what happened, who is in them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response
from sqlalchemy import ColumnElement, and_, false, or_, select, true
from sqlalchemy import case as sql_case

from app.api.answers import ETAG, CaseFile, CaseRow, Suggestion, TimelineEntry
from app.api.context import (
    Conn,
    Shouhu,
    Who,
    commit_meanwhile,
    is_kept,
    numbers_of,
    progress_of,
    require,
    subject_of,
    visible,
)
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.reading import reading
from app.api.strict import StrictRoute
from app.db import tables
from app.db.scorecard import Owed, desk_then
from app.domain.access import OVERSIGHT, Action, Actor
from app.domain.disclosure_lists import Lists
from app.domain.own_part import owing
from app.domain.terms import Agency, Stage, Urgency
from app.policy.explanation import Explained
from app.router import Router

router = Router(prefix="/v1", tags=["cases"], route_class=StrictRoute)
Named = Annotated[
    list[str] | None, Query(alias="id", max_length=200, description="These cases alone, as far as they are visible.")
]


@router.get("/cases", operation_id="list_cases")
async def list_cases(
    conn: Conn, who: Who, shouhu: Shouhu, stage: Stage | None = None, urgency: Urgency | None = None, agency: Agency | None = None,
    number: int | None = None, ids: Named = None, open_only: bool = True, cursor: Cursor = None, limit: Limit = 50,
) -> Page[CaseRow]:  # fmt: skip
    """Visible cases, newest first; of one that the caller does not lead or oversee, the header alone, and by no other agency than the
    caller's is it found."""
    case, sees = tables.cases.c, whole_for(who, (await shouhu.ledger.current(conn, shouhu.ledger.clock())).lists)
    query = select(
        case.id, case.number, case.version, case.stage, case.urgency, case.lead, case.division, case.filed_at, case.closed_at,
        case.linked_to, *(sql_case((sees, case[name])).label(name) for name in ("branch", "rung", "next_deadline_at")),
    ).where(visible(who), is_kept())  # fmt: skip
    for column, wanted in ((case.stage, stage), (case.urgency, urgency)):
        query = query.where(column == wanted.value) if wanted else query
    query = query.where(case.is_open) if open_only else query
    query = query.where(case.number == number) if number else query
    query = query.where(case.id.in_(ids)) if ids else query
    if agency:
        query = query.where(case.agencies.contains([agency.value]), true() if agency is who.agency else sees)
    by = (case.filed_at, case.id)
    return await page_of(conn, who, query, CaseRow, by, cursor=cursor, limit=limit, newest_first=True)


@router.get(
    "/cases/{case_id}", operation_id="read_case", response_model=CaseFile, response_model_exclude_unset=True,
    responses={200: {"headers": ETAG}},
)  # fmt: skip
async def read_case(
    case_id: str, request: Request, conn: Conn, who: Who, shouhu: Shouhu, response: Response
) -> dict[str, Any]:
    """A case with what the caller may know of it; reading personal data is on record before it leaves."""
    file = await (await reading(conn, who, shouhu, case_id)).read()
    await commit_meanwhile(request, conn)
    answer = file()
    response.headers["ETag"] = f'"{answer["version"]}"'
    return answer


def whole_for(who: Actor, lists: Lists) -> ColumnElement[bool]:
    """Whether somebody is shown all of a case, as a condition on `cases`, as far as that hangs on their office and not on a leg."""
    case = tables.cases.c
    if who.oversees_district or who.agency in (*lists.see_all, *OVERSIGHT):
        return true()
    led = case.lead == who.agency.value
    if not who.agency.is_territorial:
        return led
    return and_(led, who.agency.value + "-" + case.division == who.desk) if who.desk else false()


async def tasks_shown(conn: Conn, who: Actor, shouhu: Shouhu) -> ColumnElement[bool]:
    """Whether a task is shown, as a condition on `tasks` joined to `cases`: in a case that is shown whole every task, else the own ones."""
    whole = whole_for(who, (await shouhu.ledger.current(conn, shouhu.ledger.clock())).lists)
    return and_(visible(who), or_(whole, _is_own(who)))


async def owed_shown(conn: Conn, who: Actor, shouhu: Shouhu) -> Owed:
    """The same of a deadline or rung in a case that is joined, by who owed it then: a task knows its last holder alone, and goes with the
    content of its case."""
    whole = whole_for(who, (await shouhu.ledger.current(conn, shouhu.ledger.clock())).lists)
    desks, agencies = owing(who)

    def owed(
        agency: ColumnElement[str],
        case_id: ColumnElement[str],
        subject: ColumnElement[str],
        at: ColumnElement[datetime],
    ) -> ColumnElement[bool]:
        own = agency.in_(sorted(agencies))
        if who.agency.is_territorial:
            of_desks = agency.in_(sorted({desk.partition("-")[0] for desk in desks}))
            own = or_(own, and_(of_desks, desk_then(case_id, subject, at).in_(sorted(desks))))
        return and_(visible(who), or_(whole, own))

    return owed


async def whole_shown(conn: Conn, who: Actor, shouhu: Shouhu) -> ColumnElement[bool]:
    """A case in sight that is shown whole: figures of others would tell what of them is not, by what one more of them changes."""
    return and_(visible(who), whole_for(who, (await shouhu.ledger.current(conn, shouhu.ledger.clock())).lists))


def _is_own(who: Actor) -> ColumnElement[bool]:
    desks, agencies = owing(who)
    return or_(tables.tasks.c.desk.in_(sorted(desks)), tables.tasks.c.agency.in_(sorted(agencies)))


async def number_of(conn: Conn, who: Actor, case_id: str) -> str:
    """As people say it."""
    return (await numbers_of(conn, who, [case_id]))[case_id]


@router.get("/cases/{case_id}/timeline", operation_id="read_timeline", response_model=list[TimelineEntry])
async def read_timeline(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[dict[str, Any]]:
    """Who did what, when, by which clause; every rung with its planned instant and its recipients."""
    return await (await reading(conn, who, shouhu, case_id)).timeline()


@router.get("/cases/{case_id}/explanation", operation_id="explain_case")
async def explain_case(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[Explained]:
    """Every decision of the case: the row that made it, its condition in words, the clause and the law with its status."""
    return await (await reading(conn, who, shouhu, case_id)).explanation()


@router.get("/cases/{case_id}/suggestions", operation_id="suggested_duplicates", response_model=list[Suggestion])
async def suggested_duplicates(case_id: str, conn: Conn, who: Who) -> list[dict[str, Any]]:
    """Other reports that may be about the same child, with the reasons; a person decides."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.LINK_REPORT, subject_of(progress))
    table = tables.suggestions.c
    query = (
        select(table.other_id, table.score, table.reasons, table.state)
        .join(tables.cases, tables.cases.c.id == table.other_id)
        .where(table.case_id == case_id, visible(who))
    )
    return [dict(row) for row in (await conn.execute(query.order_by(table.score.desc()))).mappings()]
