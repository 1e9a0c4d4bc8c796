"""Desks and the people at them: seats and accounts by the system administrator, roles by the security administrator, each on record."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy import or_

from app.api.context import Conn, Shouhu, Who, require
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import seats
from app.db.accounts import NewAccount, end_sessions, make_account
from app.db.audit import on_record
from app.db.walls import open_door
from app.domain.access import ADMINS, Action, Actor
from app.domain.refusals import RefusalCode, Refused
from app.domain.registers import UnitId
from app.domain.seats import may_see_seats, require_another, require_fit, sees_every_seat
from app.domain.terms import Agency, Role
from app.router import Router

router = Router(prefix="/v1", tags=["people"], route_class=StrictRoute)
WHO: dict[str, JsonValue] = {"id": "civil.officer.3", "name": "示例丙（化名）", "desk": "CIVIL"}
DeskId = Annotated[str, Field(min_length=1, max_length=40)]
SYSTEM = ".machine"
"""How the accounts of systems end (`app/db/people.py`): of a person with such a name nobody could tell who did what."""


class DeskRow(BaseModel):
    """A desk and how many people work at it now."""

    id: str
    agency: Agency
    division: str | None
    name_zh: str
    people: int
    heads: int


class SeatRow(BaseModel):
    """Somebody at a desk. `held_at`: the account waits for the security administrator."""

    id: str
    name: str
    agency: Agency
    desk: str
    desk_name: str
    roles: list[Role]
    division: str | None
    unit: str | None
    is_active: bool
    account_at: datetime | None
    held_at: datetime | None
    away_until: datetime | None
    seen_at: datetime | None = Field(description="Of those who report for a unit, to administrators alone.")
    by_provider: bool = Field(description="Whether the identity provider vouches for them.")


class NewPerson(BaseModel):
    """Who comes, and to which desk; roles are given by the security administrator."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": WHO})

    id: str = Field(min_length=3, max_length=80, pattern=r"^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+$")
    """The account, such as civil.officer.3."""
    name: str = Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")
    desk: DeskId
    unit: UnitId | None = None
    """Of a reporter: the unit."""


class Seat(BaseModel):
    """Another desk; the roles of the old one end with it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"desk": "CIVIL"}})

    desk: DeskId
    unit: UnitId | None = None


class RolesGiven(BaseModel):
    """All roles that the person has from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"roles": ["officer"]}})

    roles: list[Role] = Field(max_length=len(Role))


class Credentials(BaseModel):
    """Shown this once, to be handed over to the person."""

    id: str = Field(examples=["civil.officer.3"])
    password: str = Field(examples=["9v3nQx0fT2mLkA7c"])
    authenticator: str = Field(
        description="The address that an authenticator reads from a QR code.",
        examples=["otpauth://totp/Shouhu:civil.officer.3?secret=JBSWY3DPEHPK3PXP&issuer=Shouhu"],
    )
    held: bool = Field(description="It is good once the security administrator has let it go.")


@router.get("/desks", operation_id="desks")
async def desks(conn: Conn, who: Who) -> list[DeskRow]:
    """Every desk of every agency, street and committee; one without people is where referrals would lie."""
    return [DeskRow.model_validate(dict(row)) for row in (await conn.execute(seats.staffed())).mappings()]


@router.get("/people", operation_id="people")
async def people(
    conn: Conn, who: Who, shouhu: Shouhu, agency: Agency | None = None, desk: str | None = None, person: str | None = None,
    waiting: bool = False, cursor: Cursor = None, limit: Limit = 100,
) -> Page[SeatRow]:  # fmt: skip
    """Who sits where, with which roles, account and absence; `waiting` are those who wait for roles or for their account."""
    if not may_see_seats(who):
        raise Refused(RefusalCode.NOT_ALLOWED)
    seat = seats.people
    asked = [(seat.agency, agency.value if agency else None), (seat.desk, desk), (seat.id, person)]
    if not sees_every_seat(who):
        asked += [(seat.agency, who.agency.value), (seat.desk, who.desk if who.agency.is_territorial else None)]
    query = seats.seats(shouhu.ledger.clock()).where(*(column == wanted for column, wanted in asked if wanted))
    if waiting:
        query = query.where(seat.is_active, or_(seat.roles == [], seats.accounts.c.held_at.is_not(None)))
    page = await page_of(conn, who, query, SeatRow, (seat.desk, seat.id), cursor=cursor, limit=limit)
    if who.has(*ADMINS):
        return page
    # Beside the instant of a report it would tell who filed it.
    return Page(
        items=[row.model_copy(update={"seen_at": None}) if row.unit else row for row in page.items], next=page.next
    )


@router.post("/people", status_code=201, operation_id="add_person")
async def add(new: NewPerson, conn: Conn, who: Who, shouhu: Shouhu) -> Credentials:
    """Somebody new, with an account that lets them in and shows nothing before they have a role."""
    require(who, Action.MANAGE_ACCOUNTS)
    if new.id.endswith(SYSTEM):
        raise Refused(RefusalCode.SYSTEMS_NAME)
    await open_door(conn)
    at = await _desk(conn, new.desk)
    if await seats.person(conn, new.id) is not None:
        raise Refused(RefusalCode.PERSON_EXISTS)
    await seats.add(conn, {"id": new.id, "name": new.name.strip(), **at, "unit": new.unit})
    return await _issue(conn, who, new.id, "add_person", shouhu.ledger.clock(), held=False)


