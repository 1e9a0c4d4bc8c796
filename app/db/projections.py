"""What screens show, written with the fact that changes it: tasks, deadlines as they stood at any time, notices."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.changes import Changes
from app.db.people import actors_of, marks_in
from app.domain import events as e
from app.domain.access import ENGINE, STAFF
from app.domain.belonging import ChangeMoved
from app.domain.carrying import VisitCarried, WarningCarried
from app.domain.child_file import ChangeRungFired, ChildFile, file_id
from app.domain.clock import Clock
from app.domain.deputies import may_stand_in
from app.domain.handover import OfferWithdrawn, WatchTaken
from app.domain.opening import desk_of
from app.domain.owed import Matter, Owed, OwedOpened, OwedRungFired
from app.domain.progress import Answer, ClockName, Duty, Progress, Referral, State, running_clocks
from app.domain.rounds import UNIT, Round, RoundOpened, RoundRungFired
from app.domain.terms import Agency, Role
from app.domain.visit import WatchRungFired
from app.domain.watch import VisitRungFired, Watch, WatchBegan, WatchEnded

Row = dict[str, Any]
FILER = "filer"
"""Address of the person who filed a report; reports without one of our people behind them have nobody there."""
ANYBODY = true()


def event_rows(stream_id: str, first: int, events: Sequence[Any]) -> list[Row]:
    """The rows of the ledger, numbered from `first`."""
    return [
        {
            "stream_id": stream_id, "version": first + n, "kind": event.kind, "at": event.at, "by": event.by,
            "body": event,
        }
        for n, event in enumerate(events)
    ]  # fmt: skip


def case_columns(progress: Progress) -> Row:
    """The stored fold of a case, as columns to filter and sort by."""
    return {
        "is_open": progress.is_open,
        "division": progress.division,
        "stage": progress.stage.value,
        "urgency": progress.urgency.value,
        "branch": progress.branch.value if progress.branch else None,
        "lead": progress.lead.value,
        "reporter_unit": progress.reporter_unit,
        "rung": progress.rung.value if progress.rung else None,
        "linked_to": progress.linked_to,
        "filed_at": progress.filed_at,
        "closed_at": progress.closed_at,
        "agencies": [agency.value for agency in progress.agencies],
        "desks": list(progress.desks),
        "about": list(progress.about),
    }


def watch_columns(watch: Watch) -> Row:
    """The stored fold of a watch."""
    return {
        "is_open": watch.is_open,
        "division": watch.division,
        "child_id": watch.child_id,
        "case_id": watch.case_id,
        "grade": watch.grade.value,
        "desk": watch.desk,
        "visit_due_at": watch.visit.due_at,
        "community": watch.community,
        "offered_to": watch.handover.desk if watch.handover and watch.is_open else None,
    }


def round_columns(state: Round) -> Row:
    """The stored fold of a screening round."""
    return {
        "is_open": state.is_open,
        "division": state.division,
        "code": state.code,
        "organiser": state.organiser.value,
        "opened_at": state.opened_at,
        "due_at": state.clock.due_at,
        "closed_at": state.closed_at,
    }


def unit_rows(state: Round) -> dict[str, Row]:
    """What each unit owes in a round, by unit."""
    rows: dict[str, Row] = {}
    for asked in state.units:
        done = state.returned(asked.unit)
        rows[asked.unit] = {
            "round_id": state.round_id, "unit": asked.unit, "desk": asked.desk, "due_at": state.clock.due_at,
            "is_open": state.is_open, "returned_at": done.at if done else None, "late": bool(done and done.late),
            "screened": done.screened if done else 0, "found": done.found if done else 0,
            "joined": list(done.joined) if done else [],
        }  # fmt: skip
    return rows


def file_columns(file: ChildFile) -> Row:
    """The stored fold of a child's file."""
    return {
        "is_open": file.is_open,
        "division": file.division,
        "child_id": file.child_id,
        "desks": list(dict.fromkeys(change.desk for change in file.waiting)),
        "merged_into": file.merged_into,
        "community": file.community,
    }


