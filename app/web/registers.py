"""登记册: the registers of posts, places and activities: who holds what, which posts stand empty; entered, changed and ended here."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import registers, registers_due
from app.api.children import rules_of
from app.api.context import Conn, Shouhu, numbers_of
from app.api.need import Asked
from app.db.service import Service
from app.district import DESKS
from app.domain.access import Actor
from app.domain.case_no import case_no, means, number_in
from app.domain.masking import VIEW_LASTS, Need
from app.domain.refusals import Refused
from app.domain.registers import EndOfEntry, FieldSpec, FieldType, Kind
from app.domain.working_time import BEIJING
from app.router import Router
from app.web.forms import OVERALL, Form, in_words
from app.web.frame import STRICT
from app.web.said import STREETS, short
from app.web.staff import ENTRIES, MY_WORK, Entry, Signed, show, works
from app.web.words import Pair

router = Router(include_in_schema=False)
REGISTERS = "/registers"
DESK_NAMES = {desk.id: desk.name for desk in DESKS}
NAMED_BY = ("name", "title", "line")
"""The field by which an entry is called where another names it."""
MOST = 200
ON, OF = "totals_on", "totals_of"
"""The day and the code of which the totals are asked for."""
KINDS = {FieldType.DAY: "date", FieldType.COUNT: "number", FieldType.YUAN: "text"}
LABELS: dict[str, Pair] = {
    "reason": ("注销原因", "Why it ends"), "sure": ("确认", "Sure"), "need": ("为什么需要", "Why they are needed"),
    "why": ("具体事由", "What for"), ON: ("截至", "As of the end of"),
}  # fmt: skip
SHOWN = 6
"""Columns of a list; all fields stand on the page of the entry."""


ENTRIES.append(Entry(REGISTERS, "登记册", "Registers", MY_WORK, works, place=4))


@router.get(REGISTERS)
async def listed(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """The registers that the desk keeps or reads, with what stands empty and what is to be looked at again."""
    kinds, due = await registers.registers(conn, who, shouhu), await registers_due.due(conn, who, shouhu)
    empty = {one.code: [row for row in due if row.book == one.code and row.what == "vacancy"] for one in kinds}
    again = {one.code: sum(row.book == one.code and row.what == "review" for row in due) for one in kinds}
    rows = sorted(kinds, key=lambda one: (not empty[one.code], not one.keeps))
    stand = {one.code: sum(row.entries for row in await registers.totals(one.code, conn, who, shouhu)) for one in kinds}
    facts = {"path": REGISTERS, "rows": rows, "empty": empty, "reviews": again, "stand": stand}
    return await show(request, conn, who, "registers.html", facts)


@router.get(REGISTERS + "/{code}")
async def one(
    code: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, ended: bool = False, cursor: str | None = None
) -> Response:  # fmt: skip
    """Who or what stands in it; the empty posts first. What the address says of a field stands in the form already."""
    kind = await _kind(conn, who, shouhu, code)
    known = {*(spec.code for spec in kind.fields), ON, OF}
    form = Form({name: [value] for name, value in request.query_params.items() if name in known})
    return await _one(request, conn, who, shouhu, kind, form, ended=ended, cursor=cursor)


@router.post(REGISTERS + "/{code}")
async def add(code: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """登记: a new entry, which may fill an empty post."""
    form, kind = await Form.of(request), await _kind(conn, who, shouhu, code)
    said = await _said(form, conn, who, kind.fields)
    given = registers.NewEntry(fields=said, division=form.one("division")[:9] or None)
    done = await _attempt(
        form, conn, lambda: registers.add(code, given, conn, who, shouhu, Response(), idempotency_key=form.key)
    )
    if done is None:
        return await _one(request, conn, who, shouhu, kind, form)
    return RedirectResponse(f"{REGISTERS}/{code}", 303, headers=STRICT)


async def _kind(conn: AsyncConnection, who: Actor, shouhu: Service, code: str) -> registers.RegisterKind:
    found = next((one for one in await registers.registers(conn, who, shouhu) if one.code == code), None)
    if found is None:
        raise HTTPException(404)
    return found


async def _attempt(form: Form, conn: AsyncConnection, act: Any) -> Any:
    """The command of the API; what is wrong with a field is said beside it."""
    try:
        return await form.attempt(conn, act)
    except RequestValidationError as wrong:
        for fault in wrong.errors():
            place = [one for one in fault["loc"] if one not in ("body", "fields")]
            form.wrong(str(place[0]) if place else OVERALL, *in_words(fault))
    return None


def _names_cases(kind: registers.RegisterKind) -> bool:
    return any(spec.type is FieldType.CASE for spec in kind.fields)


async def _said(
    form: Form, conn: AsyncConnection, who: Actor, fields: Sequence[FieldSpec], stands: Mapping[str, Any] | None = None
) -> dict[str, Any]:  # fmt: skip
    """What was typed, as the register wants it; what is no number stays as it was typed and is refused. A case that `stands` there already
    and was left as it is needs no number: it may be out of sight by now."""
    said: dict[str, Any] = {spec.code: form.one(spec.code) for spec in fields if form.one(spec.code)}
    for spec in fields:
        typed = said.get(spec.code, "")
        if spec.type is FieldType.COUNT and typed.isdecimal() and len(typed) < 12:
            said[spec.code] = int(typed)
        elif spec.type is FieldType.CASE and typed and typed != (stands or {}).get(spec.code):
            said[spec.code] = await _case_called(form, conn, who, spec.code, typed)
    return said


async def _case_called(form: Form, conn: AsyncConnection, who: Actor, field: str, typed: str) -> str:
    """The case that is called so; one that is out of sight and one that is not there are told alike."""
    if (number := number_in(typed)) is None:
        form.wrong(
            field, "请填写案件编号，例如 WB-2026-000123", "Please enter the number of the case, such as WB-2026-000123."
        )
        return ""
    rows = await registers.called(conn, who, number=number)
    found = next((row.id for row in rows if means(typed, row.number, row.filed_at)), "")
    if not found:
        form.wrong(
            field,
            "没有您可以查看的这个案件，请核对编号",
            "There is no such case that you may see; please check the number.",
        )
    return found


async def _one(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, kind: registers.RegisterKind, form: Form, *,
    ended: bool = False, cursor: str | None = None,
) -> Response:  # fmt: skip
    page = await registers.entries(kind.code, conn, who, shouhu, ended=ended, division=None, cursor=cursor, limit=50)
    due = [row for row in await registers_due.due(conn, who, shouhu) if row.book == kind.code]
    facts = {
        **await _totals(conn, who, shouhu, kind, form), **await _facts(conn, who, shouhu, kind, page.items), "form": form,
        "rows": page.items, "next": page.next, "ended": ended,
        "empty": [row for row in due if row.what == "vacancy"], "reviews": {row.subject for row in due if row.what == "review"},
        "shown": _columns(kind.fields, page.items), "fills": await _fills(conn, shouhu, kind.code),
        "whole": who.division is None, "streets_of": list(STREETS.items()),
    }  # fmt: skip
    return await show(request, conn, who, "register.html", facts, status=form.status)


async def _totals(
    conn: AsyncConnection, who: Actor, shouhu: Service, kind: registers.RegisterKind, form: Form
) -> dict[str, Any]:
    """By street: how many entries stand, or stood at the end of a day, and what their numbers add up to; on wish of one code alone."""
    until, (of, _, code) = _end_of(form), form.one(OF).partition(":")
    rows = await registers.totals(kind.code, conn, who, shouhu, of or None, code or None, until)
    kinds = [(spec, one) for spec in kind.fields if spec.choices and not spec.private for one in spec.choices]
    sums = {name: sum(row.sums[name] for row in rows) for name in (rows[0].sums if rows else ())}
    return {
        "totals": rows, "sums": sums, "summed": [spec for spec in kind.fields if spec.code in sums], "on": ON, "of": OF,
        "kinds_of": [(f"{spec.code}:{one.code}", (f"{spec.zh}：{one.zh}", f"{spec.en}: {one.en}")) for spec, one in kinds],
    }  # fmt: skip


def _end_of(form: Form) -> datetime | None:
    """The end of the day that was asked for; None for now."""
    if not form.one(ON):
        return None
    try:
        return datetime.combine(date.fromisoformat(form.one(ON)), time.max, BEIJING)
    except ValueError:
        form.wrong(ON, "请填写日期，例如 2026-03-12", "Please enter a day, such as 2026-03-12.")
        return None


def _columns(fields: Sequence[FieldSpec], rows: Sequence[registers.EntryRow]) -> list[FieldSpec]:
    """Those that say most at a glance; private ones only where somebody's are shown."""
    seen = {name for row in rows for name in row.fields}
    return [spec for spec in fields if spec.code in seen or not spec.private][:SHOWN]


