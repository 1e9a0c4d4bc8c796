"""Children's files that may be about one child: found over the keyed marks, opened, and weighed with reasons."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Double,
    Index,
    String,
    Table,
    any_,
    case,
    cast,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db import tables
from app.db.child_records import each_once, records_of
from app.db.columns import Id, Instant, metadata
from app.db.marks import Marks, marks_of
from app.db.sounds import sound_keys
from app.db.vault import vault_of
from app.domain.child_file import PREFIX
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField, Section
from app.domain.duplicates import Known, as_told, compare, rarity
from app.domain.identity import clean_name, normal_phones
from app.domain.matching import Match

alike_files = Table(
    "alike",
    metadata,
    Column("one", Id, primary_key=True),
    Column("other", Id, primary_key=True),
    Column("score", Double, nullable=False),
    Column("found_at", Instant, nullable=False),
    Index(None, "other"),
    Index("ix_alike_score", "score", "one", "other"),
    comment="Children's files that may be about one child; why is worked out when somebody looks.",
)
Tell = Callable[[AsyncConnection, list[str]], Awaitable[None]]
PAGE = 100
ESTIMATED = literal_column("(select reltuples from pg_class where oid = 'children'::regclass)", Double)
SURE = 10_000
"""Of so many files nobody counts each for the sake of a name: of a page of registrations it would be done for every one."""
MOST = 200
"""Of one child; who shares no more than a birthday with so many others is not found by it."""


@dataclass(frozen=True)
class Alike:
    """Another child's file, and why it may be about the same child."""

    child_id: str
    match: Match
    told: Match
    """As people are told: by weights that do not depend on what else is on file."""


def unsealed() -> ColumnElement[bool]:
    """Children of no sealed case: such a case is found by nothing."""
    return ~func.shouhu_sealed(tables.children.c.case_id, type_=Boolean)  # who keeps the child need not see the case


def waits_to_be_verified() -> ColumnElement[bool]:
    """Children whose registration nobody has verified or returned yet."""
    child, file, watch = tables.children.c, tables.child_files.c, tables.watches.c
    waits = exists().where(file.child_id == child.id, file.is_open).correlate(tables.children)
    return child.case_id.is_(None) & waits & ~exists().where(watch.child_id == child.id).correlate(tables.children)


def has_absorbed() -> ColumnElement[bool]:
    """Files that others were joined to: such a file is kept, for it can itself join none."""
    return exists().where(tables.child_files.c.merged_into == tables.children.c.id).correlate(tables.children)


def on_file() -> ColumnElement[bool]:
    """Each child once, and whoever was registered and waits to be verified: a double is found before a second watch begins."""
    return or_(each_once(), waits_to_be_verified())


def known_of(record: ChildRecord, seldom: float | None = None) -> Known:
    """What is compared of a file, as it counts now."""

    def said(field: FileField) -> str:
        entry = record.entry(field)
        return str(entry.value) if entry and entry.value else ""

    entry = record.entry(FileField.GUARDIANS)
    family = entry.value if entry and isinstance(entry.value, list) else []
    kin = [one for one in family if isinstance(one, dict)]
    name = clean_name(said(FileField.NAME))
    phones = normal_phones(said(FileField.PHONE), *(str(one.get("phone") or "") for one in kin))
    guardians = [key for one in kin if one.get("name") for key in sound_keys(clean_name(str(one["name"])))]
    return Known(
        child_id=record.child_id, name=name, sounds=sound_keys(name), rarity=seldom, birth_date=_day(said(FileField.BIRTH_DATE)),
        sex=said(FileField.SEX) or None, id_no=said(FileField.ID_NO), phones=tuple(phones), guardians=tuple(guardians),
        division=record.division, school=said(FileField.SCHOOL),
    )  # fmt: skip


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None


def marks_of_known(conn: AsyncConnection, known: Known) -> Marks:
    """By what it is looked for among others."""
    return marks_of(
        vault_of(conn), name=known.name, born=known.birth_date, id_no=known.id_no or None, phones=known.phones
    )


