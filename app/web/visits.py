"""走访 on a telephone: the visits that are due, each with its form on the same page, so that a round needs the network only before and after.

What is typed lies in the browser sealed with a key that this service gives to that person alone, and goes once the server has it.
"""

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from app.api import children, communities, need, visits, watches
from app.api.context import Conn, Shouhu, at_desk_of, unconcerned_by_watch
from app.db import tables
from app.db.service import Service
from app.db.vault import vault_of
from app.domain.access import DESK_STAFF, Actor
from app.domain.arrangement import Ground
from app.domain.facts import Relation
from app.domain.masking import VIEW_LASTS, Need
from app.domain.refusals import RefusalCode
from app.domain.terms import Agency, Grade, Trigger
from app.domain.terms import Service as Help
from app.domain.titles import TITLES
from app.domain.visit import Acknowledgement, Finding, Guardianship, Outcome, ParentContact, Supervision
from app.domain.watch import EndReason
from app.domain.watch_work import RecordVisit
from app.domain.working_time import day_of
from app.router import Router
from app.web.forms import Form
from app.web.frame import STRICT
from app.web.staff import ENTRIES, MY_WORK, Entry, Signed, show, works
from app.web.visit_facts import CHANGED, PARENTS, changed
from app.web.watch import BESIDE as OF_WATCH
from app.web.watch import STEPS
from app.web.words import Pair

router = Router(include_in_schema=False)
VISITS, TAKE = "/visits", "/visits/take"
SOON = timedelta(days=1)
A_ROUND = 20
"""Children of one page, with their forms."""
ONE_OF = {
    "parent_contact": ParentContact,
    "guardianship": Guardianship,
    "supervision": Supervision,
    "acknowledged": Acknowledgement,
}
BESIDE = {
    RefusalCode.CHILD_NOT_SEEN: "seen_in_person", RefusalCode.RISK_NOT_REPORTED: "finding",
    RefusalCode.VISIT_IN_BOOK: "another", RefusalCode.VISIT_AHEAD: "visited_on", RefusalCode.VISIT_BEFORE_WATCH: "visited_on",
}  # fmt: skip
WORDS: dict[str, Pair] = {
    "typed": ("未发送：已暂存在本机", "Not sent: kept on this phone"),
    "waiting": ("未发送：等待网络，联网后自动发送", "Not sent: waiting for the network, sent by itself once it is back"),
    "sending": ("正在发送…", "Sending…"),
    "sent": ("已送达", "Received"),
    "signed_out": ("未发送：登录已过期，请登录后再发送", "Not sent: please sign in again, then send"),
    "wrong": ("未发送：", "Not sent: "),
    "left": ("次走访还没有送达服务器", "visits have not reached the server"),
    "next": ("下次走访", "next visit"),
    "graded": (
        "等级在这次走访当日或之后已另行确定，这次填的等级未采用（当日的从严）",
        "the grade was decided on the day of this visit or after it, so yours was left out (of one day the stricter stands)",
    ),
    "unclear": (
        "档案中有不止一位父亲或母亲，这次填的该项变化没有记入，请另行写明是哪一位",
        "the file has more than one father or mother, so what you chose of that parent was left out; please write down which of them it is",
    ),
    "since": ("您填写期间：", "While you were writing: "),
    "and": ("；", "; "), "stop": ("。", ". "),
    "check": ("内容仍在，核对后如仍需登记，请再次提交。", "What you typed is still here; if it still has to be recorded, please send it again."),
    "gone": (
        "这个孩子已不由本单位监测（已移交或结束），请把走访情况告诉现在的监测单位。",
        "Your committee no longer watches this child; please tell whoever does what you saw.",
    ),
    "day": ("请填写走访日期", "Please enter the day of the visit."),
    "discard": ("丢弃", "Discard"),
    **{kind: TITLES[kind] for kind in RecordVisit.minds or ()},
    "full": ("本机无法暂存，请在有网络时填写", "This browser keeps nothing; please fill it in where there is a network"),
}  # fmt: skip


def _visits(who: Actor) -> bool:
    return works(who) and who.agency in (Agency.COMM, Agency.STREET)


def _visits_instead(who: Actor) -> bool:
    return works(who) and who.agency in (Agency.CIVIL, Agency.CONF)


def _due(who: Actor) -> Select[Any]:
    watch = tables.watches.c
    mine = select(watch.id).where(watch.is_open, at_desk_of(who, watch.desk))
    mine = mine.where(watch.visit_due_at <= func.clock_timestamp() + SOON)
    return mine.where(unconcerned_by_watch(who))


