"""机构与人员: every agency with its desks, who sits there as what, who is away; seats and accounts, and roles, by two administrators."""

from datetime import datetime
from typing import Any

import segno
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import keys
from app.api import people as seating
from app.api.context import Conn, Shouhu
from app.db import seats
from app.db.service import Service
from app.db.walls import reaching
from app.domain.access import Action, Actor, may
from app.domain.keys import oversees_keys
from app.domain.refusals import RefusalCode
from app.domain.seats import GIVEN, may_see_seats, sees_every_seat
from app.domain.terms import Agency
from app.router import Router
from app.web.forms import Form
from app.web.frame import STRICT
from app.web.staff import ENTRIES, SYSTEM, Entry, Signed, show
from app.web.words import Pair

router = Router(include_in_schema=False)
PEOPLE = "/people"
BESIDE = {
    RefusalCode.PERSON_EXISTS: "id", RefusalCode.SYSTEMS_NAME: "id", RefusalCode.DESK_NOT_FOUND: "desk", RefusalCode.ROLES_UNFIT: "roles",
    RefusalCode.SECOND_PERSON_NEEDED: "",
}  # fmt: skip
DONE: dict[str, Pair] = {
    "roles": ("角色已更新，下一次操作起生效", "The roles hold from the next step on"),
    "move": ("已调到新科室，角色已清空", "Moved; the roles of the old desk ended"),
    "end": ("账号已停用，已全部退出登录", "The account has ended, and every session with it"),
    "return": ("账号已恢复，尚无角色", "The account is back, without roles"),
    "release": ("新密码已放行", "The new password is good"),
    "end-key": ("密钥已停用", "The key has ended"),
    "sign-out": ("已全部退出登录", "Every session has ended"),
}  # fmt: skip


def _waiting(who: Actor) -> Select[Any] | None:
    """Who waits for the security administrator."""
    if not may(who, Action.MANAGE_RIGHTS).allowed:
        return None
    person, account = seats.people, seats.accounts.c
    query = select(person.id).select_from(seats.tables.people.outerjoin(seats.accounts, account.person_id == person.id))
    return query.where(person.is_active, or_(person.roles == [], account.held_at.is_not(None)))


ENTRIES.append(
    Entry(PEOPLE, "机构与人员", "Desks and people", SYSTEM, may_see_seats, count=_waiting, on_phone=6, place=4)
)


@router.get(PEOPLE)
async def agencies(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, agency: Agency | None = None, waiting: bool = False,
    cursor: str | None = None,
) -> Response:  # fmt: skip
    """All agencies with how many sit at how many desks; or the people of one, or those who wait for the administrators."""
    shown = None
    if agency or waiting:
        shown = await seating.people(conn, who, shouhu, agency=agency, waiting=waiting, cursor=cursor, limit=100)
    elif not may_see_seats(who):
        raise HTTPException(403)
    desks = await seating.desks(conn, who)
    found = [one for one in Agency if any(desk.agency is one for desk in desks)]
    sums = {one: [desk for desk in desks if desk.agency is one] for one in found}
    facts = {
        "path": PEOPLE, "agency": agency, "waiting": waiting, "page": shown, "sums": sums, "names": {desk.id: desk.name_zh for desk in desks},
        "may_add": may(who, Action.MANAGE_ACCOUNTS).allowed,
        "runs": sees_every_seat(who), "empty_desks": [desk for desk in desks if not desk.people],
    }  # fmt: skip
    return await show(request, conn, who, "people.html", facts)


@router.get(PEOPLE + "/new")
async def new(request: Request, conn: Conn, who: Signed) -> Response:
    """The form of somebody who comes."""
    if not may(who, Action.MANAGE_ACCOUNTS).allowed:
        raise HTTPException(403)
    return await _new(request, conn, who, Form())


