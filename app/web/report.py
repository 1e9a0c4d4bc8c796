"""Reporting on pages: in by a unit's link or an account, one question a page, a draft on the server, and no word lost on the way."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import structlog
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser

from app.api.context import Shouhu, by_session, is_same_origin
from app.api.edge import FORM_WITH_FILES, UPLOAD_LIMIT
from app.api.limits import address_of, spend_as
from app.db import drafts, files, tables
from app.db.drafts import Draft, Said
from app.db.guesses import TooManyGuesses, guess, key_of
from app.db.intake import file
from app.db.service import REPORT_PATH, Service
from app.db.session import DATABASE_ERRORS, is_away
from app.domain.access import Action, Actor, may
from app.files.examine import Taken
from app.files.examine import examine as examined
from app.files.kinds import ACCEPT, AGAIN_SOON, MOST_FILES, BadFile
from app.router import Router
from app.web.forms import OVERALL, Form
from app.web.frame import STRICT, language, page
from app.web.questions import (
    AT_SCHOOL,
    BY_NAME,
    CHOICES,
    LABELS,
    STEPS,
    Step,
    examine,
    said_on,
    submission_of,
    words_of,
)
from app.web.words import Pair, say

log = structlog.get_logger()
router = Router(include_in_schema=False)
COOKIE = "__Host-draft"
KEPT: Any = {"path": "/", "secure": True, "httponly": True, "samesite": "strict"}
LEAVE, RECEIPT = "/leave", f"{REPORT_PATH}/receipt"
WITH_FILES = f"{REPORT_PATH}/seen"
MultiPartParser.spool_max_size = UPLOAD_LIMIT
"""A photo of a child lies in the memory of this process until it is cleaned, and never in a temporary file."""
AWAY: Pair = (
    "系统暂时不可用，还没有提交。您写的内容都还在，请稍后再按一次",
    "The service is away for a moment and nothing was sent. What you wrote is still here; please press again soon.",
)
FOREIGN: Pair = ("请在本页填写", "Please use the form on this page.")
GONE: Pair = ("草稿已过期或已离开，请重新进入", "The draft has ended; please enter again.")


class Here(NamedTuple):
    """A draft and who reports: nobody, where it is of somebody with an account who is signed out by now."""

    draft: Draft
    by: Actor | None


async def here_of(request: Request, conn: AsyncConnection, shouhu: Service) -> Here | None:
    """None where the browser has no draft."""
    token, now = request.cookies.get(COOKIE), shouhu.ledger.clock()
    if not token:
        return None
    who = await by_session(request, conn, now)
    draft = await drafts.draft_of(conn, token, now)
    if draft is None:
        return None
    return Here(draft, draft.by or (who if who and draft.person_id == who.person_id else None))


@router.get(REPORT_PATH)
async def door(request: Request, shouhu: Shouhu) -> Response:
    """How to come in, or to go on with what was begun."""
    async with shouhu.engine.begin() as conn:
        who = await by_session(request, conn, shouhu.ledger.clock())
        here = await here_of(request, conn, shouhu)
    return _door(request, Form(), who, begun=here is not None and here.draft.case_id is None)


@router.post(REPORT_PATH)
async def enter(request: Request, shouhu: Shouhu) -> Response:
    """A draft begins: by the code of a unit's link, or by the account that is signed in."""
    if not is_same_origin(request):
        return _door(request, _wrong(FOREIGN, 403), None)
    form, who = await Form.of(request), None
    said: Said = {"reporter": form.one("reporter")[:100], "phone": form.one("phone")[:40]}
    now = shouhu.ledger.clock()
    try:
        async with shouhu.engine.begin() as conn:
            who = await by_session(request, conn, now)
            if form.one("account") and who and may(who, Action.FILE_REPORT).allowed:
                token = await drafts.begin(conn, said, now, person_id=who.person_id)
                return _begun(token)
        look = partial(drafts.link_by_code, code=form.one("code"))
        key = key_of(shouhu.receipts, shouhu.codes, address_of(request))
        link = await guess(shouhu.engine, key, shouhu.codes, now, look) if form.one("code") else None
        if link:
            async with shouhu.engine.begin() as conn:
                return _begun(await drafts.begin(conn, said, now, link_id=link))
        form.wrong(
            "code",
            "上报码不对，请对照本单位的海报核对",
            "The code is not right; please compare it with your unit's poster.",
        )
    except TooManyGuesses as refusal:
        minutes = refusal.seconds // 60 + 1
        form.wrong("code", f"尝试过于频繁，请 {minutes} 分钟后再试", f"Too many tries; please wait {minutes} minutes.")
        form.status = 429
    except DATABASE_ERRORS as error:
        _require_away(error)
        form.wrong(OVERALL, *AWAY)
        form.status = 503
    return _door(request, form, who)


