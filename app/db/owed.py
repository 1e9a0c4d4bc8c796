"""Finds what is owed outside of cases, opens it at a desk and ends what is owed no longer: empty posts, and books that differ."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import entries, tables
from app.db.child_records import each_once, one_of, records_of
from app.db.columns import Instant
from app.db.endings import endings
from app.db.joining import watched_as, watches_over
from app.db.ledger import Ledger
from app.domain.access import ENGINE, Actor
from app.domain.agreement import differences
from app.domain.ledgers import Findings
from app.domain.opening import desk_of
from app.domain.owed import DEPARTURES, Matter, OpenOwed, Settled, SettleOwed, opening, owed_id
from app.domain.refusals import Refused
from app.domain.registers import Entry, Register, post_of
from app.domain.terms import GONE, Agency
from app.domain.watch import Watch
from app.domain.working_time import day_of

PAGE, DISTRICT = 500, "110106"
FIRST = datetime.min.replace(tzinfo=UTC)
owed = tables.owed.c


def designation(case_id: str) -> OpenOwed:
    """Of a sealed case that is about all who oversee it the office outside is told that there is one, and nothing of what it is about."""
    return opening(Matter.RECUSAL, "designation", case_id, Agency.CONF.value, DISTRICT, "signal_check")


async def keep_posts(conn: AsyncConnection, ledger: Ledger, now: datetime) -> int:
    """Every post that has to be filled by a time and stands empty is owed; one that was filled is owed no longer. How many are."""
    wanted: dict[str, OpenOwed] = {}
    for register in (await ledger.current(conn, now)).registers.values():
        if not any(one.time for one in register.expects):
            continue
        lines = await entries.entries_of(conn, entries.newest(entries.line.book == register.code))
        for empty in [
            one
            for expected in register.expects
            if expected.time
            for one in await entries.empty(conn, register, expected, lines)
        ]:
            code = f"{register.code}:{empty.expected.code}"
            post = empty.post
            made = opening(Matter.VACANCY, code, post.id, post.desk, post.division, empty.expected.time)
            wanted[made.owed_id] = made
    await open_all(conn, ledger, wanted.values(), now)
    await settle_others(conn, ledger, Matter.VACANCY, wanted, Settled.FILLED, now)
    return len(wanted)


async def keep_departures(engine: AsyncEngine, ledger: Ledger, now: datetime) -> AsyncIterator[int]:
    """Parents who have left by now and of whom no arrangement is entered, in the register or at the watch, are owed one (R052); how many
    entries were looked at, page by page. What was opened by a run that failed is found open by the next, and nothing ends before all are
    looked at."""
    async with engine.connect() as conn:
        register = (await ledger.current(conn, now)).registers.get(DEPARTURES)
    wanted, gone, last, looked = set[str](), set[str](), "", 0
    while register:
        page = entries.newest(entries.line.book == DEPARTURES, entries.line.id > last)
        async with engine.begin() as conn:
            entered = await entries.entries_of(conn, page.order_by(entries.line.id).limit(PAGE))
            if not entered:
                break
            overdue = [entry for entry in entered if register.is_overdue(entry, day_of(now))]
            owing, left, at = await _without_care(conn, overdue, register.review.time if register.review else "")
            await _hand_over(conn, ledger, at, now)
            await open_all(conn, ledger, owing, now)
        wanted |= {one.owed_id for one in owing}
        gone |= left
        last, looked = entered[-1].id, looked + len(entered)
        yield looked
    async for settled in _settle_rest(engine, ledger, Matter.DEPARTURE, wanted, Settled.ARRANGED, now, gone):
        yield looked + settled


async def _without_care(
    conn: AsyncConnection, overdue: Iterable[Entry], time: str
) -> tuple[list[OpenOwed], set[str], dict[str, str]]:
    """What is owed by these entries, of a watched child by the desk that watches it: no arrangement stands at the watch, nor was one made
    there since, though the parents may be back by now. By name what is not, for the child is gone, and at which desk what is watched is."""
    over = await watches_over(conn, [entry.fields["child"] for entry in overdue if "child" in entry.fields])
    arranged = await _arranged_last(conn, [watch.watch_id for _, _, every in over.values() for watch in every])
    ended = await _gone(conn, over)
    owing, gone, desks = list[OpenOwed](), set[str](), dict[str, str]()
    for entry in overdue:
        child = entry.fields.get("child", "")
        subject, watch, _ = over.get(child, (entry.id, None, ()))
        at = watch if watch and watch.is_open else entry
        made = opening(Matter.DEPARTURE, DEPARTURES, subject, at.desk, at.division, time)
        if child in ended:
            gone.add(made.owed_id)
        elif watch is None or not (watch.arrangement or arranged.get(watch.watch_id, FIRST) >= entry.at):
            owing.append(made)
            desks |= {made.owed_id: at.desk} if at is watch else {}
    return owing, gone, desks


async def _gone(conn: AsyncConnection, over: Mapping[str, tuple[str, Watch | None, tuple[Watch, ...]]]) -> set[str]:
    """Those who have died, come of age or moved out: a watch over them has ended so, and none goes on."""
    ended = await endings(conn, [watch.watch_id for _, _, every in over.values() for watch in every if watch.has_ended])
    so = {name for name, (_, end) in ended.items() if end.reason in GONE}
    return {
        child
        for child, (_, _, every) in over.items()
        if not any(one.is_open for one in every) and any(one.watch_id in so for one in every)
    }


async def _hand_over(conn: AsyncConnection, ledger: Ledger, desks: Mapping[str, str], now: datetime) -> None:
    """What was opened elsewhere before the watch was at that desk is owed there no longer."""
    standing = select(owed.id, owed.desk).where(owed.id.in_(desks), owed.is_open)
    for row in (await conn.execute(standing)).all() if desks else ():
        if row.desk != desks[row.id]:
            await settle(conn, ledger, row.id, Settled.HANDED_OVER, ENGINE, now)


async def keep_help(engine: AsyncEngine, ledger: Ledger, now: datetime) -> AsyncIterator[int]:
    """Of who is gone no help is owed, also where the watch had ended before its end settled that; how many were looked at, page by page."""
    async with engine.connect() as conn:
        standing = select(owed.id, owed.subject).where(owed.matter == Matter.HELP.value, owed.is_open).order_by(owed.id)
        rows = (await conn.execute(standing)).all()
    for done in range(0, len(rows), PAGE):
        page = rows[done : done + PAGE]
        async with engine.begin() as conn:
            gone = await _gone(conn, await watches_over(conn, [row.subject for row in page]))
            for row in page:
                if row.subject in gone:
                    await settle(conn, ledger, row.id, Settled.GONE, ENGINE, now)
        yield done + len(page)


async def _arranged_last(conn: AsyncConnection, watches: list[str]) -> dict[str, datetime]:
    event = tables.events.c
    at = func.coalesce(cast(event.body["arranged_at"].astext, Instant), event.at)
    query = select(event.stream_id, func.max(at).label("last")).where(event.kind.in_(("care_arranged", "care_carried")))
    rows = await conn.execute(query.where(one_of(event.stream_id, watches)).group_by(event.stream_id))
    return {row.stream_id: row.last for row in rows}


async def filled(
    conn: AsyncConnection, ledger: Ledger, register: Register, entry: Entry, by: Actor, now: datetime
) -> None:
    """Whoever enters somebody in a post that stood empty, or what parents have arranged, ends what was owed for it."""
    for expected in register.expects:
        posts = {post.id: post for post in await entries.posts_of(conn, register, expected)} if expected.time else {}
        if post := post_of(expected, entry, posts):
            name = owed_id(Matter.VACANCY, f"{register.code}:{expected.code}", post.id)
            await settle(conn, ledger, name, Settled.FILLED, by, now)
    if register.code == DEPARTURES and not register.is_overdue(entry, day_of(now)):
        subject = await watched_as(conn, entry.fields["child"]) if "child" in entry.fields else entry.id
        await settle(conn, ledger, owed_id(Matter.DEPARTURE, DEPARTURES, subject), Settled.ARRANGED, by, now)


async def open_all(conn: AsyncConnection, ledger: Ledger, wanted: Iterable[OpenOwed], now: datetime) -> None:
    """Those that are not open already."""
    asked = {one.owed_id: one for one in wanted}
    standing = select(owed.id).where(owed.id.in_(asked), owed.is_open)
    known = set((await conn.execute(standing)).scalars()) if asked else set()
    for name, command in asked.items():
        if name not in known:
            with suppress(Refused):  # another opened it at the same moment
                await ledger.begin(conn, name, command, now=now)


async def settle_others(
    conn: AsyncConnection,
    ledger: Ledger,
    matter: Matter,
    wanted: Mapping[str, object] | set[str],
    how: Settled,
    now: datetime,
) -> None:
    """What is open of this matter and no longer found."""
    for name in (await conn.execute(select(owed.id).where(owed.matter == matter.value, owed.is_open))).scalars().all():
        if name not in wanted:
            await settle(conn, ledger, name, how, ENGINE, now)


async def _settle_rest(
    engine: AsyncEngine, ledger: Ledger, matter: Matter, wanted: set[str], how: Settled, now: datetime,
    gone: Collection[str] = (),
) -> AsyncIterator[int]:  # fmt: skip
    """The same once all were looked at, page by page; how many have ended."""
    async with engine.connect() as conn:
        standing = select(owed.id).where(owed.matter == matter.value, owed.is_open).order_by(owed.id)
        rest = [name for name in (await conn.execute(standing)).scalars() if name not in wanted]
    for done in range(0, len(rest), PAGE):
        async with engine.begin() as conn:
            for name in rest[done : done + PAGE]:
                await settle(conn, ledger, name, Settled.GONE if name in gone else how, ENGINE, now)
        yield min(done + PAGE, len(rest))


async def settle(
    conn: AsyncConnection, ledger: Ledger, name: str, how: Settled, by: Actor, now: datetime, note: str = ""
) -> None:
    """It has ended, unless it had already."""
    with suppress(Refused):
        await ledger.record(conn, name, SettleOwed(by=by, how=how, note=note), now=now)


async def compare_books(engine: AsyncEngine, ledger: Ledger, now: datetime) -> AsyncIterator[int]:
    """月度核对: of every child that stands in no sealed case, whether books, cases and watch agree; how many were looked at, page by page."""
    async with engine.connect() as conn:
        rules = await ledger.pack(conn, (await ledger.current(conn, now)).version)
    case = tables.cases.c
    open_to_books = func.coalesce(func.jsonb_array_length(case.progress["sealed_for"]), 0) == 0
    findings, today, wanted, last, looked = Findings(rules), day_of(now), set[str](), None, 0
    while True:
        async with engine.begin() as conn:
            found = (await conn.execute(_page(last))).all()
            if not found:
                break
            made: dict[str, OpenOwed] = {}
            ids = await _open_to_books(conn, [row.id for row in found], open_to_books)
            for record in await records_of(conn, ids, open_to_books):
                desk = record.watch.desk if record.watch else desk_of(Agency.COMM, record.division)
                for one in differences(record, findings.of(record, today), today):
                    owing = opening(Matter.BOOKS, one.value, record.child_id, desk, record.division, "books_check")
                    made[owing.owed_id] = owing
            await open_all(conn, ledger, made.values(), now)
            wanted |= made.keys()
        last, looked = (found[-1].filed_at, found[-1].id), looked + len(ids)
        yield looked
    async for settled in _settle_rest(engine, ledger, Matter.BOOKS, wanted, Settled.AGREES, now):
        yield looked + settled


def _page(last: tuple[datetime, str] | None) -> Select[*tuple[Any, ...]]:
    """By the index alone; who of them is looked at is asked of the page, for else the plan would sort the whole district for it."""
    child = tables.children.c
    query = select(child.id, child.filed_at).order_by(child.filed_at, child.id).limit(PAGE)
    return query if last is None else query.where(tuple_(child.filed_at, child.id) > tuple_(*last))


async def _open_to_books(conn: AsyncConnection, ids: list[str], open_to_books: ColumnElement[bool]) -> list[str]:
    """Each child once, and none of a sealed case."""
    child, case = tables.children.c, tables.cases.c
    inside = select(case.id).where(case.id == child.case_id, ~open_to_books).correlate(tables.children).exists()
    query = select(child.id).where(one_of(child.id, ids), each_once(), ~inside)
    return list((await conn.execute(query.order_by(child.filed_at, child.id))).scalars())
