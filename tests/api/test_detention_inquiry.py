"""The police ask a detained person about children; that there is none is a result, and is kept."""

import pytest

from tests.api.test_reports import is_problem

INQUIRY = {"kind": "detention_inquiry", "reporter": {"class": "police"}, "children": [], "situations": []}
NONE_ALONE = {"note": "已询问：无未成年子女需要委托监护"}


@pytest.mark.requirement("R041")
@pytest.mark.requirement("R042")
async def test_that_a_detained_person_has_no_child_is_asked_answered_and_kept(api):
    report = await api.report("police.reporter.1", **INQUIRY)
    case, path = report["case_id"], f"/v1/cases/{report['case_id']}"
    now = await api.progress(case)
    assert [(leg["agency"], leg["task"]) for leg in now["referrals"]] == [("POLICE", "ask_detainee")]
    assert now["lead"] == "POLICE", "nobody but the police has anything to do"
    assert {duty["code"]: duty["holder"] for duty in now["duties"]} == {
        "answer_acceptance": "POLICE",
        "answer_outcome": "POLICE",
    }
    is_problem(await api.get("civil.officer.1", path), 404, "case_not_found")
    leg = f"{path}/referrals/{now['referrals'][0]['id']}"
    assert (await api.post("police.officer.1", f"{leg}/accept")).status_code == 200
    refused = is_problem(await api.post("police.officer.1", f"{leg}/complete", NONE_ALONE), 409, "outcome_needed")
    assert refused["outcomes"] == ["needs_carer", "no_need", "no_children", "no_answer"], "no answer by silence"
    for person, where, body in (
        (
            "police.officer.1",
            f"{leg}/complete",
            {**NONE_ALONE, "outcome": "no_children", "record": {"asked_on": "2026-03-01"}},
        ),
        ("police.officer.1", f"{path}/answer", NONE_ALONE),
        ("police.officer.1", f"{path}/closure-proposal", {"reason": "police_closed"}),
        ("police.head.1", f"{path}/closure-approval", None),
    ):
        answer = await api.post(person, where, body)
        assert answer.status_code == 200, answer.text
    now = await api.progress(case)
    assert (now["stage"], now["closed_reason"], now["children"]) == ("closed", "police_closed", [])
    timeline = (await api.get("police.officer.1", f"{path}/timeline")).json()
    asked = next(entry for entry in timeline if entry["kind"] == "outcome_recorded")
    assert (asked["by"], asked["note"]) == ("police.officer.1", NONE_ALONE["note"])
    assert (asked["outcome"], asked["record"]) == ("no_children", {"asked_on": "2026-03-01"})


@pytest.mark.requirement("R041")
async def test_the_police_who_asked_close_the_case_by_two_persons_of_whom_one_is_a_head(api):
    path = f"/v1/cases/{(await api.report('police.reporter.1', **INQUIRY))['case_id']}"
    assert (await api.post("police.head.1", f"{path}/answer", NONE_ALONE)).status_code == 200
    leg = f"{path}/referrals/{(await api.progress(path.rpartition('/')[2]))['referrals'][0]['id']}"
    unasked = is_problem(
        await api.post("police.officer.1", f"{path}/closure-proposal", {"reason": "police_closed"}), 409, "cannot_close"
    )
    assert unasked["obstacles"] == ["procedures_open"], "no answer is kept before it was given"
    assert (await api.post("police.officer.2", f"{leg}/accept")).status_code == 200
    none = {"outcome": "no_children", "record": {"asked_on": "2026-03-01"}}
    assert (await api.post("police.officer.2", f"{leg}/complete", none)).status_code == 200
    is_problem(await api.post("police.head.1", f"{path}/closure-approval"), 409, "closure_not_proposed")
    body = {"reason": "police_closed"}
    is_problem(await api.post("street-110106007.officer.1", f"{path}/closure-proposal", body), 404, "case_not_found")
    assert (await api.post("police.head.1", f"{path}/closure-proposal", body)).status_code == 200
    is_problem(await api.post("police.head.1", f"{path}/closure-approval"), 409, "second_person_needed")
    is_problem(await api.post("police.officer.2", f"{path}/closure-approval"), 403, "not_allowed")


@pytest.mark.requirement("R042")
async def test_a_detained_person_with_a_child_is_a_case_of_civil_affairs(api):
    report = await api.report("police.reporter.1", **{**INQUIRY, "children": [{"residence_division": "110106101"}]})
    now = await api.progress(report["case_id"])
    assert now["lead"] == "CIVIL"
    assert {duty["code"]: duty["holder"] for duty in now["duties"]}["answer_outcome"] == "CIVIL"


async def test_every_other_report_names_a_child(api):
    for kind in ("concern", "dropout", "missing_child"):
        said = await api.post("police.reporter.1", "/v1/reports", {**INQUIRY, "kind": kind})
        assert "/children" in {error["at"] for error in is_problem(said, 422, "invalid_request")["errors"]}
