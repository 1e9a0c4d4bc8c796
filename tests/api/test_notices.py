"""What the person who filed a report is told inside the service: that it was accepted, and how it ended."""

from sqlalchemy import update

from app.db import tables
from tests.api.test_second_report import child, linked, two

ANSWER = {"note": "孩子安全"}


async def told(api, person, report):
    """What this person reads as a reporter of this report, oldest first."""
    page = (await api.get(person, "/v1/notices?limit=200")).json()["items"]
    mine = [row for row in page if row["case_id"] == report["case_id"] and row["subject"] == "report"]
    return [row["kind"] for row in reversed(mine)]


async def accepted(api, report):
    path = f"/v1/cases/{report['case_id']}/referrals/{await api.leg(report['case_id'], 'POLICE')}"
    assert (await api.post("police.officer.1", f"{path}/accept")).status_code == 200


async def answered(api, report):
    assert (await api.post("civil.officer.1", f"/v1/cases/{report['case_id']}/answer", ANSWER)).status_code == 200


async def test_whoever_filed_is_told_of_the_acceptance_and_of_the_answer_and_nobody_else_is(api):
    report = await api.report()
    assert await told(api, "village.reporter.1", report) == []
    await accepted(api, report)
    assert await told(api, "village.reporter.1", report) == ["reporter_informed"]
    await answered(api, report)
    assert await told(api, "village.reporter.1", report) == ["reporter_informed", "reporter_answered"]
    for other in ("school.reporter.1", "civil.supervisor.1"):
        assert await told(api, other, report) == []


async def test_a_follower_is_told_of_the_answer_to_the_first_report(api):
    first, second = await linked(api)
    assert await told(api, "hotline.reporter.1", second) == ["reporter_informed"]
    await answered(api, first)
    assert await told(api, "hotline.reporter.1", second) == ["reporter_informed", "reporter_answered"]
    assert await told(api, "school.reporter.1", first) == ["reporter_answered"]


async def test_whoever_is_to_hear_nothing_is_told_nothing_though_the_other_reporter_is(api):
    first, second = await two(api, child(), child())
    waive = {"reason": "reporter_is_suspect"}
    await api.post("civil.officer.1", f"/v1/cases/{second['case_id']}/waive-answer", waive)
    await accepted(api, second)
    await api.post("police.officer.1", f"/v1/cases/{second['case_id']}/link", {"primary": first["case_id"]})
    await accepted(api, first)
    await answered(api, first)
    assert await told(api, "hotline.reporter.1", second) == []
    assert await told(api, "school.reporter.1", first) == ["reporter_informed", "reporter_answered"]


async def test_a_reporter_who_has_left_is_not_told_in_anybody_elses_stead(api):
    report = await api.report(person="hotline.reporter.1")
    async with api.service.engine.begin() as conn:
        of_case = tables.reports.c.case_id == report["case_id"]
        await conn.execute(update(tables.reports).where(of_case).values(filed_by="nobody"))
    await accepted(api, report)
    for person in ("hotline.reporter.1", "civil.supervisor.1"):
        assert await told(api, person, report) == []
