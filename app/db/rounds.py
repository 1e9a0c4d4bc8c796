"""Screening rounds: which units are asked, and the reports that a unit's answer becomes in one transaction with it."""

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Subquery, cast, false, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.entries import district_of, line, newest
from app.db.intake import Filed, file
from app.db.ledger import Ledger, Recorded
from app.db.receipts import Receipts
from app.domain.access import Actor
from app.domain.policy import RoundSpec
from app.domain.refusals import RefusalCode, Refused
from app.domain.registers import FieldType, Kind
from app.domain.rounds import Asked, OpenRound, round_id
from app.domain.submission import Submission
from app.domain.working_time import BEIJING

SETS_CLOCK = ("round_opened", "round_recomputed")
"""These say when a round is due; the newest counts."""
NAMED = "$.returns[*] ? (@.registered.size() > 1)"
"""The answers to a round that name several children on file."""


async def begin_round(conn: AsyncConnection, ledger: Ledger, code: str, by: Actor, now: datetime) -> Recorded:
    """A round of today."""
    spec = (await ledger.current(conn, now)).rounds.get(code)
    if spec is None:
        raise Refused(RefusalCode.ROUND_NOT_FOUND)
    whole = await district_of(conn)
    opened = OpenRound(
        by=by, round_id=round_id(code, f"{now.astimezone(BEIJING):%Y-%m-%d}"), code=code, division=whole,
        units=await _units(conn, spec, whole),
    )  # fmt: skip
    return await ledger.open_round(conn, opened, now)


async def _units(conn: AsyncConnection, spec: RoundSpec, whole: str) -> tuple[Asked, ...]:
    """Every desk of the agency, also one at which nobody works, for whoever oversees the district is told in its place; or every
    reporting unit behind its desk, with those in the list that have no account, for the organiser is told in their place."""
    person, desk = tables.people.c, tables.desks.c
    listed = dict.fromkeys(await _listed(conn, spec), spec.asked.value)
    if spec.each == "unit":
        query = select(person.unit, person.desk).where(
            person.agency == spec.asked.value, person.unit.is_not(None), person.is_active
        )
    else:
        query = select(desk.id, desk.id).where(
            desk.agency == spec.asked.value, or_(desk.division.is_(None), desk.division != whole)
        )
    rows = await conn.execute(query.distinct())
    return tuple(Asked(unit=unit, desk=at) for unit, at in sorted((listed | dict(map(tuple, rows))).items()))


async def _listed(conn: AsyncConnection, spec: RoundSpec) -> list[str]:
    if not spec.listed:
        return []
    query = newest(line.book == spec.listed, line.kind != Kind.ENDED.value)
    return [row.fields[FieldType.UNIT] for row in await conn.execute(query)]


def answered_on(at: ColumnElement[Any]) -> ColumnElement[Any]:
    """Of an answer others are told the day: at that instant a report was filed, if it made one."""
    return func.date_trunc("day", at, str(BEIJING))


def answered_by(until: datetime) -> ColumnElement[bool]:
    """Whether a unit had answered then, by days: whoever asks for one instant after the other finds no more than the day."""
    return func.coalesce(answered_on(tables.round_units.c.returned_at) < until, false())


def due_then(until: datetime) -> Subquery:
    """Of every round `at`, when it was due as its clock stood at that instant; none of one that began later."""
    one, said = tables.rounds.c, tables.events.alias("said").c
    then = (
        select(cast(said.body["clock"]["due_at"].astext, one.due_at.type))
        .where(said.stream_id == one.id, said.kind.in_(SETS_CLOCK), said.at <= until)
        .order_by(said.version.desc())
        .limit(1)
        .correlate(tables.rounds)
        .scalar_subquery()
    )
    return select(one.id, then.label("at")).subquery("due")


async def found_twice(conn: AsyncConnection, rounds: Collection[str]) -> dict[tuple[str, str], int]:
    """By round and unit, how many of the children whom it registered and found are another of them: the files are joined by now."""
    one = tables.rounds.c
    answers = func.jsonb_path_query(one.progress, cast(NAMED, JSONPATH), type_=JSONB).label("answer")
    named = select(one.id, answers).where(one.id.in_(rounds)).subquery().c
    children = func.jsonb_array_elements_text(named.answer["registered"]).label("child")
    each = select(named.id, named.answer["unit"].astext.label("unit"), children).subquery().c
    doubles = func.count() - func.count(func.shouhu_own_child(each.child).distinct())
    rows = await conn.execute(select(each.id, each.unit, doubles).group_by(each.id, each.unit).having(doubles > 0))
    return {(round_id, unit): number for round_id, unit, number in rows}


async def report_all(
    conn: AsyncConnection,
    ledger: Ledger,
    receipts: Receipts,
    submissions: list[Submission],
    who: Actor,
    once: str | None,
) -> list[Filed]:
    """Each listed child at risk goes through the one door; `once` names this answer, so that a repetition files nothing twice."""
    return [
        await file(conn, ledger, receipts, given, who, sha256(f"{once}/{n}".encode()).hexdigest() if once else None)
        for n, given in enumerate(submissions)
    ]
