"""The district at a glance: what is open and late by agency and stage, and how long a case waits and how long it is worked on."""

import asyncio
import time
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.boards import DUE_SOON, on_time
from app.api.cases import tasks_shown
from app.api.context import Conn, Shouhu, Who, require, visible
from app.api.strict import StrictRoute
from app.db import tables
from app.db.service import Service
from app.domain.access import Action, Actor, scope
from app.domain.own_part import owing
from app.domain.terms import Agency, Stage
from app.router import Router

router = Router(prefix="/v1", tags=["boards"], route_class=StrictRoute)
BACK = timedelta(days=30)  # default
"""How far back the tasks lie whose times are told."""
FRESH = 60.0
"""Seconds for which one scope's figures are kept: they are counted over all tasks, and a minute changes nothing in them."""
MOST = 256
"""Scopes whose figures are kept."""
task, case = tables.tasks.c, tables.cases.c


class Cell(BaseModel):
    """One agency in one stage. Hours are medians of the tasks that ended in the last 30 days; null where there were none."""

    agency: Agency
    stage: Stage
    open: int
    overdue: int
    waiting_hours: float | None = Field(description="From the referral to its acceptance.")
    working_hours: float | None = Field(description="From the acceptance to its end.")
    ended: int


class Overview(BaseModel):
    """As it stood at `at`, no older than a minute; of the cases in the caller's sight, and of each case the tasks that are shown."""

    at: datetime
    open_cases: int
    overdue: int = Field(description="Tasks past their deadline.")
    due_soon: int = Field(description="Due within four hours.")
    not_accepted: int = Field(description="Past the time to accept, and nobody has.")
    on_time: float | None = Field(description="Of all deadlines that fell due by now, the share met in time.")
    cells: list[Cell]


_kept: dict[str, tuple[float, Overview]] = {}
_counting: dict[str, asyncio.Lock] = {}


@router.get("/overview", operation_id="overview")
async def overview(conn: Conn, who: Who, shouhu: Shouhu) -> Overview:
    """Counted for the caller's sight, at most once a minute."""
    require(who, Action.READ_STATISTICS)
    desks, agencies = owing(who)
    own = (*sorted(desks), *sorted(agencies), who.agency.value, who.oversees_district)
    sight = f"{id(shouhu.engine)}:{scope(who).model_dump_json()}:{own}"
    async with _counting.setdefault(sight, asyncio.Lock()):
        kept = _kept.get(sight)
        if kept is None or time.monotonic() - kept[0] > FRESH:
            if len(_kept) >= MOST:
                _kept.clear()
            kept = _kept[sight] = (time.monotonic(), await counted(conn, who, shouhu))
        return kept[1]


async def counted(conn: AsyncConnection, who: Actor, shouhu: Service) -> Overview:
    """The figures as they stand now."""
    now, shown = shouhu.ledger.clock(), await tasks_shown(conn, who, shouhu)
    cells = await _open_cells(conn, shown, now)
    for row in await _times(conn, shown, now):
        cells.setdefault((row["agency"], row["stage"]), {"open": 0, "overdue": 0}).update(row)
    late = and_(task.is_open, task.due_at <= now)
    conditions = {
        "overdue": late, "not_accepted": and_(late, task.state == "sent"),
        "due_soon": and_(task.is_open, task.due_at > now, task.due_at <= now + DUE_SOON),
    }  # fmt: skip
    counts = {name: await _count(conn, and_(condition, shown)) for name, condition in conditions.items()}
    rates = await on_time(conn, who, shouhu, by="agency", as_of=None)
    due, met = sum(rate.due for rate in rates), sum(rate.on_time for rate in rates)
    open_cases = select(func.count()).select_from(tables.cases).where(case.is_open, visible(who))
    return Overview(
        at=now, open_cases=(await conn.execute(open_cases)).scalar_one(), **counts,
        on_time=round(met / due, 4) if due else None, cells=[Cell.model_validate(one) for _, one in sorted(cells.items())],
    )  # fmt: skip


async def _count(conn: AsyncConnection, condition: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(tables.tasks).join(tables.cases, case.id == task.case_id)
    return (await conn.execute(query.where(condition))).scalar_one()


async def _open_cells(
    conn: AsyncConnection, shown: ColumnElement[bool], now: datetime
) -> dict[tuple[str, str], dict[str, Any]]:
    query = (
        select(
            task.agency,
            task.stage,
            func.count().label("open"),
            func.count().filter(task.due_at <= now).label("overdue"),
        )
        .join(tables.cases, case.id == task.case_id)
        .where(task.is_open, shown)
        .group_by(task.agency, task.stage)
    )
    nothing = {"waiting_hours": None, "working_hours": None, "ended": 0}
    return {(row["agency"], row["stage"]): {**nothing, **row} for row in (await conn.execute(query)).mappings()}


async def _times(conn: AsyncConnection, shown: ColumnElement[bool], now: datetime) -> list[dict[str, Any]]:
    def hours(span: ColumnElement[Any], name: str) -> ColumnElement[Any]:
        median = func.percentile_cont(0.5).within_group(func.extract("epoch", span))
        return (median / 3600.0).label(name)

    query = (
        select(
            task.agency, task.stage, func.count().label("ended"), hours(task.accepted_at - task.opened_at, "waiting_hours"),
            hours(task.ended_at - task.accepted_at, "working_hours"),
        )
        .join(tables.cases, case.id == task.case_id)
        .where(task.kind == "referral", task.accepted_at.is_not(None), task.ended_at > now - BACK, shown)
        .group_by(task.agency, task.stage)
    )  # fmt: skip
    return [dict(row) for row in (await conn.execute(query)).mappings()]
