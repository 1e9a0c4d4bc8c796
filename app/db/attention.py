"""What a fact of a watch, or of a benefit, makes the desk that watches owe outside of the watch, and what an arrangement ends."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.joining import watch_of, watched_as
from app.db.vault import opened
from app.domain.access import ENGINE, Actor
from app.domain.child_file import file_id
from app.domain.child_terms import FileField
from app.domain.owed import DEPARTURES, NEEDS, Matter, Settled, SettleOwed, opening, owed_id
from app.domain.refusals import Refused
from app.domain.terms import GONE
from app.domain.visit import Finding, Outcome, RaiseWarning, VisitForm, answers
from app.domain.watch import EndReason, Watch, watch_event_adapter

if TYPE_CHECKING:
    from app.db.ledger import Ledger

BY_CHILD = ((Matter.HELP, NEEDS), (Matter.DEPARTURE, DEPARTURES))
LIVED_ON = ("on_minimum_living", "on_destitute_support")
"""Of the means of a family, what it receives."""


async def needs_help(ledger: "Ledger", conn: AsyncConnection, watch: Watch, now: datetime) -> None:
    """A visit or a verified warning has found that the child needs help (R055): the desk says what was done. Once a child at a time."""
    asked = opening(Matter.HELP, NEEDS, watch.child_id, watch.desk, watch.division, "help")
    with suppress(Refused):  # it is owed already
        await ledger.begin(conn, asked.owed_id, asked, now=now)


async def need_help(ledger: "Ledger", conn: AsyncConnection, watches: Iterable[Watch], now: datetime) -> None:
    """The same of many children at once."""
    every = (opening(Matter.HELP, NEEDS, one.child_id, one.desk, one.division, "help") for one in watches)
    asked, owed = {one.owed_id: [one] for one in every}, tables.owed.c
    standing = select(owed.id).where(owed.id.in_(asked), owed.is_open).order_by(owed.id).with_for_update()
    for name in (await conn.execute(standing)).scalars().all() if asked else ():
        del asked[name]
    if asked:
        await ledger.begin_all(conn, asked, now=now)


async def goes_along(ledger: "Ledger", conn: AsyncConnection, watch: Watch, now: datetime) -> None:
    """The watch is another desk's: so is what is owed for the child. Departures are looked for anew each day."""
    owed = tables.owed.c
    names = [owed_id(matter, code, watch.child_id) for matter, code in BY_CHILD]
    elsewhere = select(owed.id, owed.matter).where(owed.id.in_(names), owed.is_open, owed.desk != watch.desk)
    for row in (await conn.execute(elsewhere)).all():
        await _settle(ledger, conn, row.id, Settled.HANDED_OVER, now)
        if Matter(row.matter) is Matter.HELP:
            await needs_help(ledger, conn, watch, now)


async def joined(ledger: "Ledger", conn: AsyncConnection, child: str, now: datetime) -> None:
    """Two files are one child's: what is owed by the name of a watch that rests is owed by that of the watch that goes on. Departures are
    looked for anew each day."""
    watch = await watch_of(conn, await watched_as(conn, child))
    if watch is None or not watch.is_open:
        return
    family = (await conn.execute(select(func.unnest(func.shouhu_family(watch.child_id))))).scalars()
    names = {owed_id(matter, code, one): matter for one in family if one != watch.child_id for matter, code in BY_CHILD}
    found = await conn.execute(select(tables.owed.c.id).where(tables.owed.c.id.in_(names), tables.owed.c.is_open))
    rests = [*found.scalars()]
    for name in rests:
        await _settle(ledger, conn, name, Settled.HANDED_OVER, now)
    if any(names[name] is Matter.HELP for name in rests):
        await needs_help(ledger, conn, watch, now)