ENTRIES.append(Entry(VISITS, "走访", "Visits", MY_WORK, _visits, count=_due, on_phone=2, place=2))
ENTRIES.append(Entry(VISITS, "走访", "Visits", MY_WORK, _visits_instead, count=_due, place=6))


@router.get(VISITS)
async def due(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, cursor: str | None = None, done: bool = False,
    left_out: bool = False, unclear: bool = False, community: str = "",
) -> Response:  # fmt: skip
    """Whom the desk visits next, each with the form of the visit: for a child director the own community first. Warnings of all stay."""
    where = await communities.chosen(conn, who, community)
    page = await visits.due_page(conn, who, community=where.asked, cursor=cursor, limit=A_ROUND)
    rows = [(row, Form(version=row.version), f"v{n}-") for n, row in enumerate(page.items, 1)]
    offered = (await watches.offered_watches(conn, who, limit=A_ROUND)).items
    warned = (await visits.due_page(conn, who, warned=True, limit=A_ROUND)).items if cursor is None else []
    more = {
        "rows": rows,
        "next": page.next,
        "first": cursor is None,
        "done": done,
        "left_out": [*([WORDS["graded"]] if left_out else ()), *([WORDS["unclear"]] if unclear else ())],
        "offered": offered,
        "warned": warned,
        "where": where,
        "community": (where.asked or communities.ALL) if where.rows else "",
        "unplaced": await _unplaced(conn, who) if where.is_cut else 0,
    }
    return await show(request, conn, who, "visits.html", {**_facts(conn, who, shouhu), **more})


async def _unplaced(conn: AsyncConnection, who: Actor) -> int:
    """How many children stand in no community's list, up to a hundred."""
    watch = tables.watches.c
    query = select(watch.id).where(watch.is_open, at_desk_of(who, watch.desk), unconcerned_by_watch(who))
    nowhere = await communities.placed_in(conn, who, watch.community, communities.UNPLACED)
    return (
        await conn.execute(select(func.count()).select_from(query.where(nowhere).limit(100).subquery()))
    ).scalar_one()


