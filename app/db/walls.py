"""The second wall: row-level security by which PostgreSQL itself shows a request only what its person may see.

A request enters with its token, and the database works out from its own rows what that person sees; with no context there are no rows.
Commands pass a door: once a person was found to see the case or the child, or to file a report, the ledger writes for the service.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import (
    ColumnElement,
    Row,
    TextualSelect,
    any_,
    case,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Boolean, String

from app.db.session import PLANS
from app.domain.access import Actor

log = structlog.get_logger()
APP, WORKER, WIDE, DOOR = "shouhu_app", "shouhu_worker", "shouhu_wide", "shouhu_door"
"""Roles: the API signs in as the first and the worker as the second; the API becomes the third or the fourth for one transaction."""
ROLES = (APP, WORKER, WIDE, DOOR)
WALLED = (
    "cases",
    "reports",
    "children",
    "notes",
    "suggestions",
    "tasks",
    "watches",
    "notices",
    "people",
    "child_files",
    "contents",
    "api_keys",
    "files",
    "drafts",
    "form_drafts",
    "saved_views",
    "sheet_jobs",
    "sheet_parts",
    "full_views",
    "approvals",
    "emergency_reads",
    "data_keys",
    "owed",
    "signals",
    "alike",
    "register_entries",
    "disposals",
    "legal_holds",
    "findings",
)
PASSES = text(
    "select rolname from pg_roles where rolname = current_user and (rolsuper or rolbypassrls or exists"
    " (select from pg_class where relowner = pg_roles.oid and relkind = 'r' and relnamespace = 'public'::regnamespace))"
)
PERSON = ("id", "agency", "desk", "roles", "division", "unit", "also", "also_at")
"""What is asked of whoever enters. Named, so that what SQLAlchemy makes of a row is made once."""
WIDELY, OF_ONE = "null", "set_config('plan_cache_mode', 'auto', true) || set_config('random_page_cost', '1.1', true)"
"""How what follows is planned: for what the person sees, or once for all, where it is found by its keys; and by them also where the
planner would read all of a few hundred cases for each wall."""


def _enters(by: str) -> dict[str, TextualSelect]:
    asked = ", ".join(PERSON)
    return {
        plans: text(f"select {asked}, {plans} as plans from {by}").columns(*map(column, PERSON))
        for plans in (WIDELY, OF_ONE)
    }


ENTER = _enters("shouhu_enter(:digest)")
RESUME = _enters("shouhu_resume(:digest, :seen_after, :began_after)")
ENTER_KEY = text("select * from shouhu_enter_key(:digest, :at)")
REACH = text("select shouhu_reach(:reach, :books)")
SIT = text("select * from shouhu_sit(:absent, :deputy, :at)")


class NotWalled(RuntimeError):
    """PostgreSQL would show this process everything."""


async def require_walled(engine: AsyncEngine) -> None:
    """Raise NotWalled where the role that this process signs in as passes the second wall."""
    async with engine.connect() as conn:
        role = (await conn.execute(PASSES)).scalar_one_or_none()
    if role is not None:
        log.error("not_walled", role=role)
        raise NotWalled(f"the API signs in as {role}, whom no wall stops: let it sign in as {APP}")


def through_the_door() -> ColumnElement[str]:
    """In the list of what a query selects: whoever finds a row opens the door for the rest of the transaction.

    A plan of what a person sees fits that person; from here on plans are the same for all, and are kept.
    """
    return func.concat(func.set_config("role", DOOR, True), func.set_config("plan_cache_mode", PLANS, True))


@asynccontextmanager
async def as_service(conn: AsyncConnection) -> AsyncIterator[None]:
    """The service asks something for itself, and afterwards the sight is what it was; of what it finds no more leaves than it may tell."""
    as_service = case(
        (literal_column("current_user").in_((APP, WIDE)), DOOR), else_=literal_column("current_user::text")
    )
    asked = select(literal_column("current_user::text"), func.set_config("role", as_service, True))
    before = (await conn.execute(asked)).scalar_one()
    try:
        yield
    finally:
        with suppress(DBAPIError):  # the transaction is over, and its sight with it
            await conn.execute(select(func.set_config("role", before, True)))


def of_one_thing() -> ColumnElement[str]:
    """Likewise: what follows is found by its keys, so it need not be planned anew for each person."""
    return func.set_config("plan_cache_mode", "auto", True)


async def open_door(conn: AsyncConnection) -> None:
    """The service itself goes on from here, until the transaction ends."""
    await conn.execute(select(through_the_door()))


async def reaching(conn: AsyncConnection, *, district: bool = False, books: Iterable[str] = ()) -> None:
    """Behind the wall again, whatever door was passed. `district`: also children whom somebody else keeps, for a book over all
    of them; `books`: every entry of these registers. Of neither one that is about the person."""
    await conn.execute(REACH, {"reach": "district" if district else "", "books": ",".join(books)})


async def entered(conn: AsyncConnection, digest: str, *, plans: str = WIDELY) -> Row[Any] | None:
    """The person with this token, whose sight the transaction has from now on."""
    return (await conn.execute(ENTER[plans], {"digest": digest})).one_or_none()


async def entered_by_key(conn: AsyncConnection, digest: str, at: datetime) -> Row[Any] | None:
    """The good key with this digest, which is seen to be used; the transaction has the sight of its unit and scopes."""
    return (await conn.execute(ENTER_KEY, {"digest": digest, "at": at})).one_or_none()


async def resumed(conn: AsyncConnection, session: Mapping[str, Any], *, plans: str = WIDELY) -> Row[Any] | None:
    """The person whose session it is, while it is good: likewise."""
    return (await conn.execute(RESUME[plans], session)).one_or_none()


async def seated(conn: AsyncConnection, seat: Mapping[str, Any]) -> Row[Any] | None:
    """The absent person in whose seat the deputy sits now, with the sight of that seat."""
    return (await conn.execute(SIT, seat)).one_or_none()


async def let_in(conn: AsyncConnection, passwords: Mapping[str, str]) -> None:
    """The roles sign in with these passwords, which PostgreSQL keeps as SCRAM verifiers."""
    for role, password in passwords.items():
        await conn.execute(text(f"alter role {role} login password '{password}'"))


def _marks(who: Actor) -> ColumnElement[Any]:
    return cast(list(who.marks), ARRAY(String))


def child_concerns(who: Actor, child_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a case of the child, or of a file joined with the child's, is about the actor; a wall hides just these from the actor."""
    return func.shouhu_file_concerned(child_id, _marks(who), type_=Boolean)


