"""利益冲突: whoever a report is about finds it nowhere, in no page, list, count or system, whatever the role."""

import asyncio
import hashlib
from importlib import import_module

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from app.db import tables
from app.db.colleagues import give_to_others, keep_colleagues_out
from app.db.findings import find, keep
from app.db.joining import given_back
from app.db.ledger import progress_of
from app.db.linked import keep_all_apart, lock_together
from app.db.owed import designation, open_all, opening
from app.db.people import actor_by_token
from app.db.projections import event_rows
from app.db.refold import look, mend
from app.domain import events as e
from app.domain.access import ENGINE
from app.domain.commands import DeclareConflict
from app.domain.fold import fold
from app.domain.handover import OfferWatch
from app.domain.owed import Matter
from app.domain.progress import Progress
from app.domain.terms import CloseReason, Fault, Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
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
    again = await api.post("civil.supervisor.1", f"/v1/cases/{case}/conflict", {"about": ["EDU"]})
    is_problem(again, 409, "already_done")
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


async def test_a_committee_keeps_no_case_of_its_own_people_whenever_they_were_named(api):
    """By a declaration, and where the case was about them before the desk went with the unit."""
    of_village, desk = {"residence_division": "110106101"}, "COMM-110106101"
    declared, before = await a_report(api, **of_village), await a_report(api, about=["unit-village-1"], **of_village)
    assert await found(api, "comm-110106101.officer.1", declared)
    path, about = f"/v1/cases/{declared}/conflict", {"about": ["unit-village-1"]}
    assert (await api.post("civil.supervisor.1", path, about)).status_code == 200
    case, engine = tables.cases.c, api.service.engine
    async with engine.begin() as conn:
        stored = (await conn.execute(select(case.progress).where(case.id == before))).scalar_one()
        named = {"about": [one for one in stored["about"] if one != desk]}
        assert named["about"] == ["unit-village-1"]
        await conn.execute(update(tables.cases).where(case.id == before).values(**named, progress=stored | named))
    assert await found(api, "comm-110106101.officer.1", before)
    await keep_colleagues_out(engine, api.service.ledger)
    await keep_all_apart(engine, api.service.ledger)
    for case_id in (declared, before):
        assert not await found(api, "comm-110106101.officer.1", case_id)
        assert await found(api, "police.officer.1", case_id)
    async with engine.begin() as conn:
        assert (await conn.execute(select(case.version).where(case.id == before))).scalar_one() > stored["version"]
        assert await look(conn, [before]) == []


async def two_of_one(api, concerned, *, keeps_shown=True):
    """A case about the person and another, the files of whose children were joined, so that that of the shown one is kept or that of
    the hidden; both cases and children."""
    hidden, shown = await a_report(api, about=[concerned]), await a_report(api)
    of_hidden, of_shown = [
        (await api.progress(one, "conf.supervisor.1"))["children"][0]["id"] for one in (hidden, shown)
    ]
    joined, kept = (of_hidden, of_shown) if keeps_shown else (of_shown, of_hidden)
    progress = {"child_id": joined, "version": 1, "policy": "p", "division": STREET, "merged_into": kept}
    row = {
        "id": f"file-{joined}", "version": 1, "policy": "p", "progress": progress, "is_open": False, "division": STREET,
        "child_id": joined, "desks": [], "merged_into": kept,
    }  # fmt: skip
    async with api.service.engine.begin() as conn:
        await conn.execute(insert(tables.child_files), row)
    return hidden, of_hidden, shown, of_shown


