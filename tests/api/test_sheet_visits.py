"""Visits of a book that was kept before: entered once, by day and visitor, and moving neither clock nor grade."""

import io
from datetime import timedelta

from python_calamine import CalamineWorkbook
from sqlalchemy import event, select, true

from app.db import tables
from app.db.child_records import records_of
from app.db.vault import with_notes
from app.domain.watch import watch_id
from app.domain.working_time import day_of
from tests.api.test_ledgers import watched
from tests.api.test_reports import is_problem
from tests.api.workbooks import (
    COMMITTEE,
    DIVISION,
    POOR,
    STREET,
    by_column,
    child_here,
    opened,
    sheet,
    state,
    upload,
)

VISITS = ("编号", "姓名", "走访日期", "走访人", "见到儿童本人", "走访结果", "家庭监护情况", "走访记录", "监护人姓名")


async def test_past_visits_are_entered_once_and_move_neither_clock_nor_grade(api, run):
    book, child = "guardianship_supervision", await child_here(api, "子同学（化名）", "2014-05-07", None)
    other, unverified = await child_here(api, "丑同学（化名）", "2014-05-08", None), "寅同学（化名）"
    old = [child, "子同学（化名）", "2024/03/05", "前任（化名）", "是", "情况良好", "无人监护", "孩子在祖母家", ""]
    own = ["", "丑同学（化名）", "2025-04-06", "前任（化名）", "是", "需要帮扶", "", "", "丑父（化名）"]
    heads = [*VISITS, "出生日期"]

    async def sent(person, *rows):
        job = await run(await upload(api, person, book, sheet(heads, *rows)))
        return job, await state(api, person, job)

    async def due(child):
        watches = (await api.get(COMMITTEE, "/v1/watches?limit=200")).json()["items"]
        return next((one["visit_due_at"], one["grade"], one["warnings"]) for one in watches if one["child_id"] == child)

    template = await api.get(COMMITTEE, f"/v1/ledgers/{book}/template")
    pages = CalamineWorkbook.from_filelike(io.BytesIO(template.content))
    filled = [str(head).split("\n")[0] for head in pages.get_sheet_by_name("填报").to_python()[0]]
    assert {"编号", "出生日期", "走访日期", "见到儿童本人"} <= set(filled)
    assert not {"监护人姓名", "建档原因"} & set(filled)
    assert "One row a visit" in str(pages.get_sheet_by_name("填表说明").to_python())

    wrong = [
        [child, "别人（化名）", "2024-03-04", "前任（化名）", "是", "情况良好", "", "", "", ""],
        [child, "", "2013-03-05", "前任（化名）", "是", "情况良好", "", "", "", ""],
        [child, "", "2024-03-06", "", "否", "存在风险", "", "", "", ""],
        [child, "", "2024-03-07", "前任（化名）", "否", "存在风险", "不知", "", "", ""],
        [*old, ""], [*old, ""],
        ["", unverified, "2024-03-05", "前任（化名）", "是", "情况良好", "", "", "", "2014-05-09"],
    ]  # fmt: skip
    job, shown = await sent(COMMITTEE, *wrong)
    assert {(one["row"], one["column"], one["code"]) for one in shown["faults"]} == {
        (2, "name", "differs"), (3, "visited_on", "before_birth"), (4, "visitor", "required"),
        (5, "finding", "at_risk"), (5, "guardianship", "no_choice"), (7, "", "twice_made"), (8, "", "not_on_file"),
    }  # fmt: skip
    assert (shown["state"], shown["counts"]) == ("refused", {"visit": 1, "attempt": 0, "same": 0, "wrong": 6})
    marked = by_column((await opened(api, COMMITTEE, job))[0]["填报"])
    assert "系统中姓名为：子*" in marked[0]["错误 errors"]

    street = (await sent(STREET, [*old, ""]))[1]
    assert [one["code"] for one in street["faults"]] == ["not_watched"], "it is the committee that visits"

    async def counted():
        asked = "/v1/statistics/scorecard?since=2020-01-01T00:00:00Z&until=2099-01-01T00:00:00Z"
        return {one["division"]: one["visits"] for one in (await api.get("civil.supervisor.1", asked)).json()}

    before, cards = [await due(one) for one in (child, other)], await counted()
    job, shown = await sent(COMMITTEE, [*old, ""], [*own, "2014-05-08"])
    assert (shown["state"], shown["counts"]) == ("ready", {"visit": 2, "attempt": 0, "same": 0, "wrong": 0})
    assert [(one["column"], one["cells"]) for one in shown["unread"]] == [("guardian_names", 1)]
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["counts"]["visit"]) == ("done", 2)
    assert [await due(one) for one in (child, other)] == before, "nor is anything to be verified of so long ago"
    async with api.service.engine.connect() as conn:
        (record,) = await records_of(conn, [child], true())
    (seen,) = record.visits
    said = (seen.event.day.isoformat(), seen.visitor, seen.event.by, seen.note, seen.event.before_watch)
    assert said == ("2024-03-05", "前任（化名）", COMMITTEE, "孩子在祖母家", True)
    assert "前任" not in seen.event.model_dump_json(), "who visited is content"
    assert await counted() == cards, "what was done before the watch is no work of this period"
    history = (await api.get(COMMITTEE, f"/v1/children/{child}/history")).text
    assert "2024-03-05" not in history, "what the rules find today was not found then"

    exported = await run(await api.post(COMMITTEE, f"/v1/ledgers/{book}/exports", {}))
    heads, *lines = (await opened(api, COMMITTEE, exported))[0]["贫困家庭监护监督服务档案"]
    heads = [str(head).split("\n")[0] for head in heads]
    assert "2024-03-05" in [line[heads.index("走访日期")] for line in lines if line[0] == child]
    again = (await sent(COMMITTEE, *lines))[1]
    assert (again["state"], again["counts"]["same"], again["unread"]) == ("ready", len(lines), []), "as it was exported"
    mine = next(line for line in lines if line[0] == child)
    mine[heads.index("走访结果")] = "需要帮扶"
    again = (await sent(COMMITTEE, mine))[1]
    assert (again["counts"]["same"], [one["column"] for one in again["unread"]]) == (1, ["finding"])
    assert again["unread"][0]["why"].startswith("不导入：此次走访已登记"), "what was said of a visit stands"


