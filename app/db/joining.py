"""Joins the files of one child: a pointer and, of two watches, the stricter; every stream keeps what is its own.

Likewise the one watch over a child when its street changes and when a case of it closes.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import DateTime, and_, cast, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.child_records import division_of
from app.db.vault import opened
from app.domain.access import ENGINE
from app.domain.belonging import Belong, MoveChanges
from app.domain.carrying import CarryOver
from app.domain.child_file import PREFIX, ChildFile, file_id
from app.domain.child_record import tells_of
from app.domain.child_terms import FileField
from app.domain.commands import Command
from app.domain.handover import MoveWatch, OfferWatch, PlaceWatch, WithdrawOffer
from app.domain.opening import OF_STREET
from app.domain.progress import Progress
from app.domain.refusals import Refused
from app.domain.terms import GONE, Agency, CloseReason, Grade
from app.domain.watch import EndReason, Watch, by_strictness, child_of, strictest, watch_id
from app.domain.watch_work import BeginWatch, EndWatch, SuspendWatch
from app.domain.working_time import day_of

if TYPE_CHECKING:
    from app.db.ledger import Ledger

BEHIND = """select w.id, w.desk, w.offered_to, c.about from cases c join watches w on w.case_id = c.id where w.is_open and {which}
  union all select w.id, w.desk, w.offered_to, c.about from cases c
  join watches w on w.child_id = any (shouhu_children_of(c.id)) where w.is_open and {which}"""
CONCERNED = f"""select distinct id from ({BEHIND}) behind, unnest(array[desk, offered_to]) at
  where about && array[at, split_part(at, '-', 1)]::varchar[]"""
"""Open watches at a desk, or offered to one, that a case of the child, or of who is the same child, is about: by walls it does not see
them."""
WAITING = """select f.id, d as desk, c.about from cases c join child_files f on f.child_id = any (shouhu_children_of(c.id)),
  unnest(f.desks) d where f.is_open and {which}"""
"""Likewise the files in which a change waits, with the desks whose step it is."""
WAITS_FOR_CONCERNED = (
    f"select distinct id from ({WAITING}) waits where about && array[desk, split_part(desk, '-', 1)]::varchar[]"
)
STANDS_IN = """select f.id from child_files f, jsonb_array_elements(f.progress -> 'waiting') as one where f.is_open
  and split_part(one ->> 'desk', '-', 1) <> one -> 'steps' ->> (one ->> 'done')::integer"""
"""Files in which a change waits at a desk in place of the one whose step it is."""
ANY, ONE = "cardinality(c.about) > 0", "c.id = :case_id"
AT_CONCERNED = text(f"""{CONCERNED.format(which=ANY)} union {WAITS_FOR_CONCERNED.format(which=ANY)}
  union select id from watches where is_open and desk not like '{Agency.COMM}-%' union {STANDS_IN} order by id""")
BEHIND_ONE = text(
    f"select id from ({BEHIND.format(which=ONE)}) w union select id from ({WAITING.format(which=ONE)}) f order by id"
)
ABOUT = text("""select one.id, array(select unnest(shouhu_about(one.id))
    union select unnest(c.about) from cases c join watches w on w.case_id = c.id where w.child_id = one.id order by 1) about
  from unnest(cast(:children as text[])) one(id)""")
WATCHED = text("""select asked.id, coalesce(f.merged_into, asked.id) as primary_id, w.progress::text as progress
  from unnest(cast(:children as text[])) asked(id) left join child_files f on f.child_id = asked.id
  left join watches w on w.child_id = any (shouhu_family(asked.id)) order by w.child_id""")


async def join(ledger: "Ledger", conn: AsyncConnection, kept: str, other: str, now: datetime) -> None:
    """Two persons found one child in two files: one belongs to the other, and of all that are read as one the strictest watch goes on.

    A registration that waited in the other is verified with that: the child is watched by it as well, but where the file that is kept
    waits itself to be verified.
    """
    await belong(ledger, conn, other, kept, now)
    file, joined = await file_of(conn, kept), await file_of(conn, other)
    family = dict.fromkeys((kept, *(file.absorbed if file else ()), other))
    watches = [watch for child in family if (watch := await watch_of(conn, child)) and watch.is_open]
    watches = by_strictness(watches)
    files = [one for child in family if (one := await file_of(conn, child))]
    lives = next((one.division for one in files if FileField.RESIDENCE_DIVISION in one.counts), None)
    for less in watches[1:]:
        await ledger.record(conn, less.watch_id, SuspendWatch(by=ENGINE, instead=watches[0].watch_id), now=now)
        await _carry(ledger, conn, less, watches[0].watch_id, lives, now)
    if joined and joined.grades_aside and not (file and file.waiting_for(FileField.REGISTRATION)):
        await _watch_by(ledger, conn, kept, joined.division, joined.grades_aside, now)


async def _carry(
    ledger: "Ledger", conn: AsyncConnection, rests: Watch, to: str, lives: str | None, now: datetime
) -> None:
    """What is open in a watch that rests goes on in that one; of two arrangements the one that was entered last, as within one watch; an
    offer where that is to the street where the child lives by what counts in its files."""
    entered = await _arranged_at(conn, rests)
    here = await _arranged_at(conn, await watch_of(conn, child_of(to)))
    counts = rests.arrangement if entered and (here is None or entered > here) else None
    carry = CarryOver(
        by=ENGINE, of=rests.watch_id, warnings=rests.warnings, arrangement=counts, arranged_in=rests.arranged_in,
        arranged_at=entered, content=await _entrusted(conn, rests) if counts else {},
        visit=None if await _seen_after(conn, to, rests.visit.started_at) else rests.visit,
        handover=rests.handover if rests.handover and rests.handover.division == lives else None,
    )  # fmt: skip
    await ledger.record(conn, to, carry, now=now)


async def _seen_after(conn: AsyncConnection, watch: str, at: datetime) -> bool:
    """Whether a visit of that watch was made later: then the child, being one, has been seen since."""
    event, day = tables.events.c, tables.events.c.body["visited_on"].astext
    later = or_(day > day_of(at).isoformat(), and_(day.is_(None), event.at > at))
    query = select(event.version).where(event.stream_id == watch, event.kind == "visit_recorded", later)
    return (await conn.execute(query.limit(1))).first() is not None


async def _arranged_at(conn: AsyncConnection, watch: Watch | None) -> datetime | None:
    """When what is arranged in it was entered, there or where it was carried from."""
    event = tables.events.c
    if watch is None or watch.arrangement is None:
        return None
    at = func.coalesce(cast(event.body["arranged_at"].astext, DateTime(timezone=True)), event.at)
    one = and_(event.stream_id == watch.watch_id, event.version == watch.arrangement.number)
    found: datetime = (await conn.execute(select(at).where(one))).scalar_one()
    return found


async def _entrusted(conn: AsyncConnection, watch: Watch) -> dict[str, Any]:
    """What was entered of the delegate."""
    content = tables.contents
    if watch.arrangement is None:
        return {}
    one = and_(content.c.stream_id == watch.watch_id, content.c.version == watch.arrangement.number)
    rows = (await conn.execute(select(content).where(one))).mappings()
    return next((row["body"] or {} for row in await opened(conn, rows, content)), {})


async def registered(ledger: "Ledger", conn: AsyncConnection, file: ChildFile, grade: Grade, now: datetime) -> None:
    """A registration was verified: the child is watched by its grade, or by a stricter one of a registration that was joined to it."""
    joined = [await file_of(conn, other) for other in file.absorbed]
    aside = [one for other in joined if other for one in other.grades_aside]
    await _watch_by(ledger, conn, file.child_id, file.division, (grade, *aside), now)


async def _watch_by(
    ledger: "Ledger", conn: AsyncConnection, child: str, division: str, grades: Iterable[Grade], now: datetime
) -> None:
    """The one watch over the child begins where it was registered, or goes on where it is by a grade no looser than these."""
    one, grade = await watched_as(conn, child), strictest(grades)
    watch = await watch_of(conn, one)
    if watch and watch.is_open:
        if strictest((grade, watch.grade)) is watch.grade:
            return
        division = watch.division
    begin = BeginWatch(by=ENGINE, child_id=one, division=division, grade=grade, about=await about_of(conn, one))
    await ledger.begin(conn, watch_id(one), begin, now=now)


async def moved(ledger: "Ledger", conn: AsyncConnection, child: str, division: str, now: datetime) -> None:
    """A new residence counts: the watch is offered to the desk of its street, where that is another one of the district; what was offered
    is taken back where it is the one that watches."""
    watch = await watch_of(conn, await watched_as(conn, child))
    if watch and watch.is_open and len(division) == len(watch.division):
        back = WithdrawOffer(by=ENGINE)
        offer = OfferWatch(by=ENGINE, division=division, about=await about_of(conn, watch.child_id))
        with suppress(Refused):
            await ledger.record(conn, watch.watch_id, back if division == watch.division else offer, now=now)


async def placed(ledger: "Ledger", conn: AsyncConnection, child: str, now: datetime) -> None:
    """The watch goes by the community that counts in the child's file, where it is one of the street that watches: in its own, else in
    one that was joined to it."""
    watch, file = await watch_of(conn, going_on := await watched_as(conn, child)), tables.child_files.c
    if watch is None:
        return
    query = select(file.division, file.community)
    primary = select(file.merged_into).where(file.child_id == going_on, file.merged_into.is_not(None)).scalar_subquery()
    one = or_(file.child_id == going_on, file.child_id == primary, file.merged_into.in_([going_on, primary]))
    rows = await conn.execute(query.where(one).order_by(file.merged_into.is_not(None), file.child_id))
    here = [
        row.community for row in rows if row.division == watch.division
    ]  # of one who has moved, the watch may not have gone along yet
    community = next(filter(None, here), None)
    if here and community != watch.community:
        await ledger.record(conn, watch.watch_id, PlaceWatch(by=ENGINE, community=community), now=now)


async def given_back(
    ledger: "Ledger", conn: AsyncConnection, case: Progress, closed: CloseReason, now: datetime
) -> None:
    """Every child of a closed case goes back to the watch, or its watch ends. Of several the case does not say who has died, come of age or
    moved: all go back, and whoever looks ends that child's by hand."""
    reported = (child_of(case.watch),) if case.watch else tuple(child.id for child in case.children)
    watched = {child: await watched_as(conn, child) for child in reported}
    children = list(dict.fromkeys(watched.values()))
    if closed in GONE and len(children) == 1 and tells_of(case, watched):
        with suppress(Refused):  # it is not watched
            await ledger.record(
                conn, watch_id(children[0]), EndWatch(by=ENGINE, reason=EndReason(closed.value)), now=now
            )
        return
    if closed is CloseReason.NO_RISK_FOUND:
        return
    for child in children:
        await ledger.begin(conn, watch_id(child), await _begin(conn, child, case), now=now)


