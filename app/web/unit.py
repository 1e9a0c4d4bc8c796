"""What a reporting unit has of its own: its reports with the answers owed to it, its systems' keys, and files as attachments."""

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from app.api import files, keys, reports
from app.api.context import Conn, Shouhu
from app.db.service import PROGRESS_PATH, REPORT_PATH
from app.domain.access import Actor
from app.domain.case_no import case_no
from app.domain.keys import REPORTING, governs, may_look_after
from app.domain.terms import KeyScope
from app.router import Router
from app.web.forms import Form
from app.web.frame import STRICT
from app.web.staff import ENTRIES, MY_WORK, SYSTEM, Entry, Signed, show

router = Router(include_in_schema=False)
REPORTS, SYSTEMS = "/reports", "/systems"


def _reports(who: Actor) -> bool:
    return bool(who.unit) and governs(who, who.unit or "")


def _unit_of(who: Actor) -> str:
    return who.unit if _reports(who) and who.unit else who.desk


def _has_keys(who: Actor) -> bool:
    return governs(who, _unit_of(who))


ENTRIES.append(Entry(REPORT_PATH, "上报", "Report", MY_WORK, _reports, on_phone=2))
ENTRIES.append(Entry(REPORTS, "本单位上报", "Our reports", MY_WORK, _reports, on_phone=3))
ENTRIES.append(Entry(SYSTEMS, "系统对接", "Systems and keys", SYSTEM, _has_keys))


@router.get(REPORTS)
async def own_reports(request: Request, conn: Conn, who: Signed, cursor: str | None = None) -> Response:
    """Newest first, without the children; an overdue answer says so."""
    shown = await reports.own_reports(conn, who, cursor=cursor, limit=50)
    facts = {"page": shown, "path": REPORTS, "report": REPORT_PATH, "progress": PROGRESS_PATH, "case_no": case_no}
    return await show(request, conn, who, "own_reports.html", facts)


@router.get(SYSTEMS)
async def systems(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Keys of the unit's systems, how they report, and what has arrived."""
    return await _systems(request, conn, who, shouhu, Form())


@router.post(SYSTEMS)
async def change(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """A new key, shown this once, or the end of one."""
    form = await Form.of(request)
    if ended := form.one("end"):
        await form.attempt(conn, lambda: keys.revoke(ended, conn, who, shouhu))
        if not form.errors:
            return RedirectResponse(SYSTEMS, 303, headers=STRICT)
        return await _systems(request, conn, who, shouhu, form)
    asked = {"unit": _unit_of(who), "scopes": form.many("scopes"), "label": form.one("label")}
    if not asked["scopes"]:
        form.wrong("scopes", "请至少选一项", "Choose one at least.")
    wanted = form.valid(keys.Wanted, asked) if not form.errors else None
    made = await form.attempt(conn, lambda: keys.issue(wanted, conn, who, shouhu)) if wanted else None
    return await _systems(request, conn, who, shouhu, form, made)


async def _systems(
    request: Request, conn: Conn, who: Actor, shouhu: Shouhu, form: Form, made: keys.ShownOnce | None = None
) -> Response:  # fmt: skip
    unit = _unit_of(who)
    listed = await keys.all_keys(conn, who, unit=unit, cursor=None, limit=50)
    arrived = await reports.own_reports(conn, who, cursor=None, limit=10) if _reports(who) else None
    facts = {
        "keys": [key for key in listed.items if may_look_after(who, key.unit)], "made": made, "form": form, "unit": unit,
        "scopes": [scope for scope in KeyScope if scope in REPORTING or not _reports(who)], "arrived": arrived,
        "path": SYSTEMS, "case_no": case_no, "url": shouhu.public_url.rstrip("/"),
    }  # fmt: skip
    return await show(request, conn, who, "systems.html", facts, status=form.status)


@router.get("/files/{file_id}")
async def file(file_id: str, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """For people: as the API hands it out, on record and as an attachment."""
    return await files.read_file(file_id, conn, who, shouhu)
