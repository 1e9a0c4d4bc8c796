"""A visit in the API: the form, the categories asked anew, a warning verified into a report, and care arranged before parents leave."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, select, text

from app.db import owed as db_owed
from app.db import tables
from app.db.ledger import events_since
from app.domain.access import ENGINE
from app.domain.handover import OfferWatch
from app.domain.owed import NEEDS, Matter, opening
from app.domain.visit import RaiseWarning
from app.domain.watch import watch_id
from app.domain.watch_work import RaiseDueVisit
from app.domain.working_time import day_of
from tests.api.test_ledgers import AWAY, COMMITTEE, DIVISION, STREET, WOMEN, book, in_full, of, watched
from tests.api.test_reports import is_problem

FORM = {"guardian_met": True, "guardianship": "kin", "supervision": "urged", "acknowledged": "signed",
        "parent_contact": "weekly", "needs": ["psychological_help"]}  # fmt: skip


@pytest.fixture
async def poor(api):
    return await watched(api, household={"on_minimum_living": "yes"}, family=AWAY[:1], child={"name": "方小雨（化名）"})


async def visit(api, child, **body):
    answer = await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", {"finding": "needs_help", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.requirement("R045", "R046", "R076")
async def test_what_the_form_says_stands_in_the_ledgers_of_guardianship(api, poor):
    await visit(api, poor, form=FORM, note="祖母照料，已督促")
    (row,) = of(await book(api, STREET, "guardianship"), poor)
    assert (row["guardianship"], row["supervision"], row["acknowledged"]) == (
        "亲属照料（未委托）",
        "当场督促",
        "已签署",
    )
    (row,) = of(await in_full(api, "guardianship_supervision", "inspection"), poor)
    assert (row["guardian_met"], row["visitor"], row["needs"], row["visit_note"]) == (
        True,
        "玉泉营街道居（村）民委员会经办人（化名）",
        ["心理疏导"],
        "祖母照料，已督促",
    )


@pytest.mark.requirement("R011", "R051")
async def test_the_categories_are_asked_anew_at_each_visit(api, poor):
    async def now():
        file = (await api.get(COMMITTEE, f"/v1/children/{poor}")).json()
        return {one["code"] for one in file["categories"]}, file["visits"]

    before, _ = await now()
    assert "D1" in before
    away = (
        {"relation": "father", "whereabouts": "away_for_work"},
        {"relation": "mother", "whereabouts": "away_for_work"},
    )
    done = await visit(api, poor, form={**FORM, "facts": {"guardians": away, "household": {"on_minimum_living": "no"}}})
    assert {warning["rule"] for warning in done["warnings"]} == {"a-not-entrusted"}, "kin, and nobody entrusted"
    after, visits = await now()
    assert "D1" not in after
    assert visits[-1]["categories"] == ["LB"]
    assert of(await book(api, WOMEN, "left_behind"), poor)[0]["categories"] == ["留守儿童"]


async def test_what_changed_of_one_parent_is_laid_over_what_is_known_of_the_family(api, poor, key):
    facts = {"family": {"mother": {"whereabouts": "away_for_work"}}}
    body, once = {"finding": "well", "form": {"facts": facts}}, {"Idempotency-Key": key}
    for _ in range(2):
        done = await api.post(COMMITTEE, f"/v1/watches/{watch_id(poor)}/visits", body, once)
    assert done.json()["replayed"]
    (seen,) = (await api.get(COMMITTEE, f"/v1/children/{poor}")).json()["visits"]
    assert seen["categories"] == ["D1", "LB"], "the father was known to be away"
    wrong = {"finding": "well", "form": {"facts": {"family": {"mother": {"relation": "father"}}}}}
    is_problem(await api.post(COMMITTEE, f"/v1/watches/{watch_id(poor)}/visits", wrong), 422, "invalid_request")


async def test_what_is_said_of_a_father_of_whom_there_are_two_is_refused_and_once_recorded_answered_again(api, key):
    child = await watched(api, family=AWAY, child={"name": "方小霜（化名）"}, ago=timedelta(days=9))
    path, once = f"/v1/watches/{watch_id(child)}/visits", {"Idempotency-Key": key}
    today = day_of(api.service.ledger.clock())

    def seen(ago, **facts):
        return {"finding": "well", "visited_on": str(today - timedelta(days=ago)), "form": {"facts": facts}}

    home = seen(5, family={"father": {"whereabouts": "home"}}, household={"on_minimum_living": "yes"})
    assert (await api.post(COMMITTEE, path, home, once)).status_code == 200
    assert (await api.post(COMMITTEE, path, seen(7, household={"on_minimum_living": "no"}))).status_code == 200
    visits = (await api.get(COMMITTEE, f"/v1/children/{child}")).json()["visits"]
    assert [one["categories"] for one in visits] == [["D1"], ["D1"]], "the older of the two was sent last"
    two = ({"relation": "father", "whereabouts": "dead"}, {"relation": "father", "whereabouts": "away"})
    assert (await api.post(COMMITTEE, path, seen(1, guardians=two))).status_code == 200
    unclear = await api.post(COMMITTEE, path, seen(0, family={"father": {"whereabouts": "home"}}))
    is_problem(unclear, 409, "which_of_family")
    assert unclear.json()["relations"] == ["father"]
    assert (await api.post(COMMITTEE, path, home, once)).json()["replayed"]
    assert (await api.post(COMMITTEE, path, seen(0, family={"mother": {"whereabouts": "home"}}))).status_code == 200
    assert (await api.get(COMMITTEE, f"/v1/visits/{watch_id(child)}")).json()["several"] == ["father"]
    rows = (await api.get(COMMITTEE, "/v1/visits?limit=200")).json()["items"]
    assert [one["several"] for one in rows if one["child_id"] == child] == [["father"]], (
        "of a visit the list reads that"
    )
    both = {"father": {"whereabouts": "home"}, "mother": {"whereabouts": "away_for_work"}}
    risk = seen(0, family=both) | {"finding": "at_risk", "situations": ["unguarded"], "note": "独自在家"}
    for again in (False, True):
        done = (await api.post(COMMITTEE, path, risk, {"Idempotency-Key": f"{key}-risk"})).json()
        assert (done["left_out"], bool(done["report"]), done["replayed"]) == (["father"], True, again), (
            "a risk waits for nobody"
        )
    async with api.service.engine.connect() as conn:
        event = tables.events.c
        query = select(event.body).where(event.stream_id == watch_id(child), event.kind == "visit_recorded")
        (*_, kept) = (await conn.execute(query.order_by(event.version))).scalars()
    assert list(kept["form"]["facts"]["family"]) == ["mother"]


@pytest.mark.requirement("R055")
async def test_a_warning_that_is_verified_as_a_risk_is_a_report_in_one_step(api, poor, key):
    done = await visit(api, poor, form={"guardianship": "nobody"})
    (warning,) = done["warnings"]
    listed = {row["child_id"]: row for row in (await api.get(COMMITTEE, "/v1/watches?limit=200")).json()["items"]}
    assert listed[poor]["warnings"] == [warning]
    path = f"/v1/watches/{watch_id(poor)}/warnings/{warning['number']}/verify"
    is_problem(await api.post(STREET, path, {"outcome": "no_risk"}), 404, "case_not_found")
    risk = {"outcome": "risk", "situations": ["unguarded"], "note": "夜间无人照料"}
    first = (await api.post(COMMITTEE, path, risk, {"Idempotency-Key": key})).json()
    again = (await api.post(COMMITTEE, path, risk, {"Idempotency-Key": key})).json()
    assert (again["report"], again["replayed"], first["warnings"]) == (first["report"], True, [])
    case = await api.progress(first["report"])
    assert (case["watch"], case["branch"]) == (watch_id(poor), "A")
    is_problem(await api.post(COMMITTEE, path, risk), 404, "no_such_warning")


@pytest.mark.requirement("R055", "R131")
async def test_a_child_that_needs_help_is_owed_it_until_somebody_says_what_was_done(api, poor):
    async def owed(person=COMMITTEE):
        rows = (await api.get(person, "/v1/owed?matter=help&limit=200")).json()["items"]
        return [(row["id"], row["desk"]) for row in rows if row["subject"] == poor]

    await visit(api, poor, finding="well", form={"guardianship": "parents"})
    assert await owed() == []
    await visit(api, poor, form={"guardianship": "nobody"})
    ((name, desk),) = await owed()
    assert desk == f"COMM-{DIVISION}"
    (warning,) = (await visit(api, poor))["warnings"]
    assert len(await owed()) == 1, "once, however often it is found"
    path, done = f"/v1/owed/{name}/settle", {"note": "已协助申请临时救助，12月3日送米面"}
    is_problem(await api.post(COMMITTEE, path, {}), 422, "invalid_request")
    assert (await api.post(COMMITTEE, path, done)).json()["how"] == "helped"
    assert await owed() == []
    verified = f"/v1/watches/{watch_id(poor)}/warnings/{warning['number']}/verify"
    assert (await api.post(COMMITTEE, verified, {"outcome": "help"})).status_code == 200
    assert await owed() == [(name, desk)], "a warning that turned out as help has its consequence"
    other = "110106008"
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, watch_id(poor), OfferWatch(by=ENGINE, division=other))
    assert (await api.post(f"comm-{other}.officer.1", f"/v1/watches/{watch_id(poor)}/take", {})).status_code == 200
    taker = f"comm-{other}.officer.1"
    assert (await owed(), await owed(taker)) == ([], [(name, f"COMM-{other}")])
    assert (await api.post(taker, f"/v1/watches/{watch_id(poor)}/end", {"reason": "died"})).status_code == 200
    async with api.service.engine.connect() as conn:
        last = (await events_since(conn, name, 0))[-1]
    assert (await owed(taker), last["how"], last["by"]) == ([], "gone", taker)
    async with api.service.engine.begin() as conn:  # as before the end of a watch ended it
        await api.service.ledger.begin(conn, name, opening(Matter.HELP, NEEDS, poor, f"COMM-{other}", other, "help"))
    assert await owed(taker) == [(name, f"COMM-{other}")]
    async for _ in db_owed.keep_help(api.service.engine, api.service.ledger, api.service.ledger.clock()):
        pass
    assert await owed(taker) == []


@pytest.mark.requirement("R014")
async def test_the_watch_looks_how_a_child_lives_whose_family_is_recognised_no_longer(api, poor):
    async def warned():
        rows = (await api.get(COMMITTEE, "/v1/watches?limit=200")).json()["items"]
        return next([one["rule"] for one in row["warnings"]] for row in rows if row["child_id"] == poor)

    for answer, rules in (("yes", []), ("yes", []), ("no", ["a-benefit-stopped"])):
        entered = {"field": "means", "value": {"on_minimum_living": answer}, "evidence": "低保证"}
        change = (await api.post(COMMITTEE, f"/v1/children/{poor}/changes", entered)).json()["change"]
        for person in (STREET, "civil.officer.1"):
            assert (await api.post(person, f"/v1/children/{poor}/changes/{change}/pass")).status_code == 200
        assert await warned() == rules


@pytest.mark.requirement("R052")
async def test_parents_who_left_without_an_arrangement_are_owed_one_until_the_watch_or_the_register_has_it(
    api, poor, monkeypatch
):
    monkeypatch.setattr(db_owed, "PAGE", 1)
    today = day_of(api.service.ledger.clock())
    family = {"family": "某家（化名）", "urged_on": today.isoformat(), "arranged": "missing"}
    left, leaves = (today - timedelta(days=1)).isoformat(), today.isoformat()
    entries = {}
    for child, day in (({"child": poor}, left), ({}, left), ({}, leaves)):
        fields = {**family, **child, "leaves_on": day}
        made = await api.post(COMMITTEE, "/v1/registers/departures/entries", {"fields": fields})
        entries[made.json()["id"]] = fields

    async def owed():
        ledger = api.service.ledger
        looked = [looked async for looked in db_owed.keep_departures(api.service.engine, ledger, ledger.clock())]
        assert looked[: len(entries)] == [*range(1, len(entries) + 1)], "each page by itself"
        return await stands()

    async def stands():
        rows = (await api.get(COMMITTEE, "/v1/owed?matter=departure&limit=200")).json()["items"]
        return {row["subject"] for row in rows if row["subject"] in {poor, *entries}}

    nameless, begin, begun = list(entries)[1], api.service.ledger.begin, []

    async def fails_once(conn, name, *args, **more):
        begun.append(name)
        if len(begun) == 2:
            raise ConnectionError
        return await begin(conn, name, *args, **more)

    monkeypatch.setattr(api.service.ledger, "begin", fails_once)
    with pytest.raises(ConnectionError):
        await owed()
    assert len(await stands()) == 1, "what was found before is owed"
    async with api.service.engine.begin() as conn:
        await conn.execute(select(tables.watches.c.id).where(tables.watches.c.child_id == poor).with_for_update())
        assert await asyncio.wait_for(owed(), 10) == {poor, nameless}, "not before the day has passed, and nobody waits"
    assert (len(begun), len({*begun})) == (3, 2), "none that is owed already begins again"
    stated = {"fields": {**entries[nameless], "arranged": "stays"}}
    assert (await api.post(COMMITTEE, f"/v1/registers/departures/entries/{nameless}/change", stated)).status_code == 200
    assert await owed() == {poor}
    path = f"/v1/watches/{watch_id(poor)}"
    care = {
        "delegate": {"name": "方祖母（化名）"},
        "relation": "grandparent",
        "is_adult": True,
        "is_able": True,
        "leaves_on": left,
    }
    assert (await api.post(COMMITTEE, f"{path}/arrangement", care)).status_code == 200
    settled = (await api.get(COMMITTEE, "/v1/owed?matter=departure&settled=true&limit=200")).json()["items"]
    assert poor in {row["subject"] for row in settled}, "at once"
    assert (await api.post(COMMITTEE, f"{path}/return")).status_code == 200
    assert await owed() == set(), "they are back, whatever the register says"
    again = {"fields": {**entries[nameless], "child": poor, "family": "又一家（化名）"}}
    made = await api.post(COMMITTEE, "/v1/registers/departures/entries", again)
    entries[made.json()["id"]] = again
    assert await owed() == {poor}
    assert (await api.post(COMMITTEE, f"{path}/end", {"reason": "moved_and_handed_over"})).status_code == 200
    assert await stands() == await owed() == set(), "nor of who has gone, the next day"


@pytest.mark.requirement("R052", "R033")
async def test_care_is_arranged_before_the_parents_leave_and_ends_when_they_are_back(api, poor):
    path = f"/v1/watches/{watch_id(poor)}"
    body = {"delegate": {"name": "方祖母（化名）", "phone": "13700001111"}, "relation": "grandparent", "is_adult": True,
            "is_able": True, "leaves_on": "2099-02-20", "told_school": True}  # fmt: skip
    is_problem(
        await api.post(COMMITTEE, f"{path}/arrangement", {**body, "grounds": ["neglect"]}), 409, "delegate_unfit"
    )
    is_problem(await api.post(COMMITTEE, f"{path}/contacts"), 409, "no_arrangement")
    assert (await api.post(COMMITTEE, f"{path}/arrangement", body)).status_code == 200
    away = (
        {"relation": "father", "whereabouts": "away_for_work"},
        {"relation": "mother", "whereabouts": "away_for_work"},
    )
    await visit(api, poor, form={"parent_contact": "weekly", "facts": {"guardians": away}})
    (row,) = of(await book(api, WOMEN, "left_behind"), poor)
    assert (row["delegate_name"], row["delegate_phone"], row["leaves_on"]) == ("方*", "137****1111", "2099-02-20")
    listed = {one["child_id"]: one for one in (await api.get(COMMITTEE, "/v1/watches?limit=200")).json()["items"]}
    assert listed[poor]["contact_due_at"]
    assert (await api.post(COMMITTEE, f"{path}/contacts", {"note": "视频通话"})).status_code == 200
    assert (await api.post(COMMITTEE, f"{path}/return")).status_code == 200
    (row,) = of(await book(api, WOMEN, "left_behind"), poor)
    assert (row["delegate_name"], row["contact_due"]) == (None, None)


async def test_a_report_of_a_visit_names_the_child_as_the_file_has_it_now(api, poor):
    entered = {"field": "name", "value": "方小雪（化名）", "evidence": "户口簿"}
    change = (await api.post(COMMITTEE, f"/v1/children/{poor}/changes", entered)).json()["change"]
    for person in (STREET, "civil.officer.1"):
        assert (await api.post(person, f"/v1/children/{poor}/changes/{change}/pass")).status_code == 200
    risk = {"finding": "at_risk", "situations": ["unguarded"], "note": "家中无人"}
    case = (await visit(api, poor, **risk))["report"]
    content = (await api.opened("police.officer.1", f"/v1/cases/{case}")).json()["content"]
    assert (content["children"][0]["name"], content["children"][0]["division"]) == ("方小雪（化名）", DIVISION)


async def test_a_visit_that_did_not_meet_the_child_stays_owed(api, poor):
    before = (await visit(api, poor))["visit_due_at"]
    missed = await visit(api, poor, form={"seen_in_person": False}, note="门锁，邻居称外出")
    assert missed["visit_due_at"] == before


async def by_the_engine(api, child, *commands):
    async with api.service.engine.begin() as conn:
        for command in commands:
            await api.service.ledger.record(conn, watch_id(child), command)


@pytest.mark.requirement("R054")
async def test_a_visit_that_was_written_offline_counts_on_its_day_and_only_what_people_did_stands_against_it(api):
    child = await watched(api, child={"name": "方小雷（化名）"}, ago=timedelta(days=45))
    path, written = f"/v1/watches/{watch_id(child)}/visits", {"If-Match": '"1"'}
    warning = RaiseWarning(by=ENGINE, rule="a-nobody", basis=("R055",), urgent=False)
    await by_the_engine(api, child, RaiseDueVisit(by=ENGINE), warning)
    today = day_of(api.service.ledger.clock())
    made = {"finding": "well", "visited_on": str(today - timedelta(days=16))}
    done = await api.post(COMMITTEE, path, made, written)
    assert done.status_code == 200, done.text
    assert day_of(datetime.fromisoformat(done.json()["visit_due_at"])) >= today + timedelta(days=14)
    (seen,) = (await api.get(COMMITTEE, f"/v1/children/{child}")).json()["visits"]
    assert (seen["visited_on"], seen["in_time_after_all"]) == (made["visited_on"], True)
    (row,) = of(await book(api, STREET, "work"), child)
    assert row["last_visit"] == made["visited_on"]
    for on, code in ((1, "visit_ahead"), (-46, "visit_before_watch")):
        wrong = {"finding": "well", "visited_on": str(today + timedelta(days=on))}
        is_problem(await api.post(COMMITTEE, path, wrong), 409, code)
    for grade in ("high", None):
        older = await api.post(COMMITTEE, path, made | {"visited_on": str(today - timedelta(days=20)), "grade": grade})
        assert (older.json()["grade"], older.json()["visit_due_at"]) == ("medium", done.json()["visit_due_at"])
    again = await api.post(COMMITTEE, path, {"finding": "well"}, written)
    is_problem(again, 409, "stale_version")
    assert "visit_recorded" in {one["kind"] for one in again.json()["since"]}
    now = {"If-Match": f'"{again.json()["version"]}"'}
    assert (await api.post(COMMITTEE, path, {"finding": "well"}, now)).status_code == 200
    await api.post(COMMITTEE, path.replace("visits", "end"), {"reason": "died"})
    over = await api.post(COMMITTEE, path, {"finding": "well"}, now)
    is_problem(over, 409, "stale_version")
    assert over.json()["since"][-1]["kind"] == "watch_ended"


async def test_the_list_of_a_committee_is_read_in_a_few_statements_however_long_it_is(api, walled, poor):
    """Those whose own file is asked of each row are planned once, not anew for every row."""
    asked = []
    event.listen(walled.sync_engine, "before_cursor_execute", note := lambda *said: asked.append(said[2]))
    rows = (await api.get(COMMITTEE, "/v1/visits?limit=200")).json()["items"]
    event.remove(walled.sync_engine, "before_cursor_execute", note)
    row = next(row for row in rows if row["child_id"] == poor)
    assert (row["name"][0], row["is_full"], row["warnings"], row["returns_on"]) == ("方", False, [], None)
    assert len(asked) <= 11, "nine, one for what assessments found, one for further reports"
    assert not any("FROM notes" in one or "JOIN notes" in one for one in asked), "no visit is opened for a name"
    plans = text("select proconfig from pg_proc where proname = 'shouhu_own_child'")
    async with api.service.engine.connect() as conn:
        assert "plan_cache_mode=force_generic_plan" in await conn.scalar(plans)
