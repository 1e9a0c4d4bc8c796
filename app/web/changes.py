"""档案核实: changes of children's files that wait for the desk, one by one with what stood there before, or several files at once."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import child_changes, child_history, children, duplicates
from app.api.context import Conn, Shouhu
from app.api.need import Asked
from app.db import tables
from app.db.service import Service
from app.domain.access import DESK_STAFF, Actor
from app.domain.child_terms import WHOLE, FileField, Found, NotTaken
from app.domain.masking import Need
from app.domain.refusals import RefusalCode
from app.domain.terms import Agency, Grade
from app.router import Router
from app.web.forms import OVERALL, Form
from app.web.frame import STRICT
from app.web.owed import STREETS
from app.web.said import fact_value, moment
from app.web.staff import ENTRIES, MY_WORK, Entry, Signed, show, works

router = Router(include_in_schema=False)
CHANGES = "/changes"
VERIFY = (Agency.STREET, Agency.CIVIL, Agency.CONF)
"""Whose step a change waits for by the rules of the release, or where a case of the child is about these."""
FOUND = "found-"
"""Before the id of a file that was compared."""
FINDINGS = {
    child_changes.Comparison.DIFFERENT: ("已比对，不是这个孩子", "Compared: this is another child"),
    child_changes.Comparison.UNCLEAR: (
        "暂不能确定：先核实并走访，留在疑似重复档案中继续比对",
        "Not clear yet: verify and visit, and go on comparing among the double files",
    ),
}  # fmt: skip


def _verifies(who: Actor) -> bool:
    return works(who) and who.agency in VERIFY and who.has(*DESK_STAFF)


def _waiting(who: Actor) -> Select[Any]:
    file = tables.child_files.c
    return select(file.id).where(file.is_open, file.desks.contains([who.desk]))


ENTRIES.append(Entry(CHANGES, "档案核实", "Files to verify", MY_WORK, _verifies, count=_waiting, place=3))


@router.get(CHANGES)
async def listed(
    request: Request, conn: Conn, who: Signed, cursor: str | None = None, district: Annotated[int, Query(ge=0)] = 0
) -> Response:
    """The files with changes that wait for the desk, the most urgent first; of `district` just verified the district compares whether they
    are doubles."""
    return await _listed(request, conn, who, Form(), cursor, district=district)


@router.post(CHANGES)
async def pass_some(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """核实 of all that waits for the desk in the files that were ticked: each by the API and its rules, each by itself."""
    form, passed, district = await Form.of(request), 0, 0
    ticked = form.many("file")
    if not ticked:
        form.wrong("file", "请先勾选", "Select something first.")
    for child, change in (
        (one.partition(":")[0], number) for one in ticked for number in one.partition(":")[2].split()
    ):
        each = Form()
        if done := await _step(each, conn, who, shouhu, child, change, form.one("note"), None):
            passed, district = passed + 1, district + _is_compared(done)
        else:
            form.take(each, OVERALL)
    if form.errors:
        return await _listed(request, conn, who, form, None, passed, district)
    return RedirectResponse(f"{CHANGES}?district={district}" if district else CHANGES, 303, headers=STRICT)


async def _listed(
    request: Request,
    conn: AsyncConnection,
    who: Actor,
    form: Form,
    cursor: str | None,
    passed: int = 0,
    district: int = 0,
) -> Response:
    page = await child_changes.waiting_changes(conn, who, cursor=cursor, limit=50)
    facts = {
        "path": CHANGES, "rows": page.items, "next": page.next, "form": form, "passed": passed, "streets": STREETS, "district": district,
    }  # fmt: skip
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
    ticked, rejects, district = form.many("change"), form.one("verb") == "reject", 0
    if not ticked:
        form.wrong("change", "请先勾选", "Select something first.")
    if rejects and form.one("reason") not in tuple(NotTaken):
        form.wrong("reason", "请选择退回原因", "Choose why it is returned.")
    about = [form.one(f"of_{change}") for change in ticked]
    if not rejects and len(set(about)) < len(about):
        form.wrong(
            "change", "同一项目有几项变更的，只能核实其中一项", "Of several changes of one field verify one only."
        )
    for change in () if form.errors else ticked:
        each, reason = Form(form.typed), form.one("reason") if rejects else None
        done = await _step(each, conn, who, shouhu, child_id, change, form.one("note"), reason)
        if done is None:
            form.take(each, "alike" if each.errors.keys() == {"alike"} else OVERALL)
        else:
            district += _is_compared(done)
    if form.errors:
        return await _file(request, conn, who, shouhu, child_id, form)
    return RedirectResponse(f"{CHANGES}?district={district}" if district else CHANGES, 303, headers=STRICT)


def _is_compared(done: child_changes.FileAnswer) -> bool:
    """Whether the district compares what was verified with a file in another street."""
    return isinstance(done, child_changes.Passed) and done.district_compares


async def _step(
    form: Form, conn: AsyncConnection, who: Actor, shouhu: Service, child: str, change: str, note: str, reason: str | None
) -> child_changes.FileAnswer | None:  # fmt: skip
    """One change passed, with what was found of files like it, or returned for a reason; None with what was wrong in the form."""
    if not change.isdecimal():
        raise HTTPException(404)
    number, answer = int(change), Response()
    if reason:
        asked = child_changes.Returned(reason=NotTaken(reason), note=note)
        return await form.attempt(
            conn, lambda: child_changes.reject_change(child, number, asked, conn, who, shouhu, answer)
        )
    said = {name.removeprefix(FOUND): form.one(name) for name in form.typed if name.startswith(FOUND)}
    compared = [{"child_id": other, "found": found} for other, found in said.items()]
    looked = {"seen": int(seen)} if (seen := form.one(f"seen_{change}")).isdecimal() else {}
    taken = form.valid(child_changes.Taken, {"note": note, "compared": compared, **looked})
    return await form.attempt(
        conn, lambda: child_changes.pass_change(child, number, taken, conn, who, shouhu, answer),
        {RefusalCode.DOUBLES_NOT_COMPARED: "alike"},
    ) if taken else None  # fmt: skip


async def _file(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, child_id: str, form: Form
) -> Response:
    shown = await children.read_child(child_id, conn, who, shouhu, Response())
    fields = {FileField(code): one for code, one in shown["fields"].items()}
    waiting = [
        (field, one, new) for field, one in fields.items() for new in (one.get("waiting"), *one.get("beside", ()))
        if new and new["desk"] == who.desk
    ]  # fmt: skip
    wait = {field for field, _, _ in waiting}
    told = {
        row.change: row
        for row in await child_history.changes_of(child_id, conn, who, shouhu)
        if row.kind == "change_entered"
    }
    compares = FileField.REGISTRATION in wait and _verifies(who)
    facts = {
        "alike": await duplicates.files_like(shown["id"], conn, who, shouhu) if compares else None, "findings": FINDINGS, "before": FOUND,
        "path": CHANGES, "child": shown, "fields": fields, "waiting": waiting, "told": told, "form": form, "reasons": tuple(NotTaken),
        "needs": tuple(Need), "fact_value": fact_value, "moment": moment,
        "found": {one.value: one for one in Found}, "grades": {one.value: one for one in Grade},
        "stands": [field for field in fields if field not in wait and field not in WHOLE],
    }  # fmt: skip
    return await show(request, conn, who, "change.html", facts, status=form.status)
