"""A sealed case exists for those inside alone; once it is closed, for nobody but on a ground of law."""

import pytest
from sqlalchemy import select

from app.db import tables
from tests.api.test_reports import is_problem

OFFENCE = {
    "kind": "juvenile",
    "reporter": {"class": "state_organ"},
    "situations": [],
    "children": [
        {"name": "封存童", "birth_date": "2010-02-03", "residence_division": "110106101", "not_prosecuted": "yes"}
    ],
}
OUTSIDE = (
    "civil.supervisor.1",
    "conf.officer.1",
    "street-110106101.head.1",
    "comm-110106101.officer.1",
    "sw.officer.1",
)


async def found_by(api, person, case):
    lists = [(await api.get(person, f"/v1/{name}?limit=200")).json()["items"] for name in ("cases", "tasks", "notices")]
    one = await api.get(person, f"/v1/cases/{case}")
    return one.status_code != 404 or any(case in (row.get("id"), row.get("case_id")) for rows in lists for row in rows)


@pytest.mark.requirement("R096")
@pytest.mark.requirement("R101")
async def test_a_sealed_case_exists_for_those_inside_and_once_closed_on_a_ground_of_law_alone(api):
    case = (await api.report("proc.officer.1", **OFFENCE))["case_id"]
    path = f"/v1/cases/{case}"
    for person in OUTSIDE:
        assert not await found_by(api, person, case), person
    assert await found_by(api, "proc.officer.1", case)
    same = await api.report("village.reporter.1", children=OFFENCE["children"], situations=["living_alone"])
    assert (await api.progress(same["case_id"]))["possible_duplicate"] is False, "no search finds it"
    leg = f"{path}/referrals/{(await api.progress(case, 'proc.officer.1'))['referrals'][0]['id']}"
    released = {"outcome": "released", "record": {"decided_on": "2026-03-02"}}
    for where, body in (
        (f"{leg}/accept", None),
        (f"{leg}/complete", released),
        (f"{path}/answer", {"note": "已纳入帮教"}),
        (f"{path}/closure-proposal", {"reason": "adulthood"}),
    ):
        done = await api.post("proc.officer.1", where, body)
        assert done.status_code == 200, done.text
    closed = await api.post("proc.head.1", f"{path}/closure-approval")
    assert closed.status_code == 200, closed.text
    for person in (*OUTSIDE, "proc.officer.1", "proc.head.1", "justice.officer.1"):
        assert not await found_by(api, person, case), person
    asked = {"ground": "case_handling", "request": "（2026）京0106刑初88号"}
    for person in (*OUTSIDE, "justice.officer.1"):
        is_problem(await api.post(person, f"/v1/sealed/{case}", asked), 404, "case_not_found")
    is_problem(
        await api.post("proc.head.1", f"/v1/sealed/{case}", {"ground": "curiosity", "request": "0000"}),
        422,
        "invalid_request",
    )
    is_problem(await api.post("proc.head.1", f"/v1/sealed/{same['case_id']}", asked), 404, "case_not_found")
    record = (await api.post("proc.head.1", f"/v1/sealed/{case}", asked)).json()
    assert [(one["step"], one["outcome"]) for one in record["outcomes"]] == [("juvenile_diversion.intake", "released")]
    async with api.service.engine.connect() as conn:
        looked = select(tables.audit.c.why).where(
            tables.audit.c.stream_id == case, tables.audit.c.action == "open_sealed"
        )
        assert (await conn.execute(looked)).scalars().all() == ["case_handling: （2026）京0106刑初88号"]
        watched = select(tables.watches.c.id).where(tables.watches.c.case_id == case)
        assert (await conn.execute(watched)).all() == [], "nothing of an offence reaches a committee"


async def test_nobody_opens_a_compartment_from_outside(api):
    answer = await api.post("school.reporter.1", "/v1/reports", OFFENCE)
    is_problem(answer, 409, "case_sealed")
