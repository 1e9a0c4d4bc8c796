"""Break-glass: possible, told at once, judged by another desk within a day, and shown where nobody judges it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from app.api import emergency
from app.db import tables
from app.db.findings import find
from app.domain.access import Actor
from app.domain.refusals import Refused
from app.domain.terms import Agency, Fault, Role
from tests.api.test_reports import is_problem
from tests.api.test_sealed import OFFENCE
from tests.api.test_stalled import later

READER, JUDGE, OTHER = "hospital.officer.1", "conf.supervisor.1", "civil.supervisor.1"
PATH = "/v1/emergency-reads"
WHY = {"reason": "child_found", "note": "急诊收治，须核对身份"}
CHILD = {"residence_division": "110106101", "name": "施救童", "phone": "13812340000"}


async def case_of(api, **changes):
    told = {"class": "committee", "name": "宗政报告", "phone": "13700001111"}
    return (await api.report(children=[CHILD], narrative="宗政报告看见的", reporter=told, **changes))["case_id"]


async def test_an_emergency_read_shows_the_case_once_and_tells_supervisors_and_owner_at_once(api):
    case = await case_of(
        api, about=["nobody-such"], situations=["begging"]
    )  # a finding on it is for those who are told all
    assert (await api.get(READER, f"/v1/cases/{case}")).status_code == 404
    read = await api.post(READER, PATH, WHY | {"case": case})
    assert read.status_code == 201, read.text
    assert read.json()["content"]["children"][0]["name"] == "施救童"
    assert "宗政报告" not in read.text
    assert read.json()["content"].keys() == {"children", "family", "narrative"}
    assert "RESCUE" in {leg["desk"] for leg in (await api.progress(case))["referrals"]}
    assert {*read.json()["desks"]} == {"COMM-110106101", "POLICE", "CIVIL"}
    assert (await api.get(READER, f"/v1/cases/{case}")).status_code == 404, "it opens nothing for later"
    for person in (JUDGE, OTHER, "police.head.1"):
        told = [
            one["subject"] for one in (await api.get(person, "/v1/notices")).json()["items"] if one["case_id"] == case
        ]
        if person != "police.head.1" or (await api.progress(case))["lead"] == "POLICE":
            assert read.json()["id"] in told, person
    async with api.service.engine.connect() as conn:
        row = tables.audit.c
        query = select(row.person_id, row.why, row.fields).where(row.stream_id == case, row.action == "emergency_read")
        assert (await conn.execute(query)).all() == [
            (READER, "emergency:child_found", ["children", "family", "narrative"])
        ]


async def test_fifty_uses_are_fifty_alerts_and_fifty_reviews(api):
    """Q-S10."""
    case = await case_of(api)
    made = [(await api.post(READER, PATH, WHY | {"case": case})).json()["id"] for _ in range(50)]
    async with api.service.engine.connect() as conn:
        notice = tables.notices.c
        for person in (JUDGE, OTHER):
            told = select(func.count()).where(
                notice.person_id == person, notice.case_id == case, notice.kind == "emergency_read"
            )
            assert (await conn.execute(told)).scalar_one() == 50
        waiting = select(func.count()).where(
            tables.emergency_reads.c.id.in_(made), tables.emergency_reads.c.reviewed_at.is_(None)
        )
        assert (await conn.execute(waiting)).scalar_one() == 50


async def test_control_a_use_that_tells_nobody_is_missed(api, monkeypatch):
    async def silent(*_, **__):
        return None

    monkeypatch.setattr(emergency, "tell", silent)
    case, notice = await case_of(api), tables.notices.c
    assert (await api.post(READER, PATH, WHY | {"case": case})).status_code == 201
    async with api.service.engine.connect() as conn:
        told = select(func.count()).where(notice.case_id == case, notice.kind == "emergency_read")
        assert (await conn.execute(told)).scalar_one() == 0


async def test_another_desk_judges_it_and_nobody_else(api):
    case = await case_of(api)
    read = (await api.post(READER, PATH, WHY | {"case": case, "note": "宗政报告也在"})).json()["id"]
    verdict, path = {"verdict": "justified", "note": "已核实"}, f"{PATH}/{read}/verdict"
    for person in (READER, "hospital.head.1", "police.officer.1", "auditor.1", "civil.head.1"):
        is_problem(await api.post(person, path, verdict), 403, "not_allowed")
    queue = (await api.get(JUDGE, f"{PATH}?limit=200")).json()["items"]
    assert next(one for one in queue if one["id"] == read)["overdue"] is False
    tried = "核对：宗政报告、张三丰、李四光"
    judged = (await api.post(JUDGE, path, verdict | {"note": tried})).json()
    assert (judged["reviewed_by"], judged["review_note"], "宗政报告" in judged["note"]) == (JUDGE, tried, False)
    for person, is_own in ((JUDGE, True), (OTHER, False)):
        done = (await api.get(person, f"{PATH}?waiting=false&limit=200")).json()["items"]
        shown = next(one for one in done if one["id"] == read)
        assert (shown["review_note"] == tried, "宗政报告" in shown["note"]) == (is_own, False), "whose words they are"
    roles = "/v1/people/conf.officer.1/roles"
    assert (await api.post("security.1", roles, {"roles": ["supervisor"]})).status_code == 204
    try:
        for office, is_typed in (("CONF", True), (None, False)):  # of before the office was kept
            async with api.service.engine.begin() as conn:
                row = update(tables.emergency_reads).where(tables.emergency_reads.c.id == read)
                assert (await conn.execute(row.values(review_office=office))).rowcount == 1
            done = (await api.get("conf.officer.1", f"{PATH}?waiting=false&limit=200")).json()["items"]
            shown = next(one for one in done if one["id"] == read)
            assert (shown["review_note"] == tried, "office" in shown) == (is_typed, False), "as typed for a colleague"
    finally:
        assert (await api.post("security.1", roles, {"roles": ["officer"]})).status_code == 204
    is_problem(await api.post(OTHER, path, verdict), 409, "already_done")
    assert read not in (await api.get(JUDGE, f"{PATH}?limit=200")).text


async def test_a_reviewer_whom_the_case_is_about_neither_sees_nor_judges_it_also_without_the_second_wall(api):
    reviewer, case = "conf.supervisor.1", (await api.report())["case_id"]
    read = (await api.post("hospital.officer.1", PATH, WHY | {"case": case})).json()["id"]
    said = {"about": [reviewer], "note": "涉及其本人"}
    assert (await api.post("police.officer.1", f"/v1/cases/{case}/conflict", said)).status_code == 200
    judged = {"verdict": "justified", "note": "已核实"}
    is_problem(await api.post(reviewer, f"{PATH}/{read}/verdict", judged), 404, "read_not_found")
    assert read not in (await api.get(reviewer, f"{PATH}?limit=200")).text
    for person, sees in ((reviewer, False), ("civil.supervisor.1", True)):
        agency = Agency(person.partition(".")[0].upper())
        who = Actor(person_id=person, agency=agency, desk=agency.value, roles=(Role.SUPERVISOR,))
        async with api.service.engine.connect() as conn:
            shown = await emergency.emergency_reads(conn, who, api.service, limit=200)
            assert (read in [one.id for one in shown.items]) == sees
            if not sees:
                with pytest.raises(Refused):
                    await emergency.judge(read, emergency.Judged(**judged), conn, who, api.service)


async def test_a_read_that_nobody_judges_in_a_day_is_overdue_and_found(api):
    case = await case_of(api)
    read = (await api.post(READER, PATH, WHY | {"case": case})).json()["id"]
    at = datetime.now(UTC) + timedelta(hours=25)
    with later(api, at):
        queue = (await api.get(JUDGE, f"{PATH}?limit=200")).json()["items"]
        assert next(one for one in queue if one["id"] == read)["overdue"] is True
    async with api.service.engine.connect() as conn:
        before = {
            one.stream_id for one in await find(conn, datetime.now(UTC)) if one.problem is Fault.EMERGENCY_UNREVIEWED
        }
        after = {one.stream_id for one in await find(conn, at) if one.problem is Fault.EMERGENCY_UNREVIEWED}
    assert (case in before, case in after) == (False, True)


async def test_nobody_breaks_into_a_case_about_them_into_a_sealed_one_or_without_need(api):
    about = (await api.report(about=["HOSPITAL"]))["case_id"]
    is_problem(await api.post(READER, PATH, WHY | {"case": about}), 404, "case_not_found")
    sealed = (await api.report("proc.officer.1", **OFFENCE))["case_id"]
    is_problem(await api.post(READER, PATH, WHY | {"case": sealed}), 404, "case_not_found")
    case = await case_of(api)
    is_problem(await api.post("police.officer.1", PATH, WHY | {"case": case}), 409, "no_emergency_needed")
    for person in ("admin.1", "security.1", "village.reporter.1"):
        is_problem(await api.post(person, PATH, WHY | {"case": case}), 403, "not_allowed")
