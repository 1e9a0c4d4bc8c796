"""The child file in the API: read from what is known, changed on a path, closed to whoever has nothing to do with the child."""

import asyncio

import pytest
from sqlalchemy import select

from app.db import tables
from app.db.ledger import events_since
from app.domain.access import ENGINE
from app.domain.terms import Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from tests.api.test_reports import is_problem

COMMITTEE, STREET, CIVIL = "comm-110106007.officer.1", "street-110106007.officer.1", "civil.officer.1"
CHILD = {
    "residence_division": "110106007", "name": "华小满（化名）", "sex": "female", "birth_date": "2016-05-06",
    "school": "示例三小（化名）", "residence": "示例路1号",
}  # fmt: skip
FAMILY = [
    {"name": "华某（化名）", "relation": "父", "phone": "010-00001234",
     "facts": {"relation": "father", "suspected_of_harm": "yes", "whereabouts": "away_for_work"}}
]  # fmt: skip


@pytest.fixture
async def child(api):
    """Known from a report, and under watch."""
    case = (await api.report(children=[CHILD], family=FAMILY))["case_id"]
    child = (await api.progress(case))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=child, case_id=case, division="110106007", grade=Grade.HIGH)
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(child), begin)
    return child


async def enter(api, child, person=COMMITTEE, headers=None, **entered):
    return await api.post(person, f"/v1/children/{child}/changes", entered, headers)


@pytest.mark.requirement("R053")
async def test_the_file_is_read_from_the_report_the_cases_and_the_watch(api, child):
    await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", {"finding": "needs_help", "note": "需要校服"})
    read = await api.opened(COMMITTEE, f"/v1/children/{child}")
    file = read.json()
    assert read.headers["ETag"] == '"0"'
    assert (file["fields"]["name"]["value"], file["fields"]["name"]["by"]) == ("华小满（化名）", None)
    assert file["fields"]["guardians"]["value"] == [{"name": "华某（化名）", "relation": "父", "phone": "010-00001234"}]
    assert (file["grade"]["decided"], file["visits"][0]["finding"], file["visits"][0]["note"]) == (
        "high",
        "needs_help",
        "需要校服",
    )
    assert file["grade"]["proposed"]["scale"] == "fengtai-default-1"
    seen = (await api.get("civil.supervisor.1", f"/v1/children/{child}")).json()
    assert [case["stage"] for case in seen["cases"]] == ["report"]


@pytest.mark.requirement("R130")
@pytest.mark.requirement("R133")
async def test_each_body_sees_its_sections_and_what_none_may_see_is_no_child(api, child):
    school = (await api.get("police.officer.1", f"/v1/children/{child}")).json()
    assert {"visits", "grade", "categories"} & set(school) == set()
    assert "school" not in school["fields"]
    for stranger in ("comm-110106001.officer.1", "street-110106001.head.1", "school.reporter.1", "admin.1"):
        is_problem(await api.get(stranger, f"/v1/children/{child}"), 404, "child_not_found")
        is_problem(await enter(api, child, stranger, field="school", value="x"), 404, "child_not_found")
    is_problem(await enter(api, child, "police.officer.1", field="school", value="x"), 403, "not_allowed")
    async with api.service.engine.connect() as conn:
        row = tables.audit.c
        read = select(row.fields).where(row.stream_id == f"file-{child}", row.person_id == "police.officer.1")
        assert (await conn.execute(read)).scalars().all() == [["identity", "residence", "family", "placement", "cases"]]


