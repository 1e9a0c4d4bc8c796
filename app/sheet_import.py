"""A sheet of a book is read against the children's files: what each row would do, a marked sheet, and, once confirmed, the changes.

Nothing is written past the ledger: a value that is new goes the path of every change, a child that is new is registered.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, and_, exists, false, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.children import VALUES, sighted
from app.api.ledgers import within
from app.db import tables
from app.db.audit import before_reading
from app.db.child_records import records_of
from app.db.intake import FamilyMember, ReportedChild, Reporter, Submission, child_row, facts_of, marked_as
from app.db.ledger import Ledger, Pack
from app.db.receipts import Receipts
from app.db.vault import Vault, opened, sealed_rows, vault_of
from app.domain.access import Actor
from app.domain.child_file import EnterChange, Registration, file_id
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.facts import BEIJING, HouseholdFacts, Relation
from app.domain.identity import clean_name, normal_id
from app.domain.refusals import Refused
from app.domain.sheets import (
    KEY,
    REGISTERING,
    Fault,
    RowState,
    SheetColumn,
    Wrong,
    as_typed,
    layout,
    matched,
    read_registration,
    read_row,
)  # fmt: skip
from app.domain.sight import divisions
from app.domain.terms import ReporterClass
from app.sheet_book import ENTERED, Tell, stamp, streets
from app.workbook import Book, Unreadable, rows

BATCH = 500
MOST_TOLD = 200
"""Faults that an answer lists; the marked sheet has them all."""
REPORTED = {
    FileField.NAME: "name", FileField.SEX: "sex", FileField.BIRTH_DATE: "birth_date", FileField.ID_NO: "id_no",
    FileField.PHONE: "phone", FileField.RESIDENCE: "residence", FileField.HUKOU: "hukou", FileField.SCHOOL: "school",
}  # fmt: skip
"""What a registration says itself; the rest is entered beside it."""
CORRECTED = text("""
    select f.child_id, k.key, c.stream_id, c.version, c.body
    from child_files f cross join lateral jsonb_each(f.progress -> 'counts') k
    join contents c on c.stream_id = f.id and c.version = (k.value ->> 'version')::int
    where k.key in ('name', 'id_no', 'birth_date') and f.child_id = any(:ids)
