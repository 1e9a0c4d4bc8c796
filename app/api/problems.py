"""Every error of the API as problem+json with a stable code; nothing that was typed is echoed, nothing inside is shown."""

import json
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from asyncpg import DataError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from activities.gateway import BadSignature
from app.api.attempts import noted
from app.db.audit import AuditUnavailable
from app.db.guesses import TooManyGuesses
from app.db.intake import InFlight
from app.db.ledger import KeyReused, StaleVersion
from app.db.session import DATABASE_ERRORS, is_away, sqlstate
from app.db.vault import Destroyed, NotKept
from app.domain.refusals import RefusalCode, Refused
from app.files.kinds import AGAIN_SOON, BadFile, FileFault
from app.policy.loader import BadPack

log = structlog.get_logger()
NOT_FOUND = (
    RefusalCode.CASE_NOT_FOUND,
    RefusalCode.REFERRAL_NOT_FOUND,
    RefusalCode.CHILD_NOT_FOUND,
    RefusalCode.FILE_NOT_FOUND,
    RefusalCode.LINK_NOT_FOUND,
    RefusalCode.DUTY_NOT_FOUND,
    RefusalCode.BILL_NOT_FOUND,
    RefusalCode.REGISTER_NOT_FOUND,
    RefusalCode.ENTRY_NOT_FOUND,
    RefusalCode.ROUND_NOT_FOUND,
    RefusalCode.OWED_NOT_FOUND,
    RefusalCode.SIGNAL_NOT_FOUND,
    RefusalCode.SURVEY_NOT_FOUND,
    RefusalCode.INVITATION_NOT_FOUND,
    RefusalCode.UNKNOWN_POLICY,
    RefusalCode.PROCEDURE_NOT_FOUND,
    RefusalCode.NO_SUCH_CHANGE,
    RefusalCode.APPROVAL_NOT_FOUND,
    RefusalCode.NOT_LISTED,
    RefusalCode.HOLD_NOT_FOUND,
    RefusalCode.READ_NOT_FOUND,
    RefusalCode.NO_SUCH_WARNING,
    RefusalCode.KEY_NOT_FOUND,
    RefusalCode.UNIT_NOT_FOUND,
    RefusalCode.PERSON_NOT_FOUND,
    RefusalCode.DESK_NOT_FOUND,
)
FORBIDDEN = (RefusalCode.NOT_ALLOWED, RefusalCode.NOT_YOUR_DESK, RefusalCode.NOT_THE_HOLDER, RefusalCode.NOT_ASKED,
             RefusalCode.SCOPE_MISSING)  # fmt: skip
CODES = {400: "bad_request", 401: "unauthenticated", 403: "not_allowed", 404: "not_found", 405: "method_not_allowed",
         409: "conflict", 413: "body_too_large", 415: "unsupported_media_type", 429: "too_many_requests", 503: "unavailable"}  # fmt: skip

WRONG = {
    ("missing",): "必填",
    ("extra_forbidden",): "没有此字段",
    ("enum", "literal_error"): "没有此代码",
    ("string_too_long", "too_long"): "过长，请缩短或分次提交",
    ("string_too_short", "too_short"): "过短",
    (
        "date_from_datetime_parsing",
        "date_parsing",
        "date_type",
        "datetime_parsing",
        "datetime_from_date_parsing",
    ): "日期无效",
    ("string_pattern_mismatch",): "格式不符或为空",
}
"""In Chinese, what pydantic's words for the frequent mistakes mean."""
NO_PRIVILEGE = "42501"
UNREADABLE = "There was an error parsing the body"
"""FastAPI's word for a body that is no text in UTF-8 or nests too deeply."""


