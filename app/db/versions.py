"""Published versions of the rules: the files as two persons saw them, from which day they hold; never changed afterwards."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, String, Table, Text, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import Id, Instant, calendars, metadata
from app.domain.sight import Actor

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("version", String(60), primary_key=True),
    Column("title", Text, nullable=False),
    Column("effective_from", Date, nullable=False),
    Column("files", JSONB, nullable=False),
    Column("proposed_by", Id, nullable=False),
    Column("proposed_at", Instant, nullable=False),
    Column("approved_by", Id),
    Column("approved_at", Instant),
    Column("proposed_behalf", Id),
    Column("approved_behalf", Id),
    CheckConstraint("approved_by <> proposed_by", name="two_persons"),
    CheckConstraint(
        "not (approved_by = proposed_behalf) and not (approved_behalf = proposed_by) and not (approved_behalf = proposed_behalf)",
        name="two_persons_in_any_seat",
    ),
)
version = policy_versions.c
SHOWN = [column for column in version if column is not version.files]
IN_FORCE = select(
    select(func.coalesce(func.max(calendars.c.version), 0)).scalar_subquery().label("newest"),
    select(version.version)
    .where(version.approved_by.is_not(None), version.effective_from <= bindparam("today"))
    .order_by(version.effective_from.desc(), version.approved_at.desc())
    .limit(1)
    .scalar_subquery()
    .label("version"),
)
"""The newest calendar and the published version that took effect last."""


async def written(conn: AsyncConnection, name: str, *, approved: bool = True) -> dict[str, str] | None:
    """The files of a published version; None when there is none."""
    query = select(version.files).where(version.version == name)
    query = query.where(version.approved_by.is_not(None)) if approved else query
    return (await conn.execute(query)).scalar_one_or_none()


async def version_row(conn: AsyncConnection, name: str) -> dict[str, Any] | None:
    """Who proposed and who approved it; locked, for two persons may approve at once."""
    query = select(*SHOWN).where(version.version == name).with_for_update()
    row = (await conn.execute(query)).mappings().one_or_none()
    return dict(row) if row else None


async def version_rows(conn: AsyncConnection) -> list[dict[str, Any]]:
    """All versions, the last to take effect first."""
    rows = await conn.execute(select(*SHOWN).order_by(version.effective_from.desc(), version.proposed_at.desc()))
    return [dict(row) for row in rows.mappings()]


async def day_after(conn: AsyncConnection, day: date) -> date | None:
    """The next day from which an approved version holds."""
    approved = version.approved_by.is_not(None) & (version.effective_from > day)
    return (await conn.execute(select(func.min(version.effective_from)).where(approved))).scalar()


async def keep(
    conn: AsyncConnection,
    name: str,
    title: str,
    effective_from: date,
    files: Mapping[str, str],
    by: Actor,
    at: datetime,
) -> None:
    """A proposal."""
    row = {"version": name, "title": title, "effective_from": effective_from, "files": dict(files)}
    await conn.execute(
        insert(policy_versions),
        {**row, "proposed_by": by.person_id, "proposed_behalf": by.acting_for, "proposed_at": at},
    )


async def seal(conn: AsyncConnection, name: str, by: Actor, at: datetime) -> None:
    """The second person's approval."""
    approved = update(policy_versions).where(version.version == name)
    await conn.execute(approved.values(approved_by=by.person_id, approved_behalf=by.acting_for, approved_at=at))
