"""统计: what came in, how fast a child was safe, who is on time, how high silences climbed; each chart drawn here, with its table."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response

from app.api import boards, statistics
from app.api.context import Conn, Shouhu
from app.district import DIVISIONS
from app.domain.determination import Category
from app.domain.facts import BEIJING
from app.domain.terms import Grade, Rung
from app.web.oversight import oversees
from app.web.staff import ENTRIES, OVERSIGHT, Entry, Signed, show
from app.web.words import Pair

router = APIRouter(include_in_schema=False)
FIGURES = "/statistics"
ENTRIES.append(Entry(FIGURES, "统计", "Statistics", OVERSIGHT, oversees))
WIDE = 300.0
"""The longest bar, in the units of its drawing."""
STREETS = {one.code: (one.name, one.name) for one in DIVISIONS}
NO_GRADE: Pair = ("未评定", "not graded")


class Bar(NamedTuple):
    """One line of a chart: its words, its number as shown, its length in the drawing, and a light."""

    words: Pair
    number: str
    length: float
    light: str = ""


def bars(rows: Iterable[tuple[Pair, float, str]], *, most: float | None = None, light: Any = None) -> list[Bar]:
    """Lines of a chart; the longest is the greatest of them, or `most`."""
    lines = list(rows)
    top = most or max((value for _, value, _ in lines), default=0) or 1
    return [
        Bar(words, shown, round(value / top * WIDE, 1), light(value) if light else "") for words, value, shown in lines
    ]


@router.get(FIGURES)
async def figures(request: Request, conn: Conn, who: Signed, shouhu: Shouhu, month: str = "") -> Response:
    """The figures of now, and of one month street by street."""
    now = shouhu.ledger.clock()
    volumes = await statistics.volumes(conn, who, shouhu)
    chosen = month if month in {one.month for one in volumes} else volumes[-1].month
    since = datetime.fromisoformat(f"{chosen}-01T00:00:00+08:00")
    until = min((since + timedelta(days=32)).replace(day=1), now)
    outcomes = await statistics.outcomes(conn, who, shouhu, as_of=None, before=None, division=None)
    cards = await statistics.scorecard(conn, who, since, max(until, since))
    rates = await boards.on_time(conn, who, shouhu, by="agency", as_of=None)
    climbed = {rung: sum(card.rungs.get(rung.value, 0) for card in cards) for rung in Rung}
    facts = {
        "path": FIGURES, "at": now.astimezone(BEIJING), "months": [one.month for one in volumes], "chosen": chosen, "outcomes": outcomes,
        "volumes": volumes, "cards": cards, "streets": STREETS,
        "by_month": bars(((one.month, one.month), one.reports, str(one.reports)) for one in volumes),
        "by_category": bars(((Category(code).zh, Category(code).en), n, str(n)) for code, n in outcomes.categories.items()),
        "by_grade": bars((_grade(code), n, str(n)) for code, n in outcomes.grades.items()),
        "by_agency": bars(
            [((rate.agency.zh, rate.agency.en), rate.rate, f"{rate.rate:.1%}") for rate in rates if rate.agency], most=1.0,
            light=lambda rate: "r" if rate < 0.8 else "a" if rate < 0.95 else "",
        ),
        "by_rung": bars(((rung.zh, rung.en), n, str(n)) for rung, n in climbed.items()),
        "to_safety": bars(
            (STREETS.get(card.division, (card.division, card.division)), card.hours_to_safety, f"{card.hours_to_safety:.1f}")
            for card in cards if card.hours_to_safety is not None
        ),
    }  # fmt: skip
    return await show(request, conn, who, "figures.html", facts)


def _grade(code: str) -> Pair:
    return (Grade(code).zh, Grade(code).en) if code in Grade._value2member_map_ else NO_GRADE
