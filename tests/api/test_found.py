"""What the rules propose for each child stands in the case, with its clauses, before those who decide on it and nobody else."""

import pytest
from sqlalchemy import select

from activities.delivery import view_of
from app.db import tables
from app.domain.commands import EnterStage
from app.domain.disclosure import packet
from app.domain.progress import Progress
from app.domain.sight import ENGINE
from app.domain.terms import Agency, Stage
from app.policy.examples import submission_of
from app.policy.loader import load
from tests.api.test_reports import is_problem


@pytest.mark.requirement("R061")
async def test_civil_affairs_sees_what_the_rules_propose_and_on_which_clause(api):
    case = (await api.report("police.officer.1", **submission_of("CN-05")))["case_id"]
    seen = (await api.get("civil.officer.1", f"/v1/cases/{case}")).json()
    assert [child["child_id"] for child in seen["found"]] == [child["id"] for child in seen["content"]["children"]]
    for child in seen["found"]:
        assert [(one["code"], one["status"]) for one in child["categories"]] == [("D5", "confirmed"), ("D6", "not_yet")]
        assert (child["placement"]["code"], child["placement"]["tonight"]) == (
            "P_DELEGATE_KIN",
            "P_TEMP_CARE_INSTITUTION",
        )
    clauses = {source["id"]: source["clause"] for source in seen["sources"]}
    assert {"R007", "R041", "R042"} <= set(clauses)
    assert clauses["R042"] == "三(一)4(2)"


@pytest.mark.requirement("R008")
async def test_the_judgment_makes_the_lasting_category_of_the_temporary_one(api):
    case = (await api.report("police.officer.1", **submission_of("CN-05")))["case_id"]
    assert (await api.post("police.officer.1", f"/v1/cases/{case}/sentence")).status_code == 200
    seen = (await api.get("civil.officer.1", f"/v1/cases/{case}")).json()
    found = [{one["code"]: one["status"] for one in child["categories"]} for child in seen["found"]]
    assert found
    assert all(codes["D6"] == "confirmed" and codes.get("D5") != "confirmed" for codes in found)


@pytest.mark.requirement("R127")
async def test_what_the_assessment_finds_decides_what_the_report_left_open(api):
    told = {"children": [{"residence_division": "110106101", "lives_alone": "yes", "age_years": 10}]}
    case = (await api.report("village.reporter.1", **told))["case_id"]
    path = f"/v1/cases/{case}"
    child = (await api.progress(case))["children"][0]["id"]
    await api.post("police.officer.1", f"{path}/safety", {"child_id": child, "safety": "safe"})
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, case, EnterStage(by=ENGINE, stage=Stage.ASSESS))

    async def found():
        (one,) = (await api.get("civil.officer.1", path)).json()["found"]
        due = {each["benefit"]: each["result"] for each in one["benefits"]["entitlements"]}
        return {each["code"]: each["status"] for each in one["categories"]}, due.get("TEMP_LIVING")

    assert await found() == ({"D5": "assess"}, "candidate")
    leg = next(one["id"] for one in (await api.progress(case))["referrals"] if one["agency"] == "SW")
    assert (await api.post("sw.officer.1", f"{path}/referrals/{leg}/accept")).status_code == 200
    seen = {"child_id": child, "child": {"lost_family_support": "yes"}, "household": {"on_minimum_living": "yes"}}
    body = {"grade": "high", "note": "入户评估"}
    assess = f"{path}/referrals/{leg}/assess"
    for wrong, status, code in (
        ({**seen, "child_id": "ch-nobody"}, 404, "child_not_found"),
        ({**seen, "child": {"conference_decided": "yes"}}, 409, "decided_elsewhere"),
        (
            {**seen, "guardians": [{"relation": "father"}] * 2, "family": {"father": {"able": "no"}}},
            409,
            "which_of_family",
        ),
    ):
        is_problem(await api.post("sw.officer.1", assess, body | {"seen": [wrong]}), status, code)
    done = await api.post("sw.officer.1", assess, body | {"seen": [seen]})
    assert done.status_code == 200, done.text
    assert await found() == ({"D1": "confirmed", "D5": "confirmed"}, "grant")
    timeline = (await api.get("civil.supervisor.1", f"{path}/timeline")).text
    assert "lost_family_support" not in timeline, "what is known of a child is content, and no event"
    async with api.service.engine.connect() as conn:
        query = select(tables.events.c.body).where(tables.events.c.stream_id == case)
        bodies = (await conn.execute(query)).scalars().all()
    assert "on_minimum_living" not in str(bodies)
    file = (await api.get("comm-110106101.officer.1", f"/v1/children/{child}")).json()
    assert {"D1", "D5"} <= {one["code"] for one in file["categories"] if one["status"] == "confirmed"}