@router.post(PEOPLE + "/new")
async def add(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Somebody new; what they sign in with is shown this once."""
    form = await Form.of(request)
    asked = form.valid(
        seating.NewPerson, {name: form.one(name) for name in ("id", "name", "desk", "unit") if form.one(name)}
    )
    made = await form.attempt(conn, lambda: seating.add(asked, conn, who, shouhu), BESIDE) if asked else None
    if made is None:
        return await _new(request, conn, who, form)
    return await _credentials(request, conn, who, made)


async def _new(request: Request, conn: AsyncConnection, who: Actor, form: Form) -> Response:
    desks = [(desk.id, desk.name_zh) for desk in await seating.desks(conn, who)]
    return await show(
        request, conn, who, "person_new.html", {"path": PEOPLE, "form": form, "desks": desks}, status=form.status
    )


async def _credentials(request: Request, conn: AsyncConnection, who: Actor, made: seating.Credentials) -> Response:
    square = segno.make(made.authenticator, error="m").svg_inline(scale=4, border=2, dark="#1b2430", light="#fff")
    return await show(request, conn, who, "person_made.html", {"path": PEOPLE, "made": made, "square": square})


@router.get(PEOPLE + "/{person_id}")
async def person(person_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, done: str = "") -> Response:
    """One person's seat, account and roles, and what the reader may change of them."""
    return await _person(request, conn, who, shouhu, person_id, Form(), DONE.get(done))


@router.post(PEOPLE + "/{person_id}")
async def change(person_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Whichever button was pressed."""
    form = await Form.of(request)
    act, acts = form.one("act"), _acts(person_id, form, conn, who, shouhu)
    if act not in acts:
        raise HTTPException(404)
    if act in ("end", "account") and not form.one("sure"):
        form.wrong("sure", "请先勾选确认", "Please tick that you are sure.")
    made = await form.attempt(conn, acts[act], BESIDE)
    if form.errors:
        return await _person(request, conn, who, shouhu, person_id, form, None)
    if isinstance(made, seating.Credentials):
        return await _credentials(request, conn, who, made)
    return RedirectResponse(f"{PEOPLE}/{person_id}?done={act}", 303, headers=STRICT)


def _acts(person_id: str, form: Form, conn: AsyncConnection, who: Actor, shouhu: Service) -> dict[str, Any]:
    """Each button with the function behind its route."""

    async def roles() -> None:
        if asked := form.valid(seating.RolesGiven, {"roles": tuple(form.many("roles"))}):
            await seating.give(person_id, asked, conn, who)

    async def move() -> None:
        if asked := form.valid(seating.Seat, {"desk": form.one("desk"), "unit": form.one("unit")}):
            await seating.move(person_id, asked, conn, who)

    return {
        "roles": roles, "move": move, "account": lambda: seating.renew(person_id, conn, who, shouhu),
        "release": lambda: seating.release(person_id, conn, who), "end": lambda: seating.end(person_id, conn, who, shouhu),
        "end-key": lambda: keys.revoke(form.one("key"), conn, who, shouhu),
        "return": lambda: seating.come_back(person_id, conn, who), "sign-out": lambda: seating.sign_out(person_id, conn, who, shouhu),
    }  # fmt: skip


async def _person(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, person_id: str, form: Form, done: Pair | None
) -> Response:
    shown = await seating.people(conn, who, shouhu, person=person_id, limit=1)
    if not shown.items:
        raise HTTPException(404)
    one = shown.items[0]
    desks = [(desk.id, desk.name_zh) for desk in await seating.desks(conn, who)]
    other = person_id not in who.persons
    good = await _good_keys(conn, who, person_id, shouhu.ledger.clock()) if oversees_keys(who) else []
    facts = {
        "path": PEOPLE, "one": one, "form": form, "roles": GIVEN, "desks": desks, "done": done, "other": other, "keys": good,
        "seats": other and may(who, Action.MANAGE_ACCOUNTS).allowed, "rights": other and may(who, Action.MANAGE_RIGHTS).allowed,
    }  # fmt: skip
    return await show(request, conn, who, "person.html", facts, status=form.status)


async def _good_keys(conn: AsyncConnection, who: Actor, person_id: str, now: datetime) -> list[keys.KeyRow]:
    """Those that this person gave, of whatever unit."""
    given = await keys.all_keys(conn, who, made_by=person_id, limit=200)
    await reaching(conn)
    return [key for key in given.items if key.revoked_at is None and key.expires_at > now]
