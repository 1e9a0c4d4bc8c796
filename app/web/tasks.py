"""待办: what a desk has to do, ordered by time left; claiming one."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import boards
from app.api.context import Conn, Shouhu, at_desk_of, unconcerned
from app.api.work import ON_REFERRAL
from app.db import tables
from app.domain.access import Actor
from app.web.forms import Form
from app.web.frame import STRICT
from app.web.staff import ENTRIES, MY_WORK, Entry, Signed, how_many, show, works

router = APIRouter(include_in_schema=False)
TASKS = "/tasks"
Tab = Literal["mine", "claimable", "desk"]


async def _mine(conn: AsyncConnection, who: Actor) -> int:
    task = tables.tasks.c
    query = select(task.case_id).where(task.is_open, task.holder.in_(who.persons))
    return await how_many(conn, query.where(at_desk_of(who, task.desk), unconcerned(who, task.case_id)))


ENTRIES.append(Entry(TASKS, "待办", "Tasks", MY_WORK, works, count=_mine, on_phone=True))


@router.get(TASKS)
async def tasks(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, view: Tab = "mine", cursor: str | None = None
) -> Response:
    """One tab of the list."""
    return await _list(request, conn, who, shouhu, view, cursor, Form())


@router.post(TASKS)
async def claim(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """领取 one: by the same command, rule and refusal as the API's."""
    form = await Form.of(request)
    command, action = ON_REFERRAL["claim"]
    asked = form.built(command, by=who, referral_id=form.one("referral_id"))
    done = await form.perform(
        conn, shouhu, who, form.one("case_id"), asked, action, referral_id=form.one("referral_id")
    )
    if done is None:
        return await _list(request, conn, who, shouhu, "claimable", None, form)
    return RedirectResponse(TASKS, 303, headers=STRICT)


async def _list(
    request: Request, conn: Conn, who: Actor, shouhu: Shouhu, view: Tab, cursor: str | None, form: Form
) -> Response:
    shown = await boards.tasks(conn, who, shouhu, view=view, cursor=cursor, limit=50)
    facts = {"path": TASKS, "view": view, "page": shown, "form": form}
    return await show(request, conn, who, "tasks.html", facts, status=form.status)
