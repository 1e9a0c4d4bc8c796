"""The scorecard of 督查考核, street by street, counted from the ledger alone for any period, as it stood at the period's end."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    and_,
    cast,
    exists,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy import case as sql_case
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.owed import DISTRICT
from app.db.rounds import answered_by, due_then
from app.domain.child_file import PREFIX
from app.domain.outcomes import AGAIN_WITHIN
from app.domain.terms import Rung
from app.domain.visit import TAKEN_BACK_WITHIN
from app.domain.watch import watch_id
from app.domain.working_time import day_of

KEPT_AT = ("watch_began", "watch_taken")
"""From these on a watch is kept at the division that they name."""
GOES = ("watch_began", "watch_resumed", "watch_parted")
RESTS = ("watch_ended", "watch_suspended", "watch_undone")
"""From these on it goes on, and from these on it does not."""
ANSWERS = ("reporter_answered", "answer_waived")
EVERY = "*"
event, case = tables.events.c, tables.cases.c
Owed = Callable[
    [ColumnElement[str], ColumnElement[str], ColumnElement[str], ColumnElement[datetime]], ColumnElement[bool]
]
"""Whether a deadline or rung counts, by the agency that owed it, its case, its subject and when it began or fired."""
Counted = Callable[[ColumnElement[str]], ColumnElement[bool]]
"""Whether what is owed in a watch counts, by the division where the watch was kept then."""


async def scorecard(
    conn: AsyncConnection, since: datetime, until: datetime, seen: ColumnElement[bool], kept: ColumnElement[bool], own: str | None,
    owed: Owed | None = None,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """By street, every indicator that is not nought; what happened after the period is not known to it.

    `seen` says which cases are counted, `kept` which watches, where no case began one. `own` is a street that
    stands here even where nothing has happened, and whose visits count whatever began their watch, if `kept` has it; EVERY are all, for
    a street that was silent is what 督查 looks for. `owed` says which deadlines and rungs count; None counts those of all that are seen.
    """
    found: dict[str, dict[str, Any]] = {street: {"rungs": {}} for street in await _streets(conn, own, until)}
    within = and_(event.at >= since, event.at <= until)
    for query in _queries(within, since, until, seen, kept, own, owed or (lambda *_of: seen)):
        for row in (await conn.execute(query)).mappings():
            street = found.setdefault(row["division"], {"rungs": {}})
            if row.get("agency"):
                _add_agency(street, row)
            else:
                street |= {name: value for name, value in row.items() if name not in ("division", "agency")}
    return found


def _add_agency(street: dict[str, Any], row: Mapping[Any, Any]) -> None:
    """What is known of one agency in that street, which the street's own sums have as well."""
    agency = street.setdefault("agencies", {}).setdefault(row["agency"], {"rungs": {}, **dict.fromkeys(OF_AGENCY, 0)})
    if "rung" in row:
        agency["rungs"][row["rung"]] = row["fired"]
        street["rungs"][row["rung"]] = street["rungs"].get(row["rung"], 0) + row["fired"]
        return
    agency |= {name: row[name] for name in OF_LEAD if name in row}
    for name in (name for name in OF_AGENCY if name in row):
        agency[name] = row[name]
        street[name] = street.get(name, 0) + row[name]


async def _streets(conn: AsyncConnection, own: str | None, until: datetime) -> list[str]:
    division, day = tables.divisions.c, day_of(until)
    query = select(division.code).where(division.kind != "district", _is_own(division.code, own))
    there = query.where(division.valid_from <= day, or_(division.valid_to.is_(None), division.valid_to > day))
    return list((await conn.execute(there)).scalars())


def _is_own(street: ColumnElement[str], own: str | None) -> ColumnElement[bool]:
    return true() if own == EVERY else street == own if own else false()


def _queries(
    within: ColumnElement[bool], since: datetime, until: datetime, seen: ColumnElement[bool], kept: ColumnElement[bool], own: str | None,
    owed: Owed,
) -> Iterator[Select[*tuple[Any, ...]]]:  # fmt: skip
    yield _reports(_filed(within, until, seen))
    yield _fired(within, owed)
    counted = _watches(seen, kept, own)
    yield _visits(within, until, counted)
    yield _overdue(until, counted)
    yield _screening(since, until, seen, own)
    yield _again(since, until, seen)
    yield _kept(since, until, owed(line.agency, line.case_id, line.subject, line.valid_from))


