"""Reads a sheet of a book batch by batch: whom each row is about, what it says, and what is wrong with it.

Children are found by the keyed marks of what a row names them by; only those are opened.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Row, String, and_, any_, cast, exists, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.child_changes import VALUES
from app.api.children import sighted
from app.api.context import visible
from app.api.ledgers import within
from app.db import tables
from app.db.audit import before_reading
from app.db.child_records import attempts_of, records_of
from app.db.communities import listed
from app.db.given import with_given
from app.db.ledger import Ledger
from app.db.marks import marks_of
from app.db.receipts import Receipts
from app.db.rules import Pack
from app.db.suspects import with_suspects
from app.db.vault import Vault, opened, vault_of
from app.domain.access import Actor
from app.domain.child_file import Registration
from app.domain.child_record import ChildRecord
from app.domain.child_shown import read_by
from app.domain.child_terms import FileField
from app.domain.identity import clean_name, normal_id
from app.domain.ledgers import Findings, Reach, RowsOf
from app.domain.sheet_care import arranges, is_watched_by, read_care
from app.domain.sheet_columns import FINDS, KEY, REGISTERING, SheetColumn, layout_of
from app.domain.sheet_compared import missing, named
from app.domain.sheet_registration import read_registration
from app.domain.sheet_visits import OnRecord, VisitSaid, read_visit
from app.domain.sheets import Fault, RowState, Wrong, as_typed, matched, read_row
from app.domain.sight import divisions
from app.domain.working_time import day_of
from app.sheet_book import ENTERED
from app.sheet_unread import MOST_OTHERWISE, Guessed, Unread, own_columns
from app.workbook import Unreadable, rows

BATCH = 1_000
IDENTITY = ("name", "id_no", "birth_date")
CORRECTED = text("""
    select f.child_id, k.key, c.stream_id, c.version, c.body
    from child_files f cross join lateral jsonb_each(f.progress -> 'counts') k
    join contents c on c.stream_id = f.id and c.version = (k.value ->> 'version')::int
    where k.key in ('name', 'id_no', 'birth_date') and f.child_id = any(:ids)
""")
"""Names, numbers and birth dates that count now in place of the reported ones."""


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
    said: dict[str, str] = field(default_factory=dict)
    """Its cells as text, by the codes of their columns."""
    state: RowState = RowState.SAME
    faults: list[Fault] = field(default_factory=list)
    child: str | None = None
    record: ChildRecord | None = None
    once: str = ""
    """The id of a new child; the same row means the same child."""
    registration: Registration | None = None
    away: str = ""
    """Where the parents of a new child are, as it was picked."""
    values: dict[FileField, Any] = field(default_factory=dict)
    community: str | None = None
    """The entry in the street's list of the community that it names."""
    care: dict[str, Any] = field(default_factory=dict)
    """An arrangement with a delegate, by its parts."""
    visit: VisitSaid | None = None
    """A visit that is not on record yet."""
    recorded: dict[str, str] = field(default_factory=dict)
    """What stands on record, masked, by the columns that say something else."""
    unread: list[SheetColumn] = field(default_factory=list)
    """Columns in which it says something that is not entered."""


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
        return day_of(self.now)


