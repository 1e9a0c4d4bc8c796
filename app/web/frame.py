"""What all pages share: the templates, the headers that let no foreign thing in, the style sheet and the icon."""

from collections.abc import Mapping
from datetime import datetime
from math import ceil
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from app.domain.facts import BEIJING

router = APIRouter(include_in_schema=False)
ROOM = Path(__file__).parent
templates = Jinja2Templates(ROOM / "templates")
STATIC = {"app.css": "text/css", "icon.svg": "image/svg+xml"}
STRICT = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def _local(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


templates.env.filters["local"] = _local


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """The style sheet and the icon."""
    if name not in STATIC:
        raise HTTPException(404)
    return FileResponse(ROOM / "static" / name, media_type=STATIC[name], headers=STRICT)


def page(
    request: Request,
    name: str,
    facts: Mapping[str, object],
    *,
    status: int = 200,
    more: Mapping[str, str] | None = None,
) -> Response:
    """A template with its facts, under the headers of all pages."""
    headers = {**STRICT, **(more or {})}
    return templates.TemplateResponse(request, name, dict(facts), status_code=status, headers=headers)


def waiting(said: tuple[str, str] | None, seconds: int | None) -> tuple[str, str] | None:
    """A sentence in both languages, with how long somebody has to wait where it says so."""
    if said is None:
        return None
    minutes = ceil((seconds or 0) / 60)
    few = seconds is not None and seconds < 60
    zh = f" {seconds} 秒" if few else f" {minutes} 分钟"
    en = f"{seconds} seconds" if few else "a minute" if minutes == 1 else f"{minutes} minutes"
    return said[0].format(zh=zh), said[1].format(en=en)
