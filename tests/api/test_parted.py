"""Once two files are parted each child is watched by what is its own: none by the other's grade or case, and none is left unwatched."""

import pytest

from app.db.ledger import events_since
from app.db.owed import open_all, opening
from app.domain.access import ENGINE
from app.domain.owed import Matter
from app.domain.terms import Grade
from app.domain.watch import EndReason, watch_id
from app.domain.watch_work import EndWatch
from tests.api.test_ledgers import book, of
from tests.api.test_registration import CHILD, register, verify
from tests.api.test_reports import is_problem
from tests.api.test_same_child import (
    COMMITTEE,
    HEAD,
    STREET,
    child_of,
    decide,
    decided_by_two,
    joined_unverified,
    watch_of,
)
from tests.api.test_watches import close

RISK = {"finding": "at_risk", "situations": ["unguarded"], "note": "独自在家"}


async def events_of(api, child):
    async with api.service.engine.connect() as conn:
        return await events_since(conn, watch_id(child), 0)


async def visit(api, child, **said):
    done = await api.post(COMMITTEE, f"/v1/watches/{watch_id(child)}/visits", {"finding": "well", **said})
    assert done.status_code == 200, done.text
    return done.json()


async def waits(api, child):
    changes = (await api.get(STREET, "/v1/changes?limit=200")).json()["items"]
    return child in {one["child_id"] for one in changes}


@pytest.mark.requirement("R051")
async def test_a_grade_that_another_registration_brought_goes_with_it_and_no_visit_is_put_off(api):
    known = await child_of(api, "low")
    before = await watch_of(api, known)
    again = await joined_unverified(api, "high", known)
    joined = await watch_of(api, known)
    assert (joined.grade, joined.visit.due_at < before.visit.due_at) == (Grade.HIGH, True)
    await decided_by_two(api, known, again, "apart")
    after = await watch_of(api, known)
    assert (after.grade, after.graded_at, after.case_id) == (Grade.LOW, before.graded_at, before.case_id)
    assert after.visit.due_at == joined.visit.due_at, "that visit stays owed"
    assert (await watch_of(api, again), await waits(api, again)) == (None, True)
    turns = (await api.get(COMMITTEE, f"/v1/children/{known}/history")).json()
    shown = [(one["kind"], one["value"]) for one in turns if one.get("section") == "grade"]
    assert shown == [("watch_began", "low"), ("watch_began", "high"), ("watch_parted", "low")]


@pytest.mark.requirement("R051")
async def test_what_a_person_decided_meanwhile_stays(api):
    known = await child_of(api, "low")
    again = await joined_unverified(api, "high", known)
    await visit(api, known)
    await visit(api, known, grade="high", another=True)
    await decided_by_two(api, known, again, "apart")
    assert (await watch_of(api, known)).grade is Grade.HIGH, "a visit found it so, and of which child nobody can say"
    assert [event["kind"] for event in await events_of(api, known)][-1] == "visit_recorded"


@pytest.mark.requirement("R051")
async def test_a_watch_that_only_another_registration_began_is_over_again_unless_somebody_was_looked_after_in_it(api):
    for looked_after in (False, True):
        known = await child_of(api, "low")
        async with api.service.engine.begin() as conn:
            await api.service.ledger.record(conn, watch_id(known), EndWatch(by=ENGINE, reason=EndReason.RISK_ENDED))
        again = await joined_unverified(api, "medium", known)
        assert (await watch_of(api, known)).is_open
        if looked_after:
            await visit(api, known)
        await decided_by_two(api, known, again, "apart")
        watch = await watch_of(api, known)
        assert (watch.is_open, watch.has_ended) == (looked_after, not looked_after)
        assert (await watch_of(api, again), await waits(api, again)) == (None, True)
        assert ([event["kind"] for event in await events_of(api, known)][-1] == "watch_undone") is not looked_after


@pytest.mark.requirement("R051")
async def test_of_two_registrations_that_waited_each_counts_for_its_own_child(api):
    first = (await register(api, COMMITTEE, child=CHILD, grade="low")).json()
    kept = first["child_id"]
    again = await joined_unverified(api, "medium", kept)
    passed = await verify(api, STREET, first)
    assert passed.status_code == 200, passed.text
    assert (await watch_of(api, kept)).grade is Grade.MEDIUM
    await decided_by_two(api, kept, again, "apart")
    assert ((await watch_of(api, kept)).grade, await watch_of(api, again)) == (Grade.LOW, None)
    assert await waits(api, again)


async def kept_unverified(api):
    """Two registrations: the file of the first is kept and nobody has verified it; of the other, verified meanwhile, the watch goes on."""
    first, second = [(await register(api, COMMITTEE, child=CHILD, grade=grade)).json() for grade in ("low", "medium")]
    kept = first["child_id"]
    asked = (await decide(api, COMMITTEE, second["child_id"], kept)).json()
    assert asked["child_id"] == kept
    assert (await verify(api, STREET, second)).status_code == 200
    joined = await api.post(HEAD, f"/v1/children/{kept}/changes/{asked['change']}/pass")
    assert joined.status_code == 200, joined.text
    return first, second


