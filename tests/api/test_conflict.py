"""利益冲突: whoever a report is about finds it nowhere, in no page, list, count or system, whatever the role."""

import hashlib

import pytest
from sqlalchemy import and_, delete, insert, select, update

from app.db import tables
from app.db.colleagues import give_to_others, keep_colleagues_out
from app.db.findings import find
from app.db.linked import keep_all_apart
from app.db.people import actor_by_token
from app.db.refold import look
from app.domain.terms import Fault
from tests.api.test_reports import is_problem

STREET = "110106024"
PLACES = ("/v1/tasks", "/v1/cases", "/v1/stalled", "/v1/notices", "/v1/reports", "/v1/benefits/touched", "/v1/watches")


async def found(api, person, case_id):
    """The places where the person comes across the case."""
    answers = {place: await api.get(person, place) for place in PLACES}
    answers["case"] = await api.get(person, f"/v1/cases/{case_id}")
    return {place for place, answer in answers.items() if answer.status_code == 200 and case_id in answer.text}


async def a_report(api, residence_division=STREET, **more):
    child = {"residence_division": residence_division, "school_stage": "primary"}
    return (await api.report(children=[child], **more))["case_id"]


@pytest.fixture(scope="module", autouse=True)
async def colleague(api):
    """Somebody else of the reporter's unit."""
    people = tables.people.c
    query = select(tables.people).where(people.id == "village.reporter.1")
    api.tokens["village.colleague.1"] = "village.colleague.1"
    async with api.service.engine.begin() as conn:
        one = (await conn.execute(query)).mappings().one()
        token = hashlib.sha256(b"village.colleague.1").hexdigest()
        await conn.execute(insert(tables.people), {**one, "id": "village.colleague.1", "token_hash": token})
    yield
    api.tokens.pop("village.colleague.1")
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(tables.people).where(people.id == "village.colleague.1"))


@pytest.mark.parametrize(
    ("about", "person"),
    [
        ("unit-village-1", "village.reporter.1"),
        (f"STREET-{STREET}", f"street-{STREET}.officer.1"),
        ("EDU", "edu.officer.1"),
        ("EDU", "edu.chief.1"),
        ("civil.supervisor.1", "civil.supervisor.1"),
        ("CONF", "conf.supervisor.1"),
        ("village.reporter.1", "village.colleague.1"),
        ("village.reporter.1", "comm-110106101.head.1"),
        ("unit-village-1", "comm-110106101.officer.1"),
        (f"street-{STREET}.officer.1", f"street-{STREET}.head.1"),
    ],
)
async def test_a_report_about_them_does_not_exist_for_them(api, about, person):
    child = {"residence_division": person.partition(".")[0].removeprefix("comm-")} if person.startswith("comm-") else {}
    seen = await a_report(api, **child)
    hidden = await a_report(api, about=[about], **child)
    assert await found(api, person, seen)
    assert not await found(api, person, hidden)
    is_problem(
        await api.get(person, f"/v1/cases/{hidden}/timeline"), 404, "case_not_found"
    ) if "reporter" not in person else None


async def test_a_report_about_a_word_that_is_nobodys_code_says_so_to_intake_and_nothing_to_whoever_reports(api, key):
    named = ["unit-school-1", "unit-school-l", "police", "EDU", f"STREET-{STREET}", "school.reporter.1"]
    child = {"residence_division": STREET}
    form = {"reporter": {"class": "committee"}, "children": [child], "situations": ["living_alone"], "about": named}
    filed = [
        (await api.post("village.reporter.1", "/v1/reports", form, {"Idempotency-Key": key})).json() for _ in range(2)
    ]
    assert [one["findings"] for one in filed] == [[], []], "which codes there are is nobody's to try"
    content = (await api.get("police.officer.1", f"/v1/cases/{filed[0]['case_id']}")).json()["content"]
    assert content["findings"] == [
        {"field": "about", "code": "unknown_concerned", "value": one} for one in ("unit-school-l", "police")
    ]


