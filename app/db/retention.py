"""What is due for destruction: found from what the ledger says of a child's whole group, listed once, and held where somebody says so."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

import structlog
from sqlalchemy import ColumnElement, delete, func, insert, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.child_records import records_of
from app.db.retention_tables import disposals, legal_holds
from app.db.vault import KeyMissing, sealed_row
from app.domain.access import Actor
from app.domain.child_file import file_id
from app.domain.child_terms import FileField
from app.domain.refusals import RefusalCode, Refused
from app.domain.retention import Dossier, HoldReason, Life, LiftReason, RetentionRule, due_on, rule_for, years_after
from app.domain.sight import reads_with
from app.domain.watch import watch_id
from app.domain.working_time import BEIJING, day_of

log = structlog.get_logger()
MOST = 500
"""Listed in one run; the next one goes on."""
case, child, file, watch = tables.cases.c, tables.children.c, tables.child_files.c, tables.watches.c
listed, hold = disposals.c, legal_holds.c
Rules = Sequence[RetentionRule]


@dataclass(frozen=True)
class Group:
    """All that belongs to one child: its cases and those they are linked with, and everybody's files that were joined."""

    cases: frozenset[str]
    children: frozenset[str]

    @property
    def streams(self) -> list[str]:
        """Of the ledger."""
        return [*self.cases, *map(watch_id, self.children), *map(file_id, self.children)]

    @property
    def subjects(self) -> list[str]:
        """By what it may be listed or held."""
        return [*self.cases, *self.children]


async def group_of(conn: AsyncConnection, subject_id: str, kept: Dossier) -> Group:
    """From one of it to all of it."""
    cases = {subject_id} if kept is Dossier.CASE else set[str]()
    children = set[str]() if kept is Dossier.CASE else {subject_id}
    while True:
        before = len(cases) + len(children)
        rows = select(child.id, child.case_id).where(or_(child.case_id.in_(cases), child.id.in_(children)))
        for row in await conn.execute(rows):
            children.add(row.id)
            cases |= {row.case_id} if row.case_id else set()
        joined = or_(file.child_id.in_(children), file.merged_into.in_(children))
        for row in await conn.execute(select(file.child_id, file.merged_into).where(joined)):
            children |= {one for one in row if one}
        visited = case.progress["watch"].astext
        near = or_(case.id.in_(cases), case.linked_to.in_(cases), visited.in_([watch_id(one) for one in children]))
        for row in await conn.execute(select(case.id, case.linked_to).where(near)):
            cases |= {one for one in row if one}
        if len(cases) + len(children) == before:
            return Group(frozenset(cases), frozenset(children))


async def life_of(conn: AsyncConnection, group: Group) -> Life:
    """When its last fact was, whether it is in use or held, and when its children were born."""
    event = tables.events.c
    last = (await conn.execute(select(func.max(event.at)).where(event.stream_id.in_(group.streams)))).scalar()
    filed = select(child.id, child.filed_at).where(child.id.in_(group.children))
    first = {row.id: day_of(row.filed_at) for row in await conn.execute(filed)}
    held = select(hold.id).where(hold.subject_id.in_(group.subjects), hold.lifted_at.is_(None)).limit(1)
    known = await _born(conn, group)
    born = tuple(known.get(one) or day for one, day in first.items())
    return Life(
        last_on=day_of(last) if last else max(first.values(), default=date.max),
        in_use=await _in_use(conn, group), born=born, held=(await conn.execute(held)).first() is not None,
    )  # fmt: skip


async def is_reported_on(conn: AsyncConnection, subject_id: str, group: Group) -> bool:
    """Whether a visit has made a later report of it that is kept still: that one holds who reported this one, to hide them in its texts."""
    mine = select(case.number).where(case.id == subject_id).scalar_subquery()
    visited = case.progress["watch"].astext.in_([watch_id(one) for one in group.children])
    later = select(case.id).where(visited, case.number > mine, case.erased_at.is_(None))
    return (await conn.execute(later.limit(1))).first() is not None


async def _in_use(conn: AsyncConnection, group: Group) -> bool:
    for query in (
        select(case.id).where(case.id.in_(group.cases), case.is_open),
        select(watch.id).where(watch.child_id.in_(group.children), watch.is_open),
        select(file.id).where(file.child_id.in_(group.children), file.is_open),
    ):
        if (await conn.execute(query.limit(1))).first():
            return True
    return False


async def _born(conn: AsyncConnection, group: Group) -> dict[str, date]:
    """As the report or a passed entry of the file says; of a date that is no whole one nothing."""
    found: dict[str, date] = {}
    for record in await records_of(conn, sorted(group.children), true()):
        entry = record.entry(FileField.BIRTH_DATE)
        try:
            found[record.child_id] = date.fromisoformat(str(entry.value)) if entry else date.max
        except ValueError:
            continue
    return {one: day for one, day in found.items() if day != date.max}


async def list_due(conn: AsyncConnection, rules: Rules, now: datetime) -> int:
    """Put on the list what is due and not on it, take off what is not due any more; how many wait there."""
    today, fresh = day_of(now), 0
    waiting = select(listed.subject_id, listed.kept).where(listed.erased_at.is_(None))
    for row in (await conn.execute(waiting)).all():
        await _enter(conn, row.subject_id, Dossier(row.kept), rules, now)
    for kept in Dossier:
        if rule := rule_for(rules, kept, today):
            for subject_id in await _candidates(conn, kept, rule, today):
                fresh += await _enter(conn, subject_id, kept, rules, now)
                if fresh >= MOST:
                    break
    return (await conn.execute(select(func.count()).select_from(waiting.subquery()))).scalar_one()


