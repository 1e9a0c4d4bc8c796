"""What comes in as Excel goes the path of every change: previewed, entered as a whole or not at all, and said by column where it is not."""

import io
import zipfile
from datetime import date

import pytest
from sqlalchemy import select

from app.api.edge import UPLOAD_LIMIT
from app.db import tables
from app.db.vault import vault_of
from app.domain.identity import check_digit
from app.domain.ledgers import COLUMNS
from app.domain.sheet_columns import KEY, layout
from app.domain.sheets import read_day
from app.domain.unread import WHY_NOT
from app.workbook import LARGEST, MEDIA_TYPE
from tests.api.test_reports import is_problem
from tests.api.workbooks import (
    COMMITTEE,
    DIVISION,
    STREET,
    WORK,
    by_column,
    child_here,
    entered,
    opened,
    sheet,
    state,
    upload,
)

NEW = f"11010620180910004{check_digit('11010620180910004')}"


async def test_an_import_is_previewed_then_entered_as_a_whole_and_a_second_time_changes_nothing(api, run):
    kept = await child_here(api, "甲同学（化名）", "2015-02-03", "110106201502030011", sex="male")
    heads = [
        "编号",
        "姓名",
        "身份证号",
        "就读学校",
        "监护人姓名",
        "监护人电话",
        "低保",
        "备用列",
        "建档原因",
        "建档风险等级",
    ]
    lines = [
        [
            kept,
            "甲*",
            "110106********0011",
            "新学校（化名）",
            "甲父（化名）、甲母（化名）",
            "13900001111、13900002222",
            "是",
            "不读",
        ],
        [
            "",
            "新来的（化名）",
            NEW,
            "示例小学（化名）",
            "新父（化名）",
            "13900003333",
            "否",
            "",
            "走访发现困境儿童",
            "中风险",
        ],
    ]
    job = await run(await upload(api, COMMITTEE, "information", sheet(heads, *lines)))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["faults"]) == ("ready", [])
    assert shown["counts"] == {"new": 1, "changed": 1, "same": 0, "wrong": 0}
    assert [(one["column"], one["zh"], one["cells"]) for one in shown["unread"]] == [("own.H", "H列", 1)]
    assert [row[-2] for row in (await opened(api, COMMITTEE, job))[0]["填报"][1:]] == [
        "变更（进入核实）",
        "新增（建档，进入核实）",
    ]
    before = (await api.get(COMMITTEE, f"/v1/children/{kept}")).json()["fields"]
    assert "waiting" not in before.get("school", {}), "a preview enters nothing"
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    assert (await state(api, COMMITTEE, job))["state"] == "done"
    fields = (await api.opened(COMMITTEE, f"/v1/children/{kept}")).json()["fields"]
    assert fields["school"]["waiting"]["value"] == "新学校（化名）"
    assert fields["means"]["waiting"]["value"] == {"on_minimum_living": "yes"}
    assert [one["name"] for one in await entered(api, kept, "guardians")] == ["甲父（化名）", "甲母（化名）"]
    assert "waiting" not in fields["name"], "what is masked is not entered"
    assert fields["means"]["waiting"]["desk"] == f"STREET-{DIVISION}"
    again = await run(await upload(api, COMMITTEE, "information", sheet(heads, *lines)))
    assert (await state(api, COMMITTEE, again))["counts"] == {"new": 0, "changed": 0, "same": 2, "wrong": 0}
    await run(await api.post(COMMITTEE, f"/v1/sheets/{again}/confirm"))
    child = tables.children.c
    async with api.service.engine.connect() as conn:
        (new,) = (
            await conn.execute(select(child.id).where(child.marks.contains([vault_of(conn).mark("id_no", NEW)])))
        ).scalars()
    assert (await api.get(COMMITTEE, "/v1/watches?limit=200")).text.count(new) == 0
    registered = (await api.get(COMMITTEE, f"/v1/children/{new}")).json()["fields"]["registration"]["waiting"]
    assert (await api.post(STREET, f"/v1/children/{new}/changes/{registered['change']}/pass")).status_code == 200
    assert new in (await api.get(COMMITTEE, "/v1/watches?limit=200")).text, "verified, it is watched"
    change = fields["school"]["waiting"]["change"]
    passed = await api.post(STREET, f"/v1/children/{kept}/changes/{change}/pass")
    assert passed.status_code == 200, passed.text
    assert (await api.get(COMMITTEE, f"/v1/children/{kept}")).json()["fields"]["school"]["value"] == "新学校（化名）"


