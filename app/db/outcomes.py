"""What the figures are made of: the cases and watches as their events left them at an instant, and what the rules say of each child."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.scorecard import KEPT_AT
from app.domain.child_file import PREFIX
from app.domain.child_terms import FileField
from app.domain.outcomes import CaseThen, WatchThen
from app.domain.policy import RECOGNISED, SENTENCED, TURNS
from app.domain.procedure import happening

TOLD = (
    "report_filed", "policy_moved", "guardian_sentenced", "assessment_filed", "grade_reviewed", "referral_accepted",
    "safety_confirmed", "report_linked", "report_unlinked", "case_closed",
)  # fmt: skip
SAID = ("division", "policy", "watch", "after", "grade", "step", "outcome", "facts", "primary", "sealed_for")
"""What these say that figures need; the events are long, and the rest of them is not fetched."""


async def cases_then(conn: AsyncConnection, at: datetime, seen: ColumnElement[bool]) -> list[CaseThen]:
    """Every case that had been filed, folded from its events up to the instant."""
    event, case = tables.events.c, tables.cases.c
    said = [event.body[name].astext.label(name) for name in SAID]
    conference = (event.kind == "outcome_recorded") & (event.body["step"].astext == RECOGNISED.partition("=")[0])
    query = (
        select(
            event.stream_id, event.version, event.kind, event.at, *said, tables.reports.c.happened_on.label("day"),
            case.erased_at,
        )
        .join(tables.cases, case.id == event.stream_id)
        .outerjoin(tables.reports, tables.reports.c.case_id == case.id)
        .where(or_(event.kind.in_(TOLD), conference), event.at <= at, seen)
        .order_by(event.stream_id, event.version)
    )  # fmt: skip
    found: dict[str, dict[str, Any]] = {}
    for row in await conn.execute(query):
        if row.kind == "report_filed":
            found[row.stream_id] = {
                "case_id": row.stream_id, "filed_at": row.at, "happened_on": row.day, "division": row.division,
                "policy": row.policy, "watch": row.watch, "sealed": row.sealed_for not in (None, "[]"),
                "erased": row.erased_at is not None,
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
            return {"linked": True, "linked_to": row.primary}
        case "report_unlinked":
            return {"linked": False, "linked_to": None, "closed_at": None}
        case "case_closed":
            return {"closed_at": row.at}
        case _:
            return {} if "first_action_at" in so_far else {"first_action_at": row.at}


async def watches_then(conn: AsyncConnection, at: datetime) -> dict[str, WatchThen]:
    """Every watch that had begun, by child."""
    event, watches, carried = tables.events.c, dict[str, WatchThen](), dict[str, Any]()
    said = [event.body[name].astext.label(name) for name in ("grade", "division", "keeps_open", "own")] + [
        event.body["of"].label("of")
    ]
    kinds = (*GOES_ON, *STOPS, *ENTRUSTS)
    query = select(event.stream_id, event.version, event.kind, *said).where(event.kind.in_(kinds), event.at <= at)
    for row in await conn.execute(query.order_by(event.stream_id, event.version)):
        child = row.stream_id.removeprefix("watch-")
        last = watches.get(child)
        if last and row.kind in ENTRUSTS:
            if row.kind != "carried_left":
                carried[child] = row.of
                watches[child] = last.model_copy(update={"entrusted": row.kind != "parents_returned"})
            elif carried.get(child) in row.of:  # else only warnings had come along, and what was arranged here stands
                carried[child] = None
                watches[child] = last.model_copy(update={"entrusted": row.own is not None})
            continue
        anew = row.kind == "watch_began" and row.keeps_open != "true"
        watches[child] = WatchThen.model_validate(
            {
                "child_id": child, "division": (row.division if row.kind in KEPT_AT else None) or (last.division if last else ""),
                "grade": row.grade or (last.grade if last else None), "is_open": row.kind not in STOPS,
                "seen": row.version if row.kind == "visit_recorded" else last.seen if last else 0,
                "entrusted": bool(last and last.entrusted and not anew),
            }
        )  # fmt: skip
    return watches


GOES_ON = ("watch_began", "visit_recorded", "watch_taken", "watch_resumed", "watch_parted")
STOPS = ("watch_ended", "watch_suspended", "watch_undone")
ENTRUSTS = ("care_arranged", "care_carried", "parents_returned", "carried_left")
"""What says whether the parents have arranged who cares, here or, `of` another watch, where it was carried from."""


async def registered_then(
    conn: AsyncConnection, at: datetime, kept: ColumnElement[bool], watches: Mapping[str, WatchThen], own: str | None = None
) -> list[CaseThen]:  # fmt: skip
    """Children whom nobody had reported and whose registration had been verified, where their watch was kept then: in that street, if one
    is named."""
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
        for row in await conn.execute(query) if row.id in watches and own in (None, watches[row.id].division)
    ]  # fmt: skip
