"""What people work from: a desk's tasks, the stalled list with its causes, on-time rates, notices."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal, get_args

from fastapi import Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Select, and_, case, false, func, not_, or_, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.answers import CauseCount, FindingRow, NamedTask, Notice, Rate, StalledRow, TaskCounts, TaskRow
from app.api.cases import owed_shown, tasks_shown
from app.api.context import Conn, Shouhu, Who, at_desk_of, require, unconcerned, visible
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.scorecard import kept_on_time
from app.db.service import Service
from app.db.walls import stream_concerns
from app.domain.access import Action, Actor
from app.domain.case_no import case_no
from app.domain.procedure_work import allowed
from app.domain.terms import Cause, Fault, Stage, Urgency
from app.domain.titles import TITLES
from app.domain.typed import Instant
from app.domain.working_time import BEIJING, day_of
from app.policy.pack import Pack
from app.policy.task_names import task_names
from app.policy.words import Words
from app.router import Router

router = Router(prefix="/v1", tags=["boards"], route_class=StrictRoute)
DUE_SOON = timedelta(hours=4)
MOST_COUNTED = 100
MOST_LOOKED = 500
"""Tasks of a view that are looked through for its filters, those with the least time left first."""
View = Literal["mine", "claimable", "desk", "done"]
Due = Literal["overdue", "soon", "today", "week"]
task = tables.tasks.c
DUES: tuple[Due, ...] = get_args(Due)
FILTERS: dict[str, tuple[str, ...]] = {
    "stage": tuple(one.value for one in Stage if one is not Stage.CLOSED),
    "urgency": tuple(one.value for one in Urgency),
    "due": DUES,
}
"""The filters of the list, with all their values."""


@router.get("/me", operation_id="me")
async def me(who: Who) -> Actor:
    """Who the token stands for."""
    return who


@router.get("/tasks", operation_id="tasks")
async def tasks(
    conn: Conn, who: Who, shouhu: Shouhu, view: View = "desk", stage: Stage | None = None, urgency: Urgency | None = None,
    due: Due | None = None, cursor: Cursor = None, limit: Limit = 50,
) -> Page[NamedTask]:  # fmt: skip
    """Tasks of the caller's desk by time left, in `done` those that ended, the newest first; a step of a procedure says how it may end."""
    case, asked = tables.cases.c, [in_view(who, view), *_due(due, shouhu.ledger.clock())]
    asked += [column == wanted.value for column, wanted in ((task.stage, stage), (task.urgency, urgency)) if wanted]
    shown = (tables.tasks, case.number, case.filed_at, case.progress["policy"].astext.label("rules"))
    query = select(*shown).join(tables.cases, case.id == task.case_id).where(*asked)
    done = view == "done"
    by = (task.ended_at if done else task.due_at, task.case_id, task.subject)
    page = await page_of(conn, who, query, _Numbered, by, cursor=cursor, limit=limit, newest_first=done)
    packs = await _packs(conn, shouhu, page.items)
    return Page(items=[NamedTask(**row.named(packs[row.rules])) for row in page.items], next=page.next)


def unread_notices(who: Actor) -> Select[Any]:
    """What the person was told and has not read, of cases that are not about them."""
    notice = tables.notices.c
    mine = select(notice.id).where(notice.person_id == who.person_id, notice.read_at.is_(None))
    return mine.where(_may_be_told(who))


def _may_be_told(who: Actor) -> ColumnElement[bool]:
    """No case behind a notice is about the actor: neither its own, nor one of the child whose file or watch it tells of, nor one for which
    something is owed."""
    of = tables.notices.c.case_id
    return and_(unconcerned(who, of), or_(of.startswith("case-"), not_(stream_concerns(who, of))))


