"""岗位空缺与账实核对: what desks owe outside of cases, by time left; books that are right as they stand are explained here."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import owed
from app.api.children import is_in_sight
from app.api.context import Conn, Shouhu
from app.db import tables
from app.db.service import Service
from app.district import DIVISIONS
from app.domain.access import Actor
from app.domain.owed import Matter
from app.router import Router
from app.web.forms import Form
from app.web.frame import STRICT
from app.web.staff import ENTRIES, MY_WORK, Entry, Signed, show, works

router = Router(include_in_schema=False)
OWED = "/owed"
STREETS: Mapping[str, str] = {one.code: one.name for one in DIVISIONS}


def _open(who: Actor) -> Select[Any]:
    return select(tables.owed.c.id).where(owed.seen_by(who), tables.owed.c.is_open)


ENTRIES.append(Entry(OWED, "空缺与核对", "Posts and books", MY_WORK, works, count=_open, place=4))


@router.get(OWED)
async def listed(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, matter: Matter | None = None, settled: bool = False,
    cursor: str | None = None,
) -> Response:  # fmt: skip
    """What is open, or what has ended."""
    page = await owed.all_owed(conn, who, shouhu, matter=matter, settled=settled, cursor=cursor, limit=50)
    facts = {
        "path": OWED, "rows": page.items, "next": page.next, "matter": matter, "matters": tuple(Matter), "settled": settled,
        "streets": STREETS, "compares": who.oversees_district,
    }  # fmt: skip
    return await show(request, conn, who, "owed.html", facts)


@router.get(OWED + "/{owed_id}")
async def one(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, owed_id: str) -> Response:
    """What it is about, and the way to explain it."""
    return await _one(request, conn, who, shouhu, owed_id, Form())


@router.post(OWED + "/{owed_id}")
async def explain(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, owed_id: str) -> Response:
    """核实说明: why the books are right."""
    form = await Form.of(request)
    given = form.valid(owed.HowSettled, {"note": form.one("note")})
    done = await form.attempt(
        conn, lambda: owed.settle(owed_id, given, conn, who, shouhu, Response(), idempotency_key=form.key)
    ) if given else None  # fmt: skip
    if done is None:
        return await _one(request, conn, who, shouhu, owed_id, form)
    return RedirectResponse(OWED, 303, headers=STRICT)


async def _one(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, owed_id: str, form: Form
) -> Response:
    row = await owed.read_owed(owed_id, conn, who, shouhu)
    opens = row.matter in (Matter.BOOKS, Matter.HELP) and await is_in_sight(conn, who, row.subject)
    facts = {"path": OWED, "row": row, "form": form, "streets": STREETS, "opens": opens}
    return await show(request, conn, who, "owed_one.html", facts, status=form.status)
