"""建档 and 变更 in a browser: doubles are shown before a child counts, what was typed stays, and who was faster is named."""

import itertools
import re
from html import unescape

import pytest

from tests.web.seeded import INERT, report, verify, watch_of

browser = pytest.mark.browser
DIVISION = "110106004"
OFFICER, OTHER = f"comm-{DIVISION}.officer.1", f"comm-{DIVISION}.head.1"
STREET = f"street-{DIVISION}.officer.1"


async def fill(here, name="华知行（化名）"):
    """The form of a registration, but for the evidence."""
    page = here.page
    for field, value in {"name": name, "birth_date": "2016-04-05", "residence": f"示例路8号 {INERT}", "school": "示例小学（化名）",
                         "kin_name_1": "华远（化名）", "kin_phone_1": "13900002222"}.items():  # fmt: skip
        await page.locator(f"[name={field}]").fill(value)
    for field, value in {
        "sex": "male", "hukou_division": DIVISION, "kin_relation_1": "father", "kin_whereabouts_1": "away_for_work",
        "on_minimum_living": "yes",
    }.items():  # fmt: skip
        await page.locator(f"[name={field}]").select_option(value)
    for field, value in {"found": "left_behind", "grade": "medium"}.items():
        await page.locator(f"[name={field}][value={value}]").check()


async def send(here, words):
    async with here.page.expect_navigation() as navigation:
        await here.page.get_by_role("button", name=words).click()
    return (await navigation.value).status


async def register(here, name="华知行（化名）"):
    """A child by page; its id."""
    await here.open("/children/new")
    await fill(here, name)
    await here.page.locator("[name=evidence]").fill("入户排查")
    assert await send(here, "查重并提交建档") == 200
    return here.page.url.partition("?")[0].rpartition("/")[2]


@browser
async def test_a_child_is_registered_by_page_and_a_double_is_shown_before_it_counts(staff_page, people):
    here = await (await staff_page(OFFICER)).open("/visits")
    await here.page.get_by_role("link", name="登记建档").click()
    await fill(here)
    await here.page.locator("[name=id_no]").fill("11010620160405001")
    await here.page.locator("[name=kin_whereabouts_1]").select_option("home")
    assert await send(here, "查重并提交建档") == 422
    assert "身份证号应为18位" in await here.page.locator("#id_no-error").inner_text()
    assert "请写明依据" in await here.page.locator("#evidence-error").inner_text()
    away = here.page.locator("[name=kin_whereabouts_1]")
    assert "否则不列入留守儿童台账" in await here.page.locator("#kin_whereabouts_1-error").inner_text()
    await away.select_option("away_for_work")
    assert await here.page.locator("[name=residence]").input_value() == f"示例路8号 {INERT}"
    await here.page.locator("[name=id_no]").fill("")
    await here.page.locator("[name=evidence]").fill("入户排查")
    assert await send(here, "查重并提交建档") == 200
    said = await here.says()
    assert all(
        one in said
        for one in (
            "已登记建档",
            "街道（乡镇）核实，然后区民政局审批",
            "核实后按此等级走访：中风险",
            "户籍所在区划",
            "剩",
        )
    )
    child = here.page.url.partition("?")[0].rpartition("/")[2]
    changes = await people.get(STREET, f"/v1/children/{child}/history")
    assert {row["field"] for row in changes} == {"registration", "means", "hukou_division"}
    there = await (await staff_page(STREET)).open("/children/new")
    await fill(there, "华知行（化名）")
    await there.page.locator("[name=evidence]").fill("家庭申请")
    assert await send(there, "查重并提交建档") == 422
    said = await there.says()
    assert all(one in said for one in ("可能已有这个孩子的档案", "姓名相同", "建档待核实", "华*"))
    assert await there.page.locator("[name=kin_name_1]").input_value() == "华远（化名）"
    await there.page.locator(f"[name=alike][value={child}]").check()
    assert await send(there, "查重并提交建档") == 200
    assert child not in there.page.url
    here.is_quiet()
    there.is_quiet()


