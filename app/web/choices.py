"""What a form offers that depends on the case: colleagues of a desk, reports that may be the same, who may be concerned by it."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import cases, deputies
from app.api.context import numbers_of, visible
from app.db import people, tables
from app.domain.terms import Agency
from app.web.asks import Ask
from app.web.case import Opened
from app.web.forms import Form
from app.web.outcomes import children
from app.web.words import Pair

Options = list[tuple[str, Pair]]
Groups = list[tuple[Pair, Options]]


async def offered(
    conn: AsyncConnection, case: Opened, ask: Ask, leg_id: str, form: Form, names: Mapping[str, str]
) -> dict[str, Any]:
    """By kind of field, what may be chosen in it; of `concerned` and `about` in groups."""
    makers: dict[str, Callable[[AsyncConnection, Opened, str, str], Awaitable[Options | Groups]]] = {
        "colleague": _colleagues, "suggested": _suggested, "concerned": _concerned, "startable": _startable,
        "about": partial(_about, names), "bill": _bills,
    }  # fmt: skip
    return {
        one.kind: await makers[one.kind](conn, case, leg_id, form.one(one.name))
        for one in ask.takes
        if one.kind in makers
    }


async def _colleagues(conn: AsyncConnection, case: Opened, leg_id: str, chosen: str) -> Options:
    """Those at the desk of the task who do not hold it already."""
    leg = case.progress.referral(leg_id)
    known = await deputies.colleagues(conn, case.who)
    return [(one.id, (one.name, one.name)) for one in known if leg and one.desk == leg.desk and one.id != leg.holder]


async def _suggested(conn: AsyncConnection, case: Opened, leg_id: str, chosen: str) -> Options:
    """The reports that look like the same, the likeliest first, by number."""
    found = [one["other_id"] for one in await cases.suggested_duplicates(case.id, conn, case.who)]
    numbers = await numbers_of(conn, case.who, [*found, *([chosen] if chosen else [])])
    return [(other, (numbers[other], numbers[other])) for other in dict.fromkeys((chosen, *found)) if other in numbers]


async def is_later(conn: AsyncConnection, case: Opened, other: str) -> bool:
    """Whether the other report came after this one and can follow it, for nothing follows itself; of a case that the person may not see it
    is not told."""
    its = tables.cases.c
    alone = func.coalesce(func.jsonb_array_length(its.progress["followers"]), 0) == 0
    filed = select(its.filed_at).where(its.id == other, its.is_open, alone, visible(case.who))
    at = (await conn.execute(filed)).scalar()
    return at is not None and at > case.progress.filed_at


async def _concerned(conn: AsyncConnection, case: Opened, leg_id: str, chosen: str) -> Groups:
    """Whoever declares it, those who hold a task of the case, and the agencies, those of the case first."""
    progress, own = case.progress, case.who.person_id
    holders = dict.fromkeys(leg.holder for leg in progress.referrals if leg.holder and leg.holder != own)
    names = await people.names(conn, [own, *holders])
    persons = [(one, (names.get(one, one), names.get(one, one))) for one in (own, *holders)]
    return [
        (("人员", "People"), persons),
        (("单位", "Agencies"), _agencies(case)),
    ]


def _agencies(case: Opened) -> Options:
    """Those of the case first."""
    return [(one.value, (one.zh, one.en)) for one in sorted(Agency, key=lambda one: one not in case.progress.agencies)]


async def _startable(conn: AsyncConnection, case: Opened, leg_id: str, chosen: str) -> Options:
    """The procedures that the person's agency may begin."""
    return [(row.code, (row.zh, row.en)) for row in case.startable]


async def _about(names: Mapping[str, str], conn: AsyncConnection, case: Opened, leg_id: str, chosen: str) -> Groups:
    """Whom a procedure may be about, where it is not the whole case: a child, or an agency."""
    return [
        (("孩子", "Children"), children(case.progress, names)),
        (("单位", "Agencies"), _agencies(case)),
    ]


async def _bills(conn: AsyncConnection, case: Opened, leg_id: str, chosen: str) -> Options:
    """Bills with whose turn it is to answer."""
    return [
        (
            f"{bill.id}|{payer.value}",
            (
                f"账单 {n}（{bill.yuan} 元，余 {bill.left} 元）：{payer.zh}",
                f"bill {n} ({bill.yuan} yuan, {bill.left} left): {payer.en}",
            ),
        )
        for n, bill in enumerate(case.progress.bills, 1)
        if (payer := bill.next_payer)
    ]
