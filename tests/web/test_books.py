"""A street officer hands in the books of the month from the pages alone: out for a purpose, back as Excel, verified by somebody else."""

import asyncio
import io
import re
import zipfile
from datetime import timedelta

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import update

from app.api.approvals import ApprovalRow
from app.api.ledgers import LedgerDue
from app.api.sheets import SheetJob
from app.db.sheet_jobs import sheet_jobs
from app.domain.access import Actor
from app.domain.approvals import MOST_CHILDREN
from app.domain.refusals import RefusalCode
from app.domain.terms import Agency, Role
from app.web.books import is_own
from app.web.month import is_for_two
from app.workbook import MEDIA_TYPE
from tests.api.test_ledgers import AWAY
from tests.api.workbooks import sheet
from tests.web.conftest import PHONE

DIVISION = "110106003"
OFFICER, HEAD, COMMITTEE = f"street-{DIVISION}.officer.1", f"street-{DIVISION}.head.1", f"comm-{DIVISION}.officer.1"
HEADS = ("姓名", "性别", "出生日期", "低保", "建档原因", "建档风险等级")


async def ended(http, path):
    """The page of an export or import once it has ended."""
    async with asyncio.timeout(30):
        while "hx-get" in (shown := (await http.get(path)).text):
            await asyncio.sleep(0.1)
    return shown