@router.post("/people/{person_id}/account", status_code=201, operation_id="renew_account")
async def renew(person_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> Credentials:
    """A new password and one-time code. Of somebody with roles it waits for the security administrator: no one person takes a seat over."""
    row = await _other(conn, who, Action.MANAGE_ACCOUNTS, person_id)
    return await _issue(conn, who, person_id, "renew_account", shouhu.ledger.clock(), held=bool(row.roles))


@router.post("/people/{person_id}/release", status_code=204, operation_id="release_account")
async def release(person_id: str, conn: Conn, who: Who) -> None:
    """The renewed account lets its person in: the security administrator has made sure of who asked for it."""
    await _other(conn, who, Action.MANAGE_RIGHTS, person_id)
    if not await seats.let_go(conn, person_id):
        raise Refused(RefusalCode.ALREADY_DONE)
    await _noted(conn, who, "release_account", person_id)


@router.post("/people/{person_id}/seat", status_code=204, operation_id="move_person")
async def move(person_id: str, seat: Seat, conn: Conn, who: Who) -> None:
    """To another desk, without the roles of the old one."""
    await _other(conn, who, Action.MANAGE_ACCOUNTS, person_id)
    await seats.change(conn, person_id, **await _desk(conn, seat.desk), unit=seat.unit, roles=[])
    await _noted(conn, who, "move_person", person_id, f"desk:{seat.desk}"[:40])


@router.post("/people/{person_id}/end", status_code=204, operation_id="end_person")
async def end(person_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> None:
    """The person has left: signed out everywhere, at once. What they held is found by the reconciler within minutes."""
    row = await _other(conn, who, Action.MANAGE_ACCOUNTS, person_id)
    if not row.is_active:
        raise Refused(RefusalCode.ALREADY_DONE)
    await seats.change(conn, person_id, is_active=False, roles=[])
    await end_sessions(conn, person_id, shouhu.ledger.clock())
    await _noted(conn, who, "end_person", person_id)


@router.post("/people/{person_id}/return", status_code=204, operation_id="return_person")
async def come_back(person_id: str, conn: Conn, who: Who) -> None:
    """Somebody who had left is back, at the old desk and without a role."""
    row = await _other(conn, who, Action.MANAGE_ACCOUNTS, person_id)
    if row.is_active:
        raise Refused(RefusalCode.ALREADY_DONE)
    await seats.change(conn, person_id, is_active=True)
    await _noted(conn, who, "return_person", person_id)


@router.post("/people/{person_id}/roles", status_code=204, operation_id="give_roles")
async def give(person_id: str, given: RolesGiven, conn: Conn, who: Who) -> None:
    """What the person may be from the next request on."""
    row = await _other(conn, who, Action.MANAGE_RIGHTS, person_id)
    roles = list(dict.fromkeys(given.roles))
    require_fit(roles, Agency(row.agency), row.unit)
    await seats.change(conn, person_id, roles=[role.value for role in roles])
    await _noted(conn, who, "give_roles", person_id, *(f"role:{role.value}" for role in roles))


@router.post("/people/{person_id}/sign-out", status_code=204, operation_id="sign_out_person")
async def sign_out(person_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> None:
    """All sessions of the person end."""
    await _other(conn, who, Action.MANAGE_RIGHTS, person_id)
    await end_sessions(conn, person_id, shouhu.ledger.clock())
    await _noted(conn, who, "sign_out_person", person_id)


async def _desk(conn: Conn, desk_id: str) -> dict[str, Any]:
    at = await seats.desk(conn, desk_id)
    if at is None:
        raise Refused(RefusalCode.DESK_NOT_FOUND)
    return {"desk": at.id, "agency": at.agency, "division": at.division}


async def _other(conn: Conn, who: Actor, action: Action, person_id: str) -> Any:
    """The row of somebody else whom the caller may look after."""
    require(who, action)
    require_another(who, person_id)
    await open_door(conn)
    row = await seats.person(conn, person_id)
    if row is None:
        raise Refused(RefusalCode.PERSON_NOT_FOUND)
    if who.is_behind(row.also):
        raise Refused(RefusalCode.SECOND_PERSON_NEEDED)
    return row


async def _issue(conn: Conn, who: Actor, person_id: str, act: str, now: datetime, *, held: bool) -> Credentials:
    made: NewAccount | None = await make_account(conn, person_id, now, held=held)
    if made is None:
        raise Refused(RefusalCode.PERSON_NOT_FOUND)
    await _noted(conn, who, act, person_id)
    return Credentials(id=person_id, password=made.password, authenticator=made.authenticator, held=held)


async def _noted(conn: Conn, who: Actor, act: str, person_id: str, *fields: str) -> None:
    await on_record(conn, who, act, person_id, fields, children=[])
