"""Signing in by the word of the organisation's identity provider: to it by a link, and back with a code."""

from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from app.api.context import SESSION, Shouhu
from app.db.accounts import begin_session, end_session
from app.db.identities import enter_staff_no, vouched_for
from app.db.session import DATABASE_ERRORS, is_away
from app.db.walls import open_door
from app.oidc import WITHIN, NotVouched, Pending, Provider, ProviderAway
from app.router import Router
from app.web.frame import STRICT, page
from app.web.sign_in import COOKIE, form
from app.web.staff import START

log = structlog.get_logger()
router = Router(include_in_schema=False)
LEAVE, BACK = "/sign-in/provider", "/sign-in/back"
PENDING = "__Host-sign-in"
KEPT: Any = {**COOKIE, "samesite": "lax", "max_age": int(WITHIN.total_seconds())}
"""Lax, for the browser comes back from another site."""
AWAY = (
    "统一身份认证暂时无法使用，请稍后再试",
    "The identity provider cannot be reached just now; please try again soon.",
)
NOT_VOUCHED = ("身份认证没有完成，请重新登录", "You were not signed in. Please try again.")
STRANGER = (
    "您的身份已确认，但还没有本系统的账号，请联系系统管理员",
    "We know who you are, but you have no account here yet. Please ask the system administrator.",
)


@router.get(LEAVE)
async def leave(request: Request) -> Response:
    """To the provider."""
    provider = _provider(request)
    try:
        where, pending = await provider.begin(session=request.cookies.get(SESSION, ""))
    except ProviderAway as away:
        log.warning("identity_provider_unavailable", cause=str(away))
        return form(request, status=503, wrong=AWAY, wait=5)
    outside = RedirectResponse(where, 303, headers=STRICT)
    outside.set_cookie(PENDING, provider.sealed(pending), **KEPT)
    return outside


@router.get(BACK)
async def back(request: Request, shouhu: Shouhu) -> Response:
    """A session for whom the provider vouches, or the form with the reason."""
    provider = _provider(request)
    pending = provider.opened(request.cookies.get(PENDING, ""))
    try:
        answer = await _received(request, shouhu, provider, pending)
    except ProviderAway as away:
        log.warning("identity_provider_unavailable", cause=str(away))
        answer = form(request, status=503, wrong=AWAY, wait=5)
    except NotVouched as wrong:
        log.warning("sign_in_not_vouched", cause=str(wrong))
        answer = form(request, status=422, wrong=NOT_VOUCHED)
    except DATABASE_ERRORS as error:
        if not is_away(error):
            raise
        log.warning("database_unavailable", cause=type(error).__name__)
        answer = form(request, status=503, wait=5)
    answer.delete_cookie(PENDING, **{name: value for name, value in KEPT.items() if name != "max_age"})
    return answer


async def _received(request: Request, shouhu: Shouhu, provider: Provider, pending: Pending | None) -> Response:
    if pending is None:
        raise NotVouched("no sign-in was begun in this browser")
    now = shouhu.ledger.clock()
    vouched = await provider.finish(pending, request.query_params, now)
    async with shouhu.engine.begin() as conn:
        person = await vouched_for(conn, provider.client.issuer, vouched.subject)
        token = await begin_session(conn, person, now) if person else ""
        if not token:
            return form(request, status=403, wrong=STRANGER)
        if pending.session:
            await end_session(conn, pending.session, now)
        if person and vouched.staff_no:
            await open_door(conn)
            await enter_staff_no(conn, person, vouched.staff_no, only_first=True)
    # The browser does not send a strict cookie on a way that another site began: this page begins the next one itself.
    inside = page(request, "signed_in.html", {"to": START})
    inside.set_cookie(SESSION, token, **COOKIE)
    return inside


def _provider(request: Request) -> Provider:
    provider = request.app.state.service.provider
    if provider is None:
        raise HTTPException(404)
    return provider
