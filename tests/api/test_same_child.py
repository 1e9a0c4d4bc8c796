"""Two files about one child: joined by two persons, read as one, and parted again as if nothing had been."""

from datetime import timedelta
from importlib import import_module

import pytest
from sqlalchemy import insert, select, text

from app.db import tables
from app.db.joining import watched_as
from app.db.outcomes import watches_then
from app.db.refold import look
from app.domain.access import ENGINE
from app.domain.belonging import Belong
from app.domain.child_file import file_id
from app.domain.handover import OfferWatch
from app.domain.terms import Grade
from app.domain.watch import EndReason, Watch, watch_id
from app.domain.watch_work import EndWatch
from tests.api.test_ledgers import book, of, watched
from tests.api.test_registration import CHILD, register, verify
from tests.api.test_reports import is_problem

DIVISION = "110106024"
COMMITTEE, STREET, HEAD = (
    f"{who}-{DIVISION}.{role}.1" for who, role in (("comm", "officer"), ("street", "officer"), ("street", "head"))
)


async def child_of(api, grade="medium", **changes):
    """Registered, verified and watched."""
    child = {**CHILD, **changes.pop("child", {})}
    made = (await register(api, COMMITTEE, child=child, grade=grade, **changes)).json()
    passed = await verify(api, STREET, made)
    assert passed.status_code == 200, passed.text
    return made["child_id"]


async def decide(api, person, child, other, decision="same", headers=None):
    return await api.post(person, f"/v1/children/{child}/duplicates", {"other": other, "decision": decision}, headers)


async def decided_by_two(api, child, other, decision="same", people=(COMMITTEE, STREET)):
    first, second = people
    asked = (await decide(api, first, child, other, decision)).json()
    path = f"/v1/children/{asked['child_id']}/changes/{asked['change']}/pass"
    is_problem(await api.post(first, path), 403, "not_your_desk")
    assert (await api.post(second, path)).status_code == 200
    return asked["child_id"]


async def state(api, *children):
    """All that is shown of the children, without the versions that every event moves."""
    shown = []
    for child in children:
        page = (await api.get(COMMITTEE, f"/v1/children/{child}")).json()
        watch = {row["child_id"]: row for row in (await api.get(COMMITTEE, "/v1/watches?limit=200")).json()["items"]}
        lines = of(await book(api, STREET, "work"), child)
        shown.append([{**page, "version": 0}, {**watch[child], "version": 0} if child in watch else None, lines])
    return shown


@pytest.fixture
async def twice(api):
    """One child in two files: the first on a stricter watch, the second with a visit and another phone."""
    strict = await child_of(api, "high")
    loose = await child_of(api, "low", child={"name": "单晓禾（化名）", "school": "示例五小（化名）"}, family=[])
    await api.post(COMMITTEE, f"/v1/watches/{watch_id(loose)}/visits", {"finding": "well", "note": "在家"})
    return strict, loose


@pytest.mark.requirement("R051")
async def test_joined_files_are_read_as_one_with_the_stricter_watch_and_parted_they_stand_as_before(api, twice):
    strict, loose = twice
    before = await state(api, strict, loose)
    kept = await decided_by_two(api, loose, strict)
    assert kept == strict
    page = (await api.get(COMMITTEE, f"/v1/children/{loose}")).json()
    assert (page["id"], page["fields"]["name"]["value"], page["fields"]["school"]["value"]) == (
        strict,
        "单*",
        "示例五小（化名）",
    )
    assert ([seen["note"] for seen in page["visits"]], page["grade"]["decided"]) == (["在家"], "high")
    history = (await api.get(STREET, f"/v1/children/{strict}/history")).json()
    assert {row["field"] for row in history if row["field"]} == {"registration", "same_as"}
    watched = {row["child_id"] for row in (await api.get(COMMITTEE, "/v1/watches?limit=200")).json()["items"]}
    assert (strict in watched, loose in watched) == (True, False)
    stranger = "comm-110106001.officer.1"
    is_problem(await api.get(stranger, f"/v1/children/{strict}"), 404, "child_not_found")
    assert strict not in {row["child_id"] for row in (await book(api, stranger, "work"))["rows"]}
    rows = (await book(api, STREET, "work"))["rows"]
    assert ([row["visits"] for row in rows if row["child_id"] == strict], loose in {r["child_id"] for r in rows}) == (
        [1],
        False,
    )
    is_problem(
        await api.post(COMMITTEE, f"/v1/watches/{watch_id(loose)}/visits", {"finding": "well"}), 409, "case_closed"
    )
    assert await decided_by_two(api, strict, loose, "apart") == strict
    assert await state(api, strict, loose) == before
    await decided_by_two(api, strict, loose)
    assert (await api.get(COMMITTEE, f"/v1/children/{loose}")).json()["id"] == strict, "joined once more"