""")
"""Names, numbers and birth dates that count now in place of the reported ones."""
MARKED = "导入结果 result"


class Changed(Exception):
    """Between the preview and its confirmation something changed, so that a row can no longer be taken."""


@dataclass
class Known:
    """The children that a sheet of this body can be about, by what a row may name them by."""

    ids: set[str] = field(default_factory=set)
    by_number: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_name: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    number_of: dict[str, str] = field(default_factory=dict)

    def add(self, child: str, name: str | None, born: str | None, number: str | None) -> None:
        """One child under what is known of it."""
        self.ids.add(child)
        if number:
            self.by_number[normal_id(number)].add(child)
            self.number_of[child] = normal_id(number)
        if name and born:
            self.by_name[clean_name(name), born].add(child)

    def find(self, key: str, number: str, name: str, born: str) -> str | Fault | None:
        """The child that a row is about; None where there is none so far."""
        if key:
            return key if key in self.ids else Fault(KEY, Wrong.NO_CHILD)
        found = self.by_number.get(number, set()) if number else set()
        if not found and name and born:
            alike = self.by_name.get((clean_name(name), born), set())
            found = {child for child in alike if not number or self.number_of.get(child, number) == number}
        if len(found) > 1:
            return Fault("", Wrong.SEVERAL)
        return next(iter(found), None)


@dataclass
class Planned:
    """A row with what it would do; `number` is its line in the sheet."""

    number: int
    cells: list[Any]
    state: RowState = RowState.SAME
    faults: list[Fault] = field(default_factory=list)
    child: str | None = None
    record: ChildRecord | None = None
    once: str = ""
    """The id of a new child; the same row means the same child."""
    registration: Registration | None = None
    values: dict[FileField, Any] = field(default_factory=dict)


@dataclass
class Sheet:
    """What an import needs of its surroundings."""

    ledger: Ledger
    receipts: Receipts
    rules: Pack
    who: Actor
    book: Any
    job: Row[Any]
    now: datetime

    @property
    def today(self) -> date:
        """In local time."""
        return self.now.astimezone(BEIJING).date()


class Reader:
    """Goes through a sheet once, batch by batch."""

    def __init__(self, sheet: Sheet, conn: AsyncConnection, names: dict[str, str]) -> None:
        self._sheet, self._conn, self._divisions = sheet, conn, names
        seen = sheet.rules.file.seen_by(sheet.who.agency)
        self._layout = (*layout([c.code for c in sheet.book.ledger().for_sections(seen)], names), *REGISTERING)
        self._seen: set[str] = set()
        self.known = Known()
        self.columns: dict[int, SheetColumn] = {}
        self.heads: list[str] = []

    async def learn(self) -> None:
        """The children of the book that this person may enter something of."""
        child, file, who = tables.children.c, tables.child_files.c, self._sheet.who
        waiting = exists().where(file.child_id == child.id, file.is_open)
        unverified = and_(child.case_id.is_(None), child.division.in_(divisions(who)), waiting)
        mine = and_(or_(within(who, self._sheet.book.ledger()), unverified), sighted(who))
        named = select(child.id, child.case_id, child.name, child.birth_date, child.id_no)
        reported = await opened(self._conn, (await self._conn.execute(named.where(mine))).mappings(), tables.children)
        for row in reported:
            self.known.add(row["id"], row["name"], *_numbers(row))
        corrected: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        since = await self._conn.execute(CORRECTED, {"ids": list(self.known.ids)})
        for row in await opened(self._conn, since.mappings(), tables.contents):
            corrected[row["child_id"]][row["key"]] = (row["body"] or {}).get("value")
        for row in reported:
            if said := corrected.get(row["id"]):
                born, number = _numbers(row)
                now = (said.get("name", row["name"]), said.get("birth_date", born), said.get("id_no", number))
                self.known.add(row["id"], *now)

    async def batches(self, sent: bytes) -> AsyncIterator[list[Planned]]:
        """Every row of the sheet, in its order."""
        lines = rows(sent, ENTERED)
        heads = next(lines, [])
        self.columns = matched(heads, self._layout)
        if not any(column.enters for column in self.columns.values()):
            raise Unreadable("workbook_has_other_columns")
        self.heads = [as_typed(head) for head in heads]
        numbered = ((n, cells) for n, cells in enumerate(lines, 2) if any(as_typed(cell) for cell in cells))
        while some := list(islice(numbered, BATCH)):
            yield await self._plan([Planned(n, cells) for n, cells in some])

    async def _plan(self, some: list[Planned]) -> list[Planned]:
        for one in some:
            self._whose(one)
        await self._registered_before([one for one in some if one.once])
        ids = [one.child for one in some if one.child]
        who = self._sheet.who
        if ids:
            stream, why = f"ledger-{self._sheet.book.id}", self._sheet.job.why
            await before_reading(self._conn, who, "import_ledger", stream, list(self.heads), children=ids, why=why)
        found = {record.child_id: record for record in await records_of(self._conn, ids, false())}
        for one in some:
            one.record = found.get(one.child or "")
            self._read(one)
        return some

    def _whose(self, one: Planned) -> None:
        said = {column.code: as_typed(cell) for column, cell in self._cells(one)}
        number = normal_id(said.get("id_no", ""))
        name, born = said.get("name", ""), said.get("birth_date", "")
        child = self.known.find(said.get(KEY, ""), number, name, born)
        if isinstance(child, Fault):
            one.faults.append(child)
            return
        one.child = child
        if child is None:
            if not name or not (number or born):
                one.faults.append(Fault("", Wrong.NOBODY))
            one.once = self._id(number or clean_name(name) + born)
        whose = child or one.once
        if whose in self._seen:
            one.faults.append(Fault("", Wrong.TWICE))
        self._seen.add(whose)

    def _cells(self, one: Planned) -> Iterable[tuple[SheetColumn, Any]]:
        return ((column, one.cells[n]) for n, column in self.columns.items() if n < len(one.cells))

    def _id(self, said: str) -> str:
        """Of a child whom this desk registers under these words; nothing of them can be read from it."""
        return f"ch-{self._sheet.receipts.hash(f'{self._sheet.who.desk} {said}')[:32]}"

    async def _registered_before(self, some: list[Planned]) -> None:
        """What an earlier import has registered is that child; what was returned then is registered anew."""
        child, file, watch = tables.children.c, tables.child_files.c, tables.watches.c
        stands = or_(
            exists().where(file.child_id == child.id, file.is_open), exists().where(watch.child_id == child.id)
        )
        while some:
            query = select(child.id, stands.label("stands")).where(child.id.in_([one.once for one in some]))
            found = {row.id: row.stands for row in await self._conn.execute(query)}
            for one in some:
                if found.get(one.once):
                    one.child, one.once = one.once, ""
                elif one.once in found:
                    one.once = self._id(f"{one.once} again")
            some = [one for one in some if one.once and found]

    def _read(self, one: Planned) -> None:
        row = dict(self._cells(one))
        said = read_row(row, one.record, self._divisions, self._sheet.today)
        one.faults += said.faults
        for name, value in said.values.items():
            self._value(one, name, value)
        if one.once and not divisions(self._sheet.who):
            one.faults.append(Fault("", Wrong.ELSEWHERE))
        elif one.once:
            found, grade, faults = read_registration(row)
            one.faults += faults
            one.registration = Registration(found=found, grade=grade) if found and grade else None
        new = RowState.NEW if one.once else RowState.CHANGED if one.values else RowState.SAME
        one.state = RowState.WRONG if one.faults else new

    def _value(self, one: Planned, name: FileField, value: Any) -> None:
        """In the form in which it would be kept; one that waits already is not entered again."""
        column = next((c.code for c in self.columns.values() if c.enters is name), "")
        try:
            kept = VALUES[name].dump_python(VALUES[name].validate_python(value), mode="json", exclude_defaults=True)
        except ValidationError:
            one.faults.append(Fault(column, Wrong.TOO_LONG))
            return
        waiting = one.record.waiting(name) if one.record else None
        if waiting is None:
            one.values[name] = kept
        elif one.record and one.record.contents[waiting.number].get("value") != kept:
            one.faults.append(Fault(column, Wrong.WAITS))


async def preview(sheet: Sheet, conn: AsyncConnection, sent: bytes, path: Path, tell: Tell) -> dict[str, Any]:
    """Write the marked sheet; the counts and the first faults. Raises Unreadable."""
    reader = Reader(sheet, conn, await streets(conn))
    await reader.learn()
    counts, faults = Counter[str](), list[dict[str, Any]]()
    made, page, done = Book(path, stamp(sheet.who, sheet.now, sheet.job.why)), None, 0
    async for some in reader.batches(sent):
        if page is None:
            page = made.page(ENTERED, [*([16] * len(reader.heads)), 12, 60])
            page.head([*reader.heads, MARKED, "错误 errors"])
        places = {column.code: n for n, column in reader.columns.items()}
        for one in some:
            counts[one.state] += 1
            cells = [as_typed(cell) for cell in one.cells]
            bad = [places[fault.column] for fault in one.faults if fault.column in places]
            page.add([*cells, one.state.zh, _said(one, reader)], [*bad, *([len(cells) + 1] if one.faults else [])])
            if len(faults) < MOST_TOLD:
                faults += [_told(one.number, fault) for fault in one.faults]
        done += len(some)
        await tell(done, done)
    made.close()
    return {"counts": {state.value: counts[state] for state in RowState}, "faults": faults[:MOST_TOLD], "total": done}


def _told(row: int, fault: Fault) -> dict[str, Any]:
    return {"row": row, "column": fault.column, "code": fault.wrong.value, "zh": fault.wrong.zh, "en": fault.wrong.en}


def _said(one: Planned, reader: Reader) -> str:
    """Every fault of a row in words, with its column; or which columns change."""
    names = {column.code: column.zh for column in reader.columns.values()}
    parts = [
        f"{names.get(fault.column, fault.column)}：{fault.wrong.zh} {fault.wrong.en}" if fault.column
        else f"{fault.wrong.zh} {fault.wrong.en}"
        for fault in one.faults
    ]  # fmt: skip
    return "；".join(parts) or "、".join(name.zh for name in one.values if one.child)


async def apply(sheet: Sheet, conn: AsyncConnection, sent: bytes, tell: Tell) -> dict[str, int]:
    """All of it in the caller's transaction; raises Changed where a row can no longer be taken."""
    reader = Reader(sheet, conn, await streets(conn))
    await reader.learn()
    counts, total = Counter[str](), sum(sheet.job.counts.values())
    async for some in reader.batches(sent):
        if any(one.faults for one in some):
            raise Changed
        try:
            await _register(sheet, conn, [one for one in some if one.state is RowState.NEW])
            await _enter(sheet, conn, [one for one in some if one.state is RowState.CHANGED])
        except Refused as refusal:
            raise Changed from refusal
        counts.update(one.state for one in some)
        await tell(counts.total(), total)
    return {state.value: counts[state] for state in RowState}


