"""The frame of the pages for staff: who is signed in, the navigation of their roles, and the choices that a person keeps."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api.context import Conn, Shouhu, by_session, is_same_origin
from app.api.limits import spend_as
from app.db import tables
from app.db.people import deputy
from app.db.service import Service
from app.domain.access import STAFF, Actor
from app.domain.sight import ADMINS
from app.web.frame import STRICT, keep_choices, page
from app.web.wrong import inside

router = APIRouter(include_in_schema=False)
SEAT = "__Host-seat"
"""A cookie: the absent person in whose seat the deputy works."""
Count = Callable[[AsyncConnection, Actor], Awaitable[int]]


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
    count: Count | None = None
    on_phone: int = 0
    """In the bar of a phone, the lowest first, which has room for four; 0 for under 更多 alone."""
    place: int = 5
    """In its group, from above."""


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


Signed = Annotated[Actor, Depends(person, scope="function")]
Unattended = Annotated[Actor, Depends(unattended, scope="function")]


async def show(
    request: Request, conn: AsyncConnection, who: Actor, name: str, facts: Mapping[str, object], *, status: int = 200
) -> Response:
    """A page in the frame of the staff."""
    nav = await _navigation(conn, who)
    bar, rest = in_bar([one for group in nav.values() for one in group])
    frame = {
        "who": who,
        "searches": works(who),
        "called": await _called(conn, who),
        "nav": nav,
        "bar": bar,
        "rest": rest,
    }
    return page(request, name, {**frame, **facts}, status=status, live=True)


async def _called(conn: AsyncConnection, who: Actor) -> Mapping[str, Any]:
    people, desks = tables.people.c, tables.desks.c
    query = select(people.name, desks.name_zh.label("desk")).join(tables.desks, desks.id == people.desk)
    row = (await conn.execute(query.where(people.id == (who.acting_for or who.person_id)))).mappings().one_or_none()
    return {"name": row["name"], "desk": row["desk"]} if row else {"name": who.person_id, "desk": who.desk}


async def _navigation(conn: AsyncConnection, who: Actor) -> dict[tuple[str, str], list[Numbered]]:
    groups: dict[tuple[str, str], list[Numbered]] = {}
    for entry in sorted(ENTRIES, key=lambda one: ((MY_WORK, OVERSIGHT, SYSTEM).index(one.group), one.place)):
        if entry.shown(who):
            number = await entry.count(conn, who) if entry.count else 0
            groups.setdefault(entry.group, []).append((entry, number))
    return groups


def in_bar(entries: list[Numbered]) -> tuple[list[Numbered], list[Numbered]]:
    """What stands in the bar of a phone, and what behind 更多: all where it fits, else the first four."""
    if len(entries) <= IN_BAR:
        return entries, []
    first = sorted((one for one in entries if one[0].on_phone), key=lambda one: one[0].on_phone)[: IN_BAR - 1]
    return first, [one for one in entries if one not in first]


async def how_many(conn: AsyncConnection, query: Any, most: int = 99) -> int:
    """Rows of a query, counted no further than one past `most`."""
    return (await conn.execute(select(func.count()).select_from(query.limit(most + 1).subquery()))).scalar_one()


@router.post("/preferences")
async def choose(request: Request) -> Response:
    """Language and size of text, kept in the browser for a year; back to where the person was."""
    if not is_same_origin(request):
        raise HTTPException(403)
    said = await request.form()
    return keep_choices(RedirectResponse(inside(str(said.get("back", "/")), "/"), 303, headers=STRICT), said)