@pytest.mark.requirement("R051")
async def test_a_change_is_entered_verified_and_stands_in_the_history_with_author_and_time(api, child, key):
    twice = {"Idempotency-Key": key}
    entered = (
        await enter(api, child, field="school", value="示例四小（化名）", evidence="转学证明", headers=twice)
    ).json()
    again = (
        await enter(api, child, field="school", value="示例四小（化名）", evidence="转学证明", headers=twice)
    ).json()
    assert (entered["waits_for"], again["replayed"], again["change"]) == (
        "STREET-110106007",
        True,
        entered["change"],
    )
    file = (await api.get(COMMITTEE, f"/v1/children/{child}")).json()["fields"]["school"]
    assert (file["value"], file["waiting"]["value"]) == ("示例三小（化名）", "示例四小（化名）")
    waiting = (await api.get(STREET, "/v1/changes")).json()["items"]
    assert child in {row["child_id"] for row in waiting}
    path = f"/v1/children/{child}/changes/{entered['change']}"
    is_problem(await api.post(COMMITTEE, f"{path}/pass"), 403, "not_your_desk")
    passed = (await api.post(STREET, f"{path}/pass", {"note": "已见转学证明"})).json()
    assert passed["waits_for"] is None
    file = (await api.get(COMMITTEE, f"/v1/children/{child}")).json()["fields"]["school"]
    assert (file["value"], file["by"], file["version"]) == ("示例四小（化名）", COMMITTEE, entered["change"])
    history = (await api.get(COMMITTEE, f"/v1/children/{child}/history")).json()
    assert [(row["kind"], row["by"], row["value"], row["note"]) for row in history if row["field"]] == [
        ("change_entered", COMMITTEE, "示例四小（化名）", ""),
        ("change_passed", STREET, None, "已见转学证明"),
    ]
    assert child not in {row["child_id"] for row in (await api.get(STREET, "/v1/changes")).json()["items"]}
    async with api.service.engine.connect() as conn:
        assert "示例四小" not in str(await events_since(conn, f"file-{child}", 0))


async def test_two_officers_edit_one_child_at_once_and_the_second_is_told_what_changed(api, child):
    first = (await enter(api, child, field="phone", value="010-00004321", seen=0)).json()
    told = is_problem(await enter(api, child, STREET, field="phone", value="010-00009999", seen=0), 409, "change_waits")
    assert (told["field"], told["by"], told["change"]) == ("phone", COMMITTEE, first["change"])
    await api.post(STREET, f"/v1/children/{child}/changes/{first['change']}/pass")
    told = is_problem(
        await enter(api, child, STREET, field="phone", value="010-00009999", seen=0), 409, "value_changed"
    )
    assert (told["version"], told["by"]) == (first["change"], COMMITTEE)
    stale = await enter(api, child, STREET, field="school", value="示例五小（化名）", headers={"If-Match": '"1"'})
    told = is_problem(stale, 409, "stale_version")
    assert [(row["kind"], row["field"]) for row in told["since"]] == [("change_passed", "phone")]


async def test_a_conflict_names_the_fields_that_the_body_is_shown_and_no_others(api):
    pupil = {
        "name": "易小知（化名）",
        "birth_date": "2018-01-01",
        "school_stage": "primary",
        "residence_division": "110106007",
    }
    case = (await api.report(children=[pupil]))["case_id"]
    child = (await api.progress(case))["children"][0]["id"]
    for field, value in (
        ("health", "肢体残疾"),
        ("school", "示例四小（化名）"),
        ("means", {"low_income": "yes"}),
    ):
        assert (await enter(api, child, field=field, value=value)).status_code == 200
    late = await enter(api, child, "edu.officer.1", field="school_class", value="三班", headers={"If-Match": '"0"'})
    told = is_problem(late, 409, "stale_version")
    assert [row["field"] for row in told["since"]] == ["school"], "neither illness nor means"
    assert {row["by"] for row in told["since"]} == {"another"}, "nor in which street it lives"