async def test_what_is_wrong_or_owed_for_a_child_tells_nobody_that_a_case_is_about_them(api, walled):
    """Of the same child under the other id as well, and behind the wall, where the hidden child is not there to be asked about."""
    concerned, other = "civil.supervisor.1", "conf.supervisor.1"
    hidden, child, _, same = await two_of_one(api, concerned)
    of_third = (await api.progress(await a_report(api), other))["children"][0]["id"]
    asked = [opening(Matter.BOOKS, "of_age", one, f"COMM-{STREET}", STREET, "books_check") for one in (child, same)]
    asked += [opening(Matter.DOUBLE, child, of_third, "CONF", STREET, "books_check"), designation(hidden)]
    streams = [hidden, f"file-{child}", f"file-{same}", f"watch-{same}", *(one.owed_id for one in asked)]
    wrong, engine, now = tables.findings, api.service.engine, api.service.ledger.clock()
    said = {"problem": Fault.ENGINE_STANDS_STILL, "repaired": False, "found_at": now}
    async with engine.begin() as conn:
        await open_all(conn, api.service.ledger, asked, now)
        await conn.execute(insert(wrong), [{**said, "stream_id": one} for one in streams])
        before = {"person_id": concerned, "version": 99, "kind": "owed_opened", "subject": "owed", "at": now}
        await conn.execute(insert(tables.notices), [{**before, "case_id": one.owed_id} for one in asked])
    rows = {"findings": "stream_id", "owed": "id", "notices": "case_id"}
    try:
        told = {}
        for person in (concerned, other):
            listed = [(await api.get(person, f"/v1/{one}?limit=200")).json()["items"] for one in rows]
            told[person] = {row.get("id") for row in listed[1]} | {row.get("case_id") for row in listed[0] + listed[2]}
            told[person] = len(told[person] & {*streams})
            async with walled.begin() as conn:
                assert await actor_by_token(conn, api.tokens[person])
                for table, key in rows.items():
                    query = text(f"select count(*) from {table} where {key} = any(:all)")
                    told[person, table] = (await conn.execute(query, {"all": streams})).scalar_one()
        assert told == {
            concerned: 0, (concerned, "findings"): 0, (concerned, "owed"): 0, (concerned, "notices"): 0,
            other: 1 + len(asked), (other, "findings"): len(streams), (other, "owed"): len(asked), (other, "notices"): 2,
        }  # fmt: skip
        double = next(one.owed_id for one in asked if one.matter is Matter.DOUBLE)
        said = {"note": "其中一份档案已不在册"}
        is_problem(await api.post("civil.officer.1", f"/v1/owed/{double}/settle", said), 404, "owed_not_found")
        settled = await api.post(other, f"/v1/owed/{double}/settle", said)
        assert settled.status_code == 200, "whoever is told of it ends it where nothing is left to compare"
    finally:
        async with engine.begin() as conn:
            await conn.execute(delete(wrong).where(wrong.c.stream_id.in_(streams)))
            await conn.execute(delete(tables.notices).where(tables.notices.c.case_id.in_(streams)))
            await conn.execute(delete(tables.owed).where(tables.owed.c.id.in_([one.owed_id for one in asked])))


@pytest.mark.parametrize("keeps_shown", [True, False])
async def test_a_file_with_which_that_of_a_hidden_case_was_joined_is_as_hidden_and_nothing_names_it(api, keeps_shown):
    concerned, other = "police.officer.1", "police.officer.2"
    _, of_hidden, shown, of_shown = await two_of_one(api, concerned, keeps_shown=keeps_shown)
    path, files = f"/v1/children/{of_shown}", {concerned: of_shown, other: of_shown if keeps_shown else of_hidden}
    assert (await api.get(other, path)).status_code == 200
    is_problem(await api.get(concerned, path), 404, "child_not_found")
    for person, file in files.items():
        (services,) = (await api.get(person, f"/v1/cases/{shown}/services")).json()
        assert (services["child_id"], services["file_id"]) == (of_shown, file), person


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


VILLAGE = "110106101"
AT = {"COMM": f"comm-{VILLAGE}.officer.1", "STREET": f"street-{VILLAGE}.officer.1", "CIVIL": "civil.officer.1"}


async def watched_by(api, child):
    """The desks at which the visit is on the list, those who may record one, and where the children's page is open."""
    path, lists, record = f"/v1/watches/{watch_id(child)}/visits", set(), set()
    for desk, person in AT.items():
        answer = await api.get(person, "/v1/visits?limit=200")
        assert answer.status_code == 200, answer.text
        lists |= {desk} & {
            desk for row in answer.json()["items"] if row["child_id"] == child and row["desk"].startswith(desk)
        }
        record |= {desk} if (await api.post(person, path, {"finding": "well"})).status_code == 200 else set()
    return lists, record


