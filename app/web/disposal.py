"""保存期限与销毁: what is due, proposed by one supervisor, approved by another, destroyed by the first; holds, and the rules behind it."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import approvals, retention
from app.api.context import Conn, Shouhu
from app.db.erasure import owed
from app.db.service import Service
from app.domain.access import Actor
from app.domain.approvals import Act
from app.domain.retention import HoldReason, LiftReason, may_dispose
from app.router import Router
from app.web.forms import OVERALL, Form
from app.web.staff import ENTRIES, OVERSIGHT, Entry, Signed, show, works
from app.web.words import Pair

router = Router(include_in_schema=False)
PLACE = "/retention"
STATES: Mapping[str, Pair] = {"due": ("已到期", "Due"), "held": ("已保全", "Held"), "erased": ("已销毁", "Destroyed")}
DONE: Mapping[str, Pair] = {
    "propose": ("已提请销毁", "Proposed for destruction"),
    "erase": ("已销毁", "Destroyed"),
    "approve": ("已批准", "Approved"),
    "reject": ("已驳回", "Rejected"),
    "hold": ("已设置保全", "Held"),
    "ask_lift": ("已提请解除", "Proposed to lift"),
    "lift": ("已解除保全", "Lifted"),
}
"""By verb, what was done to each that was ticked."""
ENTRIES.append(
    Entry(PLACE, "保存期限与销毁", "Retention", OVERSIGHT, lambda who: works(who) and may_dispose(who), place=9)
)


@router.get(PLACE)
async def page(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, state: str = "due", cursor: str | None = None
) -> Response:
    """The list, what waits for a second person, and what is held."""
    return await _page(request, conn, who, Form(), state if state in STATES else "due", cursor)


@router.post(PLACE)
async def act(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """One verb for all that were ticked: each by the API and its rules, each by itself."""
    form = await Form.of(request)
    verb, ticked = form.one("verb"), form.many("one")
    if verb not in DONE:
        raise HTTPException(404)
    if not ticked:
        form.wrong(OVERALL, "请先勾选", "Select something first.")
    done = await _each(conn, shouhu, who, form, verb, ticked) if not form.errors else None
    return await _page(request, conn, who, form, "due", None, done)


async def _each(
    conn: AsyncConnection, shouhu: Service, who: Actor, form: Form, verb: str, ticked: list[str]
) -> Mapping[str, Any]:
    refused: list[tuple[str, Pair]] = []
    for one in ticked:
        each = Form(form.typed)
        step = _step(conn, shouhu, who, each, verb, one)
        if step is None or await each.attempt(conn, step) is None:
            refused.append((one, next(iter(each.errors.values()))))
            form.take(each, OVERALL) if len(ticked) == 1 else None
    return {"words": DONE[verb], "number": len(ticked) - len(refused), "refused": refused}


def _step(
    conn: AsyncConnection, shouhu: Service, who: Actor, form: Form, verb: str, one: str
) -> Callable[[], Any] | None:
    """What the verb does to one of them; None with the errors in the form where its fields do not fit."""
    match verb:
        case "propose" | "ask_lift":
            asked = form.valid(approvals.Proposed, {**_asked(verb, one), "note": form.one("note")})
            return asked and (lambda: approvals.propose(asked, conn, who, shouhu))
        case "approve":
            return lambda: approvals.approve(one, conn, who, shouhu)
        case "reject":
            return lambda: approvals.reject(one, conn, who, shouhu)
        case "hold":
            held = form.valid(retention.ToHold, {"reason": form.one("reason"), "note": form.one("note")})
            return held and (lambda: retention.keep(one, held, conn, who, shouhu))
        case "lift":
            lifted = form.valid(retention.ToLift, {"reason": form.one("reason")})
            return lifted and (lambda: retention.lift(one, lifted, conn, who, shouhu))
        case _:
            return lambda: retention.destroy(one, conn, who, shouhu)


def _asked(verb: str, one: str) -> Mapping[str, Any]:
    if verb == "ask_lift":
        return {"act": Act.HOLD, "parameters": {"hold": one}, "reason": "by_law"}
    name = "child" if one.startswith("ch-") else "case"
    return {"act": Act.DELETE, "parameters": {name: one}, "reason": "retention_over"}


async def _page(
    request: Request, conn: AsyncConnection, who: Actor, form: Form, state: str, cursor: str | None,
    done: Mapping[str, Any] | None = None,
) -> Response:  # fmt: skip
    chosen = cast(Literal["due", "held", "erased"], state)
    rows = await retention.due(conn, who, state=chosen, cursor=cursor, limit=50)
    held = await retention.holds(conn, who, in_force=True, cursor=None, limit=50)
    waiting = await approvals.approvals(conn, who, request.app.state.service, waiting=True, cursor=None, limit=200)
    facts = {
        "path": PLACE, "state": state, "states": STATES, "page": rows, "held": held.items, "form": form, "done": done,
        "waiting": [row for row in waiting.items if row.act in (Act.DELETE, Act.HOLD)],
        "rules": await retention.rules(conn, who), "backups": await owed(conn), "reasons": tuple(HoldReason),
        "lifts": tuple(LiftReason),
    }  # fmt: skip
    return await show(request, conn, who, "retention.html", facts, status=form.status)
