"""What of a child is told to fewer bodies than the rest, each with the rule taken away as its control."""

import re

import pytest
from sqlalchemy import func, select, update

from app.db import tables
from app.domain import access, compartment
from app.domain.access import ENGINE, Action
from app.domain.commands import EnterStage
from app.domain.terms import Agency, Grade, Stage
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from tests.api.test_need import everything
from tests.api.test_sealed import OFFENCE

STREET = "110106020"
COMMITTEE, OFFICE = f"comm-{STREET}.officer.1", f"street-{STREET}.officer.1"
HOME, PLACE, ILLNESS = "和义示例里三号", "寄养家庭示例路八十八号", "确诊示例病毒感染"
FAMILY = [{"name": "甘某", "relation": "父", "facts": {"relation": "father", "suspected_of_harm": "yes"}}]
CIVIL, POLICE, SW, WF, HOSPITAL = (
    "civil.officer.1",
    "police.officer.1",
    "sw.officer.1",
    "wf.officer.1",
    "hospital.officer.1",
)
WHY = {"need": "visit", "note": "核对"}
OUT_OF_REACH = ("/v1/policy",)
"""The rules name every illness that there is a rule for."""


async def child_of(api, *agencies, family=(), **facts):
    """Reported, watched, and with a case in which these agencies work as well."""
    child = {"name": "甘小满", "residence_division": STREET, "residence": HOME, "birth_date": "2017-01-02", **facts}
    case = (await api.report(children=[child], family=list(family)))["case_id"]
    own = (await api.progress(case))["children"][0]["id"]
    row = tables.cases
    async with api.service.engine.begin() as conn:
        begin = BeginWatch(by=ENGINE, child_id=own, case_id=case, division=STREET, grade=Grade.HIGH)
        await api.service.ledger.begin(conn, watch_id(own), begin)
        desks = func.array_cat(row.c.desks, list(agencies))
        await conn.execute(
            update(row)
            .where(row.c.id == case)
            .values(desks=desks, agencies=func.array_cat(row.c.agencies, list(agencies)))
        )
    return case, own


async def entered(api, child, field, value, *, by=COMMITTEE, verified=OFFICE):
    change = await api.post(
        by, f"/v1/children/{child}/changes", {"field": field, "value": value, "evidence": "入户", "note": value}
    )
    assert change.status_code == 200, change.text
    passed = await api.post(verified, f"/v1/children/{child}/changes/{change.json()['change']}/pass", {"note": value})
    assert passed.status_code == 200, passed.text


async def told(api, person, child, word):
    """Whether this person comes across the word on the file, its history or a page of a book, with every name in full."""
    opened = await api.post(person, f"/v1/children/{child}/full-view", WHY)
    assert opened.status_code == 201, opened.text
    paths = [f"/v1/children/{child}", f"/v1/children/{child}/history"]
    paths += [f"/v1/ledgers/{one['code']}?limit=200" for one in (await api.get(person, "/v1/ledgers")).json()]
    return {re.sub(r"ch-\w+", "{child}", path) for path in paths if word in (await api.get(person, path)).text}


