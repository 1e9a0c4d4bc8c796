"""Reads children whole, many at once: the report, every case, the watch with its visits and the file, a query each."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    String,
    Text,
    any_,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.child_queries import CONTENTS, FAMILY_SEEN, STORED, VISITS
from app.db.endings import with_endings
from app.db.past import Assessed, assessed_of
from app.db.streams import kind_of
from app.db.vault import Keys, opened, vault_of, with_notes
from app.domain.child_file import PREFIX, ChildFile
from app.domain.child_history import KINDS, Happening
from app.domain.child_joined import renamed, together
from app.domain.child_record import CaseSeen, ChildRecord, Later, Seen
from app.domain.child_terms import FileField
from app.domain.facts import ReportFacts
from app.domain.identity import clean_name
from app.domain.masking import names_of, texts_without
from app.domain.policy import SENTENCED
from app.domain.visit import VisitAttempted, VisitRecorded
from app.domain.watch import Watch, child_of, watch_id
from app.domain.working_time import day_of

REPORTED = (
    FileField.NAME, FileField.SEX, FileField.BIRTH_DATE, FileField.ID_NO, FileField.PHONE, FileField.RESIDENCE,
    FileField.HUKOU, FileField.SCHOOL, FileField.FEATURES,
)  # fmt: skip
KIN = ("name", "relation", "birth_date", "id_no", "phone")
Rows = Mapping[str, Any]
NOT_YET = datetime.max.replace(tzinfo=UTC)


async def own_id(conn: AsyncConnection, child_id: str) -> str:
    """The child under its one id: that of the watch, where a visit of that watch reported it, and that of the file it was joined to."""
    return (await conn.execute(select(func.shouhu_own_child(child_id)))).scalar_one()


def each_once() -> ColumnElement[bool]:
    """Each child once, under the id of its watch: no later report about it, no file that was joined to another, no registration that
    nobody has verified, unless a watched child's file was joined to it."""
    child, watch, file = tables.children.c, tables.watches.c, tables.child_files.c
    reported = func.shouhu_first_report(child.case_id, type_=Boolean)  # a keeper need not see the case
    by_joined = exists().where(file.merged_into == child.id, watch.child_id == file.child_id)
    verified = child.case_id.is_(None) & or_(exists().where(watch.child_id == child.id), by_joined)
    joined = exists().where(file.child_id == child.id, file.merged_into.is_not(None))
    return or_(reported, verified) & ~joined


async def children_behind(conn: AsyncConnection, ids: Collection[str]) -> list[str]:
    """The children whose case is among these ids, or who are themselves, in their order."""
    child = tables.children.c
    found = select(child.id).where(or_(child.case_id.in_(ids), child.id.in_(ids))).order_by(child.id)
    return list((await conn.execute(found)).scalars())


async def division_of(conn: AsyncConnection, child_id: str) -> str:
    """Where the child was reported to live; from the first change on the file says so."""
    return (await conn.execute(select(tables.children.c.division).where(tables.children.c.id == child_id))).scalar_one()


async def records_of(
    conn: AsyncConnection, child_ids: Collection[str], seen: ColumnElement[bool], *, whole: bool = True
) -> list[ChildRecord]:
    """In the order of the ids; those that there are not are left out, and so are the cases that are not `seen`. A list that shows who the
    children are wants them not `whole`: of visits what was found of the family alone, and nobody who was entrusted."""
    rows, joined = await _stored(conn, child_ids), defaultdict[str, list[str]](list)
    for child in sorted(rows):
        if (kept := rows[child]["merged_into"]) in rows:
            joined[kept].append(child)
    read = await with_endings(conn, [*(await _singly(conn, rows, seen, whole=whole)).values()])
    single = {one.child_id: one for one in read}
    return [
        together(single[child], tuple(single[other] for other in joined[child]))
        for child in child_ids
        if child in single
    ]


