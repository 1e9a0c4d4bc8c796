"""督办台: where a child waits, why, since when, who holds it and which rung comes next; urging one or many; each agency's times."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import boards, cases
from app.api.context import Conn, Shouhu
from app.api.overview import Cell, overview
from app.api.work import ON_REFERRAL, foresee
from app.db.service import Service
from app.domain import commands as c
from app.domain.access import Action, Actor, Deny, may
from app.domain.case_no import case_no
from app.domain.terms import Agency, Cause, ExtendReason, Role, Stage
from app.router import Router
from app.web.asks import ON_LEG
from app.web.case import opened
from app.web.forms import OVERALL, Form
from app.web.staff import ENTRIES, OVERSIGHT, Entry, Signed, show, works
from app.web.words import span

router = Router(include_in_schema=False)
BOARD, MATRIX = "/oversight", "/oversight/agencies"
MANY = {
    "urge": ("催办", "Urge"), "supervise": ("督办", "Supervise"), "reassign": ("改派", "Reassign"), "extend": ("延期", "Extend"),
}  # fmt: skip
"""What may be done to many at once."""
SEEN_FIRST = ("reassign", "extend")
"""What moves deadlines or desks is shown with its consequence, each by itself, before it is confirmed."""
MOST = 50


def oversees(who: Actor) -> bool:
    """Whether the board and the figures are theirs to see."""
    return works(who) and not isinstance(may(who, Action.READ_STATISTICS), Deny)


def leads(who: Actor) -> bool:
    """Whether to oversee is their work, and no task of a desk."""
    return who.oversees_district or who.has(Role.AGENCY_HEAD, Role.SUPERVISOR)


ENTRIES.append(Entry(BOARD, "督办台", "Oversight", OVERSIGHT, oversees, on_phone=2, begins=leads))
ENTRIES.append(Entry(MATRIX, "各单位时效", "Times by agency", OVERSIGHT, oversees))


@router.get(BOARD)
async def board(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, cause: Cause | None = None, cursor: str | None = None
) -> Response:
    """The stalled list with its figures."""
    return await _board(request, conn, who, shouhu, Form(), cause, cursor)


@router.post(BOARD)
async def act(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """What was pressed, for all that were ticked: each by the command and the rules of the API, each by itself."""
    form = await Form.of(request)
    verb, ticked = form.one("verb"), form.many("task")[:MOST]
    fields = _fields(form, verb, ticked)
    done = None
    if not form.errors and verb in SEEN_FIRST and form.one("go") != "yes":
        facts = {"path": BOARD, "form": form, "verb": verb, "words": MANY[verb], "ticked": ticked}
        facts["rows"] = await _foreseen(conn, shouhu, who, form, verb, ticked, fields)
        return await show(request, conn, who, "oversight_confirm.html", facts)
    if not form.errors:
        done = await _each(conn, shouhu, who, form, verb, ticked, fields)
    return await _board(request, conn, who, shouhu, form, None, None, done)


def _fields(form: Form, verb: str, ticked: list[str]) -> Mapping[str, Any]:
    """What the command asks for beside its task, with errors in the form where it is missing."""
    if verb not in MANY or not ticked:
        form.wrong("tasks", "请先勾选任务", "Select a task first.")
    if verb == "supervise" and not form.one("note"):
        form.wrong("note", "督办须写明要求", "A supervision says what is demanded.")
    if verb in SEEN_FIRST and not form.one("note"):
        form.wrong("note", "请说明理由", "Please say why.")
    if verb == "reassign" and not form.one("to"):
        form.wrong("to", "请选择改派给哪个单位", "Choose the agency that takes it.")
    if verb == "extend" and not form.one("reason"):
        form.wrong("reason", "请选择延期理由", "Choose why more time is given.")
    given = {"reassign": ("to",), "extend": ("reason",)}.get(verb, ())
    special = ON_LEG["extend"].fields(form) if verb == "extend" else {}
    return {**{name: form.one(name) for name in given}, **special}


def _asked(
    one: str, form: Form, who: Actor, verb: str, fields: Mapping[str, Any]
) -> tuple[str, str, Form, c.Command | None]:
    """One of many: its case, its leg, a form of its own and the command."""
    case_id, _, leg = one.partition("/")
    each = Form({"idempotency_key": [f"{form.key}:{one}"]})
    return (
        case_id,
        leg,
        each,
        each.built(ON_REFERRAL[verb][0], by=who, referral_id=leg, note=form.one("note"), **fields),
    )


async def _each(
    conn: AsyncConnection, shouhu: Service, who: Actor, form: Form, verb: str, ticked: list[str], fields: Mapping[str, Any]
) -> Mapping[str, Any]:  # fmt: skip
    refused: list[tuple[str, Any]] = []
    told: dict[Agency, None] = {}
    for one in ticked:
        case_id, leg, each, asked = _asked(one, form, who, verb, fields)
        case = await each.attempt(conn, partial(opened, conn, who, shouhu, case_id))
        at = case.progress.referral(leg) if case else None
        if await each.perform(conn, shouhu, who, case_id, asked, ON_REFERRAL[verb][1], referral_id=leg) is None:
            refused.append((one, next(iter(each.errors.values()))))
        elif at:
            told[at.agency] = None
    return {
        "words": MANY[verb], "number": len(ticked) - len(refused), "refused": refused, "told": list(told), "does": ON_LEG[verb].does,
    }  # fmt: skip


async def _foreseen(
    conn: AsyncConnection, shouhu: Service, who: Actor, form: Form, verb: str, ticked: list[str], fields: Mapping[str, Any]
) -> list[Mapping[str, Any]]:  # fmt: skip
    """What the rules would make of each, tried and undone; or why it is refused."""
    rows: list[Mapping[str, Any]] = []
    ids = [one.partition("/")[0] for one in ticked]
    known = (await cases.list_cases(conn, who, shouhu, ids=ids, open_only=False, limit=MOST)).items
    numbers = {row.id: case_no(row.number, row.filed_at) for row in known}
    for one in ticked:
        case_id, leg, each, asked = _asked(one, form, who, verb, fields)
        tried = asked and await each.attempt(
            conn, partial(foresee, conn, shouhu, who, case_id, asked, ON_REFERRAL[verb][1], referral_id=leg)
        )
        row: dict[str, Any] = {"one": one, "refused": next(iter(each.errors.values()), None), "clocks": []}
        if tried is not None:
            case = await opened(conn, who, shouhu, case_id)
            found = case.progress.referral(leg)
            row |= {
                "case_id": case_id, "case_no": numbers[case_id], "title": case.title_of(leg),
                "agency": found.agency if found else None,
                "clocks": [(move.before, move.after) for move in tried.foreseen.deadlines],
            }  # fmt: skip
        rows.append(row)
    return rows


async def _board(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, form: Form, cause: Cause | None, cursor: str | None,
    done: Mapping[str, Any] | None = None,
) -> Response:  # fmt: skip
    shown = await boards.stalled(conn, who, shouhu, cause=cause, cursor=cursor, limit=50)
    counts = {one.cause: one.tasks for one in await boards.stalled_counts(conn, who, shouhu)}
    facts = {
        "path": BOARD, "counts": counts, "page": shown, "form": form, "cause": cause, "causes": tuple(Cause), "done": done, "overall": OVERALL,
        "span": lambda seconds: span(timedelta(seconds=seconds)), "sums": await overview(conn, who, shouhu), "may_act": who.oversees_district,
        "first": shown.items[0] if shown.items and not cursor else None, "agencies": tuple(Agency), "reasons": tuple(ExtendReason),
    }  # fmt: skip
    return await show(request, conn, who, "oversight.html", facts, status=form.status)


@router.get(MATRIX)
async def agencies(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Agency by stage: open and late, and the hours of waiting and of working."""
    sums = await overview(conn, who, shouhu)
    cells = {(cell.agency, cell.stage): cell for cell in sums.cells}
    late = {agency: sum(cell.overdue for cell in sums.cells if cell.agency is agency) for agency in Agency}
    known = [agency for agency in Agency if any(key[0] is agency for key in cells)]
    rows = sorted(known, key=lambda agency: -late[agency])
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
