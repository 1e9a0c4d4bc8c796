"""What the figures are made of: the cases and watches as their events left them at an instant, and what the rules say of each child."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, PrimaryKeyConstraint, String, Table, and_, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.audit import before_reading
from app.db.child_records import children_behind
from app.db.columns import Id, metadata
from app.db.ledger import Ledger
from app.db.past import assessed_of, with_assessed
from app.db.scorecard import KEPT_AT
from app.db.vault import opened
from app.domain.access import Actor
from app.domain.child_file import PREFIX
from app.domain.child_terms import FileField
from app.domain.facts import ReportFacts
from app.domain.outcomes import CaseThen, ChildOutcome, WatchThen, outcomes_of
from app.domain.policy import RECOGNISED, SENTENCED, TURNS
from app.domain.procedure import happening

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
TOLD = (
    "report_filed", "policy_moved", "guardian_sentenced", "assessment_filed", "grade_reviewed", "referral_accepted",
    "safety_confirmed", "report_linked", "report_unlinked", "case_closed",
)  # fmt: skip
Wanted = tuple[str, str, str]
"""A case, the rules it follows, and what has happened since its report."""
SAID = ("division", "policy", "watch", "after", "grade", "step", "outcome", "facts")
"""What these say that figures need; the events are long, and the rest of them is not fetched."""


async def cases_then(conn: AsyncConnection, at: datetime, seen: ColumnElement[bool]) -> list[CaseThen]:
    """Every case that had been filed, folded from its events up to the instant."""
    event, case = tables.events.c, tables.cases.c
    said = [event.body[name].astext.label(name) for name in SAID]
    conference = (event.kind == "outcome_recorded") & (event.body["step"].astext == RECOGNISED.partition("=")[0])
    query = (
        select(event.stream_id, event.version, event.kind, event.at, *said, tables.reports.c.happened_on.label("day"))
        .join(tables.cases, case.id == event.stream_id)
        .outerjoin(tables.reports, tables.reports.c.case_id == case.id)
        .where(or_(event.kind.in_(TOLD), conference), event.at <= at, seen)
        .order_by(event.stream_id, event.version)
    )
    found: dict[str, dict[str, Any]] = {}
    for row in await conn.execute(query):
        if row.kind == "report_filed":
            found[row.stream_id] = {
                "case_id": row.stream_id, "filed_at": row.at, "happened_on": row.day, "division": row.division,
                "policy": row.policy, "watch": row.watch,
            }  # fmt: skip
            continue
        found[row.stream_id] |= _said(row, found[row.stream_id])
    return [CaseThen.model_validate(case) for case in found.values()]


def _said(row: Any, so_far: dict[str, Any]) -> dict[str, Any]:
    match row.kind:
        case "policy_moved":
            return {"policy": row.after}
        case "guardian_sentenced":
            return {"since": (*so_far.get("since", ()), SENTENCED)}
        case "outcome_recorded":
            resolved = happening(row.step, row.outcome)
            return {"since": (*so_far.get("since", ()), *((resolved,) if resolved in TURNS else ()))}
        case "assessment_filed" if row.facts == "true":
            return {"grade": row.grade, "assessed": row.version}
        case "assessment_filed" | "grade_reviewed":
            return {"grade": row.grade}
        case "report_linked":
            return {"linked": True}
        case "report_unlinked":
            return {"linked": False, "closed_at": None}
        case "case_closed":
            return {"closed_at": row.at}
        case _:
            return {} if "first_action_at" in so_far else {"first_action_at": row.at}


async def watches_then(conn: AsyncConnection, at: datetime) -> dict[str, WatchThen]:
    """Every watch that had begun, by child."""
    event, watches = tables.events.c, dict[str, WatchThen]()
    said = [event.body[name].astext.label(name) for name in ("grade", "division")]
    query = select(event.stream_id, event.kind, *said).where(event.kind.in_((*GOES_ON, *STOPS)), event.at <= at)
    for row in await conn.execute(query.order_by(event.stream_id, event.version)):
        child = row.stream_id.removeprefix("watch-")
        last = watches.get(child)
        division = (row.division if row.kind in KEPT_AT else None) or (last.division if last else "")
        grade = row.grade or (last.grade if last else None)
        watches[child] = WatchThen.model_validate(
            {"child_id": child, "division": division, "grade": grade, "is_open": row.kind not in STOPS}
        )
    return watches


GOES_ON = ("watch_began", "visit_recorded", "watch_taken", "watch_resumed", "watch_parted")
STOPS = ("watch_ended", "watch_suspended", "watch_undone")


async def registered_then(
    conn: AsyncConnection, at: datetime, kept: ColumnElement[bool], watches: Mapping[str, WatchThen]
) -> list[CaseThen]:
    """Children whom nobody had reported and whose registration had been verified, where their watch was kept then."""
    entered, passed = tables.events.alias("entered"), tables.events.alias("passed")
    child, first, last = tables.children.c, entered.c, passed.c
    of_it = and_(last.stream_id == first.stream_id, last.body["change"].astext == cast(first.version, String))
    query = (
        select(child.id, first.body["policy"].astext.label("policy"), last.at)
        .join(tables.watches, tables.watches.c.child_id == child.id)
        .join(entered, first.stream_id == func.concat(PREFIX, child.id))
        .join(passed, of_it)
        .where(
            child.case_id.is_(None),
            first.kind == "change_entered",
            first.body["field"].astext == FileField.REGISTRATION.value,
        )
        .where(last.kind == "change_passed", last.body["watch_begins"].astext.is_not(None), last.at <= at, kept)
        .order_by(child.id)
    )
    return [
        CaseThen(case_id=row.id, registered=True, division=watches[row.id].division, policy=row.policy, filed_at=row.at)
        for row in await conn.execute(query) if row.id in watches
    ]  # fmt: skip


async def children_of(
    conn: AsyncConnection, ledger: Ledger, who: Actor, cases: Iterable[CaseThen], most: int = MOST
) -> dict[str, tuple[ChildOutcome, ...]]:
    """What the rules find of the children of these cases; of those that were never gone through, as many as one reading may, on record
    first with their children."""
    wanted = {(case.case_id, case.policy, _since(case)) for case in cases}
    table = case_outcomes.c
    rows = await conn.execute(select(table.case_id, table.policy, table.since, table.children))
    known = {(row.case_id, row.policy, row.since): row.children for row in rows}
    unread = sorted(wanted - known.keys())[:most]
    if unread:
        children = await children_behind(conn, {case_id for case_id, _, _ in unread})
        await before_reading(conn, who, "outcomes", None, ["facts"], children=children)
    fresh = await _found(conn, ledger, unread)
    return {
        case_id: tuple(ChildOutcome.model_validate(child) for child in children)
        for (case_id, policy, since), children in (known | fresh).items()
        if (case_id, policy, since) in wanted
    }


def _since(case: CaseThen) -> str:
    return " ".join(
        (*(turn for turn in TURNS if turn in case.since), *((str(case.assessed),) if case.assessed else ()))
    )


async def _found(conn: AsyncConnection, ledger: Ledger, wanted: list[Wanted]) -> dict[Wanted, list[dict[str, Any]]]:
    if not wanted:
        return {}
    facts = await _facts(conn, [case_id for case_id, _, _ in wanted])
    assessed = await assessed_of(conn, facts)
    packs = {policy: await ledger.pack(conn, policy) for policy in dict.fromkeys(policy for _, policy, _ in wanted)}
    made = {}
    for case_id, policy, since in wanted:
        if case_id in facts:
            turns = since.split()
            until = int(turns[-1]) if turns and turns[-1].isdecimal() else 0
            seen = packs[policy].since(with_assessed(facts[case_id], assessed.get(case_id, ()), until), turns)
            children = outcomes_of(seen, packs[policy].found(seen))
            made[case_id, policy, since] = [child.model_dump(mode="json") for child in children]
    if made:
        rows = [
            {"case_id": case_id, "policy": policy, "since": since, "children": children}
            for (case_id, policy, since), children in made.items()
        ]
        await conn.execute(insert(case_outcomes).on_conflict_do_nothing(), rows)
    return made


async def _facts(conn: AsyncConnection, ids: list[str]) -> dict[str, ReportFacts]:
    """Of cases by their reports, and of registered children by their registrations."""
    report, content = tables.reports.c, tables.contents.c
    query = select(report.case_id, report.facts).where(report.case_id.in_(ids))
    rows = await opened(conn, (await conn.execute(query)).mappings(), tables.reports)
    found = {row["case_id"]: row["facts"] for row in rows if row["facts"]}
    query = select(content.stream_id, content.version, content.body)
    query = query.where(content.stream_id.in_([f"{PREFIX}{one}" for one in ids if one not in found]))
    for row in await opened(conn, (await conn.execute(query)).mappings(), tables.contents):
        if "facts" in (row["body"] or {}):
            found[row["stream_id"].removeprefix(PREFIX)] = row["body"]["facts"]
    return {name: ReportFacts.model_validate(facts) for name, facts in found.items()}