async def stamps_of(conn: AsyncConnection, child_ids: Collection[str], seen: ColumnElement[bool]) -> dict[str, str]:
    """By child, what is another as soon as `records_of` may read something else: which transaction has written each row of it, in this
    very sight. Nothing is opened."""
    child, content = tables.children.c, tables.contents.c
    joined = await _joined(conn, child_ids)
    entered = select(func.max(content.version)).where(content.stream_id == child.case_id).scalar_subquery()
    parts = (tables.children, tables.reports, tables.child_files, tables.watches)
    wrote = [func.coalesce(literal_column(f"{table.name}.xmin::text"), "-") for table in parts]
    query = (
        select(child.id, child.case_id, func.concat_ws(" ", *wrote, entered).label("stamp"))
        .outerjoin(tables.reports, tables.reports.c.case_id == child.case_id)
        .outerjoin(tables.child_files, tables.child_files.c.child_id == child.id)
        .outerjoin(tables.watches, tables.watches.c.child_id == child.id)
        .where(one_of(child.id, [*child_ids, *(other for others in joined.values() for other in others)]))
    )
    rows: dict[str, Rows] = {row["id"]: {**row} for row in (await conn.execute(query)).mappings()}
    stamps = {one: [f"{one} {row['stamp']}"] for one, row in rows.items()}
    for one, case in await cases_of(conn, rows, seen, tables.cases.c.id, literal_column("cases.xmin::text")):
        stamps[one].append(" ".join(case))
    return {
        one: "|".join(part for own in (one, *joined[one]) if own in stamps for part in stamps[own])
        for one in child_ids if one in stamps
    }  # fmt: skip


async def _joined(conn: AsyncConnection, child_ids: Collection[str]) -> defaultdict[str, list[str]]:
    """The files that were joined to these, by the one that is kept."""
    file, joined = tables.child_files.c, defaultdict[str, list[str]](list)
    query = select(file.merged_into, file.child_id).where(file.merged_into.in_(child_ids)).order_by(file.child_id)
    for primary, other in await conn.execute(query):
        joined[primary].append(other)
    return joined


async def _stored(conn: AsyncConnection, ids: Collection[str]) -> dict[str, Rows]:
    """These children and those whose files were joined to theirs, as they are stored, with their report and their folds."""
    return {row["id"]: {**row} for row in (await conn.execute(STORED, {"asked": [*ids]})).mappings()}


async def apart(conn: AsyncConnection, child_ids: Collection[str], seen: ColumnElement[bool]) -> dict[str, ChildRecord]:
    """Each file by itself, for what was known before any was joined."""
    return await _singly(conn, await _stored(conn, child_ids), seen)


async def _singly(
    conn: AsyncConnection, rows: Mapping[str, Rows], seen: ColumnElement[bool], *, whole: bool = True
) -> dict[str, ChildRecord]:
    """Each file by itself; the keys of all that is sealed are asked for once."""
    cases = await _cases(conn, rows, seen)
    watched = [watch_id(child) for child, row in rows.items() if row["watch"]]
    filed = [f"{PREFIX}{child}" for child in rows]
    named = {case.case_id for some in cases.values() for _, case in some} | {
        row["case_id"] for row in rows.values() if row["case_id"]
    }
    said = [*filed, *(watched if whole else ())]
    keys = await vault_of(conn).keys(conn, [*named, *said])
    reported = await _reported_by(conn, rows, keys)
    contents = await _contents(conn, said, keys)
    visits = await _visits(conn, watched, keys=keys) if whole else await _family_seen(conn, watched)
    later = await _later(conn, reported, cases, keys)
    return {
        child: ChildRecord(
            child_id=child, division=file.division if (file := _file(rows[child])) else row["division"], reported_at=row["filed_at"],
            case_id=row["case_id"], reported=_reported(row, first := registered(contents[f"{PREFIX}{child}"])), file=file,
            registered_by=_registrar(file), contents=contents[f"{PREFIX}{child}"], facts=_facts(row, first), later=later[child],
            cases=tuple(cases[child]),
            watch=(watch := _watch(rows[child])), entrusted=_entrusted(contents[watch_id(child)], watch),
            visits=tuple(_visited_by(seen, contents[watch_id(child)]) for seen in visits[watch_id(child)]),
        )
        for child, row in reported.items()
    }  # fmt: skip