def desk_then(
    case_id: ColumnElement[str], subject: ColumnElement[str], at: ColumnElement[datetime]
) -> ColumnElement[str]:
    """The desk to which a leg or duty had been given last at that instant."""
    opened = tables.events.alias("opened")
    said = opened.c.body
    of_leg = and_(opened.c.kind == "referral_opened", said["referral_id"].astext == subject)
    of_duty = and_(opened.c.kind == "duty_opened", said["code"].astext == subject)
    return (
        select(said["desk"].astext)
        .where(opened.c.stream_id == case_id, opened.c.at <= at, or_(of_leg, of_duty))
        .order_by(opened.c.version.desc())
        .limit(1)
        .correlate_except(opened)
        .scalar_subquery()
    )


def _filed(within: ColumnElement[bool], until: datetime, seen: ColumnElement[bool]) -> CTE:
    """The reports of the period: who leads the case from the first, how soon the first child was found safe, when the reporter was answered.
    Each is asked once a report, however often it is counted."""
    later = tables.events.alias("later").c

    def first(*kinds: str) -> ColumnElement[Any]:
        found = select(func.min(later.at)).where(later.stream_id == case.id, later.kind.in_(kinds), later.at <= until)
        return found.correlate(tables.cases).scalar_subquery()

    return (
        select(
            case.division, event.body["lead"].astext.label("agency"),
            (func.extract("epoch", first("safety_confirmed") - event.at) / 3600).label("hours"),
            first(*ANSWERS).label("answered"),
        )
        .join(tables.events, event.stream_id == case.id)
        .where(event.kind == "report_filed", within, seen)
        .cte("filed")
        .prefix_with("MATERIALIZED")
    )  # fmt: skip


def _reports(filed: CTE) -> Select[*tuple[Any, ...]]:
    """How many, how soon the first child was found safe, how many reporters have their answer: by street, without an agency, and by the
    agency in it that leads."""
    division, agency = filed.c.division, filed.c.agency
    return select(
        division, agency, func.count().label("reports"), func.count(filed.c.answered).label("answered"),
        func.count(filed.c.hours).label("found_safe"),
        func.percentile_cont(0.5).within_group(filed.c.hours).label("hours_to_safety"),
    ).group_by(func.grouping_sets(tuple_(division), tuple_(division, agency)))  # fmt: skip


def _fired(within: ColumnElement[bool], owed: Owed) -> Select[*tuple[Any, ...]]:
    """How often a silence reached each rung, by the agency that was silent then; what is owed in material the lead agency owes. Who that was
    is asked once a rung, however often it is compared."""
    said, earlier = event.body, tables.events.alias("earlier").c
    opened = or_(
        and_(earlier.kind == "referral_opened", earlier.body["referral_id"].astext == said["subject"].astext),
        and_(earlier.kind == "duty_opened", earlier.body["code"].astext == said["subject"].astext),
    )
    led = earlier.kind.in_(("report_filed", "plan_adopted"))
    silent = (
        select(func.coalesce(*(earlier.body[whose].astext for whose in ("agency", "holder", "lead"))))
        .where(earlier.stream_id == event.stream_id, earlier.version < event.version)
        .where(sql_case((said["clock"].astext == "supply", led), else_=opened))
        .order_by(earlier.version.desc())
        .limit(1)
        .correlate(tables.events)
        .scalar_subquery()
    )
    rungs = (
        select(
            event.stream_id, event.at, said["subject"].astext.label("subject"), said["rung"].astext.label("rung"),
            silent.label("agency"),
        )
        .where(event.kind == "rung_fired", within)
        .cte("rungs")
        .prefix_with("MATERIALIZED")
    )  # fmt: skip
    fired = rungs.c
    return (
        select(case.division, fired.agency, fired.rung, func.count().label("fired"))
        .join(tables.cases, case.id == fired.stream_id)
        .where(owed(fired.agency, fired.stream_id, fired.subject, fired.at))
        .group_by(case.division, fired.agency, fired.rung)
    )


def _visits(within: ColumnElement[bool], until: datetime, counted: Counted) -> Select[*tuple[Any, ...]]:
    """Visits that were recorded, and those whose day passed: the desk's head is told then. Each counts where the watch was kept that day.

    One that was made in time and sent later is not missed in what is counted once it was known. What an old book tells of the time before
    the watch is nobody's work of this period.
    """
    watch, head_told = tables.watches.c, event.body["rung"].astext == Rung.DESK_HEAD.value
    missed = and_(event.kind == "visit_rung_fired", head_told, not_(_made_in_time(until)))
    made = and_(event.kind == "visit_recorded", event.body["before_watch"].astext.is_distinct_from("true"))
    then = _kept_at(event.stream_id, tables.events, event.version)
    return (
        select(
            then.label("division"), func.count().filter(made).label("visits"),
            func.count().filter(missed).label("visits_missed"),
        )
        .select_from(tables.watches)
        .join(tables.events, event.stream_id == watch.id)
        .outerjoin(tables.cases, case.id == watch.case_id)
        .where(event.kind.in_(("visit_recorded", "visit_rung_fired")), within, counted(then))
        .group_by(then)
    )  # fmt: skip