async def test_no_child_is_watched_by_a_desk_that_may_not_see_it(api):
    """While the watch runs it goes on at the next office; a case that closes begins it there; what still lies at such a desk is found."""
    ledger, engine = api.service.ledger, api.service.engine
    case_id = await a_report(api, VILLAGE)
    child = (await api.progress(case_id))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=child, case_id=case_id, division=VILLAGE, grade=Grade.MEDIUM)
    async with engine.begin() as conn:
        await ledger.begin(conn, watch_id(child), begin)
    assert await watched_by(api, child) == ({"COMM"}, {"COMM"})
    for about, desk in (("unit-village-1", "STREET"), (f"STREET-{VILLAGE}", "CIVIL")):
        path = f"/v1/cases/{case_id}/conflict"
        assert (await api.post("conf.supervisor.1", path, {"about": [about]})).status_code == 200
        assert await watched_by(api, child) == ({desk}, {desk})
    closes = await a_report(api, VILLAGE, about=["unit-village-1"])
    given = (await api.progress(closes))["children"][0]["id"]
    async with engine.begin() as conn:
        now = ledger.clock()
        await given_back(ledger, conn, await progress_of(conn, closes), CloseReason.NEEDS_MET, now)
        assert closes in {one.stream_id for one in await find(conn, now) if one.problem is Fault.DESK_CONCERNED}
    assert await watched_by(api, given) == ({"STREET"}, {"STREET"})
    async with engine.begin() as conn:  # as an earlier build left it
        watch = tables.watches.c
        stored = (await conn.execute(select(watch.progress).where(watch.child_id == given))).scalar_one()
        at = {"desk": f"COMM-{VILLAGE}"}
        await conn.execute(update(tables.watches).where(watch.child_id == given).values(**at, progress=stored | at))
    assert await watched_by(api, given) == (set(), set())
    await give_to_others(engine, ledger)
    assert await watched_by(api, given) == ({"STREET"}, {"STREET"})
    task = tables.tasks.c
    query = select(task.kind, task.desk).where(
        task.case_id == closes, task.is_open, task.agency.in_(["COMM", "STREET"])
    )
    async with engine.connect() as conn:
        legs = {row.desk for row in await conn.execute(query) if row.kind == "referral"}
    assert legs == {f"STREET-{VILLAGE}"}, "its leg went to the street office with it"
    entered = await api.post(
        AT["CIVIL"], f"/v1/children/{child}/changes", {"field": "school", "value": "示例三小（化名）"}
    )
    assert (entered.status_code, entered.json()["waits_for"]) == (200, f"STREET-{VILLAGE}"), entered.text
    async with engine.begin() as conn:
        found_now = {one.stream_id for one in await find(conn, ledger.clock()) if one.problem is Fault.DESK_CONCERNED}
    assert f"file-{child}" in found_now, "who has to verify it may not see it"


async def test_a_watch_that_is_offered_to_a_desk_which_is_shut_out_then_is_offered_to_another(api):
    ledger, engine = api.service.ledger, api.service.engine
    case_id = await a_report(api, STREET)
    child = (await api.progress(case_id))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=child, case_id=case_id, division=STREET, grade=Grade.MEDIUM)
    async with engine.begin() as conn:
        await ledger.begin(conn, watch_id(child), begin)
        await ledger.record(conn, watch_id(child), OfferWatch(by=ENGINE, division=VILLAGE))
    declared = await api.post("conf.supervisor.1", f"/v1/cases/{case_id}/conflict", {"about": ["unit-village-1"]})
    assert declared.status_code == 200, declared.text
    await give_to_others(engine, ledger)
    watch = tables.watches.c
    async with engine.connect() as conn:
        at = (await conn.execute(select(watch.desk, watch.offered_to).where(watch.child_id == child))).one()
    assert tuple(at) == (f"COMM-{STREET}", f"STREET-{VILLAGE}")


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