async def test_whoever_has_another_account_in_a_unit_finds_no_case_about_it_for_as_long_as_it_is_there(api, walled):
    officer, other, people = f"street-{STREET}.officer.1", "school.reporter.1", tables.people

    async def enter(account, **values):
        async with api.service.engine.begin() as conn:
            await conn.execute(update(people).where(people.c.id == account).values(**values))

    case = await a_report(api, about=["unit-school-1"])
    assert await found(api, officer, case)
    for account in (officer, other):
        await enter(account, staff_no="f" * 64)
    try:
        assert not await found(api, officer, case)
        async with walled.begin() as conn:  # without the rule in front of the wall
            who = await actor_by_token(conn, api.tokens[officer])
            seen = select(tables.cases.c.id).where(tables.cases.c.id == case)
            assert (who.also_at, (await conn.execute(seen)).all()) == (("unit-school-1",), [])
        await enter(other, unit="unit-school-2")
        assert await found(api, officer, case), "a case about a unit is none about whoever has left it"
    finally:
        await enter(other, unit="unit-school-1")
        for account in (officer, other):
            await enter(account, staff_no=None)


async def test_once_declared_the_very_next_request_of_those_concerned_is_answered_as_if_there_were_no_case(api):
    case = await a_report(api)
    assert await found(api, "edu.officer.1", case)
    rates = (await api.get("edu.head.1", "/v1/statistics/on-time")).json()
    declared = await api.post(
        "civil.supervisor.1", f"/v1/cases/{case}/conflict", {"about": ["EDU"], "note": "在该校任职"}
    )
    assert declared.status_code == 200, declared.text
    assert not await found(api, "edu.officer.1", case)
    is_problem(await api.post("edu.officer.1", f"/v1/cases/{case}/notes", {"note": "x"}), 404, "case_not_found")
    assert (await api.get("edu.head.1", "/v1/statistics/on-time")).json() == rates
    assert await found(api, "police.officer.1", case)


async def test_whom_a_case_has_come_to_be_about_repeats_nothing_of_before_in_it(api, key):
    case, who, headers = await a_report(api), "police.officer.2", {"Idempotency-Key": key}
    notes, said = f"/v1/cases/{case}/notes", {"note": "已联系"}
    assert [(await api.post(who, notes, said, headers)).status_code for _ in range(2)] == [200, 200]
    declared = await api.post("civil.supervisor.1", f"/v1/cases/{case}/conflict", {"about": [who]})
    assert declared.status_code == 200, declared.text
    for body in (said, {"note": "x"}):
        is_problem(await api.post(who, notes, body, headers), 404, "case_not_found")


async def test_an_agency_that_sent_its_leg_away_has_left_the_case_and_may_still_repeat_its_last_word(api):
    case = await a_report(api)
    leg = await api.leg(case, "EDU")
    key = {"Idempotency-Key": "declined-once"}
    path, body = f"/v1/cases/{case}/referrals/{leg}/pass-on", {"to": "CIVIL", "reason": "not_competent"}
    first = await api.post("edu.officer.1", path, body, key)
    assert first.status_code == 200, first.text
    again = await api.post("edu.officer.1", path, body, key)
    assert again.json() == first.json() | {"replayed": True}
    is_problem(await api.get("edu.officer.1", f"/v1/cases/{case}"), 404, "case_not_found")
    is_problem(await api.post("edu.officer.1", path, body), 404, "case_not_found")
    assert case not in (await api.get("edu.chief.1", "/v1/cases?limit=200")).text


