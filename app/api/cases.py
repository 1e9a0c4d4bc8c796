"""Cases as those see them who may: where they stand, what happened, who is in them."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import select

from app.api.answers import ETAG, CaseFile, CaseRow, Suggestion, TimelineEntry
from app.api.context import (
    Conn,
    Shouhu,
    Who,
    audit_read,
    is_kept,
    numbers_of,
    progress_of,
    require,
    subject_of,
    visible,
)
from app.api.need import look
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.db.ledger import REPORTER, events_since
from app.db.past import report_of
from app.db.vault import opened, opened_one, with_notes
from app.domain.access import Action, Actor, Deny, may
from app.domain.disclosure import told_to
from app.domain.events import event_adapter
from app.domain.identity import clean_name, normal_phone
from app.domain.masking import without
from app.domain.progress import Progress
from app.domain.stages import closing_obstacles
from app.domain.terms import Agency, CloseReason, Stage, Urgency
from app.domain.titles import TITLES
from app.policy.basis import cite
from app.policy.explanation import Explained, explain, versions_of

router = APIRouter(prefix="/v1", tags=["cases"], route_class=StrictRoute)
Named = Annotated[
    list[str] | None, Query(alias="id", max_length=200, description="These cases alone, as far as they are visible.")
]


@router.get("/cases", operation_id="list_cases")
async def list_cases(
    conn: Conn, who: Who, stage: Stage | None = None, urgency: Urgency | None = None, agency: Agency | None = None,
    number: int | None = None, ids: Named = None, open_only: bool = True, cursor: Cursor = None, limit: Limit = 50,
) -> Page[CaseRow]:  # fmt: skip
    """Visible cases, newest first."""
    case = tables.cases.c
    query = select(
        case.id, case.number, case.version, case.stage, case.urgency, case.branch, case.lead, case.division, case.rung,
        case.filed_at, case.closed_at, case.next_deadline_at, case.linked_to,
    ).where(visible(who), is_kept())  # fmt: skip
    for column, wanted in ((case.stage, stage), (case.urgency, urgency)):
        query = query.where(column == wanted.value) if wanted else query
    query = query.where(case.is_open) if open_only else query
    query = query.where(case.number == number) if number else query
    query = query.where(case.id.in_(ids)) if ids else query
    query = query.where(case.agencies.contains([agency.value])) if agency else query
    by = (case.filed_at, case.id)
    return await page_of(conn, query, CaseRow, by, cursor=cursor, limit=limit, newest_first=True)


@router.get(
    "/cases/{case_id}", operation_id="read_case", response_model=CaseFile, response_model_exclude_unset=True,
    responses={200: {"headers": ETAG}},
)  # fmt: skip
async def read_case(case_id: str, conn: Conn, who: Who, shouhu: Shouhu, response: Response) -> dict[str, Any]:
    """A case with what the caller may know of it; reading personal data is on record before it leaves."""
    progress = await progress_of(conn, who, case_id)
    subject = subject_of(progress)
    require(who, Action.READ_CASE, subject)
    rules = await shouhu.ledger.rules(conn, progress.policy)
    response.headers["ETag"] = f'"{progress.version}"'
    knows_reporter = not isinstance(may(who, Action.READ_REPORTER, subject), Deny)
    answer: dict[str, Any] = {
        "id": case_id,
        "case_no": await number_of(conn, case_id),
        "version": progress.version,
        "progress": {
            **progress.model_dump(mode="json"),
            **({} if knows_reporter else {"reporter_unit": ""}),
            "referrals_open": len(progress.open_referrals),
        },
        "planned": [step.model_dump(mode="json") for step in progress.steps],
        "closing_obstacles": closing_obstacles(progress, CloseReason.NEEDS_MET, rules),
    }
    if not isinstance(may(who, Action.READ_CONTENT, subject), Deny):
        decides = not isinstance(may(who, Action.ADOPT_PLAN, subject), Deny)
        told = told_to(who, progress)
        lens = await look(conn, who, "read_content", case_id, [*told.fields, *(["found"] if decides else [])])
        content, reporter = await content_of(conn, progress)
        hidden = () if knows_reporter else names_of(reporter)
        content |= {"narrative": without(content.get("narrative") or "", hidden)}
        answer["content"] = lens(told.of(content), (content, reporter))
        answer |= await _proposals(conn, shouhu, progress) if decides else {}
        if knows_reporter:
            await audit_read(conn, who, "read_reporter", case_id, ["reporter"])
            answer["reporter"] = lens(reporter)
    return answer


async def number_of(conn: Conn, case_id: str) -> str:
    """As people say it."""
    return (await numbers_of(conn, [case_id]))[case_id]


def names_of(reporter: dict[str, Any]) -> tuple[str, ...]:
    """By what a text would give the reporter away to those who are not to know, in a full view too."""
    name, phone = reporter.get("name") or "", reporter.get("phone") or ""
    return name, clean_name(name), phone, normal_phone(phone)


async def _proposals(conn: Conn, shouhu: Shouhu, progress: Progress) -> dict[str, Any]:
    """What the rules of the case find in its report and in what has happened since, for those who decide on it; kept nowhere."""
    facts = await report_of(conn, progress.case_id)
    if facts is None:
        return {}
    pack = await shouhu.ledger.pack(conn, progress.policy)
    found = pack.found(facts, progress.happened)
    sources = dict.fromkeys(source for child in found for source in child.sources)
    return {
        "found": [child.model_dump(mode="json", exclude={"near": True, "benefits": {"near"}}) for child in found],
        "sources": [cite(source).model_dump() for source in sources],
    }


async def content_of(conn: Conn, progress: Progress) -> tuple[dict[str, Any], dict[str, Any]]:
    """The children in the order of the report, in which the rules speak of them as well; and the reporter apart."""
    hidden = ("marks", "case_id", "filed_at")
    case_id, order = progress.case_id, [child.id for child in progress.children]
    children = await conn.execute(select(tables.children).where(tables.children.c.case_id == case_id))
    rows = sorted(await opened(conn, children.mappings(), tables.children), key=lambda row: order.index(row["id"]))
    report = await conn.execute(
        select(
            tables.reports.c.case_id, tables.reports.c.narrative, tables.reports.c.family, tables.reports.c.findings,
            tables.reports.c.reporter,
        ).where(tables.reports.c.case_id == case_id)
    )  # fmt: skip
    found = await opened_one(conn, report.mappings().one_or_none(), tables.reports) or {}
    reporter = found.pop("reporter", None) or {}
    content = {name: value for name, value in found.items() if name != "case_id"}
    return {"children": [{k: v for k, v in row.items() if k not in hidden} for row in rows], **content}, reporter


@router.get("/cases/{case_id}/timeline", operation_id="read_timeline", response_model=list[TimelineEntry])
async def read_timeline(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[dict[str, Any]]:
    """Who did what, when, by which clause; every rung with its planned instant and its recipients."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CASE, subject_of(progress))
    ledger, note = tables.events.c, tables.notes.c
    query = (
        select(ledger.stream_id, ledger.version, ledger.body, note.body.label("note"))
        .outerjoin(tables.notes, (note.stream_id == ledger.stream_id) & (note.version == ledger.version))
        .where(ledger.stream_id == case_id)
        .order_by(ledger.version)
    )
    content = not isinstance(may(who, Action.READ_CONTENT, subject_of(progress)), Deny)
    knows_reporter = not isinstance(may(who, Action.READ_REPORTER, subject_of(progress)), Deny)
    note_of = await _notes(conn, who, progress, knows_reporter) if content else _silent
    hidden = ("accept", "finish", "supply", "clock", "steps", "duties", "clocks")
    rows = []
    for row in await with_notes(conn, query) if content else (await conn.execute(query)).mappings():
        said = {k: v for k, v in row["body"].items() if k not in hidden or isinstance(v, str)}
        if said["kind"] == "report_filed" and not knows_reporter:
            said |= {"by": NOT_NAMED, "reporter_unit": NOT_NAMED, "behalf": None}
        due = next(
            (
                body[k]["due_at"]
                for k in ("finish", "accept", "clock")
                if isinstance((body := row["body"]).get(k), dict)
            ),
            None,
        )
        zh, en = TITLES[row["body"]["kind"]]
        rows.append(
            {
                "version": row["version"],
                "title_zh": zh,
                "title_en": en,
                **said,
                "due_at": due,
                "note": note_of(row["body"], row["note"]),
            }
        )
    return rows