async def sent(http, code, *lines):
    """A workbook as the form of the page sends it; the path of its page."""
    body = sheet(HEADS, *lines)
    answer = await http.post(
        f"/books/{code}", data={"verb": "import"}, files={"workbook": ("台账.xlsx", body, MEDIA_TYPE)}
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def newest(page):
    return re.search(r'href="(/sheets/sheet-[0-9a-f]+)"', page)[1]


async def test_a_book_is_sent_confirmed_verified_and_handed_in(as_person):
    committee, street = await as_person(COMMITTEE), await as_person(OFFICER)
    child = ("华小禾（化名）", "女", "2016-05-06", "是", "走访发现困境儿童", "中风险")
    assert "/books/work" in (await street.get("/books")).text
    path = await sent(committee, "information", child)
    ready = await ended(committee, path)
    assert "确认导入" in ready
    assert (await committee.post(path, data={})).status_code == 303
    assert "已进入核实" in await ended(committee, path)
    assert (await street.get(path)).status_code == 404, "a sheet is its sender's"
    path = await sent(committee, "case_service", child)
    compared = await ended(committee, path)
    assert all(said in compared for said in ("此表只与系统比对", "个案由报告产生", "不一致和没有的"))
    assert ("与系统比对：个案服务档案" in compared, "预检" in compared, "确认导入" in compared) == (True, False, False)
    visits = (await committee.get("/books/guardianship_supervision")).text
    assert "一行一次走访" in visits
    listed = (await street.get("/changes")).text
    (ticked,) = re.findall(r'name="file" value="(ch-[0-9a-f]+:[0-9 ]+)"', listed)
    assert ("华*" in listed, "小禾" in listed) == (True, False)
    child_id, _, numbers = ticked.partition(":")
    file = (await street.get(f"/changes/{child_id}")).text
    assert all(said in file for said in ("走访发现困境儿童", "中风险", "信息台账导入"))
    for page in ("changes", "children"):
        blank = (await street.post(f"/{page}/{child_id}", data={"verb": "full", "need": "verify"})).text
        assert ('id="why-error"' in blank, '<a href="#why">' in blank) == (True, True), page
    back = await street.post(f"/changes/{child_id}", data={"verb": "reject", "change": numbers.split()})
    assert (back.status_code, "请选择退回原因" in back.text) == (422, True)
    assert (await committee.post("/changes", data={"file": ticked})).status_code == 403, "a second person"
    assert (await street.post("/changes", data={"file": ticked, "note": "已入户核实"})).status_code == 303
    assert "没有待核实的档案" in (await street.get("/changes")).text
    shown = (await street.get("/books/work")).text
    assert ("华*" in shown, "小禾" in shown) == (True, False)
    assert (await street.post("/books/work", data={"use": "hand_in", "verb": "export"})).status_code == 303
    path = newest((await street.get("/books")).text)
    assert "上报" in await ended(street, "/sheets")
    await ended(street, path)
    made = await street.get(f"{path}/workbook")
    assert "%E5%B7%A5%E4%BD%9C%E5%8F%B0%E8%B4%A6" in made.headers["content-disposition"]
    rows = CalamineWorkbook.from_filelike(io.BytesIO(made.content)).get_sheet_by_name("工作台账").to_python()
    assert "华小禾（化名）" in rows[1]


async def test_the_books_of_the_month_are_handed_in_from_one_page(as_person, people, owner):
    street = await as_person("street-110106006.officer.1")
    committee = "comm-110106006.officer.1"
    given = {
        "child": {"name": "华月初（化名）", "sex": "male", "birth_date": "2014-02-03", "residence": "示例路6号"},
        "household": {"on_minimum_living": "yes"}, "found": "in_difficulty", "grade": "high", "evidence": "入户排查",
    }  # fmt: skip
    made = await people.post(committee, "/v1/children", given)
    path = f"/v1/children/{made['child_id']}/changes"
    await people.post("street-110106006.head.1", f"{path}/{made['change']}/pass")
    seen = {"finding": "well", "note": "孩子在家", "form": {"guardianship": "parents"}}
    await people.post(committee, f"/v1/watches/watch-{made['child_id']}/visits", seen)
    due = (await street.get("/books")).text
    assert 'href="/books/due"' in due
    due = (await street.get("/books/due")).text
    assert all(said in due for said in ("工作台账", "1 名儿童", "身份证号 1", "未导出", "1 条走访")), (
        "and what is missing"
    )
    assert due.count("待本单位 1 名") == 7, "the means wait for a second person, in each book that the child stands in"
    this = re.search(r'<option value="(\d{4}-\d\d)" selected', due)[1]
    book = "/books/guardianship_supervision"
    assert "孩子在家" not in (await street.get(f"{book}?month={this}")).text, "it is masked"
    assert made["child_id"] in (await street.get(f"{book}?month={this}&unfinished=true")).text
    assert "没有符合的内容" in (await street.get(f"{book}?month=2020-01")).text
    answer = await street.post("/books/due", data={"one": "guardianship_supervision", "month": this})
    assert answer.headers["location"] == f"/books/due?month={this}"
    await ended(street, "/sheets")
    told = [
        (await street.get("/sheets", headers={"HX-Current-URL": f"http://x{at}"})).headers
        for at in (f"/books/due?month={this}", "/books/due?month=//x", "/books")
    ]
    assert [one.get("HX-Redirect") for one in told] == [f"/books/due?month={this}", "/books/due", None], (
        "what stands above the list is opened anew, too; to load the page again would hand in again where it answered that"
    )
    assert (
        due.count(f'method="post" action="/books/due?month={this}"')
        == due.count('method="post" action="/books/due')
        > 0
    )
    due = (await street.get("/books/due")).text
    assert (due.count("重新导出："), due.count("导出上报：")) == (1, 7)
    assert "本单位已上报 0 / 8 种" in due
    path = re.search(r'href="(/sheets/sheet-[0-9a-f]+/workbook)" aria-label="下载：贫困家庭监护监督', due)[1]
    assert (due.count("尚未下载"), "下载于" in due) == (1, False), "made is not yet taken along"
    civil = await as_person("civil.officer.1")
    assert "1 种已导出、未下载" in (await civil.get("/books")).text
    assert "各单位上报" not in (await street.get("/books")).text
    head, own = await as_person("street-110106006.head.1"), await as_person(committee)
    assert due.count("未上报") == 8, "no committee has handed in"
    told = (await head.get("/books/due")).text
    assert (told.count("已导出上报"), "下载：贫困家庭监护监督" in told) == (1, False), (
        "colleagues see it, not the workbook"
    )
    told = (await own.get("/books/due")).text
    assert ("已导出上报" in told, "未上报" in told) == (False, False)
    await own.post("/books/due", data={"one": "guardianship_supervision", "month": this})
    await ended(own, "/sheets")
    told = (await head.get("/books/due")).text
    assert (told.count("已导出上报"), told.count("未上报")) == (2, 7)
    assert "已导出上报" not in (await head.get("/books/due?month=2020-01")).text
    (row,) = [
        one
        for one in await people.get("comm-110106007.officer.1", f"/v1/ledgers/due?month={this}")
        if one["code"] == "family"
    ]
    assert row["handed"] == [{"desk": "COMM-110106007", "by": None, "at": None, "rows": None, "fetched_at": None}]
    made = await street.get(path)
    assert this in made.headers["content-disposition"]
    due = (await street.get("/books/due")).text
    assert ("下载于" in due, "本单位已上报 1 / 8 种" in due, due.index("全部导出上报") < due.index("工作台账")) == (
        True,
        True,
        True,
    )
    offices = await people.get("conf.officer.1", f"/v1/ledgers/handed-in?month={this}")
    mine = {one["desk"]: one for one in offices}["STREET-110106006"]
    assert (mine["books"], mine["exported"], mine["fetched"]) == (8, 1, 1)
    assert ("guardianship_supervision" in mine["missing"], len(mine["missing"])) == (False, 7)
    assert {one["desk"] for one in offices} > {"STREET-110106101", "COMM-110106101", "SW"}
    assert "东高地街道办事处" in (await civil.get("/books")).text
    assert (await civil.get("/books?month=2020-01")).text.count(">1 / 8<") == 0
    sheets = CalamineWorkbook.from_filelike(io.BytesIO(made.content))
    assert len(sheets.get_sheet_by_name("贫困家庭监护监督服务档案").to_python()) == 2, (
        "the heads, and the one visit of the month"
    )
    old = await street.post("/books/due", data={"one": "guardianship_supervision family", "month": "2020-01"})
    await ended(street, "/sheets")
    due = (await street.get(old.headers["location"])).text
    assert " · 0 行" in due, "nobody was visited then"
    every = re.search(r'href="(/books/due/workbooks\?month=2020-01)">下载全部 2 种', due)[1]
    archive = zipfile.ZipFile(io.BytesIO((await street.get(every)).content))
    assert [name.split("_")[1] for name in archive.namelist()] == ["家庭信息档案", "贫困家庭监护监督服务档案"]
    assert "本单位已上报 2 / 8 种" in (await street.get(old.headers["location"])).text
    assert (await street.post("/books/due", data={"one": "school", "month": this})).status_code == 404
    assert (await street.post("/books/due", data={"one": "work", "month": "x"})).status_code == 422
    said = {"one": "work family", "month": this, "verb": "propose"}
    assert (await street.post("/books/due", data=said)).status_code == 303
    assert (await street.post("/books/due", data=said)).status_code == 303
    assert (await street.get("/books/due")).text.count("待第二人批准") == 2
    assert "待第二人批准" not in (await street.get("/books/due?month=2020-01")).text, "it is proposed for the month"
    waiting = re.findall(r'name="one" value="(approval-[^"]+)"', (await head.get("/books")).text)
    assert len(waiting) == 2, "once, however often it was sent"
    one = waiting[0]
    assert (await head.post("/books", data={"one": one, "verb": "approve"})).status_code == 303
    assert f'href="/books/due?month={this}"' in (await street.get("/books")).text
    shown = (await street.get("/books/due")).text
    assert (shown.count("待第二人批准"), shown.count("第二人已批准，请导出")) == (1, 1)
    of_month = (sheet_jobs.c.book == "guardianship_supervision", sheet_jobs.c.month == this)
    async with owner.begin() as conn:
        await conn.execute(update(sheet_jobs).where(*of_month).values(at=sheet_jobs.c.at - timedelta(days=1)))
    due = (await street.get("/books/due")).text
    assert ("下载：贫困家庭监护监督" in due, "重新导出：贫困家庭监护监督" in due) == (False, True), (
        "the workbook is gone"
    )
    many = update(sheet_jobs).where(*of_month)
    async with owner.begin() as conn:
        await conn.execute(many.values(state="running"))
    due = (await street.get("/books/due")).text
    assert ("正在生成 1 种" in due, "全部导出上报" in due, "重新导出：贫困家庭监护监督" in due) == (True, False, False)
    async with owner.begin() as conn:  # as the worker leaves a job that has found too many children
        await conn.execute(many.values(state="refused", problem="second_person_needed"))
    shown = (await street.get("/books/due")).text
    assert '<button class="btn p" type="submit" name="one" value="guardianship_supervision"' in shown, (
        "it can be proposed"
    )
    away = {"family": AWAY, "child": given["child"] | {"name": "华离乡（化名）"}}
    gone = await people.post(committee, "/v1/children", given | away | {"found": "left_behind"})
    await people.post("street-110106006.head.1", f"/v1/children/{gone['child_id']}/changes/{gone['change']}/pass")
    women = (await (await as_person("wf.officer.1")).get("/books/left_behind")).text
    assert ("<tbody>" in women, 'href="/children/' in women) == (True, False), (
        "of the whole district's children the office has the book and no file"
    )
    works = await as_person("sw.officer.1")
    assert (await works.post("/books/due", data={"one": "all", "month": this})).status_code == 303
    assert "社工个人信息档案" in (await works.get("/sheets")).text


async def test_a_book_masked_or_in_full_is_proposed_by_one_and_approved_by_another(as_person):
    officer, head = await as_person(OFFICER), await as_person(HEAD)
    said = {"use": "inspection", "note": "区督查", "verb": "propose"}
    assert (await officer.post("/books/family", data=said | {"use": ""})).status_code == 303, "masked"
    assert (await officer.post("/books/school", data=said)).status_code == 404, "no book of this office"
    assert (await officer.post("/books/family", data=said)).status_code == 303
    assert (await officer.post("/books/family", data=said)).status_code == 422, "it waits already"
    own = (await officer.get("/books")).text
    assert ("待第二人批准" in own, 'value="approve"' in own) == (True, False)
    theirs = (await head.get("/books")).text
    one = re.search(r'name="one" value="(approval-[^"]+)"', theirs)[1]
    assert (await officer.post("/books", data={"one": one, "verb": "approve"})).status_code == 403
    assert (await head.post("/books", data={"one": one, "verb": "approve"})).status_code == 303
    assert "已批准" in (await officer.get("/books")).text


async def test_what_is_wrong_is_said_row_by_row_and_what_is_no_workbook_beside_the_form(as_person, seeded):
    wrong = (await (await as_person("street-110106002.officer.1")).get(f"/sheets/{seeded['sheet']['case_id']}")).text
    assert all(said in wrong for said in ("日期无效", "最近走访", "下载标注结果的表"))
    assert "确认导入" not in wrong
    officer = await as_person(OFFICER)
    none = await officer.post(
        "/books/work", data={"verb": "import"}, files={"workbook": ("a.xlsx", b"PK no", MEDIA_TYPE)}
    )
    assert (none.status_code, "不是有效的" in none.text) == (422, True)
    template = await officer.get("/books/family/template")
    assert template.headers["content-type"] == MEDIA_TYPE


def test_a_book_of_more_children_than_one_person_may_carry_away_is_proposed_before_anybody_tries():
    """What the first try found is not on the page any more once other books have been made."""
    few, many = (LedgerDue.model_construct(children=count) for count in (MOST_CHILDREN, MOST_CHILDREN + 1))
    made, refused = (SheetJob.model_construct(problem=one) for one in (None, RefusalCode.SECOND_PERSON_NEEDED))
    assert [is_for_two(*asked) for asked in ((few, None), (many, None), (few, refused), (many, made))] == [
        False,
        True,
        True,
        False,
    ]


def test_a_proposal_is_ones_own_in_the_seat_in_which_it_was_made_alone():
    """In another its approval is refused."""
    seat = Actor(person_id="street.officer.1", agency=Agency.STREET, desk="STREET-110106006", roles=(Role.OFFICER,))
    row = ApprovalRow.model_construct(person_id=seat.person_id, behalf=None, desk=seat.desk)
    others = [row.model_copy(update=one) for one in ({"desk": "CIVIL"}, {"behalf": "street.officer.2"})]
    assert [is_own(seat, one) for one in (row, *others)] == [True, False, False]


@pytest.mark.browser
async def test_a_street_hands_in_a_book_from_its_first_page_and_the_district_sees_it_and_prints_its_scorecard(visitor):
    """By what stands on the pages alone. All books at once take a button above them, and each the time of this one."""
    street = await (await visitor("street-110106008.officer.1", size=PHONE, has_touch=True)).open("/tasks")
    for step in (".rest > summary", ".rest a[href='/books']", "main a[href='/books/due']"):
        await street.page.click(step)
    assert await street.page.get_by_text("本单位已上报 0 / 8 种").is_visible()
    await street.page.click("#case_service button[value=case_service]")
    fetch = street.page.locator("#case_service a[href$='/workbook']")
    await fetch.wait_for(timeout=60_000)  # the page opens itself anew once the book is made
    async with street.page.expect_download() as download:
        await fetch.click()
    assert "六里桥街道办事处_个案服务档案" in (await download.value).suggested_filename
    await street.open("/books/due")
    assert await street.page.get_by_text("本单位已上报 1 / 8 种").is_visible()
    district = await (await visitor("civil.supervisor.1")).open("/tasks")
    await district.page.click("nav.side a[href='/books']")
    row = district.page.locator("#offices tr", has_text="六里桥街道办事处")
    assert "1 / 8" in await row.inner_text()
    await district.page.click("nav.side a[href='/statistics']")
    scores = district.page.locator(".pinned tr", has_text="六里桥街道")
    await district.page.emulate_media(media="print")
    assert await scores.first.is_visible()
    assert (await district.page.pdf()).startswith(b"%PDF")
    for one in (street, district):
        one.is_quiet()
