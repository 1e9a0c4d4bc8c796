"""A ledger of thousands of rows with three in a hundred wrong: nothing is entered, every fault is named, and once mended all of it is."""

from sqlalchemy import func, select

from app.db import tables
from tests.api.test_sheets import (
    by_column,
    opened,
    run,  # noqa: F401 (a fixture)
    sheet,
    state,
    upload,
)
from tests.bench.excel import HEADS, children, lines_of

ROWS = 5_000
DIVISION = "110106015"
COMMITTEE = f"comm-{DIVISION}.officer.1"
EVERY = 33
"""Three in a hundred."""


async def here(api):
    child = tables.children.c
    async with api.service.engine.connect() as conn:
        return (await conn.execute(select(func.count()).where(child.division == DIVISION))).scalar_one()


async def test_a_ledger_with_three_wrong_rows_in_a_hundred_is_entered_whole_or_not_at_all(api, run):  # noqa: F811
    lines, before = lines_of(children(ROWS, 5)), await here(api)
    wrong = [n for n in range(ROWS) if n % EVERY == 7]
    spoilt = [[*line] for line in lines]
    for n in wrong:
        spoilt[n][2] = ("2031-02-30", "明天", "2099-01-01")[n % 3]
    job = await run(await upload(api, COMMITTEE, "information", sheet(HEADS, *spoilt)))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["problem"]) == ("refused", "sheet_has_errors")
    assert (shown["counts"]["wrong"], shown["counts"]["new"]) == (len(wrong), ROWS - len(wrong))
    marked = by_column((await opened(api, COMMITTEE, job))[0]["填报"])
    said = [n for n, row in enumerate(marked) if row["错误 errors"]]
    assert (said, await here(api)) == (wrong, before)
    body = sheet(HEADS, *lines)
    job = await run(await upload(api, COMMITTEE, "information", body))
    assert (await state(api, COMMITTEE, job))["state"] == "ready"
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    done = await state(api, COMMITTEE, job)
    assert (done["state"], done["counts"]["new"], await here(api)) == ("done", ROWS, before + ROWS)
    again = await run(await upload(api, COMMITTEE, "information", body))
    assert (await state(api, COMMITTEE, again))["counts"] == {"new": 0, "changed": 0, "same": ROWS, "wrong": 0}