async def _fills(conn: AsyncConnection, shouhu: Service, code: str) -> dict[str, dict[str, str]]:
    """By the name of an empty post, what a form has to say to fill it; its subject stands in the field of the same key as ``."""
    book = (await shouhu.ledger.current(conn, shouhu.ledger.clock())).registers[code]
    return {one.zh: {**one.having, **({one.through: ""} if one.through else {})} for one in book.expects}


async def _facts(
    conn: AsyncConnection, who: Actor, shouhu: Service, kind: registers.RegisterKind, rows: Sequence[registers.EntryRow]
) -> dict[str, Any]:
    """What lists and forms need of a register: its fields, what may be chosen in them, and what `rows` name."""
    named = [spec.code for spec in kind.fields if spec.type is FieldType.CASE]
    ids = [str(row.fields[name]) for row in rows for name in named if row.fields.get(name)]
    numbers = {
        row.id: case_no(row.number, row.filed_at) for row in (await registers.called(conn, who, ids=ids) if ids else ())
    }
    opened = await numbers_of(conn, who, ids)
    books = {spec.code: await _called(conn, who, shouhu, spec.book) for spec in kind.fields if spec.book}
    rules = await shouhu.ledger.current(conn, shouhu.ledger.clock())
    subjects = [await _called(conn, who, shouhu, one.each) for one in rules.registers[kind.code].expects]
    helps = {row.id: (row.zh, row.en) for row in (await rules_of(conn, shouhu)).file.catalogue}
    lists: dict[str, list[tuple[str, Pair]]] = {
        **{name: [(entry, (said, said)) for entry, said in found.items()] for name, found in books.items()},
        **{spec.code: [(one.code, (one.zh, one.en)) for one in spec.choices] for spec in kind.fields if spec.choices},
        **{spec.code: list(helps.items()) for spec in kind.fields if spec.type is FieldType.SERVICE},
        **{spec.code: await _accounts(conn, who) for spec in kind.fields if spec.type is FieldType.PERSON},
    }
    words = {name: dict(options) for name, options in lists.items()}

    def said(spec: FieldSpec, value: Any) -> Pair:
        if spec.type is FieldType.CHILD:
            return f"档案 {short(str(value))}", f"file {short(str(value))}"
        if spec.type is FieldType.CASE:
            number = numbers.get(str(value))
            return (number, number) if number else ("您不能查看的案件", "a case that you may not see")
        return words.get(spec.code, {}).get(value, (str(value), str(value)))

    called = {name: one for found in [*books.values(), *subjects] for name, one in found.items()}
    return {
        "path": REGISTERS, "kind": kind, "lists": lists, "said": said, "case_numbers": numbers, "opened": opened,
        "types": {spec.code: KINDS.get(spec.type, "text") for spec in kind.fields},
        "desks": DESK_NAMES, "streets": {**STREETS, **DESK_NAMES, **called}, "today": shouhu.ledger.clock().date().isoformat(),
        "labels": {spec.code: (spec.zh, spec.en) for spec in kind.fields} | LABELS,
    }  # fmt: skip