def owed_columns(state: Owed) -> Row:
    """The stored fold of what is owed."""
    said = state.model_dump(mode="json", include={"is_open", "division", "matter", "code", "subject", "agency", "desk"})
    return said | {
        "opened_at": state.opened_at, "due_at": state.clock.due_at, "settled_at": state.settled_at,
        "rung": state.clock.fired[-1].value if state.clock.fired else None,
    }  # fmt: skip


async def collect(
    changes: Changes, conn: AsyncConnection, before: Any, after: Any, events: Sequence[Any], first: int, now: datetime
) -> None:
    """What brings every projection in step with the events of this transaction."""
    if isinstance(after, Progress):
        old = task_rows(before) if before else {}
        changes.upsert(tables.tasks, [row for subject, row in task_rows(after).items() if old.get(subject) != row])
        _collect_deadlines(changes, before, after, events, now)
    if isinstance(after, Round):
        asked = unit_rows(before) if before else {}
        changes.upsert(tables.round_units, [row for unit, row in unit_rows(after).items() if asked.get(unit) != row])
    changes.insert(tables.notices, await _notices(conn, after, events, first), once=True)


def task_rows(progress: Progress) -> dict[str, Row]:
    """What each desk owes in this case, by subject."""
    rows = {r.id: _referral_row(progress, r) for r in progress.referrals}
    return rows | {d.code: _duty_row(progress, d) for d in progress.duties}


def _clock_columns(clock: Clock | None) -> Row:
    nothing: Row = {"due_at": None, "next_rung_at": None, "rung": None, "next_rung": None}
    if clock is None:
        return {**nothing, "paused": False, "provisional": False}
    planned = clock.rungs[0].rung.value if clock.next_at else None
    return {
        "due_at": clock.due_at,
        "next_rung_at": clock.next_at,
        "rung": clock.fired[-1].value if clock.fired else None,
        "next_rung": planned,
        "paused": clock.paused_at is not None,
        "provisional": clock.provisional,
    }


def _referral_row(progress: Progress, referral: Referral) -> Row:
    running = dict(referral.clocks())
    clock = running.get("finish") or running.get("supply") or running.get("accept") if progress.is_open else None
    return {
        "case_id": progress.case_id,
        "subject": referral.id,
        "kind": "referral",
        "task": referral.task,
        "agency": referral.agency.value,
        "desk": referral.desk,
        "stage": referral.stage.value,
        "step": referral.step,
        "basis": list(referral.basis),
        "urgency": progress.urgency.value,
        "division": progress.division,
        "state": referral.state.value,
        "is_open": referral.state.is_open,
        "holder": referral.holder,
        "opened_at": referral.opened_at,
        "accepted_at": referral.accept.met_at,
        "delivery": referral.delivery,
        "urged": referral.urged,
        "ended_at": referral.finish.met_at if referral.finish else None,
        **_clock_columns(clock),
    }


def _duty_row(progress: Progress, duty: Duty) -> Row:
    return {
        "case_id": progress.case_id,
        "subject": duty.code,
        "kind": "duty",
        "task": duty.code.partition(":")[0],
        "agency": duty.holder.value,
        "desk": duty.desk,
        "stage": progress.stage.value,
        "step": 0,
        "basis": list(duty.basis),
        "urgency": progress.urgency.value,
        "division": progress.division,
        "state": "open" if duty.is_open else "dropped" if duty.dropped else "met",
        "is_open": duty.is_open,
        "holder": None,
        "opened_at": duty.opened_at,
        "accepted_at": None,
        "delivery": "",
        "urged": 0,
        "ended_at": duty.clock.met_at,
        **_clock_columns(duty.clock if duty.is_open else None),
    }


def _collect_deadlines(
    changes: Changes, before: Progress | None, after: Progress, events: Sequence[Any], now: datetime
) -> None:
    old, new, case = _standing(before) if before else {}, _standing(after), {"case_id": after.case_id}
    met = {event.code for event in events if isinstance(event, e.DutyMet)}
    over = met | {
        event.code for event in events if isinstance(event, e.DutyDropped)
    }  # and owed anew at once, it may be
    gone = [
        {
            **case, "subject": subject, "clock": clock, "valid_to": now,
            "met_at": now if subject in met or ((subject, clock) not in new and _was_met(after, subject)) else None,
        }
        for (subject, clock), row in old.items()
        if subject in over or new.get((subject, clock), {}).get("due_at") != row["due_at"]
    ]  # fmt: skip
    came = [row for key, row in new.items() if key[0] in over or old.get(key, {}).get("due_at") != row["due_at"]]
    changes.update(tables.deadlines, ["case_id", "subject", "clock"], gone, where="old.valid_to is null")
    changes.insert(tables.deadlines, [{**row, **case, "valid_from": now} for row in came])