async def test_declared_of_a_person_it_reaches_the_unit_and_not_a_whole_authority(api):
    case = await a_report(api)
    for about in ("edu.officer.1", "village.reporter.1"):
        key = {"Idempotency-Key": f"declared-{about}"}
        answers = [
            await api.post("civil.supervisor.1", f"/v1/cases/{case}/conflict", {"about": [about]}, key)
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
        assert answers[1].json()["replayed"]
    assert not await found(api, "edu.officer.1", case)
    assert await found(api, "edu.chief.1", case)
    assert not await found(api, "village.colleague.1", case)


@pytest.mark.parametrize("when", ["reported", "declared"])
async def test_of_an_account_that_reports_for_a_unit_nobody_is_told_the_unit_that_is_kept_out_with_it(api, when):
    who, unit, case = "kindergarten.reporter.1", "unit-kindergarten-1", tables.cases.c
    one = await a_report(api, about=[who] if when == "reported" else [])
    if when == "declared":
        declared = await api.post("civil.supervisor.1", f"/v1/cases/{one}/conflict", {"about": [who]})
        assert declared.status_code == 200, declared.text
    async with api.service.engine.connect() as conn:
        assert unit in (await conn.execute(select(case.about).where(case.id == one))).scalar_one()
    assert (await api.progress(one))["about"] == [who]
    for path in ("", "/timeline"):
        said = (await api.get("civil.supervisor.1", f"/v1/cases/{one}{path}")).text
        assert (who in said, unit in said) == (True, False), path


@pytest.mark.parametrize("account_first", [True, False])
async def test_whoever_names_units_one_by_one_is_told_of_none_that_it_stands_behind_an_account(api, account_first):
    """Neither by what is answered, nor by what is shown from then on, also where a linked case names them."""
    account, told, by = "kindergarten.reporter.1", [], "civil.supervisor.1"
    for unit in ("unit-kindergarten-1", "unit-school-1"):
        case, linked = await a_report(api), await a_report(api)
        assert (await api.post(by, f"/v1/cases/{linked}/link", {"primary": case})).status_code == 200
        said = []
        for one in (account, unit, unit) if account_first else (unit, account):
            answer = await api.post(by, f"/v1/cases/{case}/conflict", {"about": [one]})
            said.append((answer.status_code, answer.json().get("version"), answer.json().get("events")))
        for path in (f"/v1/cases/{one}{end}" for one in (case, linked) for end in ("", "/timeline")):
            said.append(told_of_whom((await api.get(by, path)).json()))
        told.append(str(said).replace(unit, "UNIT"))
    assert told[0] == told[1]
    assert "UNIT" in told[0]


def told_of_whom(shown):
    """Of a case, or of what happened in it."""
    of = [shown["progress"]] if isinstance(shown, dict) else shown
    return [[one.get(name) for name in ("kind", "about", "about_by_link", "named", "version")] for one in of]


async def named_alone(conn, case_id, unit, desk):
    """The unit that a report was about, without its desk, as it was kept before the rule; what stood there then."""
    case, first = tables.cases.c, and_(tables.events.c.stream_id == case_id, tables.events.c.kind == "report_filed")
    stored = (await conn.execute(select(case.progress).where(case.id == case_id))).scalar_one()
    body = (await conn.execute(select(tables.events.c.body).where(first))).scalar_one()
    assert set(stored["about"]) == set(body["about"]) == {unit, desk}
    named = {"about": [unit]}
    await conn.execute(update(tables.cases).where(case.id == case_id).values(**named, progress=stored | named))
    await conn.execute(update(tables.events).where(first).values(body=body | named))
    return stored


async def test_a_committee_keeps_no_case_of_its_own_people_whenever_they_were_named(api):
    """By a declaration, and where the case was about them before the desk went with the unit."""
    of_village, desk = {"residence_division": "110106101"}, "COMM-110106101"
    declared, before = await a_report(api, **of_village), await a_report(api, about=["unit-village-1"], **of_village)
    assert await found(api, "comm-110106101.officer.1", declared)
    path, about = f"/v1/cases/{declared}/conflict", {"about": ["unit-village-1"]}
    assert (await api.post("civil.supervisor.1", path, about)).status_code == 200
    case, engine = tables.cases.c, api.service.engine
    async with engine.begin() as conn:
        stored = await named_alone(conn, before, "unit-village-1", desk)
    assert await found(api, "comm-110106101.officer.1", before)
    await keep_colleagues_out(engine, api.service.ledger)
    await keep_all_apart(engine, api.service.ledger)
    for case_id in (declared, before):
        assert not await found(api, "comm-110106101.officer.1", case_id)
        assert await found(api, "police.officer.1", case_id)
    async with engine.begin() as conn:
        assert (await conn.execute(select(case.version).where(case.id == before))).scalar_one() > stored["version"]
        assert await look(conn, [before]) == []


async def test_who_reports_for_a_unit_takes_no_case_along_to_another_desk(api):
    case_id, people, case = await a_report(api, about=["unit-village-1"]), tables.people, tables.cases.c
    desk = update(people).where(people.c.id == "village.reporter.1")
    async with api.service.engine.begin() as conn:
        before = (await conn.execute(select(case.about).where(case.id == case_id))).scalar_one()
        await conn.execute(desk.values(desk=f"COMM-{STREET}"))
    try:
        await keep_colleagues_out(api.service.engine, api.service.ledger)
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(desk.values(desk="COMM-110106101"))
            after = (await conn.execute(select(case.about).where(case.id == case_id))).scalar_one()
    assert set(after) == set(before) == {"unit-village-1", "COMM-110106101"}


async def test_nobody_takes_a_case_from_all_who_oversee_the_district(api):
    """By one declaration, step by step, or person by person."""
    case, people = await a_report(api), tables.people.c
    path, overseers = f"/v1/cases/{case}/conflict", people.agency.in_(["CIVIL", "CONF"])
    async with api.service.engine.connect() as conn:
        persons = list((await conn.execute(select(people.id).where(overseers))).scalars())
    for about in (["CIVIL", "CONF", "PROC"], persons):
        is_problem(await api.post("police.officer.1", path, {"about": about}), 409, "nobody_oversees")
    assert (await api.post("police.officer.1", path, {"about": ["CIVIL"]})).status_code == 200
    is_problem(await api.post("police.officer.1", path, {"about": ["CONF"]}), 409, "nobody_oversees")
    assert await found(api, "conf.supervisor.1", case)


async def test_a_report_about_everybody_reaches_the_procuratorate_at_least(api):
    everybody = ["CIVIL", "CONF", "PROC", "POLICE", "proc.procurator.1"]
    for about, left in ((everybody, ()), (everybody[1:], ("PROC", "proc.procurator.1"))):
        case = await a_report(api, about=about)
        async with api.service.engine.connect() as conn:
            stored = await conn.execute(select(tables.cases.c.about).where(tables.cases.c.id == case))
            assert {"PROC", "proc.procurator.1"} & set(stored.scalar_one()) == set(left)
        assert not await found(api, "police.officer.1", case)


async def test_a_unit_that_was_named_before_the_rule_keeps_its_desk_out_whichever_other_desk_is_named(api):
    """And once its desk was, whoever moves takes no case along."""
    before, people, engine = await a_report(api, about=["unit-village-1"]), tables.people, api.service.engine
    case, desk = tables.cases.c, "COMM-110106101"
    async with engine.begin() as conn:
        await named_alone(conn, before, "unit-village-1", desk)
    declared = await api.post("civil.supervisor.1", f"/v1/cases/{before}/conflict", {"about": [f"COMM-{STREET}"]})
    assert declared.status_code == 200, declared.text

    async def kept_from():
        await keep_colleagues_out(engine, api.service.ledger)
        async with engine.connect() as conn:
            return set((await conn.execute(select(case.about).where(case.id == before))).scalar_one())

    assert await kept_from() == {"unit-village-1", f"COMM-{STREET}", desk}
    moves = update(people).where(people.c.id == "village.reporter.1")
    async with engine.begin() as conn:
        await conn.execute(moves.values(desk="COMM-110106007"))
    try:
        assert await kept_from() == {"unit-village-1", f"COMM-{STREET}", desk}
    finally:
        async with engine.begin() as conn:
            await conn.execute(moves.values(desk=desk))


async def lying_at(api, case_id, desk):
    """What the case has waiting there, by subject and kind."""
    task = tables.tasks.c
    query = select(task.subject, task.kind).where(task.case_id == case_id, task.is_open, task.desk == desk)
    async with api.service.engine.connect() as conn:
        return dict((await conn.execute(query)).all())


async def test_what_a_whole_authority_owes_that_is_concerned_is_given_on_by_whoever_oversees_the_district(api):
    """No rule says who does the part of the police; who is given it does it in their place, with all its time."""
    case, overseer, engine = await a_report(api), "conf.supervisor.1", api.service.engine
    path, duty, to = f"/v1/cases/{case}", "confirm_safety", {"to": "CIVIL", "note": "公安机关回避"}
    given = f"{path}/duties/{duty}/reassign"
    is_problem(await api.post(overseer, given, to), 409, "duty_stays")
    assert (await api.post(overseer, f"{path}/conflict", {"about": ["POLICE", "EDU"]})).status_code == 200
    is_problem(await api.post("police.officer.1", given, to), 404, "case_not_found")
    is_problem(await api.post("civil.officer.1", given, to), 403, "not_allowed")
    is_problem(await api.post(overseer, given, to | {"to": "EDU"}), 409, "duty_stays")
    before = next(one for one in (await api.progress(case, overseer))["duties"] if one["code"] == duty)
    for desk in ("POLICE", "EDU"):
        for subject, kind in (await lying_at(api, case, desk)).items():
            place = "referrals" if kind == "referral" else "duties"
            done = await api.post(overseer, f"{path}/{place}/{subject}/reassign", to)
            assert done.status_code == 200, done.text
    after = [one for one in (await api.progress(case, overseer))["duties"] if one["code"] == duty][-1]
    assert (before["desk"], after["desk"], after["holder"], after["is_open"]) == ("POLICE", "CIVIL", "CIVIL", True)
    assert after["clock"]["started_at"] > before["clock"]["started_at"]
    lies = await lying_at(api, case, "CIVIL")
    assert lies[duty] == "duty"
    async with engine.begin() as conn:
        wrong = await find(conn, api.service.ledger.clock())
        assert await look(conn, [case]) == []
    assert case not in {one.stream_id for one in wrong if one.problem in (Fault.DESK_CONCERNED, Fault.TASKS_DIFFER)}
    child = after and (await api.progress(case, overseer))["children"][0]["id"]
    safe = await api.post("civil.officer.1", f"{path}/safety", {"child_id": child, "safety": "safe"})
    assert "duty_met" in safe.json()["events"], safe.text
    is_problem(await api.post(overseer, given, to), 404, "duty_not_found")


async def test_the_deadline_of_a_duty_that_was_given_on_is_the_new_desks_though_it_is_due_on_the_same_day(api):
    case, overseer, duty = await a_report(api), "conf.supervisor.1", "answer_outcome"
    assert (await api.post(overseer, f"/v1/cases/{case}/conflict", {"about": ["CIVIL"]})).status_code == 200
    given = await api.post(overseer, f"/v1/cases/{case}/duties/{duty}/reassign", {"to": "WF", "note": "民政回避"})
    assert given.status_code == 200, given.text
    line = tables.deadlines.c
    owed = select(line.agency, line.valid_to.is_(None), line.met_at).where(line.case_id == case, line.subject == duty)
    async with api.service.engine.connect() as conn:
        kept = [tuple(one) for one in await conn.execute(owed.order_by(line.valid_from))]
    assert kept == [("CIVIL", False, None), ("WF", True, None)]


async def test_what_a_committee_owes_that_is_shut_out_goes_to_its_street_office_by_itself(api):
    case, step = await a_report(api, "110106101"), "guardian_admonition.admonish"
    begun = await api.post("civil.officer.1", f"/v1/cases/{case}/procedure", {"procedure": "guardian_admonition"})
    assert begun.status_code == 200, begun.text
    assert step in await lying_at(api, case, "COMM-110106101")
    declared = await api.post("conf.supervisor.1", f"/v1/cases/{case}/conflict", {"about": ["unit-village-1"]})
    assert declared.status_code == 200, declared.text
    for _ in range(2):
        await give_to_others(api.service.engine, api.service.ledger)
    assert await lying_at(api, case, "COMM-110106101") == {}
    assert step in await lying_at(api, case, "STREET-110106101")
    done = await api.post(
        "street-110106101.officer.1", f"/v1/cases/{case}/duties/{step}/outcome",
        (await api.get("street-110106101.officer.1", f"/v1/cases/{case}/procedures")).json()["open"][0]["usual"],
    )  # fmt: skip
    assert done.status_code == 200, done.text
    lanes = [
        one
        for one in (await api.get("civil.supervisor.1", f"/v1/cases/{case}/flow")).json()["lanes"]
        if one["subject"] == step
    ]
    assert [one["state"] for one in lanes] == ["dropped", "met"]
    assert lanes[0]["ended_at"] == lanes[1]["opened_at"] < lanes[1]["ended_at"]