async def joined_unverified(api, grade, known):
    """The child is registered once more, and joined to the file that there is before anybody has verified it."""
    again = (await register(api, COMMITTEE, child=CHILD, grade=grade)).json()["child_id"]
    assert await decided_by_two(api, again, known) == known
    return again


async def watch_of(api, child):
    async with api.service.engine.connect() as conn:
        watch = tables.watches.c
        stored = (await conn.execute(select(watch.progress).where(watch.child_id == child))).scalar_one_or_none()
    return Watch.model_validate(stored) if stored else None


@pytest.mark.requirement("R051")
async def test_a_registration_that_is_joined_to_a_child_whose_watch_is_over_begins_it_again(api):
    known = await child_of(api, "low")
    end = EndWatch(by=ENGINE, reason=EndReason.RISK_ENDED)
    async with api.service.engine.begin() as conn:
        await api.service.ledger.record(conn, watch_id(known), end)
    again = await joined_unverified(api, "medium", known)
    rows = {row["child_id"]: row for row in (await api.get(COMMITTEE, "/v1/watches?limit=200")).json()["items"]}
    assert (rows[known]["grade"], rows[known]["desk"], again in rows) == ("medium", f"COMM-{DIVISION}", False)
    assert (await watch_of(api, known)).visit.next_at is not None, "somebody is asked to visit"
    await decided_by_two(api, known, again, "apart")
    waits = (await api.get(STREET, "/v1/changes?limit=200")).json()["items"]
    assert again in {one["child_id"] for one in waits}, "the other child, if it is one, waits at the street again"
    assert ((await watch_of(api, known)).is_open, await watch_of(api, again)) == (False, None)


async def test_of_the_grades_of_joined_registrations_the_stricter_counts_whichever_was_verified(api):
    known = await child_of(api, "low")
    before = await watch_of(api, known)
    await joined_unverified(api, "high", known)
    after = await watch_of(api, known)
    assert (after.grade, after.case_id, after.began_on) == (Grade.HIGH, before.case_id, before.began_on)
    assert (before.graded_at < after.graded_at, after.visit.due_at < before.visit.due_at) == (True, True)
    await joined_unverified(api, "medium", known)
    assert (await watch_of(api, known)).version == after.version, "a looser one changes nothing"
    first = (await register(api, COMMITTEE, child=CHILD, grade="low")).json()
    await joined_unverified(api, "medium", first["child_id"])
    assert await watch_of(api, first["child_id"]) is None, "both wait: the street verifies the one that is kept"
    passed = await verify(api, STREET, first)
    assert passed.status_code == 200, passed.text
    assert (await watch_of(api, first["child_id"])).grade is Grade.MEDIUM


async def test_what_was_joined_to_a_registration_that_is_returned_waits_at_the_street_again(api):
    first = (await register(api, COMMITTEE, child=CHILD, grade="low")).json()
    again = await joined_unverified(api, "medium", first["child_id"])
    path = f"/v1/children/{first['child_id']}/changes/{first['change']}"
    assert (await api.post(STREET, f"{path}/reject", {"reason": "entered_wrongly"})).status_code == 200
    waits = (await api.get(STREET, f"/v1/children/{again}")).json()["fields"]["registration"]["waiting"]
    assert (await verify(api, STREET, {"child_id": again, "change": waits["change"]})).status_code == 200
    assert (await watch_of(api, again)).grade is Grade.MEDIUM, "nobody has decided over the second by the first"


async def test_a_case_of_the_joined_file_gives_the_child_back_to_the_watch_that_goes_on(api, twice):
    strict, loose = twice
    risk = {"finding": "at_risk", "situations": ["unguarded"], "note": "独自在家"}
    case = (await api.post(COMMITTEE, f"/v1/watches/{watch_id(loose)}/visits", risk)).json()["report"]
    await decided_by_two(api, strict, loose)
    page = (await api.get("civil.supervisor.1", f"/v1/children/{strict}")).json()
    assert [one["id"] for one in page["cases"]] == [case]
    async with api.service.engine.connect() as conn:
        assert await watched_as(conn, loose) == strict


