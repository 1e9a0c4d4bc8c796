"""The outcome figures of the notice as of any instant, and the same for third parties, of whom nobody can be told."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, func, select

from app.api.cases import owed_shown, whole_shown
from app.api.context import Conn, Shouhu, Who, at_desk_of, require, unconcerned_by_watch, visible
from app.api.problems import Problem
from app.api.strict import StrictRoute
from app.db import circulars as papers
from app.db import tables
from app.db.outcome_facts import Then, then
from app.db.outcomes import cases_then, registered_then, watches_then
from app.db.scorecard import EVERY
from app.db.scorecard import scorecard as counted
from app.db.walls import child_concerns_at_once, reaching
from app.domain.access import Action, Actor
from app.domain.outcomes import CaseThen, ChildOutcome, Figures, figures, grade_of, living
from app.domain.refusals import RefusalCode, Refused
from app.domain.small_numbers import suppressed
from app.domain.terms import Agency
from app.domain.typed import Instant
from app.domain.working_time import BEIJING
from app.router import Router

router = Router(prefix="/v1/statistics", tags=["statistics"], route_class=StrictRoute)
PDF = "application/pdf"
AsOf = Annotated[Instant | None, Query(description="Any instant; the past as it stood then.")]


class Outcomes(Figures):
    """The figures of one instant; `before` those of an earlier one, against which children and grades should fall."""

    as_of: datetime
    target: date
    unread: int = Field(
        description="Cases and registrations through which the rules have not gone yet; ask again shortly."
    )
    before: Figures | None = None


class Anonymous(BaseModel):
    """Counts by street, with null for every number that is too small to be shown, or that would give one away."""

    as_of: datetime
    smallest_shown: int
    categories: dict[str, dict[str, int | None]]
    grades: dict[str, dict[str, int | None]]
    unread: int = Field(
        description="Cases that are not counted yet, for one reading goes through so many; ask again until it is 0."
    )


@router.get("/outcomes", operation_id="outcomes")
async def outcomes(
    conn: Conn, who: Who, shouhu: Shouhu, as_of: AsOf = None, before: AsOf = None, division: str | None = None
) -> Outcomes:
    """Children by category and grade, left-behind children with a guardian, second reports, how complete and how early; of the cases
    that the caller is shown whole."""
    require(who, Action.READ_STATISTICS)
    at = as_of or shouhu.ledger.clock()
    now = await _then(conn, shouhu, who, at, division)
    earlier = await _then(conn, shouhu, who, before, division) if before else None
    rules = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).figures
    return Outcomes(
        **figures(*now).model_dump(), as_of=at, target=rules.target, unread=len(now.cases) - len(now.children),
        before=figures(*earlier) if earlier else None,
    )  # fmt: skip


class Month(BaseModel):
    """What came in and what was closed in one month of Beijing time."""

    month: str = Field(examples=["2026-11"])
    reports: int
    closed: int


@router.get("/volumes", operation_id="volumes")
async def volumes(
    conn: Conn, who: Who, shouhu: Shouhu, months: Annotated[int, Query(ge=1, le=60)] = 12
) -> list[Month]:  # fmt: skip
    """Month by month up to this one, of the cases in sight; a month without any has noughts."""
    require(who, Action.READ_STATISTICS)
    case, now = tables.cases.c, shouhu.ledger.clock().astimezone(BEIJING)
    last = now.year * 12 + now.month - 1
    asked = [f"{at // 12:04}-{at % 12 + 1:02}" for at in range(last - months + 1, last + 1)]
    found: dict[str, dict[str, int]] = {"reports": {}, "closed": {}}
    for name, at in (("reports", case.filed_at), ("closed", case.closed_at)):
        month = func.to_char(func.timezone("Asia/Shanghai", at), "YYYY-MM")
        since = datetime.fromisoformat(f"{asked[0]}-01T00:00:00+08:00")
        query = select(month, func.count()).where(at >= since, visible(who)).group_by(month)
        found[name] = {row[0]: row[1] for row in await conn.execute(query)}
    return [Month(month=one, reports=found["reports"].get(one, 0), closed=found["closed"].get(one, 0)) for one in asked]


class Kept(BaseModel):
    """Of the period: deadlines that fell due and were met in time, how high silences climbed, who was screened, and the reports."""

    accept_due: int = Field(0, description="受理: tasks whose acceptance fell due.")
    accept_on_time: int = 0
    finish_due: int = Field(0, description="办结: tasks and duties whose completion fell due.")
    finish_on_time: int = 0
    rungs: dict[str, int] = Field(description="How often a silence reached each rung.")
    asked: int = Field(
        0,
        description="Desks and schools that a screening round asked, of the rounds that fell due; schools stand with the district.",
    )
    returned: int = 0
    reports: int = Field(0, description="Reports that were filed; of an agency, those that it led from the first.")
    answered: int = Field(0, description="Of these reports, those whose reporter has an answer or cannot be given one.")
    found_safe: int = Field(0, description="Of these reports, those of which a child has been found safe.")
    hours_to_safety: float | None = Field(None, description="Median, until the first child of a report was found safe.")


class KeptBy(Kept):
    """Those of one agency in one street."""

    agency: Agency


class Card(Kept):
    """What a street has done in the period."""

    division: str
    reported_again: int = Field(
        0,
        description="Of these reports, those within 90 days after a closed case of the same child, for whatever reason it was closed.",
    )
    visits: int = Field(0, description="Visits that were recorded in the period, whenever they were made.")
    visits_missed: int = Field(
        0,
        description="Visits whose day passed in the period, but those that were known by its end to have been made in time.",
    )
    visits_overdue: int = Field(
        0,
        description="期末逾期未访: children whose visit was due by the period's end and not made, however long before.",
    )
    agencies: list[KeptBy] = Field(
        [], description="The same of this street by the agency that owed, was asked or leads."
    )


@router.get("/scorecard", operation_id="scorecard")
async def scorecard(
    conn: Conn, who: Who, shouhu: Shouhu, since: Annotated[Instant, Query()], until: Annotated[Instant, Query()]
) -> list[Card]:  # fmt: skip
    """督查考核, street by street, of any period as it stood at its end, or as it stands now where that lies ahead: what is not due yet is
    not missed. For the district every street, also one that was silent. Of a case that is not shown whole, the own deadlines and rungs alone;
    of visits a street counts those of its own committees, where the child was on the day."""
    require(who, Action.READ_STATISTICS)
    own = EVERY if who.oversees_district else who.division
    seen, owed = await whole_shown(conn, who, shouhu), await owed_shown(conn, who, shouhu)
    async with _where_they_were(conn, who):
        found = await counted(conn, since, min(until, shouhu.ledger.clock()), seen, _kept(who), own, owed)
    return [_card(division, found[division]) for division in sorted(found)]


def _card(division: str, found: Mapping[str, Any]) -> Card:
    agencies = [KeptBy(agency=Agency(code), **kept) for code, kept in sorted(found.get("agencies", {}).items())]
    return Card(**{**found, "division": division, "agencies": agencies})


class CircularRow(BaseModel):
    """A circular that was made."""

    model_config = ConfigDict(json_schema_extra={"example": {"month": "2026-10-01", "made_at": "2026-11-05T01:00:00Z"}})

    month: date
    made_at: datetime


@router.get("/circulars", operation_id="circulars")
async def circulars(conn: Conn, who: Who) -> list[CircularRow]:
    """通报, the newest month first."""
    require(who, Action.READ_STATISTICS)
    kept = papers.circulars.c
    rows = await conn.execute(select(kept.month, kept.made_at).order_by(kept.month.desc()))
    return [CircularRow(month=row.month, made_at=row.made_at) for row in rows]


@router.get(
    "/circulars/{month}", operation_id="read_circular", response_class=Response,
    responses={200: {"content": {PDF: {"schema": {"type": "string", "format": "binary"}}}, "description": "A PDF."}},
)  # fmt: skip
async def read_circular(month: date, conn: Conn, who: Who) -> Response:
    """The circular of the month that begins on that day, as it was made."""
    require(who, Action.READ_STATISTICS)
    kept = papers.circulars.c
    body = (await conn.execute(select(kept.body).where(kept.month == month))).scalar_one_or_none()
    if body is None:
        raise Problem(404, "circular_not_found", "没有此月的通报 · There is no circular of that month.")
    named = {"Content-Disposition": f'attachment; filename="circular-{month:%Y-%m}.pdf"'}
    return Response(body, media_type=PDF, headers=named)


@router.get("/anonymised", operation_id="anonymised")
async def anonymised(conn: Conn, who: Who, shouhu: Shouhu, as_of: AsOf = None) -> Anonymous:
    """For whoever monitors from outside; only those who oversee the district hand it out."""
    require(who, Action.READ_STATISTICS)
    if not who.oversees_district:
        raise Refused(RefusalCode.NOT_ALLOWED)
    at = as_of or shouhu.ledger.clock()
    now = await _then(conn, shouhu, who, at, None)
    rules = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).figures
    found = living(now.cases, now.children, now.counted)
    by_category = _table(found, lambda _, child: (code.value for code in child.categories))
    by_grade = _table(found, lambda case, child: (grade_of(case, child, now.watches),))
    return Anonymous(
        as_of=at, smallest_shown=rules.smallest_shown, categories=suppressed(by_category, rules.smallest_shown),
        grades=suppressed(by_grade, rules.smallest_shown), unread=len(now.cases) - len(now.children),
    )  # fmt: skip


async def _then(conn: Conn, shouhu: Shouhu, who: Actor, at: datetime, division: str | None) -> Then:
    own = who.division if who.agency.is_territorial else None
    watches, seen = await watches_then(conn, at), await whole_shown(conn, who, shouhu)
    async with _where_they_were(conn, who):
        registered = await registered_then(conn, at, _kept(who), watches, own)
        every = [*await cases_then(conn, at, seen), *registered]
        return await then(conn, shouhu.ledger, who, at, division, every, watches, seen)


@asynccontextmanager
async def _where_they_were(conn: Conn, who: Actor) -> AsyncIterator[None]:
    """A street reads also of children who have moved since; what is counted is its own of that day."""
    if who.agency.is_territorial:
        await reaching(conn, district=True)
    yield
    if who.agency.is_territorial:
        await reaching(conn)


def _kept(who: Actor) -> ColumnElement[bool]:
    """Of watches that no case began, those in sight; a street is also asked where they were that day, so of those that are not about it."""
    if who.agency.is_territorial:
        return unconcerned_by_watch(who)
    watch = tables.watches.c
    return ~child_concerns_at_once(who, watch.child_id) if who.oversees_district else at_desk_of(who, watch.desk)


def _table(
    found: Iterable[tuple[CaseThen, ChildOutcome]], codes: Callable[[CaseThen, ChildOutcome], Iterable[str]]
) -> Mapping[str, Mapping[str, int]]:
    """Counts by street and code, with a nought where nobody is."""
    rows: dict[str, Counter[str]] = {}
    for case, child in found:
        rows.setdefault(case.division, Counter()).update(codes(case, child))
    columns = sorted({code for row in rows.values() for code in row})
    return {division: {code: row[code] for code in columns} for division, row in sorted(rows.items())}
