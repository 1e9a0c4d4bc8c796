"""A second report on the same incident: its own receipt, one answer for both reporters, and a way back."""

import asyncio
import uuid

import pytest

from app.db.suggestions import MOST_CANDIDATES
from tests.api.test_reports import is_problem

FATHER_BEAT = {"residence_division": "110106101", "sex": "male"}
PROPOSED = {"reason": "no_risk_found"}


def child(**known):
    """Nobody else of these tests is like this one."""
    number = int(uuid.uuid4().hex[:6], 16)
    return {**FATHER_BEAT, "name": f"甲{chr(0x4E00 + number % 20000)}{chr(0x4E00 + number // 20000)}", **known}


async def two(api, one, other, **more):
    first = await api.report("school.reporter.1", children=[one], reporter={"class": "school"})
    second = await api.report("hotline.reporter.1", children=[other], reporter={"class": "public"}, **more)
    return first, second


async def linked(api):
    one = child(birth_date="2016-03-04")
    first, second = await two(api, one, one)
    link = {"primary": first["case_id"]}
    assert (await api.post("police.officer.1", f"/v1/cases/{second['case_id']}/link", link)).status_code == 200
    return first, second


async def shown(api, report):
    return (await api.post(None, "/v1/progress", {"receipt": report["receipt"]})).json()


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        (
            {"name": "章诗涵", "birth_date": "2014-02-11"},
            {"name": "张思涵", "birth_date": "2014-02-11"},
            "name_sounds_alike",
        ),
        (
            {"name": "曾晨曦", "birth_date": "2013-07-19"},
            {"name": "曾晨曦", "birth_date": "2013-07-19"},
            "same_birth_date",
        ),
        ({"id_no": "110106201512029915"}, {"id_no": "１１０１０６２０１５１２０２９９１５"}, "same_id"),
        (
            {"phone": "13900000751", "birth_date": "2012-09-09"},
            {"phone": "+86 139-0000-0751", "birth_date": "2012-09-09"},
            "same_phone",
        ),
    ],
)
async def test_a_second_report_is_suggested_by_each_trait_with_its_reason(api, one, other, code):
    first, second = await two(api, {**FATHER_BEAT, **one}, {**FATHER_BEAT, **other})
    found = (await api.get("police.officer.1", f"/v1/cases/{second['case_id']}/suggestions")).json()
    match = next(entry for entry in found if entry["other_id"] == first["case_id"])
    reason = next(reason for reason in match["reasons"] if reason["code"] == code)
    assert reason["zh"]
    assert reason["en"]
    assert reason["weight"] > 0


async def test_that_a_case_is_about_somebody_is_not_told_by_a_later_report_that_is_like_it(api):
    """It is compared in the case that they do not see, by those who see both; of another unit nobody handles cases."""
    one, told = child(birth_date="2016-07-08"), {}
    concerned, colleague = "police.officer.1", "police.officer.2"
    hidden = (await api.report(children=[one], about=[concerned]))["case_id"]
    later = (await api.report("hotline.reporter.1", children=[one]))["case_id"]
    for person, case in ((concerned, later), (colleague, later), (colleague, hidden)):
        progress = await api.progress(case, person)
        owes = "duplicate_check" in {duty["code"] for duty in progress["duties"] if duty["is_open"]}
        found = [one["other_id"] for one in (await api.get(person, f"/v1/cases/{case}/suggestions")).json()]
        said = "duplicate" in (await api.get(person, f"/v1/cases/{case}/explanation")).text
        told[person, case] = (progress["possible_duplicate"], owes, found, said and case == later)
    nothing = (False, False, [], False)
    assert told == {
        (concerned, later): nothing, (colleague, later): nothing, (colleague, hidden): (True, True, [later], False),
    }  # fmt: skip
    under_way = await api.progress(hidden, colleague)
    done = await api.post(colleague, f"/v1/cases/{later}/link", {"primary": hidden})
    assert done.status_code == 200, done.text
    is_problem(await api.get(concerned, f"/v1/cases/{later}"), 404, "case_not_found")
    now = await api.progress(hidden, colleague)
    assert now["referrals"] == under_way["referrals"], "the earlier case goes on with all that is under way"
    still = [duty["code"] for duty in under_way["duties"] if duty["is_open"] and duty["code"] != "duplicate_check"]
    assert [duty["code"] for duty in now["duties"] if duty["is_open"]] == still
    assert (now["possible_duplicate"], now["followers"]) == (False, [later])
    assert (await api.get(colleague, f"/v1/cases/{hidden}/suggestions")).json()[0]["state"] == "linked"
    assert (await api.post(colleague, f"/v1/cases/{later}/unlink")).status_code == 200
    assert (await api.get(colleague, f"/v1/cases/{hidden}/suggestions")).json()[0]["state"] == "cleared"
    other = child(birth_date="2016-07-09")
    of_school = (await api.report(children=[other], about=["unit-school-1"]))["case_id"]
    like_it = (await api.report("hotline.reporter.1", children=[other]))["case_id"]
    assert list(await suggested(api, like_it)) == [of_school]
    assert (await api.progress(like_it))["possible_duplicate"]