@router.get("/tasks/counts", operation_id="task_counts")
async def task_counts(
    conn: Conn, who: Who, shouhu: Shouhu, view: View = "desk", stage: Stage | None = None, urgency: Urgency | None = None,
    due: Due | None = None,
) -> TaskCounts:  # fmt: skip
    """What stands beside the views; and of one view how many tasks each filter would leave, beside the others that are set."""
    now = shouhu.ledger.clock()
    found_by_left = {view, "overdue"} if view == "desk" else {view}
    counted = {
        **{name: select(task.case_id).where(in_view(who, name)) for name in ("mine", "claimable", "desk")},
        "overdue": select(task.case_id).where(in_view(who, "desk"), task.due_at <= now),
        "notices": unread_notices(who),
    }
    columns = [
        select(func.count()).select_from(query.limit(MOST_COUNTED).subquery()).scalar_subquery().label(name)
        for name, query in counted.items()
        if name not in found_by_left
    ]
    left = _left(who, view, {"stage": stage, "urgency": urgency, "due": due}, now)
    found = dict((await conn.execute(select(*columns, *left))).mappings().one())
    facets = {name: {code: found[f"{name}.{code}"] for code in codes} for name, codes in FILTERS.items()}
    own = {name: min(found["looked" if name == view else "late"], MOST_COUNTED) for name in found_by_left}
    given = {name: {**found, **own}[name] for name in counted}
    return TaskCounts.model_validate(given | {"left": facets | {"is_whole": found["looked"] <= MOST_LOOKED}})


def _left(who: Actor, view: View, chosen: Mapping[str, str | None], now: datetime) -> Sequence[ColumnElement[Any]]:
    """By filter and value, how many of the view's first tasks it leaves; one pass in the order of the list, so by its index."""
    first, shown = task.ended_at.desc() if view == "done" else task.due_at, (task.stage, task.urgency, task.due_at)
    looked = select(*shown).where(in_view(who, view)).order_by(first).limit(MOST_LOOKED + 1)
    row = looked.subquery("looked").c
    fits: dict[str, dict[str, ColumnElement[bool]]] = {
        "stage": {code: row.stage == code for code in FILTERS["stage"]},
        "urgency": {code: row.urgency == code for code in FILTERS["urgency"]},
        "due": {code: and_(*_due(code, now, row.due_at)) for code in DUES},
    }
    columns = [func.count().label("looked"), func.count().filter(row.due_at <= now).label("late")]
    for name, codes in FILTERS.items():
        # no task is of a closed case, but whoever asks for them is answered
        others = [fits[other].get(value, false()) for other, value in chosen.items() if other != name and value]
        columns += [func.count().filter(fits[name][code], *others).label(f"{name}.{code}") for code in codes]
    return columns


class _Numbered(TaskRow):
    """A task with what its case is called, and the version by which it runs."""

    number: int
    filed_at: datetime
    rules: str

    def named(self, pack: Pack) -> dict[str, Any]:
        """With its name, and the ways in which it may end."""
        names, step = task_names(pack.version, pack.file), pack.step_of_task(self.subject)
        of_step = names.get(step) if self.kind == "duty" else None
        named = of_step or names.get(self.subject) or names.get(self.task) or Words(self.task, self.task)
        return self.model_dump(exclude={"number", "filed_at", "rules", "outcomes"}) | {
            "outcomes": list(allowed(pack, step)) if step and self.is_open else [], "title_zh": named.zh, "title_en": named.en,
            "case_no": case_no(self.number, self.filed_at),
        }  # fmt: skip


class _Stalling(_Numbered):
    cause: Cause
    age: float


async def _packs(conn: AsyncConnection, shouhu: Service, rows: Sequence[_Numbered]) -> dict[str, Pack]:
    """The versions by which these tasks run."""
    return {name: Pack(name, (await shouhu.ledger.pack(conn, name)).file) for name in {row.rules for row in rows}}


def in_view(who: Actor, view: View) -> ColumnElement[bool]:
    """Whether a task stands in this view of the actor's desk; what can be claimed is a leg that nobody holds."""
    chosen = {
        "mine": and_(task.is_open, task.holder.in_(who.persons)),
        "claimable": and_(task.is_open, task.holder.is_(None), task.kind == "referral"),
        "desk": task.is_open,
        "done": and_(not_(task.is_open), task.ended_at.is_not(None)),
    }[view]
    return and_(chosen, at_desk_of(who, task.desk), unconcerned(who, task.case_id))


def _due(due: Due | None, now: datetime, at: ColumnElement[datetime] = task.due_at) -> list[ColumnElement[bool]]:
    """Past their time, or still in it and due within four hours, today or seven days."""
    if due is None:
        return []
    if due == "overdue":
        return [at <= now]
    midnight = datetime.combine(day_of(now) + timedelta(days=1), time(), BEIJING)
    until = {"soon": now + DUE_SOON, "today": midnight, "week": now + timedelta(days=7)}[due]
    return [at > now, at <= until]