@router.get(f"{REPORT_PATH}/{{step}}")
async def ask(request: Request, shouhu: Shouhu, step: str) -> Response:
    """One page, with what was said on it before."""
    if step not in BY_NAME:
        raise HTTPException(404)
    async with shouhu.engine.begin() as conn:
        here = await here_of(request, conn, shouhu)
        if here is None:
            return _to(REPORT_PATH)
        if here.by is None:
            return _to(f"/sign-in?then={REPORT_PATH}/{step}")
        if here.draft.case_id:
            return _to(RECEIPT)
        return await _asked(request, conn, here.draft, BY_NAME[step], Form())


@router.post(f"{REPORT_PATH}/{{step}}")
async def answer(request: Request, shouhu: Shouhu, step: str) -> Response:
    """What was typed is kept whatever is wrong with it; then the next page, the one before, or this one again."""
    if step not in BY_NAME:
        raise HTTPException(404)
    asked, now = BY_NAME[step], shouhu.ledger.clock()
    if not await _may_send(request, shouhu, now):
        form = Form()
        form.wrong(OVERALL, *GONE)
        return _door(request, form, None)
    form, came = await _sent(request)
    if not is_same_origin(request):
        return await _again(request, shouhu, asked, form, FOREIGN, 403)
    whose = request.cookies.get(COOKIE, "")
    taken = [one for sent in came if (one := await _taken(shouhu, sent, form, whose))]
    try:
        async with shouhu.engine.begin() as conn:
            here = await here_of(request, conn, shouhu)
            if here is None:
                form.wrong(OVERALL, *GONE)
                return _door(request, form, None)
            draft = here.draft
            if draft.case_id:
                return _to(RECEIPT)
            said = said_on(asked, form)
            await drafts.save(conn, draft, said, now)
            draft = replace(draft, said={**draft.said, **said})
            if form.one("keep"):
                return page(request, "report_saved.html", {"at": now}, live=True)
            if asked.name == "check":
                return await _file(request, conn, shouhu, form)
            examine(asked, form, now)
            await _take(conn, shouhu, draft, form, taken)
            if here.by is None:  # kept, and shown once they have signed in again
                return _to(f"/sign-in?then={REPORT_PATH}/{step}")
            if form.errors and form.one("to") != "back":
                return await _asked(request, conn, draft, asked, form)
            return _to(_next(asked, form))
    except DATABASE_ERRORS as error:
        _require_away(error)
        if form.one("keep"):
            return page(request, "report_saved.html", {"at": None}, status=503, live=True)
        return await _again(request, shouhu, asked, form, AWAY, 503)


async def _sent(request: Request) -> tuple[Form, Sequence[UploadFile]]:
    try:
        said = await request.form(max_files=MOST_FILES, max_part_size=UPLOAD_LIMIT)
    except HTTPException as unreadable:
        form = Form()
        form.wrong(OVERALL, "照片太大，请一次少传几张", "The photos are too large; send fewer at once.")
        form.status = unreadable.status_code
        return form, ()
    typed = {name: [str(value) for value in said.getlist(name) if isinstance(value, str)] for name in said}
    came = [value for value in said.getlist("files") if isinstance(value, UploadFile) and value.filename]
    return Form(typed), came


async def _may_send(request: Request, shouhu: Service, now: datetime) -> bool:
    """Files are read into memory, so those of nobody are not read at all."""
    if not request.headers.get("content-type", "").startswith(FORM_WITH_FILES):
        return True
    try:
        async with shouhu.engine.begin() as conn:
            return await drafts.draft_of(conn, request.cookies.get(COOKIE, ""), now) is not None
    except DATABASE_ERRORS as error:
        _require_away(error)
        return True  # what was typed comes back with the page that says so


async def _taken(shouhu: Service, sent: UploadFile, form: Form, whose: str) -> Taken | None:
    """Examined while no connection to the database waits; one that is not taken keeps none of the others out."""
    try:
        return await examined(sent.filename or "", await sent.read(), shouhu.scanner, whose=whose)
    except BadFile as bad:
        form.wrong("files", bad.fault.zh, bad.fault.en)
        form.status = 503 if bad.fault in AGAIN_SOON else form.status
    return None


async def _take(
    conn: AsyncConnection, shouhu: Service, draft: Draft, form: Form, taken: Sequence[Taken]
) -> None:  # fmt: skip
    """The files of this page."""
    if gone := form.one("drop"):
        await files.drop(conn, draft.id, gone)
    for one in taken:
        try:
            if draft.by:
                await drafts.require_room(conn, draft.by.person_id)
            await files.keep(conn, draft.id, one, shouhu.ledger.clock(), most=MOST_FILES)
        except BadFile as bad:
            form.wrong("files", bad.fault.zh, bad.fault.en)