async def _accounts(conn: AsyncConnection, who: Actor) -> list[tuple[str, Pair]]:
    """Whose an entry may be, by name."""
    return [(row.id, (row.name, row.name)) for row in await conn.execute(registers.colleagues(who))]


async def _called(conn: AsyncConnection, who: Actor, shouhu: Service, code: str) -> dict[str, str]:
    """The standing entries of another register by name; nothing of one that the person does not see."""
    with suppress(Refused):
        page = await registers.entries(code, conn, who, shouhu, ended=False, division=None, cursor=None, limit=MOST)
        return {
            row.id: next((str(row.fields[n]) for n in NAMED_BY if row.fields.get(n)), short(row.id))
            for row in page.items
        }
    return {}


@router.get(REGISTERS + "/{code}/{entry_id}")
async def entry(code: str, entry_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """One entry with its history; changed, looked at again and ended by the desk that keeps it."""
    kind = await _kind(conn, who, shouhu, code)
    return await _entry(request, conn, who, shouhu, kind, entry_id, Form())


@router.post(REGISTERS + "/{code}/{entry_id}")
async def act(code: str, entry_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """变更或复核, 注销, or 查看全文 first."""
    form, kind = await Form.of(request), await _kind(conn, who, shouhu, code)
    seen = f'"{form.version}"' if form.version is not None else None
    verb, done = form.one("verb"), None
    if verb == "full":
        asked = form.valid(Asked, {"need": form.one("need"), "note": form.one("why")})
        done = asked and await form.attempt(
            conn, lambda: registers.open_entry(code, entry_id, asked, conn, who, shouhu)
        )
    elif verb == "end":
        if not form.one("sure"):
            form.wrong("sure", "请先勾选确认", "Please tick that you are sure.")
        over = form.valid(registers.EntryEnd, {"reason": form.one("reason")})
        done = over and await form.attempt(
            conn, lambda: registers.end(code, entry_id, over, conn, who, shouhu, Response(), form.key, seen)
        )
    elif verb == "change":
        stands = (await registers.history(code, entry_id, conn, who, shouhu))[-1].fields if _names_cases(kind) else {}
        given = registers.Given(fields=await _said(form, conn, who, kind.fields, stands))
        done = await _attempt(
            form, conn, lambda: registers.change(code, entry_id, given, conn, who, shouhu, Response(), form.key, seen)
        )
    else:
        raise HTTPException(404)
    if done is None:
        form = form.moved("note", "why") if verb == "full" else form
        return await _entry(request, conn, who, shouhu, kind, entry_id, form)
    return RedirectResponse(
        f"{REGISTERS}/{code}" if verb == "end" else f"{REGISTERS}/{code}/{entry_id}", 303, headers=STRICT
    )


async def _entry(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, kind: registers.RegisterKind, entry_id: str,
    form: Form,
) -> Response:  # fmt: skip
    lines = await registers.history(kind.code, entry_id, conn, who, shouhu)
    last = lines[-1]
    if form.version is None:
        form.version = last.version
    known = await _facts(conn, who, shouhu, kind, [last])
    for spec in kind.fields:  # an entry that has ended, or is beyond those listed, is still what stands here
        value = str(last.fields.get(spec.code) or "")
        if (spec.book or spec.type is FieldType.PERSON) and value and value not in dict(known["lists"][spec.code]):
            known["lists"][spec.code].append((value, (short(value), short(value))))
    facts = {
        **known, "form": form, "row": last, "lines": list(reversed(lines)), "reasons": tuple(EndOfEntry),
        "ours": kind.keeps and last.desk == who.desk and last.kind is not Kind.ENDED, "needs": tuple(Need),
        "minutes": int(VIEW_LASTS.total_seconds() // 60), "is_late": bool(last.review_at and last.review_at <= shouhu.ledger.clock()),
    }  # fmt: skip
    return await show(request, conn, who, "register_entry.html", facts, status=form.status)
