"""What a watch asks for besides the visit: a warning is verified, parents who are away keep in touch and come back, the watch ends."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import watches
from app.db.service import Service
from app.domain.access import Actor
from app.domain.refusals import RefusalCode
from app.domain.visit import Outcome
from app.web.forms import Form

BESIDE = {
    RefusalCode.RISK_NOT_REPORTED: "outcome", RefusalCode.DELEGATE_UNFIT: "grounds", RefusalCode.RETURN_BEFORE_LEAVING: "returns_on",
    RefusalCode.WARNING_WAITS: "reason", RefusalCode.VISIT_OWED: "reason", RefusalCode.NOT_OF_AGE: "reason", RefusalCode.REASONS_NEEDED: "note",
}  # fmt: skip
Step = Callable[[], Any] | None


def _verify(form: Form, watch_id: str, conn: AsyncConnection, who: Actor, shouhu: Service) -> Step:
    if not form.one("number").isdecimal():
        raise HTTPException(404)
    if form.one("outcome") == Outcome.RISK.value and not form.many("situations"):
        form.wrong("situations", "存在风险的，请选择情形", "Please choose what the risk is.")
    said = {"outcome": form.one("outcome"), "note": form.one("note")}
    said |= {"situations": form.many("situations")} if said["outcome"] == Outcome.RISK.value else {}
    asked, number = form.valid(watches.Verified, said), int(form.one("number"))
    return asked and (lambda: watches.verify_warning(watch_id, number, asked, conn, who, shouhu, Response(), form.key))


def _arrange(form: Form, watch_id: str, conn: AsyncConnection, who: Actor, shouhu: Service) -> Step:
    if not form.one("name"):
        form.wrong("name", "请填写受委托人姓名", "Please name the delegate.")
    said = {name: form.one(name) for name in ("relation", "leaves_on", "returns_on", "note")}
    ticked = {name: bool(form.one(name)) for name in ("is_adult", "is_able", "told_school")}
    delegate = {name: form.one(name) for name in ("name", "phone", "address", "parents_at") if form.one(name)}
    given = {**said, **ticked, "delegate": delegate, "grounds": form.many("grounds")}
    asked = form.valid(watches.Arranged, given) if form.one("name") else None
    return asked and (lambda: watches.arrange_care(watch_id, asked, conn, who, shouhu, Response(), form.key))


def _contact(form: Form, watch_id: str, conn: AsyncConnection, who: Actor, shouhu: Service) -> Step:
    noted = watches.Noted(note=form.one("note"))
    return lambda: watches.record_contact(watch_id, noted, conn, who, shouhu, Response(), form.key)


def _return(form: Form, watch_id: str, conn: AsyncConnection, who: Actor, shouhu: Service) -> Step:
    noted = watches.Noted(note=form.one("note"))
    return lambda: watches.record_return(watch_id, noted, conn, who, shouhu, Response(), form.key)


def _end(form: Form, watch_id: str, conn: AsyncConnection, who: Actor, shouhu: Service) -> Step:
    if not form.one("sure"):
        form.wrong("sure", "请先勾选确认", "Please tick that you are sure.")
    asked = form.valid(watches.WatchEnd, {"reason": form.one("reason"), "note": form.one("note")})
    return asked and (lambda: watches.end_watch(watch_id, asked, conn, who, shouhu, Response(), form.key))


STEPS: Mapping[str, Callable[[Form, str, AsyncConnection, Actor, Service], Step]] = {
    "warning": _verify, "arrangement": _arrange, "contact": _contact, "return": _return, "end": _end,
}  # fmt: skip