def _was_met(after: Progress, subject: str) -> bool:
    """Whoever owed it did something about it; what was taken away from them was neither met nor missed by that."""
    referral, duty = after.referral(subject), after.duty(subject)
    if referral:
        return referral.state not in (State.WITHDRAWN, State.REASSIGNED, State.SILENT)
    return duty is not None and not duty.is_open and not duty.dropped


def _standing(progress: Progress) -> dict[tuple[str, str], Row]:
    """Running deadlines, and that of an acceptance which waits for material: it moves when the material is there."""
    waiting: list[tuple[str, ClockName, Clock]] = [
        (r.id, "accept", r.accept) for r in progress.referrals if r.state is State.RETURNED and progress.is_open
    ]
    rows = {}
    for subject, name, clock in (*running_clocks(progress), *waiting):
        referral, duty = progress.referral(subject), progress.duty(subject)
        agency = duty.holder if name == "duty" and duty else referral.agency if referral else progress.lead
        agency = progress.lead if name == "supply" else agency
        rows[subject, name] = {
            "subject": subject,
            "clock": name,
            "agency": agency.value,
            "stage": referral.stage.value if referral else progress.stage.value,
            "urgency": progress.urgency.value,
            "due_at": clock.due_at,
        }
    return rows


async def _notices(conn: AsyncConnection, after: Any, events: Sequence[Any], first: int) -> list[Row]:
    rows: list[Row] = []
    sealed, may_know = isinstance(after, Progress) and after.sealed_for, _may_know(after)
    instead = [f"desk:{Agency.PROC}" if sealed else f"{Role.SUPERVISOR}:{Agency.CIVIL}"]
    instead = [*after.instead, *instead] if isinstance(after, Round) else instead
    for n, event in enumerate(events):
        if not (told := _told(after, event)):
            continue
        rung = getattr(event, "rung", None)
        subject = getattr(event, "subject", None) or getattr(event, "referral_id", None) or _whole(after)
        rows += [
            {
                "person_id": person, "case_id": _stream_of(after), "version": first + n, "kind": event.kind, "subject": subject,
                "rung": rung.value if rung else None, "at": event.at,
            }
            for person in await people_at(conn, told, event.at, instead, may_know)
        ]  # fmt: skip
    return rows


def _told(after: Any, event: Any) -> tuple[str, ...]:
    """Who is to know of an event: those whom it names, and whoever gets or loses a task by another's hand."""
    match event:
        case (
            e.RungFired()
            | e.ReferralUrged()
            | e.DeliveryRecorded()
            | VisitRungFired()
            | WatchRungFired()
            | ChangeRungFired()
            | RoundOpened()
            | RoundRungFired()
            | OwedOpened()
            | OwedRungFired()
        ):
            return event.recipients
        case e.TaskMoved(holder=holder):
            return (f"person:{holder}",)
        case WatchEnded(by=by) if by != ENGINE.person_id:
            street = desk_of(Agency.STREET, after.division) if after.desk.startswith(Agency.COMM) else after.desk
            return tuple(dict.fromkeys((f"{Role.DESK_HEAD}:{after.desk}", f"{Role.DESK_HEAD}:{street}")))
        case WarningCarried() | VisitCarried():
            return (f"desk:{after.desk}",)
        case (WatchTaken(by=ENGINE.person_id) | ChangeMoved() | OfferWithdrawn()) as given:
            return (f"desk:{given.desk}",)
        case WatchBegan(desk=desk, division=division) if desk != desk_of(Agency.COMM, division):
            return (f"desk:{desk}",)
        case e.ReferralReassigned(referral_id=rid) | e.ReferralWithdrawn(referral_id=rid):
            left = after.referral(rid)
            return (f"person:{left.holder}",) if left.holder else (f"desk:{left.desk}",)
        case e.AssessmentFiled(
            referral_id=rid
        ):  # R130: what social work knows goes to those who complete the file with it
            mine = after.referral(rid)
            return tuple(f"desk:{desk}" for desk in after.desks if mine is None or desk != mine.desk)
        case e.ReporterInformed() | e.ReporterAnswered() if after.answer is not Answer.WAIVED:
            return (f"{FILER}:{after.case_id}",)
        case _:
            return ()