def _overdue(until: datetime, counted: Counted) -> Select[*tuple[Any, ...]]:
    """Watches that went on at that instant and whose visit was due by then and not made, however long ago it was missed."""
    watch = tables.watches.c
    due = func.coalesce(*(event.body[path].astext for path in (("visit", "due_at"), ("anew", "visit", "due_at"))))
    then = _kept_at(watch.id, tables.watches, until=until)
    return (
        select(then.label("division"), func.count().label("visits_overdue"))
        .select_from(tables.watches)
        .outerjoin(tables.cases, case.id == watch.case_id)
        .where(_newest(cast(due, event.at.type), due.is_not(None), until) <= until)
        .where(_newest(event.kind, event.kind.in_((*GOES, *RESTS)), until).in_(GOES), counted(then))
        .group_by(then)
    )


def _newest(what: ColumnElement[Any], having: ColumnElement[bool], until: datetime) -> ColumnElement[Any]:
    """Of the events of a watch up to then."""
    of_watch = select(what).where(event.stream_id == tables.watches.c.id, event.at <= until, having)
    return of_watch.order_by(event.version.desc()).limit(1).correlate(tables.watches).scalar_subquery()


def _watches(seen: ColumnElement[bool], kept: ColumnElement[bool], own: str | None) -> Counted:
    """A street's own are those that its committees kept then; of others, those of the cases that are seen and of registered children."""
    if own not in (None, EVERY):
        return lambda then: and_(then == own, kept)
    of_registered = and_(tables.watches.c.case_id.is_(None), kept)
    return lambda _then: or_(seen, of_registered)


def _kept_at(
    watch: ColumnElement[str], of: FromClause, version: ColumnElement[int] | None = None, until: datetime | None = None
) -> ColumnElement[str]:
    """Where a watch was kept as that was recorded, or at that instant."""
    earlier = tables.events.alias("earlier").c
    by_then = earlier.version <= version if version is not None else earlier.at <= until
    return (
        select(earlier.body["division"].astext)
        .where(earlier.stream_id == watch, earlier.kind.in_(KEPT_AT), by_then)
        .order_by(earlier.version.desc())
        .limit(1)
        .correlate(of)
        .scalar_subquery()
    )


def _made_in_time(until: datetime) -> ColumnElement[bool]:
    """Of a day that passed: the next that was known of this duty by then, soon enough, is the visit, and says that it was made by that day."""
    later = tables.events.alias("later").c
    told = and_(later.kind == "visit_rung_fired", later.body["rung"].astext == Rung.DESK_HEAD.value)
    made = and_(later.kind == "visit_recorded", later.body["in_time_after_all"].astext == "true")
    following = (
        select(later.kind)
        .where(later.stream_id == event.stream_id, later.version > event.version, or_(told, made))
        .where(later.at <= until, later.at <= event.at + TAKEN_BACK_WITHIN)
        .order_by(later.version)
        .limit(1)
        .correlate(tables.events)
        .scalar_subquery()
    )
    return func.coalesce(following == "visit_recorded", false())


def _screening(
    since: datetime, until: datetime, seen: ColumnElement[bool], own: str | None
) -> Select[*tuple[Any, ...]]:
    """Of the rounds that fell due in the period, the units that were asked and those that had answered, by the agency whose desk they are
    or stand behind; those of no street, as schools, stand with the district. A round was due when its clock said so at the period's end."""
    unit = tables.round_units.c
    agency, at = func.split_part(unit.desk, "-", 1), func.split_part(unit.desk, "-", 2)
    street = func.coalesce(func.nullif(at, ""), DISTRICT)
    due = due_then(until)
    of_case = select(case.id).where(case.division == at, case.filed_at <= until, seen)
    shown = or_(_is_own(street, own), of_case.correlate(tables.round_units).exists())
    return (
        select(
            street.label("division"), agency.label("agency"), func.count().label("asked"),
            func.count().filter(answered_by(until)).label("returned"),
        )
        .select_from(tables.round_units)
        .join(due, due.c.id == unit.round_id)
        .where(due.c.at.between(since, until), shown)
        .group_by(street, agency)
    )  # fmt: skip


