"""What the rules find of the children of whom figures are made, in all that was known of each at an instant; asked once, and kept in codes."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, PrimaryKeyConstraint, String, Table, and_, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.audit import before_reading
from app.db.child_records import apart, one_of
from app.db.columns import Id, metadata
from app.db.ledger import Ledger
from app.db.past import assessed_of, with_assessed
from app.db.vault import opened
from app.domain.access import Actor
from app.domain.child_file import PREFIX
from app.domain.child_record import ChildRecord
from app.domain.facts import ReportFacts
from app.domain.outcomes import CaseThen, ChildOutcome, WatchThen, outcomes_of, own_child
from app.domain.policy import SENTENCED, TURNS

case_outcomes = Table(
    "case_outcomes",
    metadata,
    Column("case_id", Id, nullable=False),
    Column("policy", String(60), nullable=False),
    Column("since", String(120), nullable=False),
    Column("children", JSONB, nullable=False),
    PrimaryKeyConstraint("case_id", "policy", "since"),
    comment="What a version of the rules finds in a report, in codes: made from the report once, and again by anybody.",
)
MOST = 1000
"""Reports that one reading goes through anew, some seconds at most; each is kept, and the answer says how many are left."""
DECIDES = ("change_passed", "change_rejected")


class Wanted(NamedTuple):
    """A case with its children, each by its own id and what else is known of it; `since` says by which of it the rules are asked."""

    case: CaseThen
    children: tuple[tuple[str, str, tuple[CaseThen, ...]], ...]
    since: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.case.case_id, self.case.policy, self.since


async def children_of(
    conn: AsyncConnection, ledger: Ledger, who: Actor, at: datetime, cases: Collection[CaseThen], every: Iterable[CaseThen],
    watches: Mapping[str, WatchThen], seen: ColumnElement[bool], most: int = MOST,
) -> dict[str, tuple[ChildOutcome, ...]]:  # fmt: skip
    """What the rules find of the children of these cases, out of `every` one that is seen; of those that were never gone through, as many
    as one reading may, on record first with their children."""
    wanted = await _wanted(conn, at, cases, every, watches)
    known = await _kept(conn, [one.key for one in wanted])
    unread = sorted((one for one in wanted if one.key not in known), key=lambda one: one.key)[:most]
    if unread:
        children = sorted({child for one in unread for pair in one.children for child in pair[:2]} - {""})
        await before_reading(conn, who, "outcomes", None, ["facts"], children=children)
        known |= await _found(conn, ledger, unread, at, seen)
    return {
        one.case.case_id: tuple(ChildOutcome.model_validate(child) for child in known[one.key])
        for one in wanted if one.key in known
    }  # fmt: skip


async def _kept(
    conn: AsyncConnection, keys: list[tuple[str, str, str]]
) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """What was found before, of these alone: each visit leaves a row behind that nobody asks for again."""
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
    conn: AsyncConnection, at: datetime, cases: Collection[CaseThen], every: Iterable[CaseThen], watches: Mapping[str, WatchThen]
) -> list[Wanted]:  # fmt: skip
    """What is known of each child by codes of events alone: its other cases that are seen, its last visit, what was decided in its file."""
    child, event = tables.children.c, tables.events.c
    rows = (await conn.execute(select(child.id, child.case_id).order_by(child.id))).all()
    first, of_case = dict[str, str](), defaultdict[str, list[str]](list)
    for row in rows:
        first[row.id] = row.case_id or row.id
        of_case[row.case_id or row.id].append(row.id)
    decided = select(event.stream_id, func.max(event.version)).where(event.kind.in_(DECIDES), event.at <= at)
    files = {row[0].removeprefix(PREFIX): row[1] for row in await conn.execute(decided.group_by(event.stream_id))}
    seen = {one.case_id: one for one in every}
    beside = defaultdict[str, list[CaseThen]](list)
    for one in seen.values():
        for name in {one.watch and own_child(one, ""), one.linked_to} - {None}:
            beside[str(name)].append(one)

    def of(case: CaseThen, name: str) -> tuple[str, str, tuple[CaseThen, ...]]:
        own = own_child(case, name)
        if first.get(own) not in seen:
            return name, "", ()
        about = {one.case_id: one for one in (seen[first[own]], *beside[own], *beside[first[own]])}
        return name, own, tuple(about[key] for key in sorted(about))

    found = []
    for case in cases:
        children = tuple(of(case, name) for name in of_case[case.case_id])
        said = [
            (own, watch.seen if (watch := watches.get(own)) else 0, files.get(own, 0),
             [(one.case_id, _turned(one)) for one in about if one.case_id != case.case_id])
            for _, own, about in children
        ]  # fmt: skip
        more = any(seen or file or others for _, seen, file, others in said)
        since = [_turned(case), sha256(repr(said).encode()).hexdigest()[:16] if more else ""]
        found.append(Wanted(case, children, " ".join(filter(None, since))))
    return found


def _turned(case: CaseThen) -> str:
    turns = (turn for turn in TURNS if turn in case.since)
    return " ".join((*turns, *((str(case.assessed),) if case.assessed else ())))


async def _found(
    conn: AsyncConnection, ledger: Ledger, wanted: list[Wanted], at: datetime, seen: ColumnElement[bool]
) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    ids = {own for one in wanted for _, own, _ in one.children if own}
    beside = {
        case.case_id for one in wanted for _, _, about in one.children for case in about if case.linked_to or case.watch
    }
    records = await apart(conn, ids, and_(seen, one_of(tables.cases.c.id, beside))) if ids else {}
    reports = await _reports(conn, [one.case.case_id for one in wanted if not one.case.registered])
    assessed = await assessed_of(conn, reports)
    packs = {name: await ledger.pack(conn, name) for name in dict.fromkeys(one.case.policy for one in wanted)}
    made = {}
    for one in wanted:
        alone = reports.get(one.case.case_id)
        alone = with_assessed(alone, assessed.get(one.case.case_id, ()), one.case.assessed) if alone else None
        children, pack = list[ChildOutcome](), packs[one.case.policy]
        for name, own, about in one.children:
            facts = _known(records[own], about, at) if own in records else alone
            turns = {turn for case in (one.case, *about) for turn in case.since if turn != SENTENCED or facts is alone}
            if facts and (facts := pack.since(facts, turns)):
                outcomes = outcomes_of(facts, pack.found(facts))
                children += [
                    outcome.model_copy(update={"child_id": name})
                    for outcome in outcomes if outcome.child_id == (own if own in records else name)
                ]  # fmt: skip
        if children or alone:  # a report may name no child
            made[one.key] = [child.model_dump(mode="json") for child in children]
    if made:
        rows = [
            dict(zip(("case_id", "policy", "since"), key, strict=True), children=children)
            for key, children in made.items()
        ]
        await conn.execute(insert(case_outcomes).on_conflict_do_nothing(), rows)
    return made


def _known(record: ChildRecord, about: Iterable[CaseThen], at: datetime) -> ReportFacts | None:
    """What a book would have said then. The child is as old as when anything was said of it last: a birthday is in no event."""
    last = record.last_said(at)
    return record.facts_at(last, [last] if any(SENTENCED in case.since for case in about) else [])


async def _reports(conn: AsyncConnection, ids: list[str]) -> dict[str, ReportFacts]:
    report = tables.reports.c
    query = select(report.case_id, report.facts).where(one_of(report.case_id, ids))
    rows = await opened(conn, (await conn.execute(query)).mappings(), tables.reports)
    return {row["case_id"]: ReportFacts.model_validate(row["facts"]) for row in rows if row["facts"]}
