"""What went wrong, as a page: the same refusals as those of the API, in the same words."""

import json
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import WebSocketRequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.context import is_same_origin
from app.api.edge import Refusal
from app.api.limits import path_of
from app.api.problems import again_after
from app.web.frame import STRICT, here, page

SIGN_IN = "/sign-in"
SIGNED_OUT = "登录已过期，内容没有提交 · You were signed out meanwhile; nothing was sent."
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
FOR_PROGRAMS = ("/v1/", "/healthz", "/readyz", "/docs", "/openapi.json", "/static")
FORM_ONLY = "请用本页的表单提交 · Please use the form on the page."
TITLES = {
    403: "您不能查看或办理此事项 · You may not see or do this.",
    404: "没有这个页面，或您不能查看 · There is no such page, or it is not yours to see.",
    405: FORM_ONLY,
    413: "提交的内容过大，没有保存 · What was sent is too large; nothing was stored.",
    415: FORM_ONLY,
    500: "系统出错，内容没有保存 · Something went wrong on our side; nothing was stored.",
    503: "系统暂时不可用，内容没有保存，请稍后再试 · The service is away for a moment; nothing was stored. Please try again soon.",
}
Handler = Callable[[Request, Any], Response | Awaitable[Response]]


def is_page(path: str) -> bool:
    """Whether people ask here, and not programs."""
    return not path.startswith(FOR_PROGRAMS)


def install(app: FastAPI) -> None:
    """Whatever answers programs with a problem answers people with a page of the same status, code and words."""
    for kind, handler in list(app.exception_handlers.items()):
        if kind is not WebSocketRequestValidationError:
            app.add_exception_handler(kind, _for_people(handler))


def _for_people(handler: Handler) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        found = handler(request, error)
        found = await found if isawaitable(found) else found
        if not is_page(path_of(request)):
            return found
        typed = await _typed(request)
        if found.status_code == 401 and not typed:
            return to_sign_in(request)
        said = json.loads(bytes(found.body))
        general = TITLES.get(found.status_code) if said["code"] in GENERAL else None
        title = general or said["title"]
        again = {name: value for name, value in found.headers.items() if name == "retry-after"}
        title = SIGNED_OUT if found.status_code == 401 else title
        return problem(
            request, found.status_code, title, code=said["code"], since=said.get("since"), more=again, typed=typed
        )

    return answer


async def _typed(request: Request) -> dict[str, list[str]]:
    """What a form of ours has sent and nobody took, to be shown again; what another site sent is not offered to anybody."""
    fits = request.headers.get("content-type", "").startswith(FORMS)
    if request.method != "POST" or not fits or request.headers.get("hx-request") or not is_same_origin(request):
        return {}
    try:
        said = await request.form()
    except (HTTPException, RuntimeError):  # no form, or read and gone
        return {}
    if said.get("keep"):
        return {}
    return {name: values for name in said if (values := [one for one in said.getlist(name) if isinstance(one, str)])}


GENERAL = ("not_found", "not_allowed", "method_not_allowed", "body_too_large", "unsupported_media_type", "internal_error",
           "database_unavailable", "unavailable")  # fmt: skip
"""Codes whose words on a page are about the page."""


def problem(
    request: Request, status: int, title: str, *, code: str = "", since: Any = None, more: dict[str, str] | None = None,
    typed: dict[str, list[str]] | None = None,
) -> Response:  # fmt: skip
    """The page of a refusal or a fault; what was `typed` stands in it and may be sent again."""
    facts = {"status": status, "title": title, "code": code, "since": since or [], "typed": typed or {}}
    return page(request, "problem.html", facts, status=status, more=more)


def to_sign_in(request: Request) -> Response:
    """Whoever is signed out signs in and comes back; a part of a page is left as a whole."""
    where = f"{SIGN_IN}?{urlencode({'then': here(request)})}"
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={**STRICT, "HX-Redirect": SIGN_IN})
    return RedirectResponse(where, 303, headers=STRICT)


def refusal(said: Refusal) -> ASGIApp:
    """What the edge answers on a page that has no words of its own for it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        title = TITLES.get(said.status, said.title) if said.code in GENERAL else said.title
        await problem(Request(scope), said.status, title, code=said.code, more=again_after(said.wait))(
            scope, receive, send
        )

    return answer


def inside(path: str, otherwise: str) -> str:
    """A path of this service, as whoever comes back is led to; never another site."""
    own = path.startswith("/") and not path.startswith(("//", "/\\")) and not any(char in path for char in "\\\r\n\t")
    return path if own and is_page(path) else otherwise
