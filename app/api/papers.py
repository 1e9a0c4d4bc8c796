"""文书 of a case as PDF, each under the access and the masks of its page, on record as a read, made anew each time and kept nowhere."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import segno
from fastapi import Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import documents
from app.api import paper_facts
from app.api.context import Conn, Shouhu, Who, numbers_of, part, progress_of, require, subject_of
from app.api.files import AS_ATTACHMENT
from app.api.limits import address_of
from app.api.need import look
from app.api.problems import Problem
from app.api.reading import content_of, reading
from app.api.reports import ReceiptCode, guessed
from app.api.strict import StrictRoute
from app.db import tables
from app.db.need import opened as full_view_of
from app.db.past import report_of
from app.db.receipts import answer_to, grouped, plain
from app.db.service import Service
from app.domain.access import Action, Actor, Deny, may, scope
from app.domain.disclosure import ForReporter, View, as_known, packet, whom
from app.domain.masking import Need, names_of, texts_without, without
from app.domain.opening import SUPERVISED
from app.domain.own_part import Part
from app.domain.papers import Paper, Possible, ReporterPaper, paper_no, possible
from app.domain.progress import Progress
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, Safety
from app.domain.working_time import BEIJING
from app.router import Router

router = Router(prefix="/v1", tags=["papers"], route_class=StrictRoute)
PDF = "application/pdf"
AS_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {PDF: {"schema": {"type": "string", "format": "binary"}}}, "description": "A PDF."}
}
TEMPLATES = {Paper.REFERRAL_LETTER: "letter", Paper.FEEDBACK: "letter"}
"""All others are forms."""
OF_EVENTS = (Paper.SUMMARY, Paper.SUPERVISION, Paper.PLACEMENT)
LETTERS = (Paper.REFERRAL_LETTER, Paper.HANDOVER)
"""What holds the packet of a leg."""
BY_PACKET = ("household", "conditions", "branch")
"""Parts that stand in a packet alone, so that the record names them beside what the desk sees of the case."""
RETRY = 2
"""Seconds."""
NOT_THERE = "现在没有这份文书 · There is no such paper now."
BUSY = "正在生成的文书较多，请稍后再试 · Many papers are being made; please try again in a moment."
ReferralId = Annotated[str | None, Query(max_length=100, description="Of a paper about one leg.")]


class PaperRow(BaseModel):
    """A paper that can be made now; its number stays the same."""

    paper: Paper
    title_zh: str = Field(examples=["转介函"])
    title_en: str
    number: str = Field(examples=["WB-2026-000123-转POLICE-01"])
    referral_id: str | None = Field(None, description="The leg that it is about.")
    about: str = Field(description="The desk that it goes to, or is about; empty for the whole case.")


@router.get("/cases/{case_id}/papers", operation_id="case_papers")
async def case_papers(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[PaperRow]:
    """Those that the caller may have of this case as it stands."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CONTENT, subject_of(progress))
    offices, number = await _offices(conn), (await numbers_of(conn, who, [case_id]))[case_id]
    shown = await part(conn, who, shouhu, progress)
    return [
        PaperRow(
            paper=one.paper, title_zh=one.paper.zh, title_en=one.paper.en, number=paper_no(number, one.paper, progress, one.leg),
            referral_id=one.leg.id if one.leg else None, about=offices.get(one.leg.desk, one.leg.desk) if one.leg else "",
        )
        for one in await _possible(conn, progress)
        if _may_have(who, progress, one, shown)
    ]  # fmt: skip


