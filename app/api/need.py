"""Need to know: names, numbers and addresses are masked until somebody says why; the view is open for minutes and the owner is told."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row, and_, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.context import Conn, Shouhu, Who, progress_of, require, subject_of, told, visible
from app.api.pages import Cursor, Limit, Office, Page, in_words, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.audit import FULL_VIEW, before_reading
from app.db.need import open_view
from app.db.people import of_streets
from app.db.vault import Keys, keys_in
from app.db.walls import stream_concerns
from app.domain.access import STAFF, Action, Actor
from app.domain.compartment import TOLD_PLACE, unplaced
from app.domain.masking import Mask, Need
from app.domain.opening import desk_of
from app.domain.progress import Progress
from app.domain.terms import Agency, Role
from app.domain.typed import LongText
from app.router import Router

router = Router(prefix="/v1", tags=["need to know"], route_class=StrictRoute)


class Lens(NamedTuple):
    """How a person sees somebody: in full while they have said why, else masked. The key came with the row that says who looks, and
    where that was asked for, the content of the case as it is `stored`."""

    full: bool
    keys: Keys = MappingProxyType({})
    stored: Row[Any] | None = None

    def __call__(self, shown: Any, known: Iterable[object] = ()) -> Any:
        """What may leave; `known` are further structures that name those whom the answer's texts may speak of."""
        return self.over((shown, *known))(shown)

    def over(self, known: Iterable[object]) -> Callable[[Any], Any]:
        """The same for many answers about the same people."""
        return (lambda shown: shown) if self.full else Mask(known)


async def look(
    conn: AsyncConnection, who: Actor, action: str, stream_id: str, fields: list[str], *,
    children: Sequence[str] | None = None, view_of: str | None = None, also: Mapping[str, Sequence[str]] | None = None,
    brings: bool = False,
) -> Lens:  # fmt: skip
    """Before anything of a person is read: on record, with the reason where a full view is open. What it shows goes through the lens.

    `view_of` is what the view was opened on, where that is not the stream; `also` are further actions with their fields.
    """
    row = await before_reading(
        conn, who, action, stream_id, fields, children=children, view_of=view_of or stream_id, also=also, brings=brings
    )
    return Lens(row.why.startswith(FULL_VIEW), keys_in(conn, row.key), row if brings else None)


class Asked(BaseModel):
    """Why names, numbers and addresses are needed in full."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"need": "visit", "note": "今日入户，须核对门牌和联系电话"}}
    )

    need: Need
    note: LongText = Field(min_length=2)


class Opened(BaseModel):
    """A full view, open for its person until then."""

    id: str
    until: datetime
    fields: list[str] = Field(examples=[["children", "family", "narrative"]])


class FullViewRow(BaseModel):
    """Who opened what, and why."""

    id: str
    case_id: str | None
    stream_id: str
    person_id: str
    behalf: str | None
    agency: Agency
    desk: str
    reason: Need
    note: str | None = Field(description="Gone with the content of its case.")
    office: Office = None
    fields: list[str]
    opened_at: datetime
    until: datetime


@router.post("/cases/{case_id}/full-view", status_code=201, operation_id="open_case_in_full")
async def open_case(case_id: str, asked: Asked, conn: Conn, who: Who, shouhu: Shouhu) -> Opened:
    """One step, never refused to whoever works on the case: what the caller sees of it stands in full for some minutes."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CONTENT, subject_of(progress))
    fields, owner = (await told(conn, who, shouhu, progress)).fields, owner_of(progress)
    made = await open_view(conn, who, case_id, case_id, asked.need, asked.note, fields, owner)
    return Opened(id=made.id, until=made.until, fields=fields)


def owner_of(progress: Progress) -> str:
    """Whoever has the leg of the lead agency, or the head of its desk."""
    desk = desk_of(progress.lead, progress.division)
    holder = next((leg.holder for leg in progress.open_referrals if leg.desk == desk and leg.holder), None)
    return f"person:{holder}" if holder else f"{Role.DESK_HEAD}:{desk}"


@router.get("/full-views", operation_id="full_views")
async def full_views(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 100) -> Page[FullViewRow]:
    """What was opened in the cases that the caller's office leads, by the caller, or for overseers in any; newest first."""
    view, case = tables.full_views.c, tables.cases.c
    mine = view.person_id == who.person_id
    leads = case.lead == who.agency.value if who.has(*STAFF) else false()
    if who.agency.is_territorial:
        leads = and_(leads, case.division == (who.division or ""))
    of_us = true() if who.oversees_district else leads
    query = select(*(view[name] for name in FullViewRow.model_fields)).outerjoin(tables.cases, case.id == view.case_id)
    of_no_case = and_(view.case_id.is_(None), or_(mine, true() if who.oversees_district else false()))
    query = query.where(or_(of_no_case, and_(visible(who), or_(mine, of_us))), ~stream_concerns(who, view.stream_id))
    page = await page_of(
        conn, who, query, FullViewRow, (view.opened_at, view.id), cursor=cursor, limit=limit, newest_first=True
    )
    page = await in_words(conn, who, "full_views", page, tables.full_views)
    if who.agency in TOLD_PLACE:
        return page
    local = await of_streets(conn, {one for row in page.items for one in (row.person_id, row.behalf) if one})
    return Page(items=[_unplaced(row, who, local) for row in page.items], next=page.next)


def _unplaced(row: FullViewRow, who: Actor, local: Collection[str]) -> FullViewRow:
    """Before a body to which it may be kept back where the child lives: not who of a street has looked, nor of which."""
    said = {"by": row.person_id, "behalf": row.behalf, "desk": row.desk}
    told = unplaced(said, who.agency, local)
    return row.model_copy(update={"person_id": told["by"], "behalf": told["behalf"], "desk": told["desk"]})
