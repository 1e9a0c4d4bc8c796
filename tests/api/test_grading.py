"""A person grades, the scale proposes: a grade that is another one stands beside the proposal, with its reason."""

import pytest

from app.domain.commands import EnterStage
from app.domain.sight import ENGINE
from app.domain.terms import Stage
from tests.api.test_reports import is_problem

TWO = {"children": [{"residence_division": "110106101", "lives_alone": "yes", "age_years": 5}]}


@pytest.mark.requirement("R050")
@pytest.mark.requirement("R128")
@pytest.mark.requirement("R130")
async def test_a_grade_other_than_the_scales_needs_a_reason_that_stands_beside_it(api):
    case = (await api.report("village.reporter.1", **TWO))["case_id"]
    path = f"/v1/cases/{case}"
    child = (await api.progress(case))["children"][0]["id"]
    await api.post("police.officer.1", f"{path}/safety", {"child_id": child, "safety": "safe"})
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, case, EnterStage(by=ENGINE, stage=Stage.ASSESS))
    leg = f"{path}/referrals/{await api.leg(case, 'SW')}"
    assert (await api.post("sw.officer.1", f"{leg}/accept")).status_code == 200
    found = (await api.get("civil.supervisor.1", path)).json()["found"][0]["grade"]
    refused = is_problem(
        await api.post("sw.officer.1", f"{leg}/assess", {"grade": "low"}), 409, "override_needs_reason"
    )
    assert (refused["scale"], refused["proposed"]) == (found["scale"], found["grade"]) == ("fengtai-default-1", "high")
    asked = {"grade": "low", "override": "mitigated", "proposed": {"scale": "mine", "grade": "low"}}
    is_problem(await api.post("sw.officer.1", f"{leg}/assess", asked), 422, "invalid_request")
    key = {"Idempotency-Key": "assess-once"}
    body = {"grade": "low", "override": "mitigated", "note": "姑姑已接走"}
    first = await api.post("sw.officer.1", f"{leg}/assess", body, headers=key)
    again = await api.post("sw.officer.1", f"{leg}/assess", body, headers=key)
    assert (first.status_code, again.json()["replayed"]) == (200, True)
    told = {}
    for person in ("police.officer.1", "street-110106101.officer.1", "sw.officer.1", "health.officer.1"):
        page = (await api.get(person, "/v1/notices?limit=200")).json()["items"]
        told[person] = sum(row["case_id"] == case and row["kind"] == "assessment_filed" for row in page)
    assert [*told.values()] == [1, 1, 0, 0], "what social work found goes to the others who have a part (R130)"
    returned = await api.post(
        "committee.officer.1", f"{path}/assessment-return", {"present": 5, "note": "请补充走访祖父母"}
    )
    assert returned.json()["events"] == ["assessment_returned", "duty_met", "referral_opened"]
    legs = [one["id"] for one in (await api.progress(case))["referrals"] if one["agency"] == "SW"]
    once_more = f"{path}/referrals/{legs[-1]}"
    assert once_more != leg
    assert (await api.post("sw.officer.1", f"{once_more}/accept")).status_code == 200
    assert (await api.post("sw.officer.1", f"{once_more}/assess", body)).status_code == 200
    same = await api.post(
        "committee.officer.1", f"{path}/grade-review", {"grade": "high", "present": 5, "override": "aggravated"}
    )
    assert same.status_code == 200
    timeline = (await api.get("civil.supervisor.1", f"{path}/timeline")).json()
    graded = [
        (one["grade"], one["proposed"], one["scale"], one["override"])
        for one in timeline
        if one["kind"] in ("assessment_filed", "grade_reviewed")
    ]
    assert graded == [
        ("low", "high", "fengtai-default-1", "mitigated"),
        ("low", "high", "fengtai-default-1", "mitigated"),
        ("high", "high", "fengtai-default-1", None),
    ], "the committee agrees with the scale: nothing is overruled"
