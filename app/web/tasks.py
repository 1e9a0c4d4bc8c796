"""待办: what a desk has to do, ordered by time left; filters, and claiming one or many."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import boards, views
from app.api.context import Conn, Shouhu
from app.api.work import ON_REFERRAL
from app.db import tables
from app.db.service import Service
from app.domain.access import Actor
from app.domain.terms import Stage, Urgency
from app.router import Router
from app.web.forms import OVERALL, Form
from app.web.frame import STRICT, page
from app.web.said import STATES, STREETS
from app.web.staff import ENTRIES, MY_WORK, Entry, Signed, Unattended, show, works

router = Router(include_in_schema=False)
TASKS, PART, KEPT = "/tasks", "/tasks/list", "/tasks/views"
DUE = {
    "overdue": ("已超期", "Overdue"), "soon": ("4 小时内", "Within 4 hours"), "today": ("今日到期", "Due today"),
    "week": ("7 天内", "Within 7 days"),
}  # fmt: skip
VIEWS = {
    "mine": ("我的", "Mine"), "claimable": ("本单位待领取", "To claim"), "desk": ("本单位全部", "The whole desk"),
    "done": ("已办", "Done"),
}  # fmt: skip


def _mine(who: Actor) -> Select[Any]:
    return select(tables.tasks.c.case_id).where(boards.in_view(who, "mine"))


ENTRIES.append(Entry(TASKS, "待办", "Tasks", MY_WORK, works, count=_mine, on_phone=1, place=0))


@dataclass(frozen=True)
class Asked:
    """What is to be shown: a tab, filters, and how far one has read. Empty values of a form stand for none."""

    view: boards.View = "mine"
    stage: Stage | Literal[""] = ""
    urgency: Urgency | Literal[""] = ""
    due: boards.Due | Literal[""] = ""
    cursor: str | None = None
    limit: Annotated[int, Query(ge=1, le=200)] = 50

    @property
    def filters(self) -> dict[str, str]:
        """Those that are set."""
        return {name: str(value) for name in ("stage", "urgency", "due") if (value := getattr(self, name))}

    def query(self, *without: str, **changed: str) -> str:
        """The address of the same list with something else."""
        said = {"view": self.view, **self.filters, **({"limit": self.limit} if self.limit != 50 else {}), **changed}
        return urlencode({name: value for name, value in said.items() if name not in without})


def _asked(
    view: boards.View = "mine", stage: Stage | Literal[""] = "", urgency: Urgency | Literal[""] = "",
    due: boards.Due | Literal[""] = "", cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Asked:  # fmt: skip
    return Asked(view, stage, urgency, due, cursor, limit)


Said = Annotated[Asked, Depends(_asked)]


@router.get(TASKS)
async def tasks(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, asked: Said) -> Response:
    """One tab of the list; with nothing said, the view that the person opens it with."""
    if not request.query_params:
        chosen = next((one for one in await views.task_views(conn, who) if one.is_default), None)
        if chosen:
            return RedirectResponse(f"{TASKS}?{_address(chosen.query)}", 303, headers=STRICT)
    return await _whole(request, conn, who, shouhu, asked, Form())


@router.get(PART)
async def part(request: Request, conn: Conn, who: Unattended, shouhu: Shouhu, asked: Said) -> Response:
    """The list alone, as an open page asks for it again by itself; that keeps nobody signed in."""
    return page(request, "tasks_list.html", await _facts(conn, who, shouhu, asked, Form()), live=True)


@router.post(TASKS)
async def claim(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, asked: Said) -> Response:
    """领取: each that was ticked, or the one whose button was pressed; by the command, rule and refusal of the API."""
    form = await Form.of(request)
    chosen = form.many("one") or form.many("task")
    if not chosen:
        form.wrong("task", "请先勾选要领取的事项", "Select a task first.")
    command, action = ON_REFERRAL["claim"]
    done = 0
    for pair in chosen:
        case_id, _, leg = pair.partition("|")
        one = Form({**form.typed, "idempotency_key": [f"{form.key}-{leg}"]}, version=form.version)
        built = one.built(command, by=who, referral_id=leg)
        made = await one.perform(conn, shouhu, who, case_id, built, action, referral_id=leg, beside={})
        done += made is not None
        form.take(one, OVERALL)
    if form.status != 200:
        return await _whole(request, conn, who, shouhu, asked, form, claimed=done)
    return RedirectResponse(f"{TASKS}?view=mine&claimed={done}", 303, headers=STRICT)


@router.post(KEPT)
async def keep(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, asked: Said) -> Response:
    """保存视图: what the list shows now, under a name; or the end of one."""
    form = await Form.of(request)
    if ended := form.one("end"):
        await form.attempt(conn, lambda: views.end_task_view(ended, conn, who))
    else:
        query = {"view": asked.view, **asked.filters}
        said = {"name": form.one("name"), "query": query, "is_default": bool(form.one("is_default"))}
        made = form.valid(views.NewView, said)
        await form.attempt(conn, lambda: views.keep_task_view(made, conn, who, shouhu))
    if form.errors:
        return await _whole(request, conn, who, shouhu, asked, form)
    return RedirectResponse(f"{TASKS}?{asked.query()}", 303, headers=STRICT)


def _address(query: views.Filters) -> str:
    return urlencode(query.model_dump(mode="json", exclude_none=True))


async def _whole(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, asked: Asked, form: Form, claimed: int = 0
) -> Response:
    said = request.query_params.get("claimed", "")
    facts = await _facts(conn, who, shouhu, asked, form)
    facts |= {
        "claimed": claimed or (int(said) if said.isdecimal() else 0),
        "stages": tuple(Stage)[:-1],
        "urgencies": tuple(Urgency),
        "keep": KEPT,
        "kept": [(one, _address(one.query)) for one in await views.task_views(conn, who)],
    }
    return await show(request, conn, who, "tasks.html", facts, status=form.status)


async def _facts(conn: AsyncConnection, who: Actor, shouhu: Service, asked: Asked, form: Form) -> dict[str, Any]:
    view, stage, urgency, due = asked.view, asked.stage or None, asked.urgency or None, asked.due or None
    shown = await boards.tasks(
        conn, who, shouhu, view=view, stage=stage, urgency=urgency, due=due, cursor=asked.cursor, limit=asked.limit
    )
    found = await boards.task_counts(conn, who, shouhu, view=view, stage=stage, urgency=urgency, due=due)
    counts: Mapping[str, Any] = found.model_dump()
    return {
        "path": TASKS, "part": PART, "asked": asked, "rows": shown.items, "next": shown.next, "counts": counts, "form": form,
        "views": VIEWS, "dues": DUE, "streets": STREETS, "states": STATES,
    }  # fmt: skip
