"""The charts of the statistics as tables, and as a workbook to take along; small numbers of children are left out of both alike."""

import asyncio
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

from fastapi import Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import boards, statistics
from app.api.context import Conn, Shouhu, Who, require
from app.api.strict import StrictRoute
from app.db.service import Service
from app.domain.access import Action, Actor
from app.domain.charts import Cell, Chart, ChartTable, Row, shown
from app.domain.determination import Category
from app.domain.small_numbers import each_alone, shown_of_agencies, suppressed
from app.domain.terms import Grade, Rung
from app.domain.working_time import BEIJING
from app.policy.said import STREETS
from app.router import Router
from app.workbook import MEDIA_TYPE, Book

router = Router(prefix="/v1/statistics", tags=["statistics"], route_class=StrictRoute)
AS_BOOK: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}, "description": "A workbook."}
}
NO_GRADE = ("未评定", "not graded")
WHAT = ("项目", "what")
KEPT = (
    ("按时受理", "accepted on time"),
    ("受理到期", "of those due"),
    ("按时办结", "done on time"),
    ("办结到期", "of those due"),
)
ALONE = ("visits", "visits_missed", "visits_overdue", "accept_due", "finish_due")
"""Columns of the streets that are no part of one another."""
NOT_SHOWN = (None, None)
HOURS = 3
"""The place of the hours to safety in a street's line."""
MonthOf = Annotated[
    str | None, Query(pattern=r"^\d{4}-\d{2}$", description="Of the charts of one month; the current one.")
]


class Figures(NamedTuple):
    """What the page of statistics shows."""

    at: datetime
    months: list[str]
    month: str
    outcomes: statistics.Outcomes
    smallest: int
    tables: dict[Chart, ChartTable]


async def figures(conn: AsyncConnection, who: Actor, shouhu: Service, month: str | None) -> Figures:
    """The figures of now, and of one month street by street, of the cases that the caller is shown whole, and the
    own deadlines."""
    now = shouhu.ledger.clock()
    volumes = await statistics.volumes(conn, who, shouhu)
    chosen = month if month in {one.month for one in volumes} else volumes[-1].month
    since = datetime.fromisoformat(f"{chosen}-01T00:00:00+08:00")
    until = min((since + timedelta(days=32)).replace(day=1), now)
    outcomes = await statistics.outcomes(conn, who, shouhu, as_of=None, before=None, division=None)
    cards = await statistics.scorecard(conn, who, shouhu, since, max(until, since))
    rates = await boards.on_time(conn, who, shouhu, by="agency", as_of=None)
    smallest = (await shouhu.ledger.current(conn, now)).figures.smallest_shown
    climbed = {rung: sum(card.rungs.get(rung.value, 0) for card in cards) for rung in Rung}
    streets = streets_table(cards, smallest)
    made = (
        ChartTable(Chart.MONTHS, (("月份", "month"), ("报告", "reports"), ("办结", "closed")),
                   tuple(Row((one.month, one.month), (one.reports, one.closed)) for one in volumes)),
        ChartTable(Chart.ON_TIME, (("单位", "agency"), ("按时率", "rate"), ("到期", "due"), ("按时", "on time")),
                   tuple(Row((one.agency.zh, one.agency.en), (one.rate, one.due, one.on_time)) for one in rates if one.agency)),
        ChartTable(Chart.CATEGORIES, (WHAT, ("儿童", "children")),
                   tuple(Row((Category(code).zh, Category(code).en), (n,)) for code, n in shown(outcomes.categories, smallest).items())),
        ChartTable(Chart.GRADES, (WHAT, ("儿童", "children")),
                   tuple(Row(_grade(code), (n,)) for code, n in shown(outcomes.grades, smallest).items())),
        ChartTable(Chart.TO_SAFETY, (("街道乡镇", "street"), ("小时", "hours")),
                   tuple(Row(row.words, (row.cells[HOURS],)) for row in streets.rows if row.cells[HOURS] is not None)),
        ChartTable(Chart.RUNGS, (("级别", "rung"), ("次数", "times")),
                   tuple(Row((rung.zh, rung.en), (n,)) for rung, n in climbed.items())),
        streets,
        kept_table(cards, streets, smallest),
    )  # fmt: skip
    return Figures(
        now.astimezone(BEIJING),
        [one.month for one in volumes],
        chosen,
        outcomes,
        smallest,
        {one.chart: one for one in made},
    )