@router.get("/cases/{case_id}/papers/{paper}", operation_id="read_paper", response_class=Response, responses=AS_FILE)
async def read_paper(
    case_id: str, paper: Paper, conn: Conn, who: Who, shouhu: Shouhu, referral_id: ReferralId = None
) -> Response:  # fmt: skip
    """The paper itself; names, numbers and addresses are masked in it until the caller has said why (full-view)."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CONTENT, subject_of(progress))
    found = [
        one for one in await _possible(conn, progress) if one.paper is paper and referral_id == (one.leg.id if one.leg else None)
    ]  # fmt: skip
    shown = await part(conn, who, shouhu, progress)
    may_have = bool(found) and _may_have(who, progress, found[0], shown)
    if not found or not (may_have or shown.whole):  # that there is one would tell of a placement or of another's leg
        raise Problem(404, "paper_not_found", NOT_THERE)
    if not may_have:
        raise Refused(RefusalCode.NOT_ALLOWED)
    facts = await _made(conn, who, shouhu, progress, found[0])
    return await _pdf(TEMPLATES.get(paper, "form"), facts, f"{paper.zh}-{facts['number']}")


@router.post("/progress/papers/{paper}", operation_id="paper_by_receipt", response_class=Response, responses=AS_FILE)
async def paper_by_receipt(paper: ReporterPaper, asked: ReceiptCode, request: Request, shouhu: Shouhu) -> Response:
    """For whoever holds the receipt; needs no account. The code travels in the body alone and stands in no file's name."""
    report = await guessed(shouhu, address_of(request), asked.receipt, "paper_by_receipt")
    if report is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND)
    return await reporters_paper(shouhu, paper, report, grouped(plain(asked.receipt)))


async def reporters_paper(
    shouhu: Service, paper: ReporterPaper, report: ForReporter, code: str, *, zh: bool = True
) -> Response:  # fmt: skip
    """What a reporter takes along: the receipt, or the answer as a letter once there is one."""
    now = shouhu.ledger.clock()
    if paper is ReporterPaper.RECEIPT:
        square = segno.make(f"{shouhu.progress_page}#{code}", error="m").svg_inline(scale=4, border=1, dark="#1b2430")
        facts = paper_facts.receipt(report, code, square, shouhu.progress_page, now, zh=zh)
        return await _pdf("receipt", facts, paper.zh)
    if report.answer is None:
        raise Problem(404, "paper_not_found", NOT_THERE)
    return await _pdf("letter", paper_facts.own_feedback(report.received_at, report.answer, now), paper.zh)


async def _possible(conn: AsyncConnection, progress: Progress) -> list[Possible]:
    event = tables.events.c
    placed = select(event.version).where(
        event.stream_id == progress.case_id, event.kind == "safety_confirmed", event.body["safety"].astext == Safety.PLACED.value
    )  # fmt: skip
    was_placed = (await conn.execute(placed.limit(1))).scalar_one_or_none() is not None
    return list(possible(progress, was_placed=was_placed))


def _may_have(who: Actor, progress: Progress, one: Possible, shown: Part) -> bool:
    """What goes to a desk is made by that desk and by those who see the whole case; the answer, by those who may give it; where a child
    was placed, by those whose part is shown that it was."""
    if one.paper is Paper.FEEDBACK:
        return not isinstance(may(who, Action.ANSWER_REPORTER, subject_of(progress, duty="answer_outcome")), Deny)
    if one.paper is Paper.PLACEMENT:
        return shown.whole or shown.places
    if one.leg is None or shown.told.whole:
        return True
    return one.leg.desk in (who.desk, *scope(who).desks) or one.leg.agency in scope(who).agencies