def _file(row: Rows) -> ChildFile | None:
    return ChildFile.model_validate_json(row["file"]) if row["file"] else None


def _watch(row: Rows) -> Watch | None:
    return Watch.model_validate_json(row["watch"]) if row["watch"] else None


def _entrusted(contents: Mapping[int, Any], watch: Watch | None) -> dict[str, Any]:
    arrangement = watch.arrangement if watch else None
    return contents.get(arrangement.number, {}) if arrangement else {}


def _visited_by(seen: Seen, contents: Mapping[int, Any]) -> Seen:
    """With who visited, where whoever recorded it says that it was somebody else."""
    said = contents.get(seen.version, {}).get("visitor")
    return seen.model_copy(update={"visitor": str(said), "is_said": True}) if said else seen


def registered(contents: Mapping[int, Any]) -> Rows:
    """What was said of the family of a child that was registered without a report, and the facts of both."""
    return next((body for body in contents.values() if "facts" in body), {})


def _registrar(file: ChildFile | None) -> str | None:
    if file is None:
        return None
    field = FileField.REGISTRATION
    counts = file.counts.get(field)
    waiting = file.waiting_for(field) or next(iter(file.set_aside), None)
    return counts.by if counts else waiting.persons[0] if waiting else None


def _facts(row: Rows, first: Rows) -> ReportFacts | None:
    facts = row["facts"] or first.get("facts")
    return ReportFacts.model_validate(facts) if facts else None


async def _later(
    conn: AsyncConnection, reported: Mapping[str, Rows], cases: Mapping[str, list[tuple[int, CaseSeen]]], keys: Keys
) -> dict[str, tuple[Later, ...]]:
    """What assessments, further reports and judgments have said of each child, the oldest first."""
    further = {child: _further(child, row, cases[child]) for child, row in reported.items()}
    names = {case.case_id for some in further.values() for case, _ in some}
    reports = await reports_of(conn, names, keys)
    assessed = await assessed_of(conn, names | {row["case_id"] for row in reported.values() if row["case_id"]}, keys)
    return {
        child: _said(child, row, cases[child], further[child], reports, assessed) for child, row in reported.items()
    }


def _further(child: str, row: Rows, cases: Iterable[tuple[int, CaseSeen]]) -> list[tuple[CaseSeen, str]]:
    """Other cases that are about this child for certain, with what they call it; what is sealed is told nowhere else."""
    alone = row["facts"] is not None and len(row["facts"]["children"]) == 1
    return [
        (case, case.children[0].id)
        for _, case in cases
        if case.case_id != row["case_id"] and not case.sealed_for and len(case.children) == 1
        and (alone or case.watch == watch_id(child))
    ]  # fmt: skip


def _said(
    child: str, row: Rows, cases: Iterable[tuple[int, CaseSeen]], further: list[tuple[CaseSeen, str]],
    reports: Mapping[str, ReportFacts], assessed: Mapping[str, tuple[Assessed, ...]],
) -> tuple[Later, ...]:  # fmt: skip
    said: list[Later] = [(one.at, seen) for one in assessed.get(row["case_id"], ()) for seen in one.seen]
    for case, called in further:
        again = reports.get(case.case_id)
        said += [(case.filed_at, renamed(again, called, child))] if again else []
        found = assessed.get(case.case_id, ())
        said += [(one.at, renamed(seen, called, child)) for one in found for seen in one.seen]
    told = [case for _, case in cases if case.case_id == row["case_id"]] + [case for case, _ in further]
    said += [(case.closed_at or NOT_YET, None) for case in told if SENTENCED in case.happened]
    return tuple(sorted(said, key=itemgetter(0)))


async def reports_of(conn: AsyncConnection, case_ids: Collection[str], keys: Keys) -> dict[str, ReportFacts]:
    """The facts of these reports, as they were filed."""
    if not case_ids:
        return {}
    report = tables.reports
    rows = await conn.execute(select(report.c.case_id, report.c.facts).where(one_of(report.c.case_id, case_ids)))
    found = await opened(conn, rows.mappings(), report, keys=keys)
    return {row["case_id"]: ReportFacts.model_validate(row["facts"]) for row in found if row["facts"]}