async def suggested(api, case_id):
    found = (await api.get("police.officer.1", f"/v1/cases/{case_id}/suggestions")).json()
    return {entry["other_id"]: {reason["code"] for reason in entry["reasons"]} for entry in found}


async def test_the_phone_of_a_parent_speaks_for_one_child_however_it_is_typed_and_wherever_it_stands(api):
    born = {"birth_date": "2012-10-19"}
    by_mother = await api.report(children=[born], family=[{"relation": "母", "phone": "139 0000 7771"}])
    by_child = await api.report(children=[{**born, "phone": "+86-139-0000-7771"}])
    again = await api.report(children=[born], family=[{"relation": "父", "phone": "13900007771"}])
    found = await suggested(api, again["case_id"])
    for report in (by_mother, by_child):
        assert found[report["case_id"]] >= {"same_phone", "same_birth_date"}


async def test_the_same_id_number_is_found_behind_any_number_of_newer_reports_that_look_alike(api):
    one = {"name": "温小满", "birth_date": "2011-11-23"}
    first = await api.report(children=[{"id_no": "110106201111230019"}])
    for _ in range(MOST_CANDIDATES + 1):
        await api.report(children=[one])
    last = await api.report(children=[{**one, "id_no": "110106201111230019"}])
    assert "same_id" in (await suggested(api, last["case_id"]))[first["case_id"]]


async def test_a_stranger_to_the_other_case_sees_no_suggestion_and_cannot_link_to_it(api):
    one = child(birth_date="2015-08-09")
    first = await api.report("school.reporter.1", children=[one | {"residence_division": "110106001"}])
    second = await api.report("hotline.reporter.1", children=[one | {"residence_division": "110106002"}])
    street = "street-110106002.head.1"
    path = f"/v1/cases/{second['case_id']}"
    is_problem(await api.get(street, f"{path}/suggestions"), 403, "not_allowed")
    link = {"primary": first["case_id"]}
    assert (await api.post(street, f"{path}/link", link)).status_code in (403, 404)
    is_problem(await api.post("police.officer.1", f"{path}/link", {"primary": "case-none"}), 404, "case_not_found")
    is_problem(await api.post("police.officer.1", f"{path}/link", {"primary": second["case_id"]}), 409, "same_case")


async def test_the_answer_reaches_both_reporters_and_goes_again_when_the_link_was_a_mistake(api):
    first, second = await linked(api)
    legs = {r["route_id"] for r in (await api.progress(second["case_id"]))["referrals"]}
    answered = await api.post("civil.officer.1", f"/v1/cases/{first['case_id']}/answer", {"note": "孩子平安"})
    assert answered.status_code == 200
    for report in (first, second):
        told = await shown(api, report)
        assert (told["answered"], told["answer"]) == (True, "孩子平安")
    await api.post("police.officer.1", f"/v1/cases/{second['case_id']}/unlink")
    told = await shown(api, second)
    assert (told["answered"], told["answer"]) == (False, None)
    assert told["answer_due_at"]
    now = await api.progress(second["case_id"])
    assert {r["route_id"] for r in now["referrals"] if r["state"] == "sent"} == legs
    assert "reporter_not_answered" in (
        await api.get("civil.supervisor.1", f"/v1/cases/{second['case_id']}")
    ).json()["closing_obstacles"]  # fmt: skip