@router.post(TAKE)
async def take(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """接收: a child who has moved here is this desk's from now on."""
    form = await Form.of(request)
    await watches.take_watch(form.one("watch"), watches.Noted(note=""), conn, who, shouhu, Response(), form.key)
    return RedirectResponse(f"{VISITS}{_back(form, '?')}", 303, headers=STRICT)


@router.get(f"{VISITS}/{{watch_id}}")
async def one(
    watch_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, community: str = ""
) -> Response:
    """One child, with the form of the visit; `community` is the list from which it was opened, to go back to."""
    row = await visits.due_visit(watch_id, conn, who)
    form = Form({"community": [community]} if community else {}, version=row.version)
    return await shown(request, conn, who, shouhu, row, form)


@router.post(f"{VISITS}/{{watch_id}}")
async def visited(watch_id: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """The visit, or the form again; the same command as the scripts send. Or what else the watch asks for, by its verb."""
    sent = await Form.of(request)
    if sent.one("verb"):
        return await _act(watch_id, request, conn, who, shouhu, sent)
    place = sent.one("p")
    form = Form({name.removeprefix(place): values for name, values in sent.typed.items()})
    row = await visits.due_visit(watch_id, conn, who)
    if form.one("full"):
        asked = form.valid(need.Asked, {"need": Need.VISIT, "note": form.one("full_note")})
        if asked and await form.attempt(conn, lambda: children.open_child(row.child_id, asked, conn, who, shouhu)):
            return RedirectResponse(f"{VISITS}/{watch_id}{_back(form, '?')}", 303, headers=STRICT)
        return await shown(request, conn, who, shouhu, row, form.moved("note", "full_note"))
    said = _said(form)
    visit = form.valid(watches.Visit, said) if said else None
    seen = f'"{form.version}"' if form.version is not None else None
    done = visit and await form.attempt(
        conn, lambda: watches.record_visit(watch_id, visit, conn, who, shouhu, Response(), form.key, seen), BESIDE
    )
    if done is None:
        return await shown(request, conn, who, shouhu, row, form)
    left_out = visit and visit.grade not in (None, done.grade)
    more = f"{'&left_out=true' if left_out else ''}{'&unclear=true' if done.left_out else ''}"
    return RedirectResponse(f"{VISITS}?done=true{more}{_back(form)}", 303, headers=STRICT)


def _back(form: Form, mark: str = "&") -> str:
    """The list that was shown before, as a part of an address."""
    return f"{mark}{urlencode({'community': form.one('community')})}" if form.one("community") else ""


async def _act(
    watch_id: str, request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, sent: Form
) -> Response:
    """核实预警, 外出前监护安排, 登记联系, 父母返家, 结束监测: each the command of the API, its fields with their place before their names."""
    row, place = await visits.due_visit(watch_id, conn, who), sent.one("place")
    form = Form({name.removeprefix(place): values for name, values in sent.typed.items()})
    if sent.one("verb") not in STEPS:
        raise HTTPException(404)
    step = STEPS[sent.one("verb")](form, watch_id, conn, who, shouhu)
    if form.errors or step is None or await form.attempt(conn, step, OF_WATCH) is None:
        for name, (zh, en) in form.errors.items():
            sent.wrong(f"{place}{name}" if name else "", zh, en)
        sent.status = form.status
        return await shown(request, conn, who, shouhu, row, sent)
    over = sent.one("verb") == "end" or form.one("outcome") == Outcome.RISK.value
    return RedirectResponse(f"{VISITS if over else f'{VISITS}/{watch_id}'}{_back(sent, '?')}", 303, headers=STRICT)


def _said(form: Form) -> dict[str, Any] | None:
    """The body of the command; the child who was not met is no finding, and a risk names what it is. Neither is dropped unsaid: who was not
    met and is in danger is reported."""
    met, finding, situations = form.one("seen_in_person"), form.one("finding"), form.many("situations")
    if met not in ("yes", "no"):
        form.wrong("seen_in_person", "请说明是否见到孩子本人", "Please say whether you met the child in person.")
    if "visited_on" in form.typed and not form.one("visited_on"):
        form.wrong("visited_on", *WORDS["day"])
    if met == "yes" and not finding:
        form.wrong("finding", "请选择走访发现", "Please choose what you found.")
    risk = finding == Finding.AT_RISK.value
    if met == "yes" and risk and not situations:
        form.wrong("situations", "存在风险的，请选择情形", "Please choose what the risk is.")
    if met == "no" and (risk or situations):
        form.wrong("seen_in_person", RefusalCode.CHILD_NOT_SEEN.zh, RefusalCode.CHILD_NOT_SEEN.en)
    if met == "yes" and finding and situations and not risk:
        form.wrong(
            "finding", "已选择情形的，走访发现请选“存在风险”", "A situation is chosen: then what you found is a risk."
        )
    if form.errors:
        return None
    chosen = {name: form.one(name) for name in ONE_OF if form.one(name)}
    answers = {
        "seen_in_person": met == "yes",
        "guardian_met": bool(form.one("guardian_met")),
        "needs": form.many("needs"),
        "facts": changed(form) if met == "yes" else {},
    }
    return {
        "finding": finding if met == "yes" else Finding.WELL.value, "grade": form.one("grade") if met == "yes" else None,
        "note": form.one("note"), "form": {**answers, **chosen}, "situations": situations,
        "visited_on": form.one("visited_on"), "another": bool(form.one("another")),
    }  # fmt: skip


async def shown(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, row: visits.DueVisit, form: Form
) -> Response:
    """The page of one child, with what else its watch asks for."""
    rules = await children.rules_of(conn, shouhu)
    words = {one.id: (one.zh, one.en, one.basis) for one in rules.file.warnings}
    words |= {one.code: (one.zh, one.en, one.basis) for one in rules.file.signals}
    facts = {
        **_facts(conn, who, shouhu), "row": row, "form": form, "community": form.one("community"),
        "minutes": int(VIEW_LASTS.total_seconds() // 60), "rules": words,
        "outcomes": tuple(Outcome), "relations": tuple(Relation), "grounds": tuple(Ground), "ends": tuple(EndReason),
    }  # fmt: skip
    return await show(request, conn, who, "visit.html", facts, status=form.status)


def _facts(conn: AsyncConnection, who: Actor, shouhu: Service) -> dict[str, Any]:
    """The key is this person's on every device, so that what waits can be sent after signing in again; the name tells nobody whose it is."""
    key, name = (vault_of(conn).master.mac(f"{what}|{who.person_id}".encode()) for what in ("visits", "visits of"))
    return {
        "path": VISITS, "take": TAKE, "findings": tuple(Finding), "grades": tuple(Grade), "one_of": ONE_OF,
        "services": tuple(Help), "triggers": tuple(Trigger), "says": WORDS, "seal": base64.b64encode(key).decode(),
        "whose": name.hex()[:12], "visits_itself": who.has(*DESK_STAFF), "changed": CHANGED, "parents": PARENTS,
        "community": "", "today": day_of(shouhu.ledger.clock()).isoformat(),
    }  # fmt: skip