@pytest.mark.requirement("R091")
async def test_whom_an_assessment_suspects_is_left_out_where_the_list_leaves_out_suspects(api):
    family = [
        {"name": "父某（化名）", "facts": {"relation": "father"}},
        {"name": "姑某（化名）", "facts": {"relation": "other"}},
    ]
    told = {"children": [{"residence_division": "110106101", "age_years": 10}], "family": family}
    case = (await api.report("village.reporter.1", **told))["case_id"]
    path, row = f"/v1/cases/{case}", load("fengtai-2026.1").lists.of(Agency.POLICE, "contact_kin")

    async def kin():
        async with api.service.engine.connect() as conn:
            sent = packet(row, await at(conn, case), await view_of(conn, case, knows_reporter=False))
        return [one["name"] for one in sent["kin"]]

    assert await kin() == ["父某（化名）", "姑某（化名）"]
    child = (await api.progress(case))["children"][0]["id"]
    await api.post("police.officer.1", f"{path}/safety", {"child_id": child, "safety": "safe"})
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, case, EnterStage(by=ENGINE, stage=Stage.ASSESS))
    leg = next(one["id"] for one in (await api.progress(case))["referrals"] if one["agency"] == "SW")
    assert (await api.post("sw.officer.1", f"{path}/referrals/{leg}/accept")).status_code == 200
    guardians = [{"relation": "other"}, {"relation": "father", "suspected_of_harm": "yes"}]
    found = {"grade": "high", "note": "入户评估", "seen": [{"child_id": child, "guardians": guardians}]}
    two = {**found, "seen": [*found["seen"], {"child_id": child, "guardians": guardians[:1]}]}
    is_problem(await api.post("sw.officer.1", f"{path}/referrals/{leg}/assess", two), 422, "invalid_request")
    done = await api.post("sw.officer.1", f"{path}/referrals/{leg}/assess", found)
    assert done.status_code == 200, done.text
    assert await kin() == ["姑某（化名）"]
    for person in ("civil.officer.1", "police.officer.1"):
        family = (await api.get(person, f"{path}")).json()["content"]["family"]
        facts = [one["facts"] for one in family]
        suspected = [one["relation"] for one in facts if one.get("suspected_of_harm") == "yes"]
        assert suspected == ["father"], f"{person} decides by who is suspected now, as the packet of a leg does"


async def at(conn, case):
    return Progress.model_validate(
        (await conn.execute(select(tables.cases.c.progress).where(tables.cases.c.id == case))).scalar_one()
    )


async def test_a_proposal_is_not_shown_to_a_desk_that_has_a_leg_of_the_case(api):
    case = (await api.report("police.officer.1", **submission_of("CN-05")))["case_id"]
    seen = (await api.get("police.officer.1", f"/v1/cases/{case}")).json()
    assert "content" in seen
    assert not {"found", "sources"} & set(seen)


async def test_reading_a_proposal_is_on_record(api):
    case = (await api.report("police.officer.1", **submission_of("CN-05")))["case_id"]
    await api.get("civil.officer.1", f"/v1/cases/{case}")
    async with api.service.engine.connect() as conn:
        audit = tables.audit.c
        read = (await conn.execute(select(audit.fields).where(audit.stream_id == case))).scalars().all()
    assert any("found" in fields for fields in read)