async def _candidates(conn: AsyncConnection, kept: Dossier, rule: RetentionRule, today: date) -> list[str]:
    """By what an index finds: what has been closed, or registered, for long enough; the oldest first."""
    before = datetime.combine(years_after(today, -rule.years), time.max, BEIJING)
    unlisted = (
        ~select(listed.subject_id).where(listed.subject_id == (case.id if kept is Dossier.CASE else child.id)).exists()
    )
    if kept is Dossier.CASE:
        query = select(case.id).where(case.is_open.is_(False), case.erased_at.is_(None), case.closed_at <= before)
        return list((await conn.execute(query.where(unlisted).order_by(case.closed_at, case.id))).scalars())
    query = select(child.id).where(child.case_id.is_(None), child.filed_at <= before, unlisted)
    return list((await conn.execute(query.order_by(child.filed_at, child.id))).scalars())


async def _enter(conn: AsyncConnection, subject_id: str, kept: Dossier, rules: Rules, now: datetime) -> bool:
    """Its line as it stands today; False where it is not due and has none."""
    today = day_of(now)
    rule, life = rule_for(rules, kept, today), await _life(conn, subject_id, kept)
    if rule is None or life is None or life.in_use or due_on(rule, life) > today:
        await conn.execute(delete(disposals).where(listed.subject_id == subject_id, listed.erased_at.is_(None)))
        return False
    row = {
        "subject_id": subject_id, "kept": kept.value, "case_id": subject_id if kept is Dossier.CASE else None,
        "rule": rule.code, "due_on": due_on(rule, life), "held": life.held, "listed_at": now,
    }  # fmt: skip
    stays = {name: row[name] for name in ("rule", "due_on", "held")}
    made = upsert(disposals).values(row).on_conflict_do_update(index_elements=["subject_id"], set_=stays)
    await conn.execute(made)
    return True


async def _life(conn: AsyncConnection, subject_id: str, kept: Dossier) -> Life | None:
    """None of what cannot be read: it is never due by itself, and stops nothing else."""
    try:
        return await _life_by_itself(conn, subject_id, kept)
    except (ValueError, KeyMissing) as wrong:
        log.warning("retention_unreadable", subject=subject_id, cause=type(wrong).__name__)
        return None


async def _life_by_itself(conn: AsyncConnection, subject_id: str, kept: Dossier) -> Life:
    """That of its group; what a later report rests on is in use until that one is destroyed, so the newest goes first."""
    group = await group_of(conn, subject_id, kept)
    life = await life_of(conn, group)
    return life.model_copy(update={"in_use": True}) if await is_reported_on(conn, subject_id, group) else life


async def require_due(conn: AsyncConnection, subject_id: str, rules: Rules, now: datetime) -> Dossier:
    """What it is, once it stands on the list, is due still and nobody holds it; else the refusal that says why not."""
    row = (await conn.execute(select(disposals).where(listed.subject_id == subject_id).with_for_update())).one_or_none()
    if row is None:
        raise Refused(RefusalCode.NOT_LISTED)
    if row.erased_at is not None:
        raise Refused(RefusalCode.ALREADY_DONE)
    kept, today = Dossier(row.kept), day_of(now)
    rule, life = rule_for(rules, kept, today), await _life_by_itself(conn, subject_id, kept)
    if life.held:
        raise Refused(RefusalCode.ON_HOLD)
    if rule is None or life.in_use or due_on(rule, life) > today:
        raise Refused(RefusalCode.NOT_DUE)
    return kept


async def set_hold(
    conn: AsyncConnection, who: Actor, subject_id: str, kept: Dossier, reason: HoldReason, note: str, now: datetime
) -> str:
    """Nothing of its group is destroyed from now on."""
    row = {
        "id": f"hold-{uuid.uuid4().hex}", "subject_id": subject_id, "case_id": subject_id if kept is Dossier.CASE else None,
        "reason": reason.value, "note": note, "office": reads_with(who), "set_by": who.person_id, "set_at": now,
    }  # fmt: skip
    await conn.execute(insert(legal_holds).values(await sealed_row(conn, legal_holds, row)))
    await _mark(conn, subject_id, kept)
    return row["id"]


async def lift_hold(
    conn: AsyncConnection, who: Actor, hold_id: str, reason: LiftReason, approval_id: str, now: datetime
) -> None:
    """It may be destroyed again, once it is due."""
    mine = update(legal_holds).where(hold.id == hold_id, hold.lifted_at.is_(None))
    lifted = mine.values(lift_reason=reason.value, lifted_by=who.person_id, lifted_at=now, approval_id=approval_id)
    row = (await conn.execute(lifted.returning(hold.subject_id, hold.case_id))).one_or_none()
    if row is None:
        raise Refused(RefusalCode.ALREADY_DONE)
    await _mark(conn, row.subject_id, Dossier.CASE if row.case_id else Dossier.CHILD)


async def _mark(conn: AsyncConnection, subject_id: str, kept: Dossier) -> None:
    """The lines of the whole group say whether it is held."""
    group = await group_of(conn, subject_id, kept)
    held = select(hold.id).where(hold.subject_id.in_(group.subjects), hold.lifted_at.is_(None)).exists()
    mine = update(disposals).where(listed.subject_id.in_(group.subjects), listed.erased_at.is_(None))
    await conn.execute(mine.values(held=select(held).scalar_subquery()))


def in_state(state: str) -> ColumnElement[bool]:
    """As a condition on the list: `due`, `held` or `erased`."""
    return {
        "due": listed.erased_at.is_(None) & ~listed.held,
        "held": listed.erased_at.is_(None) & listed.held,
        "erased": listed.erased_at.is_not(None),
    }[state]
