"""紧急调阅复核: what was read in an emergency by somebody who may not see it, and whether another desk finds that it was necessary."""

from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import emergency, need
from app.api.context import Conn, Shouhu, unconcerned
from app.db import tables
from app.db.service import Service
from app.domain.access import Actor
from app.domain.emergency import Verdict, may_review
from app.domain.refusals import RefusalCode
from app.router import Router
from app.web.forms import Form
from app.web.frame import STRICT
from app.web.staff import ENTRIES, OVERSIGHT, Entry, Signed, show

router = Router(include_in_schema=False)
REVIEW = "/oversight/emergency"
BESIDE = {RefusalCode.SECOND_PERSON_NEEDED: "verdict", RefusalCode.ALREADY_DONE: "verdict"}


def _waiting(who: Actor) -> Select[Any]:
    glass = tables.emergency_reads.c
    return select(glass.id).where(glass.reviewed_at.is_(None), unconcerned(who, glass.case_id))


ENTRIES.append(Entry(REVIEW, "紧急调阅复核", "Emergency reads", OVERSIGHT, may_review, count=_waiting, place=6))


@router.get(REVIEW)
async def queue(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, waiting: bool = True, cursor: str | None = None
) -> Response:
    """What waits for its review, the most urgent first; or everything."""
    return await _queue(request, conn, who, shouhu, Form(), waiting, cursor)


@router.post(REVIEW)
async def judge(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """The verdict on one."""
    form = await Form.of(request)
    if not form.one("verdict"):
        form.wrong("verdict", "请选择复核结论", "Choose what you find.")
    if not form.one("note"):
        form.wrong("note", "请写明依据", "Please say what it rests on.")
    asked = form.valid(emergency.Judged, {"verdict": form.one("verdict"), "note": form.one("note")})
    done = await form.attempt(conn, lambda: emergency.judge(form.one("read"), asked, conn, who, shouhu), BESIDE)
    if done is None:
        return await _queue(request, conn, who, shouhu, form, True, None)
    return RedirectResponse(f"{REVIEW}?done=1", 303, headers=STRICT)


async def _queue(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, form: Form, waiting: bool, cursor: str | None
) -> Response:
    page = await emergency.emergency_reads(conn, who, shouhu, waiting=waiting, cursor=cursor, limit=20)
    views = await need.full_views(conn, who, limit=20)
    facts = {
        "path": REVIEW, "rows": page.items, "next": page.next, "waiting": waiting, "form": form, "verdicts": tuple(Verdict),
        "views": views.items, "done": "done" in request.query_params,
    }  # fmt: skip
    return await show(request, conn, who, "review.html", facts, status=form.status)
