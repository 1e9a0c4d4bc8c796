"""Signing in with an account of this service, and out again; the page says the same whatever was wrong."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.context import SESSION, Conn, Shouhu, by_session, is_same_origin
from app.db.accounts import end_session, end_sessions, sign_in
from app.db.session import DATABASE_ERRORS, is_away
from app.web.frame import STRICT, page

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)
SIGN_IN, SIGN_OUT, ACCOUNT = "/sign-in", "/sign-out", "/account"
FORMS = (SIGN_IN, SIGN_OUT)
COOKIE: Any = {"path": "/", "secure": True, "httponly": True, "samesite": "strict"}
NOT_RIGHT = (
    "账号、口令或动态码不正确，请核对后重试",
    "The account, the password or the code is not right. Please check and try again.",
)
WRONG = {
    400: ("请用本页的表单登录", "Please use the form on this page."),
    403: ("请从本页登录", "Please sign in from this page."),
    413: ("提交的内容过大", "What was sent is too large."),
    415: ("请用本页的表单登录", "Please use the form on this page."),
    500: ("系统出错，请稍后再试", "Something went wrong on our side. Please try again later."),
    503: ("暂时无法登录，请稍后再试", "Signing in is not possible just now; please try again soon."),
}
MISSING = ("请填写账号、口令和动态码", "Please fill in the account, the password and the code.")


@router.get(SIGN_IN)
async def ask(request: Request) -> Response:
    """The form."""
    return _form(request)


@router.post(SIGN_IN)
async def enter(request: Request, shouhu: Shouhu) -> Response:
    """A new session, with a token of its own whatever the browser had before, or the form again."""
    if not is_same_origin(request):
        return _form(request, status=403, wrong=WRONG[403])
    try:
        said = {name: str(value) for name, value in (await request.form()).items()}
    except HTTPException as unreadable:
        return _form(request, status=unreadable.status_code, wrong=WRONG.get(unreadable.status_code, MISSING))
    person, password, code = (said.get(name, "") for name in ("person", "password", "code"))
    if not (person.strip() and password and code.strip()):
        return _form(request, person, status=422, wrong=MISSING)
    now, before = shouhu.ledger.clock(), request.cookies.get(SESSION)
    try:
        async with shouhu.engine.begin() as conn:
            tried = await sign_in(conn, person.strip(), password, code, now)
            if tried.token and before:
                await end_session(conn, before, now)
    except DATABASE_ERRORS as error:
        if not is_away(error):
            raise
        log.warning("database_unavailable", cause=type(error).__name__)
        return _form(request, person, status=503, wrong=WRONG[503])
    if tried.token:
        inside = RedirectResponse(ACCOUNT, 303, headers=STRICT)
        inside.set_cookie(SESSION, tried.token, **COOKIE)
        return inside
    if tried.wait:
        seconds = ceil(tried.wait.total_seconds())
        wait = (f"请等待 {_span(seconds)[0]}后再试", f"Please wait {_span(seconds)[1]} before the next try.")
        return _form(request, person, status=429, wrong=wait, more={"Retry-After": str(seconds)})
    return _form(request, person, status=422, wrong=NOT_RIGHT)


@router.post(SIGN_OUT)
async def leave(request: Request, conn: Conn, shouhu: Shouhu) -> Response:
    """The session ends on the server; with `everywhere`, all of the person do."""
    now = shouhu.ledger.clock()
    who = await by_session(request, conn, now)
    if who and (await request.form()).get("everywhere"):
        await end_sessions(conn, who.person_id, now)
    await end_session(conn, request.cookies.get(SESSION, ""), now)
    outside = RedirectResponse(SIGN_IN, 303, headers=STRICT)
    outside.delete_cookie(SESSION, **COOKIE)
    return outside


@router.get(ACCOUNT)
async def account(request: Request, conn: Conn, shouhu: Shouhu) -> Response:
    """Who is signed in, and for which desk."""
    who = await by_session(request, conn, shouhu.ledger.clock())
    if who is None:
        return RedirectResponse(SIGN_IN, 303, headers=STRICT)
    return page(request, "account.html", {"who": who, "sign_out": SIGN_OUT})


def refusal(status: int) -> ASGIApp:
    """What the edge answers here instead of a problem for programs."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await _form(Request(scope), status=status, wrong=WRONG[status])(scope, receive, send)

    return answer


def _span(seconds: int) -> tuple[str, str]:
    if seconds < 60:
        return f"{seconds} 秒", f"{seconds} seconds"
    minutes = ceil(seconds / 60)
    return f"{minutes} 分钟", "a minute" if minutes == 1 else f"{minutes} minutes"


def _form(
    request: Request, typed: str = "", *, status: int = 200, wrong: tuple[str, str] | None = None,
    more: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    return page(request, "sign_in.html", {"path": SIGN_IN, "typed": typed, "wrong": wrong}, status=status, more=more)
