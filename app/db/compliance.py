"""The papers of data protection: kept as they were made, and the counts of a year that they are made from."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    case,
    distinct,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.columns import Id, Instant, metadata
from app.db.walls import WALLED

papers = Table(
    "compliance_papers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("year", Integer, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("made_by", Id, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "kind", "year", "made_at"),
    comment="合规审计 and 影响评估 as PDF, of counts and rules alone. They only come: an assessment is kept for three years at least.",
)
Rows = list[list[str]]


async def keep(conn: AsyncConnection, kind: str, year: int, by: str, body: bytes, now: datetime) -> str:
    """Its id; what was made before stays."""
    made = f"paper-{uuid.uuid4().hex}"
    row = {"id": made, "kind": kind, "year": year, "made_at": now, "made_by": by, "body": body}
    await conn.execute(insert(papers).values(row))
    return made


async def has_paper(conn: AsyncConnection, kind: str, year: int) -> bool:
    """Whether one was made for that year."""
    query = select(papers.c.id).where(papers.c.kind == kind, papers.c.year == year).limit(1)
    return (await conn.execute(query)).first() is not None


async def _rows(conn: AsyncConnection, query: Select[*tuple[Any, ...]]) -> Rows:
    return [["—" if one is None else str(one) for one in row] for row in await conn.execute(query)]


async def _number(conn: AsyncConnection, query: Select[*tuple[Any, ...]]) -> int:
    return (await conn.execute(query)).scalar_one()


async def cases_of(conn: AsyncConnection, since: datetime, until: datetime) -> Rows:
    """What came in, was closed, is open and was destroyed."""
    one, n = tables.cases.c, func.count()
    filed = one.filed_at.between(since, until)
    named = {
        "收到报告": n.filter(filed), "办结": n.filter(one.closed_at.between(since, until)),
        "期末在办": n.filter(one.filed_at <= until, (one.closed_at.is_(None)) | (one.closed_at > until)),
        "销毁内容": n.filter(one.erased_at.between(since, until)),
    }  # fmt: skip
    row = (await conn.execute(select(*named.values()).select_from(tables.cases))).one()
    return [[name, str(count)] for name, count in zip(named, row, strict=True)]


async def reads_of(conn: AsyncConnection, since: datetime, until: datetime, most: int = 30) -> Rows:
    """What was done on record most: how often, by how many, of how many children."""
    row = tables.audit.c
    children = func.coalesce(func.sum(func.cardinality(row.children)), 0)
    query = select(row.action, func.count(), func.count(distinct(row.person_id)), children)
    query = query.where(row.at.between(since, until), row.outcome == "done").group_by(row.action)
    return await _rows(conn, query.order_by(func.count().desc(), row.action).limit(most))


async def refused_of(conn: AsyncConnection, since: datetime, until: datetime) -> Rows:
    """Doors that were tried."""
    row = tables.audit.c
    query = select(row.outcome, func.count(), func.count(distinct(row.person_id)))
    query = query.where(row.at.between(since, until), row.outcome != "done").group_by(row.outcome)
    return await _rows(conn, query.order_by(row.outcome))


async def views_of(conn: AsyncConnection, since: datetime, until: datetime) -> Rows:
    """Names in full, by reason."""
    view = tables.full_views.c
    query = select(view.reason, func.count(), func.count(distinct(view.person_id)))
    return await _rows(
        conn, query.where(view.opened_at.between(since, until)).group_by(view.reason).order_by(view.reason)
    )


async def emergencies_of(conn: AsyncConnection, since: datetime, until: datetime) -> Rows:
    """Break-glass, by reason and verdict; late where nobody judged it in time."""
    read = tables.emergency_reads.c
    late = func.count().filter(func.coalesce(read.reviewed_at, func.now()) > read.review_by)
    query = select(read.reason, func.coalesce(read.verdict, literal("未复核")), func.count(), late)
    query = query.where(read.read_at.between(since, until)).group_by(read.reason, read.verdict)
    return await _rows(conn, query.order_by(read.reason, read.verdict))


async def approvals_of(conn: AsyncConnection, since: datetime, until: datetime) -> Rows:
    """Acts of two persons."""
    one, n = tables.approvals.c, func.count()
    counted = (
        n,
        n.filter(one.approved_at.is_not(None)),
        n.filter(one.rejected_at.is_not(None)),
        n.filter(one.used_at.is_not(None)),
    )
    query = select(one.act, *counted).where(one.proposed_at.between(since, until)).group_by(one.act)
    return await _rows(conn, query.order_by(one.act))


async def destroyed_of(conn: AsyncConnection, since: datetime, until: datetime) -> Rows:
    """By rule: what waits on the list, what of it is held, what was destroyed."""
    line, n = tables.disposals.c, func.count()
    counted = (
        n.filter(line.erased_at.is_(None)), n.filter(line.erased_at.is_(None), line.held), n.filter(line.erased_at.between(since, until)),
    )  # fmt: skip
    query = select(line.rule, *counted).where(line.listed_at <= until)
    return await _rows(conn, query.group_by(line.rule).order_by(line.rule))


async def holds_of(conn: AsyncConnection, since: datetime, until: datetime) -> Rows:
    """Legal holds, by reason."""
    hold, n = tables.legal_holds.c, func.count()
    counted = (
        n.filter(hold.set_at.between(since, until)),
        n.filter(hold.lifted_at.between(since, until)),
        n.filter(hold.lifted_at.is_(None)),
    )
    query = select(hold.reason, *counted).where(hold.set_at <= until)
    return await _rows(conn, query.group_by(hold.reason).order_by(hold.reason))


async def people_of(conn: AsyncConnection) -> Rows:
    """Active accounts by role, and how many of them stand for somebody who has another."""
    one = tables.people.c
    role = func.unnest(one.roles).label("role")
    seats = (
        select(role, case((func.cardinality(one.also) > 0, 1), else_=0).label("twice")).where(one.is_active).subquery()
    )
    query = select(seats.c.role, func.count(), func.sum(seats.c.twice)).group_by(seats.c.role)
    return await _rows(conn, query.order_by(seats.c.role))


async def keys_of(conn: AsyncConnection, since: datetime, until: datetime) -> Rows:
    """Keys of machines and of content, and how whole the record is."""
    machine, data, seal, n = tables.api_keys.c, tables.data_keys.c, tables.seals.c, func.count()
    good = select(n).select_from(tables.api_keys).where(machine.revoked_at.is_(None), machine.expires_at > until)
    made = select(n).select_from(tables.api_keys).where(machine.made_at.between(since, until))
    stands = or_(data.destroyed_at.is_(None), data.destroyed_at > until)
    live = select(n).select_from(tables.data_keys).where(data.created_at <= until, stands)
    gone = select(n).select_from(tables.data_keys).where(data.destroyed_at.between(since, until))
    renewed = select(n).select_from(tables.master_keys).where(tables.master_keys.c.since.between(since, until))
    sealed = select(n).select_from(tables.seals).where(seal.at.between(since, until))
    named = {
        "有效的系统接入密钥": good, "本年发放的系统接入密钥": made, "在用的内容密钥": live, "本年销毁的内容密钥": gone,
        "本年更换主密钥": renewed, "本年审计封印": sealed,
    }  # fmt: skip
    return [[name, str(await _number(conn, query))] for name, query in named.items()]


async def systems_of(conn: AsyncConnection) -> Sequence[str]:
    """Agencies that are told at a system of their own."""
    return (await conn.execute(select(tables.endpoints.c.agency).order_by(tables.endpoints.c.agency))).scalars().all()


async def walls_of(conn: AsyncConnection) -> tuple[int, int]:
    """Tables that must stand behind the wall, and those that do, in this very database."""
    shut = text("select count(*) from pg_class where relname = any(:names) and relrowsecurity and relforcerowsecurity")
    return len(WALLED), (await conn.execute(shut, {"names": list(WALLED)})).scalar_one()
