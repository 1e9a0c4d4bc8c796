"""A sheet of a book is read against the children's files: what each row would do, a marked sheet, and, once confirmed, the changes.

Nothing is written past the ledger: a value that is new goes the path of every change, a child that is new is registered.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.attention import need_help
from app.db.intake import child_row, marked_as
from app.db.joining import about_each
from app.db.ledger import BEGINNING, Content
from app.db.vault import Vault, vault_of
from app.domain.arrangement import ArrangeCare
from app.domain.child_file import file_id
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.compartment import asked_of
from app.domain.facts import HouseholdFacts
from app.domain.file_work import EnterChange
from app.domain.ledgers import RowsOf, categories
from app.domain.refusals import Refused
from app.domain.sheet_columns import VISITOR, SheetColumn
from app.domain.sheet_registration import family_of
from app.domain.sheets import STATES, Fault, RowState, as_typed
from app.domain.sight import divisions
from app.domain.submission import ReportedChild, Reporter, Submission, facts_of
from app.domain.terms import ReporterClass
from app.domain.unread import FAULTS, MARKED, NOT_READ, SAME_VISIT
from app.domain.visit import VisitRecorded
from app.domain.watch import Watch
from app.domain.watch_work import RecordVisit
from app.sheet_book import ABOUT, ENTERED, IMPORTS, Tell, called, stamp, streets
from app.sheet_reader import Planned, Reader, Sheet
from app.sheet_unread import OWN, reason
from app.workbook import Book

MOST_TOLD = 200
"""Faults that an answer lists; the marked sheet has them all."""
REPORTED = {
    FileField.NAME: "name", FileField.SEX: "sex", FileField.BIRTH_DATE: "birth_date", FileField.ID_NO: "id_no",
    FileField.PHONE: "phone", FileField.RESIDENCE: "residence", FileField.HUKOU: "hukou", FileField.SCHOOL: "school",
}  # fmt: skip
"""What a registration says itself; the rest is entered beside it."""


COMMITTEE = Reporter.model_validate({"class": ReporterClass.COMMITTEE})
"""The rules read a registration as they read a report of the committee."""
CARED = "委托照护（即时登记）"


class Changed(Exception):
    """Between the preview and its confirmation something changed, so that a row can no longer be taken."""


async def preview(sheet: Sheet, conn: AsyncConnection, sent: bytes, path: Path, tell: Tell) -> dict[str, Any]:
    """Write the marked sheet; the counts and the first faults. Raises Unreadable."""
    reader = Reader(sheet, conn, await streets(conn))
    await reader.learn()
    counts, faults, unread = Counter[str](), list[dict[str, Any]](), Counter[SheetColumn]()
    marked = stamp(sheet.who, await called(conn, sheet.who), sheet.now, sheet.job.why)
    made, page, done = Book(path, marked), None, 0
    async for some in reader.batches(sent):
        if page is None:
            page = made.page(ENTERED, [*([16] * len(reader.heads)), 12, 60])
            page.head([*reader.heads, MARKED, FAULTS])
        places = {column.code: n for n, column in reader.columns.items()}
        for one in some:
            counts[one.state] += 1
            unread.update(one.unread)
            cells = [as_typed(cell) for cell in one.cells]
            bad = [places[fault.column] for fault in one.faults if fault.column in places]
            page.add([*cells, one.state.zh, _said(one, reader)], [*bad, *([len(cells) + 1] if one.faults else [])])
            if len(faults) < MOST_TOLD:
                faults += [_told(one.number, fault) for fault in one.faults]
        done += len(some)
        await tell(done, max(done, reader.total))
    made.facts(ABOUT, {"本表用途 what this sheet does": " ".join(IMPORTS[reader.rows_of])})
    made.close()
    return {
        "counts": {state.value: counts[state] for state in STATES[reader.rows_of]}, "faults": faults[:MOST_TOLD], "total": done,
        "unread": [_not_entered(column, cells) for column, cells in unread.items()],
    }  # fmt: skip


def _told(row: int, fault: Fault) -> dict[str, Any]:
    return {"row": row, "column": fault.column, "code": fault.wrong.value, "zh": fault.wrong.zh, "en": fault.wrong.en}


def _not_entered(column: SheetColumn, cells: int) -> dict[str, Any]:
    """A keeper's own column by its letter: its heading may be anything."""
    own = column.code.removeprefix(OWN)
    named = {"zh": f"{own}列", "en": f"column {own}"} if own != column.code else {"zh": column.zh, "en": column.en}
    return {"column": column.code, **named, "why": reason(column), "cells": cells}


