"""The one door: what is taken, what is told, and that nothing is lost or done twice."""

import asyncio

import pytest

from app.policy.examples import examples, submission_of

REPORTERS = {
    "CN-01": "hospital.reporter.1",
    "CN-03": "school.reporter.1",
    "CN-07": "committee.reporter.1",
    "CN-08": "police.reporter.1",
}


def is_problem(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    return answer.json()


@pytest.mark.requirement("R063")
@pytest.mark.parametrize("case_id", sorted(examples()))
async def test_every_worked_case_can_be_entered_whole(api, case_id):
    answer = await api.post(REPORTERS.get(case_id, "village.reporter.1"), "/v1/reports", submission_of(case_id))
    assert answer.status_code == 201, answer.text
    assert len(answer.json()["receipt"]) == 19
    assert answer.json()["findings"] == []


@pytest.mark.requirement("R063")
async def test_a_child_of_whom_nothing_is_known_is_a_valid_child(api):
    report = await api.report(children=[{}], situations=[])
    case = (await api.get("police.officer.1", f"/v1/cases/{report['case_id']}")).json()
    assert case["content"]["children"][0]["name"] == ""


async def test_a_wrong_id_number_is_told_and_not_refused(api):
    report = await api.report(children=[{"name": "测试", "id_no": "110106201512029917", "birth_date": "2015-12-03"}])
    assert {finding["code"] for finding in report["findings"]} == {"wrong_check_digit", "birth_date_differs"}


async def test_one_submission_makes_one_case_whatever_the_client_does(api, key):
    form = {"reporter": {"class": "school"}, "children": [{"name": "唯一"}], "situations": ["unguarded"]}
    answers = await asyncio.gather(
        *(api.post("school.reporter.1", "/v1/reports", form, {"Idempotency-Key": key}) for _ in range(20))
    )
    made = {a.json()["case_id"] for a in answers if a.status_code == 201}
    assert len(made) == 1
    for answer in answers:
        if answer.status_code != 201:
            is_problem(answer, 409, "request_in_flight")
            assert answer.headers["Retry-After"]
    again = await api.post("school.reporter.1", "/v1/reports", form, {"Idempotency-Key": key})
    assert again.json()["case_id"] in made
    other = await api.post("school.reporter.1", "/v1/reports", form | {"narrative": "x"}, {"Idempotency-Key": key})
    is_problem(other, 422, "key_reused")
    elsewhere = await api.post("hospital.reporter.1", "/v1/reports", form, {"Idempotency-Key": key})
    assert elsewhere.json()["case_id"] not in made


async def test_emoji_rare_characters_and_long_names_come_back_as_typed(api):
    name, story = "𠮷野家𪚥（化名）😀", "她说“爸爸打”👧🏻\n第二行 < & > ' \" \\ 𫝆"
    report = await api.report(children=[{"name": name}], narrative=story)
    case = (await api.opened("police.officer.1", f"/v1/cases/{report['case_id']}")).json()
    assert case["content"]["children"][0]["name"] == name
    assert case["content"]["narrative"] == story


@pytest.mark.parametrize(
    ("form", "at"),
    [
        ({"children": []}, "/children"),
        ({"children": [{}], "narrative": "长" * 100_000}, "/narrative"),
        ({"children": [{"birth_date": "2020-02-30"}]}, "/children/0/birth_date"),
        ({"children": [{"birth_date": "2999-01-01"}]}, "/children"),
        ({"children": [{}], "situations": ["no_such_code"]}, "/situations/0"),
        ({"children": [{"name": "甲"}, {"name": "甲"}]}, "/children"),
        ({"children": [{"name": "a\x00b"}]}, "/children/0/name"),
        ({"children": [{}], "misspelt": 1}, "/misspelt"),
    ],
)
async def test_bad_input_is_a_clear_problem_that_names_its_place(api, form, at):
    said = is_problem(await api.post("school.reporter.1", "/v1/reports", form), 422, "invalid_request")
    assert at in {error["at"] for error in said["errors"]}


async def test_what_is_no_json_or_too_large_is_a_problem(api):
    headers = api._headers("school.reporter.1", {"content-type": "application/json"})
    is_problem(await api.http.post("/v1/reports", content=b"{nonsense", headers=headers), 400, "malformed_json")
    is_problem(await api.http.post("/v1/reports", content=b" " * 2_000_000, headers=headers), 413, "body_too_large")
    is_problem(await api.http.post("/v1/reports", json={}), 401, "unauthenticated")
    is_problem(await api.get("school.reporter.1", "/v1/nowhere"), 404, "not_found")


async def test_the_receipt_shows_what_a_reporter_may_know_and_nothing_else(api):
    report = await api.report(children=[{"name": "不可见", "residence_division": "110106101"}])
    shown = (await api.post(None, "/v1/progress", {"receipt": report["receipt"].lower().replace("-", " ")})).json()
    assert not shown["accepted"]
    leg = await api.leg(report["case_id"], "POLICE")
    await api.post("police.officer.1", f"/v1/cases/{report['case_id']}/referrals/{leg}/accept")
    await api.post("civil.officer.1", f"/v1/cases/{report['case_id']}/answer", {"note": "已处理"})
    answer = await api.post(None, "/v1/progress", {"receipt": report["receipt"]})
    assert answer.json()["accepted"]
    assert answer.json()["answer"] == "已处理"
    assert "不可见" not in answer.text
    is_problem(await api.post(None, "/v1/progress", {"receipt": "0000-0000-0000-0000"}), 404, "case_not_found")


@pytest.mark.requirement("R084")
async def test_a_second_report_is_suggested_linked_by_a_person_and_unlinked_again(api):
    first = (await api.post("school.reporter.1", "/v1/reports", submission_of("CN-03"))).json()
    second = (await api.post("hotline.reporter.1", "/v1/reports", submission_of("CN-04"))).json()
    assert first["receipt"] != second["receipt"]
    path = f"/v1/cases/{second['case_id']}"
    found = (await api.get("police.officer.1", f"{path}/suggestions")).json()
    reasons = next(entry["reasons"] for entry in found if entry["other_id"] == first["case_id"])
    assert {reason["code"] for reason in reasons} >= {"name_sounds_alike", "birth_date_near"}
    await api.post("police.officer.1", f"{path}/link", {"primary": first["case_id"]})
    assert second["case_id"] in (await api.progress(first["case_id"]))["followers"]
    await api.post("civil.officer.1", f"/v1/cases/{first['case_id']}/answer", {"note": "孩子已找到"})
    shown = (await api.post(None, "/v1/progress", {"receipt": second["receipt"]})).json()
    assert shown["answer"] == "孩子已找到"
    await api.post("police.officer.1", f"{path}/unlink")
    assert (await api.progress(first["case_id"]))["followers"] == []
    assert (await api.progress(second["case_id"]))["linked_to"] is None


async def test_two_unknown_children_are_two_children_and_no_name_is_too_strange(api):
    report = await api.report(children=[{"name": "未知"}, {"name": "未知"}, {"name": "𠀀¯"}, {"name": "¨"}])
    assert len((await api.progress(report["case_id"]))["children"]) == 4


async def test_a_person_decides_on_suggestions_and_the_decision_stays_with_them(api):
    child = {
        "name": "同电话甲",
        "birth_date": "2016-05-04",
        "phone": "138 0000 0042",
        "residence_division": "110106101",
    }
    first = (await api.report(children=[child]))["case_id"]
    second = (await api.report(children=[child | {"name": "同电话乙", "phone": "+8613800000042"}]))["case_id"]
    path = f"/v1/cases/{second}"

    async def state():
        rows = (await api.get("police.officer.1", f"{path}/suggestions")).json()
        return next(row["state"] for row in rows if row["other_id"] == first)

    assert await state() == "open"
    await api.post("police.officer.1", f"{path}/clear-duplicate")
    assert await state() == "cleared"
    await api.post("police.officer.1", f"{path}/link", {"primary": first})
    assert await state() == "linked"
    await api.post("police.officer.1", f"{path}/unlink")
    assert await state() == "cleared"
