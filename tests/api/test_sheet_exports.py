"""What leaves as Excel is masked or for a stated purpose, harmless and on record."""

import asyncio
import contextlib
import io
import re
import zipfile

from python_calamine import CalamineWorkbook
from sqlalchemy import insert, select, text, update

from app.db import tables
from app.workbook import MEDIA_TYPE
from tests.api.test_ledgers import watched
from tests.api.test_reports import is_problem
from tests.api.workbooks import COMMITTEE, DIVISION, POOR, STREET, audited, by_column, child_here, opened, state, upload

OTHER = "110106015"


async def test_an_export_is_masked_unless_it_says_why_and_bears_who_when_and_why(api, run):
    child = await child_here(api, "欧阳小满（化名）")
    acts = ("ask_export", "export_ledger", "fetch_sheet")
    earlier = {act: len(await audited(api, act, COMMITTEE)) for act in acts}  # of other tests
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
    assert all(COMMITTEE in head and "上报" in head and COMMITTEE in foot for head, foot in map(_margins, printed))
    over, under = _margins(printed[0])
    assert re.search(r"宛平街道居（村）民委员会信息台账（\d{4}年\d\d月\d\d日）", over), "titled as a book"
    assert all(name in under for name in ("填报人：", "审核人：", "单位负责人：", "（盖章）")), (
        "with room to sign and seal"
    )
    assert all(said in printed[0] for said in ('fitToHeight="0"', "<pageSetUpPr fitToPage")), (
        "no column is on another page"
    )
    assert re.search('<col min="1" max="1"[^>]* hidden="1"', printed[0]), (
        "the number of the system is for the import alone"
    )
    assert [row["序号"] for row in by_column(book["信息台账"])] == list(range(1, len(book["信息台账"])))
    again = await run(await upload(api, COMMITTEE, "information", answer.content))
    told = await state(api, COMMITTEE, again)
    assert (told["state"], told["unread"]) == ("ready", []), "what left comes back as it is"
    asked, made, fetched = [(await audited(api, act, COMMITTEE))[earlier[act] :] for act in acts]
    assert [(row.why, row.children, row.fields) for row in asked] == [
        ("office", [], ["information"]),
        ("hand_in", [], ["information"]),
    ], "also where no child stands in the book"
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


def _margins(page):
    """What is printed over and under a sheet."""
    return re.search("<oddHeader>(.*?)</oddHeader><oddFooter>(.*?)</oddFooter>", page, re.DOTALL).groups()


async def test_the_books_of_a_month_leave_as_one_download_each_on_record(api, run, engine):
    await child_here(api, "一并（化名）", number=None)
    at, wanted = "/v1/ledgers/due/workbooks?month=2021-03", {"use": "hand_in", "month": "2021-03"}
    is_problem(await api.get(COMMITTEE, at), 404, "sheet_not_found")
    asked = [f"/v1/ledgers/{book}/exports" for book in ("family", "information", "information", "work")]
    await run(await api.post(COMMITTEE, asked[3], wanted | {"use": "visit"}))
    jobs = [await run(await api.post(COMMITTEE, path, wanted)) for path in asked[:2]]
    newest = await api.post(COMMITTEE, asked[2], wanted)
    is_problem(await api.get(COMMITTEE, at), 404, "sheets_under_way")
    jobs = [await run(newest), jobs[0]]
    earlier = len(await audited(api, "fetch_sheet", COMMITTEE))
    answer = await api.get(COMMITTEE, at)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    alone = [(await api.get(COMMITTEE, f"/v1/sheets/{job}/workbook")).content for job in jobs]
    assert [archive.read(name) for name in archive.namelist()] == alone, "of each book the newest, in their order"
    assert [name.split("_")[1:3] for name in archive.namelist()] == [
        ["信息台账", "2021-03"],
        ["家庭信息档案", "2021-03"],
    ]
    rows = (await audited(api, "fetch_sheet", COMMITTEE))[earlier:][:2]
    assert [(row.why, row.fields) for row in rows] == [("hand_in", [book]) for book in ("information", "family")]
    is_problem(await api.get(STREET, at), 404, "sheet_not_found")
    async with engine.begin() as conn:
        await conn.execute(text("revoke insert on audit from shouhu_app"))
    try:
        is_problem(await api.get(COMMITTEE, at), 503, "audit_unavailable")
    finally:
        async with engine.begin() as conn:
            await conn.execute(text("grant insert on audit to shouhu_app"))


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