class Problem(Exception):
    """A refusal of the API itself, before the rules of a case are asked."""

    def __init__(self, status: int, code: str, title: str, *, wait: int | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.title, self.wait = status, code, title, wait


class Shown(BaseModel):
    """RFC 9457; `code` is stable and for programs, `title` for people. Some codes add facts, such as `since`."""

    model_config = ConfigDict(extra="allow")

    type: str
    instance: str
    status: int
    code: str
    title: str


class _Answer(JSONResponse):
    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        """Half a surrogate pair, which a typed key may hold, cannot leave as UTF-8."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def problem(
    status: int,
    code: str,
    title: str,
    *,
    facts: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """RFC 9457, with `code` for programs and `title` for people."""
    body = {
        "type": f"/problems/{code}", "instance": uuid.uuid4().urn, "status": status, "code": code, "title": title,
        **(facts or {}),
    }  # fmt: skip
    return _Answer(body, status, headers=dict(headers or {}))


AGAIN = {
    "Retry-After": {
        "description": "Seconds after which the same request may succeed; where it is absent, another try will not.",
        "schema": {"type": "integer"},
    }
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How these problems look, for the OpenAPI document."""
    found = {}
    for status in statuses:
        code, title = EXAMPLES[status]
        example = {
            "type": f"/problems/{code}", "instance": "urn:uuid:0d0f4b1e-6c1d-4c0e-9d6f-0f6b4f0a8a11", "status": status,
            "code": code, "title": title,
        }  # fmt: skip
        codes = {"type": "object", "properties": {"code": {"enum": codes_of(status)}}}
        schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, codes]}
        content = {"application/problem+json": {"schema": schema, "example": example}}
        headers = {"headers": AGAIN} if status in (409, 429, 503) else {}
        found[status] = {"description": title, "content": content, **headers}
    return found


EXAMPLES = {
    400: ("malformed_json", "不是有效的JSON，或同一字段出现两次 · The body is not JSON, or a field stands twice."),
    401: ("unauthenticated", "请先登录 · Please sign in."),
    403: ("not_your_desk", "不是本单位的事项 · This belongs to another desk."),
    404: ("case_not_found", "案件不存在 · There is no such case."),
    409: ("stale_version", "案件已被更新，请查看变化后重试 · The case has changed since you read it."),
    413: ("body_too_large", "请求过大，上限1 MiB · The body is larger than 1 MiB."),
    415: ("unsupported_media_type", "请求内容须为未压缩的JSON · The body has to be application/json, not compressed."),
    422: ("invalid_request", "请求内容有误 · Something in the request is wrong."),
    429: ("too_many_requests", "请求过于频繁，请稍后再试 · Too many requests; please wait."),
    503: ("database_unavailable", "数据库暂不可用，内容未保存，请稍后重试 · The database is away; nothing was stored."),
}


OWN_CODES = {
    400: ("malformed_json", "two_lengths"), 401: ("unauthenticated", "bad_signature"), 403: (),
    404: ("not_found", "ledger_not_found", "sheet_not_found", "sheets_under_way", "circular_not_found", "no_such_view", "paper_not_found"),
    409: ("stale_version", "request_in_flight", "sheet_has_errors", "sheet_only_compared", "sheet_not_ready", "content_destroyed",
          "too_many_views"),
    413: ("body_too_large",), 415: ("unsupported_media_type",),
    422: ("invalid_request", "invalid_value", "invalid_cursor", "invalid_if_match", "key_reused", "unknown_reason",
          "year_out_of_order", "bad_pack", "not_a_workbook", "workbook_is_active", "workbook_too_large",
          *(fault.value for fault in FileFault if fault not in AGAIN_SOON)),
    429: ("too_many_requests", "too_many_guesses"),
    503: ("database_unavailable", "audit_unavailable", "overloaded", "press_busy", "no_chinese_type", *(fault.value for fault in AGAIN_SOON)),
}  # fmt: skip
"""What the API itself refuses; the rules of a case add theirs."""

TOO_MANY_GUESSES = "此网络地址输错次数过多，请稍后再试 · Too many wrong codes came from this address; please wait."
NOT_KEPT = ("invalid_value", "有一个值无法保存 · A value cannot be kept, such as a NUL character.")
OVERLOADED = ("overloaded", "系统繁忙，请稍后重试，内容未保存 · Too many requests at once; nothing was stored.")
NOT_ON_RECORD = (
    "访问无法留痕，暂停查阅个人信息 · What cannot be put on record is not read; nothing was shown or stored."
)


def status_of(code: RefusalCode) -> int:
    """What the API answers to this refusal."""
    return 404 if code in NOT_FOUND else 403 if code in FORBIDDEN else 409


def codes_of(status: int) -> list[str]:
    """Every code that a problem of this status may have."""
    return [*OWN_CODES[status], *(code.value for code in RefusalCode if status_of(code) == status)]


def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refused)
    code = refusal.code
    facts = {
        name: value if isinstance(value, int | str | tuple | None) else str(value)
        for name, value in refusal.facts.items()
    }
    answer = problem(status_of(code), code.value, f"{code.zh} · {code.en}", facts=facts)
    return noted(request, answer, code.value)


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
        return problem(400, *EXAMPLES[400])
    return problem(422, *EXAMPLES[422], facts={"errors": [_place(entry) for entry in error.errors()[:50]]})


