"""通报: the scorecard of a month as a document, made once by schedule from the ledger as it stood at the month's end, and kept."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Column, Date, LargeBinary, Table, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.columns import Instant, metadata
from app.db.ledger import Ledger
from app.db.scorecard import EVERY, KEPT, scorecard
from app.domain.small_numbers import TOGETHER, each_alone, shown_of_agencies, suppressed
from app.domain.terms import Agency, Rung
from app.domain.working_time import BEIJING, day_of

circulars = Table(
    "circulars",
    metadata,
    Column("month", Date, primary_key=True),
    Column("made_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    comment="The circular of each month as PDF: counts by street and agency, of nobody.",
)
LEDGER = (
    "由个案台账逐条统计，期末以后发生的事项不计入，封存的案件不计入；时限按当时生效的工作日历。"
    "期末逾期未访为期末仍在监测、走访已到期而未走访的儿童。"
    "第一表除排查外的数和第三表中小于{smallest}的数及可由合计推出的数不列（—），核实安全的报告少于{smallest}件的不列小时数；第三表全部不列的单位不出现。"
)
STREETS = (
    "街乡（镇）",
    "报告",
    "90日内再次报告",
    "已答复报告人",
    "至安全中位小时",
    "走访",
    "逾期走访",
    "期末逾期未访",
    "排查应报",
    "排查已报",
    "按时受理",
    "按时办结",
    "督查",
    "检察监督",
)
SENDER = "丰台区困境儿童和留守儿童社会保护工作联席会议办公室"
AGENCIES = ("单位", "受理到期", "按时受理", "受理按时率", "办结到期", "按时办结", "办结按时率", "督促次数")
"""What is owed in material counts with neither."""
SCREENED = ("排查应报", "排查已报")
"""Of an agency's own desks and, of education, its schools."""


def month_before(now: datetime) -> date:
    """The first day of the month that has ended."""
    return (day_of(now).replace(day=1) - timedelta(days=1)).replace(day=1)


def span(month: date) -> tuple[datetime, datetime]:
    """From its first instant to its last."""
    following = (month + timedelta(days=32)).replace(day=1)
    begin, end = (datetime.combine(day, time.min, BEIJING) for day in (month, following))
    return begin, end - timedelta(microseconds=1)


async def facts_of(conn: AsyncConnection, ledger: Ledger, month: date) -> dict[str, Any]:
    """What the template shows, from the events of the month alone. Heads of every office read it: no sealed case is counted, and of a
    street or an agency in it nothing is told by which a child could be known."""
    since, until = span(month)
    smallest = (await ledger.current(conn, until)).figures.smallest_shown
    unsealed = func.coalesce(func.jsonb_array_length(tables.cases.c.progress["sealed_for"]), 0) == 0
    division = tables.divisions.c
    names = {row.code: row.name for row in await conn.execute(select(division.code, division.name))}
    cards = await scorecard(conn, since, until, unsealed, true(), EVERY)
    whole = _whole(cards.values())
    of_reports = suppressed(
        {code: {name: card.get(name, 0) for name in OF_REPORTS} for code, card in cards.items()}, smallest
    )
    due, on_time = (sum(whole[share[n]] for share in SHARES) for n in (0, 1))
    kept = {
        (code, Agency(agency)): row for code in sorted(cards) for agency, row in sorted(cards[code].get("agencies", {}).items())
    }  # fmt: skip
    counts = {(code, one.value): {**row, "rungs": sum(row["rungs"].values())} for (code, one), row in kept.items()}
    apart = shown_of_agencies(counts, smallest, cards)
    alone = _alone(cards, smallest)
    shown = {code: {**of_reports[code], **apart.pop((code, TOGETHER)), **alone[code]} for code in cards}
    agencies = [agency for agency in Agency if any(one is agency for _, one in kept)]
    return {
        "title": f"丰台区困境儿童和留守儿童社会保护工作督查考核通报（{month:%Y年%m月}）", "stamp": "内部资料",
        "sender": SENDER,
        "date": [until.year, until.month, until.day], "period": f"{since:%Y-%m-%d} 至 {until:%Y-%m-%d}",
        "lead": f"本月全区接到报告{whole['reports']}件，到期时限{due}项，其中按时{on_time}项。",
        "note": LEDGER.format(smallest=smallest),
        "tables": [
            {"title": "一、街乡（镇）", "columns": list(STREETS), "rows": [
                *(_street(names.get(code, code), _without_few(cards[code], shown[code], smallest)) for code in sorted(cards)),
                _street(TOGETHER, whole),
            ]},
            {"title": "二、单位", "columns": [*AGENCIES, *SCREENED], "rows": [
                *(_agency(agency.zh, [row for (_, one), row in kept.items() if one is agency]) for agency in agencies),
                _agency(TOGETHER, [*kept.values()]),
            ]},
            {"title": "三、各街乡（镇）的单位", "columns": ["街乡（镇）· 单位", *AGENCIES[1:]], "rows": [
                _shown(f"{names.get(code, code)} · {Agency(one).zh}", counts[code, one], line) for (code, one), line in apart.items()
            ]},
        ],
    }  # fmt: skip


