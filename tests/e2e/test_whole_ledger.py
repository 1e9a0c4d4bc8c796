"""A ledger of five thousand rows on the running service: refused whole while three in a hundred are wrong, then entered whole, once; and before
that two officers who change one child at the same moment. It stands last in its room, for what it leaves to the engine keeps that busy."""

import asyncio
import io

import httpx2
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import func, select

from app.db import tables
from app.db.session import engine_of
from app.workbook import MEDIA_TYPE
from tests.api.workbooks import by_column, sheet
from tests.bench.excel import HEADS, children, lines_of

ROWS, DIVISION = 5_000, "110106015"
COMMITTEE, STREET, HEAD = f"comm-{DIVISION}.officer.1", f"street-{DIVISION}.officer.1", f"street-{DIVISION}.head.1"
WRONG = [n for n in range(ROWS) if n % 100 in (7, 40, 73)]
DAYS = ("2031-02-30", "明天", "2099-01-01")
"""No day, no date, and none that has been."""
STALLED = 240
"""Seconds in which a job has to move; on a busy machine the whole may take long."""


async def here(stack):
    """How many children live there."""
    engine, child = engine_of(stack.environment()["SHOUHU_DATABASE_URL"]), tables.children.c
    async with engine.connect() as conn:
        found = (await conn.execute(select(func.count()).where(child.division == DIVISION))).scalar_one()
    await engine.dispose()
    return found


async def sent(people, body):
    headers = {"Authorization": f"Bearer {people.tokens[COMMITTEE]}", "Content-Type": MEDIA_TYPE}
    answer = await people.http.post("/v1/sheets?book=information", content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


async def ended(people, job):
    """The job once it has ended, and how far it was seen to be on its way."""
    seen, loop = [], asyncio.get_running_loop()
    async with asyncio.timeout(STALLED) as patience:
        while (said := await people.get(COMMITTEE, f"/v1/sheets/{job}"))["state"] in ("waiting", "running"):
            if said["done"] not in seen:
                seen.append(said["done"])
                patience.reschedule(loop.time() + STALLED)
            await asyncio.sleep(0.1)
    return said, seen


async def test_two_officers_who_change_one_child_at_once_lose_nothing(stack, people):
    """Each over a connection of their own; of each pair one is taken, and the other is told by whom and what."""
    known = {"name": "丰小禾（化名）", "sex": "female", "birth_date": "2016-03-04"}
    given = {"child": known, "found": "in_difficulty", "grade": "low", "evidence": "入户排查"}
    child = (await people.post(COMMITTEE, "/v1/children", given))["child_id"]
    path, officers = f"/v1/children/{child}/changes", (COMMITTEE, STREET)
    async with (
        httpx2.AsyncClient(base_url=stack.url, timeout=60, trust_env=False) as one,
        httpx2.AsyncClient(base_url=stack.url, timeout=60, trust_env=False) as two,
    ):

        async def enter(n, field, value, seen=0):
            signed = {"Authorization": f"Bearer {people.tokens[officers[n]]}"}
            given = {"field": field, "value": value, "seen": seen}
            return await (one, two)[n].post(path, json=given, headers=signed)

        late = []
        for field in ("phone", "school", "features"):
            pair = await asyncio.gather(*(enter(n, field, f"{field}-{n}") for n in (0, 1)))
            assert sorted(answer.status_code for answer in pair) == [200, 409], [answer.text for answer in pair]
            first = 0 if pair[0].is_success else 1
            told = pair[1 - first].json()
            assert (told["code"], told["field"], told["by"]) == ("change_waits", field, officers[first])
            assert told["change"] == pair[first].json()["change"]
            late.append((1 - first, field, told["change"]))
        both = await asyncio.gather(enter(0, "school_class", "三年级"), enter(1, "residence", "示例路9号"))
        assert [answer.status_code for answer in both] == [200, 200], "different fields are in nobody's way"
        for n, field, change in late:
            await people.post(HEAD, f"{path}/{change}/pass")
            stale = (await enter(n, field, f"{field}-{n}")).json()
            assert (stale["code"], stale["by"], stale["version"]) == ("value_changed", officers[1 - n], change)
            assert (await enter(n, field, f"{field}-{n}", seen=change)).status_code == 200, "once they have seen it"
        history = await people.get(HEAD, f"/v1/children/{child}/history")
    entered = {(row["field"], row["by"]) for row in history if row["kind"] == "change_entered"}
    assert entered >= {(field, by) for _, field, _ in late for by in officers}, "both stand in the file"


@pytest.mark.timeout(1800)
async def test_a_ledger_with_three_wrong_rows_in_a_hundred_is_entered_whole_or_not_at_all(stack, people):
    lines, before = lines_of(children(ROWS, 5)), await here(stack)
    spoilt = [[*line] for line in lines]
    for n in WRONG:
        spoilt[n][2] = DAYS[n % 3]
    job = await sent(people, sheet(HEADS, *spoilt))
    refused, looked = await ended(people, job)
    assert (refused["state"], refused["problem"]) == ("refused", "sheet_has_errors")
    assert (refused["counts"]["wrong"], refused["counts"]["new"]) == (150, ROWS - 150)
    signed = {"Authorization": f"Bearer {people.tokens[COMMITTEE]}"}
    marked = await people.http.get(f"/v1/sheets/{job}/workbook", headers=signed)
    page = CalamineWorkbook.from_filelike(io.BytesIO(marked.content)).get_sheet_by_name("填报").to_python()
    assert [n for n, row in enumerate(by_column(page)) if row["错误 errors"]] == WRONG
    confirmed = await people.http.post(f"/v1/sheets/{job}/confirm", headers=signed)
    assert (confirmed.status_code, confirmed.json()["code"]) == (409, "sheet_has_errors")
    assert await here(stack) == before
    job = await sent(people, body := sheet(HEADS, *lines))
    ready, previewed = await ended(people, job)
    assert (ready["state"], ready["counts"]["new"], await here(stack)) == ("ready", ROWS, before)
    await people.post(COMMITTEE, f"/v1/sheets/{job}/confirm")
    done, entered = await ended(people, job)
    assert (done["state"], done["counts"]["new"], await here(stack)) == ("done", ROWS, before + ROWS)
    assert all(any(0 < n < ROWS for n in seen) for seen in (looked, previewed, entered)), "each was seen on its way"
    again, _ = await ended(people, await sent(people, body))
    assert again["counts"] == {"new": 0, "changed": 0, "same": ROWS, "wrong": 0}
    assert await here(stack) == before + ROWS
