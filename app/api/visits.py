"""The visits that a desk owes: the children whom it watches, the next visit first, with who they are and where they live."""

from collections.abc import Callable
from datetime import date

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.communities import Community, placed_in
from app.api.context import Conn, Who, at_desk_of, commit_meanwhile, unconcerned_by_watch, visible
from app.api.need import Lens, look
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.api.watches import SHOWN as OF_WATCH
from app.api.watches import WatchRow
from app.db import tables
from app.db.audit import before_reading
from app.db.child_records import own_id, records_of
from app.db.need import open_on
from app.db.signal_warnings import behind
from app.db.walls import open_door, reaching, through_the_door
from app.domain.access import DESK_STAFF, Actor
from app.domain.child_file import file_id
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.facts import Relation
from app.domain.refusals import RefusalCode, Refused
from app.domain.watch import Watch, child_of
from app.router import Router

router = Router(prefix="/v1", tags=["watches"], route_class=StrictRoute)
SHOWN = (FileField.NAME, FileField.RESIDENCE, FileField.COMMUNITY)


class DueVisit(WatchRow):
    """A visit that is owed, with who is visited and where; masked unless the caller has said why the names are needed."""

    name: str
    residence: str
    community: str
    is_full: bool = False
    several: list[Relation] = Field(
        default=[],
        description="What more than one of the family is to the child: `family` of a visit can say nothing of them, `guardians` can.",
    )


class Heard(BaseModel):
    """How often and when, of a signal that opened a warning, or of the same once more. Its words may name a caller, an illness or whoever
    verifies; they are for who decides a signal that is held."""

    warning: int
    count: int
    happened_on: date | None = None


class OneVisit(DueVisit):
    """The same with what its warnings were opened for by systems of others, to whoever verifies them."""

    heard: list[Heard] = Field(default=[], description="To the staff of the desk that watches alone.")


class Owed(WatchRow):
    """With the one id of its child."""

    own: str


@router.get("/visits", operation_id="due_visits")
async def due_visits(
    request: Request, conn: Conn, who: Who, warned: bool = False, community: Community = None, cursor: Cursor = None, limit: Limit = 20,
) -> Page[DueVisit]:  # fmt: skip
    """The next visit of each child under watch by the caller's desk, the earliest first; where asked, only of those with a warning that
    waits to be verified, or of one community. On record before it leaves."""
    shown = await _owed(conn, who, warned, community, cursor, limit)
    await commit_meanwhile(request, conn)
    return shown()


async def due_page(
    conn: AsyncConnection, who: Actor, *, warned: bool = False, community: str | None = None, cursor: str | None = None, limit: int = 20
) -> Page[DueVisit]:  # fmt: skip
    """The same for a page, which goes on behind the wall."""
    shown = await _owed(conn, who, warned, community, cursor, limit)
    await reaching(conn)
    return shown()


async def _owed(
    conn: AsyncConnection, who: Actor, warned: bool, community: str | None, cursor: str | None, limit: int
) -> Callable[[], Page[DueVisit]]:
    """What makes the page of what was read."""
    watch = tables.watches.c
    query = select(*OF_WATCH, func.shouhu_own_child(watch.child_id).label("own"))
    query = query.where(watch.is_open, at_desk_of(who, watch.desk), unconcerned_by_watch(who))
    query = query.where(func.jsonb_array_length(watch.progress["warnings"]) > 0) if warned else query
    query = query.where(await placed_in(conn, who, watch.community, community))
    page = await page_of(conn, who, query, Owed, (watch.visit_due_at, watch.id), cursor=cursor, limit=limit)
    if not page.items:
        return lambda: Page(items=[], next=None)
    children = [row.child_id for row in page.items]
    # The wall has said which children; with each question about them it would look for all of the desk's once more.
    full = await open_on(conn, who, [file_id(row.own) for row in page.items], through_the_door())
    await before_reading(conn, who, "due_visits", None, [field.value for field in SHOWN], children=children)
    known = {
        one.child_id: one
        for one in await records_of(conn, [*{row.own for row in page.items}], visible(who), whole=False)
    }
    return lambda: Page(
        items=[_named(row, known[row.own], Lens(file_id(row.own) in full)) for row in page.items], next=page.next
    )


@router.get("/visits/{watch_id}", operation_id="due_visit")
async def due_visit(watch_id: str, conn: Conn, who: Who) -> OneVisit:
    """The same of one child, with how often signals came where a warning of theirs waits; to whoever does not watch it there is none."""
    watch = tables.watches.c
    mine = at_desk_of(who, watch.desk), unconcerned_by_watch(who), watch.is_open
    row = (
        (await conn.execute(select(*OF_WATCH, watch.progress).where(watch.id == watch_id, *mine)))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    own = await own_id(conn, child_of(watch_id))
    shown = WatchRow.model_validate(dict(row))
    verifies = bool(shown.warnings) and shown.desk == who.desk and who.has(*DESK_STAFF)
    fields = [field.value for field in SHOWN] + (["said"] if verifies else [])
    lens = await look(conn, who, "read_child", file_id(own), fields, children=[own])
    heard = await _heard(conn, Watch.model_validate(row["progress"])) if verifies else []
    return OneVisit(**dict(_named(shown, await _record(conn, own), lens)), heard=heard)


async def _heard(conn: AsyncConnection, watch: Watch) -> list[Heard]:
    """By whatever name and number the other system knows the child; the wall has said whose watch it is."""
    await open_door(conn)
    found = await behind(conn, watch)
    await reaching(conn)
    return [
        Heard(warning=number, count=one.count, happened_on=one.happened_on)
        for number, signal in found
        for one in (signal, *signal.again)
    ]


async def _record(conn: AsyncConnection, own: str) -> ChildRecord:
    return (await records_of(conn, [own], true()))[0]


def _named(row: WatchRow, record: ChildRecord, lens: Lens) -> DueVisit:
    """Each of these fields is masked whole, so whom the file names besides need not be known."""
    said = {field.value: entry.value if (entry := record.entry(field)) else "" for field in SHOWN}
    return DueVisit.model_validate({**dict(row), **lens(said), "is_full": lens.full, "several": record.several})
