"""儿童档案: all that the reader's body sees of one child, what waits for whom, and a change of it beside what stands there."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import catalogue, child_changes, child_history, children, communities, registers
from app.api.context import Conn, Shouhu
from app.api.need import Asked, Lens
from app.db.service import Service
from app.district import DESKS, DISTRICT
from app.domain.access import DESK_STAFF, Actor
from app.domain.benefits import Benefit
from app.domain.case_no import case_no
from app.domain.child_terms import SECTION_OF, WHOLE, FileField, Found, NotTaken, Section
from app.domain.facts import Known, Relation, Sex
from app.domain.masking import VIEW_LASTS, Need
from app.domain.refusals import RefusalCode, Refused
from app.domain.registers import FieldType
from app.domain.terms import Agency, CloseReason, Grade, Safety, Stage
from app.domain.titles import TITLES
from app.domain.visit import Finding
from app.domain.watch import EndReason
from app.router import Router
from app.web import kin
from app.web.enrolment import CHILDREN, MEANS, hukous
from app.web.forms import Form, Unfit, in_words
from app.web.frame import STRICT
from app.web.said import STREETS, fact_name, fact_value, moment
from app.web.staff import Signed, show
from app.web.words import Pair

router = Router(include_in_schema=False)
DESK_NAMES = {agency.value: agency.zh for agency in Agency} | {desk.id: desk.name for desk in DESKS}
AGENCIES: Mapping[str, Pair] = {
    "STREET": ("街道（乡镇）核实", "verified by the street"),
    "CIVIL": ("区民政局审批", "approved by civil affairs"),
}
F = FileField


class What(NamedTuple):
    """Something that happens in a child's life, and the fields of the file that it changes."""

    words: Pair
    fields: tuple[FileField, ...]


WHATS: Mapping[str, What] = {
    "moved": What(("迁居", "moved"), (F.RESIDENCE, F.RESIDENCE_DIVISION, F.COMMUNITY)),
    "community": What(("所在社区（村）", "community"), (F.COMMUNITY,)),
    "school": What(("转学、升学", "another school"), (F.SCHOOL, F.SCHOOL_CLASS)),
    "guardians": What(("监护人变更", "another guardian"), (F.GUARDIANS,)),
    "contact": What(("联系电话", "phone"), (F.PHONE,)),
    "health": What(("健康状况", "health"), (F.HEALTH,)),
    "household": What(("家庭成员及住房", "household and home"), (F.HOUSEHOLD,)),
    "means": What(("家庭收入及救助", "income and support"), (F.MEANS,)),
    "hukou": What(("户籍", "hukou"), (F.HUKOU, F.HUKOU_DIVISION)),
    "identity": What(("更正身份信息", "identity put right"), (F.NAME, F.SEX, F.BIRTH_DATE, F.ID_NO)),
}
WHOLE_VALUES = (F.GUARDIANS, F.MEANS)
"""Fields of several parts, which a form changes one by one."""
AREAS = {F.HEALTH: 2000, F.HOUSEHOLD: 500}
"""Longer texts, with how long they may be."""
PLACES: list[tuple[str, Pair]] = [(code, (name, name)) for code, name in STREETS.items()]
LISTS: Mapping[FileField, Sequence[Any]] = {
    F.SEX: tuple(Sex), F.HUKOU_DIVISION: hukous(), F.RESIDENCE_DIVISION: [one for one in PLACES if one[0] != DISTRICT],
}  # fmt: skip
"""Where a child lives is a street or town: the file goes to its desk."""


@router.get(CHILDREN + "/{child_id}")
async def file(child_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, done: str = "") -> Response:
    """The file, what waits in it, for whom and by when."""
    return await _file(request, conn, who, shouhu, child_id, Form(), done)