async def _file(request: Request, conn: AsyncConnection, shouhu: Service, form: Form) -> Response:
    """Once, however often it is tapped: the draft is locked, and knows what became of it."""
    here = await here_of(request, conn, shouhu)
    if here is None or here.by is None:
        return _to(f"/sign-in?then={REPORT_PATH}/check")
    draft, by = here.draft, here.by
    spend_as(request, by)
    brought = await files.hand_over(conn, draft.id, by.person_id)
    report = submission_of(draft.said, by, draft.reporter_class, brought, draft.unit_name)
    filed = await file(conn, shouhu.ledger, shouhu.receipts, report, by, draft.id)
    await drafts.filed(conn, draft.id, filed.case_id, shouhu.ledger.clock())
    return _to(RECEIPT)


def _next(step: Step, form: Form) -> str:
    at = STEPS.index(step)
    if form.one("drop"):
        return f"{REPORT_PATH}/{step.name}"
    if form.one("to") == "back":
        return f"{REPORT_PATH}/{STEPS[at - 1].name}" if at else REPORT_PATH
    return f"{REPORT_PATH}/{'check' if form.one('to') == 'check' else STEPS[at + 1].name}"


async def _again(request: Request, shouhu: Service, step: Step, form: Form, words: Pair, status: int) -> Response:
    """The page with what was typed, without asking the database for anything."""
    form.wrong(OVERALL, *words)
    form.status = status
    return _page(request, step, form, {}, [], getattr(request.app.state, "streets", []))


async def _asked(request: Request, conn: AsyncConnection, draft: Draft, step: Step, form: Form) -> Response:
    kept = await files.waiting(conn, draft.id) if step.name in ("seen", "check") else []
    said = draft.said
    if draft.unit_name and draft.reporter_class in AT_SCHOOL:
        said = {"school": draft.unit_name, **said}
    return _page(request, step, form, said, kept, await _streets(request, conn), draft.unit_name)


async def _streets(request: Request, conn: AsyncConnection) -> list[tuple[str, str]]:
    row = tables.divisions.c
    found = await conn.execute(select(row.code, row.name).where(row.kind != "district").order_by(row.code))
    request.app.state.streets = [(one.code, one.name) for one in found]
    return request.app.state.streets


def _page(
    request: Request, step: Step, form: Form, said: Said, kept: list[dict[str, Any]], streets: list[tuple[str, str]],
    unit: str | None = None,
) -> Response:  # fmt: skip
    for name in step.fields:
        if name not in form.typed and name in said:
            value = said[name]
            form.typed[name] = value if isinstance(value, list) else [value]
    spoken = language(request)
    choices = {name: [(code, say(spoken, words)) for code, words in CHOICES.get(name, ())] for name in step.fields}
    facts = {
        "step": step, "at": STEPS.index(step), "steps": STEPS, "form": form, "said": said, "kept": kept, "choices": choices,
        "labels": LABELS, "words_of": words_of, "streets": streets, "accept": ACCEPT, "most": MOST_FILES, "path": REPORT_PATH,
        "exit_url": LEAVE, "unit": unit, "to_check": "check" in (request.query_params.get("to"), *form.many("to")),
    }  # fmt: skip
    again = {"Retry-After": "5"} if form.status == 503 else {}
    return page(request, f"report_{step.name}.html", facts, status=form.status, more=again, live=True)


def _door(request: Request, form: Form, who: Actor | None, *, begun: bool = False) -> Response:
    account = who if who and may(who, Action.FILE_REPORT).allowed else None
    facts = {"form": form, "who": account, "begun": begun, "path": REPORT_PATH, "exit_url": LEAVE, "labels": LABELS}
    again = {"Retry-After": "5"} if form.status == 503 else {}
    return page(request, "report_door.html", facts, status=form.status, more=again, live=True)


def _begun(token: str) -> Response:
    inside = _to(f"{REPORT_PATH}/{STEPS[0].name}")
    inside.set_cookie(COOKIE, token, **KEPT)
    return inside


def _to(path: str) -> Response:
    return RedirectResponse(path, 303, headers=STRICT)


def _wrong(words: Pair, status: int) -> Form:
    form = Form()
    form.wrong(OVERALL, *words)
    form.status = status
    return form


def _require_away(error: Exception) -> None:
    if not is_away(error):
        raise error
    log.warning("database_unavailable", cause=type(error).__name__)
