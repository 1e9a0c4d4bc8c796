"""Signing in with an account of this service, and out again; the page says the same whatever was wrong."""

from functools import partial
from math import ceil
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.context import SESSION, Conn, Shouhu, by_session, is_same_origin
from app.api.edge import Refusal
from app.api.limits import address_of
from app.api.problems import again_after
from app.db.accounts import end_session, end_sessions, sign_in
from app.db.audit import on_record
from app.db.guesses import TooManyGuesses, count_wrong, key_of, require_patience
from app.db.session import DATABASE_ERRORS, is_away
from app.domain.guessing import PASSWORDS
from app.router import Router
from app.web.frame import STRICT, page, waiting
from app.web.staff import SEAT, START, Signed, show
from app.web.wrong import SIGN_IN, inside

log = structlog.get_logger()
router = Router(include_in_schema=False)
SIGN_OUT, ACCOUNT = "/sign-out", "/account"
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
    429: ("请等待{zh}后再试", "Please wait {en} before the next try."),
    500: ("系统出错，请稍后再试", "Something went wrong on our side. Please try again later."),
    503: ("暂时无法登录，请稍后再试", "Signing in is not possible just now; please try again soon."),
}
ELSEWHERE = ("请用统一身份认证登录", "Please sign in with the identity provider.")
MISSING = ("请填写账号、口令和动态码", "Please fill in the account, the password and the code.")


@router.get(SIGN_IN)
async def ask(request: Request, then: str = "") -> Response:
    """The form; `then` is where the person wanted to go."""
    return form(request, then=inside(then, ""))


@router.post(SIGN_IN)
async def enter(request: Request, shouhu: Shouhu) -> Response:
    """A new session, with a token of its own whatever the browser had before, or the form again."""
    if not is_same_origin(request):
        return form(request, status=403)
    if not shouhu.local_accounts:
        return form(request, status=403, wrong=ELSEWHERE)
    try:
        said = {name: str(value) for name, value in (await request.form()).items()}
    except HTTPException as unreadable:
        return form(request, status=unreadable.status_code, wrong=WRONG.get(unreadable.status_code, MISSING))
    person, password, code = (said.get(name, "") for name in ("person", "password", "code"))
    then = inside(said.get("then", ""), "")
    again = partial(form, request, person, then=then)
    if not (person.strip() and password and code.strip()):
        return again(status=422, wrong=MISSING)
    now, before = shouhu.ledger.clock(), request.cookies.get(SESSION)
    try:
        async with shouhu.engine.begin() as conn:
            key = key_of(shouhu.receipts, PASSWORDS, address_of(request))
            await require_patience(conn, key, PASSWORDS, now)
            alias = shouhu.receipts.alias(f"account:{person.strip()}")
            tried = await sign_in(conn, person.strip(), password, code, now, alias=alias)
            if tried.token and before:
                await end_session(conn, before, now)
            if not tried.token:
                await count_wrong(conn, key, now)
    except TooManyGuesses as refusal:
        return again(status=429, wait=refusal.seconds)
    except DATABASE_ERRORS as error:
        if not is_away(error):
            raise
        log.warning("database_unavailable", cause=type(error).__name__)
        return again(status=503)
    if tried.token:
        entered = RedirectResponse(then or START, 303, headers=STRICT)
        entered.set_cookie(SESSION, tried.token, **COOKIE)
        return entered
    if tried.wait:
        return again(status=429, wait=ceil(tried.wait.total_seconds()))
    return again(status=422, wrong=NOT_RIGHT)


@router.post(SIGN_OUT)
async def leave(request: Request, conn: Conn, shouhu: Shouhu) -> Response:
    """The session ends on the server; with `everywhere`, all of the person do."""
    now = shouhu.ledger.clock()
    who = await by_session(request, conn, now)
    if who and (await request.form()).get("everywhere"):
        await end_sessions(conn, who.person_id, now)
    await end_session(conn, request.cookies.get(SESSION, ""), now)
    if who:
        await on_record(conn, who, "sign_out", None, [], children=[])
    outside = RedirectResponse(SIGN_IN, 303, headers=STRICT)
    for cookie in (SESSION, SEAT):
        outside.delete_cookie(cookie, **COOKIE)
    return outside


@router.get(ACCOUNT)
async def account(request: Request, conn: Conn, who: Signed) -> Response:
    """Who is signed in, and for which desk."""
    return await show(request, conn, who, "account.html", {"sign_out": SIGN_OUT})


def refusal(said: Refusal) -> ASGIApp:
    """What the edge answers here instead of a problem for programs."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await form(Request(scope), status=said.status, wait=said.wait)(scope, receive, send)

    return answer


def form(
    request: Request, typed: str = "", *, status: int = 200, wrong: tuple[str, str] | None = None, wait: int | None = None,
    then: str = "",
) -> Response:  # fmt: skip
    """The page of the sign-in, with what was typed, what was wrong, the seconds to wait, and where the person wanted to go."""
    shouhu = request.app.state.service
    facts = {
        "path": SIGN_IN, "typed": typed, "wrong": wrong or waiting(WRONG.get(status), wait), "then": then,
        "provider": shouhu.provider is not None, "local": shouhu.local_accounts,
    }  # fmt: skip
    return page(request, "sign_in.html", facts, status=status, more=again_after(wait))