@pytest.fixture(scope="module")
async def placed(api):
    """Its father is a suspect; it was moved, and a visit says where to."""
    case, child = await child_of(api, "SW", "WF", family=FAMILY)
    await entered(api, child, "residence", PLACE)
    visit = {"finding": "well", "note": f"在{PLACE}见到儿童"}
    assert (await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", visit)).status_code == 200
    return case, child


async def test_where_a_child_was_placed_is_told_to_whom_protects_it_while_a_guardian_is_a_suspect(
    api, placed, monkeypatch
):
    _, child = placed
    for person in (COMMITTEE, OFFICE, CIVIL, POLICE):
        assert "/v1/children/{child}" in await told(api, person, child, PLACE), person
    for person in (SW, WF):
        assert not await told(api, person, child, PLACE), person
        assert HOME in (await api.get(person, f"/v1/children/{child}")).text, (
            "as it was reported, which the suspect knows"
        )
    monkeypatch.setattr(compartment, "TOLD_PLACE", tuple(Agency))
    assert await told(api, SW, child, PLACE) == {"/v1/children/{child}", "/v1/children/{child}/history"}


async def test_nothing_is_kept_back_where_no_guardian_is_a_suspect(api):
    _, child = await child_of(api, "SW")
    await entered(api, child, "residence", PLACE)
    assert await told(api, SW, child, PLACE)


@pytest.fixture(scope="module")
async def ill(api):
    case, child = await child_of(api, "SW", "HOSPITAL", hiv_affected="yes", school_stage="primary")
    await entered(api, child, "health", ILLNESS, by=HOSPITAL, verified=CIVIL)
    return case, child


@pytest.fixture(scope="module")
async def disturbed(api):
    case, child = await child_of(api, "SW", "HOSPITAL", impaired="yes")
    await entered(api, child, "health", ILLNESS, by=HOSPITAL, verified=CIVIL)
    return case, child


async def test_hiv_and_mental_illness_are_told_to_whom_treats_and_supports_and_stand_in_no_list_of_a_street(
    api, ill, disturbed, monkeypatch
):
    outside = (COMMITTEE, OFFICE, SW, "conf.officer.1")
    for _, child in (ill, disturbed):
        for person in (CIVIL, HOSPITAL):
            assert await told(api, person, child, ILLNESS), person
        for person in outside:
            assert not await told(api, person, child, ILLNESS), person
    for book in ("information", "personal"):
        await api.approved(COMMITTEE, COMMITTEE.replace("officer", "head"), "unmask_list", ledger=book, use="verify")
        page = (await api.get(COMMITTEE, f"/v1/ledgers/{book}?use=verify&limit=200")).text
        assert (ill[1] in page, ILLNESS in page) == (True, False)
    monkeypatch.setattr(compartment, "TOLD_HEALTH", tuple(Agency))
    for person in outside:
        assert await told(api, person, child, ILLNESS), person


@pytest.mark.parametrize("person", [COMMITTEE, OFFICE, SW, "edu.officer.1", POLICE, HOSPITAL])
async def test_no_route_says_by_a_code_that_a_child_has_hiv(api, ill, person):
    """The control is civil affairs, whose decision on benefits asks for it."""
    said = [
        route
        async for route, answer in everything(api, person, *ill)
        if "hiv" in answer.text and not route.startswith(OUT_OF_REACH)
    ]
    assert said == []


async def test_who_reported_is_told_to_intake_and_the_supervisors_of_civil_affairs_and_the_rule_is_what_holds_it(
    api, monkeypatch
):
    told_of = {"class": "committee", "name": "申屠报告", "phone": "13700002222"}
    case = (await api.report(reporter=told_of))["case_id"]
    for person, seen in ((POLICE, True), ("civil.supervisor.1", True), (CIVIL, False), ("conf.supervisor.1", False)):
        assert ("reporter" in (await api.get(person, f"/v1/cases/{case}")).json()) is seen, person
    monkeypatch.setitem(access.CASE_RULES, Action.READ_REPORTER, lambda actor, subject: None)
    assert "reporter" in (await api.get("conf.supervisor.1", f"/v1/cases/{case}")).json()


async def test_an_offence_is_sealed_from_all_outside_and_the_rule_is_what_holds_it(api, monkeypatch):
    hidden = (await api.report("proc.officer.1", **OFFENCE))["case_id"]
    assert (await api.get("civil.supervisor.1", f"/v1/cases/{hidden}")).status_code == 404
    monkeypatch.setattr("app.domain.case.outside", lambda sealed_for: ())
    shown = (await api.report("proc.officer.1", **OFFENCE))["case_id"]
    assert (await api.get("civil.supervisor.1", f"/v1/cases/{shown}")).status_code == 200


async def test_a_case_about_them_is_hidden_by_both_walls_and_the_second_holds_without_the_first(api, monkeypatch):
    case = (await api.report(about=["EDU"], children=[{"residence_division": STREET, "school_stage": "primary"}]))[
        "case_id"
    ]
    async with api.service.engine.begin() as conn:
        await conn.execute(
            update(tables.cases).where(tables.cases.c.id == case).values(desks=["EDU"], agencies=["EDU"])
        )
    assert (await api.get("edu.officer.1", f"/v1/cases/{case}")).status_code == 404
    monkeypatch.setattr(access.Actor, "marks", property(lambda self: ()))
    assert (await api.get("edu.officer.1", f"/v1/cases/{case}")).status_code == 404, "PostgreSQL knows who they are"
    async with api.service.engine.begin() as conn:
        assert (await conn.execute(select(tables.cases.c.about).where(tables.cases.c.id == case))).scalar_one() == [
            "EDU"
        ]
        await conn.execute(update(tables.cases).where(tables.cases.c.id == case).values(about=[]))
    assert (await api.get("edu.officer.1", f"/v1/cases/{case}")).status_code == 200


async def assessed(api, case, child, family):
    """What the social workers have found of the family, in a case that came to them."""
    safe = {"child_id": child, "safety": "safe"}
    assert (await api.post("police.officer.1", f"/v1/cases/{case}/safety", safe)).status_code == 200
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, case, EnterStage(by=ENGINE, stage=Stage.ASSESS))
    leg = next(one["id"] for one in (await api.progress(case))["referrals"] if one["agency"] == "SW")
    path = f"/v1/cases/{case}/referrals/{leg}"
    assert (await api.post(SW, f"{path}/accept")).status_code == 200
    found = {"grade": "high", "note": "入户评估", "seen": [{"child_id": child, "guardians": family}]}
    done = await api.post(SW, f"{path}/assess", found)
    assert done.status_code == 200, done.text