def _said(one: Planned, reader: Reader) -> str:
    """Every fault of a row in words, with its column; or which columns change. And what it says that is not entered."""
    names, recorded = reader.names, one.recorded
    parts = [
        f"{names.get(fault.column, fault.column)}：{fault.wrong.zh} {fault.wrong.en}" if fault.column
        else f"{fault.wrong.zh} {fault.wrong.en}"
        for fault in one.faults
    ]  # fmt: skip
    parts += [f"系统中{names.get(column, column)}为：{said or '（空）'}" for column, said in recorded.items()]
    changed = [*(name.zh for name in one.values if one.child), *([CARED] if one.care else [])]
    said = "；".join(parts) or "、".join(changed)
    unread = f"{NOT_READ}{'、'.join(column.zh for column in one.unread)}" if one.unread else ""
    same = SAME_VISIT if any(column.visit == VISITOR for column in one.unread) else ""
    return "；".join(part for part in (said, unread, same) if part)


async def apply(sheet: Sheet, conn: AsyncConnection, sent: bytes, tell: Tell) -> dict[str, int]:
    """All of it in the caller's transaction; raises Changed where a row can no longer be taken."""
    reader = Reader(sheet, conn, await streets(conn))
    if reader.rows_of is RowsOf.VISITS:  # of two that bring the same visit the second sees that of the first
        await conn.execute(BEGINNING, {"name": f"visits {sheet.who.desk}"})
    await reader.learn()
    counts, total = Counter[str](), sum(sheet.job.counts.values())
    async for some in reader.batches(sent):
        if any(one.faults for one in some):
            raise Changed
        try:
            await _register(sheet, conn, [one for one in some if one.state is RowState.NEW])
            await _enter(sheet, conn, [one for one in some if one.values and one.record])
            await _arrange(sheet, conn, [one for one in some if one.care])
            await _visit(sheet, conn, reader, [one for one in some if one.visit])
        except Refused as refusal:
            raise Changed from refusal
        counts.update(one.state for one in some)
        await tell(counts.total(), total)
    return {state.value: counts[state] for state in STATES[reader.rows_of]}


async def _register(sheet: Sheet, conn: AsyncConnection, some: Sequence[Planned]) -> None:
    """建档 of the new children, with what a registration has no place for entered beside it."""
    asked: dict[str, list[EnterChange]] = {}
    content: dict[str, Content] = {}
    for one in some:
        command, row = _registration(sheet, vault_of(conn), one)
        rest = (
            name for name in one.values if name not in (*REPORTED, FileField.GUARDIANS, FileField.RESIDENCE_DIVISION)
        )
        more = [_command(sheet, one.once, command.division, 0, name, one.values[name], one.community) for name in rest]
        asked[file_id(one.once)] = [command, *more]
        content[file_id(one.once)] = {tables.children: [row]}
    if asked:
        await sheet.ledger.begin_all(conn, asked, now=sheet.now, content=content)


def _registration(sheet: Sheet, vault: Vault, one: Planned) -> tuple[EnterChange, dict[str, Any]]:
    (division,), values = divisions(sheet.who), one.values
    said = {name: values[of] for of, name in REPORTED.items() if of in values}
    child = ReportedChild.model_validate({**said, "child_id": one.once, "residence_division": division})
    family = family_of(values.get(FileField.GUARDIANS, ()), one.away)
    means = {name: answer for name, answer in values.get(FileField.MEANS, {}).items() if name != "note"}
    submission = Submission(
        reporter=COMMITTEE, children=[child], family=family, household=HouseholdFacts.model_validate(means)
    )
    facts = facts_of(submission, [child], sheet.now).model_copy(update={"reported_at": None})
    command = _command(sheet, one.once, division, 0, FileField.REGISTRATION, None)
    content = {  # of some fifty facts a sheet says a few, and whoever reads them knows what the rest is when nothing is said
        "facts": facts.model_dump(mode="json", exclude_defaults=True), "evidence": command.content["evidence"],
        "family": [member.model_dump(mode="json", exclude_none=True) for member in family if member.name],
    }  # fmt: skip
    row = child_row(None, child, sheet.now, division, marked_as(vault, child, [member.phone for member in family]))
    return command.model_copy(update={"content": content, "registration": one.registration}), row