@pytest.mark.parametrize("about_the_first", [True, False])
async def test_whoever_one_of_two_linked_reports_is_about_finds_neither(api, about_the_first):
    """The other would name it, and they would go on working on the same child; also where it is found out later."""
    concerned, later = f"street-{STREET}.officer.1", f"comm-{STREET}.officer.1"
    first = await a_report(api, **({"about": [concerned]} if about_the_first else {}))
    second = await a_report(api, **({} if about_the_first else {"about": [concerned]}))
    visible = second if about_the_first else first
    assert await found(api, concerned, visible)
    linked = await api.post("police.officer.1", f"/v1/cases/{second}/link", {"primary": first, "note": "同一事件"})
    assert linked.status_code == 200, linked.text
    for case in (first, second):
        assert not await found(api, concerned, case)
    assert await found(api, later, first)
    path, more = f"/v1/cases/{second if about_the_first else first}/conflict", {"about": [later]}
    assert (await api.post("police.officer.1", path, more)).status_code == 200
    for case in (first, second):
        assert not await found(api, later, case)
        assert await found(api, "police.officer.1", case)


async def link(api, case_id, primary):
    done = await api.post("police.officer.1", f"/v1/cases/{case_id}/link", {"primary": primary, "note": "同一事件"})
    assert done.status_code == 200, done.text


async def test_a_link_taken_back_gives_each_case_back_to_whom_only_another_was_about(api):
    """Also what a third case brought along goes with it; what a case is about itself stays."""
    of_one, of_two, both = f"street-{STREET}.officer.1", "edu.officer.1", f"comm-{STREET}.officer.1"
    primary, one = await a_report(api, about=[both]), await a_report(api, about=[of_one, both])
    two = await a_report(api, about=[of_two])
    for case in (one, two):
        await link(api, case, primary)
    concerned = (of_one, of_two, both)
    for case in (primary, one, two):
        assert [await found(api, person, case) for person in concerned] == [set()] * 3
    assert (await api.post("police.officer.1", f"/v1/cases/{one}/unlink", {"note": "有误"})).status_code == 200
    seen = {
        case: [bool(await found(api, person, case)) for person in concerned]
        for case in (primary, one, two)
    }  # fmt: skip
    assert seen == {primary: [True, False, False], one: [False, True, False], two: [True, False, False]}


async def test_links_of_before_are_kept_apart_as_well(api):
    concerned = f"street-{STREET}.officer.1"
    primary, follower = await a_report(api, about=[concerned]), await a_report(api)
    case, events = tables.cases.c, tables.events.c
    await link(api, follower, primary)
    unreadable = await a_report(api)
    await link(api, unreadable, await a_report(api, about=[concerned]))
    engine = api.service.engine
    async with engine.begin() as conn:  # as if nothing had been said of it when the link was made
        last = (
            await conn.execute(
                select(events.kind).where(events.stream_id == follower, events.kind == "kept_out_by_link")
            )
        ).all()
        assert len(last) == 1
        stored = (await conn.execute(select(case.progress).where(case.id == follower))).scalar_one()
        for one, progress in ((follower, stored), (unreadable, {"stage": "nowhere"})):
            row = {"about": [], "progress": {**progress, "about": [], "about_by_link": []}}
            await conn.execute(update(tables.cases).where(case.id == one).values(**row))
    assert await found(api, concerned, follower)
    await keep_all_apart(engine, api.service.ledger)
    assert not await found(api, concerned, follower), "another one that cannot be read holds nothing up"
    async with engine.begin() as conn:
        assert (await mend(conn, unreadable)).repaired
    assert not await found(api, concerned, unreadable)


async def declared_for_a_link(conn, case_id, about):
    """As the service said it, and kept it, before what a link brings stood apart."""
    case = tables.cases.c
    before = Progress.model_validate((await conn.execute(select(case.progress).where(case.id == case_id))).scalar_one())
    event = e.ConflictDeclared(at=before.filed_at, by="engine", about=(about,))
    after = fold([event], before)
    (line,) = event_rows(case_id, after.version, [event])
    await conn.execute(insert(tables.events), {**line, "body": event.model_dump(mode="json")})
    row = {
        "about": [about],
        "progress": after.model_dump(mode="json", exclude={"about_by_link"}),
        "version": after.version,
    }
    await conn.execute(update(tables.cases).where(case.id == case_id).values(**row))


