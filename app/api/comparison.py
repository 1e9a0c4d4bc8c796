"""Two reports that may be about the same child, next to each other; the decision is a command on the case (link, clear, unlink)."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, Field
from sqlalchemy import or_, select

from app.api.context import Conn, Shouhu, Who, progress_of, require, subject_of, told
from app.api.need import Lens, look
from app.api.reading import content_of, wrote_report
from app.api.strict import StrictRoute
from app.db import tables
from app.db.past import report_of
from app.db.service import Service
from app.db.sounds import sound_keys
from app.domain.access import Action, Actor
from app.domain.case_no import case_no
from app.domain.comparison import Line, Verdict, compare
from app.domain.disclosure import Told, as_known
from app.domain.masking import Trace, names_before, names_of, texts_without
from app.domain.matching import Reason
from app.domain.progress import Progress
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Agency, ReporterClass, Stage
from app.router import Router

router = Router(prefix="/v1", tags=["cases"], route_class=StrictRoute)


class Side(BaseModel):
    """One of the two cases, in short."""

    case_id: str
    case_no: str
    version: int
    stage: Stage
    is_open: bool
    filed_at: datetime
    closed_at: datetime | None
    lead: Agency
    reporter_class: ReporterClass
    linked_to: str | None
    narrative: str


class ComparedLine(BaseModel):
    """One field of both; masked like all of a case, told apart before that."""

    child: int | None = Field(description="Which pair of children, from 1; null for the families.")
    field: str = Field(examples=["birth_date"])
    here: list[str]
    there: list[str]
    verdict: Verdict


class ComparedCases(BaseModel):
    """Two cases next to each other, and why somebody should look at them."""

    here: Side
    there: Side
    score: float | None = Field(description="Of the suggestion; null where nothing suggested it.")
    reasons: list[Reason]
    state: str | None = Field(examples=["open"])
    lines: list[ComparedLine]


Seen = Callable[[Any], Any]
"""How the caller sees what stands in one of the two."""


class Read(NamedTuple):
    """What is known of one of the two, how much of it the caller is told, and how it may be shown."""

    sees: Told
    lens: Lens
    content: dict[str, Any]
    reporter: dict[str, Any]
    is_own: bool
    """Whether the caller or their office filed it: they read it as typed, for what the other case knows would answer guesses."""

    def shown(self, traces: Iterable[Trace]) -> dict[str, Any]:
        """What the caller is told of it, without these."""
        said = texts_without(self.content, names_before(self.reporter) if self.is_own else traces)
        return self.sees.of(said | ({"narrative": self.content.get("narrative")} if self.is_own else {}))

    def seen(self, known: Iterable[object]) -> Seen:
        """How it may be shown; `known` is all that both cases know."""
        return self.lens.over((self.sees.of(self.content),) if self.is_own else known)


@router.get("/cases/{case_id}/suggestions/{other_id}", operation_id="compare_cases")
async def compare_cases(case_id: str, other_id: str, conn: Conn, who: Who, shouhu: Shouhu) -> ComparedCases:
    """Both as the caller may see them. What is the same is said of the values themselves, also where they are shown masked."""
    if case_id == other_id:
        raise Refused(RefusalCode.CASE_NOT_FOUND)  # beside itself there is no other
    progress = await progress_of(conn, who, case_id)
    require(who, Action.LINK_REPORT, subject_of(progress))
    other = await progress_of(conn, who, other_id)
    for one in (progress, other):
        require(who, Action.READ_CONTENT, subject_of(one))
    both = [await _read(conn, who, shouhu, one) for one in (progress, other)]
    known = [part for one in both for part in (one.content, one.reporter)]
    traces = [trace for one in both for trace in names_of(one.reporter)]
    here, there = (one.shown(traces) for one in both)
    see, see_there = (one.seen(known) for one in both)
    lines = [_shown(line, see, see_there) for line in compare(here, there, sound_keys)]
    table = tables.suggestions.c
    pair = or_(
        (table.case_id == case_id) & (table.other_id == other_id),
        (table.case_id == other_id) & (table.other_id == case_id),
    )
    why = (await conn.execute(select(table.score, table.reasons, table.state).where(pair).limit(1))).one_or_none()
    return ComparedCases(
        here=await _side(conn, progress, here, see), there=await _side(conn, other, there, see_there), lines=lines,
        score=why.score if why else None, reasons=why.reasons if why else [], state=why.state if why else None,
    )  # fmt: skip


async def _read(conn: Conn, who: Actor, shouhu: Service, progress: Progress) -> Read:
    """On record first. Whom either case names is hidden in the texts of both, whether or not the caller is told of them."""
    sees = await told(conn, who, shouhu, progress)
    lens = await look(conn, who, "compare_cases", progress.case_id, [*sees.fields])
    content, reporter = await content_of(conn, progress, lens.keys)
    known = as_known(content, await report_of(conn, progress.case_id)) if sees.of_suspicion else content
    return Read(sees, lens, known, reporter, await wrote_report(conn, who, progress.case_id))


def _shown(line: Line, see: Seen, see_there: Seen) -> ComparedLine:
    field = line.field.removeprefix("family_")
    here, there = (
        [look_at({field: value})[field] for value in said]
        for look_at, said in ((see, line.here), (see_there, line.there))
    )
    return ComparedLine(child=line.child, field=line.field, here=here, there=there, verdict=line.verdict)


async def _side(conn: Conn, progress: Progress, content: dict[str, Any], see: Seen) -> Side:
    case = tables.cases.c
    query = select(case.number, case.filed_at, case.closed_at, case.is_open).where(case.id == progress.case_id)
    row = (await conn.execute(query)).one()
    narrative = see({"narrative": content.get("narrative") or ""})["narrative"]
    return Side(
        case_id=progress.case_id, case_no=case_no(row.number, row.filed_at), version=progress.version, stage=progress.stage,
        is_open=row.is_open, filed_at=row.filed_at, closed_at=row.closed_at, lead=progress.lead,
        reporter_class=progress.reporter_class, linked_to=progress.linked_to, narrative=narrative,
    )  # fmt: skip
