"""A sheet is a book, and no list of guesses at what is masked."""

from sqlalchemy import select

from app.db import tables
from tests.api.workbooks import COMMITTEE, child_here, opened, sheet, state, upload


async def previewed(api, run, code, heads, *lines):
    job = await run(await upload(api, COMMITTEE, code, sheet(heads, *lines)))
    return job, await state(api, COMMITTEE, job)


async def test_a_second_row_about_a_child_is_compared_with_nothing(api, run):
    """Not even where a change waits, which would tell which of the numbers stands."""
    child = await child_here(api, "甲二行（化名）", phone="13800001111")
    change = {"field": "phone", "value": "13800009999", "evidence": "入户"}
    assert (await api.post(COMMITTEE, f"/v1/children/{child}/changes", change)).status_code == 200
    phones = ("13800002222", "13800001111", "13800003333")
    columns = (await api.get(COMMITTEE, "/v1/ledgers/personal")).json()["columns"]
    heads = ["编号", next(one["zh"] for one in columns if one["code"] == "phone")]
    job, shown = await previewed(api, run, "personal", heads, *([child, one] for one in phones))
    assert [(one["row"], one["code"]) for one in shown["faults"]] == [(2, "waits"), (3, "twice"), (4, "twice")]
    rows = (await opened(api, COMMITTEE, job))[0]["填报"][1:]
    assert len({tuple(row[-2:]) for row in rows[1:]}) == 1, "the right one is marked like any other"


async def test_a_book_with_too_many_rows_of_one_child_that_differ_is_refused_and_on_record(api, run):
    child = await child_here(api, "甲多行（化名）")
    heads, case = ["编号", "姓名", "个案编号"], tables.children.c
    async with api.service.engine.connect() as conn:
        of = (await conn.execute(select(case.case_id).where(case.id == child))).scalar_one()
    number = (await api.get("civil.supervisor.1", f"/v1/cases/{of}")).json()["case_no"]
    book = (await api.get(COMMITTEE, "/v1/ledgers/case_service")).json()
    number = next(row["case_number"] for row in book["rows"] if row["child_id"] == child) or number
    heads[2] = next(one["zh"] for one in book["columns"] if one["code"] == "case_number")
    guesses = [[child, f"甲{n}行（化名）", number] for n in range(21)]
    _, shown = await previewed(api, run, "case_service", heads, *guesses[:20])
    assert (shown["counts"]["differs"], shown["problem"]) == (20, "sheet_only_compared")
    job, shown = await previewed(api, run, "case_service", heads, *guesses)
    assert (shown["state"], shown["problem"], shown["faults"]) == ("refused", "sheet_guesses", [])
    assert (await api.get(COMMITTEE, f"/v1/sheets/{job}/workbook")).status_code == 404
    line = tables.audit.c
    query = select(line.children).where(line.why == "sheet_guesses", line.outcome == "refused")
    async with api.service.engine.connect() as conn:
        assert [child] in list((await conn.execute(query)).scalars())
