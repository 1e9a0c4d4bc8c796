"""What the rules propose for each child stands in the case, with its clauses, before those who decide on it and nobody else."""

import pytest
from sqlalchemy import select

from app.db import tables
from app.policy.examples import submission_of


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
