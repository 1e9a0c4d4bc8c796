"""访问审计: who saw or changed what, when and why, for whoever reads the audit; odd hours are marked, each search is on record."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import access_record
from app.api.context import Conn, Shouhu
from app.db.service import Service
from app.domain.access import Action, Actor, may
from app.domain.facts import BEIJING
from app.web.forms import Form
from app.web.staff import ENTRIES, OVERSIGHT, Entry, Signed, show
from app.web.words import Pair

router = APIRouter(include_in_schema=False)
AUDIT = "/audit"
DAY_BEGINS, DAY_ENDS = 7, 20
"""Hours of Beijing outside of which a look is marked; default. Nobody is accused by it: who has the night desk works at night."""
ACTS: dict[str, Pair] = {
    "read_content": ("查看案件内容", "read a case"), "read_child": ("查看儿童档案", "read a child's file"),
    "read_reporter": ("查看报告人", "read who reported"),
    "read_file": ("打开附件", "opened a file"), "read_ledger": ("查看台账", "read a book"),
    "read_register": ("查看登记", "read a register"), "read_services": ("查看应享服务", "read what is due"),
    "read_access_record": ("查看访问记录", "read an access record"), "search_audit": ("检索审计", "searched the audit"),
    "search_children": ("检索儿童", "searched for a child"), "open_full_view": ("查看全文", "opened names in full"),
    "emergency_read": ("紧急调阅", "read in an emergency"), "judge_emergency_read": ("复核紧急调阅", "judged an emergency read"),
    "open_sealed": ("启封", "opened a sealed case"), "export_ledger": ("导出台账", "exported a book"),
    "import_ledger": ("导入台账", "imported a book"),
    "fetch_sheet": ("下载表格", "fetched a workbook"),
    "add_file": ("上传附件", "brought a file"),
    "issue_key": ("发放密钥", "issued a key"), "rotate_key": ("更换密钥", "rotated a key"), "revoke_key": ("停用密钥", "revoked a key"),
    "make_entry_link": ("生成上报链接", "made a link"), "end_entry_link": ("停用上报链接", "ended a link"),
    "add_person": ("新增人员", "added a person"), "renew_account": ("重置账号", "renewed an account"),
    "release_account": ("放行账号", "let an account go"), "give_roles": ("授予角色", "gave roles"),
    "move_person": ("调动人员", "moved a person"),
    "end_person": ("停用账号", "ended an account"), "return_person": ("恢复账号", "brought an account back"),
    "sign_out_person": ("强制退出", "ended sessions"),
}  # fmt: skip
OUTCOMES: dict[str, Pair] = {"done": ("完成", "done"), "refused": ("被拒绝", "refused")}
ENTRIES.append(
    Entry(
        AUDIT,
        "访问审计",
        "Access audit",
        OVERSIGHT,
        lambda who: may(who, Action.READ_AUDIT).allowed,
        on_phone=False,
        place=7,
    )
)


@router.get(AUDIT)
async def newest(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """What was done last."""
    return await _audit(request, conn, who, shouhu, Form())


@router.post(AUDIT)
async def search(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """What was sought; who and whom stand in no address."""
    return await _audit(request, conn, who, shouhu, await Form.of(request))


async def _audit(request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, form: Form) -> Response:
    given = {name: form.one(name) for name in ("person_id", "child_id", "stream_id", "action", "outcome")}
    given |= {"since": _day(form, "since"), "until": _day(form, "until", after=1)}
    asked = form.valid(access_record.Sought, given)
    page = None
    if asked:
        cursor = form.one("cursor") or None
        page = await form.attempt(conn, lambda: access_record.search_audit(asked, conn, who, cursor, 50))
    facts: dict[str, Any] = {
        "path": AUDIT, "form": form, "page": page, "acts": list(ACTS.items()), "act": _act, "outcomes": OUTCOMES,
        "unusual": _unusual, "sees_cases": who.oversees_district,
    }  # fmt: skip
    return await show(request, conn, who, "audit.html", facts, status=form.status)


def _day(form: Form, name: str, after: int = 0) -> str:
    """The beginning of a day in Beijing, or of the one after; what is no day stays as it is and is refused beside its field."""
    said = form.one(name)
    try:
        return (
            (datetime.fromisoformat(said).replace(tzinfo=BEIJING) + timedelta(days=after)).isoformat() if said else ""
        )
    except ValueError:
        return said


def _act(code: str) -> Pair:
    """What it is called; a command of the rules by its own name."""
    return ACTS.get(code, (code, code))


def _unusual(at: datetime) -> bool:
    """At night or at a weekend."""
    local = at.astimezone(BEIJING)
    return local.weekday() >= 5 or not DAY_BEGINS <= local.hour < DAY_ENDS
