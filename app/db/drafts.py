"""A report while it is written: on the server alone, found by a secret of the browser's, gone a day after it was last touched."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import files
from app.db.file_tables import drafts, entry_links
from app.db.receipts import ALPHABET, plain
from app.db.vault import forget_keys, opened_one, sealed_row
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.sign_in import token_hash
from app.domain.terms import Agency, ReporterClass, Role
from app.files.kinds import BadFile, FileFault

Said = dict[str, str | list[str]]
"""What was typed and ticked, by field, as it came."""
MOST_OF_LINK = 500 * 1024 * 1024
"""Bytes of files that wait in drafts by one link; a default."""
CODE_LENGTH = 12
"""60 bits: short enough to be typed from a wall; it opens a form, and shows nothing."""


@dataclass(frozen=True)
class Draft:
    """`by` is who will have filed it, `reporter_class` of what kind the unit is where a link says so."""

    id: str
    said: Said
    by: Actor | None
    reporter_class: ReporterClass | None = None
    person_id: str | None = None
    case_id: str | None = None
    unit_name: str | None = None
    """What the unit of the link is called, where whoever made it said so."""


async def make_link(
    conn: AsyncConnection, unit: str, of: Mapping[str, Any], made_by: str, now: datetime
) -> tuple[str, str]:
    """Its id and its code, which is shown once; `of` has agency, desk, division, reporter_class and, where it is known, name."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    row = {"id": f"link-{uuid.uuid4().hex}", "code_hash": token_hash(code), "unit": unit, **of, "made_by": made_by}
    await conn.execute(entry_links.insert(), {**row, "made_at": now})
    return str(row["id"]), "-".join(code[at : at + 4] for at in range(0, CODE_LENGTH, 4))


async def end_link(conn: AsyncConnection, link_id: str, now: datetime) -> bool:
    """Nobody comes by it any more; what was begun may be finished. False where there is none that is in use."""
    mine = update(entry_links).where(entry_links.c.id == link_id, entry_links.c.ended_at.is_(None))
    return (await conn.execute(mine.values(ended_at=now))).rowcount == 1


async def link_by_code(conn: AsyncConnection, code: str) -> str | None:
    """The id of the link that is in use under this code."""
    mine = entry_links.c.code_hash == token_hash(plain(code))
    return (
        await conn.execute(select(entry_links.c.id).where(mine, entry_links.c.ended_at.is_(None)))
    ).scalar_one_or_none()


async def begin(
    conn: AsyncConnection, said: Said, now: datetime, *, link_id: str | None = None, person_id: str | None = None
) -> str:
    """The secret of a new draft; its hash alone is kept."""
    token = secrets.token_urlsafe(32)
    row = {
        "id": f"draft-{uuid.uuid4().hex}", "token_hash": token_hash(token), "link_id": link_id, "person_id": person_id,
        "said": said, "began_at": now, "seen_at": now,
    }  # fmt: skip
    await open_door(conn)
    await conn.execute(drafts.insert(), await sealed_row(conn, drafts, row))
    return token


async def require_room(conn: AsyncConnection, link_id: str) -> None:
    """Whoever finds a printed link fills no disk: BadFile once so much waits in drafts by it that nobody has sent."""
    file = files.files.c
    query = select(func.coalesce(func.sum(file.size), 0)).join(drafts, drafts.c.id == file.owner)
    waits = await conn.execute(query.where(drafts.c.link_id == link_id, file.stream_id.is_(None)))
    if waits.scalar_one() >= MOST_OF_LINK:
        raise BadFile(FileFault.NO_ROOM)


async def draft_of(conn: AsyncConnection, token: str, now: datetime) -> Draft | None:
    """The draft with this secret, unless it has waited too long, for this transaction alone; the door is open from here on."""
    link = entry_links.c
    query = (
        select(drafts, link.unit, link.agency, link.desk, link.division, link.reporter_class, link.name)
        .outerjoin(entry_links, link.id == drafts.c.link_id)
        .where(drafts.c.token_hash == token_hash(token), drafts.c.seen_at > now - files.WAITS)
        .with_for_update(of=drafts)
    )
    await open_door(conn)
    row = await opened_one(conn, (await conn.execute(query)).mappings().one_or_none(), drafts)
    if row is None:
        return None
    return Draft(
        row["id"], row["said"] or {}, _by_link(row) if row["link_id"] else None,
        ReporterClass(row["reporter_class"]) if row["reporter_class"] else None, row["person_id"], row["case_id"], row["name"],
    )  # fmt: skip


def _by_link(row: Mapping[str, Any]) -> Actor:
    """Whoever comes by a link may report in its unit's name, and nothing else."""
    return Actor(
        person_id=row["link_id"], agency=Agency(row["agency"]), desk=row["desk"], roles=(Role.REPORTER,),
        division=row["division"], unit=row["unit"],
    )  # fmt: skip


async def save(conn: AsyncConnection, draft: Draft, said: Said, now: datetime) -> None:
    """What was said on one page, over what stands; a report that was filed changes no more."""
    mine = update(drafts).where(drafts.c.id == draft.id, drafts.c.case_id.is_(None))
    row = await sealed_row(conn, drafts, {"id": draft.id, "said": {**draft.said, **said}})
    await conn.execute(mine.values(said=row["said"], seen_at=now))


async def filed(conn: AsyncConnection, draft_id: str, case_id: str, now: datetime) -> None:
    """It became this case; what was typed is the report's from now on, and is kept here no more."""
    row = await sealed_row(conn, drafts, {"id": draft_id, "said": {}})
    mine = update(drafts).where(drafts.c.id == draft_id)
    await conn.execute(mine.values(case_id=case_id, said=row["said"], seen_at=now))


async def drop(conn: AsyncConnection, token: str) -> None:
    """Whoever wrote it wants it gone, with its files; one that was filed stays, for its receipt."""
    await open_door(conn)
    mine = (drafts.c.token_hash == token_hash(token), drafts.c.case_id.is_(None))
    gone = (await conn.execute(delete(drafts).where(*mine).returning(drafts.c.id))).scalar_one_or_none()
    if gone:
        await forget_keys(conn, [gone])
        for file in await files.waiting(conn, gone):
            await files.drop(conn, gone, file["id"])


async def forget(conn: AsyncConnection, now: datetime) -> int:
    """Drafts that nobody went on with, and files that no case took; how many."""
    old = delete(drafts).where(drafts.c.seen_at < now - files.WAITS).returning(drafts.c.id)
    return await forget_keys(conn, (await conn.execute(old)).scalars()) + await files.forget(conn, now)
