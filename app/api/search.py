"""Exact search for a child among the cases in sight: by number, phone, or name with birth. What is asked travels in the body alone."""

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import func, select

from app.api import patience
from app.api.context import Conn, Shouhu, Who, audit_read, subject_of, told, visible
from app.api.reading import content_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.marks import marks_of
from app.db.past import report_of
from app.db.sounds import LETTERS
from app.db.vault import opened, vault_of
from app.domain.access import ADMINS, STAFF, Action, Deny, may
from app.domain.case_no import case_no
from app.domain.disclosure import Told, as_known
from app.domain.disclosure_lists import VOCABULARY
from app.domain.guessing import INITIALS, NUMBERS
from app.domain.identity import known_name, mask_name
from app.domain.progress import Progress
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Stage
from app.domain.typed import Text
from app.router import Router

router = Router(prefix="/v1", tags=["cases"], route_class=StrictRoute)
MOST = 50


class Wanted(BaseModel):
    """One of these: an id number; a phone of the child or the family; a name with the birth date, or with the year as it may sound; initials."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "示例甲", "birth_date": "2016-03-04"}}
    )

    id_no: Text | None = None
    phone: Text | None = None
    name: Text | None = None
    birth_date: date | None = None
    birth_year: int | None = Field(default=None, ge=1900, le=2100)
    initials: str | None = Field(
        default=None,
        pattern=rf"^[A-Za-z]{{2,{LETTERS}}}$",
        description="The first letter of each syllable, such as `zxm`.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        asked = [bool(self.id_no), bool(self.phone), bool(self.initials), self._by_name()]
        others = bool(self.birth_date or self.birth_year) and not self.name
        if sum(asked) != 1 or others or (self.name and not self._by_name()):
            raise ValueError(
                "身份证号、电话、姓名首字母、姓名加出生日期或年份，任选一项"
                " · an id number, a phone, initials, or a name with birth date or year"
            )
        return self

    def _by_name(self) -> bool:
        return bool(self.name and known_name(self.name)) and (self.birth_date is None) != (self.birth_year is None)

    @property
    def kinds(self) -> list[str]:
        """The fields that are asked for, for the audit."""
        return [name for name in type(self).model_fields if getattr(self, name)]

    @property
    def fields(self) -> set[str]:
        """The fields of a child that an answer confirms; a phone may be anybody's, so that is asked of each answer."""
        of_name = {"name", "birth_date"} if self.name else {"name"} if self.initials else set[str]()
        return of_name | ({"id_no"} if self.id_no else set())


class FoundChild(BaseModel):
    """A child of a case that the caller may read; the name is masked, and empty where the caller's disclosure list has none."""

    child_id: str
    case_id: str
    number: int
    case_no: str
    stage: Stage
    is_open: bool
    name: str


@router.post("/search/children", operation_id="search_children")
async def search_children(wanted: Wanted, conn: Conn, who: Who, shouhu: Shouhu) -> list[FoundChild]:
    """The newest first, at most 50; of a sealed case nobody is found. An answer confirms what was asked, so a child is found by that
    alone which the caller's disclosure list tells of it. Each search is on record with whom it looked at."""
    if not who.has(*STAFF) or who.has(*ADMINS):
        raise Refused(RefusalCode.NOT_ALLOWED)
    allowance = NUMBERS if wanted.id_no or wanted.phone else INITIALS if wanted.initials else None
    if allowance:
        await patience.require(conn, who, shouhu, allowance)
    child, case = tables.children.c, tables.cases.c
    inside = func.coalesce(func.jsonb_array_length(case.progress["sealed_for"]), 0)
    query = (
        select(child.id, child.case_id, child.name, case.number, case.filed_at, case.stage, case.is_open, case.progress)
        .join(tables.cases, case.id == child.case_id)
        .where(visible(who), inside == 0, child.marks.overlap(_marks(conn, wanted)))
        .order_by(case.filed_at.desc(), child.id)
        .limit(MOST)
    )
    found = [(row, Progress.model_validate(row["progress"])) for row in (await conn.execute(query)).mappings()]
    read = [(row, case) for row, case in found if not isinstance(may(who, Action.READ_CONTENT, subject_of(case)), Deny)]
    sight = {case.case_id: await told(conn, who, shouhu, case) for _, case in read}
    read = [(row, case) for row, case in read if wanted.phone or wanted.fields <= _of_children(sight[case.case_id])]
    await audit_read(conn, who, "search_children", None, wanted.kinds, children=[row["id"] for row, _ in read])
    if wanted.phone:
        read = [
            (row, case)
            for row, case in read
            if await _is_told_phone(conn, wanted, row["id"], case, sight[case.case_id])
        ]
    if allowance and (allowance is INITIALS or not read):
        await patience.count(conn, who, shouhu, allowance)
    shown = ("case_id", "number", "stage", "is_open")
    return [
        FoundChild(
            child_id=row["id"],
            name=mask_name(row["name"] or "") if "name" in _of_children(sight[row["case_id"]]) else "",
            case_no=case_no(row["number"], row["filed_at"]),
            **{name: row[name] for name in shown},
        )
        for row in await opened(conn, [row for row, _ in read], tables.children, lenient=True)
    ]


def _of_children(sees: Told) -> set[str]:
    return set(VOCABULARY["children"] if sees.child is None else sees.child)


async def _is_told_phone(conn: Conn, wanted: Wanted, child_id: str, case: Progress, sees: Told) -> bool:
    """Whether the number is one that the caller is told, of this child or of somebody of the family; the mark alone stands for all of them."""
    if sees.whole:
        return True
    content, _ = await content_of(conn, case)
    shown = sees.of(as_known(content, await report_of(conn, case.case_id)) if sees.of_suspicion else content)
    of_child = [one.get("phone") for one in shown["children"] if one["id"] == child_id]
    theirs = marks_of(vault_of(conn), phones=(*of_child, *(one.get("phone") for one in shown.get("family") or ())))
    return not {*_marks(conn, wanted)}.isdisjoint(theirs.phones)


def _marks(conn: Conn, wanted: Wanted) -> list[str]:
    vault = vault_of(conn)
    if wanted.id_no or wanted.phone:
        of = marks_of(vault, id_no=wanted.id_no, phones=(wanted.phone,))
        return [*of.number, *of.phones]
    if wanted.initials:
        return [vault.mark("initials", wanted.initials.lower())]
    born = wanted.birth_date or date(wanted.birth_year or 1900, 1, 1)
    of = marks_of(vault, name=wanted.name or "", born=born)
    return [*(of.name_born if wanted.birth_date else of.sound_year)]