@router.post(CHILDREN + "/{child_id}")
async def open_in_full(child_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """查看全文: names and numbers for some minutes, for a reason; back to where it was asked."""
    form = await Form.of(request)
    asked = form.valid(Asked, {"need": form.one("need"), "note": form.one("why")})
    if asked and await form.attempt(conn, lambda: children.open_child(child_id, asked, conn, who, shouhu)):
        what = form.one("then")
        rest = f"/change/{what}" if what in WHATS else ""
        return RedirectResponse(f"{CHILDREN}/{child_id}{rest}", 303, headers=STRICT)
    return await _file(request, conn, who, shouhu, child_id, form.moved("note", "why"))


async def _file(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, child_id: str, form: Form, done: str = ""
) -> Response:
    child = await children.read_child(child_id, conn, who, shouhu, Response())
    history = [*reversed(await child_history.read_child_history(child_id, conn, who, shouhu))]
    fields = {FileField(code): one for code, one in child["fields"].items()}
    facts = {
        "path": CHILDREN, "child": child, "form": form, "done": done, "whats": _whats(who, await _sections(conn, who, shouhu)),
        "waiting": [
            (field, one, new) for field, one in fields.items() for new in (one.get("waiting"), *one.get("beside", ())) if new
        ],
        "streets": STREETS, "needs": tuple(Need),
        "stands": [field for field in fields if field not in WHOLE], "fields": fields, "desks": DESK_NAMES, "fact_value": fact_value,
        "steps": await _steps(conn, shouhu, fields), "founds": {one.value: one for one in Found}, "grades": {one.value: one for one in Grade},
        "served": await _services(conn, who, shouhu, child), "fact_name": fact_name,
        "entered_in": await _entered_in(conn, who, shouhu), "whole": WHOLE, "reasons": {one.value: one for one in NotTaken},
        "stages": {one.value: one for one in Stage}, "ends": {one.value: one for one in CloseReason},
        "benefits": {one.value: one for one in Benefit}, "safeties": {one.value: one for one in Safety}, "case_no": _case_no,
        "case_nos": {one["id"]: _case_no(one) for one in child.get("cases") or []},
        "history": [row for row in history if row.field], "turns": [row for row in history if not row.field],
        "titles": TITLES, "findings": {one.value: one for one in Finding}, "over_by": {one.value: one for one in EndReason},
        "minutes": int(VIEW_LASTS.total_seconds() // 60), "moment": moment, "visits_it": child["watch"] and child["watch"].desk == who.desk,
    }  # fmt: skip
    return await show(request, conn, who, "child.html", facts, status=form.status)


async def _services(
    conn: AsyncConnection, who: Actor, shouhu: Service, child: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Sequence[catalogue.Due]] | None:
    """The newest case by which the person may read what is due to the child, with that; None where there is none."""
    for case in reversed(child.get("cases") or []):
        with suppress(Refused):
            rows = await catalogue.child_services(case["id"], conn, who, shouhu)
            if found := next((row for row in rows if row.file_id == child["id"]), None):
                return case, found.services
    return None


def _case_no(case: Mapping[str, Any]) -> str:
    return case_no(case["number"], moment(case["filed_at"]))


async def _entered_in(conn: AsyncConnection, who: Actor, shouhu: Service) -> list[tuple[str, str, Pair]]:
    """The registers in which the person may enter something of a child: the register, the field that names the child, what it is called."""
    return [
        (one.code, spec.code, (one.zh, one.en))
        for one in await registers.registers(conn, who, shouhu) if one.keeps
        for spec in one.fields if spec.type is FieldType.CHILD
    ]  # fmt: skip


async def _sections(conn: AsyncConnection, who: Actor, shouhu: Service) -> tuple[Section, ...]:
    return (await children.rules_of(conn, shouhu)).file.seen_by(who.agency)


def _whats(who: Actor, sections: Sequence[Section]) -> list[tuple[str, Pair]]:
    """What the person may enter; nothing for whoever only reads."""
    if not who.has(*DESK_STAFF):
        return []
    may = {code: one for code, one in WHATS.items() if _fields(who, one) and SECTION_OF[one.fields[0]] in sections}
    return [(code, one.words) for code, one in may.items()]


def _fields(who: Actor, what: What) -> tuple[FileField, ...]:
    """A community is entered by committee and street alone."""
    return tuple(field for field in what.fields if field is not F.COMMUNITY or who.agency.is_territorial)


async def _steps(
    conn: AsyncConnection, shouhu: Service, fields: Mapping[FileField, Any] | Sequence[FileField]
) -> dict[FileField, list[Pair]]:
    """Whom a change of each field goes through, in words."""
    rules = await shouhu.ledger.current(conn, shouhu.ledger.clock())
    return {field: [AGENCIES[step.value] for step in rules.change_path(field).steps] for field in fields}


@router.get(CHILDREN + "/{child_id}/change/{what}")
async def asked(child_id: str, what: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """What stands there beside what it shall be."""
    return await _asked(request, conn, who, shouhu, child_id, what, Form())


@router.post(CHILDREN + "/{child_id}/change/{what}")
async def change(child_id: str, what: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """填报变更: all fields that were filled, at once or not at all."""
    form, asked = await Form.of(request), _what(what, who, await _sections(conn, who, shouhu))
    stands = await _stands(child_id, asked, conn, who)
    said = _said(form, asked, stands)
    clash: dict[FileField, RefusalCode] = {}
    done = said and await form.attempt(conn, lambda: _enter(form, child_id, said, stands, clash, conn, who, shouhu))
    if not done:
        return await _asked(request, conn, who, shouhu, child_id, what, form, clash)
    return RedirectResponse(f"{CHILDREN}/{child_id}?done=changed", 303, headers=STRICT)


def _what(what: str, who: Actor, sections: Sequence[Section]) -> What:
    if what not in dict(_whats(who, sections)):
        raise HTTPException(404)
    return WHATS[what]._replace(fields=_fields(who, WHATS[what]))


class Stands(NamedTuple):
    """What counts for a field now, as the person sees it, and as whoever sees it who has not opened it in full."""

    version: int
    value: Any
    seen: Any
    masked: Any


async def _stands(child_id: str, what: What, conn: AsyncConnection, who: Actor) -> dict[FileField, Stands]:
    """Read again when a change is sent, for a part of a value is changed within the whole."""
    record, lens = await children.record_of(conn, who, child_id, [SECTION_OF[what.fields[0]].value])
    found = {field: record.entry(field) for field in what.fields}
    values = {one.value: {"value": entry and entry.value} for one, entry in found.items()}
    seen, masked = (how(values, record.named) for how in (lens, Lens(full=False)))
    return {
        field: Stands(entry.version if entry else 0, *(way[field.value]["value"] for way in (values, seen, masked)))
        for field, entry in found.items()
    }


def _said(form: Form, what: What, stands: Mapping[FileField, Stands]) -> dict[FileField, Any]:
    """The new values of those fields in which something was typed; of what has several parts, with the parts that were not touched."""
    said: dict[FileField, Any] = {}
    for field in what.fields:
        version, value, seen, masked = stands[field]
        if _version_seen(form, field, version) != version:
            new: Any = form.one(field.value) or value  # never kept: whoever was faster is named instead
            is_said = field in WHOLE_VALUES or bool(form.one(field.value))
        elif field is F.GUARDIANS:
            shown = seen or [], masked or []
            new = kin.changed(form, value or [], *shown)
            is_said = (
                kin.changed(form, *shown[:1], *shown) != shown[0]
            )  # by what is seen: else a guess would be answered
        elif field is F.MEANS:
            typed = {name: form.one(name) for name in MEANS if form.one(name)}
            new, is_said = {**(value or {}), **typed}, bool(typed)
        else:
            new = form.one(field.value)
            is_said = bool(new)
        said |= {field: new} if is_said else {}
    if not said and not form.errors:
        form.wrong(_first(what), "请填写变更后的内容", "Please enter what it shall be.")
    to, now = said.get(F.RESIDENCE_DIVISION), stands.get(F.RESIDENCE_DIVISION)
    if F.COMMUNITY in said and to and now and to != now.value:
        form.wrong(
            F.COMMUNITY.value, "迁往其他街乡（镇）的，社区（村）由新街乡（镇）接收后填报",
            "Of a child who moves to another street, that street enters the community once it has accepted the child.",
        )  # fmt: skip
    if not form.one("evidence"):
        form.wrong(
            "evidence", "请写明依据，核实人会看到", "Please say what it rests on; whoever verifies it reads this."
        )
    return {} if form.errors else said


def _version_seen(form: Form, field: FileField, now: int) -> int:
    """The version that the person had before them."""
    seen = form.one(f"seen_{field.value}")
    return int(seen) if seen.isdecimal() and len(seen) < 10 else now


def _first(what: What) -> str:
    """The first field of the form, to which a mistake of the whole leads."""
    return _place(what.fields[0])


def _place(field: FileField) -> str:
    """What is typed first for a field."""
    return {F.GUARDIANS: kin.name_of("relation", 1), F.MEANS: next(iter(MEANS))}.get(field, field.value)


async def _enter(
    form: Form, child_id: str, said: Mapping[FileField, Any], stands: Mapping[FileField, Stands], clash: dict[FileField, RefusalCode],
    conn: AsyncConnection, who: Actor, shouhu: Service,
) -> bool:  # fmt: skip
    """Each by the API; where somebody was faster, which field it was is kept in `clash`."""
    for field, value in said.items():
        try:
            entered = child_changes.EnteredValue(
                field=field, value=value, seen=_version_seen(form, field, stands[field].version),
                evidence=form.one("evidence"), note=form.one("note"),
            )  # fmt: skip
            key = f"{form.key}/{field.value}"
            await child_changes.enter_change(child_id, entered, conn, who, shouhu, Response(), key)
        except ValidationError as wrong:
            form.invalid(wrong)
        except RequestValidationError as wrong:
            form.wrong(_place(field), *in_words(wrong.errors()[0]))
        except Refused as refused:
            if refused.code in (RefusalCode.VALUE_CHANGED, RefusalCode.CHANGE_WAITS):
                clash[field] = refused.code
            raise
    if form.errors:
        raise Unfit
    return True


async def _asked(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, child_id: str, what: str, form: Form,
    clash: Mapping[FileField, RefusalCode] | None = None,
) -> Response:  # fmt: skip
    asked = _what(what, who, await _sections(conn, who, shouhu))
    child = await children.read_child(child_id, conn, who, shouhu, Response())
    fields = {field: child["fields"].get(field.value) or {"value": None, "version": 0} for field in asked.fields}
    history = await child_history.changes_of(child_id, conn, who, shouhu)
    kinsfolk = (fields[F.GUARDIANS]["value"] or []) if F.GUARDIANS in fields else []
    if not form.typed:
        form.typed |= kin.typed(kinsfolk)
    elif (clash or {}).get(F.GUARDIANS) is RefusalCode.VALUE_CHANGED:
        form.typed = kin.beside(form, kinsfolk)
    if clash:
        form.key = Form().key
    lines = kin.lines(form, len(kinsfolk))
    facts = {
        "path": CHILDREN, "child": child, "what": what, "asked": asked, "fields": fields, "form": form, "fact_value": fact_value,
        "moment": moment, "steps": await _steps(conn, shouhu, asked.fields), "areas": AREAS,
        "lists": {**LISTS, F.COMMUNITY: await _communities(conn, who, asked, child["division"])},
        "means": list(MEANS.items()), "known": tuple(Known),
        "relations": tuple(one for one in Relation if one is not Relation.UNKNOWN), "lines": lines,
        "standing": len(kinsfolk), "desks": DESK_NAMES,
        "seen": {field: _seen(form, field, fields, clash or {}) for field in asked.fields}, "needs": tuple(Need),
        "clash": {field: (code, _before(form, field, history)) for field, code in (clash or {}).items()},
        "minutes": int(VIEW_LASTS.total_seconds() // 60), "open_lines": [line for line in lines if kin.is_typed(form, line)],
        "labels": {field.value: (field.zh, field.en) for field in F} | {"evidence": ("依据", "What it rests on")},
    }  # fmt: skip
    return await show(request, conn, who, "child_change.html", facts, status=form.status)


async def _communities(conn: AsyncConnection, who: Actor, what: What, street: str) -> list[tuple[str, Pair]]:
    """What may be chosen: the list of the street where the child lives now."""
    if F.COMMUNITY not in what.fields:
        return []
    return [(one.id, (one.name, one.name)) for one in await communities.communities_for(conn, who, street)]


def _seen(form: Form, field: FileField, fields: Mapping[FileField, Any], clash: Mapping[FileField, RefusalCode]) -> str:
    """The version of the value that the person has before them: what is shown now, once they were told that it changed."""
    typed = form.one(f"seen_{field.value}")
    return typed if typed and field not in clash else str(fields[field]["version"])


def _before(form: Form, field: FileField, history: Sequence[child_history.HistoryRow]) -> Any:
    """What stood there when the form was opened, where it was a change."""
    seen = form.one(f"seen_{field.value}")
    return next((one.value for one in history if one.kind == "change_entered" and str(one.change) == seen), None)
