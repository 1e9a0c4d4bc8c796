"""Who works where: seats of people with their accounts and absences, and what administrators change of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.account_tables import accounts, identities, sessions
from app.db.need import shut
from app.domain.terms import Role

people, desks, deputies = tables.people.c, tables.desks.c, tables.deputies.c


def seats(now: datetime) -> Select[*tuple[Any, ...]]:
    """Everybody but systems, each with the account and the absence of now."""
    away = and_(
        deputies.person_id == people.id, deputies.from_at <= now, deputies.until_at > now, deputies.revoked_at.is_(None)
    )
    until = select(func.max(deputies.until_at)).where(away).correlate(tables.people).scalar_subquery()
    seen = select(func.max(sessions.c.seen_at)).where(sessions.c.person_id == people.id).correlate(tables.people)
    outside = select(identities.c.person_id).where(identities.c.person_id == people.id).correlate(tables.people)
    shown = (
        people.id, people.name, people.agency, people.desk, desks.name_zh.label("desk_name"), people.roles, people.division,
        people.unit, people.is_active, accounts.c.made_at.label("account_at"), accounts.c.held_at, until.label("away_until"),
        seen.scalar_subquery().label("seen_at"), outside.exists().label("by_provider"),
    )  # fmt: skip
    joined = tables.people.join(tables.desks, desks.id == people.desk).outerjoin(
        accounts, accounts.c.person_id == people.id
    )
    return select(*shown).select_from(joined).where(~people.roles.contains([Role.MACHINE.value]))


def staffed() -> Select[*tuple[Any, ...]]:
    """Every desk with how many people work at it now, and how many of them head it."""
    works = and_(people.desk == desks.id, people.is_active, ~people.roles.contains([Role.MACHINE.value]))
    heads = people.roles.overlap([Role.DESK_HEAD.value, Role.AGENCY_HEAD.value, Role.SUPERVISOR.value])
    query = select(
        desks.id, desks.agency, desks.division, desks.name_zh, func.count(people.id).label("people"),
        func.count(people.id).filter(heads).label("heads"),
    ).select_from(tables.desks.outerjoin(tables.people, works))  # fmt: skip
    return query.group_by(desks.id).order_by(desks.agency, desks.id)


async def desk(conn: AsyncConnection, desk_id: str) -> Row[Any] | None:
    """One desk."""
    return (await conn.execute(select(tables.desks).where(desks.id == desk_id))).one_or_none()


async def person(conn: AsyncConnection, person_id: str) -> Row[Any] | None:
    """One person's row, held until the transaction ends; None for a stranger and for a system."""
    mine = select(tables.people).where(people.id == person_id, ~people.roles.contains([Role.MACHINE.value]))
    return (await conn.execute(mine.with_for_update())).one_or_none()


async def add(conn: AsyncConnection, row: dict[str, Any]) -> None:
    """A new person without roles."""
    await conn.execute(insert(tables.people).values({**row, "roles": [], "is_active": True}))


async def change(conn: AsyncConnection, person_id: str, **values: Any) -> None:
    """Other values of a person's row. What was open in full was open for the seat, to a deputy too: who comes back to it says why once more."""
    await conn.execute(update(tables.people).where(people.id == person_id).values(values))
    view = tables.full_views.c
    await shut(conn, or_(view.person_id == person_id, view.behalf == person_id))


async def let_go(conn: AsyncConnection, person_id: str) -> bool:
    """The account that waits is good; whether one waited."""
    waiting = update(accounts).where(accounts.c.person_id == person_id, accounts.c.held_at.is_not(None))
    return (await conn.execute(waiting.values(held_at=None))).rowcount > 0
