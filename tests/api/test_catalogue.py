"""The checklist of a child over the API: what is due and what its agencies have entered as given."""

from datetime import datetime, timedelta

import pytest

from app.domain.working_time import BEIJING
from tests.api.test_reports import is_problem

TODAY = datetime.now(BEIJING).date()


@pytest.mark.requirement("R024", "R118")
async def test_what_is_due_for_a_child_until_its_agency_has_entered_that_it_was_given(api):
    child = {
        "residence_division": "110106101",
        "birth_date": (TODAY - timedelta(days=200)).isoformat(),
        "sex": "female",
    }
    case = (await api.report(children=[child], household={"on_minimum_living": "yes"}))["case_id"]

    async def shown(person="civil.officer.1"):
        answer = await api.get(person, f"/v1/cases/{case}/services")
        assert answer.status_code == 200, answer.text
        [one] = answer.json()
        assert one["file_id"] == one["child_id"], "no report before this one"
        return one["child_id"], {service["service"]: service for service in one["services"]}

    child_id, before = await shown()
    assert (before["h-infant"]["due"], before["h-infant"]["basis"]) == ("yes", ["R024", "default"])
    assert (before["w-family"]["due"], before["w-family"]["agency"]) == ("yes", "WF")
    (_, theirs), (_, seen) = await shown("comm-110106101.officer.1"), await shown("police.officer.1")
    assert set(theirs) == {one for one in before if one.startswith("h-")}, (
        "what is due by age says nothing of what was found"
    )
    assert seen == before, "the control: whoever sees the whole case"
    given = {"service": "w-family", "child": child_id, "given_on": TODAY.isoformat()}
    path = "/v1/registers/services/entries"
    unknown = await api.post("comm-110106101.officer.1", path, {"fields": {**given, "service": "no-such"}})
    assert {e["at"] for e in is_problem(unknown, 422, "invalid_request")["errors"]} == {"/fields/service"}
    made = await api.post("comm-110106101.officer.1", path, {"fields": given})
    assert made.status_code == 201, made.text
    _, after = await shown()
    assert (after["w-family"]["due"], after["w-family"]["given"]) == ("no", [TODAY.isoformat()])
    ended = f"{path}/{made.json()['id']}/end"
    await api.post("comm-110106101.officer.1", ended, {"reason": "mistake"})
    assert (await shown())[1]["w-family"]["due"] == "yes"
    is_problem(await api.get("housing.officer.1", f"/v1/cases/{case}/services"), 404, "case_not_found")