@browser
async def test_who_was_faster_is_named_and_what_was_typed_stays(staff_page, people):
    here = await staff_page(OFFICER)
    child = await register(here, "华致远（化名）")
    waiting = (await people.get(STREET, f"/v1/children/{child}"))["fields"]["registration"]["waiting"]["change"]
    await people.post(STREET, f"/v1/children/{child}/changes/{waiting}/pass")
    await here.open(f"/children/{child}")
    await here.page.get_by_role("link", name="转学、升学").click()
    assert "示例小学（化名）" in await here.says()
    await here.page.locator("[name=school]").fill("示例三小（化名）")
    await here.page.locator("[name=evidence]").fill("学籍卡")
    faster = {"field": "school", "value": "示例二小（化名）", "seen": 0, "evidence": "转学证明"}
    entered = await people.post(OTHER, f"/v1/children/{child}/changes", faster)
    assert await send(here, "提交变更") == 409
    said = await here.says()
    assert all(one in said for one in ("这份档案有了变动", "已填报为 示例二小（化名）", "您填写的内容仍在下面"))
    assert await here.page.locator("[name=school]").input_value() == "示例三小（化名）"
    await people.post(STREET, f"/v1/children/{child}/changes/{entered['change']}/pass")
    await here.page.locator("[name=seen_school]").evaluate("field => { field.value = '0'; }")
    assert await send(here, "提交变更") == 409, "the value has changed since it was read"
    assert "示例二小（化名）。仍要改为您填写的内容" in await here.says()
    assert await here.page.locator("[name=evidence]").input_value() == "学籍卡"
    assert await send(here, "提交变更") == 200
    said = await here.says()
    assert all(one in said for one in ("变更已填报", "示例三小（化名）", "示例二小（化名）"))
    here.is_quiet()


HERE = "110106012"
KEEPER, COLLEAGUE, VERIFIER = f"comm-{HERE}.officer.1", f"comm-{HERE}.head.1", f"street-{HERE}.officer.1"
CIVIL = "civil.officer.1"
FAMILY = [
    {"name": "华建国（化名）", "relation": "父", "birth_date": "1985-02-03", "phone": "13900003331"},
    {"name": "李小梅（化名）", "relation": "母", "birth_date": "1986-04-05", "phone": "13900003332"},
    {"name": "华老汉（化名）", "relation": "祖父", "birth_date": "1955-06-07"},
    {"name": "王阿婆（化名）", "relation": "祖母", "birth_date": "1956-08-09"},
    {"name": "李舅舅（化名）", "relation": "舅舅", "birth_date": "1988-10-11", "phone": "13900003335"},
]
NUMBERS = itertools.count(1)


@pytest.fixture
async def child(people):
    """A child of its own whose file was verified, the means by the district too."""
    n = next(NUMBERS)
    given = {
        "child": {"name": f"华存{n}（化名）", "sex": "male", "birth_date": f"2015-06-{n:02}", "residence": "示例路9号"}, "family": FAMILY,
        "household": {"on_minimum_living": "yes", "low_income": "yes"}, "found": "in_difficulty", "grade": "high", "evidence": "入户排查",
    }  # fmt: skip
    made = await people.post(KEEPER, "/v1/children", given)
    await verify(people, VERIFIER, made)
    steps = [(VERIFIER, made["means_change"]), (CIVIL, made["means_change"])]
    for who, change in steps:
        await people.post(who, f"/v1/children/{made['child_id']}/changes/{change}/pass")
    return made["child_id"]


