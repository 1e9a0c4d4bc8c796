"""The communities of a street, by which files, due visits and books are told apart: codes and names, nobody in them."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, or_, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.context import Conn, Who
from app.api.strict import StrictRoute
from app.db.communities import directed, listed
from app.domain.access import ADMINS, STAFF, Actor
from app.domain.refusals import RefusalCode, Refused
from app.router import Router

router = Router(prefix="/v1", tags=["children"], route_class=StrictRoute)
UNPLACED = "none"
"""Asked for in place of a community: the children of whom nobody has entered one."""
Street = Annotated[str | None, Query(pattern=r"^\d{9}$", description="Another street than the caller's own.")]
Community = Annotated[
    str | None,
    Query(
        max_length=80,
        description=f"Only children of this community, by its id; `{UNPLACED}` for those of whom none is known that stands."
        " Committees and streets may ask so, nobody else.",
    ),
]


class CommunityRow(BaseModel):
    """A community (村) of the street's own list."""

    id: str
    name: str
    mine: bool = Field(description="Whether the caller is its child director by the list of workers.")


@router.get("/communities", operation_id="communities")
async def communities(conn: Conn, who: Who, division: Street = None) -> list[CommunityRow]:
    """The communities that a street has listed, those that the caller directs first; none where the caller has no street and names none."""
    if who.has(*ADMINS) or not who.has(*STAFF):
        raise Refused(RefusalCode.NOT_ALLOWED)
    return await communities_for(conn, who, division)


async def communities_for(conn: AsyncConnection, who: Actor, division: str | None = None) -> list[CommunityRow]:
    """The same for a page, which has asked already whether it may be shown."""
    street = division or who.division
    known = await listed(conn, street) if street else {}
    mine = await directed(conn, who.acting_for or who.person_id) if known else ()
    rows = [CommunityRow(id=one, name=name, mine=one in mine) for one, name in known.items()]
    return sorted(rows, key=lambda row: not row.mine)


async def placed_in(
    conn: AsyncConnection, who: Actor, column: ColumnElement[str | None], community: str | None
) -> ColumnElement[bool]:
    """The filter as a condition; a community that its street lists no more is as good as none, so that no child falls between two lists.

    Raises Refused(NOT_ALLOWED) to whoever has no street: who stands in the list would tell them of a place that is kept back.
    """
    if community is None:
        return true()
    if not (who.agency.is_territorial and who.division):
        raise Refused(RefusalCode.NOT_ALLOWED)
    if community != UNPLACED:
        return column == community
    known = await listed(conn, who.division)
    return or_(column.is_(None), column.not_in(list(known)))


ALL = "all"


class Where(BaseModel):
    """What a list is cut to, and what it may be cut to."""

    asked: str | None
    """The community that a list is asked for; None for all."""
    query: str
    """The same for the address of the next page."""
    rows: list[CommunityRow]

    @property
    def is_cut(self) -> bool:
        """Whether those of whom no community is known are left out."""
        return self.asked not in (None, UNPLACED)


async def chosen(conn: AsyncConnection, who: Actor, said: str) -> Where:
    """What a page was asked for; where it says nothing, the community whose child director the person is, else all."""
    rows = await communities_for(conn, who) if who.agency.is_territorial else []
    known = {row.id for row in rows} | {UNPLACED}
    mine = next((row.id for row in rows if row.mine), None)
    asked = said if rows and said in known else None if said else mine
    return Where(asked=asked, query=f"community={asked or ALL}" if rows else "", rows=rows)