async def _made(
    conn: AsyncConnection, who: Actor, shouhu: Service, progress: Progress, one: Possible
) -> dict[str, Any]:
    """The facts of a paper; reading what they say of people is on record under the paper's name."""
    ours = await part(conn, who, shouhu, progress)
    sees = ours.told
    rules = await shouhu.ledger.rules(conn, progress.policy)
    sent = rules.lists.of(one.leg.agency, one.leg.task) if one.leg and one.paper in LETTERS else None
    more = [part for part in sent.parts if part in BY_PACKET] if sent else []
    lens = await look(conn, who, f"paper_{one.paper}", progress.case_id, [*sees.fields, *more])
    content, reporter = await content_of(conn, progress, lens.keys)
    known = (content, reporter)
    hidden = names_of(reporter)
    facts = await report_of(conn, progress.case_id)
    content = texts_without(as_known(content, facts), hidden)
    shown = sees.of(content)
    now = shouhu.ledger.clock()
    number = (await numbers_of(conn, who, [progress.case_id]))[progress.case_id]
    stamp = await _stamp(conn, who, progress.case_id, now)
    knows = not isinstance(may(who, Action.READ_REPORTER, subject_of(progress)), Deny)
    # what was written without knowing the reporter could name them as typed, and would answer a guess once cleared
    own = None if knows else paper_facts.IN_RECORD
    past = await (await reading(conn, who, shouhu, progress.case_id)).timeline(own) if one.paper in OF_EVENTS else []
    timeline = [entry | {"note": without(entry["note"] or "", hidden)} for entry in past]
    people = await _people(conn, {entry["by"] for entry in timeline})
    stands = ours.progress(progress) if one.paper is Paper.SUMMARY else progress
    sheet = paper_facts.Sheet(stands, number, rules, await _offices(conn), people, now, stamp, ours.whole)
    match one:
        case Possible(_, leg) if leg and sent:
            shown = sees.of({**content, "family": whom(sent, content["family"])})
            view = View(
                children=tuple(shown["children"]), family=tuple(shown["family"]), narrative=shown.get("narrative") or "",
                facts=facts.model_dump(mode="json") if facts else {},
            )  # fmt: skip
            told_them = lens(packet(sent, progress, view), known)
            write = paper_facts.referral_letter if one.paper is Paper.REFERRAL_LETTER else paper_facts.handover
            return write(sheet, leg, told_them)
        case Possible(Paper.SUPERVISION, leg) if leg and (duty := progress.duty(f"{SUPERVISED}:{leg.id}")):
            opened = [e for e in timeline if e.get("code") == duty.code]
            by = await _desk_of_person(conn, opened[0]["by"])
            return paper_facts.supervision(sheet, leg, duty, opened[0]["note"], by)
        case Possible(Paper.PLACEMENT):
            file = await (await reading(conn, who, shouhu, progress.case_id)).file()
            findings = [e for e in timeline if e["kind"] == "safety_confirmed"]
            return paper_facts.placement(sheet, lens(shown, known), findings, file.get("found") or [])
        case Possible(Paper.FEEDBACK):
            given = await answer_to(conn, progress)
            if given is None:
                raise Problem(404, "paper_not_found", NOT_THERE)
            # it goes to the reporter, who reads it as typed by the receipt: cleared, it would answer a guess of whoever typed it
            if not knows and ours.by_own_hand(given.fact):
                return paper_facts.feedback(sheet, lens.over((shown,))(given.text))
            return paper_facts.feedback(sheet, lens(without(given.text, hidden), known))
        case _:
            return paper_facts.summary(sheet, lens(shown, known), timeline)


async def _stamp(conn: AsyncConnection, who: Actor, case_id: str, now: datetime) -> str:
    """The small print of every page: who made it and when, and whether people stand in it by name."""
    reason = await full_view_of(conn, who, case_id)
    shown = f"含完整信息，用途：{Need(reason).zh}" if reason else "姓名、证件、电话和住址已遮蔽"
    by = f"{who.person_id}（代{who.acting_for}）" if who.acting_for else who.person_id
    return f"{by} {who.agency.zh} {now.astimezone(BEIJING):%Y-%m-%d %H:%M} 生成 · {shown} · 内部资料，依法保密"


async def _offices(conn: AsyncConnection) -> dict[str, str]:
    desk = tables.desks.c
    return {row.id: row.name_zh for row in await conn.execute(select(desk.id, desk.name_zh))}


async def _people(conn: AsyncConnection, accounts: Collection[str]) -> dict[str, str]:
    people = tables.people.c
    return {
        row.id: row.name for row in await conn.execute(select(people.id, people.name).where(people.id.in_(accounts)))
    }


async def _desk_of_person(conn: AsyncConnection, person_id: str) -> str:
    people = tables.people.c
    found = (await conn.execute(select(people.desk).where(people.id == person_id))).scalar_one_or_none()
    return found or Agency.CONF.value


async def _pdf(template: str, facts: Mapping[str, Any], name: str) -> Response:
    try:
        made = await documents.printed(template, facts)
    except documents.PressBusy:
        raise Problem(503, "press_busy", BUSY, wait=RETRY) from None
    except documents.NoChineseType as missing:
        raise Problem(503, "no_chinese_type", str(missing)) from None
    named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{name}.pdf', safe='')}"}
    return Response(made, media_type=PDF, headers=AS_ATTACHMENT | named)