def as_shown(page):
    """What a browser would send of the form of a change that nobody has touched."""
    form = re.search(r'<form method="post" action="[^"]+/change/[a-z]+".*?</form>', page, re.S)[0]
    fields = re.findall(r'<input type="(?:text|tel|hidden)"[^>]*? name="([^"]+)" value="([^"]*)"', form)
    for name, options in re.findall(r'<select id="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        fields.append((name, chosen[1] if chosen else ""))
    return {name: unescape(value) for name, value in fields}


async def in_full(people, child):
    """The file as the officer sees it who has said why."""
    await people.post(KEEPER, f"/v1/children/{child}/full-view", {"need": "verify", "note": "核对家庭成员"})
    return (await people.get(KEEPER, f"/v1/children/{child}"))["fields"]


async def test_a_change_of_means_or_guardians_loses_nothing_that_was_not_touched(as_person, people, child):
    officer, path = await as_person(KEEPER), f"/children/{child}/change"
    means = as_shown((await officer.get(f"{path}/means")).text)
    assert (means["on_minimum_living"], means["on_destitute_support"]) == ("", "")
    said = means | {"on_destitute_support": "yes", "low_income": "unknown", "evidence": "民政证明"}
    assert (await officer.post(f"{path}/means", data=said)).status_code == 303
    page = (await officer.get(f"{path}/guardians")).text
    typed = as_shown(page)
    assert ("华*" in typed["kin_name_1"], "建国" in page, "移除" in page) == (True, False, True)
    untouched = await officer.post(f"{path}/guardians", data=typed | {"evidence": "户口簿"})
    assert (untouched.status_code, "请填写变更后的内容" in untouched.text) == (422, True)
    for guess in ("13900003331", "13900003339"):
        guessed = await officer.post(f"{path}/guardians", data=typed | {"kin_phone_1": guess, "evidence": ""})
        told = guessed.status_code, "请写明依据" in guessed.text, "请填写变更后的内容" in guessed.text
        assert told == (422, True, False), "the same for what a mask hides as for any other number"
    masked = await officer.post(f"{path}/guardians", data=typed | {"kin_phone_1": "139****0000", "evidence": "户口簿"})
    assert (masked.status_code, "含遮蔽符号" in masked.text) == (422, True)
    said = typed | {
        "kin_phone_2": "13900009999", "kin_gone_3": "yes", "kin_name_4": "王秀英（化名）", "kin_relation_6": "aunt_or_uncle",
        "kin_name_6": "华叔叔（化名）", "evidence": "户口簿",
    }  # fmt: skip
    assert (await officer.post(f"{path}/guardians", data=said)).status_code == 303
    fields = await in_full(people, child)
    assert fields["means"]["waiting"]["value"] == {"on_minimum_living": "yes", "on_destitute_support": "yes"}
    father, mother, _, grandmother, uncle = FAMILY
    *kept, new = fields["guardians"]["waiting"]["value"]
    assert kept == [father, mother | {"phone": "13900009999"}, grandmother | {"name": "王秀英（化名）"}, uncle]
    assert new["name"] == "华叔叔（化名）"


async def test_guardians_that_somebody_else_has_changed_meanwhile_are_not_written_over(as_person, people, child):
    officer, path = await as_person(KEEPER), f"/children/{child}/change/guardians"
    typed = as_shown((await officer.get(path)).text) | {"kin_phone_5": "13900008888", "evidence": "户口簿"}
    faster = {"field": "guardians", "value": [FAMILY[1], FAMILY[4]], "seen": 0, "evidence": "判决书"}
    entered = await people.post(COLLEAGUE, f"/v1/children/{child}/changes", faster)
    await people.post(VERIFIER, f"/v1/children/{child}/changes/{entered['change']}/pass")
    back = await officer.post(path, data=typed)
    assert (back.status_code, "这份档案有了变动" in back.text) == (409, True)
    again = as_shown(back.text)
    assert (again["kin_name_2"], again["kin_phone_2"]) == ("李*", "13900008888"), "beside whom it was typed for"
    assert (await officer.post(path, data=again | {"evidence": "户口簿"})).status_code == 303
    value = (await in_full(people, child))["guardians"]["waiting"]["value"]
    assert value == [FAMILY[1], FAMILY[4] | {"phone": "13900008888"}]


async def test_what_cannot_be_kept_is_said_beside_its_field_and_nothing_of_it_is_kept(as_person, people, child):
    officer, path = await as_person(KEEPER), f"/children/{child}/change"
    for what, said, words in (
        ("household", {"household": "长" * 501, "evidence": "入户"}, "过长"),
        ("school", {"school": "示例二小（化名）", "evidence": "长" * 20_001}, "过长"),
        ("school", {"school": "示例二小（化名）", "evidence": "空\x00"}, "空字符"),
    ):
        answer = await officer.post(f"{path}/{what}", data=said)
        assert (answer.status_code, words in answer.text) == (422, True), what
    assert 'maxlength="500"' in (await officer.get(f"{path}/household")).text
    assert '<option value="110106">' not in (await officer.get(f"{path}/moved")).text, "the file goes to a street"
    before = await people.get(VERIFIER, "/v1/changes?limit=200")
    given = {
        "name": "华不全（化名）", "sex": "female", "birth_date": "2014-01-02", "residence": "示例路10号", "found": "applied",
        "grade": "low", "evidence": "家庭申请", "school_class": "长" * 501,
    }  # fmt: skip
    answer = await officer.post("/children/new", data=given)
    assert (answer.status_code, 'id="school_class-error"' in answer.text) == (422, True)
    assert await people.get(VERIFIER, "/v1/changes?limit=200") == before, "the child is registered whole or not at all"
    assert (await officer.post("/children/new", data=given | {"school_class": "三年级"})).status_code == 303


async def test_a_hukou_outside_of_the_district_is_entered_with_the_child_and_as_a_change(as_person, people, child):
    officer = await as_person(KEEPER)
    given = {
        "name": "华远客（化名）", "sex": "female", "birth_date": "2013-02-03", "residence": "示例路11号", "found": "moved_in",
        "grade": "low", "evidence": "入户排查", "hukou_division": "outside", "hukou": "示例省示例县",
    }  # fmt: skip
    made = await officer.post("/children/new", data=given)
    assert made.status_code == 303, made.text
    page = (await officer.get(made.headers["location"])).text
    assert "丰台区外" in page
    fresh = made.headers["location"].partition("?")[0].rpartition("/")[2]
    waits = (await people.get(VERIFIER, f"/v1/children/{fresh}"))["fields"]["hukou_division"]["waiting"]
    assert waits["value"] == "outside"
    path = f"/children/{child}/change/hukou"
    form = (await officer.get(path)).text
    assert all(f'<option value="{one}">' in form for one in ("110106", "outside", HERE))
    assert '<option value="outside">' not in (await officer.get(f"/children/{child}/change/moved")).text
    sent = as_shown(form) | {"hukou_division": "outside", "evidence": "户口簿"}
    assert (await officer.post(path, data=sent)).status_code == 303
    entered = (await people.get(VERIFIER, f"/v1/children/{child}"))["fields"]["hukou_division"]["waiting"]
    await people.post(VERIFIER, f"/v1/children/{child}/changes/{entered['change']}/pass")
    await people.post(CIVIL, f"/v1/children/{child}/changes/{entered['change']}/pass")
    assert "丰台区外" in (await officer.get(path)).text, "as it stands"


async def test_a_file_shows_cases_benefits_and_placement_and_its_history_the_value_and_the_reason(
    as_person, people, owner, child
):
    entered = await people.post(
        KEEPER,
        f"/v1/children/{child}/changes",
        {"field": "school", "value": "示例四小（化名）", "seen": 0, "evidence": "学籍卡"},
    )
    returned = {"reason": "evidence_missing", "note": "请补学籍卡原件"}
    await people.post(VERIFIER, f"/v1/children/{child}/changes/{entered['change']}/reject", returned)
    page = (await (await as_person(KEEPER)).get(f"/children/{child}")).text
    assert all(
        said in page for said in ("示例四小（化名）", "原因：缺少佐证", "请补学籍卡原件", "没有个案", "保障待遇")
    )
    case = (await people.post("school.reporter.1", "/v1/reports", report("示例辛（化名）")))["case_id"]
    reported = (await watch_of(owner, people, case)).removeprefix("watch-")
    shown = (await (await as_person("civil.supervisor.1")).get(f"/children/{reported}")).text
    assert (f'href="/cases/{case}"' in shown, "WB-" in shown, "按规则建议" in shown) == (True, True, True)
    due = shown[shown.index('id="services"') :]
    (told,) = await people.get("civil.supervisor.1", f"/v1/cases/{case}/services")
    assert due.count("<tr>") >= len(told["services"]) > 0
    assert all(one["zh"] in due for one in told["services"])
    states = {"yes": "应提供", "unknown": "待查明", "no": "已提供"}
    assert all(states[one["due"]] in due for one in told["services"])
    turns = shown.partition('id="turns"')[2].partition('id="history"')[0]
    assert all(said in turns for said in ("风险等级：纳入监测", "困境与留守类别：收到报告", "个案 WB-"))


async def test_a_director_finds_the_own_community_first_and_the_whole_street_one_tap_away(as_person, people, seeded):
    director, street = [await as_person(f"{one}.1") for one in ("comm-110106002.officer", "street-110106002.head")]
    own = (await director.get("/visits")).text
    listed = {row["name"]: row for row in await people.get("comm-110106002.officer.1", "/v1/communities")}
    first = listed["示例一社区"]
    assert first["mine"]
    assert f'href="/visits?community={first["id"]}" aria-current="page"' in own
    assert own.count('class="card visit"') == 1
    assert "还没有填报社区" in own, "who stands in nobody's list is told"
    whole = (await director.get("/visits?community=all")).text
    assert ('href="/visits?community=all" aria-current="page"' in whole, whole.count('class="card visit"') > 1) == (
        True,
        True,
    )
    assert (await street.get("/visits")).text.count('class="card visit"') == whole.count('class="card visit"')
    child = whole.partition('id="watch-')[2].partition('"')[0]
    assert f'href="/visits/watch-{child}?community=all"' in whole
    for page in (whole, (await director.get(f"/visits/watch-{child}?community=all")).text):
        assert 'name="community" value="all"' in page.partition('data-visit="')[2].partition("</form>")[0]
    path = f"/children/{child}/change"
    form = (await director.get(f"{path}/moved")).text
    assert f'<option value="{first["id"]}">示例一社区</option>' in form
    away = as_shown(form) | {"community": first["id"], "residence_division": "110106003", "evidence": "入户"}
    assert "由新街乡（镇）接收后填报" in (await director.post(f"{path}/moved", data=away)).text
    book = (await director.get("/books/work")).text
    assert f'href="/books/work?community={first["id"]}" aria-current="page"' in book
    assert "还没有填报社区" in book, "a book that is cut says so likewise"
    assert 'href="/books/work?community=none"' in book
    assert "导出全街道" in book
    for one in ("all", "none"):
        assert "还没有填报社区" not in (await director.get(f"/books/work?community={one}")).text
    assert 'href="/books/work?community=all"><strong>' in (await director.get("/books/due")).text, "as it counts there"
    chosen = "/books/guardianship_supervision?month=2020-01&unfinished=true&community=all"
    forms = re.findall(r'<form method="post" action="/books/.*?</form>', (await director.get(chosen)).text, re.S)
    for form, verb in zip(forms, ("propose", "import"), strict=True):
        typed = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)) | {"verb": verb}
        refused = await director.post("/books/guardianship_supervision", data=typed)
        assert (refused.status_code, f'href="{chosen}" aria-current' in unescape(refused.text)) == (422, True), verb
    assert f'<option value="{first["id"]}">' in (await director.get("/children/new")).text