def _reported(row: Rows, first: Rows) -> dict[FileField, Any]:
    """What the report or the registration said; the family as it was named there."""
    born = row["birth_date"]
    said = {field: row[field.value] for field in REPORTED}
    known = {
        FileField.BIRTH_DATE: born.isoformat() if born else row["birth_text"],
        FileField.RESIDENCE_DIVISION: row["division"], FileField.GUARDIANS: [_named(one) for one in row["family"] or first.get("family", ())],
    }  # fmt: skip
    return {**said, **known}


def _named(member: Rows) -> dict[str, Any]:
    """Who somebody is; what is suspected of them belongs to the case."""
    return {name: member[name] for name in KIN if member.get(name)}


def one_of(column: ColumnElement[str], values: Iterable[str]) -> ColumnElement[bool]:
    """By an array, whose length changes neither statement nor plan: with a list of 500 the planner read every row there is."""
    return column == any_(cast(list(values), ARRAY(String)))


async def _reported_by(conn: AsyncConnection, rows: Mapping[str, Rows], keys: Keys) -> dict[str, Rows]:
    """The same in clear, without the folds, as they were reported."""
    stored = [
        {name: value for name, value in row.items() if name not in ("file", "watch", "merged_into")}
        for row in rows.values()
    ]
    found = await opened(conn, stored, tables.children, tables.reports, keys=keys)
    return {row["id"]: unreported(row) for row in found}


def unreported(row: Rows) -> Rows:
    """A child with its family as they were reported; no text of theirs tells who did."""
    traces = names_of(row["reporter"] or {})
    if not traces:
        return row
    said = texts_without({"children": [row], "family": row["family"]}, traces)
    return {**said["children"][0], "family": said["family"]}


async def _contents(
    conn: AsyncConnection, streams: list[str], keys: Keys | None = None
) -> defaultdict[str, dict[int, Any]]:
    found = defaultdict[str, dict[int, Any]](dict)
    rows = (await conn.execute(CONTENTS, {"asked": streams})).mappings()
    for row in await opened(conn, rows, tables.contents, keys=keys):
        found[row["stream_id"]][row["version"]] = row["body"] or {}
    return found


async def attempts_of(conn: AsyncConnection, records: Iterable[ChildRecord]) -> dict[str, set[tuple[date, str]]]:
    """By child, the days on which somebody went and did not see it, with the name of whoever that was as names are compared."""
    of = {watch_id(one): record.child_id for record in records for one in record.ids}
    ledger, person = tables.events.c, tables.people.c
    query = select(ledger.stream_id, ledger.version, cast(ledger.body, Text).label("body"), person.name)
    query = query.outerjoin(tables.people, person.id == ledger.body["by"].astext)
    rows = (await conn.execute(query.where(one_of(ledger.stream_id, of), ledger.kind == "visit_attempted"))).all()
    contents = await _contents(conn, list({row.stream_id for row in rows})) if rows else {}
    found = defaultdict[str, set[tuple[date, str]]](set)
    for row in rows:
        event = VisitAttempted.model_validate_json(row.body)
        said = contents.get(row.stream_id, {}).get(row.version, {}).get("visitor") or row.name or event.by
        found[of[row.stream_id]].add((event.visited_on or day_of(event.at), clean_name(str(said))))
    return found


async def booked_visits(conn: AsyncConnection, child_id: str, day: date) -> list[Seen]:
    """The visits of one day that books have brought, of files joined to this one too; nothing else of the child is read."""
    children = [child_id, *(await _joined(conn, [child_id]))[child_id]]
    visits = await _visits(conn, [watch_id(one) for one in children], day)
    contents = await _contents(conn, list(visits)) if visits else {}
    seen = [_visited_by(one, contents[stream]) for stream, some in visits.items() for one in some]
    return [one for one in seen if one.is_said]


