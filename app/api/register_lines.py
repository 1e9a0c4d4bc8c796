"""What is shown of the lines of a register: private fields to whom, of whose child, on record before it leaves."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import String, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.api.context import Conn, is_kept, subject_of, visible
from app.db import tables
from app.db.child_records import children_behind
from app.db.walls import open_door, reaching
from app.domain.access import Action, Actor, Deny, may
from app.domain.masking import Mask
from app.domain.progress import Progress
from app.domain.registers import EndOfEntry, FieldType, Kind, Register, sight


class EntryRow(BaseModel):
    """An entry as it stands; private fields only for the keeping desk and those who oversee it, and a case, which says who reported it,
    for that desk and those who may know that."""

    id: str
    version: int
    desk: str
    division: str
    kind: Kind
    reason: EndOfEntry | None
    fields: dict[str, Any]
    review_at: datetime | None
    at: datetime
    by: str
    masked: bool = Field(False, description="Whether families in it are hidden from the caller for now.")


class Stored(EntryRow):
    """With what is private in it."""

    private: dict[str, Any] | None


class Telling:
    """What a person is told of the fields of lines: `knows` are the cases of which they may know who reported them."""

    def __init__(self, who: Actor, register: Register, knows: Collection[str]) -> None:
        self._who, self._register, self._knows = who, register, knows
        self._sight = sight(who, register)

    def shows_private(self, desk: str) -> bool:
        """Whether anything private of an entry of that desk is told."""
        return self._sight.shows_private(desk)

    def of(self, desk: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Those that are told of a line of that desk."""
        private = self._register.private
        cases = [spec.code for spec in self._register.of_type(FieldType.CASE)] if desk != self._who.desk else []
        return {
            name: value
            for name, value in fields.items()
            if (self.shows_private(desk) or name not in private) and (name not in cases or value in self._knows)
        }

    def masked(self, row: Stored) -> EntryRow:
        """As a list shows it: families masked."""
        private = self.of(row.desk, row.private or {})
        fields = self.of(row.desk, row.fields) | (
            Mask([private])(private) if self._register.names_families else private
        )
        return EntryRow.model_validate({**row.model_dump(exclude={"private"}), "fields": fields})


async def open_books(conn: Conn, who: Actor, register: Register) -> None:
    """What the wall shows of entries of other desks: those of a register that the caller reads whole, and nothing of others."""
    await reaching(conn, books=[register.code] if sight(who, register).everything else [])


async def telling(conn: Conn, who: Actor, register: Register, lines: Collection[Mapping[str, Any]]) -> Telling:
    """Of lines with these fields."""
    named = register.named(lines, FieldType.CASE)
    query = select(tables.cases.c.progress).where(tables.cases.c.id.in_(named), visible(who), is_kept())
    cases = [Progress.model_validate(row.progress) for row in await conn.execute(query)] if named else ()
    knows = [one.case_id for one in cases if not isinstance(may(who, Action.READ_REPORTER, subject_of(one)), Deny)]
    return Telling(who, register, knows)


async def children_of(conn: Conn, who: Actor, register: Register, told: Iterable[Mapping[str, Any]]) -> list[str]:
    """The children of whom these fields tell, each by the name that stands there and by its own; those of a case though the caller may
    not see it."""
    told = list(told)
    children, cases = (register.named(told, kind) for kind in (FieldType.CHILD, FieldType.CASE))
    if cases:
        await open_door(conn)
        children += await children_behind(conn, cases)
        await open_books(conn, who, register)
    if not children:
        return []
    one = func.unnest(cast(children, ARRAY(String))).column_valued("one")
    own = (await conn.execute(select(func.shouhu_own_child(one)))).scalars()
    return sorted({*children, *own})
