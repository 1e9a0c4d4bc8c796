"""What all pages share: the templates, the headers that let no foreign thing in, the style sheet and the icon."""

from collections.abc import Mapping
from datetime import datetime
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
