"""The desk of a person: what they were told, who stands in for whom, and finding a case again."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import boards, cases, deputies
from app.api import search as finding
from app.api.context import Conn, Shouhu
from app.db import tables
from app.db.people import deputy
from app.db.service import Service
from app.db.sounds import LETTERS
from app.domain.access import Actor
from app.domain.case_no import case_no, number_in
from app.domain.identity import normal_id
from app.domain.terms import Agency
from app.domain.working_time import BEIJING
from app.policy.task_names import task_names
from app.policy.words import Words
from app.router import Router
from app.web.forms import Form
from app.web.frame import KEPT, STRICT
from app.web.staff import ENTRIES, MY_WORK, SEAT, Entry, Signed, show, works
from app.web.words import Pair

router = Router(include_in_schema=False)
NOTICES, ABSENCES, SEAT_PATH, SEARCH = "/notices", "/absences", "/absences/seat", "/search"


ENTRIES += [
    Entry(NOTICES, "通知", "Notices", MY_WORK, works, count=boards.unread_notices, on_phone=3, place=7),
    Entry(SEARCH, "检索", "Search", MY_WORK, works, on_phone=5, place=8),
    Entry(ABSENCES, "外出与代理", "Absences", MY_WORK, works, place=9),
]


@router.get(NOTICES)
async def notices(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, unread: bool = True, cursor: str | None = None
) -> Response:
    """What the person was told, the newest first, each with the task that it is about."""
    page = await boards.notices(conn, who, unread=unread, cursor=cursor, limit=50)
    about = await _tasks_of(conn, shouhu, {(row.case_id, row.subject) for row in page.items})
    facts = {"path": NOTICES, "unread": unread, "rows": page.items, "next": page.next, "about": about}
    return await show(request, conn, who, "notices.html", facts)


async def _tasks_of(
    conn: AsyncConnection, shouhu: Service, places: set[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, Pair, Pair]]:
    """By case and subject of each that is in sight: the address, the name and the agency of the task."""
    task, rules = tables.tasks.c, await shouhu.ledger.pack(conn, shouhu.ledger.policy)
    names = task_names(rules.version, rules.file)
    found = select(task.case_id, task.subject, task.kind, task.task, task.agency)
    rows = await conn.execute(found.where(tuple_(task.case_id, task.subject).in_(places))) if places else ()
    return {
        (row.case_id, row.subject): (
            f"/cases/{row.case_id}/{'legs' if row.kind == 'referral' else 'duties'}/{quote(row.subject)}",
            names.get(row.task, Words(row.task, row.task)),
            (Agency(row.agency).zh, Agency(row.agency).en),
        )
        for row in rows
    }


@router.post(NOTICES)
async def read(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """已读: those that were named."""
    for said in (await Form.of(request)).many("notice"):
        if said.isdecimal():
            await boards.read_notice(int(said), conn, who, shouhu)
    return RedirectResponse(NOTICES, 303, headers=STRICT)


@router.get(ABSENCES)
async def absences(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Who is away, and who stands in."""
    return await _absences(request, conn, who, shouhu, Form())


@router.post(ABSENCES)
async def appoint(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """A new absence, or the end of one."""
    form = await Form.of(request)
    if (row := form.one("revoke")).isdecimal():
        await deputies.revoke(int(row), conn, who, shouhu)
        return RedirectResponse(ABSENCES, 303, headers=STRICT)
    asked = form.valid(
        deputies.Absence,
        {
            "person_id": form.one("person_id") or who.person_id, "deputy_id": form.one("deputy_id"),
            "from_at": _day(form, "from_at"), "until_at": _day(form, "until_at", after=1),
        },
    )  # fmt: skip
    done = await form.attempt(conn, lambda: deputies.appoint(asked, conn, who, shouhu)) if asked else None
    if done is None:
        return await _absences(request, conn, who, shouhu, form)
    return RedirectResponse(ABSENCES, 303, headers=STRICT)


def _day(form: Form, name: str, after: int = 0) -> str:
    """The beginning of a day in Beijing, or of the one after; the last day of an absence belongs to it."""
    try:
        return (datetime.fromisoformat(form.one(name)).replace(tzinfo=BEIJING) + timedelta(days=after)).isoformat()
    except ValueError:
        return ""


async def _absences(request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, form: Form) -> Response:
    now = shouhu.ledger.clock()
    page = await deputies.deputies(conn, who, limit=50)
    people = await deputies.colleagues(conn, who)
    standing = [one for one in page.items if one.revoked_at is None and one.from_at <= now < one.until_at]
    facts: dict[str, Any] = {
        "path": ABSENCES, "seat_path": SEAT_PATH, "form": form, "rows": page.items, "at": now, "names": {one.id: one.name for one in people},
        "people": [(one.id, one.name) for one in people], "others": [(one.id, one.name) for one in people if one.id != who.person_id],
        "seats": [one.person_id for one in standing if one.deputy_id == who.person_id and one.person_id != who.acting_for],
    }  # fmt: skip
    return await show(request, conn, who, "absences.html", facts, status=form.status)


@router.post(SEAT_PATH)
async def sit(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Work in the seat of an absent person, or in the own again."""
    absent = (await Form.of(request)).one("absent")
    answer = RedirectResponse("/tasks", 303, headers=STRICT)
    if absent and await deputy(conn, who, absent, shouhu.ledger.clock()):
        answer.set_cookie(SEAT, absent, **KEPT)
    else:
        answer.delete_cookie(SEAT, path="/", secure=True, httponly=True, samesite="strict")
    return answer


@router.get(SEARCH)
async def ask(request: Request, conn: Conn, who: Signed) -> Response:
    """The form; what is looked for travels in a body and stands in no address."""
    return await show(request, conn, who, "search.html", {"form": Form(), "found": None})


@router.post(SEARCH)
async def find(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """What was found in the person's sight: a case by its number, or a child by the traits that the API searches by."""
    form = await Form.of(request)
    said, found = form.one("q"), None
    if not said:
        form.wrong(
            "q",
            "请填写案件编号、身份证号、电话、姓名或首字母",
            "Enter a case number, an id number, a phone, a name or initials.",
        )
    elif (number := number_in(said)) is not None:
        rows = (await cases.list_cases(conn, who, shouhu, number=number, open_only=False)).items
        found = [
            {"case_id": row.id, "case_no": case_no(row.number, row.filed_at), "stage": row.stage, "name": None}
            for row in rows
        ]
    else:
        asked = form.valid(finding.Wanted, _wanted(said, form))
        found = await form.attempt(conn, lambda: finding.search_children(asked, conn, who, shouhu)) if asked else None
    return await show(request, conn, who, "search.html", {"form": form, "found": found}, status=form.status)


def _wanted(said: str, form: Form) -> dict[str, str]:
    """An id number has 18 places; a few letters are initials; what is all digits is a phone; a name needs the birth date or the year."""
    digits = normal_id(said)
    if len(digits) == 18 and digits[:17].isdigit():
        return {"id_no": said}
    if said.isascii() and said.isalpha() and len(said) <= LETTERS:
        return {"initials": said}
    if digits.lstrip("+").isdigit():
        return {"phone": said}
    return {"name": said, "birth_date": form.one("birth_date"), "birth_year": form.one("birth_year")}
