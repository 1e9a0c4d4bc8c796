"""The communities of a street: its own list of them in the registers, and which of them somebody directs, as the list of workers tells."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables

LISTED = "communities"
"""The register in which a street lists them."""


async def listed(conn: AsyncConnection, street: str) -> dict[str, str]:
    """Those of this street that stand, by id with the name."""
    row = func.shouhu_communities(street).table_valued("id", "name").c
    return {one: name for one, name in await conn.execute(select(row.id, row.name)) if name}


async def directed(conn: AsyncConnection, person: str) -> tuple[str, ...]:
    """Whose child director the person is, those of the own street; hardly ever more than one."""
    row = func.shouhu_directs(person).table_valued("id", "name").c
    return tuple(dict.fromkeys((await conn.execute(select(row.id))).scalars()))


async def street_of(conn: AsyncConnection, child_id: str) -> str:
    """Where the child lives by its file, else as it was reported."""
    child, file = tables.children.c, tables.child_files.c
    query = select(func.coalesce(file.division, child.division)).outerjoin(
        tables.child_files, file.child_id == child.id
    )
    return (await conn.execute(query.where(child.id == child_id))).scalar_one()