def streets_table(cards: list[statistics.Card], smallest: int) -> ChartTable:
    """A street with few reports shows neither how many nor how long these took, nor how long it took where few were found safe; and
    visits, misses and deadlines of few are left out like them."""
    counts = suppressed(
        {
            card.division: {"reports": card.reports, "again": card.reported_again, "answered": card.answered}
            for card in cards
        },
        smallest,
    )
    alone = each_alone({card.division: card.model_dump(include={*ALONE}) for card in cards}, ALONE, smallest)
    columns = (("街道乡镇", "street"), ("报告", "reports"), ("90日内再报", "again within 90 days"),
               ("已答复报告人", "reporters answered"), ("到安全（小时）", "hours to safety"),
               ("走访", "visits"), ("漏访", "missed"), ("期末逾期未访", "overdue at the end"),
               ("应返回排查", "screenings asked"), ("已返回排查", "returned"), *KEPT)  # fmt: skip
    rows = tuple(
        Row(
            _street(card.division),
            (*(counts[card.division][name] for name in ("reports", "again", "answered")),
             card.hours_to_safety if counts[card.division]["reports"] is not None and card.found_safe >= smallest else None,
             *(alone[card.division][name] for name in ALONE[:3]), card.asked, card.returned,
             *_kept_cells(card, alone[card.division] if counts[card.division]["reports"] is not None else {})),
        )
        for card in cards
    )  # fmt: skip
    return ChartTable(Chart.STREETS, columns, rows)


def kept_table(cards: list[statistics.Card], streets: ChartTable, smallest: int) -> ChartTable:
    """Each agency in each street where enough of its deadlines fell due, or it was silent often enough, that no child can be told by it;
    none where the reports are too few to be shown."""
    words = {
        card.division: street.words
        for card, street in zip(cards, streets.rows, strict=True)
        if street.cells[0] is not None
    }
    kept = {(card.division, one.agency.value): one for card in cards if card.division in words for one in card.agencies}
    counts = {
        key: {"accept_due": one.accept_due, "finish_due": one.finish_due, "rungs": sum(one.rungs.values())} for key, one in kept.items()
    }  # fmt: skip
    rows = tuple(
        Row(
            (f"{words[street][0]} · {kept[street, one].agency.zh}", f"{words[street][1]} · {kept[street, one].agency.en}"),
            (*_pair(kept[street, one].accept_on_time, line["accept_due"]), *_pair(kept[street, one].finish_on_time, line["finish_due"]),
             line["rungs"]),
        )
        for (street, one), line in shown_of_agencies(counts, smallest).items()
    )  # fmt: skip
    return ChartTable(Chart.KEPT, (("街道乡镇 · 单位", "street · agency"), *KEPT, ("督促次数", "rungs climbed")), rows)


def _kept_cells(card: statistics.Card, told: Mapping[str, int | None]) -> tuple[Cell, ...]:
    """Of a street; nothing where its reports are not shown, and no number of so few that it tells of one."""
    accepted, done = (
        _pair(card.accept_on_time, told.get("accept_due")),
        _pair(card.finish_on_time, told.get("finish_due")),
    )
    return (*accepted, *done)


def _pair(met: int, due: int | None) -> tuple[Cell, ...]:
    return NOT_SHOWN if due is None else (met, due)


@router.get("/workbook", operation_id="figures_workbook", response_class=Response, responses=AS_BOOK)
async def figures_workbook(
    conn: Conn, who: Who, shouhu: Shouhu, chart: Chart | None = None, month: MonthOf = None
) -> Response:  # fmt: skip
    """One chart's table as Excel, or all of them; who took it along and when stands at the head of every printed page."""
    require(who, Action.READ_STATISTICS)
    found = await figures(conn, who, shouhu, month)
    body = await asyncio.to_thread(_book, found, [chart] if chart else list(Chart), who)
    name = f"{chart.zh if chart else '统计'}-{found.month}.xlsx"
    return Response(
        body, media_type=MEDIA_TYPE, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    )


def _book(found: Figures, charts: list[Chart], who: Actor) -> bytes:
    seat = f"{who.person_id}（代{who.acting_for}）" if who.acting_for else who.person_id
    with tempfile.TemporaryDirectory(prefix="shouhu-figures-") as place:
        path = Path(place) / "figures.xlsx"
        made = Book(path, f"{seat} {who.agency.zh} {found.at:%Y-%m-%d %H:%M} 统计 内部资料不得外传")
        made.file.set_properties({"created": found.at})  # the same figures make the same file
        for chart in charts:
            table = found.tables[chart]
            page = made.page(chart.zh, [28, *[16] * (len(table.columns) - 1)])
            page.head([f"{zh}\n{en}" for zh, en in table.columns])
            for row in table.rows:
                page.add((row.words[0], *("—" if cell is None else cell for cell in row.cells)))
        made.facts("说明", {
            "截至 as of": f"{found.at:%Y-%m-%d %H:%M}", "月份 month": found.month, "导出人 exported by": f"{seat} {who.agency.zh}",
            "小数 small numbers": f"涉及儿童和街道报告、走访、时限，小于 {found.smallest} 的数不显示（—），可由合计推出的另一个数也不显示。",
            "范围 of": "导出人可见全案的案件；时限和督促另含本单位承办的事项；每月报告为导出人可见的案件", "须知 notice": "内部资料，不得外传。",
        })  # fmt: skip
        made.close()
        return path.read_bytes()


def _grade(code: str) -> tuple[str, str]:
    return (Grade(code).zh, Grade(code).en) if code in Grade._value2member_map_ else NO_GRADE


def _street(code: str) -> tuple[str, str]:
    return STREETS.get(code, code), STREETS.get(code, code)
