"""Children on every way, of whom the outcomes and the scorecard are counted, and whoever reads the figures."""

from datetime import UTC, datetime, timedelta

from app.domain.access import ENGINE
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.domain.working_time import BEIJING
from tests.api.test_registration import verify
from tests.api.test_watches import close

CIVIL = "civil.supervisor.1"
MARKS = {CIVIL, "CIVIL"}
"""A case that is about one of these is none for the reader of the figures."""


def stamp(at):
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def lived(api, division):
    """Children on every way: an open case, one whose case is closed and who is watched, reported again by a visit, one linked to another."""
    poor = {"household": {"on_minimum_living": "yes", "rural": "yes"}}
    away = [
        {"facts": {"relation": name, "whereabouts": "away_for_work", "able": "yes"}} for name in ("father", "mother")
    ]
    happened = (datetime.now(BEIJING).date() - timedelta(days=8)).isoformat()
    child = {"residence_division": division, "age_years": 7, "sex": "female"}
    await api.report()
    first = (await api.report(children=[child], happened_on=happened, **poor))["case_id"]
    await api.report(children=[{**child, "age_years": 9}], family=away, **poor)
    other = (await api.report(children=[child], family=away))["case_id"]
    linked = await api.post("police.officer.1", f"/v1/cases/{other}/link", {"primary": first})
    assert linked.status_code == 200, linked.text
    leg = await api.leg(first, "POLICE")
    await api.post("police.officer.1", f"/v1/cases/{first}/referrals/{leg}/accept")
    between = api.service.ledger.clock()
    await close(api, first, "no_risk_found")
    watched = (await api.progress(first))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=watched, division=division, grade="high")
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(begin.child_id), begin)
    visited = api.service.ledger.clock()
    given = {"child": {"name": "华小建（化名）", "sex": "male", "birth_date": "2016-05-06"}, "found": "in_difficulty", "grade": "low",
             "evidence": "入户排查", **poor}  # fmt: skip
    asked = (await api.post(f"comm-{division}.officer.1", "/v1/children", given)).json()
    assert (await verify(api, f"street-{division}.officer.1", asked)).status_code == 200
    risk = {"finding": "at_risk", "situations": ["unguarded"], "note": "x"}
    again = await api.post(f"comm-{division}.officer.1", f"/v1/watches/watch-{watched}/visits", risk)
    assert again.status_code == 200, again.text
    return between, visited, api.service.ledger.clock()