async def test_what_is_typed_and_not_entered_is_said_by_column_and_in_its_row(api, run):
    child = await child_here(api, "辛同学（化名）", "2012-04-05", None, sex="male")
    job = await run(await api.post(COMMITTEE, f"/v1/ledgers/{WORK}/exports", {}))
    heads, *lines = (await opened(api, COMMITTEE, job))[0]["工作台账"]
    names = [head.split("\n")[0] for head in heads]
    lines = [[*line, ""] for line in lines]
    again = sheet([*heads, "备注"], *lines)
    job = await run(await upload(api, COMMITTEE, WORK, again))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["unread"], shown["counts"]["same"]) == ("ready", [], len(lines)), "as it was exported"
    of_case, older, at = tables.children.c, [[*line] for line in lines], names.index("在办个案")
    number = select(tables.cases.c.number).join(tables.children, tables.cases.c.id == of_case.case_id)
    mine = next(n for n, line in enumerate(older) if line[0] == child)
    async with api.service.engine.connect() as conn:
        older[mine][at] = str(await conn.scalar(number.where(of_case.id == child)))
    job = await run(await upload(api, COMMITTEE, WORK, sheet([*heads, "备注"], *older)))
    shown = await state(api, COMMITTEE, job)
    assert shown["unread"] == [], "a book of former days had running numbers alone"
    older[mine][at] = "99999999"
    job = await run(await upload(api, COMMITTEE, WORK, sheet([*heads, "备注"], *older)))
    shown = (await state(api, COMMITTEE, job))["unread"]
    assert [(one["column"], one["cells"]) for one in shown] == [("open_cases", 1)], "a case of nobody's is said"
    lines[mine][names.index("最近走访")], lines[mine][-1] = "2026-10-01", "低保已停"
    new = ["", *[""] * (len(names) - 1), ""]
    new[names.index("姓名")], new[names.index("走访次数")] = "壬同学（化名）", "3"
    heads, new = (
        [*heads, "备注", "出生日期", "建档原因", "建档风险等级"],
        [*new, "2012-04-06", "走访发现困境儿童", "中风险"],
    )
    job = await run(await upload(api, COMMITTEE, WORK, sheet(heads, *lines, new)))
    shown = await state(api, COMMITTEE, job)
    assert {one["column"]: one["cells"] for one in shown["unread"]}.items() >= {"last_visit": 1, "visits": 1}.items()
    assert all(one["why"].startswith("不导入：") for one in shown["unread"])
    marked = by_column((await opened(api, COMMITTEE, job))[0]["填报"])
    assert marked[mine]["错误 errors"].endswith("不导入：最近走访、备注")


@pytest.mark.requirement("R033")
async def test_whom_the_parents_have_entrusted_is_entered_by_the_committee_that_watches_once_found_fit(api, run):
    child = await child_here(api, "癸同学（化名）", "2013-05-06", None)
    heads = ["编号", "姓名", "受委托人姓名", "受委托人与儿童关系", "受委托人电话", "父母外出日期", "受委托人符合条件"]
    line = [child, "癸同学（化名）", "癸祖母（化名）", "祖父母或外祖父母", "13700001111", "2026-10-08"]

    async def sent(person, *row):
        job = await run(await upload(api, person, "guardianship", sheet(heads, row)))
        return job, await state(api, person, job)

    for fit, code in (("", "required"), ("否", "unfit")):
        shown = (await sent(COMMITTEE, *line, fit))[1]
        assert [(one["column"], one["code"]) for one in shown["faults"]] == [("care.fit", code)]
    assert (await sent(COMMITTEE, *line[:2], "癸*", *line[3:], "是"))[1]["faults"][0]["code"] == "masked"
    street = (await sent(STREET, *line, "是"))[1]
    assert ({one["column"] for one in street["unread"]}, street["counts"]["same"]) == (
        {"delegate_name", "delegate_relation", "delegate_phone", "leaves_on", "own.G"}, 1,
    )  # fmt: skip
    job, shown = await sent(COMMITTEE, *line, "是")
    assert (shown["state"], shown["counts"]["changed"], shown["unread"]) == ("ready", 1, [])
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    assert (await state(api, COMMITTEE, job))["state"] == "done"
    (watch,) = [
        one for one in (await api.get(COMMITTEE, "/v1/watches?limit=200")).json()["items"] if one["child_id"] == child
    ]
    assert watch["contact_due_at"], "from then on a word with the child is owed every week"
    (row,) = [
        one
        for one in (await api.get(COMMITTEE, "/v1/ledgers/guardianship?limit=200")).json()["rows"]
        if one["child_id"] == child
    ]
    assert (row["delegate_name"], row["delegate_relation"], row["leaves_on"]) == (
        "癸*",
        "祖父母或外祖父母",
        "2026-10-08",
    )
    for name in (line[2], row["delegate_name"]):
        assert (await sent(COMMITTEE, *line[:2], name, *line[3:], "是"))[1]["counts"]["same"] == 1