async def test_a_report_that_is_linked_late_has_the_answer_that_was_given_before(api):
    one = child(birth_date="2016-03-05")
    first, second = await two(api, one, one)
    await api.post("civil.officer.1", f"/v1/cases/{first['case_id']}/answer", {"note": "已妥善安置"})
    assert (await shown(api, second))["answer"] is None
    await api.post("police.officer.1", f"/v1/cases/{second['case_id']}/link", {"primary": first["case_id"]})
    told = await shown(api, second)
    assert (told["answered"], told["answer"], told["answer_due_at"]) == (True, "已妥善安置", None)


@pytest.mark.parametrize("found_out", ["before", "later"])
async def test_whoever_the_other_report_is_about_is_not_given_the_answer_to_it(api, found_out):
    """They are owed one of their own, and the case does not end with the other; nor does what came over before they were named stay."""
    about = {"about": ["school.reporter.1"]} if found_out == "before" else {}
    accusing = await api.report(children=[child()], **about)
    accused = await api.report(person="school.reporter.1", children=[child()])
    primary, own = (f"/v1/cases/{one['case_id']}" for one in (accusing, accused))
    assert (await api.post("police.officer.1", f"{own}/link", {"primary": accusing["case_id"]})).status_code == 200
    answered = await api.post("civil.officer.1", f"{primary}/answer", {"note": "经查，体罚属实，已停职"})
    assert answered.status_code == 200, answered.text
    if found_out == "later":
        assert (await shown(api, accused))["answer"] == "经查，体罚属实，已停职"
        declared = {"about": ["unit-school-1"]}
        assert (await api.post("civil.supervisor.1", f"{primary}/conflict", declared)).status_code == 200
    told = await shown(api, accused)
    assert (told["answered"], told["answer"]) == (found_out == "later", None)
    letter = {"receipt": accused["receipt"]}
    is_problem(await api.post(None, "/v1/progress/papers/feedback", letter), 404, "paper_not_found")
    assert (await shown(api, accusing))["answer"] == "经查，体罚属实，已停职"
    if found_out == "before":
        given = await api.post("civil.officer.1", f"{own}/answer", {"note": "已受理，依法办理"})
        assert given.status_code == 200, given.text
        assert (await shown(api, accused))["answer"] == "已受理，依法办理"


async def close(api, case_id):
    for person, what, body in (
        ("civil.officer.1", "closure-proposal", PROPOSED), ("civil.head.1", "closure-approval", {})
    ):  # fmt: skip
        answer = await api.post(person, f"/v1/cases/{case_id}/{what}", body)
        assert answer.status_code == 200, answer.text


async def test_nobody_is_counted_as_answered_because_another_reporter_could_not_be(api):
    first, second = await linked(api)
    for report in (first, second):
        child_id = (await api.progress(report["case_id"]))["children"][0]["id"]
        safe = {"child_id": child_id, "safety": "safe"}
        await api.post("police.officer.1", f"/v1/cases/{report['case_id']}/safety", safe)
    case = f"/v1/cases/{first['case_id']}"
    is_problem(await api.post("civil.officer.1", f"{case}/closure-proposal", PROPOSED), 409, "cannot_close")
    is_problem(await api.post("civil.officer.1", f"{case}/answer", {}), 422, "invalid_request")
    is_problem(await api.post("civil.officer.1", f"{case}/waive-answer", {"reason": "because"}), 422, "invalid_request")
    waived = await api.post("civil.officer.1", f"{case}/waive-answer", {"reason": "anonymous"})
    assert waived.status_code == 200
    await close(api, first["case_id"])
    told = await shown(api, first)
    assert (told["answered"], told["answer"], told["closed"]) == (True, None, True)
    told = await shown(api, second)
    assert (told["answered"], told["closed"]) == (False, False)
    owed = {d["code"]: d["desk"] for d in (await api.progress(second["case_id"]))["duties"] if d["is_open"]}
    assert owed["answer_outcome"] == "CIVIL"
    answer = {"note": "感谢，孩子平安"}
    assert (await api.post("civil.officer.1", f"/v1/cases/{second['case_id']}/answer", answer)).status_code == 200
    told = await shown(api, second)
    assert (told["answered"], told["answer"], told["closed"]) == (True, answer["note"], True)