def _again(since: datetime, until: datetime, seen: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Reports on a child of whom a case was closed within the time before, for whatever reason, as far as both are seen: made by a visit, or
    by anybody else where the files belong together at the period's end. A link that was taken back opened its case again."""
    filed, later = tables.events.alias("filed"), tables.events.alias("later").c
    of_it = and_(filed.c.stream_id == case.id, filed.c.kind == "report_filed")
    opened = and_(later.kind == "report_unlinked", later.version > event.version, later.at <= until)
    watched = func.to_jsonb(func.substr(filed.c.body["watch"].astext, len(watch_id("")) + 1))
    children = filed.c.body["children"].concat(func.coalesce(watched, text("'[]'::jsonb")))
    child = func.jsonb_array_elements_text(children).table_valued("id").render_derived("child")
    told = (
        select(case.id, case.division, event.kind, event.at, _read_with(child.c.id, until).label("child"))
        .join(tables.events, event.stream_id == case.id)
        .join(filed, of_it)
        .join(child, true())
        .where(
            event.kind.in_(("report_filed", "case_closed")), event.at >= since - AGAIN_WITHIN, event.at <= until, seen
        )
        .where(~exists().where(event.kind == "case_closed", later.stream_id == event.stream_id, opened))
        .cte("told")
    )
    report, over = told.alias("report").c, told.alias("over").c
    before = report.at - over.at
    return (
        select(report.division, func.count(report.id.distinct()).label("reported_again"))
        .where(
            report.child == over.child, report.kind == "report_filed", over.kind == "case_closed", report.at >= since
        )
        .where(before >= timedelta(), before <= AGAIN_WITHIN)
        .group_by(report.division)
    )


def _read_with(child: ColumnElement[Any], until: datetime) -> ColumnElement[Any]:
    """The child in whose file this one was read then: what its newest joining or parting says, else its own."""
    belongs = tables.events.alias("belongs").c
    newest = (
        select(belongs.body["primary"].astext)
        .where(belongs.stream_id == func.concat(PREFIX, child), belongs.kind == "file_belongs", belongs.at <= until)
        .order_by(belongs.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(newest, child)


STOPS = ("clock_paused", "referral_returned")
ACCEPT, FINISH = ("accept",), ("finish", "duty")
CLOCKS = ACCEPT + FINISH
ON_TIME = "_on_time"
KEPT = {"accept_due": ACCEPT, "accept_on_time": ACCEPT, "finish_due": FINISH, "finish_on_time": FINISH}
"""受理 is the acceptance of a task, 办结 its completion and every duty."""
OF_AGENCY = (*KEPT, "asked", "returned")
"""Counted by agency, of which a street has the sum."""
OF_LEAD = ("reports", "answered", "found_safe", "hours_to_safety")
"""Of the reports that an agency leads; a street counts them itself, for a median is no sum."""
line = tables.deadlines.c


def kept_on_time(by: str, until: datetime) -> Select[*tuple[Any, ...]]:
    """Deadlines that fell due by then, and how many were met in time, by `agency`, `stage` or `urgency`, over joined cases.

    One that was moved before it fell due counts at its new instant alone; one that was moved too late was missed.
    """
    group = line[by]
    return (
        select(group, func.count().label("due"), func.count().filter(_met()).label("on_time"))
        .join(tables.cases, case.id == line.case_id)
        .where(*_fell_due(until, None))
        .group_by(group)
        .order_by(group)
    )


def _kept(since: datetime, until: datetime, seen: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """The same of a period by street and agency: acceptances, and completions together with every duty. What is owed in material
    counts with neither."""
    counted = [
        func.count().filter(line.clock.in_(clocks), *([_met()] if name.endswith(ON_TIME) else [])).label(name)
        for name, clocks in KEPT.items()
    ]
    return (
        select(case.division, line.agency, *counted)
        .join(tables.cases, case.id == line.case_id)
        .where(*_fell_due(until, since), line.clock.in_(CLOCKS), seen)
        .group_by(case.division, line.agency)
        .order_by(case.division, line.agency)
    )


def _met() -> ColumnElement[bool]:
    return and_(line.met_at.is_not(None), line.met_at <= line.due_at)


def _fell_due(until: datetime, since: datetime | None) -> Iterator[ColumnElement[bool]]:
    yield line.valid_from <= until
    yield line.due_at <= until
    yield or_(line.valid_to.is_(None), line.valid_to > line.due_at, line.met_at.is_not(None))
    yield or_(_met(), not_(_paused_when_due()))
    if since is not None:
        yield line.due_at >= since


def _paused_when_due() -> ColumnElement[bool]:
    """The clock stood still as the instant came: nothing was missed. Asked by the case that is joined, so only of those that are counted."""
    last = (
        select(event.kind)
        .where(
            event.stream_id == case.id, literal_column("(body ->> 'referral_id')") == line.subject, event.at <= line.due_at,
            text(tables.MOVES_CLOCK), line.clock != "supply",
        )
        .order_by(event.version.desc())
        .limit(1)
        .correlate(tables.deadlines, tables.cases)
        .scalar_subquery()
    )  # fmt: skip
    return func.coalesce(last.in_(STOPS), false())