def _numbers(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The birth date and the id number of a child as they were reported."""
    return row["birth_date"].isoformat() if row["birth_date"] else None, row["id_no"]


async def _register(sheet: Sheet, conn: AsyncConnection, some: Sequence[Planned]) -> None:
    """建档 of the new children, with what a registration has no place for entered beside it."""
    asked: dict[str, list[EnterChange]] = {}
    rows = []
    for one in some:
        command, row = _registration(sheet, vault_of(conn), one)
        rest = (
            name for name in one.values if name not in (*REPORTED, FileField.GUARDIANS, FileField.RESIDENCE_DIVISION)
        )
        more = [_command(sheet, one.once, command.division, 0, name, one.values[name]) for name in rest]
        asked[file_id(one.once)] = [command, *more]
        rows.append(row)
    if asked:
        await sheet.ledger.begin_all(conn, asked, now=sheet.now)
        await conn.execute(insert(tables.children), await sealed_rows(conn, tables.children, rows))


def _registration(sheet: Sheet, vault: Vault, one: Planned) -> tuple[EnterChange, dict[str, Any]]:
    (division,), values = divisions(sheet.who), one.values
    said = {name: values[of] for of, name in REPORTED.items() if of in values}
    child = ReportedChild.model_validate({**said, "child_id": one.once, "residence_division": division})
    family = [FamilyMember.model_validate(_kin(member)) for member in values.get(FileField.GUARDIANS, ())]
    means = {name: answer for name, answer in values.get(FileField.MEANS, {}).items() if name != "note"}
    reporter = Reporter.model_validate({"class": ReporterClass.COMMITTEE})
    submission = Submission(
        reporter=reporter, children=[child], family=family, household=HouseholdFacts.model_validate(means)
    )
    facts = facts_of(submission, [child], sheet.now).model_copy(update={"reported_at": None})
    command = _command(sheet, one.once, division, 0, FileField.REGISTRATION, None)
    content = {
        "facts": facts.model_dump(mode="json"), "evidence": command.content["evidence"],
        "family": [member.model_dump(mode="json", exclude_none=True) for member in family],
    }  # fmt: skip
    row = child_row(None, child, sheet.now, division, marked_as(vault, child, [member.phone for member in family]))
    return command.model_copy(update={"content": content, "registration": one.registration}), row


def _kin(member: dict[str, Any]) -> dict[str, Any]:
    """With the relation as a fact, where its word is the official one."""
    relation = next((one.value for one in Relation if one.zh == member.get("relation")), None)
    return {**member, "facts": {"relation": relation}} if relation else member


async def _enter(sheet: Sheet, conn: AsyncConnection, some: Sequence[Planned]) -> None:
    """The changed values of these rows, each by the path of its field."""
    asked = {
        file_id(one.record.child_id): [
            _command(sheet, one.record.child_id, one.record.division, _version(one.record, name), name, value)
            for name, value in one.values.items()
        ]
        for one in some if one.record
    }  # fmt: skip
    if asked:
        await sheet.ledger.begin_all(conn, asked, now=sheet.now)


def _version(record: ChildRecord, name: FileField) -> int:
    entry = record.entry(name)
    return entry.version if entry else 0


def _command(sheet: Sheet, child: str, division: str, seen: int, name: FileField, value: Any) -> EnterChange:
    evidence = f"{sheet.book.zh}导入 {sheet.job.id}"
    return EnterChange(
        by=sheet.who, child_id=child, division=division, field=name, seen=seen,
        moves_to=str(value) if name is FileField.RESIDENCE_DIVISION else None,
        content={"value": value, "evidence": evidence},
    )  # fmt: skip
