"""Books as Excel: what leaves is masked or for a stated purpose, harmless and on record; what comes in goes the path of every change."""

import io
import os
import subprocess
import tempfile
import zipfile
from datetime import date

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook
from sqlalchemy import func, select, text, true, update

from app import bookkeeper
from app.api.edge import UPLOAD_LIMIT
from app.db import sheet_jobs, tables
from app.db.child_records import records_of
from app.db.vault import vault_of
from app.domain.child_terms import FileField
from app.domain.identity import check_digit
from app.domain.ledgers import COLUMNS
from app.domain.sheet_columns import KEY, layout
from app.domain.sheets import DANGEROUS, JobState, as_typed, harmless, read_day
from app.domain.unread import WHY_NOT
from app.workbook import LARGEST, MEDIA_TYPE
from tests.api.test_ledgers import watched
from tests.api.test_reports import is_problem

DIVISION, WORK = "110106014", "work"
COMMITTEE, STREET = f"comm-{DIVISION}.officer.1", f"street-{DIVISION}.officer.1"
NEW = f"11010620180910004{check_digit('11010620180910004')}"
POOR = {"household": {"on_minimum_living": "yes"}}


async def child_here(api, name, born="2016-05-06", number="110106201605060024", **more):
    """A watched child of this committee who is poor, and so stands in its books."""
    said = {"residence_division": DIVISION, "name": name, "birth_date": born, "id_no": number, **more}
    return await watched(api, **POOR, child=said, division=DIVISION)


@pytest.fixture
async def run(api, worker_engine, tmp_path):
    """Works on a job as the worker would, under the worker's role."""

    async def work(answer):
        assert answer.status_code == 202, answer.text
        job = answer.json()["id"]
        await bookkeeper.work_on(worker_engine, api.service.ledger, api.service.receipts, job, tmp_path)
        return job

    return work


async def upload(api, person, code, body, media_type=MEDIA_TYPE):
    headers = api._headers(person, {"Content-Type": media_type})
    return await api.http.post(f"/v1/sheets?book={code}", content=body, headers=headers)