async def test_a_mistaken_link_can_be_undone_after_the_other_case_is_closed(api):
    first, second = await linked(api)
    child_id = (await api.progress(first["case_id"]))["children"][0]["id"]
    await api.post("police.officer.1", f"/v1/cases/{first['case_id']}/safety", {"child_id": child_id, "safety": "safe"})
    await api.post("civil.officer.1", f"/v1/cases/{first['case_id']}/waive-answer", {"reason": "anonymous"})
    await close(api, first["case_id"])
    undone = await api.post("police.officer.1", f"/v1/cases/{second['case_id']}/unlink")
    assert undone.status_code == 200, undone.text
    assert [r for r in (await api.progress(second["case_id"]))["referrals"] if r["state"] == "sent"]


async def desk(api):
    """All that lies on the desk of the police, page by page: other tests leave hundreds behind."""
    cursor, tasks = "", []
    while cursor is not None:
        page = (await api.get("police.officer.1", f"/v1/tasks?view=desk&limit=200{cursor}")).json()
        cursor, tasks = page["next"] and f"&cursor={page['next']}", tasks + page["items"]
    return tasks


async def test_a_mistaken_link_can_be_undone_after_both_cases_are_closed(api):
    first, second = await linked(api)
    child_id = (await api.progress(first["case_id"]))["children"][0]["id"]
    await api.post("police.officer.1", f"/v1/cases/{first['case_id']}/safety", {"child_id": child_id, "safety": "safe"})
    await api.post("civil.officer.1", f"/v1/cases/{first['case_id']}/answer", {"note": "孩子平安"})
    await close(api, first["case_id"])
    unlink = f"/v1/cases/{second['case_id']}/unlink"
    assert (await shown(api, second))["closed"]
    is_problem(await api.post("police.officer.1", unlink), 403, "not_allowed")
    assert (await api.post("civil.supervisor.1", unlink)).status_code == 200
    told = await shown(api, second)
    assert (told["closed"], told["answered"], bool(told["answer_due_at"])) == (False, False, True)
    legs = [r["id"] for r in (await api.progress(second["case_id"]))["referrals"] if r["state"] == "sent"]
    assert set(legs) & {task["subject"] for task in await desk(api) if task["case_id"] == second["case_id"]}
    assert (await api.progress(first["case_id"]))["stage"] == "closed"


async def at_once(api, *asked):
    """Several people press a button in the same moment."""
    return await asyncio.gather(*(api.post(person, path, body) for person, path, body in asked))


async def test_two_people_who_link_two_reports_to_each_other_at_once_are_both_answered(api):
    for _ in range(5):
        one = child(birth_date="2016-03-06")
        a, b = (report["case_id"] for report in await two(api, one, one))
        answers = await at_once(
            api,
            ("police.officer.1", f"/v1/cases/{a}/link", {"primary": b}),
            ("police.officer.2", f"/v1/cases/{b}/link", {"primary": a}),
        )
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert won.status_code == 200, won.text
        is_problem(lost, 409, "link_chain")
        joined = won.json()["case_id"]
        standing = {case: await api.progress(case) for case in (a, b)}
        assert standing[joined]["linked_to"] == ({a, b} - {joined}).pop()
        assert standing[standing[joined]["linked_to"]]["followers"] == [joined]


async def test_an_answer_and_the_end_of_a_link_at_once_do_not_wait_for_each_other(api):
    for _ in range(5):
        first, second = await linked(api)
        answers = await at_once(
            api,
            ("civil.officer.1", f"/v1/cases/{first['case_id']}/answer", {"note": "孩子平安"}),
            ("police.officer.1", f"/v1/cases/{second['case_id']}/unlink", {}),
        )
        assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
        assert (await shown(api, first))["answered"]
        told = await shown(api, second)
        assert (told["answered"], bool(told["answer_due_at"])) == (False, True)
