"""Police branches A to E open in the transaction that stores the report: on the desk before the reporter has the receipt."""

import pytest
from sqlalchemy import text

ALONE = {"residence_division": "110106101", "lives_alone": "yes", "age_years": 10}
MISSING = {"residence_division": "110106101", "found": "no", "age_years": 10}
HURT = {"residence_division": "110106101", "injured": "yes"}
BRANCHES = {
    "A": ({"children": [ALONE]}, "order_return"),
    "B": ({"kind": "missing_child", "children": [MISSING], "situations": ["missing"]}, "search_at_once"),
    "C": ({"children": [HURT], "situations": ["suspected_dv"]}, "stop_violence"),
    "D": ({"children": [HURT], "situations": ["suspected_accident"]}, "stop_harm"),
    "E": ({"children": [HURT], "situations": ["begging"], "organised_exploitation": "yes"}, "free_and_investigate"),
}
WRITTEN = text(
    "select xmin::text from events where stream_id = :case union select xmin::text from reports where case_id = :case"
    " union select xmin::text from children where case_id = :case union select xmin::text from cases where id = :case"
    " union select xmin::text from tasks where case_id = :case"
)


@pytest.mark.requirement("R065")
@pytest.mark.requirement("R066")
@pytest.mark.requirement("R067")
@pytest.mark.requirement("R068")
@pytest.mark.requirement("R069")
@pytest.mark.requirement("R070")
@pytest.mark.parametrize("branch", BRANCHES)
async def test_the_police_have_the_emergency_before_the_reporter_has_the_receipt(api, branch):
    said, task = BRANCHES[branch]
    case = (await api.report(**said))["case_id"]  # no engine runs here: nothing but the intake can have opened a leg
    now = await api.progress(case)
    assert (now["branch"], now["stage"]) == (branch, "report")
    leg = next(r for r in now["referrals"] if r["task"] == task)
    assert (leg["agency"], leg["desk"], leg["state"], leg["urgent"]) == ("POLICE", "POLICE", "sent", True)
    assert leg["accept"]["spec"].startswith("15 minutes|24h|R065 ")
    assert leg["opened_at"] == now["filed_at"]
    async with api.service.engine.connect() as conn:
        assert len((await conn.execute(WRITTEN, {"case": case})).all()) == 1, "one transaction wrote it all"
