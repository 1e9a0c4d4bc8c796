"""What the rules find of the children of whom figures are made, in all that was known of each at an instant; asked once, and kept in codes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    PrimaryKeyConstraint,
    String,
    Table,
    and_,
    cast,
    delete,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.audit import before_reading
from app.db.child_records import apart, one_of
from app.db.columns import Id, Instant, metadata
from app.db.ledger import Ledger
from app.db.past import assessed_of, with_assessed
from app.db.vault import opened
from app.domain.access import Actor
from app.domain.child_file import PREFIX
from app.domain.child_joined import together
from app.domain.child_record import ChildRecord
from app.domain.facts import ReportFacts
from app.domain.outcomes import CaseThen, ChildOutcome, WatchThen, counted_with, outcomes_of, own_child
from app.domain.policy import SENTENCED, TURNS

case_outcomes = Table(
    "case_outcomes",
    metadata,
    Column("case_id", Id, nullable=False),
    Column("policy", String(60), nullable=False),
    Column("since", String(120), nullable=False),
    Column("children", JSONB, nullable=False),
    Column("made_at", Instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("case_id", "policy", "since"),
    comment="What a version of the rules finds in a report, in codes: made from the report once, and again by anybody.",
)
EACH, KEPT_FOR = 12, timedelta(days=90)
"""Of a case the newest rows are kept, and all that were made within the time: whoever compares days loses none, and visits pile up none.
What is asked for again is made again."""
MOST = 1000
"""Reports that one reading goes through anew, some seconds at most; each is kept, and the answer says how many are left."""
DECIDES = ("change_passed", "change_rejected")


class Then(NamedTuple):
    """What figures are counted from, all by the file in which each child was read then: `counted` says with which case it counts."""

    cases: list[CaseThen]
    children: dict[str, tuple[ChildOutcome, ...]]
    watches: dict[str, WatchThen]
    counted: dict[str, str]


class Named(NamedTuple):
    """A child of a case by its name there, the files that say what is known of it, the one that is read first, and the cases about it."""

    name: str
    file: str
    ids: tuple[str, ...]
    about: tuple[CaseThen, ...]


class Wanted(NamedTuple):
    """A case with its children; `since` says by what else is known of them the rules are asked."""

    case: CaseThen
    children: tuple[Named, ...]
    since: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.case.case_id, self.case.policy, self.since


async def then(
    conn: AsyncConnection, ledger: Ledger, who: Actor, at: datetime, division: str | None, every: Collection[CaseThen],
    watches: Mapping[str, WatchThen], seen: ColumnElement[bool], most: int = MOST,
) -> Then:  # fmt: skip
    """The cases of the division, out of `every` one that is seen, with what the rules find of their children; of those that were never gone
    through, as many as one reading may, on record first with their children."""
    every_one = await _wanted(conn, at, every, watches)
    wanted = [one for one in every_one if division in (None, one.case.division)]
    known = await _kept(conn, [one.key for one in wanted if not one.case.erased])
    unread = [one for one in wanted if one.key not in known and not one.case.erased]
    unread = sorted(unread, key=lambda one: one.key)[:most]
    if unread:
        children = {child for one in unread for named in one.children for child in (named.name, *named.ids)}
        await before_reading(conn, who, "outcomes", None, ["facts"], children=sorted(children))
        known |= await _found(conn, ledger, unread, at, seen)
    found = {
        one.case.case_id: _read_as(one, known.get(one.key, ())) for one in wanted if one.key in known or one.case.erased
    }
    going_on = _going_on(every_one, watches)
    files = {one.case.case_id: [named.file for named in one.children] for one in every_one}
    return Then([one.case for one in wanted], found, going_on, counted_with(every, files, going_on))


def _read_as(one: Wanted, found: Iterable[Mapping[str, Any]]) -> tuple[ChildOutcome, ...]:
    """Each once, by whatever names the report has it."""
    files = {named.name: named.file for named in one.children}
    by_file = {files[child["child_id"]]: child for child in found}
    return tuple(ChildOutcome.model_validate({**child, "child_id": file}) for file, child in by_file.items())


def _going_on(wanted: Iterable[Wanted], watches: Mapping[str, WatchThen]) -> dict[str, WatchThen]:
    """By file, of the watches of all that are read with it the one that goes on."""
    found = dict[str, WatchThen]()
    for named in (named for one in wanted for named in one.children):
        some = [watches[one] for one in named.ids or (named.file,) if one in watches]
        found |= {named.file: max(some, key=lambda watch: watch.is_open)} if some else {}
    return found


async def _kept(
    conn: AsyncConnection, keys: list[tuple[str, str, str]]
) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """What was found before, of these alone."""
    table, names = case_outcomes.c, ("case_id", "policy", "since")
    parts = zip(*keys, strict=True) if keys else ([], [], [])
    asked = (
        func.unnest(*(cast(list(part), ARRAY(String)) for part in parts))
        .table_valued(*names)
        .render_derived(name="asked")
    )
    found = case_outcomes.join(asked, and_(*(table[name] == asked.c[name] for name in names)))
    rows = await conn.execute(select(table.case_id, table.policy, table.since, table.children).select_from(found))
    return {(row.case_id, row.policy, row.since): row.children for row in rows}


async def _wanted(
    conn: AsyncConnection, at: datetime, every: Collection[CaseThen], watches: Mapping[str, WatchThen]
) -> list[Wanted]:
    """What is known of each child by codes of events alone: its other cases that are seen, its last visit, what was decided in its file, and
    with which files that is read."""
    child = tables.children.c
    first, of_case = dict[str, str](), defaultdict[str, list[str]](list)
    for row in await conn.execute(select(child.id, child.case_id).order_by(child.id)):
        first[row.id] = row.case_id or row.id
        of_case[row.case_id or row.id].append(row.id)
    decided, kept = await _files(conn, at)
    joined = defaultdict[str, list[str]](list)
    for one, primary in sorted(kept.items()):
        joined[primary].append(one)
    seen = {one.case_id: one for one in every}
    beside = defaultdict[str, list[CaseThen]](list)
    for case in seen.values():
        for name in {case.watch and own_child(case, ""), case.linked_to} - {None}:
            beside[str(name)].append(case)

    def of(case: CaseThen, name: str) -> Named:
        own = own_child(case, name)
        if first.get(own) not in seen:
            return Named(name, own, (), ())
        primary = kept.get(own, own)
        file, *others = [one for one in (primary, *joined[primary]) if first.get(one) in seen]
        ids = (file, *(one for one in others if not seen[first[one]].sealed))
        about = {one.case_id: one for id in ids for one in (seen[first[id]], *beside[id], *beside[first[id]])}
        return Named(name, file, ids, tuple(about[key] for key in sorted(about)))

    def since(case: CaseThen, children: Iterable[Named]) -> str:
        said = []
        for _, _, ids, about in children:
            others = [(one.case_id, _turned(one)) for one in about if one.case_id != case.case_id]
            for id in ids or ("",):
                said.append((id, watch.seen if (watch := watches.get(id)) else 0, decided.get(id, 0), others))
        more = any(seen or file or others for _, seen, file, others in said) or any(one.ids[1:] for one in children)
        return " ".join(filter(None, (_turned(case), sha256(repr(said).encode()).hexdigest()[:16] if more else "")))

    named = [(case, tuple(of(case, name) for name in of_case[case.case_id])) for case in every]
    return [Wanted(case, children, since(case, children)) for case, children in named]


async def _files(conn: AsyncConnection, at: datetime) -> tuple[dict[str, int], dict[str, str]]:
    """By child, the version of the last decision in its file, and with whose file it was read."""
    event = tables.events.c
    belongs = func.array_agg(aggregate_order_by(event.body["primary"].astext, event.version.desc()))
    query = (
        select(
            event.stream_id, func.max(event.version).filter(event.kind.in_(DECIDES)).label("decided"),
            belongs.filter(event.kind == "file_belongs")[1].label("kept"),
        )
        .where(event.kind.in_((*DECIDES, "file_belongs")), event.at <= at)
        .group_by(event.stream_id)
    )  # fmt: skip
    rows = [(row.stream_id.removeprefix(PREFIX), row) for row in await conn.execute(query)]
    decided = {child: row.decided for child, row in rows if row.decided}
    return decided, {child: row.kept for child, row in rows if row.kept}


def _turned(case: CaseThen) -> str:
    turns = (turn for turn in TURNS if turn in case.since)
    return " ".join((*turns, *((str(case.assessed),) if case.assessed else ())))


async def _found(
    conn: AsyncConnection, ledger: Ledger, wanted: list[Wanted], at: datetime, seen: ColumnElement[bool]
) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    ids = {id for one in wanted for named in one.children for id in named.ids}
    about = [case for one in wanted for named in one.children for case in named.about]
    beside = {case.case_id for case in about if case.linked_to or case.watch}
    records = await apart(conn, ids, and_(seen, one_of(tables.cases.c.id, beside))) if ids else {}
    reports = await _reports(conn, [one.case.case_id for one in wanted if not one.case.registered])
    assessed = await assessed_of(conn, reports)
    packs = {name: await ledger.pack(conn, name) for name in dict.fromkeys(one.case.policy for one in wanted)}
    made = {}
    for one in wanted:
        alone = reports.get(one.case.case_id)
        alone = with_assessed(alone, assessed.get(one.case.case_id, ()), one.case.assessed) if alone else None
        children, pack = list[ChildOutcome](), packs[one.case.policy]
        for name, _, ids, about in one.children:
            some = [records[id] for id in ids if id in records]
            record = together(some[0], tuple(some[1:])) if some else None
            facts = _known(record, about, at) if record else alone
            turns = {turn for case in (one.case, *about) for turn in case.since if turn != SENTENCED or facts is alone}
            if facts and (facts := pack.since(facts, turns)):
                outcomes = outcomes_of(facts, pack.found(facts))
                children += [
                    outcome.model_copy(update={"child_id": name})
                    for outcome in outcomes if outcome.child_id == (record.child_id if record else name)
                ]  # fmt: skip
        if children or alone:  # a report may name no child
            made[one.key] = [child.model_dump(mode="json") for child in children]
    if made:
        rows = [
            dict(zip(("case_id", "policy", "since"), key, strict=True), children=children)
            for key, children in made.items()
        ]
        await conn.execute(insert(case_outcomes).on_conflict_do_nothing(), rows)
        await _trim(conn, [key[0] for key in made])
    return made


async def _trim(conn: AsyncConnection, cases: Collection[str]) -> None:
    """What somebody else is trimming is theirs to trim."""
    row, own = case_outcomes.c, (case_outcomes.c.case_id, case_outcomes.c.policy, case_outcomes.c.since)
    newest = func.row_number().over(partition_by=row.case_id, order_by=row.made_at.desc()).label("newest")
    each = select(*own, row.made_at, newest).where(one_of(row.case_id, cases)).subquery()
    older = select(each.c.case_id, each.c.policy, each.c.since)
    older = older.where(each.c.newest > EACH, each.c.made_at < func.now() - KEPT_FOR)
    held = select(*own).where(tuple_(*own).in_(older)).with_for_update(skip_locked=True)
    await conn.execute(delete(case_outcomes).where(tuple_(*own).in_(held)))


def _known(record: ChildRecord, about: Iterable[CaseThen], at: datetime) -> ReportFacts | None:
    """What a book would have said then. The child is as old as when anything was said of it last: a birthday is in no event."""
    last = record.last_said(at)
    return record.facts_at(last, [last] if any(SENTENCED in case.since for case in about) else [])


async def _reports(conn: AsyncConnection, ids: list[str]) -> dict[str, ReportFacts]:
    report = tables.reports.c
    query = select(report.case_id, report.facts).where(one_of(report.case_id, ids))
    rows = await opened(conn, (await conn.execute(query)).mappings(), tables.reports)
    return {row["case_id"]: ReportFacts.model_validate(row["facts"]) for row in rows if row["facts"]}
