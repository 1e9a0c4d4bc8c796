"""系统健康: what of the service is well, what is not, and in plain words what to do."""

from fastapi import Request, Response

from app.api import system
from app.api.context import Conn, Shouhu
from app.domain.health import Light
from app.domain.seats import sees_every_seat
from app.router import Router
from app.web.frame import page
from app.web.staff import ENTRIES, SYSTEM, Entry, Signed, Unattended, show

router = Router(include_in_schema=False)
HEALTH, PART = "/system", "/system/signs"
LIGHTS = {
    Light.GOOD: ("g", ("正常", "well")),
    Light.SOON: ("a", ("须安排", "to be seen to")),
    Light.WRONG: ("r", ("异常", "wrong")),
}
ENTRIES.append(Entry(HEALTH, "系统健康", "Health", SYSTEM, sees_every_seat, place=6))


@router.get(HEALTH)
async def health(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Every sign; what is wrong stands first."""
    return await show(request, conn, who, "system.html", await _facts(conn, who, shouhu))


@router.get(PART)
async def signs(request: Request, conn: Conn, who: Unattended, shouhu: Shouhu) -> Response:
    """The signs alone, as an open page asks for them by itself."""
    return page(request, "system_signs.html", await _facts(conn, who, shouhu), live=True)


async def _facts(conn: Conn, who: Signed, shouhu: Shouhu) -> dict[str, object]:
    found = await system.health(conn, who, shouhu)
    wrong = [sign for sign in found.signs if sign.light is not Light.GOOD]
    order = sorted(wrong, key=lambda sign: tuple(Light).index(sign.light), reverse=True)
    return {
        "health": found,
        "wrong": order,
        "good": [s for s in found.signs if s.light is Light.GOOD],
        "marks": LIGHTS,
        "part": PART,
    }
