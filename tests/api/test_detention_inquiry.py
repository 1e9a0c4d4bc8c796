"""The police ask a detained person about children; that there is none is a result, and is kept."""

import pytest

from tests.api.test_reports import is_problem

INQUIRY = {"kind": "detention_inquiry", "reporter": {"class": "police"}, "children": [], "situations": []}
NONE_ALONE = {"note": "已询问：无未成年子女需要委托监护"}


@pytest.mark.requirement("R041")
async def test_that_a_detained_person_has_no_child_is_asked_answered_and_kept(api):
    report = await api.report("police.reporter.1", **INQUIRY)
    case, path = report["case_id"], f"/v1/cases/{report['case_id']}"
    now = await api.progress(case)
    assert [(leg["agency"], leg["task"]) for leg in now["referrals"]] == [("POLICE", "ask_detainee")]
    assert "interim_adult_present" not in {duty["code"] for duty in now["duties"]}
    leg = f"{path}/referrals/{now['referrals'][0]['id']}"
    for person, where, body in (
        ("police.officer.1", f"{leg}/accept", None),
        ("police.officer.1", f"{leg}/complete", NONE_ALONE),
        ("civil.officer.1", f"{path}/answer", NONE_ALONE),
        ("civil.officer.1", f"{path}/closure-proposal", {"reason": "police_closed"}),
        ("civil.head.1", f"{path}/closure-approval", None),
    ):
        answer = await api.post(person, where, body)
        assert answer.status_code == 200, answer.text
    now = await api.progress(case)
    assert (now["stage"], now["closed_reason"], now["children"]) == ("closed", "police_closed", [])
    timeline = (await api.get("police.officer.1", f"{path}/timeline")).json()
    completed = next(entry for entry in timeline if entry["kind"] == "referral_completed")
    assert (completed["by"], completed["note"]) == ("police.officer.1", NONE_ALONE["note"])


async def test_every_other_report_names_a_child(api):
    for kind in ("concern", "dropout", "missing_child"):
        said = await api.post("police.reporter.1", "/v1/reports", {**INQUIRY, "kind": kind})
        assert "/children" in {error["at"] for error in is_problem(said, 422, "invalid_request")["errors"]}
