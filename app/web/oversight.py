"""督办台: where a child waits, why, since when, who holds it and which rung comes next; urging one or many; each agency's times."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import boards
from app.api.context import Conn, Shouhu
from app.api.overview import Cell, overview
from app.api.work import ON_REFERRAL
from app.db.service import Service
from app.domain.access import Action, Actor, Deny, may
from app.domain.terms import Agency, Cause, Stage
from app.web.forms import OVERALL, Form
from app.web.staff import ENTRIES, OVERSIGHT, Entry, Signed, show, works
from app.web.words import span

router = APIRouter(include_in_schema=False)
BOARD, MATRIX = "/oversight", "/oversight/agencies"
MANY = {"urge": ("催办", "Urge"), "supervise": ("督办", "Supervise")}
"""What may be done to many at once."""


def oversees(who: Actor) -> bool:
    """Whether the board and the figures are theirs to see."""
    return works(who) and not isinstance(may(who, Action.READ_STATISTICS), Deny)


ENTRIES.append(Entry(BOARD, "督办台", "Oversight", OVERSIGHT, oversees, on_phone=True))
ENTRIES.append(Entry(MATRIX, "各单位时效", "Times by agency", OVERSIGHT, oversees))


@router.get(BOARD)
async def board(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, cause: Cause | None = None, cursor: str | None = None
) -> Response:
    """The stalled list with its figures."""
    return await _board(request, conn, who, shouhu, Form(), cause, cursor)


@router.post(BOARD)
async def act(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """催办 or 督办 of all that were ticked: each by the command and the rules of the API, each by itself."""
    form = await Form.of(request)
    verb, ticked = form.one("verb"), form.many("task")
    if verb not in MANY or not ticked:
        form.wrong("tasks", "请先勾选任务", "Select a task first.")
    if verb == "supervise" and not form.one("note"):
        form.wrong("note", "督办须写明要求", "A supervision says what is demanded.")
    done = await _each(conn, shouhu, who, form, verb, ticked) if not form.errors else None
    return await _board(request, conn, who, shouhu, form, None, None, done)


async def _each(
    conn: AsyncConnection, shouhu: Service, who: Actor, form: Form, verb: str, ticked: list[str]
) -> Mapping[str, Any]:
    command, action = ON_REFERRAL[verb]
    refused: list[tuple[str, Any]] = []
    for one in ticked:
        case_id, _, leg = one.partition("/")
        each = Form({"idempotency_key": [f"{form.key}:{one}"]})
        asked = each.built(command, by=who, referral_id=leg, note=form.one("note"))
        if await each.perform(conn, shouhu, who, case_id, asked, action, referral_id=leg) is None:
            refused.append((one, next(iter(each.errors.values()))))
    return {"words": MANY[verb], "number": len(ticked) - len(refused), "refused": refused}


async def _board(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, form: Form, cause: Cause | None, cursor: str | None,
    done: Mapping[str, Any] | None = None,
) -> Response:  # fmt: skip
    shown = await boards.stalled(conn, who, shouhu, cause=cause, cursor=cursor, limit=50)
    facts = {
        "path": BOARD, "page": shown, "form": form, "cause": cause, "causes": tuple(Cause), "done": done, "overall": OVERALL,
        "span": lambda seconds: span(timedelta(seconds=seconds)), "sums": await overview(conn, who, shouhu), "may_act": who.oversees_district,
    }  # fmt: skip
    return await show(request, conn, who, "oversight.html", facts, status=form.status)


@router.get(MATRIX)
async def agencies(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Agency by stage: open and late, and the hours of waiting and of working."""
    sums = await overview(conn, who, shouhu)
    cells = {(cell.agency, cell.stage): cell for cell in sums.cells}
    rows = [agency for agency in Agency if any(key[0] is agency for key in cells)]
    stages = [stage for stage in Stage if stage is not Stage.CLOSED]
    longest = {
        part: max((getattr(cell, part) or 0 for cell in sums.cells), default=0)
        for part in ("waiting_hours", "working_hours")
    }
    rates = {rate.agency: rate for rate in await boards.on_time(conn, who, shouhu, by="agency", as_of=None)}
    facts = {
        "sums": sums, "cells": cells, "agencies": rows, "stages": stages, "rates": rates,
        "heat": lambda cell, part: _heat(cell, part, longest[part]),
    }  # fmt: skip
    return await show(request, conn, who, "agencies.html", facts)


def _heat(cell: Cell, part: str, longest: float) -> int:
    """0 to 4: a fifth of the longest time each."""
    hours = getattr(cell, part) or 0
    return min(int(hours / longest * 5), 4) if longest else 0