async def _enter(sheet: Sheet, conn: AsyncConnection, some: Sequence[Planned]) -> None:
    """The changed values of these rows, each by the path of its field, of which no desk has a step that a case of the child is about."""
    concerned = await about_each(conn, [one.record.child_id for one in some if one.record])
    asked = {
        file_id(one.record.child_id): [
            _command(
                sheet, one.record.child_id, one.record.division, _version(one.record, name), name, value, one.community,
                blind=name in asked_of(sheet.who.agency), concerned=concerned[one.record.child_id],
            )
            for name, value in one.values.items()
        ]
        for one in some if one.record
    }  # fmt: skip
    if asked:
        await sheet.ledger.begin_all(conn, asked, now=sheet.now)


async def _arrange(sheet: Sheet, conn: AsyncConnection, some: Sequence[Planned]) -> None:
    """委托照护 of children whom the sender's desk watches: a fact of the watch, as the committee would enter it for each."""
    for one in some:
        if one.record and one.record.watch:
            command = _arrangement(sheet, one.record, one.care)
            await sheet.ledger.record(conn, one.record.watch.watch_id, command, now=sheet.now)


async def _visit(sheet: Sheet, conn: AsyncConnection, reader: Reader, some: Sequence[Planned]) -> None:
    """走访 that were made, each child's in their order: facts of the watch, as the committee would enter them on the page."""
    asked: defaultdict[str, list[RecordVisit]] = defaultdict(list)
    watches = dict[str, Watch]()
    for one in sorted(some, key=lambda one: (one.visit and one.visit.day) or sheet.today):
        if one.record and one.record.watch and (said := one.visit) and said.finding:
            command = RecordVisit(
                by=sheet.who, visited_on=said.day, finding=said.finding, form=said.form, note=said.note, visitor=said.visitor,
                categories=categories(reader.findings.of(one.record, sheet.today)), from_book=True,
            )  # fmt: skip
            asked[one.record.watch.watch_id].append(command)
            watches[one.record.watch.watch_id] = one.record.watch
    made = await sheet.ledger.begin_all(conn, asked, now=sheet.now, pinned=True) if asked else {}
    asking = (
        watches[stream] for stream, events in made.items()
        if any(isinstance(event, VisitRecorded) and event.asks_for_help for event in events)
    )  # fmt: skip
    await need_help(sheet.ledger, conn, asking, sheet.now)


def _arrangement(sheet: Sheet, record: ChildRecord, said: dict[str, Any]) -> ArrangeCare:
    """With what a sheet has no column for as it stands, where the same person goes on."""
    same = record.entrusted.get("name") == said["name"]
    known, standing = (record.entrusted, record.watch and record.watch.arrangement) if same else ({}, None)
    kept = {part: known.get(part) or "" for part in ("phone", "address", "parents_at")}
    returns_on = standing.returns_on if standing else None
    return ArrangeCare(
        by=sheet.who, relation=said["relation"], is_adult=said["fit"], is_able=said["fit"], leaves_on=said["leaves_on"],
        returns_on=returns_on if returns_on and returns_on >= said["leaves_on"] else None,
        told_school=bool(standing and standing.told_school), note=f"{sheet.book.zh}导入 {sheet.job.id}",
        content={**kept, "name": said["name"], **({"phone": said["phone"]} if "phone" in said else {})},
    )  # fmt: skip


def _version(record: ChildRecord, name: FileField) -> int:
    entry = record.entry(name)
    return entry.version if entry else 0


def _command(
    sheet: Sheet, child: str, division: str, seen: int, name: FileField, value: Any, community: str | None = None, *,
    blind: bool = False, concerned: tuple[str, ...] = (),
) -> EnterChange:  # fmt: skip
    evidence = f"{sheet.book.zh}导入 {sheet.job.id}"
    return EnterChange(
        by=sheet.who, child_id=child, division=division, field=name, seen=seen, blind=blind, concerned=concerned,
        moves_to=str(value) if name is FileField.RESIDENCE_DIVISION else None,
        community=community if name is FileField.COMMUNITY else None,
        content={"value": value, "evidence": evidence},
    )  # fmt: skip