@pytest.mark.requirement("R051")
async def test_a_child_that_was_verified_while_the_others_watch_went_on_is_watched_once_they_are_parted(api):
    """The other file was verified between the two who joined them, so its watch goes on; the registration, being looser, changes nothing."""
    first, second = await kept_unverified(api)
    kept, other = first["child_id"], second["child_id"]
    assert len(of(await book(api, STREET, "work"), kept)) == 1, (
        "a watched child stands in its books, under the file that is kept"
    )
    assert (await verify(api, STREET, first)).status_code == 200
    assert len(of(await book(api, STREET, "work"), kept)) == 1
    assert (await watch_of(api, kept), (await watch_of(api, other)).grade) == (None, Grade.MEDIUM)
    await decided_by_two(api, kept, other, "apart")
    watches = [await watch_of(api, child) for child in (kept, other)]
    assert [(watch.is_open, watch.grade) for watch in watches] == [(True, Grade.LOW), (True, Grade.MEDIUM)]
    assert watches[0].visit.next_at is not None, "somebody is asked to visit"


async def joined_with_a_case(api, **more):
    """A child on a stricter watch, and one of whom a visit made a case before the files were joined."""
    strict, loose = await child_of(api, "medium"), await child_of(api, "low", child={"name": "单晓禾（化名）"})
    case = (await visit(api, loose, **RISK))["report"]
    assert await decided_by_two(api, strict, loose) == strict
    return strict, loose, case


@pytest.mark.requirement("R051")
async def test_a_case_that_closed_meanwhile_gave_back_its_own_child(api):
    strict, loose, case = await joined_with_a_case(api)
    await close(api, case, "police_closed")
    joined = await watch_of(api, strict)
    assert joined.case_id == case, "the one watch that went on"
    await decided_by_two(api, strict, loose, "apart")
    mine, others = await watch_of(api, strict), await watch_of(api, loose)
    assert (mine.is_open, mine.grade, mine.case_id) == (True, Grade.MEDIUM, None)
    graded = (await api.progress(case))["grade"]
    assert (others.is_open, others.grade, others.case_id) == (True, Grade(graded or "low"), case)
    await decided_by_two(api, strict, loose)
    await decided_by_two(api, strict, loose, "apart")
    again = [await watch_of(api, child) for child in (strict, loose)]
    same = ("is_open", "grade", "case_id", "graded_at")
    assert [[getattr(watch, name) for name in same] for watch in again] == [
        [getattr(watch, name) for name in same] for watch in (mine, others)
    ], "joined and parted once more"


@pytest.mark.requirement("R051")
async def test_a_case_that_ended_with_its_child_ends_no_other_childs_watch(api):
    strict, loose, case = await joined_with_a_case(api)
    await close(api, case, "died")
    assert not (await watch_of(api, strict)).is_open
    await decided_by_two(api, strict, loose, "apart")
    mine, others = await watch_of(api, strict), await watch_of(api, loose)
    assert (mine.is_open, mine.grade, mine.visit.next_at is not None) == (True, Grade.MEDIUM, True)
    assert others.has_ended
    assert (await events_of(api, loose))[-1]["reason"] == "died"


@pytest.mark.requirement("R051")
@pytest.mark.parametrize("meanwhile", [False, True])
@pytest.mark.parametrize("grade", ["high", "low"])
async def test_a_third_file_of_a_child_joins_the_one_that_others_were_joined_to_and_one_watch_goes_on(
    api, grade, meanwhile
):
    """Also where the kept file has no watch of its own, and where the third is verified between the two who join it."""
    first, second = await kept_unverified(api)
    kept, other = first["child_id"], second["child_id"]
    third = (await register(api, COMMITTEE, child=CHILD, grade=grade)).json()
    if not meanwhile:
        assert (await verify(api, STREET, third)).status_code == 200
    asked = (await decide(api, COMMITTEE, third["child_id"], kept)).json()
    assert asked["child_id"] == kept, "a file that others were joined to joins none"
    if meanwhile:
        assert (await verify(api, STREET, third)).status_code == 200
    joined = await api.post(HEAD, f"/v1/children/{kept}/changes/{asked['change']}/pass")
    assert joined.status_code == 200, joined.text
    watches = {child: await watch_of(api, child) for child in (kept, other, third["child_id"])}
    goes_on, rests = (third["child_id"], other) if grade == "high" else (other, third["child_id"])
    assert [child for child, watch in watches.items() if watch and watch.is_open] == [goes_on]
    assert watches[rests].suspended_for == watch_id(goes_on)
    await decided_by_two(api, kept, third["child_id"], "apart")
    assert [(await watch_of(api, child)).is_open for child in (other, third["child_id"])] == [True, True]


@pytest.mark.requirement("R051")
async def test_of_two_files_that_others_were_joined_to_it_is_said_at_once_that_one_is_parted_first(api):
    """What a second person could never pass is not entered, and whoever is to compare the two is not kept from saying so."""
    ledger, files = api.service.ledger, [await child_of(api) for _ in range(4)]
    one, other = [await decided_by_two(api, *both) for both in (files[:2], files[2:])]
    double = opening(Matter.DOUBLE, one, other, "CIVIL", "110106024", "change_verify")
    async with api.service.engine.begin() as conn:
        await open_all(conn, ledger, [double], ledger.clock())
    is_problem(await decide(api, COMMITTEE, one, other), 409, "already_merged")
    said = {"note": "两份档案各有合并，先拆分一份再合并"}
    settled = await api.post("conf.supervisor.1", f"/v1/owed/{double.owed_id}/settle", said)
    assert settled.status_code == 200, settled.text
