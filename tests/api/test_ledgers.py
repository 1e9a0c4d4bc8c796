"""The ledgers: each body its own, its own division's rows, its own columns; masked unless somebody says why not."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.api.ledgers import SHARES
from app.db import tables
from app.domain.access import ENGINE
from app.domain.belonging import Belong
from app.domain.child_file import file_id
from app.domain.commands import EnterStage
from app.domain.handing_in import month_of
from app.domain.ledgers import COLUMNS
from app.domain.terms import Grade, Stage
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.policy.loader import load
from tests.api.test_reports import is_problem
from tests.api.test_watches import close

DIVISION = "110106022"
COMMITTEE, STREET, WOMEN = f"comm-{DIVISION}.officer.1", f"street-{DIVISION}.officer.1", "wf.officer.1"
CHILD = {
    "residence_division": DIVISION, "name": "欧阳小满（化名）", "sex": "female", "birth_date": "2016-05-06",
    "id_no": "110106201605060024", "school": "示例三小（化名）", "residence": "玉泉营示例路1号", "phone": "13800001234",
}  # fmt: skip
AWAY = [
    {"name": "华某（化名）", "relation": "父", "phone": "13900005678",
     "facts": {"relation": "father", "whereabouts": "away_for_work"}},
    {"name": "李某（化名）", "relation": "母", "facts": {"relation": "mother", "whereabouts": "away_for_work"}},
]  # fmt: skip


async def watched(api, **changes):
    child, division = {**CHILD, **changes.pop("child", {})}, changes.pop("division", DIVISION)
    began = api.service.ledger.clock() - changes.pop("ago", timedelta())
    case = (await api.report(children=[child], **changes))["case_id"]
    child = (await api.progress(case))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=child, case_id=case, division=division, grade=Grade.MEDIUM)
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(child), begin, now=began)
    return child


@pytest.fixture(scope="module")
async def poor(api):
    return await watched(api, household={"on_minimum_living": "yes"}, family=AWAY[:1])


@pytest.fixture(scope="module")
async def left_behind(api):
    return await watched(api, family=AWAY, child={"name": "华小雪（化名）", "birth_date": "2017-01-02"})


HEAD = COMMITTEE.replace("officer", "head")


async def in_full(api, code, use):
    """A book with the names, which the head of the same desk has approved."""
    await api.approved(COMMITTEE, HEAD, "unmask_list", ledger=code, use=use)
    return await book(api, COMMITTEE, code, f"?use={use}")


async def book(api, person, code, query="?limit=200"):
    """The whole book, for other tests leave children in it as well; with a query of its own, that page."""
    answer = await api.get(person, f"/v1/ledgers/{code}{query}")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    if "limit=200" in query and page["next"]:
        more = await book(api, person, code, f"?limit=200&cursor={page['next']}")
        return {**more, "rows": page["rows"] + more["rows"]}
    return page


def of(page, child):
    return [row for row in page["rows"] if row["child_id"] == child]


@pytest.mark.requirement("R015")
@pytest.mark.requirement("R051")
async def test_the_ledgers_of_a_committee_show_its_children_masked_with_visit_and_guardian(api, poor, left_behind):
    await api.post(COMMITTEE, f"/v1/watches/{watch_id(poor)}/visits", {"finding": "needs_help", "note": "需要校服"})
    page = await book(api, COMMITTEE, "work")
    (row,) = of(page, poor)
    assert page["masked"] is True
    assert (row["name"], row["residence"], row["guardian_names"], row["guardian_phones"]) == (
        "欧阳*",
        "玉泉营***",
        ["华*"],
        ["139****5678"],
    )
    assert (row["categories"], row["grade"], row["visits"]) == (["家庭贫困儿童"], "中风险", 1)
    assert row["last_visit"] < row["next_visit"]
    assert {one["child_id"] for one in page["rows"]} >= {poor, left_behind}
    assert of(await book(api, STREET, "information"), poor)[0]["id_no"] == "110106********0024"
    assert await book(api, "comm-110106001.officer.1", "work") | {"rows": []} == page | {"rows": []}
    assert not of(await book(api, "comm-110106001.officer.1", "work"), poor)


async def test_whoever_needs_names_in_full_says_why_and_it_is_on_record(api, poor):
    page = await in_full(api, "information", "hand_in")
    (row,) = of(page, poor)
    assert (page["masked"], row["name"], row["id_no"], row["residence"]) == (
        False,
        CHILD["name"],
        CHILD["id_no"],
        CHILD["residence"],
    )
    is_problem(await api.get(COMMITTEE, "/v1/ledgers/information?use=curiosity"), 422, "invalid_request")
    audit = tables.audit.c
    async with api.service.engine.connect() as conn:
        read = select(audit.why).where(audit.stream_id == "ledger-information", audit.person_id == COMMITTEE)
        assert (await conn.execute(read)).scalars().all() == ["hand_in"]


@pytest.mark.requirement("R053")
@pytest.mark.requirement("R074")
async def test_a_correction_that_was_passed_stands_in_every_ledger_and_no_copy_is_kept(api, poor):
    entered = {"field": "household", "value": "祖孙三代同住，租房", "evidence": "入户"}
    change = (await api.post(COMMITTEE, f"/v1/children/{poor}/changes", entered)).json()["change"]
    family = await in_full(api, "family", "verify")
    assert of(family, poor)[0]["household"] is None
    assert (await api.post(STREET, f"/v1/children/{poor}/changes/{change}/pass")).status_code == 200
    assert of(await in_full(api, "family", "verify"), poor)[0]["household"] == entered["value"]
    assert of(await book(api, COMMITTEE, "family"), poor)[0]["household"] == "***"
    assert of(await book(api, COMMITTEE, "personal"), poor)[0]["school"] == CHILD["school"]


@pytest.mark.requirement("R075")
@pytest.mark.requirement("R077")
async def test_cases_and_benefits_have_a_row_each(api):
    child = await watched(
        api, household={"low_income": "yes"}, child={"name": "路小满（化名）", "birth_date": "2015-03-04"}
    )
    case = (await api.get("civil.supervisor.1", f"/v1/children/{child}")).json()["cases"][0]
    granted = {"child_id": child, "benefit": "TEMP_LIVING", "verdict": "grant", "yuan": "1000.00", "note": "依申请"}
    done = await api.post("civil.officer.1", f"/v1/cases/{case['id']}/benefit", granted)
    assert done.status_code == 200, done.text
    called = (await api.get("civil.officer.1", f"/v1/cases/{case['id']}")).json()["case_no"]
    assert called.startswith("WB-"), "as it stands on every page"
    (served,) = of(await book(api, STREET, "case_service"), child)
    assert (served["case_number"], served["case_stage"], served["closed_on"]) == (called, "发现报告", None)
    (aid,) = of(await book(api, STREET, "aid"), child)
    assert (aid["benefit"], aid["benefit_yuan"], aid["case_number"]) == ("临时性生活保障", "1000.00", called)
    heard = {"child_id": child, "benefit": "TEMP_LIVING", "heard_on": aid["benefit_since"], "note": "家庭同意"}
    assert (await api.post("civil.officer.1", f"/v1/cases/{case['id']}/benefit-hearing", heard)).is_success
    stopped = {"child_id": child, "benefit": "TEMP_LIVING", "verdict": "stop", "note": "困难已解除"}
    assert (await api.post("civil.officer.1", f"/v1/cases/{case['id']}/benefit", stopped)).is_success
    (aid_ended,) = of(await book(api, STREET, "aid"), child)
    assert (aid_ended["benefit"], aid_ended["benefit_since"], aid_ended["case_number"]) == (None, None, None)
    told = (await api.get(STREET, f"/v1/children/{child}/history")).json()
    ended = [row for row in told if row["section"] == "benefits"]
    assert [(row["value"]["decided"], row["since"], row["until"], row["case_id"]) for row in ended] == [
        ("grant", aid["benefit_since"], aid["benefit_since"], case["id"]), ("stop", aid["benefit_since"], None, case["id"]),
    ]  # fmt: skip
    police = (await api.get("police.officer.1", f"/v1/children/{child}/history")).json()
    assert {row["section"] for row in police} <= {"placement"}, "each body its sections"


@pytest.mark.requirement("R013")
@pytest.mark.requirement("R051")
async def test_what_a_second_case_and_a_joined_file_say_of_a_child_stands_in_its_books(api):
    child = await watched(api, child={"name": "水小满（化名）", "birth_date": "2014-07-08"})

    async def codes():
        (row,) = of(await book(api, COMMITTEE, "work"), child)
        file = (await api.get(COMMITTEE, f"/v1/children/{child}")).json()
        return row["categories"], {one["code"] for one in file["categories"] if one["status"] == "confirmed"}

    assert await codes() == ([], set())
    found = {"finding": "at_risk", "situations": ["unguarded"], "note": "家中无人"}
    case = (await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", found)).json()["report"]
    again, path = (await api.progress(case))["children"][0]["id"], f"/v1/cases/{case}"
    assert (await api.post("police.officer.1", f"{path}/safety", {"child_id": again, "safety": "safe"})).is_success
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, case, EnterStage(by=ENGINE, stage=Stage.ASSESS))
    leg = await api.leg(case, "SW")
    assert (await api.post("sw.officer.1", f"{path}/referrals/{leg}/accept")).is_success
    seen = [{"child_id": again, "household": {"on_minimum_living": "yes"}}]
    filed = {"grade": "high", "note": "入户评估", "seen": seen}
    assert (await api.post("sw.officer.1", f"{path}/referrals/{leg}/assess", filed)).is_success
    assert (await codes())[1] == {"D1"}
    (row,) = of(await book(api, COMMITTEE, "work"), child)
    assert row["services"] == ["专业社会工作机构：评估"], "in the words of the rules"
    facts = {"residence_division": DIVISION, "name": "水晓满（化名）", "disabled": "yes"}
    other = (await api.progress((await api.report(children=[facts]))["case_id"]))["children"][0]["id"]
    async with api.service.engine.begin() as conn:
        belongs = Belong(by=ENGINE, child_id=other, division=DIVISION, primary=child)
        await api.service.ledger.begin(conn, file_id(other), belongs)
    assert await codes() == (["家庭贫困儿童", "重病、残疾或身心失常儿童"], {"D1", "D3"})
    await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", {"finding": "well", "grade": "high", "form": {}})
    told = (await api.get(COMMITTEE, f"/v1/children/{child}/history")).json()
    rows = [(row["section"], row["kind"], row["value"], row["by"]) for row in told]
    assert [row for row in rows if row[0] == "grade"] == [
        ("grade", "watch_began", "medium", "engine"), ("grade", "assessment_filed", "high", ""),
        ("grade", "visit_recorded", "high", COMMITTEE),
    ]  # fmt: skip
    found = [row for row in rows if row[0] == "categories"]
    assert ("categories", "assessment_filed", ["D1"], "") in found
    assert found[-1] == ("categories", "visit_recorded", ["D1", "D3"], COMMITTEE)


@pytest.mark.requirement("R051", "R056")
async def test_who_has_died_says_so_in_the_books_of_the_month_and_stands_in_none_of_the_next(api):
    child = await watched(api, child={"name": "末小满（化名）"}, household={"on_minimum_living": "yes"})
    visit = {"finding": "well", "form": {}}
    assert (await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", visit)).is_success
    assert of(await book(api, COMMITTEE, "work"), child)[0]["watch_state"] == "监测中"
    case = (await api.get("civil.supervisor.1", f"/v1/children/{child}")).json()["cases"][0]["id"]
    await close(api, case, "died")
    (row,) = of(await book(api, COMMITTEE, "work"), child)
    assert (row["watch_state"], row["next_visit"]) == ("已结束：死亡", None)
    ended = api.service.ledger.clock()
    this, after = month_of(ended), month_of(ended + timedelta(days=31))
    for code, months in (("information", [this]), ("work", [this]), ("case_service", [this, after])):
        pages = {month: await book(api, COMMITTEE, code, f"?limit=200&month={month}") for month in (this, after)}
        assert [month for month, page in pages.items() if of(page, child)] == months, code
    due = [(await api.get(COMMITTEE, f"/v1/ledgers/due?month={month}")).json() for month in (this, after)]
    counts = [{row["code"]: (row["children"], row["rows"]) for row in of_month} for of_month in due]
    assert [tuple(n - 1 for n in counts[0][code]) for code in ("work", "information")] == [
        counts[1][code] for code in ("work", "information")
    ]


@pytest.mark.requirement("R121")
@pytest.mark.requirement("R130")
async def test_other_bodies_have_their_own_books_and_only_the_columns_of_their_sections(api, poor, left_behind):
    kept = {one["code"] for one in (await api.get(WOMEN, "/v1/ledgers")).json()}
    assert kept == {"left_behind"}
    page = await book(api, WOMEN, "left_behind")
    assert of(page, left_behind)[0]["categories"] == ["留守儿童"]
    assert of(page, poor) == []
    is_problem(await api.get(WOMEN, "/v1/ledgers/work"), 404, "ledger_not_found")
    is_problem(await api.get("admin.1", "/v1/ledgers/work"), 404, "ledger_not_found")
    assert (await api.get("committee.reporter.1", "/v1/ledgers")).json() == []
    rules = load("fengtai-2026.1").file
    for book_row in rules.ledgers:
        for agency in book_row.keepers:
            seen = {column.section for column in book_row.ledger().for_sections(rules.seen_by(agency))}
            assert seen <= set(rules.seen_by(agency))
    assert "visits" not in {COLUMNS[c["code"]].section for c in page["columns"]}


async def test_pages_name_every_child_once(api, poor, left_behind):
    rows, cursor = [], ""
    while True:
        page = await book(api, COMMITTEE, "work", f"?limit=1{cursor}")
        rows += page["rows"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    whole = (await book(api, COMMITTEE, "work"))["rows"]
    assert [row["child_id"] for row in rows] == [row["child_id"] for row in whole]
    assert len({row["child_id"] for row in rows}) == len(rows) >= 2


async def test_whoever_audits_finds_by_book_and_person_whose_rows_were_read_page_by_page(api, poor, left_behind):
    before = (await api.get("auditor.1", "/v1/audit?limit=1")).json()["items"][0]["id"]
    first = await book(api, COMMITTEE, "work", "?limit=1")
    second = await book(api, COMMITTEE, "work", f"?limit=1&cursor={first['next']}")
    sought = f"/v1/audit?person_id={COMMITTEE}&stream_id=ledger-work&action=read_ledger&limit=200"
    rows = [one for one in (await api.get("auditor.1", sought)).json()["items"] if one["id"] > before]
    assert {row["child_id"] for page in (first, second) for row in page["rows"]} <= {
        child for row in rows for child in row["children"]
    }
    assert all(row["fields"][0] == "work" and len(row["children"]) <= 1 for row in rows)
    assert len({child for row in rows for child in row["children"]}) > 1, "each page what it showed"


async def test_the_books_of_a_month_say_what_to_mend_and_name_nobody(api, poor, left_behind):
    answer = await api.get(COMMITTEE, "/v1/ledgers/due?month=2020-01")
    due = {row["code"]: row for row in answer.json()}
    whole = (await book(api, COMMITTEE, "work"))["rows"]
    assert (due["work"]["children"], due["work"]["rows"], due["work"]["is_whole"]) == (len(whole), len(whole), True)
    assert due["guardianship_supervision"]["rows"] == 0, "nobody was visited then"
    missing = {gap["code"]: gap["children"] for gap in due["information"]["missing"]}
    assert missing["hukou_division"] >= 2
    assert not any(word in answer.text for word in ("欧阳", "华", "13800001234", poor, left_behind))
    unfinished = await book(api, COMMITTEE, "information", "?limit=200&unfinished=true")
    assert {row["child_id"] for row in unfinished["rows"]} >= {poor, left_behind}
    assert [row["code"] for row in (await api.get("wf.officer.1", "/v1/ledgers/due")).json()] == ["left_behind"]
    assert (await api.get("hotline.officer.1", "/v1/ledgers/due")).json() == []
    is_problem(await api.get(COMMITTEE, "/v1/ledgers/due?month=2020-13"), 422, "invalid_request")
    for person in (COMMITTEE, STREET, WOMEN, "committee.reporter.1", "admin.1"):
        is_problem(await api.get(person, "/v1/ledgers/handed-in"), 403, "not_allowed")
    offices = (await api.get("civil.officer.1", "/v1/ledgers/handed-in?month=2020-01")).json()
    assert {(one["exported"], one["fetched"]) for one in offices} == {(0, 0)}


async def test_what_is_remembered_of_a_child_for_the_books_of_a_month_is_told_anew_once_anything_of_it_changes(
    api, key
):
    """After each step the answer is that of a process which remembers nothing, and it is another than before."""
    child = await watched(api, household={"on_minimum_living": "yes"}, family=AWAY[:1])
    case = (await api.get("civil.supervisor.1", f"/v1/children/{child}")).json()["cases"][0]["id"]
    double = await watched(api, child={"name": "欧阳小曼（化名）"})

    async def told():
        said = {}
        for remembered in (True, False):
            if not remembered:
                SHARES.clear()
            answers = [(await api.get(person, "/v1/ledgers/due")).json() for person in (COMMITTEE, STREET)]
            said[remembered] = {(n, row["code"]): row for n, answer in enumerate(answers) for row in answer}
        assert said[True] == said[False]
        return said[True]

    async def entered(person, field, value):
        answer = await api.post(person, f"/v1/children/{child}/changes", {"field": field, "value": value})
        return f"/v1/children/{child}/changes/{answer.json()['change']}"

    async def passed(path, *persons):
        for person in persons:
            assert (await api.post(person, f"{path}/pass")).status_code == 200

    def gaps(answer):
        return {one["code"]: one["children"] for one in answer[0, "information"]["missing"]}

    start = await told()
    change = await entered(COMMITTEE, "hukou_division", DIVISION)
    waiting = await told()
    assert [waiting[n, "information"]["ours"] - start[n, "information"]["ours"] for n in (0, 1)] == [0, 1]
    assert waiting[0, "information"]["unverified"] == start[0, "information"]["unverified"] + 1
    await passed(change, STREET, "civil.officer.1")
    known = await told()
    assert gaps(known)["hukou_division"] == gaps(start)["hukou_division"] - 1
    await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", {"finding": "well"})
    visited = await told()
    book = 0, "guardianship_supervision"
    assert visited[book]["rows"] == known[book]["rows"] + 1
    granted = {"child_id": child, "benefit": "TEMP_LIVING", "verdict": "grant", "yuan": "1000.00", "note": "依申请"}
    for benefit in ("TEMP_LIVING", "TEMP_AID"):  # the first stands in the row of the child that had none
        asked = granted | {"benefit": benefit}
        assert (await api.post("civil.officer.1", f"/v1/cases/{case}/benefit", asked)).status_code == 200
    helped = await told()
    assert helped[1, "aid"]["rows"] == visited[1, "aid"]["rows"] + 1
    asked = {"other": double, "decision": "same"}
    joined = (await api.post(STREET, f"/v1/children/{child}/duplicates", asked)).json()
    await passed(f"/v1/children/{joined['child_id']}/changes/{joined['change']}", STREET.replace("officer", "head"))
    assert (await told())[0, "work"]["children"] == helped[0, "work"]["children"] - 1