async def test_of_two_officers_at_the_same_moment_one_wins_and_the_other_is_told_what_changed(api, child):
    """Ten requests under way together, two for each value, of a file that nobody has changed before."""
    fields = ("phone", "school", "school_class", "residence", "hukou")
    asked = [
        enter(api, child, person, field=field, value=f"010-0000{n}32{m}", seen=0)
        for n, field in enumerate(fields) for m, person in enumerate((COMMITTEE, STREET))
    ]  # fmt: skip
    answers = await asyncio.gather(*asked)
    won = {}
    for n, field in enumerate(fields):
        one, other = sorted(answers[2 * n : 2 * n + 2], key=lambda answer: answer.status_code)
        assert one.status_code == 200, one.text
        told = is_problem(other, 409, "change_waits")
        winner = (COMMITTEE, STREET)[answers.index(one) - 2 * n]
        assert (told["field"], told["by"], told["change"]) == (field, winner, one.json()["change"])
        won[field] = f"010-0000{n}32{answers.index(one) - 2 * n}"
    async with api.service.engine.connect() as conn:
        entered = [event["field"] for event in await events_since(conn, f"file-{child}", 0)]
    assert sorted(entered) == sorted(fields), "nothing of the others is kept"
    file = (await api.opened(COMMITTEE, f"/v1/children/{child}")).json()["fields"]
    assert {field: file[field]["waiting"]["value"] for field in fields} == won
    seen = {"If-Match": f'"{len(entered)}"'}
    stale = [("sex", "male", COMMITTEE), ("name", "华小楠（化名）", STREET)]
    pair = await asyncio.gather(
        *(enter(api, child, person, field=field, value=value, headers=seen) for field, value, person in stale)
    )
    first, late = sorted(pair, key=lambda answer: answer.status_code)
    assert first.status_code == 200, first.text
    told = is_problem(late, 409, "stale_version")
    assert [(row["kind"], row["field"]) for row in told["since"]] == [("change_entered", stale[pair.index(first)][0])]


async def test_the_district_approves_where_the_path_has_it_and_may_return_it(api, child):
    change = (await enter(api, child, field="means", value={"low_income": "yes"})).json()["change"]
    path = f"/v1/children/{child}/changes/{change}"
    assert (await api.post(STREET, f"{path}/pass")).json()["waits_for"] == "CIVIL"
    returned = (await api.post(CIVIL, f"{path}/reject", {"reason": "evidence_missing"})).json()
    assert returned["waits_for"] is None
    assert "means" not in (await api.get(COMMITTEE, f"/v1/children/{child}")).json()["fields"]
    wrong = is_problem(await enter(api, child, field="sex", value="none"), 422, "invalid_request")
    assert wrong["errors"][0]["at"] == "/value"


@pytest.mark.requirement("R051")
async def test_each_of_two_children_has_its_own_safety_and_placement_with_their_days(api):
    case = (await api.report(children=[CHILD, {**CHILD, "name": "华小雪（化名）", "birth_date": "2017-05-06"}]))[
        "case_id"
    ]
    one, other = (child["id"] for child in (await api.progress(case))["children"])
    found = {"child_id": other, "safety": "placed", "note": "已送救助站"}
    assert (await api.post("police.officer.1", f"/v1/cases/{case}/safety", found)).is_success
    files = [(await api.get("civil.supervisor.1", f"/v1/children/{child}")).json() for child in (one, other)]
    assert [file["placement"]["safety"] for file in files] == ["unknown", "placed"]
    for child, told in ((one, []), (other, ["placed"])):
        history = (await api.get("civil.supervisor.1", f"/v1/children/{child}/history")).json()
        placed = [row for row in history if row["section"] == "placement"]
        assert [row["value"] for row in placed] == told
        assert all(row["since"] and row["by"] == "" for row in placed)


async def test_the_child_of_a_report_that_a_visit_made_is_the_child_of_the_watch(api, child):
    found = {"finding": "at_risk", "situations": ["unguarded"], "note": "家中无人"}
    case = (await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", found)).json()["report"]
    again = (await api.progress(case))["children"][0]["id"]
    file = (await api.get("civil.supervisor.1", f"/v1/children/{again}")).json()
    assert (file["id"], [one["id"] for one in file["cases"]][1:]) == (child, [case])