NOT_NAMED = REPORTER
"""Instead of the account and the unit of whoever filed the report."""
NoteOf = Callable[[dict[str, Any], str | None], str | None]


def _silent(event: dict[str, Any], note: str | None) -> None:
    """For a system, which sees no text."""


async def _notes(conn: Conn, who: Actor, progress: Progress, knows_reporter: bool) -> NoteOf:
    """The texts that came with the events: all for those who see all of the case, else those of the own legs and hand."""
    told, lens = told_to(who, progress), await look(conn, who, "read_content", progress.case_id, ["notes"])
    known = await content_of(conn, progress)
    see, hidden = lens.over(known), () if knows_reporter else names_of(known[1])
    ours = of_own_hand(who, progress)

    def note_of(event: dict[str, Any], note: str | None) -> str | None:
        return see(without(note, hidden)) if note and (told.whole or ours(event)) else None

    return note_of


def of_own_hand(who: Actor, progress: Progress) -> Callable[[dict[str, Any]], bool]:
    """Whether an event is of a leg or duty of the actor's desk or agency, or was recorded by the actor."""
    own = {leg.id for leg in progress.referrals if leg.agency is who.agency or leg.desk == who.desk}
    own |= {duty.code for duty in progress.duties if duty.desk == who.desk}
    return lambda event: bool(
        {event.get("referral_id"), event.get("subject"), event.get("code")} & own or event["by"] in who.persons
    )


@router.get("/cases/{case_id}/explanation", operation_id="explain_case")
async def explain_case(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[Explained]:
    """Every decision of the case: the row that made it, its condition in words, the clause and the law with its status."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CASE, subject_of(progress))
    events = [event_adapter.validate_python(body) for body in await events_since(conn, case_id, 0)]
    packs = {version: await shouhu.ledger.pack(conn, version) for version in versions_of(events)}
    return explain({version: pack.file for version, pack in packs.items()}, events)


@router.get("/cases/{case_id}/suggestions", operation_id="suggested_duplicates", response_model=list[Suggestion])
async def suggested_duplicates(case_id: str, conn: Conn, who: Who) -> list[dict[str, Any]]:
    """Other reports that may be about the same child, with the reasons; a person decides."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.LINK_REPORT, subject_of(progress))
    table = tables.suggestions.c
    query = (
        select(table.other_id, table.score, table.reasons, table.state)
        .join(tables.cases, tables.cases.c.id == table.other_id)
        .where(table.case_id == case_id, visible(who))
    )
    return [dict(row) for row in (await conn.execute(query.order_by(table.score.desc()))).mappings()]
