"""Files: kept cleaned, brought into a case by a fact of it, read by whoever may read the case's content."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.file_tables import files
from app.db.vault import forget_keys, opened, opened_one, sealed_row
from app.domain.refusals import RefusalCode, Refused
from app.files.examine import Taken
from app.files.kinds import BadFile, FileFault

WAITS = timedelta(hours=24)
"""How long a file or a draft that nobody went on with is kept; a default."""
MOST_WAITING = 50
"""Files of one owner that no case has yet; a default."""


class Found(NamedTuple):
    """A file as it leaves."""

    name: str
    media_type: str
    content: bytes


async def keep(
    conn: AsyncConnection, owner: str, taken: Taken, now: datetime, *, most: int = MOST_WAITING
) -> dict[str, Any]:
    """Its row without the content; needs the door. Raises BadFile where the owner has too many already."""
    mine = select(func.count()).select_from(files).where(files.c.owner == owner, files.c.stream_id.is_(None))
    if (await conn.execute(mine)).scalar_one() >= most:
        raise BadFile(FileFault.TOO_MANY)
    shown: dict[str, Any] = {
        "id": f"upload-{uuid.uuid4().hex}", "name": taken.name, "media_type": taken.kind.value, "size": len(taken.content),
    }  # fmt: skip
    row = {**shown, "owner": owner, "content": taken.content, "added_at": now}
    await conn.execute(files.insert(), await sealed_row(conn, files, row))
    return shown


async def bring(conn: AsyncConnection, ids: Sequence[str], owner: str, stream_id: str, version: int) -> None:
    """They belong to the fact of that version from now on. Raises Refused unless all are the owner's and no case's yet."""
    mine = (files.c.id.in_(ids), files.c.owner == owner, files.c.stream_id.is_(None))
    brought = await conn.execute(update(files).where(*mine).values(stream_id=stream_id, version=version))
    if brought.rowcount != len(set(ids)):
        raise Refused(RefusalCode.FILE_NOT_FOUND)


async def waiting(conn: AsyncConnection, owner: str) -> list[dict[str, Any]]:
    """What the owner has that no case has yet, in the order in which it came; needs the door."""
    row = files.c
    query = select(row.id, row.name, row.media_type, row.size).where(row.owner == owner, row.stream_id.is_(None))
    return await opened(conn, (await conn.execute(query.order_by(row.added_at, row.id))).mappings(), files)


async def drop(conn: AsyncConnection, owner: str, file_id: str) -> None:
    """The owner does not want it any more; what a case has stays."""
    mine = (files.c.id == file_id, files.c.owner == owner, files.c.stream_id.is_(None))
    await forget_keys(conn, (await conn.execute(delete(files).where(*mine).returning(files.c.id))).scalars())


async def hand_over(conn: AsyncConnection, owner: str, to: str) -> list[str]:
    """The files of a draft become those of whoever files it; their ids."""
    moved = update(files).where(files.c.owner == owner, files.c.stream_id.is_(None)).values(owner=to)
    return list((await conn.execute(moved.returning(files.c.id))).scalars())


async def content_of(conn: AsyncConnection, file_id: str) -> Found | None:
    """The bytes, for those who were found to see its case."""
    query = select(files.c.id, files.c.name, files.c.media_type, files.c.content).where(files.c.id == file_id)
    row = await opened_one(conn, (await conn.execute(query)).mappings().one_or_none(), files)
    return Found(row["name"], row["media_type"], row["content"]) if row and row["content"] is not None else None


async def forget(conn: AsyncConnection, now: datetime) -> int:
    """Files that no case has taken in time; how many."""
    old = delete(files).where(files.c.stream_id.is_(None), files.c.added_at < now - WAITS)
    return await forget_keys(conn, (await conn.execute(old.returning(files.c.id))).scalars())