async def _visits(
    conn: AsyncConnection, streams: list[str], day: date | None = None, keys: Keys | None = None
) -> defaultdict[str, list[Seen]]:
    """By watch; where a day is given, those that are said to have been made on it."""
    query = VISITS.where(tables.events.c.body["visited_on"].astext == day.isoformat()) if day else VISITS
    found = defaultdict[str, list[Seen]](list)
    for row in await with_notes(conn, query, keys, {"asked": streams}):
        event = VisitRecorded.model_validate_json(row["body"])
        seen = Seen(version=row["version"], event=event, note=row["note"] or "", visitor=row["visitor"] or "")
        found[row["stream_id"]].append(seen)
    for visits in found.values():
        visits.sort(key=lambda seen: seen.order)
    return found


async def _family_seen(conn: AsyncConnection, streams: list[str]) -> defaultdict[str, list[Seen]]:
    found = defaultdict[str, list[Seen]](list)
    for row in await conn.execute(FAMILY_SEEN, {"asked": streams}):
        found[row.stream_id].append(Seen(version=row.version, event=VisitRecorded.model_validate_json(row.body)))
    for visits in found.values():
        visits.sort(key=lambda seen: seen.order)
    return found


async def _cases(
    conn: AsyncConnection, reported: Mapping[str, Rows], seen: ColumnElement[bool]
) -> defaultdict[str, list[tuple[int, CaseSeen]]]:
    """By child, each case with its number."""
    case, found = tables.cases.c, defaultdict[str, list[tuple[int, CaseSeen]]](list)
    known = dict[str, CaseSeen]()
    for child, (number, case_id, stored) in await cases_of(
        conn, reported, seen, case.number, case.id, cast(case.progress, Text)
    ):
        progress = known.get(case_id) or known.setdefault(case_id, CaseSeen.model_validate_json(stored))
        found[child].append((number, progress))
    return found


async def cases_of(
    conn: AsyncConnection, reported: Mapping[str, Rows], seen: ColumnElement[bool], *columns: ColumnElement[Any]
) -> list[tuple[str, tuple[Any, ...]]]:
    """These columns of the case that reported each child, those that it was linked with, and those that visits of its watch have made;
    the oldest first."""
    case, found = tables.cases.c, list[tuple[str, tuple[Any, ...]]]()
    of_case: defaultdict[str, list[str]] = defaultdict(list)
    for child, row in reported.items():
        if row["case_id"]:
            of_case[row["case_id"]].append(child)
    watch = case.progress["watch"].astext
    ways: list[ColumnElement[bool]] = [one_of(case.id, of_case), one_of(case.linked_to, of_case)]
    query = select(case.id, case.linked_to, watch, *columns).where(
        seen, or_(*ways, one_of(watch, map(watch_id, reported)))
    )
    for case_id, linked_to, of_watch, *wanted in await conn.execute(query.order_by(case.filed_at, case.id)):
        children = dict.fromkeys([*of_case[case_id], *of_case[linked_to or ""]])
        if of_watch and child_of(of_watch) in reported:
            children[child_of(of_watch)] = None
        found += [(child, tuple(wanted)) for child in children]
    return found


async def happenings(conn: AsyncConnection, record: ChildRecord) -> tuple[Happening, ...]:
    """What the child's history is read from, in its order: of the cases in the record, and of its watches where one is seen."""
    ledger, streams = tables.events.c, [case.case_id for _, case in record.cases]
    watches = [watch_id(child) for child in record.ids] if record.watch else []
    query = select(ledger.stream_id, ledger.version, cast(ledger.body, Text).label("body"))
    query = query.where(one_of(ledger.stream_id, [*streams, *watches]), ledger.kind.in_(KINDS))
    rows = await conn.execute(query.order_by(ledger.at, ledger.stream_id, ledger.version))
    return tuple(
        Happening(stream_id=row.stream_id, version=row.version, event=kind_of(row.stream_id).adapter.validate_json(row.body))
        for row in rows
    )  # fmt: skip