async def _begin(conn: AsyncConnection, child: str, case: Progress) -> BeginWatch:
    """A watch that goes on stays where it is; else it is where the file says, else the case."""
    watch = await watch_of(conn, child)
    division = watch.division if watch and watch.is_open else await where_from(conn, child, case.division)
    about = (*case.about, *await about_of(conn, child))
    return BeginWatch(by=ENGINE, child_id=child, case_id=case.case_id, division=division, grade=case.grade, about=about)


async def where_from(conn: AsyncConnection, child: str, division: str) -> str:
    """Where a watch begins: in the street that the file says, else in this division."""
    file = await file_of(conn, child)
    return file.division if file and len(file.division) == OF_STREET else division


async def away(ledger: "Ledger", conn: AsyncConnection, streams: Iterable[str], now: datetime) -> None:
    """What of these watches and files lies at a desk which a case of the child is about goes to one that none is about, and back where
    none is any more; a watch that was offered to another street is offered again."""
    for one in streams:
        if one.startswith(PREFIX):
            moves: list[Command] = [MoveChanges(by=ENGINE, about=await about_of(conn, one.removeprefix(PREFIX)))]
        else:
            child = child_of(one)
            about, watch = await about_of(conn, child), await watch_of(conn, child)
            moves = [MoveWatch(by=ENGINE, about=about)]
            if watch and watch.handover:
                moves.append(OfferWatch(by=ENGINE, division=watch.handover.division, about=about))
        for move in moves:
            with suppress(Refused):
                await ledger.record(conn, one, move, now=now)