def stream_concerns(who: Actor, stream_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The same of a case, a watch, a file, or of what is owed for a child."""
    return func.shouhu_stream_concerned(stream_id, _marks(who), type_=Boolean)


def concerns(who: Actor, case_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a case is about the actor, also one that is not in the actor's sight; which are is worked out once a query."""
    theirs = select(func.shouhu_concerning(_marks(who))).scalar_subquery()
    return func.coalesce(case_id, "") == any_(cast(theirs, ARRAY(String)))


def child_concerns_at_once(who: Actor, child_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The same of a child; for figures over many, of whom else each would be asked."""
    theirs = select(func.shouhu_children_concerning(_marks(who))).scalar_subquery()
    return child_id == any_(cast(theirs, ARRAY(String)))


def row_concerns(who: Actor, stream_id: ColumnElement[str], children: ColumnElement[Any]) -> ColumnElement[bool]:
    """The same of a row that names a stream or none, and children."""
    theirs = cast(select(func.shouhu_children_concerning(_marks(who))).scalar_subquery(), ARRAY(String))
    own = func.coalesce(func.substr(stream_id, func.strpos(stream_id, "-") + 1), "")
    return or_(concerns(who, stream_id), own == any_(theirs), children.op("&&", is_comparison=True)(theirs))


async def concerning(conn: AsyncConnection, who: Actor) -> tuple[list[str], list[str]]:
    """The cases that are about the actor, and the children of them by every id, for what names them sealed and is found by marks alone."""
    of = func.shouhu_concerning(_marks(who)), func.shouhu_children_concerning(_marks(who))
    cases, children = (await conn.execute(select(*of))).one()
    return cases, children
