"""The scorecard of 督查考核, street by street, counted from the ledger alone for any period, as it stood at the period's end."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, not_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.domain.facts import BEIJING
from app.domain.outcomes import AGAIN_WITHIN
from app.domain.terms import Rung

KEPT_AT = ("watch_began", "watch_taken")
"""From these on a watch is kept at the division that they name."""
ANSWERS = ("reporter_answered", "answer_waived")
EVERY = "*"
event, case = tables.events.c, tables.cases.c


async def scorecard(
    conn: AsyncConnection, since: datetime, until: datetime, seen: ColumnElement[bool], kept: ColumnElement[bool], own: str | None
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """By street, every indicator that is not nought; what happened after the period is not known to it.

    `seen` is the access rule over cases, `kept` that over watches, which counts where no case began one. `own` is a street that
    stands here even where nothing has happened; EVERY are all, for a street that was silent is what 督查 looks for.
    """
    found: dict[str, dict[str, Any]] = {street: {"rungs": {}} for street in await _streets(conn, own, until)}
    for query in _queries(and_(event.at >= since, event.at <= until), since, until, seen, kept, own):
        for row in (await conn.execute(query)).mappings():
            street = found.setdefault(row["division"], {"rungs": {}})
            rung = row.get("rung")
            if rung is not None:
                street["rungs"][rung] = row["fired"]
            else:
                street |= {name: value for name, value in row.items() if name != "division"}
    return found


async def _streets(conn: AsyncConnection, own: str | None, until: datetime) -> list[str]:
    division, day = tables.divisions.c, until.astimezone(BEIJING).date()
    query = select(division.code).where(division.kind != "district", _is_own(division.code, own))
    there = query.where(division.valid_from <= day, or_(division.valid_to.is_(None), division.valid_to > day))
    return list((await conn.execute(there)).scalars())


def _is_own(street: ColumnElement[str], own: str | None) -> ColumnElement[bool]:
    return true() if own == EVERY else street == own if own else false()


def _queries(
    within: ColumnElement[bool], since: datetime, until: datetime, seen: ColumnElement[bool], kept: ColumnElement[bool], own: str | None
) -> Iterator[Select[*tuple[Any, ...]]]:  # fmt: skip
    rung = event.body["rung"].astext
    fired = select(case.division, rung.label("rung"), func.count().label("fired"))
    fired = fired.join(tables.events, event.stream_id == case.id).where(event.kind == "rung_fired", within, seen)
    yield _reports(within, until, seen)
    yield fired.group_by(case.division, rung)
    yield _visits(within, or_(seen, and_(tables.watches.c.case_id.is_(None), kept)))
    yield _screening(since, until, seen, own)
    yield _again(within, until, seen)


def _reports(within: ColumnElement[bool], until: datetime, seen: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Of the reports of the period: how many, how soon the first child was found safe, how many reporters have their answer."""
    later = tables.events.alias("later").c

    def first(*kinds: str) -> ColumnElement[Any]:
        found = select(func.min(later.at)).where(later.stream_id == case.id, later.kind.in_(kinds), later.at <= until)
        return found.correlate(tables.cases).scalar_subquery()

    filed = (
        select(
            case.division, (func.extract("epoch", first("safety_confirmed") - event.at) / 3600).label("hours"),
            first(*ANSWERS).label("answered"),
        )
        .join(tables.events, event.stream_id == case.id)
        .where(event.kind == "report_filed", within, seen)
        .subquery()
    )  # fmt: skip
    return select(
        filed.c.division, func.count().label("reports"), func.count(filed.c.answered).label("answered"),
        func.percentile_cont(0.5).within_group(filed.c.hours).label("hours_to_safety"),
    ).group_by(filed.c.division)  # fmt: skip


