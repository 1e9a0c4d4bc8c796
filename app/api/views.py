"""Kept views of the list of tasks: a tab and filters under a name, for the person alone; one of them may be what the list opens with."""

import uuid

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, func, select, update

from app.api.boards import Due, View
from app.api.context import Conn, Shouhu, Who
from app.api.problems import Problem
from app.api.strict import StrictRoute
from app.db import tables
from app.db.vault import opened, sealed_row
from app.db.walls import open_door
from app.domain.terms import Stage, Urgency
from app.router import Router

router = Router(prefix="/v1", tags=["tasks"], route_class=StrictRoute)
MOST = 20
"""Views of one person; default."""
kept = tables.saved_views.c


class Filters(BaseModel):
    """What the list shows."""

    model_config = ConfigDict(extra="forbid")

    view: View = "mine"
    stage: Stage | None = None
    urgency: Urgency | None = None
    due: Due | None = None


class NewView(BaseModel):
    """A view to be kept."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "今日到期", "query": {"view": "desk", "due": "today"}}}
    )

    name: str = Field(min_length=1, max_length=30)
    query: Filters = Filters()
    is_default: bool = False


class TaskView(NewView):
    """A kept view."""

    model_config = ConfigDict(extra="forbid")

    id: str


@router.get("/task-views", operation_id="task_views")
async def task_views(conn: Conn, who: Who) -> list[TaskView]:
    """The caller's own, the oldest first."""
    query = select(tables.saved_views).where(kept.person_id == who.person_id).order_by(kept.made_at, kept.id)
    rows = await opened(conn, (await conn.execute(query)).mappings(), tables.saved_views)
    return [TaskView.model_validate({name: row[name] for name in TaskView.model_fields}) for row in rows]


@router.post("/task-views", status_code=201, operation_id="keep_task_view")
async def keep_task_view(view: NewView, conn: Conn, who: Who, shouhu: Shouhu) -> TaskView:
    """One more; where it is the default, no other is."""
    mine = kept.person_id == who.person_id
    await open_door(conn)
    if (await conn.execute(select(func.count()).select_from(tables.saved_views).where(mine))).scalar_one() >= MOST:
        raise Problem(
            409, "too_many_views", "已有 20 个视图，请先删除一个 · There are 20 views; please remove one first."
        )
    if view.is_default:
        await conn.execute(update(tables.saved_views).where(mine).values(is_default=False))
    made = TaskView(id=f"view-{uuid.uuid4().hex}", **view.model_dump())
    row = {**made.model_dump(mode="json"), "person_id": who.person_id, "made_at": shouhu.ledger.clock()}
    await conn.execute(tables.saved_views.insert(), await sealed_row(conn, tables.saved_views, row))
    return made


@router.post("/task-views/{view_id}/end", status_code=204, operation_id="end_task_view")
async def end_task_view(view_id: str, conn: Conn, who: Who) -> None:
    """It is kept no more."""
    mine = (kept.id == view_id, kept.person_id == who.person_id)
    if not (await conn.execute(delete(tables.saved_views).where(*mine))).rowcount:
        raise Problem(404, "no_such_view", "没有这个视图 · There is no such view.")
