"""档案核实: changes of children's files that wait for the desk, one by one with what stood there before, or several files at once."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import child_history, children, duplicates
from app.api.context import Conn, Shouhu
from app.api.need import Asked
from app.db import tables
from app.db.service import Service
from app.domain.access import DESK_STAFF, Actor
from app.domain.child_terms import WHOLE, FileField, Found, NotTaken
from app.domain.masking import Need
from app.domain.terms import Agency, Grade
from app.web.forms import OVERALL, Form
from app.web.frame import STRICT
from app.web.owed import STREETS
from app.web.said import fact_value, moment
from app.web.staff import ENTRIES, MY_WORK, Entry, Signed, show, works

router = APIRouter(include_in_schema=False)
CHANGES = "/changes"
VERIFY = (Agency.STREET, Agency.CIVIL)
"""Whose step a change waits for by the rules of the release."""
LOOK_FIRST = (
    "所选建档中有疑似重复的，请打开档案比对后逐份核实",
    "Of a registration there may be another file already; please open it, compare and verify it by itself.",
)


def _verifies(who: Actor) -> bool:
    return works(who) and who.agency in VERIFY and who.has(*DESK_STAFF)


def _waiting(who: Actor) -> Select[Any]:
    file = tables.child_files.c
    return select(file.id).where(file.is_open, file.desks.contains([who.desk]))


ENTRIES.append(Entry(CHANGES, "档案核实", "Files to verify", MY_WORK, _verifies, count=_waiting, place=3))


@router.get(CHANGES)
async def listed(request: Request, conn: Conn, who: Signed, cursor: str | None = None) -> Response:
    """The files with changes that wait for the desk, the most urgent first."""
    return await _listed(request, conn, who, Form(), cursor)


@router.post(CHANGES)
async def pass_some(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """核实 of all that waits for the desk in the files that were ticked: each by the API and its rules, each by itself."""
    form, passed = await Form.of(request), 0
    ticked = form.many("file")
    if not ticked:
        form.wrong("file", "请先勾选", "Select something first.")
    for child, change in (
        (one.partition(":")[0], number) for one in ticked for number in one.partition(":")[2].split()
    ):
        each = Form()
        if await _undecided(each, conn, who, child, change):
            each.wrong(OVERALL, *LOOK_FIRST)
            form.take(each, OVERALL)
        elif await _step(each, conn, who, shouhu, child, change, form.one("note"), None):
            passed += 1
        else:
            form.take(each, OVERALL)
    if form.errors:
        return await _listed(request, conn, who, form, None, passed)
    return RedirectResponse(CHANGES, 303, headers=STRICT)


async def _listed(
    request: Request, conn: AsyncConnection, who: Actor, form: Form, cursor: str | None, passed: int = 0
) -> Response:
    page = await children.waiting_changes(conn, who, cursor=cursor, limit=50)
    facts = {"path": CHANGES, "rows": page.items, "next": page.next, "form": form, "passed": passed, "streets": STREETS}
    return await show(request, conn, who, "changes.html", facts, status=form.status)


@router.get(CHANGES + "/{child_id}")
async def file(child_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """What changes in one file beside what stands there."""
    return await _file(request, conn, who, shouhu, child_id, Form())


@router.post(CHANGES + "/{child_id}")
async def decide(child_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """核实 or 退回 of those that were ticked, or 查看全文 first."""
    form = await Form.of(request)
    if form.one("verb") == "full":
        asked = form.valid(Asked, {"need": form.one("need"), "note": form.one("why")})
        if asked and await form.attempt(conn, lambda: children.open_child(child_id, asked, conn, who, shouhu)):
            return RedirectResponse(f"{CHANGES}/{child_id}", 303, headers=STRICT)
        return await _file(request, conn, who, shouhu, child_id, form.moved("note", "why"))
    if form.one("verb") not in ("pass", "reject"):
        raise HTTPException(404)
    ticked, rejects = form.many("change"), form.one("verb") == "reject"
    if not ticked:
        form.wrong("change", "请先勾选", "Select something first.")
    if rejects and form.one("reason") not in tuple(NotTaken):
        form.wrong("reason", "请选择退回原因", "Choose why it is returned.")
    for change in () if form.errors else ticked:
        each, reason = Form(), form.one("reason") if rejects else None
        if not rejects and await _undecided(form, conn, who, child_id, change):
            form.wrong("alike", "请先比对疑似重复的档案", "Please compare the files that may be doubles first.")
        elif not await _step(each, conn, who, shouhu, child_id, change, form.one("note"), reason):
            form.take(each, OVERALL)
    if form.errors:
        return await _file(request, conn, who, shouhu, child_id, form)
    return RedirectResponse(CHANGES, 303, headers=STRICT)


async def _undecided(form: Form, conn: AsyncConnection, who: Actor, child: str, change: str) -> bool:
    """Whether the change is a registration and a file is like it that nobody has ticked as another child's."""
    if not change.isdecimal() or not await duplicates.registers(conn, who, child, int(change)):
        return False
    return not {one.child_id for one in await duplicates.files_like(child, conn, who)} <= set(form.many("alike"))


async def _step(
    form: Form, conn: AsyncConnection, who: Actor, shouhu: Service, child: str, change: str, note: str, reason: str | None
) -> object:  # fmt: skip
    """One change passed, or returned for a reason; None with what was wrong in the form."""
    if not change.isdecimal():
        raise HTTPException(404)
    number, answer = int(change), Response()
    if reason:
        asked = children.Returned(reason=NotTaken(reason), note=note)
        return await form.attempt(conn, lambda: children.reject_change(child, number, asked, conn, who, shouhu, answer))
    taken = children.Taken(note=note)
    return await form.attempt(conn, lambda: children.pass_change(child, number, taken, conn, who, shouhu, answer))


async def _file(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, child_id: str, form: Form
) -> Response:
    shown = await children.read_child(child_id, conn, who, shouhu, Response())
    fields = {FileField(code): one for code, one in shown["fields"].items()}
    waiting = {field: one for field, one in fields.items() if one.get("waiting") and one["waiting"]["desk"] == who.desk}
    told = {
        row.change: row
        for row in await child_history.changes_of(child_id, conn, who, shouhu)
        if row.kind == "change_entered"
    }
    facts = {
        "alike": await duplicates.files_like(shown["id"], conn, who) if FileField.REGISTRATION in waiting else [],
        "path": CHANGES, "child": shown, "fields": fields, "waiting": waiting, "told": told, "form": form, "reasons": tuple(NotTaken),
        "needs": tuple(Need), "fact_value": fact_value, "moment": moment,
        "found": {one.value: one for one in Found}, "grades": {one.value: one for one in Grade},
        "stands": [field for field in fields if field not in waiting and field not in WHOLE],
    }  # fmt: skip
    return await show(request, conn, who, "change.html", facts, status=form.status)