async def test_what_a_link_of_before_brought_is_given_back_though_the_family_goes_on(api):
    """The one that it brought was taken back before the rule; another of the family stands, and a third is alone."""
    concerned, engine = f"street-{STREET}.officer.1", api.service.engine
    primary, follower, alone = [await a_report(api) for _ in range(3)]
    await link(api, follower, primary)
    by_link = import_module("app.db.migrations.versions.0068_kept_out_before").BY_LINK
    family = (primary, follower, alone)
    async with engine.begin() as conn:
        for case_id in family:
            await declared_for_a_link(conn, case_id, concerned)
    seen = {}
    for step in ("as it stood", "once it was found"):
        await keep_all_apart(engine, api.service.ledger)
        seen[step] = [bool(await found(api, concerned, case_id)) for case_id in family]
        async with engine.begin() as conn:
            await conn.execute(text(by_link))
            assert await look(conn, family) == []
    assert seen == {"as it stood": [False] * 3, "once it was found": [True] * 3}


async def test_a_link_that_nobody_could_oversee_is_shown_to_those_who_can_take_it_back(api):
    one, other = await a_report(api), await a_report(api)
    await link(api, one, other)
    case, engine = tables.cases.c, api.service.engine
    async with engine.begin() as conn:  # of before the rule
        for case_id, about in ((one, ["CIVIL"]), (other, ["CONF"])):
            stored = (await conn.execute(select(case.progress).where(case.id == case_id))).scalar_one()
            row = {"about": about, "progress": {**stored, "about": about}}
            await conn.execute(update(tables.cases).where(case.id == case_id).values(**row))
    shown = {}
    for step in ("stands", "gone"):
        await keep_all_apart(engine, api.service.ledger)
        async with engine.begin() as conn:
            await keep(conn, await find(conn, api.service.ledger.clock()), api.service.ledger.clock())
        for person in ("conf.supervisor.1", "civil.supervisor.1", "police.chief.1"):
            rows = (await api.get(person, "/v1/findings?limit=200")).json()["items"]
            shown[step, person] = {row["case_id"] for row in rows if row["problem"] == "link_stands_open"} & {
                one,
                other,
            }
        if step == "stands":
            done = await api.post("police.officer.1", f"/v1/cases/{one}/unlink", {"note": "有误"})
            assert done.status_code == 200, done.text
    nobody = {key: set() for key in shown}
    assert shown == nobody | {("stands", "conf.supervisor.1"): {one}, ("stands", "civil.supervisor.1"): {other}}
    async with engine.begin() as conn:
        for case_id in (one, other):
            await mend(conn, case_id)


async def waiting(conn, number):
    """Until so many wait for a lock of others."""
    for _ in range(500):
        held = text(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        if (await conn.execute(held)).scalar_one() >= number:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_a_declaration_locks_linked_cases_in_order_and_two_at_once_leave_somebody_who_oversees(api):
    one, other = await a_report(api), await a_report(api)
    await link(api, one, other)
    low, high = sorted((one, other))
    case, engine = tables.cases.c, api.service.engine
    async with engine.connect() as conn, engine.connect() as watch:
        watch = await watch.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(select(case.id).where(case.id == low).with_for_update())
        asked = [
            asyncio.create_task(api.post("police.officer.1", f"/v1/cases/{case_id}/conflict", {"about": [about]}))
            for case_id, about in ((high, "CIVIL"), (low, "CONF"))
        ]
        await waiting(watch, 2)
        await conn.execute(select(case.id).where(case.id == high).with_for_update(nowait=True))
        await conn.rollback()
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
    for case_id in (low, high):
        assert await found(api, "civil.supervisor.1", case_id) or await found(api, "conf.supervisor.1", case_id)


async def test_a_case_that_came_into_the_family_meanwhile_is_locked_in_its_order(api):
    low, high = sorted([await a_report(api), await a_report(api)])
    case, engine = tables.cases.c, api.service.engine
    joins = update(tables.cases).where(case.id == low).values(linked_to=high)
    async with engine.connect() as links, engine.connect() as waits, engine.connect() as watch:
        watch = await watch.execution_options(isolation_level="AUTOCOMMIT")
        await links.execute(select(case.id).where(case.id == high).with_for_update())
        asked = asyncio.create_task(lock_together(waits, high, DeclareConflict(by=ENGINE, about=("x",))))
        await waiting(watch, 1)
        await links.execute(joins)
        await links.commit()
        await asked
        await links.execute(text("set local lock_timeout = '20ms'"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await links.execute(select(case.id).where(case.id == low).with_for_update())
        await links.rollback()
        await waits.rollback()
        await watch.execute(joins.values(linked_to=None))