async def at_concerned(conn: AsyncConnection) -> list[str]:
    """The open watches and files whose desk may not see the child, and those that a desk has in place of another."""
    return list((await conn.execute(AT_CONCERNED)).scalars())


async def behind(conn: AsyncConnection, case_id: str) -> list[str]:
    """All open watches and files of the children of this case."""
    return list((await conn.execute(BEHIND_ONE, {"case_id": case_id})).scalars())


async def about_of(conn: AsyncConnection, child: str) -> tuple[str, ...]:
    """Whom the cases behind the watch over the child are about."""
    return (await about_each(conn, [child]))[child]


async def about_each(conn: AsyncConnection, children: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The same of several."""
    return {row.id: tuple(row.about) for row in await conn.execute(ABOUT, {"children": list(children)})}


async def watched_as(conn: AsyncConnection, child: str) -> str:
    """The child whose watch goes on where files were joined."""
    file = tables.child_files.c
    primary = (await conn.execute(select(file.merged_into).where(file.child_id == child))).scalar() or child
    joined = select(file.child_id).where(file.merged_into == primary).order_by(file.child_id)
    others = (await conn.execute(joined)).scalars()
    for one in (primary, *others):
        if (watch := await watch_of(conn, one)) and watch.is_open:
            return one
    return primary


async def watches_over(
    conn: AsyncConnection, children: Collection[str]
) -> dict[str, tuple[str, Watch | None, tuple[Watch, ...]]]:
    """By child the same of several, with the watch under that name and all that rest or are over, for whoever merely looks: in one
    question, and none is held."""
    found: dict[str, tuple[str, list[Watch]]] = {}
    for row in await conn.execute(WATCHED, {"children": [*set(children)]}):
        _, watches = found.setdefault(row.id, (row.primary_id, []))
        watches += [Watch.model_validate_json(row.progress)] if row.progress else []
    over = dict[str, tuple[str, Watch | None, tuple[Watch, ...]]]()
    for child, (primary, watches) in found.items():
        by_child = {watch.child_id: watch for watch in sorted(watches, key=lambda one: one.child_id != primary)}
        going_on = next((one for one, watch in by_child.items() if watch.is_open), primary)
        over[child] = going_on, by_child.get(going_on), tuple(watches)
    return over


async def belong(ledger: "Ledger", conn: AsyncConnection, child: str, primary: str | None, now: datetime) -> None:
    """It is read with the file of `primary`, or alone."""
    command = Belong(by=ENGINE, child_id=child, division=await division_of(conn, child), primary=primary)
    await ledger.begin(conn, file_id(child), command, now=now)


async def file_of(conn: AsyncConnection, child: str) -> ChildFile | None:
    """As it stands."""
    stored = select(tables.child_files.c.progress).where(tables.child_files.c.child_id == child)
    found = (await conn.execute(stored)).scalar_one_or_none()
    return ChildFile.model_validate(found) if found else None


async def watch_of(conn: AsyncConnection, child: str) -> Watch | None:
    """As it stands, for nobody else to change before the transaction ends."""
    stored = select(tables.watches.c.progress).where(tables.watches.c.id == watch_id(child)).with_for_update()
    found = (await conn.execute(stored)).scalar_one_or_none()
    return Watch.model_validate(found) if found else None
