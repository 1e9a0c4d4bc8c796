"""The printed links of units: whoever has one may report in the unit's name, without an account, and sees nothing."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy import select

from app.api.context import Conn, Shouhu, Who, require
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.audit import on_record
from app.db.drafts import end_link, make_link
from app.db.service import REPORT_PATH
from app.domain.access import Action
from app.domain.commands import Concerned
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, ReporterClass
from app.router import Router

router = Router(prefix="/v1", tags=["entry links"], route_class=StrictRoute)
EXAMPLE: JsonDict = {
    "unit": "unit-school-1",
    "agency": "SCHOOL",
    "desk": "SCHOOL",
    "reporter_class": "school",
    "name": "示例小学（化名）",
}


class UnitOf(BaseModel):
    """The unit, and the desk of its agency."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    unit: Concerned
    agency: Agency
    desk: str = Field(max_length=40)
    division: str | None = Field(default=None, pattern=r"^(\d{9}|110106)$")
    reporter_class: ReporterClass
    name: str | None = Field(
        default=None, max_length=100, description="What people call the unit; shown to whoever reports by the link."
    )


class NewLink(BaseModel):
    """Shown once; only a hash is kept."""

    id: str = Field(examples=["link-0d0f4b1e6c1d4c0e9d6f0f6b4f0a8a11"])
    code: str = Field(examples=["7Q2M-4KXA-90TD"], description="To be typed where no camera is.")
    address: str = Field(
        examples=["http://127.0.0.1:8000/report#7Q2M-4KXA-90TD"],
        description="For a QR code; what stands behind # is sent to no server and stands in no log.",
    )


class LinkRow(BaseModel):
    """A link without its code."""

    id: str
    unit: str
    agency: Agency
    reporter_class: ReporterClass
    name: str | None
    made_by: str
    made_at: datetime
    ended_at: datetime | None


@router.post("/entry-links", status_code=201, operation_id="make_entry_link")
async def make_entry_link(asked: UnitOf, conn: Conn, shouhu: Shouhu, who: Who) -> NewLink:
    """A new link for a unit; one that was printed before goes on until it is ended."""
    require(who, Action.MANAGE_RIGHTS)
    await on_record(conn, who, "make_entry_link", None, [asked.unit[:40]], children=[])
    of = asked.model_dump(mode="json", exclude={"unit"})
    link_id, code = await make_link(conn, asked.unit, of, who.person_id, shouhu.ledger.clock())
    return NewLink(id=link_id, code=code, address=f"{shouhu.public_url.rstrip('/')}{REPORT_PATH}#{code}")


@router.get("/entry-links", operation_id="entry_links")
async def entry_links(conn: Conn, who: Who, cursor: Cursor = None, limit: Limit = 50) -> Page[LinkRow]:
    """All of them, newest first."""
    require(who, Action.MANAGE_RIGHTS)
    link = tables.entry_links.c
    query = select(
        link.id, link.unit, link.agency, link.reporter_class, link.name, link.made_by, link.made_at, link.ended_at
    )
    return await page_of(
        conn, who, query, LinkRow, (link.made_at, link.id), cursor=cursor, limit=limit, newest_first=True
    )


@router.post("/entry-links/{link_id}/end", status_code=204, operation_id="end_entry_link", response_model=None)
async def end_entry_link(link_id: str, conn: Conn, shouhu: Shouhu, who: Who) -> None:
    """Nobody comes by it any more, as when its code was shown to strangers."""
    require(who, Action.MANAGE_RIGHTS)
    if not await end_link(conn, link_id, shouhu.ledger.clock()):
        raise Refused(RefusalCode.LINK_NOT_FOUND)
    await on_record(conn, who, "end_entry_link", None, [link_id], children=[])