OF_REPORTS = ("reports", "reported_again", "answered")
VISITS = ("visits", "visits_missed", "visits_overdue")
COUNTED = (*OF_REPORTS, *VISITS, "asked", "returned")
TOP = (Rung.SUPERVISION.value, Rung.PROCURATORATE.value)
SHARES = tuple((f"{of}_due", f"{of}_on_time") for of in ("accept", "finish"))


def _whole(cards: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """All streets together; a median of medians says nothing, so there is none."""
    every = list(cards)
    rungs = Counter[str]()
    for card in every:
        rungs.update(card["rungs"])
    return {**{name: sum(card.get(name, 0) for card in every) for name in (*COUNTED, *KEPT)}, "rungs": rungs}


def _alone(cards: Mapping[str, Mapping[str, Any]], smallest: int) -> dict[str, dict[str, int | None]]:
    """By street, what nothing beside it in the table is a part or the sum of: visits, and how often a silence came so high."""
    names = (*VISITS, *TOP)
    counts = {code: {name: {**card, **card["rungs"]}.get(name, 0) for name in names} for code, card in cards.items()}
    return each_alone(counts, names, smallest)


def _without_few(card: Mapping[str, Any], shown: Mapping[str, int | None], smallest: int) -> Mapping[str, Any]:
    """A street's card as heads of every office may read it: how long so few took to be found safe is how long one of them took."""
    hours = card.get("hours_to_safety") if card.get("found_safe", 0) >= smallest else None
    return {**card, **shown, "hours_to_safety": hours, "rungs": {name: shown[name] for name in TOP}}


def _street(name: str, card: Mapping[str, Any]) -> list[str]:
    hours, rungs = card.get("hours_to_safety"), card["rungs"]
    counts = ["—" if (count := card.get(what, 0)) is None else str(count) for what in COUNTED]
    top = ["—" if (count := rungs.get(name, 0)) is None else str(count) for name in TOP]
    kept = ["—" if card.get(due, 0) is None else f"{card.get(met, 0)}/{card.get(due, 0)}" for due, met in SHARES]
    return [name, *counts[:3], "—" if hours is None else f"{hours:.1f}", *counts[3:], *kept, *top]


def _agency(name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = [name]
    for of_due, of_met in SHARES:
        due, met = (sum(row[what] for row in rows) for what in (of_due, of_met))
        cells += _share(due, met)
    screened = (sum(row[what] for row in rows) for what in ("asked", "returned"))
    return [*cells, str(sum(n for row in rows for n in row["rungs"].values())), *map(str, screened)]


def _shown(name: str, counts: Mapping[str, int], shown: Mapping[str, int | None]) -> list[str]:
    """A line of an agency in a street, with nothing of what cannot be shown."""
    cells = [name]
    for of_due, of_met in SHARES:
        cells += _share(counts[of_due], counts[of_met]) if shown[of_due] is not None else ["—"] * 3
    return [*cells, "—" if shown["rungs"] is None else str(shown["rungs"])]


def _share(due: int, met: int) -> list[str]:
    return [str(due), str(met), f"{100 * met / due:.1f}%" if due else "—"]


async def keep(conn: AsyncConnection, month: date, body: bytes, now: datetime) -> None:
    """The first one of a month stays: what was sent out is not made anew."""
    row = {"month": month, "made_at": now, "body": body}
    await conn.execute(insert(circulars).values(row).on_conflict_do_nothing())
