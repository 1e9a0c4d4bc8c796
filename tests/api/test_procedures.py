"""Procedures over the API: an officer reads which steps are owed and how they may end, and records how they did."""

from datetime import UTC, datetime

import pytest

from app.domain.working_time import day_of
from tests.api.test_reports import is_problem

TODAY = day_of(datetime.now(UTC)).isoformat()
ALONE = {"children": [{"residence_division": "110106101"}]}


async def case_of(api, **report):
    return f"/v1/cases/{(await api.report('village.reporter.1', **{**ALONE, **report}))['case_id']}"


@pytest.mark.requirement("R035")
async def test_an_officer_begins_a_procedure_and_its_steps_lie_on_the_desks_that_owe_them(api):
    case = await case_of(api)
    offered = (await api.get("civil.officer.1", f"{case}/procedures")).json()
    assert "guardian_admonition" in {one["code"] for one in offered["may_start"]}
    begun = await api.post("civil.officer.1", f"{case}/procedure", {"procedure": "guardian_admonition"})
    assert begun.json()["events"] == ["duty_opened"]
    tasks = (await api.get("comm-110106101.officer.1", "/v1/tasks?limit=200")).json()["items"]
    task = next(t for t in tasks if t["case_id"] in case and t["task"] == "guardian_admonition.admonish")
    assert (task["agency"], task["desk"], task["is_open"]) == ("COMM", "COMM-110106101", True)
    step = next(s for s in (await api.get("civil.officer.1", f"{case}/procedures")).json()["open"])
    assert (step["title_zh"], step["due_at"]) == ("劝诫、制止", task["due_at"])
    assert [one["code"] for one in step["outcomes"]] == ["admonished", "not_reached"]
    path = f"{case}/duties/{step['subject']}/outcome"
    is_problem(await api.post("civil.officer.1", path, step["usual"]), 403, "not_your_desk")
    is_problem(await api.post("comm-110106101.officer.1", path, {"outcome": "admonished"}), 409, "record_unfit")
    is_problem(
        await api.post("comm-110106101.officer.1", f"{case}/duties/{step['subject']}/meet"), 409, "duty_met_by_act"
    )
    done = await api.post("comm-110106101.officer.1", path, step["usual"])
    assert done.json()["events"] == ["outcome_recorded", "duty_met"], (
        "of what begins at another desk the committee is told nothing"
    )
    after = (await api.get("civil.officer.1", f"{case}/procedures")).json()
    assert [one["subject"] for one in after["open"]] == ["guardian_admonition.recheck"]
    assert [(one["step"], one["outcome"]) for one in after["done"]] == [("guardian_admonition.admonish", "admonished")]


async def test_a_procedure_is_begun_by_the_agencies_that_the_rules_name(api):
    case = await case_of(api)
    refused = await api.post("civil.officer.1", f"{case}/procedure", {"procedure": "dropout_control"})
    is_problem(refused, 403, "not_allowed")
    is_problem(
        await api.post("civil.officer.1", f"{case}/procedure", {"procedure": "magic"}), 404, "procedure_not_found"
    )
    is_problem(await api.post("dpf.officer.1", f"{case}/procedure", {"procedure": "magic"}), 404, "case_not_found")


async def test_what_a_step_rests_on_stands_in_the_explanation(api):
    case = await case_of(api)
    await api.post(
        "police.officer.1", f"{case}/procedure", {"procedure": "legal_aid", "about": await child_of(api, case)}
    )
    rows = (await api.get("police.officer.1", f"{case}/explanation")).json()
    aid = next(row for row in rows if row["table"] == "procedures")
    assert (aid["row"], [source["id"] for source in aid["due_basis"]]) == ("legal_aid.examine", ["L85"])


async def child_of(api, case):
    return (await api.progress(case.rpartition("/")[2]))["children"][0]["id"]


@pytest.mark.requirement("R093")
async def test_an_order_that_is_in_force_ends_on_its_day_in_the_case_that_its_own_is_linked_to(api):
    case, primary = await case_of(api), await case_of(api)
    assert (await api.post("police.officer.1", f"{case}/procedure", {"procedure": "protection_order"})).is_success
    ruled = {
        "outcome": "issued",
        "record": {"ruled_on": TODAY, "file": "（2026）京0106民保令5号", "months": 1},
    }
    done = await api.post("court.officer.1", f"{case}/duties/protection_order.rule/outcome", ruled)
    assert done.status_code == 200, done.text

    async def in_force(of):
        duties = (await api.progress(of.rpartition("/")[2]))["duties"]
        return next(
            one["clock"]["due_at"] for one in duties if one["code"] == "protection_order.in_force" and one["is_open"]
        )

    until = await in_force(case)
    link = {"primary": primary.rpartition("/")[2]}
    assert (await api.post("police.officer.1", f"{case}/link", link)).status_code == 200
    assert await in_force(primary) == until, "and for one month, as the court said"