async def parted(ledger: "Ledger", conn: AsyncConnection, children: Iterable[str], now: datetime) -> None:
    """They are two children's again: help that went along as they were joined is owed to the one for whom it was found, also where somebody
    has helped meanwhile, for whom nobody can say; and to the other only where it was found there too."""
    over = [await watch_of(conn, await watched_as(conn, child)) for child in children]
    watches = {owed_id(Matter.HELP, NEEDS, one.child_id): one for one in over if one and one.is_open}
    owed = tables.owed.c
    query = select(owed.id, owed.is_open, owed.opened_at, owed.settled_at, owed.progress["how"].astext.label("how"))
    rows = (await conn.execute(query.where(owed.id.in_(watches)))).all()
    went = {row.settled_at: row.id for row in rows if not row.is_open and row.how == Settled.HANDED_OVER}
    for row in rows:
        if row.is_open and row.opened_at in went and not await _found_after(conn, watches[row.id], row.opened_at):
            await _settle(ledger, conn, row.id, Settled.HANDED_OVER, now)
    for name in went.values():
        await needs_help(ledger, conn, watches[name], now)


async def _found_after(conn: AsyncConnection, watch: Watch, at: datetime) -> bool:
    """Whether it was found in this watch too that the child needs help."""
    event = tables.events.c
    query = select(event.body).where(event.stream_id == watch.watch_id, event.at > at)
    found = (await conn.execute(query.where(event.kind.in_(("visit_recorded", "warning_verified"))))).scalars()
    events = [watch_event_adapter.validate_python(body) for body in found]
    return any(getattr(one, "asks_for_help", False) or getattr(one, "outcome", None) is Outcome.HELP for one in events)


async def arranged(ledger: "Ledger", conn: AsyncConnection, watch: Watch, now: datetime) -> None:
    """Parents who had left without an arrangement have made one."""
    await _settle(ledger, conn, owed_id(Matter.DEPARTURE, DEPARTURES, watch.child_id), Settled.ARRANGED, now)


async def gone(
    ledger: "Ledger", conn: AsyncConnection, watch: Watch, reason: EndReason, by: Actor, now: datetime
) -> None:
    """Of a child who has died, come of age or moved out nothing is asked any more; on record as settled by whoever ended its watch."""
    for matter, code in BY_CHILD if reason in GONE else ():
        await _settle(ledger, conn, owed_id(matter, code, watch.child_id), Settled.GONE, now, by)


async def benefit_stopped(ledger: "Ledger", conn: AsyncConnection, child: str, now: datetime) -> None:
    """及时关注困境儿童的生活状态 (R014): how a watched child lives is verified when what its family received has stopped."""
    watch = await watch_of(conn, await watched_as(conn, child))
    if watch is None or not watch.is_open:
        return
    rules, calm = await ledger.current(conn, now), answers(Finding.WELL, VisitForm(), left_behind=False)
    always = rules.warnings(calm)
    for rule in rules.warnings(calm | {"benefit_stopped": True}):
        if rule not in always:
            command = RaiseWarning(by=ENGINE, rule=rule.id, basis=rule.basis, urgent=rule.urgent)
            await ledger.record(conn, watch.watch_id, command, now=now)


async def means_changed(ledger: "Ledger", conn: AsyncConnection, child: str, now: datetime) -> None:
    """The same where the district recognises no longer what a family lived on: by the last two values that came to count."""
    event, content, stream = tables.events.c, tables.contents.c, file_id(child)
    counted = select(event.body["change"].as_integer()).where(
        event.stream_id == stream, event.kind == "change_passed", event.body["field"].astext == FileField.MEANS.value,
        event.body["desk"].astext.is_(None),
    )  # fmt: skip
    numbers = (await conn.execute(counted.order_by(event.version.desc()).limit(2))).scalars().all()
    said = select(content.stream_id, content.version, content.body)
    said = said.where(content.stream_id == stream, content.version.in_(numbers)).order_by(content.version)
    rows = await opened(conn, (await conn.execute(said)).mappings(), tables.contents)
    values = {row["version"]: (row["body"] or {}).get("value") or {} for row in rows}
    if len(numbers) < 2:
        return
    now_so, before = (values.get(number, {}) for number in numbers)
    if any((before.get(one), now_so.get(one)) == ("yes", "no") for one in LIVED_ON):
        await benefit_stopped(ledger, conn, child, now)


async def _settle(
    ledger: "Ledger", conn: AsyncConnection, name: str, how: Settled, now: datetime, by: Actor = ENGINE
) -> None:
    with suppress(Refused):  # nothing is owed
        await ledger.record(conn, name, SettleOwed(by=by, how=how), now=now)