@pytest.mark.parametrize("way", ["linked", "siblings", "assessed"])
async def test_who_sees_no_case_that_names_a_suspect_is_told_no_more_of_the_place_than_who_does(api, way):
    """By every case of the child, whoever sees it, and by those of several children: a report that was linked, or what an assessment has
    found in the case that a visit made."""
    case, child = await child_of(api, "SW", "WF")
    if way == "assessed":
        visit = {"finding": "at_risk", "situations": ["living_alone"], "note": "父亲打孩子"}
        done = await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", visit)
        later = done.json()["report"]
        await assessed(api, later, (await api.progress(later))["children"][0]["id"], [FAMILY[0]["facts"]])
    else:
        children = [{"residence_division": STREET}] * (2 if way == "siblings" else 1)
        filed = await api.report("police.officer.1", reporter={"class": "police"}, children=children, family=FAMILY)
        later, row = filed["case_id"], tables.cases
        linked = await api.post("police.officer.1", f"/v1/cases/{later}/link", {"primary": case, "note": "同一儿童"})
        assert linked.status_code == 200, linked.text
        async with api.service.engine.begin() as conn:  # a link writes the row anew
            more = {name: func.array_cat(row.c[name], ["SW", "WF"]) for name in ("desks", "agencies")}
            await conn.execute(update(row).where(row.c.id == case).values(**more))
    await entered(api, child, "residence", PLACE)
    sees = {person: (await api.get(person, f"/v1/cases/{later}")).status_code == 200 for person in (SW, WF)}
    assert sees == {SW: way == "assessed", WF: way != "assessed"}
    for person in sees:
        assert not await told(api, person, child, PLACE), person
        file = (await api.get(person, f"/v1/children/{child}")).text
        assert HOME in file
        assert sees[person] or later not in file
    assert "/v1/children/{child}" in await told(api, CIVIL, child, PLACE)
