"""The edge: bodies are limited and of the right type, every request leaves one line in the log, no error escapes with its text."""

import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

import structlog
from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.limits import Limits
from app.api.problems import EXAMPLES, OVERLOADED, again_after, problem
from app.db.audit import TRACE

ALWAYS = ("/healthz", "/static/")
"""Needs no database."""
BODY_LIMIT = 1_048_576
UPLOAD_LIMIT = 32 * BODY_LIMIT
"""Where files are sent: several photos of one page at once."""
FORM = "application/x-www-form-urlencoded"
FORM_WITH_FILES = "multipart/form-data"
AGAIN_SOON = 2
"""Seconds after which a process that is full, or has no database yet, may be asked again."""


class Refusal(NamedTuple):
    """What is said instead of an answer."""

    status: int
    code: str
    title: str
    wait: int | None = None


Says = Callable[[Refusal], ASGIApp]
TWO_LENGTHS = Refusal(
    400, "two_lengths", "请求同时声明了两种长度 · The request says in two ways how long it is (RFC 9112, 6.1)."
)
"""A proxy may believe the other of the two, so what follows on the connection is nobody's request, and it is closed."""
WRONG = {
    400: TWO_LENGTHS,
    413: Refusal(413, "body_too_large", "请求过大，上限1 MiB · The body is larger than 1 MiB."),
    415: Refusal(415, *EXAMPLES[415]),
    500: Refusal(500, "internal_error", "系统内部错误 · Something went wrong inside."),
}
ROOT = Path(__file__).parents[2]
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
HEADERS = (
    (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"), (b"x-frame-options", b"DENY"),
)  # fmt: skip
"""On every answer that does not say otherwise itself."""
NO_PAGE = ((b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),)
"""Nor may a browser make a page of what is data."""
log = structlog.get_logger()


class Edge:
    """Around the whole application. The log names the route, never the path: ids and receipt codes stand in paths.

    `forms` says for a path where people send forms instead of JSON what answers there in place of a problem; `uploads` whether
    files come there, in a form or as the body itself; `reached` says whether the database was found yet; `limits` what each has used up.
    """

    def __init__(
        self, app: ASGIApp, forms: Callable[[str], Says | None] = lambda _: None, reached: Callable[[], bool] = lambda: True,
        limits: Limits | None = None, uploads: Callable[[str], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        self._app, self._forms, self._reached, self._limits = app, forms, reached, limits or Limits(0)
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = _trace(dict(scope["headers"]))
        TRACE.set(trace)
        begun, answer = time.perf_counter(), _Answer(send, trace)
        try:
            await self._guarded(scope, receive, answer)
        finally:
            route = getattr(scope.get("route"), "path", "")
            spent = round((time.perf_counter() - begun) * 1000, 1)
            log.info("request", method=scope["method"], route=route, status=answer.status, ms=spent, trace=trace)

    async def _guarded(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        path = scope["path"]
        form, files = self._forms(path), self._uploads(path)
        says, limit = form or _problem, UPLOAD_LIMIT if files else BODY_LIMIT
        fits = _is_form(files=files) if form else _is_any if files else _is_json
        if refusal := self._refusal(scope, fits, limit):
            answer.is_last = refusal is TWO_LENGTHS
            await says(refusal)(scope, receive, answer)
            return
        self._limits.inside += 1
        try:
            await self._app(scope, _limited(receive, limit), answer)
        except Exception as error:
            log.error("internal_error", cause=type(error).__name__, at=_places(error))
            if answer.status is None:
                await says(WRONG[500])(scope, receive, answer)
        finally:
            self._limits.inside -= 1

    def _refusal(self, scope: Scope, fits: Callable[[str], bool], limit: int) -> Refusal | None:
        """Before anything was read or looked up."""
        headers, path = dict(scope["headers"]), scope["path"]
        if not path.startswith(ALWAYS):
            if not self._reached():
                return Refusal(503, *EXAMPLES[503], AGAIN_SOON)
            if wait := self._limits.at_the_edge((scope.get("client") or (None,))[0], headers):
                return Refusal(429, *EXAMPLES[429], wait)
            if self._limits.is_full(path):
                return Refusal(503, *OVERLOADED, AGAIN_SOON)
        status = _refused(headers, fits, limit)
        return WRONG[status] if status else None


class _Answer:
    """Sends the answer on, remembers its status, says what no browser may make of it, and forbids to keep a copy."""

    def __init__(self, send: Send, trace: str) -> None:
        self._send = send
        self._headers = [*HEADERS, (b"x-trace-id", trace.encode())]
        self.status: int | None = None
        self.is_last = False
        """The connection is closed after it."""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = list(message.get("headers", ()))
            said = {name.lower(): value for name, value in given}
            closed = NO_PAGE if said.get(b"content-type", b"").startswith(b"application/") else ()
            ends = ((b"connection", b"close"),) if self.is_last else ()
            more = [pair for pair in (*self._headers, *closed, *ends) if pair[0] not in said]
            message = {**message, "headers": [*given, *more]}
        await self._send(message)


def _trace(headers: dict[bytes, bytes]) -> str:
    """Of the caller, as W3C Trace Context has it, or a new one."""
    given = TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
    return given[1].decode() if given else uuid.uuid4().hex


def _refused(headers: dict[bytes, bytes], fits: Callable[[str], bool], limit: int) -> int | None:
    """The status of what can be refused before a byte of the body is read."""
    if b"content-length" in headers and b"transfer-encoding" in headers:
        return 400
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > limit:
        return 413
    has_body = int(length) > 0 or b"transfer-encoding" in headers
    media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")
    plain = headers.get(b"content-encoding", b"identity") == b"identity"
    return 415 if has_body and not (fits(media_type) and plain) else None


def _is_form(*, files: bool) -> Callable[[str], bool]:
    return (FORM, FORM_WITH_FILES).__contains__ if files else FORM.__eq__


def _is_any(media_type: str) -> bool:
    """A file's type is told by its content, whatever is said of it."""
    return True


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _problem(refusal: Refusal) -> ASGIApp:
    facts = {"limit": BODY_LIMIT} if refusal.status == 413 else None
    return problem(refusal.status, refusal.code, refusal.title, facts=facts, headers=again_after(refusal.wait))


def _limited(receive: Receive, limit: int) -> Receive:
    """The same body, but no more of it than the limit, whatever its length claims."""
    taken = 0

    async def next_part() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413)
        return message

    return next_part


def _places(error: Exception) -> list[str]:
    """Where it went wrong, without the values that the text of an error may carry."""
    frames = extract_tb(error.__traceback__)[-6:]
    return [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def _short(name: str) -> str:
    path = Path(name)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