def _visits(within: ColumnElement[bool], seen: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Visits that were made, and those whose day passed: the desk's head is told then. Each counts where the watch was kept that day."""
    watch, missed = tables.watches.c, event.body["rung"].astext == Rung.DESK_HEAD.value
    earlier = tables.events.alias("earlier").c
    then = (
        select(earlier.body["division"].astext)
        .where(earlier.stream_id == event.stream_id, earlier.kind.in_(KEPT_AT), earlier.version <= event.version)
        .order_by(earlier.version.desc())
        .limit(1)
        .correlate(tables.events)
        .scalar_subquery()
    )
    return (
        select(
            then.label("division"), func.count().filter(event.kind == "visit_recorded").label("visits"),
            func.count().filter(event.kind == "visit_rung_fired", missed).label("visits_missed"),
        )
        .select_from(tables.watches)
        .join(tables.events, event.stream_id == watch.id)
        .outerjoin(tables.cases, case.id == watch.case_id)
        .where(event.kind.in_(("visit_recorded", "visit_rung_fired")), within, seen)
        .group_by(then)
    )  # fmt: skip


def _screening(
    since: datetime, until: datetime, seen: ColumnElement[bool], own: str | None
) -> Select[*tuple[Any, ...]]:
    """Of the rounds that fell due in the period, the desks of streets and committees that were asked and those that had answered."""
    unit, street = tables.round_units.c, func.split_part(tables.round_units.c.desk, "-", 2)
    of_case = select(case.id).where(case.division == street, seen).correlate(tables.round_units).exists()
    shown = or_(_is_own(street, own), of_case)
    return (
        select(
            street.label("division"), func.count().label("asked"),
            func.count().filter(unit.returned_at <= until).label("returned"),
        )
        .where(unit.due_at.between(since, until), street != "", shown)
        .group_by(street)
    )  # fmt: skip


def _again(within: ColumnElement[bool], until: datetime, seen: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Reports on a child whom a closed case had given back to the watch within the time before: made by a visit of that watch, or by
    anybody else where the files were joined by then."""
    began, joined = tables.events.alias("began").c, tables.events.alias("joined").c
    child = tables.children.c
    known = (
        select(func.concat("watch-", joined.body["primary"].astext))
        .join(tables.children, joined.stream_id == func.concat("file-", child.id))
        .where(child.case_id == event.stream_id, joined.kind == "file_belongs", joined.at <= until)
        .correlate(tables.events)
    )
    given_back = (
        select(began.stream_id)
        .where(
            or_(began.stream_id == event.body["watch"].astext, began.stream_id.in_(known)), began.kind == "watch_began",
            began.body["case_id"].astext.is_not(None), began.at <= event.at, began.at >= event.at - AGAIN_WITHIN,
        )
        .correlate(tables.events)
        .exists()
    )  # fmt: skip
    return (
        select(case.division, func.count().label("reported_again"))
        .join(tables.events, event.stream_id == case.id)
        .where(event.kind == "report_filed", within, seen, given_back)
        .group_by(case.division)
    )


STOPS = ("clock_paused", "referral_returned")
GOES_ON = ("clock_resumed", "material_supplied", "referral_accepted")
line = tables.deadlines.c


def kept_on_time(by: str, until: datetime, since: datetime | None = None, *more: str) -> Select[*tuple[Any, ...]]:
    """Deadlines that fell due by then, and how many were met in time, by `agency`, `stage`, `urgency` or `clock`, over joined cases;
    by several of them where `more` are named.

    One that was moved before it fell due counts at its new instant alone; one that was moved too late was missed.
    """
    stood = or_(line.valid_to.is_(None), line.valid_to > line.due_at, line.met_at.is_not(None))
    met = and_(line.met_at.is_not(None), line.met_at <= line.due_at)
    groups = [line[name] for name in (by, *more)]
    return (
        select(*groups, func.count().label("due"), func.count().filter(met).label("on_time"))
        .join(tables.cases, case.id == line.case_id)
        .where(line.valid_from <= until, line.due_at <= until, stood, or_(met, not_(_paused_when_due())))
        .where(true() if since is None else line.due_at >= since)
        .group_by(*groups)
        .order_by(*groups)
    )


def _paused_when_due() -> ColumnElement[bool]:
    """The clock stood still as the instant came: nothing was missed."""
    ledger, line = tables.events.c, tables.deadlines.c
    last = (
        select(ledger.kind)
        .where(
            ledger.stream_id == line.case_id, ledger.body["referral_id"].astext == line.subject, ledger.at <= line.due_at,
            ledger.kind.in_([*STOPS, *GOES_ON]), line.clock != "supply",
        )
        .order_by(ledger.version.desc())
        .limit(1)
        .correlate(tables.deadlines)
        .scalar_subquery()
    )  # fmt: skip
    return func.coalesce(last.in_(STOPS), false())