async def test_rows_of_cases_and_benefits_are_compared_and_never_entered(api, run):
    child = await child_here(api, "卯同学（化名）", "2014-06-07", None)
    job = await run(await api.post(COMMITTEE, "/v1/ledgers/case_service/exports", {}))
    heads, *lines = (await opened(api, COMMITTEE, job))[0]["个案服务档案"]
    heads = [str(head).split("\n")[0] for head in heads]
    mine = next(line for line in lines if line[0] == child)
    wrong, unknown, short = [*mine], [*mine], [*mine]
    wrong[heads.index("个案阶段")] = "已办结"
    unknown[heads.index("个案编号")] = 987654
    short[heads.index("个案编号")] = int(str(mine[heads.index("个案编号")]).rpartition("-")[2])
    job = await run(await upload(api, COMMITTEE, "case_service", sheet(heads, mine, wrong, unknown, short)))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["problem"]) == ("done", "sheet_only_compared")
    assert shown["counts"] == {"agrees": 2, "differs": 2, "wrong": 0}, "also by its running number alone"
    assert [(one["row"], one["column"], one["code"]) for one in shown["faults"]] == [
        (3, "case_stage", "differs"), (4, "case_number", "no_case"),
    ]  # fmt: skip
    book = (await opened(api, COMMITTEE, job))[0]
    marked = by_column(book["填报"])
    assert "只比对" in marked[0]["导入结果 result"]
    assert f"系统中个案阶段为：{mine[heads.index('个案阶段')]}" in marked[1]["错误 errors"]
    assert "请上报" in marked[2]["错误 errors"]
    assert "只与系统中的个案比对，不导入" in book["说明"][0][1]
    is_problem(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"), 409, "sheet_only_compared")
    aid = sheet(["编号", "待遇名称", "低保"], [child, "临时救助", "是"], [child, "", "是"])
    shown = await state(api, COMMITTEE, await run(await upload(api, COMMITTEE, "aid", aid)))
    assert (shown["problem"], shown["counts"]) == ("sheet_only_compared", {"agrees": 0, "differs": 2, "wrong": 0})
    assert [(one["column"], one["code"]) for one in shown["faults"]] == [
        ("benefit", "no_benefit"), ("means.on_minimum_living", "differs"),
    ], "one without a benefit is the row of a child that has none"  # fmt: skip
    kinds = (await api.get(COMMITTEE, "/v1/ledgers")).json()
    assert {one["code"] for one in kinds if not one["is_entered"]} == {"case_service", "aid"}


def test_every_column_that_is_not_entered_has_its_reason():
    streets = {DIVISION: "示例街道"}
    made = [column for column in layout(COLUMNS, streets) if column.enters is None and column.code != KEY]
    assert {column.code for column in made} == set(WHY_NOT)
    assert all(column.note == f"不导入：{WHY_NOT[column.code]}" for column in made)


async def test_one_wrong_row_keeps_all_out_and_comes_back_marked(api, run):
    kept = await child_here(api, "乙同学（化名）", "2014-03-04", "110106201403040012", sex="male")
    twin = await child_here(api, "丙同学（化名）", "2013-03-04", None)
    await api.post(COMMITTEE, f"/v1/children/{twin}/changes", {"field": "school", "value": "另一学校（化名）"})
    heads = ["编号", "姓名", "出生日期", "身份证号", "性别", "就读学校", "监护人姓名", "监护人电话"]
    lines = [
        [kept, "", "", "", "", "好学校（化名）", "", ""],
        ["ch-none", "某某", "", "", "", "", "", ""],
        ["", "丁*", "2099-01-01", "110106201605060025", "男孩", "", "丁父、丁母", "123"],
        [twin, "", "", "", "", "第三学校（化名）", "", ""],
        [kept, "", "", "", "", "别的学校（化名）", "", ""],
        ["", "", "", "", "", "没有名字（化名）", "", ""],
        ["", "戊同学（化名）", "", 110106201605060026, "", "", "", ""],
    ]
    job = await run(await upload(api, COMMITTEE, "information", sheet(heads, *lines)))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["problem"], shown["counts"]["wrong"]) == ("refused", "sheet_has_errors", 6)
    told = {(fault["row"], fault["column"], fault["code"]) for fault in shown["faults"]}
    assert told == {
        (3, "child_id", "no_child"), (4, "name", "masked"), (4, "birth_date", "future_date"), (4, "sex", "no_choice"),
        (4, "id_no", "wrong_check_digit"), (4, "guardian_phones", "uneven"), (5, "school", "waits"), (6, "", "twice"),
        (7, "", "nobody"), (8, "id_no", "number"),
        *((row, f"registration.{name}", "required") for row in (4, 7, 8) for name in ("found", "grade")),
    }  # fmt: skip
    assert all(fault["zh"] and fault["en"] for fault in shown["faults"])
    book, answer = await opened(api, COMMITTEE, job)
    marked = by_column(book["填报"])
    assert [row["导入结果 result"] for row in marked].count("有错误") == 6
    assert "出生日期：日期晚于今天" in marked[2]["错误 errors"]
    styles = zipfile.ZipFile(io.BytesIO(answer.content)).read("xl/styles.xml")
    assert b"FFFFC7CE" in styles
    is_problem(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"), 409, "sheet_has_errors")
    assert "waiting" not in (await api.get(COMMITTEE, f"/v1/children/{kept}")).json()["fields"].get("school", {})


async def test_what_changed_between_preview_and_confirmation_keeps_all_out(api, run):
    first = await child_here(api, "己同学（化名）", "2012-03-04", None)
    second = await child_here(api, "庚同学（化名）", "2011-03-04", None)
    lines = [[one, "同一新校（化名）"] for one in (first, second)]
    job = await run(await upload(api, COMMITTEE, "personal", sheet(["编号", "就读学校"], *lines)))
    await api.post(COMMITTEE, f"/v1/children/{second}/changes", {"field": "school", "value": "先到的学校（化名）"})
    await run(await api.post(COMMITTEE, f"/v1/sheets/{job}/confirm"))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], [fault["code"] for fault in shown["faults"]]) == ("refused", ["waits"])
    assert "waiting" not in (await api.get(COMMITTEE, f"/v1/children/{first}")).json()["fields"].get("school", {})