async def test_more_than_fifty_children_need_a_second_person_masked_or_in_full(api, run, monkeypatch):
    monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 1)
    monkeypatch.setattr("app.sheet_export.MOST_CHILDREN", 1)
    crowd = {await child_here(api, f"成群{n}（化名）", f"2010-01-0{n + 1}", None) for n in range(2)}
    path, whole = "/v1/ledgers/information/exports", {"use": "hand_in"}
    alone = await api.post(COMMITTEE, path, whole)
    is_problem(alone, 409, "second_person_needed")
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        tried = await conn.execute(
            select(row.action, row.outcome, row.why, row.children).where(row.trace_id == alone.headers["X-Trace-Id"])
        )
    (said,) = tried.all()
    assert said[:3] == ("ask_export", "refused", "second_person_needed")
    assert crowd <= {*said.children}, "who was counted is known, though nothing left"
    monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 50)
    job = await run(await api.post(COMMITTEE, path, whole))
    assert (await state(api, COMMITTEE, job))["problem"] == "second_person_needed", "the job counts all of them"
    of_job = select(row.children).where(
        row.action == "export_ledger", row.why == "second_person_needed", row.outcome == "refused"
    )
    async with api.service.engine.connect() as conn:
        last = (await conn.execute(of_job.order_by(row.id.desc()).limit(1))).scalar_one()
    assert len(last) > 1
    assert {*last} <= {*said.children}
    is_problem(await api.get(COMMITTEE, f"/v1/sheets/{job}/workbook"), 404, "sheet_not_found")
    masked = await run(await api.post(COMMITTEE, path, {}))
    assert (await state(api, COMMITTEE, masked))["problem"] == "second_person_needed"
    monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 1)
    is_problem(await api.post(COMMITTEE, path, {}), 409, "second_person_needed")
    one = {"act": "export", "parameters": {"ledger": "information"}, "reason": "office_work", "note": "核对填表"}
    proposed = (await api.post(COMMITTEE, "/v1/approvals", one)).json()["id"]
    is_problem(await api.post(COMMITTEE, f"/v1/approvals/{proposed}/approve"), 403, "not_allowed")
    approved = await api.post(f"street-{DIVISION}.head.1", f"/v1/approvals/{proposed}/approve")
    assert approved.status_code == 200, approved.text
    is_problem(await api.post(COMMITTEE, path, whole), 409, "second_person_needed")
    masked = await run(await api.post(COMMITTEE, path, {}))
    assert (await state(api, COMMITTEE, masked))["state"] == "done", "approved for a masked book, and for no other"
    monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 50)
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


async def test_slices_of_books_are_one_export_for_a_day_unless_a_second_person_stands_behind_them(
    api, run, engine, monkeypatch
):
    """However few children are in each, month by month or book by book."""
    said = {"residence_division": OTHER, "name": "切片（化名）"}
    await watched(api, **POOR, child=said, division=OTHER)
    path, whole, person = "/v1/ledgers/information/exports", {"use": "hand_in"}, f"comm-{OTHER}.head.1"
    row = {"person_id": person, "agency": "COMM", "action": "export_ledger", "stream_id": "ledger-visits", "why": "hand_in",
           "children": [f"ch-elsewhere-{n}" for n in range(50)], "trace_id": "", "outcome": "done"}  # fmt: skip
    for more, said in (
        ({"fields": ["name", "approved"], "why": "hand_in"}, None),
        ({"fields": ["name"], "why": "second_person_needed", "outcome": "refused"}, None),
        ({"fields": ["name"], "why": "office"}, True),
    ):
        async with engine.begin() as conn:
            await conn.execute(insert(tables.audit), row | more)
        for wanted in (whole, {}):
            asked = await api.post(person, path, wanted)
            if said:
                is_problem(asked, 409, "second_person_needed")
                monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 500)
                asked = await api.post(person, path, wanted)
                monkeypatch.setattr("app.api.sheets.MOST_CHILDREN", 50)
            shown = await state(api, person, await run(asked))
            assert shown["problem"] == ("second_person_needed" if said else None), "the job counts them as well"


async def test_slices_that_are_made_at_once_are_counted_together(api, run, monkeypatch):
    """By two workers, for one person: each of the jobs has begun before the other has ended."""
    other, division = f"comm-{OTHER}.officer.1", OTHER
    slices = []
    for n in range(2):
        said = {"residence_division": division, "name": f"同时{n}（化名）", "birth_date": f"2011-01-0{n + 1}"}
        slices.append(await watched(api, **POOR, child=said, division=division))
    both = asyncio.Barrier(2)

    async def one_slice(conn, reach):
        mine = slices.pop()
        with contextlib.suppress(TimeoutError, asyncio.BrokenBarrierError):
            async with asyncio.timeout(0.3):
                await both.wait()
        yield [mine], 1, 1

    monkeypatch.setattr("app.sheet_export.MOST_CHILDREN", 1)
    monkeypatch.setattr("app.sheet_export.pages", one_slice)
    path, whole = "/v1/ledgers/information/exports", {"use": "hand_in"}
    asked = [await api.post(other, path, whole) for _ in range(2)]
    await asyncio.gather(*map(run, asked))
    states = [await state(api, other, one.json()["id"]) for one in asked]
    assert sorted(one["state"] for one in states) == ["done", "waiting"], "it holds up no worker meanwhile"
    await run(next(one for one, found in zip(asked, states, strict=True) if found["state"] == "waiting"))
    states = [await state(api, other, one.json()["id"]) for one in asked]
    assert sorted(str(one["problem"]) for one in states) == ["None", "second_person_needed"], states
