"""Parts the files of two children: each is watched by what is its own, whatever the other brought while they were one."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.child_records import division_of
from app.db.joining import about_of, belong, file_of, watch_of, watched_as, where_from
from app.domain.access import ENGINE
from app.domain.carrying import LeaveCarried
from app.domain.child_file import ChildFile, file_id
from app.domain.child_record import CaseSeen, tells_of
from app.domain.child_terms import FileField
from app.domain.parting import Given, Own, own_watch
from app.domain.terms import GONE, CloseReason, Grade
from app.domain.watch import EndReason, WatchEvent, by_strictness, strictest, watch_event_adapter, watch_id
from app.domain.watch_work import BeginWatch, EndWatch, GoByOwn, ResumeWatch, UndoWatch

if TYPE_CHECKING:
    from app.db.ledger import Ledger

event, case = tables.events.c, tables.cases.c


async def part(ledger: "Ledger", conn: AsyncConnection, kept: str, other: str, now: datetime) -> None:
    """No child stays unwatched that its own registration or case says is watched, and none is watched by the other's; what was done
    meanwhile stays where it was written."""
    file, parted = await file_of(conn, kept), await file_of(conn, other)
    left, since = file.absorbed if file else (), await _joined_at(conn, other)
    of_kept, of_other = await _given(conn, kept, file), await _given(conn, other, parted)
    brought = [*of_other, *_aside(parted, since)]
    registered = file.counts.get(FileField.REGISTRATION) if file else None
    for one in left:  # what these brought came with them, or once the file that is kept was verified
        joined, at = await file_of(conn, one), await _joined_at(conn, one)
        of_kept += [given for given in await _given(conn, one, joined) if given.at >= at]
        of_kept += _aside(joined, max(at, registered.at) if registered else at)
    await belong(ledger, conn, other, None, now)
    await _left(ledger, conn, (kept, *left), (other,), now)
    await _left(ledger, conn, (other,), (kept, *left), now)
    await _resumed(ledger, conn, (kept, *left), now)
    await _resumed(ledger, conn, (other,), now)
    for child, own, others in ((kept, of_kept, brought), (other, of_other, of_kept)):
        one = await watched_as(conn, child)
        await _by_own(ledger, conn, one, own_watch(await _past(conn, one), own, others, since), now)


async def _left(
    ledger: "Ledger", conn: AsyncConnection, family: Sequence[str], others: Sequence[str], now: datetime
) -> None:
    """What was open in the watches of the others, and came into one of these with them, is theirs again."""
    of = tuple(map(watch_id, others))
    for watch in [watch for one in family if (watch := await watch_of(conn, one))]:
        await ledger.record(conn, watch.watch_id, LeaveCarried(by=ENGINE, of=of), now=now)
        came = select(event.version).where(event.stream_id == watch.watch_id, event.kind == "care_carried")
        said = tables.contents.c
        copies = said.stream_id == watch.watch_id, said.version.in_(came.where(event.body["of"].astext.in_(of)))
        await conn.execute(delete(tables.contents).where(*copies))  # whom the others' parents entrusted stands there


async def _resumed(ledger: "Ledger", conn: AsyncConnection, family: Sequence[str], now: datetime) -> None:
    """Where no watch over the child goes on, the stricter of those that rest."""
    watches = [watch for one in family if (watch := await watch_of(conn, one))]
    resting = [watch for watch in watches if watch.suspended_for]
    if resting and not any(watch.is_open for watch in watches):
        strict = by_strictness(resting)[0]
        await ledger.record(conn, strict.watch_id, ResumeWatch(by=ENGINE), now=now)


async def _by_own(ledger: "Ledger", conn: AsyncConnection, child: str, own: Own, now: datetime) -> None:
    watch = await watch_of(conn, child)
    is_open = watch is not None and watch.is_open
    if own.is_open and own.grade and (watch is None or (own.anew and not is_open)):
        division, about = await where_from(conn, child, await division_of(conn, child)), await about_of(conn, child)
        of = {"child_id": child, "case_id": own.case_id, "division": division, "grade": own.grade, "about": about}
        await ledger.begin(conn, watch_id(child), BeginWatch(by=ENGINE, **of), now=now)
    elif watch and own.is_open and own.grade:
        if not is_open or (own.grade, own.case_id) != (watch.grade, watch.case_id):
            go_by = GoByOwn(by=ENGINE, grade=own.grade, graded_at=own.graded_at, case_id=own.case_id)
            await ledger.record(conn, watch.watch_id, go_by, now=now)
    elif watch and is_open:
        end = EndWatch(by=ENGINE, reason=own.ends) if own.ends else UndoWatch(by=ENGINE)
        await ledger.record(conn, watch.watch_id, end, now=now)


async def _given(conn: AsyncConnection, child: str, file: ChildFile | None) -> list[Given]:
    """Its registration, once that counts, and the cases that closed with it, as `given_back` reads them."""
    found, counts = list[Given](), file.counts.get(FileField.REGISTRATION) if file else None
    if counts:
        entered = select(event.body["registration"]["grade"].astext)
        grade = await conn.scalar(entered.where(event.stream_id == file_id(child), event.version == counts.version))
        found.append(Given(at=counts.at, grade=Grade(grade)))
    watch = case.progress["watch"].astext
    reported = select(tables.children.c.case_id).where(tables.children.c.id == child).scalar_subquery()
    own = or_(watch == watch_id(child), and_(watch.is_(None), case.id == reported))
    query = select(case.progress).where(case.closed_at.is_not(None), case.linked_to.is_(None), own)
    for stored in (await conn.execute(query)).scalars():
        closed = CaseSeen.model_validate(stored)
        reason = closed.closed_reason
        if closed.sealed_for or reason in (None, CloseReason.NO_RISK_FOUND) or closed.closed_at is None:
            continue
        ends = EndReason(reason.value) if reason in GONE and tells_of(closed, (child,)) else None
        found.append(Given(at=closed.closed_at, grade=closed.grade, case_id=closed.case_id, ends=ends))
    return found


def _aside(file: ChildFile | None, at: datetime) -> list[Given]:
    """A registration that waited as it was joined, which counted from then on."""
    return [Given(at=at, grade=strictest(file.grades_aside))] if file and file.grades_aside else []


async def _joined_at(conn: AsyncConnection, child: str) -> datetime:
    """When the file was joined to the one that it is read with, or was until now."""
    joined = select(func.max(event.at)).where(event.stream_id == file_id(child), event.kind == "file_belongs")
    at: datetime = (await conn.execute(joined.where(event.body["primary"].astext.is_not(None)))).scalar_one()
    return at


async def _past(conn: AsyncConnection, child: str) -> list[WatchEvent]:
    """All that happened in its watch."""
    query = select(event.body).where(event.stream_id == watch_id(child)).order_by(event.version)
    return [watch_event_adapter.validate_python(body) for body in (await conn.execute(query)).scalars()]
