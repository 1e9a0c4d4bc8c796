"""Every error of the API as problem+json with a stable code; nothing that was typed is echoed, nothing inside is shown."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from asyncpg import PostgresConnectionError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from activities.gateway import BadSignature
from app.db.intake import InFlight
from app.db.ledger import KeyReused, StaleVersion
from app.domain.refusals import RefusalCode, Refused

log = structlog.get_logger()
NOT_FOUND = (
    RefusalCode.CASE_NOT_FOUND,
    RefusalCode.REFERRAL_NOT_FOUND,
    RefusalCode.CHILD_NOT_FOUND,
    RefusalCode.DUTY_NOT_FOUND,
)
FORBIDDEN = (RefusalCode.NOT_ALLOWED, RefusalCode.NOT_YOUR_DESK, RefusalCode.NOT_THE_HOLDER)
CODES = {400: "bad_request", 401: "unauthenticated", 403: "not_allowed", 404: "not_found", 405: "method_not_allowed",
         413: "body_too_large", 415: "unsupported_media_type", 503: "unavailable"}  # fmt: skip


def problem(
    status: int,
    code: str,
    title: str,
    *,
    facts: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """RFC 9457, with `code` for programs and `title` for people."""
    body = {"type": f"/problems/{code}", "status": status, "code": code, "title": title, **(facts or {})}
    return JSONResponse(body, status, media_type="application/problem+json", headers=dict(headers or {}))


def _refused(request: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, Refused)
    code = refusal.code
    status = 404 if code in NOT_FOUND else 403 if code in FORBIDDEN else 409
    facts = {
        name: value if isinstance(value, int | str | tuple | None) else str(value)
        for name, value in refusal.facts.items()
    }
    return problem(status, code.value, f"{code.zh} · {code.en}", facts=facts)


def _stale(request: Request, stale: Exception) -> JSONResponse:
    assert isinstance(stale, StaleVersion)
    since = [{**row, "at": row["at"].isoformat()} for row in stale.since]
    title = "案件已被更新，请查看变化后重试 · The case has changed since you read it."
    return problem(409, "stale_version", title, facts={"version": stale.current, "since": since})


def _key_reused(request: Request, error: Exception) -> JSONResponse:
    return problem(422, "key_reused", "幂等键已用于其他请求 · This Idempotency-Key was used for another request.")


def _in_flight(request: Request, error: Exception) -> JSONResponse:
    title = "同一请求正在处理 · The same request is being handled."
    return problem(409, "request_in_flight", title, headers={"Retry-After": "1"})


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if any(entry["type"] == "json_invalid" for entry in error.errors()):
        return problem(400, "malformed_json", "不是有效的JSON · The body is not JSON.")
    errors = [
        {"at": "/" + "/".join(str(part) for part in entry["loc"][1:]), "in": str(entry["loc"][0]), "said": entry["msg"]}
        for entry in error.errors()
    ]
    return problem(
        422, "invalid_request", "请求内容有误 · Something in the request is wrong.", facts={"errors": errors[:50]}
    )


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "http_error")
    return problem(error.status_code, code, HTTPStatus(error.status_code).phrase, headers=error.headers)


def _signature(request: Request, error: Exception) -> JSONResponse:
    return problem(401, "bad_signature", "签名无效 · The signature is not valid.")


def _database(request: Request, error: Exception) -> JSONResponse:
    gone = isinstance(error, OSError | PostgresConnectionError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
    if gone or isinstance(error, DBAPIError):
        log.warning("database_unavailable", cause=type(error).__name__)
        title = "数据库暂不可用，内容未保存，请稍后重试 · The database is away; nothing was stored, please try again."
        return problem(503, "database_unavailable", title, headers={"Retry-After": "2"})
    return _internal(request, error)


def _internal(request: Request, error: Exception) -> JSONResponse:
    log.error("internal_error", cause=type(error).__name__, method=request.method)
    return problem(500, "internal_error", "系统内部错误 · Something went wrong inside.")


def install(app: FastAPI) -> None:
    """Hang all handlers on the application."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(StaleVersion, _stale)
    app.add_exception_handler(KeyReused, _key_reused)
    app.add_exception_handler(InFlight, _in_flight)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(BadSignature, _signature)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(OSError, _database)
    app.add_exception_handler(PostgresConnectionError, _database)
    app.add_exception_handler(Exception, _internal)
