"""Destroys what is kept of a child: its keys, so that no copy of the content is read again, and the rows that held it.

What stays says nothing of who it was: events and figures in codes, the ids of the audit, and the line of the list of destruction. Of who
reported it the first event and the audit keep the account and the unit, for neither is ever changed; no route tells them any more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Text, cast, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.alike import alike_files
from app.db.desk_tables import form_drafts
from app.db.entries import line
from app.db.outcome_facts import case_outcomes
from app.db.retention_tables import disposals, legal_holds
from app.db.rotation import destroy
from app.db.signals import signals
from app.db.vault import forget_keys, sealed_rows, vault_of
from app.domain.access import Actor
from app.domain.child_file import file_id
from app.domain.refusals import RefusalCode, Refused
from app.domain.retention import Dossier
from app.domain.watch import watch_id

ERASED = "erased"


class Gone(NamedTuple):
    """How many keys were destroyed and files deleted."""

    streams: int
    files: int


async def erase(
    conn: AsyncConnection, who: Actor, subject_id: str, kept: Dossier, approval_id: str, now: datetime
) -> Gone:
    """For the service, in the transaction in which the approval of two persons was spent; afterwards it does not exist."""
    if kept is Dossier.CASE:
        await _close_for_good(conn, subject_id, now)
    child = tables.children.c
    mine = child.case_id == subject_id if kept is Dossier.CASE else (child.id == subject_id) & child.case_id.is_(None)
    children = list((await conn.execute(select(child.id).where(mine))).scalars())
    streams = [*([subject_id] if kept is Dossier.CASE else []), *map(watch_id, children), *map(file_id, children)]
    keys = await destroy(
        conn, [*streams, *await _entries(conn, children), *await _signals(conn, subject_id, children)], now
    )
    files = (await conn.execute(delete(tables.files).where(tables.files.c.stream_id.in_(streams)))).rowcount
    await _rows(conn, subject_id, streams, children)
    gone = Gone(keys, files)
    done = update(disposals).where(disposals.c.subject_id == subject_id)
    await conn.execute(
        done.values(
            erased_at=now, erased_by=who.person_id, approval_id=approval_id, streams=gone.streams, files=gone.files
        )
    )
    return gone


async def _close_for_good(conn: AsyncConnection, case_id: str, now: datetime) -> None:
    case = tables.cases.c
    row = (await conn.execute(select(case.is_open, case.erased_at).where(case.id == case_id).with_for_update())).one()
    if row.is_open or row.erased_at is not None:
        raise Refused(RefusalCode.NOT_DUE)
    unnamed = func.jsonb_set(case.progress, cast(["reporter_unit"], ARRAY(Text)), cast(ERASED, JSONB))
    gone = update(tables.cases).where(case.id == case_id)
    await conn.execute(gone.values(erased_at=now, reporter_unit=ERASED, progress=unnamed))
    report = tables.reports.c
    empty = {
        "reporter": "",
        "narrative": "",
        "family": "",
        "facts": "",
        "findings": [],
        "filed_by": ERASED,
        "office": None,
    }
    blank = update(tables.reports).where(report.case_id == case_id)
    await conn.execute(blank.values(**empty, reporter_unit=ERASED, receipt_hash=f"{ERASED}:{case_id}"))
    await _unit_of_submissions(conn, case_id)


async def _unit_of_submissions(conn: AsyncConnection, case_id: str) -> None:
    """What is sent again is still answered; whose it was is known by a keyed mark alone."""
    sent = tables.submissions.c
    for row in (await conn.execute(select(sent.scope, sent.key).where(sent.case_id == case_id))).all():
        mine = update(tables.submissions).where(sent.scope == row.scope, sent.key == row.key)
        await conn.execute(mine.values(scope=vault_of(conn).digest(row.scope)))


async def _entries(conn: AsyncConnection, children: Sequence[str]) -> list[str]:
    """Entries of registers that name these children and nobody else."""
    marks = [vault_of(conn).mark("child", one) for one in children]
    if not marks:
        return []
    only = select(line.id).where(line.marks.overlap(marks)).group_by(line.id)
    others = select(line.id).where(~line.marks.contained_by(marks))
    return list((await conn.execute(only.where(line.id.not_in(others)))).scalars())


async def _signals(conn: AsyncConnection, subject_id: str, children: Sequence[str]) -> list[str]:
    """What systems have signalled of these children."""
    signal = signals.c
    mine = or_(signal.child_id.in_(children), signal.case_id == subject_id)
    forgotten = update(signals).where(mine).values(said=None, marks=[])
    return list((await conn.execute(forgotten.returning(signal.id))).scalars())


async def _rows(conn: AsyncConnection, subject_id: str, streams: Sequence[str], children: Sequence[str]) -> None:
    """What the keys had sealed, what leads to it, and what was said about it under another key."""
    draft, near = tables.drafts.c, tables.suggestions.c
    drafts = await conn.execute(delete(tables.drafts).where(draft.case_id == subject_id).returning(draft.id))
    await forget_keys(conn, drafts.scalars())
    for table, column in (
        (tables.notes, "stream_id"), (tables.contents, "stream_id"), (tables.tasks, "case_id"), (tables.notices, "case_id"),
        (form_drafts, "case_id"),
    ):  # fmt: skip
        await conn.execute(delete(table).where(table.c[column].in_(streams)))
    await conn.execute(delete(case_outcomes).where(case_outcomes.c.case_id == subject_id))
    await conn.execute(delete(tables.suggestions).where(or_(near.case_id == subject_id, near.other_id == subject_id)))
    await conn.execute(
        delete(alike_files).where(or_(alike_files.c.one.in_(children), alike_files.c.other.in_(children)))
    )
    await conn.execute(delete(tables.children).where(tables.children.c.id.in_(children)))
    for table, column in ((tables.full_views, "stream_id"), (legal_holds, "subject_id")):
        told = select(table).where(table.c[column].in_([*streams, *children]), table.c.case_id.is_(None))
        for row in (await conn.execute(told)).mappings().all():
            (silent,) = await sealed_rows(conn, table, [{**row, "note": ""}])
            await conn.execute(update(table).where(table.c.id == row["id"]).values(note=silent["note"]))


async def owed(conn: AsyncConnection) -> int:
    """Destroyed keys that older backups still open, until the master key is renewed."""
    key, master = tables.data_keys.c, tables.master_keys.c
    newest = select(func.max(master.since)).scalar_subquery()
    return (await conn.execute(select(func.count()).where(key.destroyed_at > newest))).scalar_one()
