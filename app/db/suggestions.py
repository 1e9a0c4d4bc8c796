"""Other open cases that may be about a child of a new report: found over the marks, weighed, suggested; a person decides."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, bindparam, func, or_, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.marks import Marks
from app.db.people import marks_in
from app.db.vault import opened
from app.domain import commands as c
from app.domain.access import STAFF
from app.domain.identity import clean_name, normal_id
from app.domain.matching import Candidate, Match, score
from app.domain.submission import ReportedChild

LOOK_BACK = timedelta(days=30)
MOST_CANDIDATES = 50


def candidate_of(case_id: str, child: ReportedChild, of: Marks, now: datetime) -> Candidate:
    return Candidate(
        case_id=case_id, name=clean_name(child.name or ""), sound_keys=of.sounds, birth_date=child.birth_date,
        sex=child.sex.value if child.sex else None, id_no=normal_id(child.id_no) if child.id_no else None,
        phones=of.phones, division=child.residence_division, school=child.school, reported_at=now,
    )  # fmt: skip


async def matching(
    conn: AsyncConnection, candidates: list[Candidate], marked: list[Marks], now: datetime
) -> dict[str, Match]:
    """Other open cases that may be about one of these children, the best match of each."""
    best: dict[str, Match] = {}
    for candidate, of in zip(candidates, marked, strict=True):
        for other in await _near(conn, of, now):
            match = score(candidate, other)
            if match.suggest and (other.case_id not in best or match.score > best[other.case_id].score):
                best[other.case_id] = match
    return await _without_sealed(conn, best) if best else best


async def _without_sealed(conn: AsyncConnection, best: dict[str, Match]) -> dict[str, Match]:
    """A sealed case is found by no search, not even by one of the service's own."""
    case = tables.cases.c
    inside = func.coalesce(func.jsonb_array_length(case.progress["sealed_for"]), 0)
    sealed = set((await conn.execute(select(case.id).where(case.id.in_(best), inside > 0))).scalars())
    return {case_id: match for case_id, match in best.items() if case_id not in sealed}


async def hidden_from_staff(conn: AsyncConnection, case_ids: Collection[str]) -> set[str]:
    """Those of these cases that are about somebody who handles cases: were another case said to be like one, they would be told of it."""
    case, people = tables.cases.c, tables.people.c
    staff = select(people.id).where(people.is_active, people.roles.overlap([role.value for role in STAFF]))
    concerned = staff.where(case.about.overlap(marks_in(tables.people))).correlate(tables.cases).exists()
    return set((await conn.execute(select(case.id).where(case.id.in_(case_ids), concerned))).scalars())


async def _near(conn: AsyncConnection, of: Marks, now: datetime) -> list[Candidate]:
    """Only what the marks have found is opened, and what is spoilt there stops no report.

    Of another child all marks stand for its sounds and phones: kinds never meet.
    """
    if not of.all:
        return []
    wanted = {"same": list(of.number), "alike": [*of.sounds, *of.born, *of.phones], "since": now - LOOK_BACK}
    rows = await opened(conn, (await conn.execute(NEAR, wanted)).mappings(), tables.children, lenient=True)
    return [
        Candidate(
            **{name: value for name, value in row.items() if name not in ("id", "marks")} | {
                "name": clean_name(row["name"] or ""), "sound_keys": tuple(row["marks"]), "phones": tuple(row["marks"]),
            }
        )
        for row in rows
    ]  # fmt: skip


def _near_ones() -> CompoundSelect[*tuple[Any, ...]]:
    """Children of other open cases who share a sound, the birth date or a phone, the newest, and all who share the id number.

    What is unknown matches nobody.
    """
    child, case = tables.children.c, tables.cases

    def sharing(name: str) -> ColumnElement[bool]:
        return child.marks.overlap(bindparam(name, type_=child.marks.type))

    def of_open_case(name: str, *conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        near = (
            select(child.id, child.case_id, child.name, child.marks, child.birth_date, child.sex, child.id_no,
                   child.division, child.school, child.filed_at.label("reported_at"))
            .where(*conditions)
            .cte(name).prefix_with("MATERIALIZED")  # else a planner without statistics looks at the children of every open case
        )  # fmt: skip
        return select(near).join(case, case.c.id == near.c.case_id).where(case.c.is_open, case.c.linked_to.is_(None))

    newest = of_open_case("alike", sharing("alike"), child.filed_at > bindparam("since"))
    newest = newest.order_by(newest.selected_columns.reported_at.desc()).limit(MOST_CANDIDATES)
    return union(of_open_case("same_id", sharing("same")), newest)


NEAR = _near_ones()


def suggestion_row(case_id: str, other: str, match: Match) -> dict[str, Any]:
    reasons = [reason.model_dump() for reason in match.reasons]
    return {"case_id": case_id, "other_id": other, "score": match.score, "reasons": reasons, "state": "open"}


async def is_last_suggested(conn: AsyncConnection, case_id: str, other: str) -> bool:
    """Whether the case has nothing else to be compared with than this other."""
    table = tables.suggestions.c
    waiting = select(table.other_id).where(table.case_id == case_id, table.state == "open")
    return set((await conn.execute(waiting)).scalars()) == {other}


async def decide_suggestions(conn: AsyncConnection, case_id: str, command: c.Command) -> None:
    """What a person's decision means for the suggestions of a case: linked, or cleared, also when a link was a mistake; a link is one of
    both cases, whichever of them was said to be like the other."""
    table = tables.suggestions
    of_case = update(table).where(table.c.case_id == case_id)
    match command:
        case c.LinkReport(primary=primary):
            pair = update(table).where(
                table.c.case_id.in_((case_id, primary)), table.c.other_id.in_((case_id, primary))
            )
            await conn.execute(pair.values(state="linked", decided_by=command.by.person_id))
        case c.ClearDuplicate():
            undecided = of_case.where(table.c.state == "open")
            await conn.execute(undecided.values(state="cleared", decided_by=command.by.person_id))
        case c.UnlinkReport():  # what follows another is followed by none
            of_both = update(table).where(or_(table.c.case_id == case_id, table.c.other_id == case_id))
            linked = of_both.where(table.c.state == "linked")
            await conn.execute(linked.values(state="cleared", decided_by=command.by.person_id))
        case _:
            pass
