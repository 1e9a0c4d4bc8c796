"""What all pages share: templates, two languages, headers that let no foreign thing in, static files."""

import gzip
import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from app.api.limits import path_of
from app.domain.working_time import BEIJING
from app.router import Router
from app.web.said import by, cited, quoted, short
from app.web.words import left, lights, speech

router = Router(include_in_schema=False)
ROOM = Path(__file__).parent
templates = Jinja2Templates(ROOM / "templates")
LANGUAGE, TEXT = "__Host-lang", "__Host-text"
"""Cookies of a person's choice: `en`, and `large` for 大字."""
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = "default-src 'none'; {scripts}style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
LIVE = "script-src 'nonce-{nonce}'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types htmx; "
STRICT = {
    "Content-Security-Policy": POLICY.format(scripts=""),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


class Kept(NamedTuple):
    """A static file as it is sent."""

    body: bytes
    packed: bytes
    media_type: str


def _read() -> tuple[dict[str, str], dict[str, Kept]]:
    """The name under which each file is served, which changes with its content, and what is sent under it."""
    names: dict[str, str] = {}
    files: dict[str, Kept] = {}
    for path in sorted((ROOM / "static").iterdir()):
        if media_type := TYPES.get(path.suffix):
            body = path.read_bytes()
            names[path.name] = f"{path.stem}.{hashlib.sha256(body).hexdigest()[:12]}{path.suffix}"
            files[names[path.name]] = Kept(body, gzip.compress(body, mtime=0), media_type)
    return names, files


NAMES, FILES = _read()


def address(name: str) -> str:
    """Where a static file is."""
    return f"/static/{NAMES[name]}"


def _local(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


templates.env.filters["local"] = _local
templates.env.globals.update(static=address, left=left, lights=lights, by=by, cited=cited, quoted=quoted, short=short)


@router.get("/static/{name}")
async def static(name: str, request: Request) -> Response:
    """A style sheet, a script, the icon; the name holds for this content alone and may be kept for ever."""
    if (kept := FILES.get(name)) is None:
        raise HTTPException(404)
    packs = "gzip" in request.headers.get("accept-encoding", "")
    headers = {**STRICT, **FOREVER, **({"Content-Encoding": "gzip"} if packs else {})}
    return Response(kept.packed if packs else kept.body, media_type=kept.media_type, headers=headers)


def language(request: Request) -> str:
    """`zh` unless the person chose English."""
    return "en" if request.cookies.get(LANGUAGE) == "en" else "zh"


CHOICES = (("lang", LANGUAGE, ("zh", "en")), ("text", TEXT, ("normal", "large")))
KEPT: Any = {"path": "/", "secure": True, "httponly": True, "samesite": "strict", "max_age": 365 * 86_400}


def keep_choices(answer: Response, said: Mapping[str, Any]) -> Response:
    """Language and size of text, kept in the browser for a year."""
    for field, cookie, choices in CHOICES:
        if (value := said.get(field)) in choices:
            answer.set_cookie(cookie, str(value), **KEPT)
    return answer


def speaking(request: Request, said: Mapping[str, Any]) -> dict[str, object]:
    """What a template needs of a choice that comes with this very request."""
    spoken = said["lang"] if said.get("lang") in ("zh", "en") else language(request)
    large = said["text"] == "large" if "text" in said else request.cookies.get(TEXT) == "large"
    return {"lang": spoken, "large": large, **speech(str(spoken))}


def now(request: Request) -> datetime:
    """The service's own time."""
    service = getattr(request.app.state, "service", None) if "app" in request.scope else None
    return service.ledger.clock() if service else datetime.now(UTC)


def page(
    request: Request, name: str, facts: Mapping[str, object], *, status: int = 200,
    more: Mapping[str, str] | None = None, live: bool = False,
) -> Response:  # fmt: skip
    """A template with its facts, under the headers of all pages; a `live` one runs the scripts of this service and no others."""
    nonce = secrets.token_urlsafe(16) if live else ""
    policy = POLICY.format(scripts=LIVE.format(nonce=nonce) if live else "")
    shared = {"nonce": nonce, "now": now(request), "here": here(request), **speaking(request, {})}
    headers = {**STRICT, "Content-Security-Policy": policy, "Vary": "Cookie", **(more or {})}
    return templates.TemplateResponse(request, name, {**shared, **facts}, status_code=status, headers=headers)


def here(request: Request) -> str:
    """The address in this service."""
    query = request.scope["query_string"].decode("latin-1")
    return f"{path_of(request)}?{query}" if query else path_of(request)


def waiting(said: tuple[str, str] | None, seconds: int | None) -> tuple[str, str] | None:
    """A sentence in both languages, with how long somebody has to wait where it says so."""
    if said is None:
        return None
    minutes = ceil((seconds or 0) / 60)
    few = seconds is not None and seconds < 60
    zh = f" {seconds} 秒" if few else f" {minutes} 分钟"
    en = f"{seconds} seconds" if few else "a minute" if minutes == 1 else f"{minutes} minutes"
    return said[0].format(zh=zh), said[1].format(en=en)