class Reader:
    """Goes through a sheet once, batch by batch."""

    def __init__(self, sheet: Sheet, conn: AsyncConnection, names: dict[str, str]) -> None:
        self._sheet, self._conn, self._divisions = sheet, conn, names
        self._communities = dict[str, str]()
        """The ids of those of the sender's street, by name."""
        seen = sheet.rules.file.seen_by(sheet.who.agency)
        codes = [column.code for column in sheet.book.ledger().for_sections(seen)]
        self.rows_of = sheet.book.ledger().rows_of
        known = layout_of(self.rows_of, codes, names, cares=arranges(sheet.who))
        self._layout = (*known, *(REGISTERING if self.rows_of is RowsOf.CHILDREN else ()))
        self.names = {column.code: column.zh for column in self._layout}
        self._seen, self._met, self._otherwise = set[str](), set[str](), Counter[str]()
        self.known = Known()
        self._visits = defaultdict[str, OnRecord](OnRecord)
        self.columns: dict[int, SheetColumn] = {}
        self.others: dict[int, SheetColumn] = {}
        """The keeper's own columns, which are not read."""
        self.heads: list[str] = []
        self.total = 0
        findings = Findings(sheet.rules)
        self._unread = Unread(sheet.book.ledger(), findings, names, sheet.today)
        self.findings = findings

    @property
    def _mine(self) -> ColumnElement[bool]:
        """The children of the book that this person may enter something of: of a screened book all, for whoever is asked in a round reads
        them there, and whether a child has a case, and with whom, is not theirs to learn by a refusal."""
        child, file, who, ledger = tables.children.c, tables.child_files.c, self._sheet.who, self._sheet.book.ledger()
        if ledger.reach is Reach.SCREENED:
            return within(who, ledger)
        waiting = exists().where(file.child_id == child.id, file.is_open)
        unverified = and_(child.case_id.is_(None), child.division.in_(divisions(who)), waiting)
        return and_(or_(within(who, ledger), unverified), sighted(who))

    async def learn(self) -> None:
        """The communities of the sender's street; and those of whom a name, a number or a birth date was corrected: the marks of all
        others find them batch by batch."""
        if street := next(iter(divisions(self._sheet.who)), None):
            self._communities = {name: one for one, name in (await listed(self._conn, street)).items()}
        child, file = tables.children.c, tables.child_files.c
        renamed = select(file.child_id).where(file.progress["counts"].op("?|")(cast(list(IDENTITY), ARRAY(String))))
        await self._meet(child.id.in_(renamed))

    async def _recall(self, some: list[Planned]) -> None:
        """The children whom these rows may be about, found by number or by name and birthday, and by the service's own number."""
        vault, keys, marks = vault_of(self._conn), set[str](), set[str]()
        for one in some:
            one.said = {column.code: as_typed(cell) for column, cell in self._cells(one)}
            if key := one.said.get(KEY, ""):
                keys.add(key)
            else:
                marks |= _marks(vault, one.said)
        child = tables.children.c
        if marks:
            await self._meet(child.marks.overlap(list(marks)))
        if left := keys - self.known.ids:
            known = select(child.id).where(self._mine, child.id == any_(cast(list(left), ARRAY(String))))
            self.known.ids.update((await self._conn.execute(known)).scalars())

    async def _meet(self, which: ColumnElement[bool]) -> None:
        child = tables.children.c
        named = select(child.id, child.case_id, child.name, child.birth_date, child.id_no).where(self._mine, which)
        reported = await opened(self._conn, (await self._conn.execute(named)).mappings(), tables.children)
        fresh = [row for row in reported if row["id"] not in self._met]
        corrected: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        ids = [row["id"] for row in fresh]
        since = (await self._conn.execute(CORRECTED, {"ids": ids})).mappings() if ids else ()
        for row in await opened(self._conn, since, tables.contents):
            corrected[row["child_id"]][row["key"]] = (row["body"] or {}).get("value")
        for row in fresh:
            self._met.add(row["id"])
            self.known.add(row["id"], row["name"], *_numbers(row))
            if said := corrected.get(row["id"]):
                born, number = _numbers(row)
                now = (said.get("name", row["name"]), said.get("birth_date", born), said.get("id_no", number))
                self.known.add(row["id"], *now)

    async def batches(self, sent: bytes) -> AsyncIterator[list[Planned]]:
        """Every row of the sheet, in its order."""
        height, lines = rows(sent, ENTERED)
        heads, self.total = next(lines, []), max(0, height - 1)
        self.columns = matched(heads, self._layout)
        if not any(column.is_used(self.rows_of) and column.code != KEY for column in self.columns.values()):
            raise Unreadable("workbook_has_other_columns")
        self.heads = [as_typed(head) for head in heads]
        self.others = own_columns(self.heads, self.columns)
        numbered = ((n, cells) for n, cells in enumerate(lines, 2) if any(as_typed(cell) for cell in cells))
        while some := list(islice(numbered, BATCH)):
            yield await self._plan([Planned(n, cells) for n, cells in some])

    async def _plan(self, some: list[Planned]) -> list[Planned]:
        await self._recall(some)
        for one in some:
            self._whose(one)
        await self._registered_before([one for one in some if one.once])
        ids = [one.child for one in some if one.child]
        who = self._sheet.who
        if ids:
            stream, why = f"ledger-{self._sheet.book.id}", self._sheet.job.why
            await before_reading(self._conn, who, "import_ledger", stream, list(self.heads), children=ids, why=why)
        records = await with_suspects(self._conn, who, await records_of(self._conn, ids, visible(who)))
        codes, ledger = [column.code for column in self.columns.values()], self._sheet.book.ledger()
        records = await with_given(self._conn, who, self._sheet.rules, ledger, codes, records)
        found = {record.child_id: record for record in records}
        if self.rows_of is RowsOf.VISITS:
            await self._recall_attempts(found)
        for one in some:
            record = found.get(one.child or "")
            one.record = record and read_by(record, who)  # what is kept back is not compared with what somebody guesses
            self._read(one)
        return some

    async def _recall_attempts(self, found: Mapping[str, ChildRecord]) -> None:
        """Of these children, the days on which somebody went and did not see the child, with who that was."""
        for child, attempts in (await attempts_of(self._conn, list(found.values()))).items():
            self._visits[child].attempts |= attempts

    def _whose(self, one: Planned) -> None:
        said = one.said
        number = normal_id(said.get("id_no", ""))
        name, born = said.get("name", ""), said.get("birth_date", "")
        child = self.known.find(said.get(KEY, ""), number, name, born)
        if isinstance(child, Fault):
            one.faults.append(child)
            return
        one.child = child
        if self.rows_of is not RowsOf.CHILDREN:  # many rows are about one child, and none of them registers it
            one.faults += [] if child else [Fault("", Wrong.NOT_ON_FILE)]
            return
        if child is None:
            if not name or not (number or born):
                one.faults.append(Fault("", Wrong.NOBODY))
            one.once = self._id(number or clean_name(name) + born)
        self._once(one, child or one.once)

    def _once(self, one: Planned, what: str) -> None:
        if what in self._seen:
            one.faults.append(Fault("", Wrong.TWICE if self.rows_of is RowsOf.CHILDREN else Wrong.TWICE_MADE))
        self._seen.add(what)

    def _cells(self, one: Planned) -> Iterable[tuple[SheetColumn, Any]]:
        return ((column, one.cells[n]) for n, column in self.columns.items() if n < len(one.cells))

    def _id(self, said: str) -> str:
        """Of a child whom this desk registers under these words; nothing of them can be read from it."""
        return f"ch-{self._sheet.receipts.hash(f'{self._sheet.who.desk} {said}')[:32]}"

    async def _registered_before(self, some: list[Planned]) -> None:
        """What an earlier import has registered is that child, as long as the sender sees it; what was returned then is registered anew."""
        child, file, watch = tables.children.c, tables.child_files.c, tables.watches.c
        stands = or_(
            exists().where(file.child_id == child.id, file.is_open), exists().where(watch.child_id == child.id)
        )
        while some:
            kept = and_(stands, sighted(self._sheet.who)).label("stands")
            query = select(child.id, kept).where(child.id.in_([one.once for one in some]))
            found = {row.id: row.stands for row in await self._conn.execute(query)}
            for one in some:
                if found.get(one.once):
                    one.child, one.once = one.once, ""
                elif one.once in found:
                    one.once = self._id(f"{one.once} again")
            some = [one for one in some if one.once and found]

    def _read(self, one: Planned) -> None:
        if Fault("", Wrong.TWICE) in one.faults:  # what else it says would be a guess more
            one.state = RowState.WRONG
            return
        row = dict(self._cells(one))
        typed = row | {column: one.cells[n] for n, column in self.others.items() if n < len(one.cells)}
        if self.rows_of is not RowsOf.CHILDREN:
            self._read_of_child(one, row, typed)
            return
        cares = is_watched_by(one.record, self._sheet.who.desk)
        one.unread = self._unread.of(typed, one.record, is_new=bool(one.once), cares=cares)
        if cares:
            care = read_care(row, one.record)
            one.faults, one.care = one.faults + care.faults, care.values
        own = one.record is None or one.record.division in divisions(self._sheet.who)
        known = self._communities if own else ()  # of a child who has moved away the next street enters it
        said = read_row(row, one.record, self._divisions, self._sheet.today, known)
        one.faults += said.faults
        one.community = self._communities.get(said.values.get(FileField.COMMUNITY, ""))
        for name, value in said.values.items():
            self._value(one, name, value)
        if one.once and not divisions(self._sheet.who):
            one.faults.append(Fault("", Wrong.ELSEWHERE))
        elif one.once:
            found, grade, one.away, faults = read_registration(row)
            one.faults += faults
            one.registration = Registration(found=found, grade=grade) if found and grade else None
        new = RowState.NEW if one.once else RowState.CHANGED if one.values or one.care else RowState.SAME
        one.state = RowState.WRONG if one.faults else new

    def _read_of_child(self, one: Planned, row: dict[SheetColumn, Any], typed: dict[SheetColumn, Any]) -> None:
        """A visit, a case or a benefit of a child that is on file."""
        if one.record is None:
            one.state = RowState.WRONG
            return
        one.unread = self._unread.of(typed, one.record, is_new=False, cares=False)
        if self.rows_of is RowsOf.VISITS:
            self._read_visit(one, row, one.record)
        else:
            self._compare(one, row, one.record)

    def _read_visit(self, one: Planned, row: dict[SheetColumn, Any], record: ChildRecord) -> None:
        whose = {column: cell for column, cell in row.items() if column.code in FINDS}
        self._differs(one, self._unread.differing(whose, record) or {})
        said = read_visit(row, record, self._sheet.today, self._visits[record.child_id])
        one.faults += said.faults
        if said.stands:
            parts = {column: cell for column, cell in row.items() if column.visit}
            asked = self._unread.differing(parts, record, lambda line: line.visit in said.stands)
            one.unread += list(asked or ())
        elif said.day and not said.is_known:
            self._once(one, f"{record.child_id} {said.day} {said.visitor} {said.form.seen_in_person}")
            one.visit = said
            one.faults += [] if is_watched_by(record, self._sheet.who.desk) else [Fault("", Wrong.NOT_WATCHED)]
        new = RowState.VISIT if said.form.seen_in_person else RowState.ATTEMPT
        one.state = RowState.WRONG if one.faults else new if one.visit else RowState.SAME

    def _compare(self, one: Planned, row: dict[SheetColumn, Any], record: ChildRecord) -> None:
        which = named(self.rows_of, one.said)
        if isinstance(which, Fault):
            one.faults.append(which)
            one.state = RowState.WRONG
            return
        others = self._unread.differing(row, record, which)
        if others is None:
            one.faults.append(missing(self.rows_of, one.said))
        else:
            self._differs(one, others)
        one.state = RowState.DIFFERS if one.faults else RowState.AGREES

    def _differs(self, one: Planned, others: dict[SheetColumn, str]) -> None:
        child = one.child or ""
        self._otherwise[child] += bool(others)
        if self._otherwise[child] > MOST_OTHERWISE:
            raise Guessed(child)
        one.faults += [Fault(column.code, Wrong.DIFFERS) for column in others]
        one.recorded |= {column.code: said for column, said in others.items()}

    def _value(self, one: Planned, name: FileField, value: Any) -> None:
        """In the form in which it would be kept; one that waits already is not entered again."""
        column = next((c.code for c in self.columns.values() if c.enters is name), "")
        try:
            kept = VALUES[name].dump_python(VALUES[name].validate_python(value), mode="json", exclude_defaults=True)
        except ValidationError:
            one.faults.append(Fault(column, Wrong.TOO_LONG))
            return
        waiting = one.record.stands_against(name) if one.record else None
        if waiting is None:
            one.values[name] = kept
        elif one.record and one.record.contents[waiting.number].get("value") != kept:
            one.faults.append(Fault(column, Wrong.WAITS))


def _marks(vault: Vault, said: Mapping[str, str]) -> set[str]:
    """By which a row finds its child: its number, and its name with its birthday."""
    try:
        born = date.fromisoformat(said.get("birth_date", ""))
    except ValueError:
        born = None
    of = marks_of(vault, name=said.get("name", ""), born=born, id_no=said.get("id_no"), sounding=False)
    return {*of.number, *of.name_born}


def _numbers(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The birth date and the id number of a child as they were reported."""
    return row["birth_date"].isoformat() if row["birth_date"] else None, row["id_no"]
