"""What children receive by decisions, and which of these a new standard touches: nothing is lowered by a computer."""

from collections.abc import Iterator
from datetime import date, datetime

from pydantic import BaseModel
from sqlalchemy import func, select

from app.api.cases import whole_shown
from app.api.context import Conn, Shouhu, Who, audit_read, part, progress_of, require, subject_of
from app.api.pages import Cursor, Limit, Page, page_of
from app.api.strict import StrictRoute
from app.db import tables
from app.domain.access import Action
from app.domain.benefits import Benefit, Yuan
from app.domain.entitlement import BenefitRules, Comparison, Move, look_again
from app.domain.progress import Progress
from app.domain.working_time import day_of
from app.router import Router

router = Router(prefix="/v1", tags=["benefits"], route_class=StrictRoute)


class Received(BaseModel):
    """A benefit by a decision; `move` is what the amounts of today make of it, and `yuan` is paid until a person decides."""

    child_id: str
    benefit: Benefit
    title_zh: str
    title_en: str
    yuan: Yuan | None
    since: date
    heard_on: date | None
    comparison: Comparison | None
    move: Move
    move_zh: str
    move_en: str
    would_be: Yuan | None
    offer: list[Benefit]


class TouchedCase(BaseModel):
    """A case in which an amount of today differs from what was decided."""

    id: str
    number: int
    touched: list[Received]


class _Stored(BaseModel):
    id: str
    number: int
    filed_at: datetime
    policy: str
    progress: Progress


@router.get("/cases/{case_id}/benefits", operation_id="read_benefits")
async def read_benefits(case_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> list[Received]:
    """What the children of a case receive, each against the amounts of today; nothing to whoever is not shown all of the case."""
    progress = await progress_of(conn, who, case_id)
    require(who, Action.READ_CASE, subject_of(progress))
    pack = await shouhu.ledger.pack(conn, progress.policy)
    shown = (await part(conn, who, shouhu, progress)).progress(progress)
    await audit_read(conn, who, "read_benefits", case_id, ["benefits"])
    return list(_received(shown, pack.file.benefits, day_of(shouhu.ledger.clock())))


@router.get("/benefits/touched", operation_id="touched_benefits")
async def touched_benefits(
    conn: Conn, who: Who, shouhu: Shouhu, cursor: Cursor = None, limit: Limit = 50
) -> Page[TouchedCase]:
    """Cases, closed ones too, in which a new standard raises, offers or would lower something; a page may be short, the last says so."""
    case = tables.cases.c
    query = select(case.id, case.number, case.filed_at, case.policy, case.progress).where(
        await whole_shown(conn, who, shouhu), func.jsonb_array_length(case.progress["benefits"]) > 0
    )
    page = await page_of(conn, who, query, _Stored, (case.filed_at, case.id), cursor=cursor, limit=limit)
    found = []
    for one in page.items:
        pack = await shouhu.ledger.pack(conn, one.policy)
        shown = (await part(conn, who, shouhu, one.progress)).progress(one.progress)
        touched = [
            r for r in _received(shown, pack.file.benefits, day_of(shouhu.ledger.clock())) if r.move is not Move.STAY
        ]
        if touched:
            found.append(TouchedCase(id=one.id, number=one.number, touched=touched))
    children = [one.child_id for case in found for one in case.touched]
    if children:
        await audit_read(conn, who, "touched_benefits", None, ["benefits"], children=children)
    return Page(items=found, next=page.next)


def _received(progress: Progress, rules: BenefitRules, today: date) -> Iterator[Received]:
    for held in progress.benefits:
        again = look_again(held, rules, today)
        yield Received(
            **held.model_dump(exclude={"yuan"}), title_zh=held.benefit.zh, title_en=held.benefit.en, yuan=again.yuan,
            move=again.move, move_zh=again.move.zh, move_en=again.move.en, would_be=again.would_be, offer=list(again.offer),
        )  # fmt: skip