def _causes(now: datetime) -> dict[Cause, ColumnElement[bool]]:
    """Why a child waits; of several causes the first counts. Each can be found by an index.

    Whoever was left silent has another in its place, and is looked at until its ladder has ended.
    """
    standing = text(tables.STANDING)
    return {
        Cause.DELIVERY_FAILING: and_(standing, task.state == "sent", task.delivery.in_(["failing", "rejected"])),
        Cause.PAUSED: and_(standing, task.paused),
        Cause.AWAITING_MATERIAL: and_(standing, task.state == "returned"),
        Cause.NOT_ACCEPTED: or_(text(tables.LEFT_SILENT), and_(task.state == "sent", task.due_at <= now)),
        Cause.OVERDUE: task.due_at <= now,
        Cause.DUE_SOON: and_(task.due_at > now, task.due_at <= now + DUE_SOON),
    }


@router.get("/stalled", operation_id="stalled")
async def stalled(
    conn: Conn, who: Who, shouhu: Shouhu, cause: Cause | None = None, cursor: Cursor = None, limit: Limit = 100
) -> Page[StalledRow]:
    """Where a child waits: by age in step, with the cause, the holder, the rung reached and the next; of a case that is not shown whole,
    the own tasks."""
    require(who, Action.READ_STATISTICS)
    now = shouhu.ledger.clock()
    causes = _causes(now)
    why = case(*((condition, name.value) for name, condition in causes.items()), else_=None)
    asked = _because_of(causes, cause) if cause else or_(*causes.values())
    query = (
        select(
            tables.tasks, tables.cases.c.number, tables.cases.c.filed_at, tables.cases.c.progress["policy"].astext.label("rules"),
            why.label("cause"),
            func.extract("epoch", now - task.opened_at).label("age"),
        )
        .join(tables.cases, tables.cases.c.id == task.case_id)
        .where(text(tables.WAITING), await tasks_shown(conn, who, shouhu), asked)
    )  # fmt: skip
    by = (task.opened_at, task.case_id, task.subject)
    page = await page_of(conn, who, query, _Stalling, by, cursor=cursor, limit=limit)
    packs = await _packs(conn, shouhu, page.items)
    return Page(items=[StalledRow(**row.named(packs[row.rules])) for row in page.items], next=page.next)


def _because_of(causes: Mapping[Cause, ColumnElement[bool]], cause: Cause) -> ColumnElement[bool]:
    """That this cause is the first that holds."""
    earlier = tuple(causes)[: tuple(causes).index(cause)]
    return and_(causes[cause], *(not_(causes[other]) for other in earlier))


@router.get("/stalled/counts", operation_id="stalled_counts")
async def stalled_counts(conn: Conn, who: Who, shouhu: Shouhu) -> list[CauseCount]:
    """How many tasks stall because of each cause, of those that are shown; in one statement that counts no further than 100 of each."""
    require(who, Action.READ_STATISTICS)
    causes, shown = _causes(shouhu.ledger.clock()), await tasks_shown(conn, who, shouhu)
    some = {
        cause: select(task.case_id)
        .join(tables.cases, tables.cases.c.id == task.case_id)
        .where(text(tables.WAITING), shown, _because_of(causes, cause))
        .limit(MOST_COUNTED)
        .subquery()
        for cause in causes
    }
    numbers = [
        select(func.count()).select_from(rows).scalar_subquery().label(cause.value) for cause, rows in some.items()
    ]
    row = (await conn.execute(select(*numbers))).mappings().one()
    return [CauseCount(cause=cause, tasks=row[cause.value]) for cause in Cause]


