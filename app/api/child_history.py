"""The history of a child: its file's fields with their steps, and how its grade, categories, benefits and placement have changed."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field, JsonValue
from sqlalchemy import select

from app.api.children import known_to, record_of, rules_of
from app.api.context import Conn, Shouhu, Who
from app.api.need import Lens
from app.api.strict import StrictRoute
from app.db import tables
from app.db.child_records import happenings
from app.db.people import of_streets
from app.db.rules import Pack
from app.db.vault import with_notes
from app.domain import child_file as cf
from app.domain import events as e
from app.domain.access import Actor
from app.domain.child_history import CategoriesAt, Happening, Turn, turns
from app.domain.child_record import ChildRecord
from app.domain.child_terms import SECTION_OF, FileField, NotTaken, Section
from app.domain.compartment import TOLD_PLACE, unplaced
from app.domain.ledgers import categories
from app.domain.sight import by_own_hand
from app.domain.titles import TITLES
from app.domain.working_time import BEIJING
from app.router import Router

router = Router(prefix="/v1", tags=["children"], route_class=StrictRoute)
IN_A_CASE = "found_in_a_case"
"""Of what was done in a case, before a body that is not told of its cases."""
STEPS = ("change_entered", "change_passed", "change_rejected")


class HistoryRow(BaseModel):
    """One entry or step of a field, or one change of what no field holds: the grade, the categories, a benefit, the placement."""

    section: Section
    version: int = Field(
        description="Of the file, the watch or the case in which it is written; 0 before a body that is not told of its cases."
    )
    kind: str
    title_zh: str
    title_en: str
    field: FileField | None = Field(None, description="Null where it is no field of the file.")
    change: int | None = None
    by: str = Field("", description="Empty for what was done in a case: its own timeline says by whom.")
    behalf: str | None = None
    at: datetime = Field(
        description="Where a body is not told of the case in which it was found, the beginning of its month."
    )
    value: JsonValue = None
    said_zh: str = Field("", description="The value in words, where it is no field.")
    said_en: str = ""
    since: date | None = Field(
        None, description="From which day a benefit or a placement holds; when a visit was made that was sent later."
    )
    until: date | None = Field(None, description="The day on which it ended or another took its place.")
    case_id: str | None = Field(None, description="The case in which it was done, for bodies that see the cases.")
    evidence: str = ""
    reason: NotTaken | None = None
    note: str = ""


@router.get("/children/{child_id}/history", operation_id="read_child_history")
async def read_child_history(child_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[HistoryRow]:
    """Every value that was entered, by whom, and who verified, approved or returned it, each with its time; and what was decided or found.

    Categories stand as a visit found them by the rules of its day; for a report, an assessment or a ruling, by those of today.
    """
    record, lens = await record_of(conn, who, child_id, ["history"])
    pack = await rules_of(conn, shouhu)
    sections = pack.file.seen_by(who.agency)
    told = [one.told(who.agency) for one in await happenings(conn, record)]
    found = turns(
        record, told, _categories_at(pack, record, told), await shouhu.ledger.current(conn, shouhu.ledger.clock())
    )
    entered = await _entered(conn, who, record, lens, sections)
    rows = [*entered, *(_turned(one, sections) for one in _seen(found, sections))]
    return sorted(await _unplaced(conn, who, rows), key=lambda row: row.at)


async def changes_of(child_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[HistoryRow]:
    """The fields of the file alone."""
    record, lens = await record_of(conn, who, child_id, ["history"])
    rows = await _entered(conn, who, record, lens, (await rules_of(conn, shouhu)).file.seen_by(who.agency))
    return await _unplaced(conn, who, rows)


async def _unplaced(conn: Conn, who: Actor, rows: Sequence[HistoryRow]) -> list[HistoryRow]:
    """Without the accounts of streets and committees, for bodies to which it may be kept back where the child lives."""
    if who.agency in TOLD_PLACE:
        return [*rows]
    local = await of_streets(conn, {one for row in rows for one in (row.by, row.behalf) if one})
    return [row.model_copy(update=unplaced({"by": row.by, "behalf": row.behalf}, who.agency, local)) for row in rows]


async def _entered(
    conn: Conn, who: Actor, record: ChildRecord, lens: Lens, sections: Sequence[Section]
) -> list[HistoryRow]:
    """What the own office wrote is cleared of what its body is told alone: a mask that knew more would answer guesses. Of what may be kept
    back stands what it entered itself, of every child alike."""
    streams = {cf.file_id(one.child_id): one for one in (record, *record.joined)}
    ledger, note = tables.events.c, tables.notes.c
    query = (
        select(ledger.stream_id, ledger.version, ledger.body, note.body.label("note"))
        .outerjoin(tables.notes, (note.stream_id == ledger.stream_id) & (note.version == ledger.version))
        .where(ledger.stream_id.in_(streams), ledger.kind.in_(STEPS))
        .order_by(ledger.at, ledger.version)
    )
    told = [field for field in FileField if SECTION_OF[field] in sections]
    rows = [row for row in await with_notes(conn, query) if row["body"]["field"] in told]
    own_changes = {_change_of(row) for row in rows if row["body"]["kind"] == STEPS[0] and _is_own(who, row)}
    seen = [
        (_history_row(streams[row["stream_id"]], row, record.asked_of, is_own=_is_own(who, row)), _is_own(who, row))
        for row in rows
        if row["body"]["field"] not in record.asked_of or _change_of(row) in own_changes
    ]
    own = [{str(row.field): row.value} for row, is_own in seen if is_own]
    typed = lens.over((*known_to(record, sections), *own))
    see = lens.over((*(row.model_dump(mode="json") for row, _ in seen), *record.named))
    return [HistoryRow.model_validate((typed if is_own else see)(row.model_dump(mode="json"))) for row, is_own in seen]


def _is_own(who: Actor, row: Any) -> bool:
    return by_own_hand(who, row["body"]["by"], row["body"].get("office"))


def _change_of(row: Any) -> tuple[str, int]:
    return row["stream_id"], row["body"].get("change", row["version"])


def _history_row(record: ChildRecord, row: Any, asked_of: Sequence[FileField], *, is_own: bool) -> HistoryRow:
    """Of what may be kept back the words of others with a step are left out, of every child alike: they may say what is kept back."""
    body, version = row["body"], row["version"]
    note = "" if body["field"] in asked_of and not is_own else row["note"] or ""
    zh, en = TITLES[body["kind"]]
    entered = record.contents.get(version, {})
    return HistoryRow.model_validate(
        {
            **{name: body.get(name) for name in ("kind", "field", "by", "behalf", "at", "reason")},
            "section": SECTION_OF[FileField(body["field"])],
            "version": version, "title_zh": zh, "title_en": en, "change": body.get("change", version),
            "value": entered.get("value"), "evidence": entered.get("evidence", ""), "note": note,
        }
    )  # fmt: skip


def _seen(found: Sequence[Turn], sections: Sequence[Section]) -> Iterator[Turn]:
    """The turns that a body sees. Of its cases it is told neither what changed the categories, nor on which day of the month, nor of a
    look that changed nothing: that would name a judgment and its day."""
    before: JsonValue = None
    for one in found:
        if one.section not in sections:
            continue
        if one.section is Section.CATEGORIES and Section.CASES not in sections:
            changed, before = one.value != before, one.value
            if not changed:
                continue
            one = one if one.stream_id.startswith("watch-") else _of_its_month(one)
        yield one


def _of_its_month(turn: Turn) -> Turn:
    month = turn.at.astimezone(BEIJING).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return turn.model_copy(update={"kind": IN_A_CASE, "at": month, "version": 0})


def _turned(turn: Turn, sections: Sequence[Section]) -> HistoryRow:
    zh, en = TITLES.get(turn.kind, ("在个案中认定", "found in a case"))
    of_case = Section.CASES in sections and not turn.stream_id.startswith("watch-")
    return HistoryRow(
        **turn.model_dump(include={"section", "version", "kind", "by", "at", "value", "since", "until"}),
        title_zh=zh, title_en=en, said_zh=turn.zh, said_en=turn.en, case_id=turn.stream_id if of_case else None,
    )  # fmt: skip


def _categories_at(pack: Pack, record: ChildRecord, told: Sequence[Happening]) -> CategoriesAt:
    judged = [one.event.at for one in told if isinstance(one.event, e.GuardianSentenced)]

    def found(at: datetime, resolved: Sequence[str]) -> tuple[str, ...] | None:
        facts = record.facts_at(at, judged)
        children = pack.found(facts, resolved) if facts else ()
        return next((categories(one) for one in children if one.child_id == record.child_id), None)

    return found