async def seldom(conn: AsyncConnection, sounds: Sequence[str]) -> float | None:
    """Bits: how seldom a name that sounds like this is among all children but those of sealed cases; None without a name."""
    if not sounds:
        return None
    child = tables.children.c
    counted = select(func.count()).select_from(tables.children).scalar_subquery()
    every = case((ESTIMATED > SURE, ESTIMATED), else_=counted)
    bearers = (
        select(func.count(), every).select_from(tables.children).where(child.marks.overlap(list(sounds)), unsealed())
    )
    found, files = (await conn.execute(bearers)).one()
    return rarity(found, int(files))


async def alike(
    conn: AsyncConnection, known: Known, *, among: ColumnElement[bool] | None = None, stored: Collection[str] = (),
    unverified: bool = False, sections: Collection[Section] | None = None,
) -> list[Alike]:  # fmt: skip
    """The files worth a person's look, the likeliest first. `stored` are further marks, `among` narrows whom the reader may be told of;
    `unverified` looks among registrations too that wait to be verified; by no more than bodies with these `sections` are told."""
    marks = marks_of_known(conn, known)
    wanted = [*dict.fromkeys([*marks.all, *stored])]
    if not wanted:
        return []
    child = tables.children.c
    shared = _shared(child.marks, wanted)
    query = select(child.id).where(child.marks.overlap(wanted), child.id != known.child_id, unsealed())
    query = query.where(on_file() if unverified else each_once())
    query = query.where(among) if among is not None else query
    ids = list((await conn.execute(query.order_by(shared.desc()).limit(MOST))).scalars())
    own = as_told(known.model_copy(update={"rarity": await seldom(conn, marks.sounds)}), sections)
    others = [as_told(known_of(one), sections) for one in await records_of(conn, ids, true(), whole=False)]
    found = [Alike(one.child_id, compare(own, one), told(own, one)) for one in others]
    return sorted((one for one in found if one.match.suggest), key=lambda one: -one.match.score)


def told(own: Known, other: Known) -> Match:
    """Both compared as people are told of it: how rare the name is would say how many are on file, also of those out of sight."""
    return compare(own.model_copy(update={"rarity": None}), other)


def _shared(column: ColumnElement[list[str]], wanted: Iterable[str]) -> ColumnElement[int]:
    """How many marks two files have in common."""
    own = func.unnest(column).table_valued("mark").render_derived()
    common = select(func.count()).select_from(own).where(own.c.mark == any_(cast(list(wanted), ARRAY(String))))
    return common.scalar_subquery()


async def suggest(conn: AsyncConnection, children: Collection[str], now: datetime) -> int:
    """Look for the files that are like these, and keep the pairs until somebody decides; how many there are. What no longer is alike goes."""
    pairs, child = dict[tuple[str, str], float](), tables.children.c
    stored = {
        row.id: row.marks for row in await conn.execute(select(child.id, child.marks).where(child.id.in_(children)))
    }
    for record in await records_of(conn, list(stored), true(), whole=False):
        different = record.file.different if record.file else ()
        for found in await alike(conn, known_of(record), stored=stored[record.child_id], unverified=True):
            if found.child_id not in different:
                one, other = sorted((record.child_id, found.child_id))
                pairs[one, other] = found.told.score
    pair = alike_files.c
    await conn.execute(delete(alike_files).where(or_(pair.one.in_(stored), pair.other.in_(stored))))
    rows = [{"one": one, "other": other, "score": score, "found_at": now} for (one, other), score in pairs.items()]
    if rows:
        await conn.execute(insert(alike_files).on_conflict_do_nothing(), rows)
    return len(rows)


async def look_for_doubles(
    engine: AsyncEngine, since: datetime | None, now: datetime, tell: Tell | None = None
) -> AsyncIterator[int]:
    """Every child that was filed or whose file was changed after `since`, or all; how many were looked at, page by page, of which `tell`
    may say what somebody has to know."""
    child, event, last, looked = tables.children.c, tables.events.c, "", 0
    query = select(child.id).where(on_file(), unsealed()).order_by(child.id).limit(PAGE)
    if since is not None:
        streams = select(event.stream_id).where(event.at > since, event.stream_id.startswith(PREFIX))
        query = query.where(or_(child.filed_at > since, func.concat(PREFIX, child.id).in_(streams)))
    while True:
        async with engine.begin() as conn:
            ids = list((await conn.execute(query.where(child.id > last))).scalars())
            if not ids:
                return
            await suggest(conn, ids, now)
            if tell:
                await tell(conn, ids)
        last, looked = ids[-1], looked + len(ids)
        yield looked