def _place(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Where it is wrong and how, with the bound that was crossed; what was typed there is not repeated."""
    kind, (where, *place), bounds = entry["type"], entry["loc"], entry.get("ctx", {})
    said = entry["msg"].removeprefix("Value error, ")
    limits = [
        bound if isinstance(bound := bounds[name], int | float) else str(bound)
        for name in ("max_length", "min_length", "le", "ge", "lt", "gt")
        if name in bounds
    ]
    zh = next((zh for kinds, zh in WRONG.items() if kind in kinds), "填写有误")
    return {
        "at": _pointer(place), "in": str(where), "code": kind, "said": said if "·" in said else f"{zh} · {said}",
        **({"limit": limits[0]} if limits else {}),
    }  # fmt: skip


def _pointer(place: Sequence[Any]) -> str:
    """RFC 6901."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in place)


def _own(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem(error.status, error.code, error.title, headers=again_after(error.wait))


def again_after(seconds: int | None) -> dict[str, str]:
    """The header for whoever may come back."""
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _guesses(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooManyGuesses)
    return problem(429, "too_many_guesses", TOO_MANY_GUESSES, headers=again_after(error.seconds))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.detail == UNREADABLE:
        return problem(400, *EXAMPLES[400])
    code = CODES.get(error.status_code, "http_error")
    answer = problem(error.status_code, code, HTTPStatus(error.status_code).phrase, headers=error.headers)
    return noted(request, answer, code)


def _signature(request: Request, error: Exception) -> JSONResponse:
    return problem(401, "bad_signature", "签名无效 · The signature is not valid.")


def _bad_pack(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BadPack)
    faults = [fault._asdict() for fault in error.faults]
    return problem(422, "bad_pack", "政策包有误 · Something in the pack is wrong.", facts={"faults": faults})


def _database(request: Request, error: Exception) -> JSONResponse:
    """Values that PostgreSQL cannot keep are the caller's to mend; an absence is worth another try; the rest is ours."""
    state = sqlstate(error)
    cause = getattr(error.orig, "__cause__", None) if isinstance(error, DBAPIError) else None
    if state.startswith("22") or isinstance(cause, DataError):
        return problem(422, *NOT_KEPT)
    if is_away(error):
        log.warning("database_unavailable", cause=type(error).__name__, state=state)
        return problem(503, *EXAMPLES[503], headers={"Retry-After": "2"})
    if state == NO_PRIVILEGE:  # the database itself refuses, as where the audit cannot be written
        log.error("database_refuses", state=state)
        return problem(503, "audit_unavailable", NOT_ON_RECORD, headers={"Retry-After": "30"})
    log.error("internal_error", cause=type(error).__name__, state=state)
    return problem(500, "internal_error", "系统内部错误 · Something went wrong inside.")


def _bad_file(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BadFile)
    fault = error.fault
    away = fault in AGAIN_SOON
    again = {"Retry-After": "30"} if away else None
    return problem(503 if away else 422, fault.value, f"{fault.zh} · {fault.en}", headers=again)


def _not_kept(request: Request, error: Exception) -> JSONResponse:
    return problem(422, *NOT_KEPT)


def _destroyed(request: Request, error: Exception) -> JSONResponse:
    return problem(
        409, "content_destroyed", "内容已依法销毁 · The content of this record was destroyed; nothing is added to it."
    )


def _audit(request: Request, error: Exception) -> JSONResponse:
    log.error("audit_unavailable", cause=type(error.__cause__ or error).__name__)
    return problem(503, "audit_unavailable", NOT_ON_RECORD, headers={"Retry-After": "30"})


def install(app: FastAPI) -> None:
    """Hang all handlers on the application."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(StaleVersion, _stale)
    app.add_exception_handler(KeyReused, _key_reused)
    app.add_exception_handler(InFlight, _in_flight)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(AuditUnavailable, _audit)
    app.add_exception_handler(BadFile, _bad_file)
    app.add_exception_handler(BadPack, _bad_pack)
    app.add_exception_handler(BadSignature, _signature)
    for kind in DATABASE_ERRORS:
        app.add_exception_handler(kind, _database)
    app.add_exception_handler(Problem, _own)
    app.add_exception_handler(NotKept, _not_kept)
    app.add_exception_handler(Destroyed, _destroyed)
    app.add_exception_handler(TooManyGuesses, _guesses)
