"""The frame of the pages for staff: who is signed in, the navigation of their roles, and the choices that a person keeps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import ColumnElement, Select, func, literal, select, true
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api.context import SESSION, Conn, Shouhu, by_session, is_same_origin
from app.api.limits import spend_as
from app.db import tables
from app.db.people import deputy
from app.db.service import PROGRESS_PATH, Service
from app.domain.access import STAFF, Actor
from app.domain.sight import ADMINS, may_register
from app.router import Router
from app.web.frame import STRICT, keep_choices, page
from app.web.names import speaker
from app.web.wrong import inside

router = Router(include_in_schema=False)
START, SEAT = "/", "__Host-seat"
"""A cookie: the absent person in whose seat the deputy works."""
Counted = Callable[[Actor], Select[Any] | None]
"""The rows whose number stands beside a line; None for nothing."""
MOST = 99
"""They are counted no further than one past it."""


def works(who: Actor) -> bool:
    """At a desk, with cases in sight."""
    return who.has(*STAFF) and not who.has(*ADMINS)


@dataclass(frozen=True)
class Entry:
    """A line of the navigation: for whom, with which number beside it, and its turn in the bar of a phone."""

    path: str
    zh: str
    en: str
    group: tuple[str, str]
    shown: Callable[[Actor], bool]
    count: Counted | None = None
    on_phone: int = 0
    """In the bar of a phone, the lowest first, which has room for four; 0 for under 更多 alone."""
    place: int = 5
    """In its group, from above."""
    begins: Callable[[Actor], bool] = lambda who: False
    """Whether their day begins there; else it does with the first line."""


IN_BAR = 5
"""Fingers hit no more than these on a phone 320 px wide."""
MY_WORK, OVERSIGHT, SYSTEM = ("我的工作", "My work"), ("监督管理", "Oversight"), ("系统", "System")
ENTRIES: list[Entry] = []
"""Each module of pages adds its own at its import; groups stand in the order in which they are first named."""


Numbered = tuple[Entry, int]
"""A line with its number."""


async def person(request: Request, conn: Conn, shouhu: Shouhu) -> Actor:
    """Whoever is signed in, in the seat of whom they stand in for; everybody else is sent to sign in and comes back."""
    return await _person(request, conn, shouhu, is_seen=True)


async def unattended(request: Request, conn: Conn, shouhu: Shouhu) -> Actor:
    """The same where a page asks by itself: nobody stays signed in by that."""
    return await _person(request, conn, shouhu, is_seen=False)


async def _person(request: Request, conn: AsyncConnection, shouhu: Service, *, is_seen: bool) -> Actor:
    now = shouhu.ledger.clock()
    found = await by_session(request, conn, now, is_seen=is_seen)
    if found is None:
        raise HTTPException(401)
    spend_as(request, found)
    seat = request.cookies.get(SEAT)
    return (await deputy(conn, found, seat, now) if seat else None) or found


@router.get(START)
async def start(request: Request, shouhu: Shouhu) -> Response:
    """Whoever is signed in goes to their work; a stranger with the bare address wants to know how a report stands."""
    who = None
    if SESSION in request.cookies:
        async with shouhu.engine.begin() as conn:
            who = await by_session(request, conn, shouhu.ledger.clock())
    lines = entries_of(who) if who else []
    first = next((one for one in lines if who and one.begins(who)), lines[0] if lines else None)
    return RedirectResponse(first.path if first else PROGRESS_PATH, 303, headers=STRICT)


Signed = Annotated[Actor, Depends(person, scope="function")]
Unattended = Annotated[Actor, Depends(unattended, scope="function")]


async def show(
    request: Request, conn: AsyncConnection, who: Actor, name: str, facts: Mapping[str, object], *, status: int = 200
) -> Response:
    """A page in the frame of the staff."""
    lines, called = await _framed(conn, who)
    nav: dict[tuple[str, str], list[Numbered]] = {}
    for line in lines:
        nav.setdefault(line[0].group, []).append(line)
    bar, rest = in_bar(lines)
    frame = {
        "who": who,
        "searches": works(who),
        "registers": may_register(who),
        "called": called,
        "nav": nav,
        "bar": bar,
        "rest": rest,
    }
    frame |= {"by": await speaker(request, conn, who)}
    return page(request, name, {**frame, **facts}, status=status, live=True)


async def _framed(conn: AsyncConnection, who: Actor) -> tuple[list[Numbered], Mapping[str, str]]:
    """The lines of the navigation with their numbers, and what the person and the desk are called; in one statement."""
    entries = entries_of(who)
    numbers = [_number(entry.count(who) if entry.count else None) for entry in entries]
    people, desks = tables.people.c, tables.desks.c
    query = select(people.name, desks.name_zh.label("desk")).join(tables.desks, desks.id == people.desk)
    named = query.where(people.id == (who.acting_for or who.person_id)).subquery()
    one = select(literal(1)).subquery()
    row = (await conn.execute(select(named, *numbers).select_from(one.outerjoin(named, true())))).one()
    called = {"name": row.name or who.person_id, "desk": row.desk or who.desk}
    return list(zip(entries, row[2:], strict=True)), called


def entries_of(who: Actor) -> list[Entry]:
    """The lines of the navigation that are theirs, in its order."""
    groups = (MY_WORK, OVERSIGHT, SYSTEM)
    return sorted((one for one in ENTRIES if one.shown(who)), key=lambda one: (groups.index(one.group), one.place))


def _number(rows: Select[Any] | None) -> ColumnElement[int]:
    if rows is None:
        return literal(0)
    return select(func.count()).select_from(rows.limit(MOST + 1).subquery()).scalar_subquery()


def in_bar(entries: list[Numbered]) -> tuple[list[Numbered], list[Numbered]]:
    """What stands in the bar of a phone, and what behind 更多: all where it fits, else the first four."""
    if len(entries) <= IN_BAR:
        return entries, []
    first = sorted((one for one in entries if one[0].on_phone), key=lambda one: one[0].on_phone)[: IN_BAR - 1]
    return first, [one for one in entries if one not in first]


@router.post("/preferences")
async def choose(request: Request) -> Response:
    """Language and size of text, kept in the browser for a year; back to where the person was."""
    if not is_same_origin(request):
        raise HTTPException(403)
    said = await request.form()
    return keep_choices(RedirectResponse(inside(str(said.get("back", "/")), "/"), 303, headers=STRICT), said)