def packed(**parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, body in ({"[Content_Types].xml": b"", "xl/workbook.xml": b""} | parts).items():
            made.writestr(name, body)
    return out.getvalue()


HOSTILE = {
    "text": (b"name,id\n", "not_a_workbook"),
    "old_excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "not_a_workbook"),
    "cut_off": (sheet(["姓名"], ["x"])[:400], "not_a_workbook"),
    "no_archive": (b"PK\x03\x04" + bytes(30), "not_a_workbook"),
    "macros": (packed(**{"xl/vbaProject.bin": b"x"}), "workbook_is_active"),
    "old_macros": (packed(**{"xl/macrosheets/sheet1.xml": b"x"}), "workbook_is_active"),
    "macro_type": (packed(**{"[Content_Types].xml": b"...sheet.macroEnabled.main+xml"}), "workbook_is_active"),
    "elsewhere": (packed(**{"xl/externalLinks/externalLink1.xml": b"x"}), "workbook_is_active"),
    "embedded": (packed(**{"xl/embeddings/oleObject1.bin": b"x"}), "workbook_is_active"),
    "entities": (packed(**{"xl/sharedStrings.xml": b'<!DOCTYPE x [<!ENTITY a "aa">]>'}), "workbook_is_active"),
    "bomb": (packed(**{"xl/worksheets/sheet1.xml": bytes(300 * 2**20)}), "workbook_too_large"),
    "many_parts": (packed(**{f"xl/{n}.xml": b"" for n in range(600)}), "workbook_too_large"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_file_that_is_more_or_less_than_a_workbook_is_not_taken(api, kind):
    body, code = HOSTILE[kind]
    is_problem(await upload(api, COMMITTEE, "information", body), 422, code)


async def test_only_a_workbook_of_a_bearable_size_passes_the_edge(api):
    is_problem(await upload(api, COMMITTEE, "information", bytes(LARGEST + 1)), 422, "workbook_too_large")
    is_problem(await upload(api, COMMITTEE, "information", bytes(UPLOAD_LIMIT + 1)), 413, "body_too_large")
    elsewhere = await api.http.post(
        "/v1/reports", content=b"x", headers=api._headers(COMMITTEE, {"Content-Type": MEDIA_TYPE})
    )
    is_problem(elsewhere, 415, "unsupported_media_type")
    is_problem(await upload(api, "admin.1", "information", sheet(["姓名"])), 404, "ledger_not_found")
    head = f"street-{DIVISION}.head.1"
    assert (await upload(api, head, "information", sheet(["姓名"]))).status_code == 202


async def test_a_sheet_without_a_known_column_is_refused_in_words(api, run):
    job = await run(await upload(api, COMMITTEE, "information", sheet(["甲", "乙"], ["x", "y"])))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["problem"], "模板" in shown["title"]) == (
        "refused",
        "workbook_has_other_columns",
        True,
    )


def test_a_date_may_be_typed_in_many_ways():
    today = date(2026, 11, 29)
    for typed in ("2016-05-06", "2016/5/6", "2016.05.06", "20160506", "2016年5月6日", date(2016, 5, 6)):
        assert read_day(typed, str(typed), today) == ("2016-05-06", None)
    assert read_day("六一", "六一", today)[1] == "bad_date"