@router.get("/statistics/on-time", operation_id="on_time", response_model_exclude_unset=True)
async def on_time(
    conn: Conn, who: Who, shouhu: Shouhu, by: Literal["agency", "stage", "urgency"] = "agency",
    as_of: Annotated[Instant | None, Query(description="Any instant; the past as it stood then.")] = None,
) -> list[Rate]:  # fmt: skip
    """Deadlines that fell due by then, and how many were met in time.

    One that was moved before it fell due counts at its new instant alone; one that was moved too late was missed. Of a case that is
    not shown whole, the own ones.
    """
    require(who, Action.READ_STATISTICS)
    at = as_of or shouhu.ledger.clock()
    line, owed = tables.deadlines.c, await owed_shown(conn, who, shouhu)
    query = kept_on_time(by, at).where(owed(line.agency, line.case_id, line.subject, line.valid_from))
    rows = (await conn.execute(query)).mappings()
    return [Rate.model_validate({**row, "rate": round(row["on_time"] / row["due"], 4)}) for row in rows]


FOR_OVERSIGHT = (Fault.LINK_STANDS_OPEN.value, Fault.DESK_CONCERNED.value)
"""What alone says that a case is about somebody who handles cases."""


@router.get("/findings", operation_id="findings")
async def findings(
    conn: Conn, who: Who, ended: bool = False, cursor: Cursor = None, limit: Limit = 100
) -> Page[FindingRow]:
    """What the reconciler finds wrong: an open case without owner, deadline or live workflow; the oldest first. Of a link that keeps
    nobody out those are told who oversee the district; of what is about the caller nothing is told."""
    require(who, Action.READ_STATISTICS)
    found, watch, case = tables.findings, tables.watches.c, tables.cases.c
    file, child = tables.child_files.c, tables.children.c
    of_case = func.coalesce(watch.case_id, child.case_id, found.c.stream_id)
    stream, kept_back = found.c.stream_id, and_(watch.id.is_(None), file.id.is_(None))
    is_walled = and_(or_(stream.startswith("watch-"), stream.startswith("file-")), kept_back)
    is_free = not_(or_(of_case.startswith("case-"), is_walled))
    of_no_case = and_(is_free, true() if who.oversees_district else at_desk_of(who, watch.desk))
    query = (
        select(found, of_case.label("case_id"))
        .outerjoin(tables.watches, watch.id == found.c.stream_id)
        .outerjoin(tables.child_files, file.id == found.c.stream_id)
        .outerjoin(tables.children, child.id == file.child_id)
        .outerjoin(tables.cases, case.id == of_case)
        .where(or_(visible(who), of_no_case), found.c.ended_at.is_not(None) if ended else found.c.ended_at.is_(None))
        .where(not_(stream_concerns(who, stream)))
        .where(true() if who.oversees_district else found.c.problem.not_in(FOR_OVERSIGHT))
    )
    return await page_of(conn, who, query, FindingRow, (found.c.found_at, found.c.id), cursor=cursor, limit=limit)


@router.get("/notices", operation_id="notices")
async def notices(conn: Conn, who: Who, unread: bool = True, cursor: Cursor = None, limit: Limit = 50) -> Page[Notice]:
    """What the caller was told, newest first."""
    table, case = tables.notices, tables.cases.c
    query = select(table, case.number, case.filed_at).outerjoin(tables.cases, case.id == table.c.case_id)
    query = query.where(table.c.person_id == who.person_id, _may_be_told(who))
    query = query.where(table.c.read_at.is_(None)) if unread else query
    page = await page_of(conn, who, query, _Told, (table.c.id,), cursor=cursor, limit=limit, newest_first=True)
    return Page(items=[_notice(row) for row in page.items], next=page.next)


class _Told(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: int
    kind: str
    number: int | None
    filed_at: datetime | None


def _notice(row: _Told) -> Notice:
    zh, en = TITLES.get(row.kind, (row.kind, row.kind))
    number = case_no(row.number, row.filed_at) if row.number and row.filed_at else None
    return Notice.model_validate(
        {**row.model_dump(exclude={"number", "filed_at"}), "title_zh": zh, "title_en": en, "case_no": number}
    )


@router.post("/notices/{notice_id}/read", status_code=204, operation_id="read_notice")
async def read_notice(notice_id: int, conn: Conn, who: Who, shouhu: Shouhu) -> None:
    """The caller has read it."""
    table = tables.notices
    mine = and_(table.c.id == notice_id, table.c.person_id == who.person_id)
    await conn.execute(update(table).where(mine, table.c.read_at.is_(None)).values(read_at=shouhu.ledger.clock()))
