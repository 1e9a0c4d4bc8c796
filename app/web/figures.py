"""统计: what came in, how fast a child was safe, who is on time, how high silences climbed; each chart drawn here, with its table."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import statistics, surveys
from app.api.charts import figures as figures_of
from app.api.charts import figures_workbook
from app.api.context import Conn, Shouhu
from app.db.service import Service
from app.db.surveys import quarter_of
from app.domain.access import Actor
from app.domain.charts import Chart, ChartTable
from app.domain.refusals import Refused
from app.domain.surveys import MARKS
from app.domain.working_time import day_of
from app.router import Router
from app.web.forms import Form
from app.web.oversight import oversees
from app.web.staff import ENTRIES, OVERSIGHT, Entry, Signed, show
from app.web.words import Pair

router = Router(include_in_schema=False)
FIGURES = "/statistics"
ENTRIES.append(Entry(FIGURES, "统计", "Statistics", OVERSIGHT, oversees))
WIDE = 300.0
"""The longest bar, in the units of its drawing."""


class Bar(NamedTuple):
    """One line of a chart: its words, its number as shown, its length in the drawing, and a light."""

    words: Pair
    number: str
    length: float
    light: str = ""


def bars(
    table: ChartTable, say: Callable[[float], str] = str, *, most: float | None = None, light: Callable[[float], str] | None = None
) -> list[Bar]:  # fmt: skip
    """Lines of a chart by its first number; the longest is the greatest of them, or `most`. What is not shown has no length."""
    lines = [(row.words, row.cells[0]) for row in table.rows]
    numbers = [float(value) for _, value in lines if isinstance(value, int | float)]
    top = most or max(numbers, default=0) or 1
    return [
        Bar(words, say(value), round(value / top * WIDE, 1), light(value) if light else "")
        if isinstance(value, int | float) else Bar(words, "—", 0)
        for words, value in lines
    ]  # fmt: skip


@router.get(FIGURES)
async def figures(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, month: str = "", since: str = "", until: str = ""
) -> Response:
    """The figures of now, and of one month street by street; what the public answered in the quarters that were asked for."""
    return await _figures(request, conn, who, shouhu, Form(), month, since, until)


@router.post(FIGURES)
async def invite(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """发放问卷: one-time links of a survey, shown this once; whoever hands them out keeps no list."""
    form = await Form.of(request)
    survey = form.one("survey")
    count = f"{survey}-count"  # each questionnaire of the page has a form of its own
    asked = form.valid(surveys.Wanted, {"count": form.one(count)})
    made = asked and await form.attempt(conn, lambda: surveys.invite(survey, asked, conn, who, shouhu))
    form.moved("count", count)
    return await _figures(request, conn, who, shouhu, form, made=made)


async def _figures(
    request: Request, conn: AsyncConnection, who: Actor, shouhu: Service, form: Form, month: str = "", since: str = "", until: str = "", *,
    made: surveys.Codes | None = None,
) -> Response:  # fmt: skip
    found = await figures_of(conn, who, shouhu, month or None)
    table = found.tables
    papers = await statistics.circulars(conn, who)
    facts = {
        **await _answered(conn, who, shouhu, found.months, since, until), "marks": MARKS, "form": form, "made": made,
        "circulars": papers, "path": FIGURES, "at": found.at, "months": found.months,
        "chosen": found.month, "outcomes": found.outcomes, "smallest": found.smallest, "everything": who.oversees_district,
        "charts": Chart, "streets": table[Chart.STREETS], "kept": table[Chart.KEPT],
        "has": {chart: bool(one.rows) for chart, one in table.items()},
        "by_month": bars(table[Chart.MONTHS]), "by_category": bars(table[Chart.CATEGORIES]), "by_grade": bars(table[Chart.GRADES]),
        "by_agency": bars(
            table[Chart.ON_TIME], lambda rate: f"{rate:.1%}", most=1.0, light=lambda rate: "r" if rate < 0.8 else "a" if rate < 0.95 else ""
        ),
        "by_rung": bars(table[Chart.RUNGS]), "to_safety": bars(table[Chart.TO_SAFETY], lambda hours: f"{hours:.1f}"),
    }  # fmt: skip
    return await show(request, conn, who, "figures.html", facts, status=form.status)


async def _answered(
    conn: AsyncConnection, who: Actor, shouhu: Service, months: Sequence[str], since: str, until: str
) -> dict[str, Any]:
    """How the public answered each questionnaire from one quarter to another that is over, each by its first month, for whoever oversees
    the district; what is none asks for all."""
    running = quarter_of(day_of(shouhu.ledger.clock()))
    begun = dict.fromkeys(quarter_of(date.fromisoformat(f"{one}-01")) for one in months)
    quarters = [f"{one:%Y-%m}" for one in begun if one < running]
    first, last = (date.fromisoformat(f"{one}-01") if one in quarters else None for one in (since, until))
    told: list[tuple[surveys.Questionnaire, surveys.Results]] = []
    with suppress(Refused):
        for one in await surveys.questionnaires(conn, who, shouhu):
            told.append((one, await surveys.results(one.code, conn, who, shouhu, first, last)))
    named = [(one, f"{one[:4]} Q{int(one[5:]) // 3 + 1}") for one in quarters]
    return {"surveys": told, "quarters": named, "since": since if first else "", "until": until if last else ""}


@router.get(FIGURES + "/workbook")
async def workbook(
    conn: Conn, who: Signed, shouhu: Shouhu, chart: Chart | None = None, month: str | None = None
) -> Response:  # fmt: skip
    """For people: as the API makes it."""
    return await figures_workbook(conn, who, shouhu, chart, month)


@router.get(FIGURES + "/circulars/{month}")
async def circular(month: date, conn: Conn, who: Signed) -> Response:
    """通报 of a month, as it was made."""
    return await statistics.read_circular(month, conn, who)