def sheet(heads, *lines, name="填报"):
    """As a person would send it."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False})
    page = book.add_worksheet(name)
    for n, line in enumerate((heads, *lines)):
        page.write_row(n, 0, line)
    book.close()
    return out.getvalue()


async def opened(api, person, job):
    answer = await api.get(person, f"/v1/sheets/{job}/workbook")
    assert answer.status_code == 200, answer.text
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}, answer


def by_column(page):
    heads = [str(head).split("\n")[0] for head in page[0]]
    return [dict(zip(heads, row, strict=True)) for row in page[1:]]


async def state(api, person, job):
    return (await api.get(person, f"/v1/sheets/{job}")).json()


async def entered(api, child, field):
    """The value that waits in a field; pages show it masked."""
    async with api.service.engine.connect() as conn:
        (record,) = await records_of(conn, [child], true())
    return record.contents[record.waiting(FileField(field)).number]["value"]


async def audited(api, action, person):
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        query = select(row.why, row.children, row.fields).where(row.action == action, row.person_id == person)
        return (await conn.execute(query.order_by(row.id))).all()


async def test_an_export_is_masked_unless_it_says_why_and_bears_who_when_and_why(api, run):
    child = await child_here(api, "欧阳小满（化名）")
    assert await audited(api, "export_ledger", COMMITTEE) == []
    masked = await run(await api.post(COMMITTEE, "/v1/ledgers/information/exports", {}))
    book, answer = await opened(api, COMMITTEE, masked)
    assert (answer.headers["content-type"], "attachment" in answer.headers["content-disposition"]) == (MEDIA_TYPE, True)
    (row,) = [one for one in by_column(book["信息台账"]) if one["编号"] == child]
    assert (row["姓名"], row["身份证号"], row["低保"]) == ("欧阳*", "110106********0024", "")
    whole = await run(await api.post(COMMITTEE, "/v1/ledgers/information/exports", {"use": "hand_in"}))
    book, answer = await opened(api, COMMITTEE, whole)
    (row,) = [one for one in by_column(book["信息台账"]) if one["编号"] == child]
    assert (row["姓名"], row["身份证号"]) == ("欧阳小满（化名）", "110106201605060024")
    said = dict(line[:2] for line in book["说明"])
    assert said["导出人 exported by"] == f"宛平街道居（村）民委员会经办人（化名） {COMMITTEE}"
    assert (said["单位 office"], said["用途 purpose"]) == ("宛平街道居（村）民委员会", "上报 to be handed in")
    pages = zipfile.ZipFile(io.BytesIO(answer.content))
    printed = [pages.read(name).decode() for name in pages.namelist() if "worksheets/sheet" in name]
    assert all(f"<oddHeader>&amp;C{COMMITTEE}" in one and "上报" in one and "<oddFooter>" in one for one in printed)
    asked = [(row.why, row.children, row.fields) for row in await audited(api, "ask_export", COMMITTEE)]
    assert asked == [("office", [], ["information"]), ("hand_in", [], ["information"])], (
        "also where no child stands in the book"
    )
    made, fetched = await audited(api, "export_ledger", COMMITTEE), await audited(api, "fetch_sheet", COMMITTEE)
    assert [row.why for row in made] == ["office", "hand_in"]
    assert all(child in row.children and "id_no" in row.fields for row in made)
    assert len(fetched) == 2
    is_problem(await api.get(STREET, f"/v1/sheets/{whole}"), 404, "sheet_not_found")
    is_problem(await api.get("admin.1", f"/v1/sheets/{whole}/workbook"), 404, "sheet_not_found")
    for desk, status in (("COMM-110106015", 404), (f"COMM-{DIVISION}", 200)):
        async with api.service.engine.begin() as conn:
            await conn.execute(update(tables.people).where(tables.people.c.id == COMMITTEE).values(desk=desk))
        assert (await api.get(COMMITTEE, f"/v1/sheets/{whole}/workbook")).status_code == status, (
            "a book of the desk left"
        )
    shown = await state(api, COMMITTEE, whole)
    assert (shown["state"], shown["percent"], shown["counts"]["rows"]) == (
        "done",
        100,
        len(by_column(book["信息台账"])),
    )


async def test_without_an_audit_row_nothing_is_written_and_nothing_leaves(api, run, engine):
    await child_here(api, "无痕（化名）", number=None)
    async with engine.begin() as conn:
        await conn.execute(text("revoke insert on audit from shouhu_worker"))
    try:
        job = await run(await api.post(COMMITTEE, "/v1/ledgers/information/exports", {}))
    finally:
        async with engine.begin() as conn:
            await conn.execute(text("grant insert on audit to shouhu_worker"))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["problem"]) == ("failed", "audit_unavailable")
    is_problem(await api.get(COMMITTEE, f"/v1/sheets/{job}/workbook"), 404, "sheet_not_found")


async def test_the_template_names_its_columns_and_choices_and_is_an_empty_import(api, run):
    answer = await api.get(COMMITTEE, "/v1/ledgers/information/template")
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
    assert book.sheet_names == ["填报", "填表说明", "示例", "选项"]
    heads = [str(head).split("\n")[0] for head in book.get_sheet_by_name("填报").to_python()[0]]
    assert heads[:5] == ["编号", "姓名", "性别", "出生日期", "身份证号"]
    assert {"监护人姓名", "低保", "户籍所在区划"} <= set(heads)
    assert not {"困境与留守类别", "风险等级", "享受待遇"} & set(heads)
    assert by_column(book.get_sheet_by_name("示例").to_python())[0]["姓名"] == "欧阳小满（化名）"
    assert b"dataValidation" in zipfile.ZipFile(io.BytesIO(answer.content)).read("xl/worksheets/sheet1.xml")
    job = await run(await upload(api, COMMITTEE, "information", answer.content))
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], sum(shown["counts"].values())) == ("ready", 0)
    is_problem(await api.get("wf.officer.1", "/v1/ledgers/information/template"), 404, "ledger_not_found")


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
    mine = next(n for n, line in enumerate(lines) if line[0] == child)
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


async def test_whole_names_of_more_than_fifty_children_need_a_second_person(api, run, monkeypatch):
    monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 1)
    monkeypatch.setattr("app.sheet_export.MOST_CHILDREN", 1)
    for n in range(2):
        await child_here(api, f"成群{n}（化名）", f"2010-01-0{n + 1}", None)
    path, whole = "/v1/ledgers/information/exports", {"use": "hand_in"}
    is_problem(await api.post(COMMITTEE, path, whole), 409, "second_person_needed")
    monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 50)
    job = await run(await api.post(COMMITTEE, path, whole))
    assert (await state(api, COMMITTEE, job))["problem"] == "second_person_needed", "the job counts all of them"
    is_problem(await api.get(COMMITTEE, f"/v1/sheets/{job}/workbook"), 404, "sheet_not_found")
    masked = await run(await api.post(COMMITTEE, path, {}))
    assert (await state(api, COMMITTEE, masked))["state"] == "done"
    asked = {"act": "export", "parameters": {"ledger": "information", **whole}, "reason": "hand_in", "note": "季度上报"}
    asked["parameters"]["month"] = "2026-10"
    proposed = (await api.post(COMMITTEE, "/v1/approvals", asked)).json()["id"]
    approved = await api.post(f"street-{DIVISION}.head.1", f"/v1/approvals/{proposed}/approve")
    assert approved.status_code == 200, approved.text
    monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 1)
    for other in (whole, whole | {"month": "2026-11"}):
        is_problem(await api.post(COMMITTEE, path, other), 409, "second_person_needed")
    monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 50)
    job = await run(await api.post(COMMITTEE, path, whole | {"month": "2026-10"}))
    assert (await state(api, COMMITTEE, job))["state"] == "done", "approved, however few were looked at first"
    monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 1)
    is_problem(await api.post(COMMITTEE, path, whole | {"month": "2026-10"}), 409, "second_person_needed")


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


async def test_a_job_whose_process_died_is_taken_up_again_and_given_up_after_three_times(api, worker_engine):
    answer = await api.post(COMMITTEE, "/v1/ledgers/information/exports", {})
    job, now = answer.json()["id"], api.service.ledger.clock()
    waiting = sheet_jobs.sheet_jobs
    async with api.service.engine.begin() as conn:
        await conn.execute(waiting.delete().where(waiting.c.id != job, waiting.c.state.in_(("waiting", "running"))))
    for n in range(sheet_jobs.MOST_TRIES):
        taken = await sheet_jobs.take(worker_engine, now + n * 2 * sheet_jobs.LEASE)
        assert taken.id == job
        assert await sheet_jobs.take(worker_engine, now + n * 2 * sheet_jobs.LEASE) is None, "somebody works on it"
    assert await sheet_jobs.take(worker_engine, now + 9 * sheet_jobs.LEASE) is None
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["problem"]) == (JobState.FAILED, "gave_up")


async def test_workbooks_go_after_a_day_and_who_asked_for_them_stays(api, run, worker_engine):
    job = await run(await api.post(COMMITTEE, "/v1/ledgers/personal/exports", {}))
    assert (await api.get(COMMITTEE, f"/v1/sheets/{job}/workbook")).status_code == 200
    await sheet_jobs.forget(worker_engine, api.service.ledger.clock() + sheet_jobs.KEPT)
    is_problem(await api.get(COMMITTEE, f"/v1/sheets/{job}/workbook"), 404, "sheet_not_found")
    assert (await state(api, COMMITTEE, job))["state"] == "done"
    listed = (await api.get(COMMITTEE, "/v1/sheets?limit=200")).json()["items"]
    assert job in {one["id"] for one in listed}
    async with api.service.engine.connect() as conn:
        left = select(func.count()).where(sheet_jobs.part.job_id == job)
        assert (await conn.execute(left)).scalar_one() == 0


def payloads():
    """Two hundred things that a spreadsheet could take for a formula."""
    starts = [*DANGEROUS, "=+", "=-", "@@", "+=", "-+"]
    ends = ("cmd|' /C calc'!A0", "HYPERLINK(\"http://x\")", "1+1", "SUM(1;2)", "DDE(\"a\")", "IMPORTXML(1)", "A1", "x", "(1)",
            "-1", "WEBSERVICE(1)", "'x", "\"x\"", "")  # fmt: skip
    return [f"{start}{end}" for start in starts for end in ends][:200]


async def test_two_hundred_payloads_are_text_in_an_export_and_come_back_as_they_were(api, run):
    made = payloads()
    assert len(set(made)) == 200
    names = [{"name": one, "relation": one} for one in made[:40]]
    child = await child_here(
        api, "公式（化名）", "2009-12-31", None, school=made[50], residence=made[51], hukou=made[52]
    )
    contents = [("health", made[53]), ("guardians", names), ("household", made[54])]
    for field, value in contents:
        entered = await api.post(COMMITTEE, f"/v1/children/{child}/changes", {"field": field, "value": value})
        assert entered.status_code == 200, entered.text
        passed = await api.post(STREET, f"/v1/children/{child}/changes/{entered.json()['change']}/pass")
        assert passed.status_code == 200, passed.text
    for book in ("personal", "family"):
        job = await run(await api.post(COMMITTEE, f"/v1/ledgers/{book}/exports", {"use": "verify"}))
        answer = (await opened(api, COMMITTEE, job))[1]
        pages = zipfile.ZipFile(io.BytesIO(answer.content))
        xml = "".join(pages.read(name).decode() for name in pages.namelist() if name.startswith("xl/worksheets/sheet"))
        assert "<f>" not in xml
        book_pages = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
        cells = [
            str(cell)
            for name in book_pages.sheet_names
            for row in book_pages.get_sheet_by_name(name).to_python()
            for cell in row
        ]
        assert [cell for cell in cells if cell.startswith(DANGEROUS)] == []


@pytest.mark.parametrize("payload", payloads())
def test_no_payload_begins_a_cell(payload):
    assert not harmless(payload).startswith(DANGEROUS)
    assert as_typed(harmless(payload)) == payload.strip() or payload != payload.strip()


def test_a_date_may_be_typed_in_many_ways():
    today = date(2026, 11, 29)
    for typed in ("2016-05-06", "2016/5/6", "2016.05.06", "20160506", "2016年5月6日", date(2016, 5, 6)):
        assert read_day(typed, str(typed), today) == ("2016-05-06", None)
    assert read_day("六一", "六一", today)[1] == "bad_date"


def test_what_a_killed_worker_has_left_of_a_book_is_taken_away(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone, ours, other = (tmp_path / f"{bookkeeper.PLACE}{pid}-x" for pid in (ended.pid, os.getpid(), "older"))
    for place in (gone, ours, other):
        place.mkdir()
        (place / "made.xlsx").write_text("欧阳小满")
    (tmp_path / "else").mkdir()
    bookkeeper.sweep()
    assert {place.name for place in tmp_path.iterdir()} == {ours.name, "else"}