async def test_a_visit_that_was_entered_on_the_page_is_not_entered_again_by_the_name_in_the_committees_own_book(
    api, run
):
    book, child = "guardianship_supervision", await child_here(api, "巳同学（化名）", "2014-05-10", None)
    form = {"finding": "well", "form": {"guardian_met": True}}
    assert (await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", form)).is_success
    async with api.service.engine.connect() as conn:
        (by_page,) = (await records_of(conn, [child], true()))[0].visits
    today, heads = by_page.event.day.isoformat(), VISITS[:6]

    async def sent(*visitors):
        rows = [[child, "", today, visitor, "是", "情况良好"] for visitor in visitors]
        job = await run(await upload(api, COMMITTEE, book, sheet(heads, *rows)))
        return job, await state(api, COMMITTEE, job)

    job, shown = await sent("张三（化名）")
    assert (shown["counts"], [one["column"] for one in shown["unread"]]) == (
        {"visit": 0, "attempt": 0, "same": 1, "wrong": 0},
        ["visitor"],
    )
    assert "按同一次走访处理" in shown["unread"][0]["why"]
    (marked,) = by_column((await opened(api, COMMITTEE, job))[0]["填报"])
    assert "当日已登记走访，按同一次走访处理" in marked["错误 errors"]
    assert ((await sent(by_page.visitor))[1])["unread"] == [], "the account bears that name"

    async def said(*rows):
        job = await run(await upload(api, COMMITTEE, book, sheet(heads, *([child, "", today, *row] for row in rows))))
        return job, await state(api, COMMITTEE, job)

    _, shown = await said(("李四（化名）", "是", "需要帮扶"))
    assert [(one["column"], one["code"]) for one in shown["faults"]] == [("visited_on", "same_day")], "a person decides"
    _, shown = await said(("张三（化名）", "是", "情况良好"), ("李四（化名）", "是", "需要帮扶"))
    assert (shown["counts"]["same"], shown["counts"]["visit"]) == (1, 1), "one visit of the page is one row"
    job, shown = await said(("张三（化名）", "否", "家中无人"), ("李四（化名）", "否", ""))
    assert (shown["counts"]["attempt"], shown["counts"]["visit"]) == (2, 0)
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    _, shown = await said(("张 三", "未见到", ""), ("王五（化名）", "否", "存在风险"))
    assert (shown["counts"]["same"], [one["code"] for one in shown["faults"]]) == (1, ["at_risk"])
    async with api.service.engine.connect() as conn:
        (record,) = await records_of(conn, [child], true())
        note = tables.notes.c
        noted = select(note.stream_id, note.version, note.body.label("note")).where(note.stream_id == watch_id(child))
        notes = [row["note"] for row in await with_notes(conn, noted)]
    assert len(record.visits) == 1, "an attempt is no visit done"
    assert "走访结果：家中无人" in notes

    yesterday = (by_page.event.day - timedelta(days=1)).isoformat()
    today = yesterday
    job, shown = await sent("张三（化名）", "李四（化名）")
    assert shown["counts"]["visit"] == 2, "two names that somebody wrote down are two visits"
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    shown = (await sent("张 三", "李四（化名）", "王五（化名）"))[1]
    assert (shown["counts"]["same"], shown["counts"]["visit"]) == (2, 1), "a name with a blank is that name"
    path, typed = f"/v1/watches/{watch_id(child)}/visits", {**form, "visited_on": yesterday}
    is_problem(await api.post(COMMITTEE, path, typed), 409, "visit_in_book")
    today = by_page.event.day.isoformat()
    job, _ = await said(("张三（化名）", "是", "情况良好"), ("李四（化名）", "是", "需要帮扶"))
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    owed = (await api.get(COMMITTEE, "/v1/owed?matter=help&limit=200")).json()["items"]
    assert child in {row["subject"] for row in owed}, "help that a sheet found to be needed is owed like any other"
    assert (await api.post(COMMITTEE, path, form)).is_success, "by somebody else, and with another finding"
    helped = {**form, "finding": "needs_help"}
    is_problem(await api.post(COMMITTEE, path, helped), 409, "visit_in_book")
    assert (await api.post(COMMITTEE, path, {**helped, "another": True})).is_success, "a person has decided"
    today = (by_page.event.day - timedelta(days=3)).isoformat()
    came_again = ("张三（化名）", "否", "家中无人"), ("张三（化名）", "是", "情况良好")
    _, shown = await said(*came_again, came_again[0])
    assert [(one["row"], one["code"]) for one in shown["faults"]] == [(4, "twice_made")], "an attempt is one still"
    job, shown = await said(*came_again)
    assert (shown["counts"]["attempt"], shown["counts"]["visit"], shown["faults"]) == (1, 1, []), "nobody was in, then"
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    assert (await state(api, COMMITTEE, job))["state"] == "done"


async def test_help_that_one_visit_of_a_sheet_asks_for_is_owed_whatever_a_later_row_says(api, run, worker_engine):
    child, other = [
        await watched(api, **POOR, child={"name": name}, division=DIVISION, ago=timedelta(days=10))
        for name in ("申同学（化名）", "未同学（化名）")
    ]
    today = day_of(api.service.ledger.clock())
    days = [(today - timedelta(days=back)).isoformat() for back in (5, 2)]
    rows = [
        [child, "", day, "前任（化名）", "是", said] for day, said in zip(days, ("需要帮扶", "情况良好"), strict=True)
    ]
    rows.append([other, "", *rows[0][2:]])
    job = await run(await upload(api, COMMITTEE, "guardianship_supervision", sheet(VISITS[:6], *rows)))
    asked, engine = list[str](), worker_engine.sync_engine
    event.listen(engine, "before_cursor_execute", note := lambda *said: asked.append(said[2].lower()))
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    event.remove(engine, "before_cursor_execute", note)
    assert (await state(api, COMMITTEE, job))["counts"]["visit"] == 3
    owed = (await api.get(COMMITTEE, "/v1/owed?matter=help&limit=200")).json()["items"]
    assert {child, other} <= {one["subject"] for one in owed}
    assert sum("insert into owed" in one for one in asked) == 1, "for all children of the sheet at once"
    rows = [
        [one, "", (today - timedelta(days=1)).isoformat(), "前任（化名）", "是", "需要帮扶"] for one in (child, other)
    ]
    job = await run(await upload(api, COMMITTEE, "guardianship_supervision", sheet(VISITS[:6], *rows)))
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    assert (await state(api, COMMITTEE, job))["state"] == "done", "who is owed help already is owed it once"