def _whole(after: Any) -> str:
    """What a notice is about that is about no single leg or duty."""
    kinds = ((Progress, "report"), (Round, "round"), (Watch, "visit"), (ChildFile, "child_file"), (Owed, "owed"))
    return next(what for kind, what in kinds if isinstance(after, kind))


def _stream_of(after: Any) -> str:
    """Where whoever is told looks: the case, also behind a watch that a case began, the watch, or the file."""
    if isinstance(after, ChildFile):
        return file_id(after.child_id)
    if isinstance(after, Owed):
        return after.owed_id
    return after.case_id or after.watch_id if isinstance(after, Watch) else after.case_id


def _may_know(after: Any) -> ColumnElement[bool]:
    """Of people: that somebody has to be designated for a case is told to nobody whom it names; of a sealed one every authority outside
    is kept from what it says, also that which is told."""
    if not isinstance(after, Owed) or after.matter is not Matter.RECUSAL:
        return true()
    case, people = tables.cases.c, tables.people
    named = func.array_remove(marks_in(people), people.c.agency)
    about_them = select(case.id).where(case.id == after.subject, case.about.overlap(named))
    return not_(about_them.correlate(people).exists())


async def people_at(
    conn: AsyncConnection,
    addresses: Sequence[str],
    at: datetime,
    instead: Sequence[str],
    may_know: ColumnElement[bool] = ANYBODY,
) -> list[str]:
    """The active people behind addresses such as `desk:POLICE`, and their deputies at that time.

    Where a seat is empty, the first of those that are not is told `instead`, such as the supervisors of civil affairs; a reporter's
    word is for the reporter alone.
    """
    people: dict[str, None] = {}
    for address in addresses:
        for seat in (address, *(() if address.startswith(FILER) else instead)):
            if found := await _ids(conn, and_(_at(seat), may_know)):
                people |= dict.fromkeys(found)
                break
    return [*people, *(await _deputies_of(conn, list(people), at, may_know) if people else ())]


async def _deputies_of(
    conn: AsyncConnection, people: list[str], at: datetime, may_know: ColumnElement[bool]
) -> list[str]:
    """Those who may sit in the seat as both are now, not as they were when the absence was entered."""
    row = tables.deputies.c
    lent = select(row.person_id, row.deputy_id).where(
        row.person_id.in_(people),
        row.from_at <= at,
        row.until_at > at,
        row.revoked_at.is_(None),
        row.deputy_id.not_in(people),
    )
    pairs = [(one.person_id, one.deputy_id) for one in await conn.execute(lent)]
    known = await actors_of(conn, {one for pair in pairs for one in pair}) if pairs else {}
    seated = {one for absent, one in pairs if {absent, one} <= known.keys() and may_stand_in(known[absent], known[one])}
    return await _ids(conn, and_(tables.people.c.id.in_(seated), may_know)) if seated else []


async def _ids(conn: AsyncConnection, condition: ColumnElement[bool]) -> list[str]:
    query = select(tables.people.c.id).where(condition, tables.people.c.is_active).order_by(tables.people.c.id)
    return list((await conn.execute(query)).scalars())


def _at(address: str) -> ColumnElement[bool]:
    where, _, name = address.partition(":")
    people = tables.people.c
    match where:
        case "person":
            return people.id == name
        case _ if where == FILER:
            report = tables.reports.c
            return people.id == select(report.filed_by).where(report.case_id == name).scalar_subquery()
        case _ if where == UNIT:
            return people.unit == name
        case "desk":
            return and_(people.desk == name, people.roles.overlap([role.value for role in STAFF]))
        case Role.DESK_HEAD:
            return and_(people.desk == name, people.roles.contains([Role.DESK_HEAD.value]))
        case _:
            return and_(or_(people.agency == name, people.desk == name), people.roles.contains([where]))