async def test_who_is_not_the_same_is_remembered_and_nothing_is_joined_in_chains(api, twice):
    strict, loose = twice
    third = await child_of(api, "medium", child={"name": "单小荷（化名）"})
    found = (await decide(api, COMMITTEE, strict, third, "different")).json()
    assert (found["decision"], found["waits_for"]) == ("different", None)
    is_problem(await decide(api, COMMITTEE, third, strict, "different"), 409, "already_done")
    async with api.service.engine.connect() as conn:
        file = tables.child_files.c
        query = select(file.child_id, file.progress).where(file.child_id.in_((strict, third)))
        kept = {row[0]: row[1]["different"] for row in await conn.execute(query)}
    assert kept == {strict: [third], third: [strict]}
    is_problem(await decide(api, COMMITTEE, strict, strict), 409, "same_child")
    is_problem(await decide(api, COMMITTEE, strict, loose, "apart"), 409, "not_merged")
    await decided_by_two(api, strict, loose)
    asked = (await decide(api, COMMITTEE, loose, third)).json()
    assert asked["child_id"] == strict, "a third file joins the one that is kept"
    passed = await api.post(STREET, f"/v1/children/{strict}/changes/{asked['change']}/pass")
    assert passed.status_code == 200, passed.text
    assert (await api.get(COMMITTEE, f"/v1/children/{third}")).json()["id"] == strict


async def test_strangers_and_the_same_person_decide_nothing(api, twice):
    strict, loose = twice
    is_problem(await decide(api, "comm-110106001.officer.1", strict, loose), 404, "child_not_found")
    other = (await register(api, "comm-110106023.officer.1")).json()["child_id"]
    is_problem(await decide(api, COMMITTEE, strict, other), 404, "child_not_found")
    asked = (await decide(api, STREET, strict, loose)).json()
    path = f"/v1/children/{asked['child_id']}/changes/{asked['change']}"
    is_problem(await api.post(STREET, f"{path}/pass"), 409, "second_person_needed")
    rejected = await api.post(HEAD, f"{path}/reject", {"reason": "not_confirmed"})
    assert rejected.status_code == 200, rejected.text
    assert (await api.get(COMMITTEE, f"/v1/children/{loose}")).json()["id"] == loose


async def test_who_a_case_of_the_same_child_is_about_has_a_list_of_visits_without_that_child(api):
    """The wall hides the child's file from that desk: its list failed as a whole, for all children whom it watches."""
    other, mine = await child_of(api), await child_of(api)
    coming = await watched(api, division="110106025")
    about = await api.report(children=[{"residence_division": DIVISION}], about=[f"COMM-{DIVISION}"])
    same = (await api.progress(about["case_id"]))["children"][0]["id"]
    ledger = api.service.ledger
    async with api.service.engine.begin() as conn:
        await ledger.record(conn, watch_id(coming), OfferWatch(by=ENGINE, division=DIVISION))

    async def seen(path):
        answer = await api.get(COMMITTEE, f"/v1/{path}?limit=200")
        assert answer.status_code == 200, answer.text
        return {row["child_id"] for row in answer.json()["items"]} & {mine, other, coming}

    lists = ("visits", "watches", "watches/offered")
    assert [await seen(path) for path in lists] == [{mine, other}, {mine, other}, {coming}]
    async with api.service.engine.begin() as conn:
        for child in (same, coming):
            belong = Belong(by=ENGINE, child_id=child, division=DIVISION, primary=mine)
            await ledger.begin(conn, file_id(child), belong)
    assert [await seen(path) for path in lists] == [{other}, {other}, set()]
    is_problem(await api.get(COMMITTEE, f"/v1/visits/{watch_id(mine)}"), 404, "case_not_found")
    for path in (f"{watch_id(mine)}/visits", f"{watch_id(coming)}/take"):
        body = {"finding": "well"} if path.endswith("visits") else {}
        is_problem(await api.post(COMMITTEE, f"/v1/watches/{path}", body), 404, "case_not_found")


async def owed_help(api):
    return {row["subject"] for row in (await api.get(COMMITTEE, "/v1/owed?matter=help&limit=200")).json()["items"]}


