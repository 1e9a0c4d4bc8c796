"""What a person has to tell: signals of other systems that no watched child was found for, and two files that may be of one child."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import children, duplicates, signals
from app.api.context import Conn, Shouhu
from app.api.need import Asked
from app.db.service import Service
from app.domain.access import Actor
from app.domain.child_terms import FileField
from app.domain.masking import Need
from app.domain.refusals import RefusalCode
from app.domain.signals import SignalEnd
from app.domain.terms import Trigger
from app.router import Router
from app.web.enrolment import CHILDREN
from app.web.forms import Form
from app.web.frame import STRICT
from app.web.owed import STREETS
from app.web.said import fact_name, fact_value, moment
from app.web.staff import Signed, show

router = Router(include_in_schema=False)
SIGNALS, PAIRS = "/signals", "/duplicates"
BETWEEN = re.compile(r"[\s,;，；、]+")
COMPARED = tuple(
    field for field in FileField if field not in (FileField.REGISTRATION, FileField.SAME_AS, FileField.PARTED)
)


@router.get(SIGNALS)
async def held(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, cursor: str | None = None, dismissed: bool = False
) -> Response:
    """Those that wait, the oldest first; for those who oversee the district how each rule fares, and what was found to be nothing."""
    page = await signals.held(conn, who, shouhu, cursor=cursor, limit=50, dismissed=dismissed)
    fares = await signals.rules(conn, who, shouhu) if who.oversees_district else []
    facts = {
        "path": SIGNALS,
        "rows": page.items,
        "next": page.next,
        "fares": fares,
        "streets": STREETS,
        "dismissed": dismissed,
    }
    return await show(request, conn, who, "signals.html", facts)


@router.get(SIGNALS + "/{signal_id}")
async def signal(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, signal_id: str) -> Response:
    """What was said, whom it may be about, and what to do."""
    return await _signal(request, conn, who, shouhu, signal_id, Form())


@router.post(SIGNALS + "/{signal_id}")
async def decide(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, signal_id: str) -> Response:
    """核对, or 查看全文 first."""
    form = await Form.of(request)
    if form.one("need"):
        return await _in_full(request, conn, who, shouhu, signal_id, form)
    said = {name: form.one(name) for name in ("outcome", "child_id", "note")} | {"situations": form.many("situations")}
    asked = form.valid(signals.Found, {**said, "about": [*filter(None, BETWEEN.split(form.one("about")))]})
    if asked and asked.outcome is SignalEnd.CHILD and not asked.child_id:
        form.wrong("child_id", "请选择儿童", "Choose the child.")
    beside = {
        RefusalCode.CHILD_NOT_WATCHED: "child_id", RefusalCode.CHILD_NOT_FOUND: "child_id", RefusalCode.WATCH_CONCERNED: "child_id",
    }  # fmt: skip
    if asked is None or not await form.attempt(
        conn, lambda: signals.decide(signal_id, asked, conn, who, shouhu, idempotency_key=form.key), beside
    ):
        return await _signal(request, conn, who, shouhu, signal_id, form)
    return RedirectResponse(SIGNALS, 303, headers=STRICT)


async def _in_full(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, signal_id: str, form: Form
) -> Response:
    asked = form.valid(Asked, {"need": form.one("need"), "note": form.one("why")})
    if asked is None or not await form.attempt(conn, lambda: signals.open_signal(signal_id, asked, conn, who, shouhu)):
        return await _signal(request, conn, who, shouhu, signal_id, form.moved("note", "why"))
    return RedirectResponse(f"{SIGNALS}/{signal_id}", 303, headers=STRICT)


async def _signal(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, signal_id: str, form: Form
) -> Response:
    row = await signals.read(signal_id, conn, who, shouhu)
    facts = {
        "path": SIGNALS, "row": row, "form": form, "ends": tuple(SignalEnd), "triggers": tuple(Trigger), "needs": tuple(Need),
        "streets": STREETS, "fact_name": fact_name, "fact_value": fact_value, "moment": moment,
    }  # fmt: skip
    return await show(request, conn, who, "signal.html", facts, status=form.status)


@router.get(PAIRS)
async def pairs(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, cursor: str | None = None) -> Response:
    """疑似重复档案: the likeliest first."""
    page = await duplicates.duplicates(conn, who, shouhu, cursor=cursor, limit=50)
    return await show(request, conn, who, "double_files.html", {"path": PAIRS, "rows": page.items, "next": page.next})


@router.get(PAIRS + "/{one}/{other}")
async def pair(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, one: str, other: str) -> Response:
    """Both files side by side, with the reasons for and against."""
    return await _pair(request, conn, who, shouhu, one, other, Form())


@router.post(PAIRS + "/{one}/{other}")
async def tell(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, one: str, other: str) -> Response:
    """同一儿童与否: one child goes to a second person, another is remembered; what was joined is parted by two; or both in full first."""
    form = await Form.of(request)
    if form.one("need"):
        asked = form.valid(Asked, {"need": form.one("need"), "note": form.one("why")})
        done = await form.attempt(conn, lambda: _open_both(conn, who, shouhu, asked, one, other)) if asked else None
        back = f"{PAIRS}/{one}/{other}"
    else:
        said = {"other": other, "decision": form.one("decision"), "evidence": form.one("evidence")}
        asked = form.valid(duplicates.Decided, said)
        back = f"{CHILDREN}/{one}?done=changed" if form.one("decision") == duplicates.Decision.APART else PAIRS
        done = await form.attempt(
            conn, lambda: duplicates.decide_duplicate(one, asked, conn, who, shouhu, Response(), idempotency_key=form.key)
        ) if asked else None  # fmt: skip
    if done is None:
        return await _pair(request, conn, who, shouhu, one, other, form.moved("note", "why"))
    return RedirectResponse(back, 303, headers=STRICT)


async def _open_both(conn: AsyncConnection, who: Actor, shouhu: Service, asked: Asked, *both: str) -> bool:
    for child in both:
        await children.open_child(child, asked, conn, who, shouhu)
    return True


async def _pair(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, one: str, other: str, form: Form
) -> Response:
    file = await children.read_child(one, conn, who, shouhu, Response())
    if other in file["joined"]:
        return await _joined(request, conn, who, file, other, form)
    found = await duplicates.compare_children(one, other, conn, who, shouhu)
    files = [file, await children.read_child(found.other, conn, who, shouhu, Response())]
    facts = {
        "path": PAIRS, "pair": found, "joined": False, "files": files, "fields": COMPARED, "form": form, "needs": tuple(Need),
        "fact_value": fact_value,
    }  # fmt: skip
    return await show(request, conn, who, "double_file.html", facts, status=form.status)


async def _joined(
    request: Request, conn: AsyncConnection, who: Actor, file: Mapping[str, Any], other: str, form: Form
) -> Response:
    """Two files that are read as one, and the way to part them."""
    facts = {
        "path": PAIRS, "pair": {"one": file["id"], "other": other}, "joined": True, "files": [file], "fields": COMPARED, "form": form,
        "needs": tuple(Need), "fact_value": fact_value,
    }  # fmt: skip
    return await show(request, conn, who, "double_file.html", facts, status=form.status)