@pytest.mark.requirement("R033", "R055")
async def test_what_is_open_in_the_watch_that_rests_goes_on_in_the_other_and_back_once_they_are_parted(api, twice):
    """An urgent warning that nobody had verified and the parents' weekly word were asked of nobody any more."""
    (strict, loose), content = twice, tables.contents.c
    path = f"/v1/watches/{watch_id(loose)}"
    found = {"finding": "needs_help", "form": {"guardianship": "nobody"}, "another": True}
    assert (await api.post(COMMITTEE, f"{path}/visits", found)).status_code == 200
    care = {"relation": "grandparent", "is_adult": True, "is_able": True, "leaves_on": "2026-02-20"}
    given = care | {"delegate": {"name": "单祖母（化名）", "phone": "13700001111"}}
    assert (await api.post(COMMITTEE, f"{path}/arrangement", given)).status_code == 200
    before, rests = await watch_of(api, strict), await watch_of(api, loose)
    assert await owed_help(api) >= {loose}
    await decided_by_two(api, loose, strict)
    assert await owed_help(api) & {strict, loose} == {strict}, "once a child, by the name of the watch that goes on"
    after = await watch_of(api, strict)
    (warning,) = after.warnings
    assert (warning.rule, warning.clock, warning.of) == ("a-nobody", rests.warnings[0].clock, watch_id(loose))
    assert after.arrangement == rests.arrangement.model_copy(update={"number": after.arrangement.number})
    rows = {
        row["child_id"]: row for row in (await api.get(COMMITTEE, "/v1/visits?warned=true&limit=200")).json()["items"]
    }
    assert [one["rule"] for one in rows[strict]["warnings"]] == ["a-nobody"]
    (row,) = of(await book(api, STREET, "guardianship"), strict)
    assert row["delegate_name"] == "单*"
    told = (await api.get(COMMITTEE, "/v1/notices")).json()["items"]
    assert "warning_carried" in {one["kind"] for one in told}
    async with api.service.engine.connect() as conn:
        assert await look(conn, [watch_id(strict), watch_id(loose)]) == []
    kept = select(content.version).where(content.stream_id == watch_id(strict))
    async with api.service.engine.begin() as conn:
        copies = (
            (await conn.execute(select(tables.contents).where(content.stream_id == watch_id(strict)))).mappings().all()
        )
        left = text(import_module("app.db.migrations.versions.0095_copies_left").LEFT)
        await conn.execute(left)
        assert len((await conn.execute(kept)).all()) == len(copies) == 1, "it counts while they are one"
    await decided_by_two(api, strict, loose, "apart")
    assert await owed_help(api) & {strict, loose} == {loose}, "it was found of that child"
    async with api.service.engine.begin() as conn:
        assert (await conn.execute(kept)).all() == [], "no copy of the delegate outlives the other's file"
        await conn.execute(insert(tables.contents), copies)
        await conn.execute(left)
        assert (await conn.execute(kept)).all() == [], "nor one of files that were parted before"
    parted = await watch_of(api, strict)
    assert parted == before.model_copy(update={"version": parted.version}), (
        "the other's delegate and warning are not its own"
    )
    assert (await watch_of(api, loose)).warnings == rests.warnings
    assert (await api.post(COMMITTEE, f"/v1/watches/{watch_id(strict)}/arrangement", given)).status_code == 200
    await decided_by_two(api, strict, loose)
    (warning,) = (await watch_of(api, strict)).warnings
    verified = f"/v1/watches/{watch_id(strict)}/warnings/{warning.number}/verify"
    assert (await api.post(COMMITTEE, verified, {"outcome": "no_risk"})).status_code == 200
    again = {"finding": "needs_help", "another": True}
    assert (await api.post(COMMITTEE, f"/v1/watches/{watch_id(strict)}/visits", again)).status_code == 200
    await decided_by_two(api, strict, loose, "apart")
    assert await owed_help(api) & {strict, loose} == {strict, loose}, "it was found in this watch as well"
    async with api.service.engine.connect() as conn:
        figures = await watches_then(conn, api.service.ledger.clock())
    assert figures[strict].entrusted, "what was arranged there itself, and later, had counted all the time"
    assert (await watch_of(api, strict)).arrangement


@pytest.mark.requirement("R015", "R051", "R054")
async def test_no_visit_is_less_overdue_for_a_child_that_was_found_twice_unless_it_was_seen_since(api):
    moves_to = "110106025"
    for is_seen in (False, True):
        known = {"name": "单晓禾（化名）", "residence_division": DIVISION}
        late, strict = (
            await watched(api, child=known, division=DIVISION, ago=timedelta(days=120)),
            await child_of(api, "high"),
        )
        entered = {"field": "residence_division", "value": moves_to}
        change = (await api.post(COMMITTEE, f"/v1/children/{late}/changes", entered)).json()["change"]
        assert (await api.post(STREET, f"/v1/children/{late}/changes/{change}/pass")).status_code == 200
        if is_seen:
            visited = await api.post(COMMITTEE, f"/v1/watches/{watch_id(strict)}/visits", {"finding": "well"})
            assert visited.status_code == 200
        rests, own = await watch_of(api, late), await watch_of(api, strict)
        kept = await decided_by_two(api, late, strict)
        after = await watch_of(api, strict)
        assert after.visit == (own if is_seen else rests).visit
        assert after.handover == rests.handover.model_copy(update={"of": watch_id(late)}), "where it lives by its files"
        async with api.service.engine.connect() as conn:
            assert await look(conn, [watch_id(strict), watch_id(late)]) == []
        (other,) = {late, strict} - {kept}
        await decided_by_two(api, kept, other, "apart")
        assert ((await watch_of(api, strict)).handover, (await watch_of(api, late)).handover) == (None, rests.handover)
