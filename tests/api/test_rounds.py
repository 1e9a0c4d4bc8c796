"""Screening rounds over the API: a unit answers in one step, what it found is reported with it, and the return rate is seen by unit."""

from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text, update

from app.db import tables
from app.db.alike import look_for_doubles
from app.db.rounds import begin_round
from app.db.walls import open_door
from app.domain.access import ENGINE, Actor
from app.domain.determination import Category
from app.domain.rounds import OpenRound, RaiseDueRound, ReturnRound
from app.domain.terms import Agency, Role
from app.domain.working_time import BEIJING
from tests.api.test_ledgers import AWAY
from tests.api.test_matrix import seating
from tests.api.test_registration import verify
from tests.api.test_reports import is_problem

COMM, OTHER = "comm-110106007.officer.1", "comm-110106008.officer.1"
CHILD = {"children": [{"residence_division": "110106007"}], "situations": ["living_alone"],
         "reporter": {"class": "committee"}}  # fmt: skip
NURSERY = Actor(
    person_id="kindergarten.reporter.1",
    agency=Agency.SCHOOL,
    desk="SCHOOL",
    roles=(Role.REPORTER,),
    unit="unit-kindergarten-1",
)
NOTHING = {"screened": 300, "nothing_found": True}


@pytest.fixture(scope="module")
async def survey(api):
    """One of the communities, opened by the supervisor of civil affairs out of its turn."""
    opened = await api.post("civil.supervisor.1", "/v1/rounds", {"code": "community_survey"})
    assert opened.status_code == 201, opened.text
    return opened.json()


async def answer(api, person, round_id, unit, body, headers=None):
    return await api.post(person, f"/v1/rounds/{round_id}/returns", {"unit": unit, **body}, headers)


async def units(api, round_id, query="", person="civil.officer.2"):
    rows = await api.get("civil.supervisor.1", f"/v1/rounds/{round_id}/units?{query}")
    return {row["unit"]: row for row in rows.json()["items"]}


@pytest.mark.requirement("R081", "R120")
async def test_every_community_is_asked_and_answers_even_when_it_found_nothing(api, survey):
    assert survey["asked"] == 26
    owed = (await api.get(COMM, "/v1/rounds/asked")).json()["items"]
    assert [row["unit"] for row in owed if row["round_id"] == survey["id"]] == ["COMM-110106007"]
    told = (await api.get(COMM, "/v1/notices?limit=200")).json()["items"]
    assert (survey["id"], "round_opened", "round") in {(n["case_id"], n["kind"], n["subject"]) for n in told}
    unclear = await answer(api, COMM, survey["id"], "COMM-110106007", {"screened": 300})
    is_problem(unclear, 409, "nothing_said")
    both = {**NOTHING, "reports": [CHILD]}
    is_problem(await answer(api, COMM, survey["id"], "COMM-110106007", both), 409, "nothing_said")
    done = await answer(api, COMM, survey["id"], "COMM-110106007", {**NOTHING, "joined": ["WF"]})
    assert (done.status_code, done.json()["reports"], done.json()["is_open"]) == (200, [], True)
    row = (await units(api, survey["id"]))["COMM-110106007"]
    assert (row["screened"], row["found"], row["late"], row["joined"]) == (300, 0, False, ["WF"])
    assert "COMM-110106007" not in await units(api, survey["id"], "missing=true")
    assert survey["id"] not in [r["round_id"] for r in (await api.get(COMM, "/v1/rounds/asked")).json()["items"]]
    shown = (await api.get("wf.officer.1", "/v1/rounds?code=community_survey")).json()["items"][0]
    assert (shown["id"], shown["returned"] >= 1, shown["basis"]) == (survey["id"], True, ["R081", "R120", "default"])


@pytest.mark.requirement("R048", "R081")
async def test_a_child_that_an_answer_lists_is_a_report_in_the_same_transaction_once(api, survey, key):
    body, once = {"screened": 250, "reports": [CHILD]}, {"Idempotency-Key": key}
    first = (await answer(api, OTHER, survey["id"], "COMM-110106008", body, once)).json()
    again = (await answer(api, OTHER, survey["id"], "COMM-110106008", body, once)).json()
    assert (again["replayed"], again["reports"], again["version"]) == (True, first["reports"], first["version"])
    [filed] = first["reports"]
    assert "POLICE" in {leg["agency"] for leg in (await api.progress(filed["case_id"]))["referrals"]}
    assert (await api.post(None, "/v1/progress", {"receipt": filed["receipt"]})).status_code == 200
    row = (await units(api, survey["id"]))["COMM-110106008"]
    assert (row["screened"], row["found"]) == (250, 1)
    async with api.service.engine.connect() as conn:
        made = text(
            "select count(distinct xmin::text) from events where stream_id = :case or (stream_id = :round and version = :v)"
        )
        known = {"case": filed["case_id"], "round": survey["id"], "v": first["version"]}
        assert await conn.scalar(made, known) == 1


async def test_an_answer_names_the_children_whom_it_found_and_registered_each_once(api, survey, key):
    """Without a case and before a watch; a child that others keep, that was reported or that an answer has named is none of them."""
    finder, path = "comm-110106010.officer.1", f"/v1/rounds/{survey['id']}/registered"
    found = [
        await registered_by(api, finder, "单小苗（化名）", "2018-01-02"),
        await registered_by(api, finder, "单小芽（化名）", "2019-03-04"),
    ]
    other = await registered_by(api, "comm-110106011.officer.1", "单小枝（化名）", "2017-05-06")
    case = (await api.report(children=[{"residence_division": "110106010"}]))["case_id"]
    reported = (await api.progress(case))["children"][0]["id"]
    listed = (await api.get(finder, path)).json()["items"]
    assert [row["child_id"] for row in listed] == found[::-1], "the newest first"
    assert {row["name"] for row in listed} == {"单*"}
    is_problem(await api.get("comm-110106011.officer.1", "/v1/rounds/round-none/registered"), 404, "round_not_found")
    is_problem(await api.get("civil.supervisor.1", path), 404, "round_not_found")
    theirs = (await api.get("comm-110106011.officer.1", path)).json()["items"]
    assert [row["child_id"] for row in theirs] == [other], "nobody is told of the children of others"
    body, unit = {"screened": 80, "registered": [found[0], found[0]]}, "COMM-110106010"
    for none_of_them in (other, reported, "ch-none"):
        wrong = {**body, "registered": [found[0], none_of_them]}
        is_problem(await answer(api, finder, survey["id"], unit, wrong), 409, "child_not_registered")
    nothing = {**body, "nothing_found": True}
    is_problem(await answer(api, finder, survey["id"], unit, nothing), 409, "nothing_said")
    once, before = {"Idempotency-Key": key}, await cases(api)
    done = (await answer(api, finder, survey["id"], unit, body, once)).json()
    again = (await answer(api, finder, survey["id"], unit, body, once)).json()
    assert (done["reports"], again["replayed"], again["version"]) == ([], True, done["version"])
    assert await cases(api) == before
    row = (await units(api, survey["id"]))[unit]
    assert (row["screened"], row["found"]) == (80, 1)
    assert [row["child_id"] for row in (await api.get(finder, path)).json()["items"]] == found[1:]
    is_problem(await answer(api, finder, survey["id"], unit, body), 409, "child_named")
    more = await answer(api, finder, survey["id"], unit, {"screened": 0, "registered": found[1:], "reports": [CHILD]})
    assert (more.status_code, len(more.json()["reports"])) == (200, 1), more.text
    assert (await units(api, survey["id"]))[unit]["found"] == 3
    unfit = f"/v1/children/{found[0]}/changes/1/reject"
    returned = await api.post("street-110106010.officer.1", unfit, {"reason": "not_confirmed"})
    assert returned.status_code == 200, returned.text
    is_problem(await answer(api, finder, survey["id"], unit, body), 409, "child_not_registered")
    again = (await answer(api, finder, survey["id"], unit, body, once)).json()
    assert (again["replayed"], again["version"]) == (True, done["version"]), "answered as before, whatever stands now"


async def registered_by(api, person, name, born, **more):
    child = {"name": name, "birth_date": born, "residence": "示例路1号"}
    given = {"child": child, "found": "in_difficulty", "grade": "low", "evidence": "排查", **more}
    made = await api.post(person, "/v1/children", given)
    assert made.status_code == 201, made.text
    return made.json()["child_id"]


async def test_nobody_answers_for_another_and_what_they_listed_is_not_reported(api, survey):
    before = await cases(api)
    for person, unit in ((COMM, "COMM-110106009"), ("school.reporter.1", "COMM-110106009"), (COMM, "COMM-999")):
        is_problem(await answer(api, person, survey["id"], unit, {"screened": 1, "reports": [CHILD]}), 403, "not_asked")
        older = {"If-Match": '"0"'}  # who has answered since is not for whoever is not asked
        is_problem(await answer(api, person, survey["id"], unit, NOTHING, older), 403, "not_asked")
    is_problem(await answer(api, COMM, "round-none", "COMM-110106007", NOTHING), 404, "round_not_found")
    stale = await answer(
        api, COMM, survey["id"], "COMM-110106007", {"screened": 1, "reports": [CHILD]}, {"If-Match": '"1"'}
    )
    since = is_problem(stale, 409, "stale_version")["since"]
    assert all(row.get("by") != COMM for row in since)
    answers = [datetime.fromisoformat(row["at"]).astimezone(BEIJING) for row in since if row["kind"] == "unit_returned"]
    assert {at.time() for at in answers} == {time()}, "at its instant a report was filed"
    assert await cases(api) == before


async def cases(api):
    async with api.service.engine.connect() as conn:
        return await conn.scalar(select(func.count()).select_from(tables.cases))


async def test_a_round_is_opened_by_its_organiser_once_a_day_and_seen_by_no_stranger(api, survey):
    is_problem(await api.post("civil.officer.1", "/v1/rounds", {"code": "community_survey"}), 403, "not_allowed")
    is_problem(await api.post("civil.supervisor.1", "/v1/rounds", {"code": "community_survey"}), 409, "already_done")
    is_problem(await api.post("civil.supervisor.1", "/v1/rounds", {"code": "no_such"}), 404, "round_not_found")
    for person in ("health.officer.1", COMM, "admin.1"):
        assert (await api.get(person, "/v1/rounds")).json()["items"] == []
        is_problem(await api.get(person, f"/v1/rounds/{survey['id']}/units"), 404, "round_not_found")
        is_problem(await api.get(person, "/v1/rounds/rates?code=community_survey"), 404, "round_not_found")


PUPIL = {
    "child": {"name": "单小苗（化名）", "birth_date": "2016-07-08", "residence": "示例路8号"}, "family": AWAY,
    "found": "left_behind", "grade": "low", "school_class": "三年级", "evidence": "学期排查",
}  # fmt: skip


async def pupil_of(api, round_id, school):
    """A pupil whom a school enters itself: verified where the child lives, then watched there; the school sees no file of it."""
    given = {**PUPIL, "child": {**PUPIL["child"]}}
    is_problem(await api.post("hospital.reporter.1", "/v1/children", given), 403, "not_allowed")
    is_problem(await api.post("school.reporter.1", "/v1/children", given), 409, "street_needed")
    given["child"]["residence_division"] = "110106009"
    assert (await api.post("school.reporter.1", "/v1/children/alike", given)).json() == [], (
        "whose file there is, is no school's to learn"
    )
    once = {"Idempotency-Key": uuid4().hex}
    made = await api.post("school.reporter.1", "/v1/children", given, headers=once)
    assert made.status_code == 201, made.text
    assert made.json()["proposed"]
    pupil, street = made.json()["child_id"], "street-110106009.officer.1"
    file = f"/v1/children/{pupil}"
    is_problem(await api.get("school.reporter.1", file), 404, "child_not_found")
    shown = (await api.get(street, file)).json()["fields"]
    assert shown["registration"]["waiting"]["by"] == "school.reporter.1"
    assert (await verify(api, street, made.json())).status_code == 200
    change = shown["school_class"]["waiting"]["change"]
    assert (await api.post(street, f"{file}/changes/{change}/pass")).status_code == 200
    again = (await api.post("school.reporter.1", "/v1/children", given, headers=once)).json()
    assert (again["child_id"], again["proposed"], again["waits_for"]) == (pupil, None, None), (
        "what has become of it since"
    )
    watches = (await api.get("comm-110106009.officer.1", "/v1/watches?limit=200")).json()["items"]
    assert next(one["grade"] for one in watches if one["child_id"] == pupil) == "low"
    for person, names in (("school.reporter.1", [pupil]), (NURSERY.person_id, [])):
        offered = (await api.get(person, f"/v1/rounds/{round_id}/registered")).json()["items"]
        assert [one["child_id"] for one in offered] == names
    return pupil


async def joined_pupil_of(api, round_id, pupil):
    """The school enters the pupil once more; the street is told before anybody is watched twice, and the school learns nothing of it."""
    street, head = "street-110106009.officer.1", "street-110106009.head.1"
    given = {**PUPIL, "child": {**PUPIL["child"], "residence_division": "110106009"}}
    again = (await api.post("school.reporter.1", "/v1/children", given)).json()["child_id"]
    file, kept = f"/v1/children/{again}", f"/v1/children/{pupil}/changes"
    is_problem(await api.get("school.reporter.1", f"{file}/duplicates"), 403, "not_allowed")
    is_problem(await api.get("street-110106007.officer.1", f"{file}/duplicates"), 404, "child_not_found")
    told = next(
        one for one in (await api.get(street, f"{file}/duplicates")).json()["files"] if one["child_id"] == pupil
    )
    assert (told["name"], told["verified"]) == ("单*", True)
    async for _ in look_for_doubles(api.service.engine, None, api.service.ledger.clock()):
        pass
    pairs = (await api.get(street, "/v1/duplicates?limit=200")).json()["items"]
    assert {pupil, again} in [{one["one"], one["other"]} for one in pairs]
    asked = (await api.post(street, f"{file}/duplicates", {"other": pupil, "decision": "same"})).json()
    assert asked["child_id"] == pupil, "the file that is watched is kept"
    fields = (await api.get(street, file)).json()["fields"]
    is_problem(await api.post(head, f"{kept}/{asked['change']}/pass"), 409, "change_waits")
    assert (
        await api.post(street, f"{file}/changes/{fields['school_class']['waiting']['change']}/pass")
    ).status_code == 200
    assert (await api.post(head, f"{kept}/{asked['change']}/pass")).status_code == 200
    assert not await _waits(api, street, again), "joining has answered what waited"
    watches = (await api.get("comm-110106009.officer.1", "/v1/watches?limit=200")).json()["items"]
    assert [one["child_id"] for one in watches if one["child_id"] in (pupil, again)] == [pupil]
    assert await offered(api, "school.reporter.1", round_id) == {pupil, again}
    apart = (await api.post(street, f"/v1/children/{pupil}/duplicates", {"other": again, "decision": "apart"})).json()
    assert (await api.post(head, f"{kept}/{apart['change']}/pass")).status_code == 200
    assert await _waits(api, street, again), "parted again, it has to be verified after all"
    return again


async def a_pupil_named_twice_is_found_once(api, round_id, pupil, again):
    """As soon as it is known to be one; a registration that was returned does not come back to the school's list by being joined."""
    street, head, returned = "street-110106009.officer.1", "street-110106009.head.1", {"reason": "not_confirmed"}
    given = {**PUPIL, "child": {**PUPIL["child"], "residence_division": "110106009"}, "school_class": ""}
    third = (await api.post("school.reporter.1", "/v1/children", given)).json()
    assert await offered(api, "school.reporter.1", round_id) == {third["child_id"]}, "the others are named"
    path = f"/v1/children/{third['child_id']}/changes/{third['change']}/reject"
    assert (await api.post(street, path, returned)).status_code == 200
    found = []
    for other in (None, again, third["child_id"]):
        if other:
            asked = await api.post(street, f"/v1/children/{pupil}/duplicates", {"other": other, "decision": "same"})
            path = f"/v1/children/{pupil}/changes/{asked.json()['change']}/pass"
            assert (await api.post(head, path)).status_code == 200
        answered = (await units(api, round_id))["unit-school-1"]
        whole = (await api.get("edu.officer.1", "/v1/rounds?code=school_screening")).json()["items"]
        found.append((answered["found"], next(one["found"] for one in whole if one["id"] == round_id)))
    assert found == [(2, 2), (1, 1), (1, 1)]
    assert await offered(api, "school.reporter.1", round_id) == set()


async def _waits(api, person, child):
    return child in {one["child_id"] for one in (await api.get(person, "/v1/changes?limit=200")).json()["items"]}


async def offered(api, person, round_id):
    return {one["child_id"] for one in (await api.get(person, f"/v1/rounds/{round_id}/registered")).json()["items"]}


async def a_teacher_moves(api, round_id):
    """To the kindergarten, without the pupils of the school."""
    person = tables.people
    for unit in (NURSERY.unit, "unit-school-1"):
        async with api.service.engine.begin() as conn:
            await conn.execute(update(person).where(person.c.id == "school.reporter.1").values(unit=unit))
        assert bool(await offered(api, "school.reporter.1", round_id)) is (unit == "unit-school-1")


@pytest.mark.requirement("R048", "R049")
async def test_each_school_renews_its_data_every_term_and_the_return_rate_shows_who_does_not(api):
    """Three terms that lie behind; each round ends when the next begins, with the silent on record."""
    named = await registered_by(
        api, "comm-110106009.officer.1", "单小果（化名）", "2018-07-08", found="left_behind", family=AWAY
    )
    file = f"/v1/children/{named}"
    waiting = (await api.get("street-110106009.officer.1", file)).json()["fields"]["registration"]["waiting"]["change"]
    assert (await api.post("street-110106009.officer.1", f"{file}/changes/{waiting}/pass")).status_code == 200
    ledger, days = api.service.ledger, ((2025, 9, 10), (2026, 3, 5), (2026, 9, 10))
    terms = [datetime(*day, 1, tzinfo=UTC) for day in days]
    async with api.service.engine.begin() as conn:
        person = tables.people.c
        query = select(person.unit, person.desk).where(person.agency == "SCHOOL", person.unit.is_not(None)).distinct()
        schools = [{"unit": row.unit, "desk": row.desk} for row in await conn.execute(query.order_by(person.unit))]
        rounds = []
        for at in terms:
            opened = OpenRound(
                by=ENGINE, round_id=f"round-school_screening-{at:%Y-%m-%d}", code="school_screening", division="110106",
                units=schools,
            )  # fmt: skip
            rounds.append((await ledger.open_round(conn, opened, at)).stream_id)
            if at != terms[-1]:
                on_file = (named,) if at == terms[0] else ()
                told = ReturnRound(by=NURSERY, unit=NURSERY.unit, screened=90, registered=on_file)
                await ledger.record(conn, rounds[-1], told, now=at + timedelta(days=2))
    school = "unit-school-1"
    pupil = await pupil_of(api, rounds[-1], school)
    again = await joined_pupil_of(api, rounds[-1], pupil)
    await a_teacher_moves(api, rounds[-1])
    found = {"screened": 900, "registered": [pupil, again]}
    is_problem(await answer(api, NURSERY.person_id, rounds[-1], NURSERY.unit, found), 409, "child_not_registered")
    last = await answer(api, "school.reporter.1", rounds[-1], school, found)
    assert last.status_code == 200, last.text
    await a_pupil_named_twice_is_found_once(api, rounds[-1], pupil, again)
    first = await answer(api, "school.reporter.1", rounds[0], school, {"screened": 900, "nothing_found": True})
    is_problem(first, 409, "round_closed")

    async def rates_at(at):
        path = f"/v1/rounds/rates?code=school_screening&as_of={at:%Y-%m-%dT%H:%M:%SZ}"
        return (await api.get("edu.officer.1", path)).json()

    def figures(rates):
        return [(row["unit"], row["returned"], row["asked"], row["rate"], row["running"]) for row in rates]

    listed, entry = "/v1/registers/schools/entries", {"name": "示例小学（化名）", "unit": school, "kind": "primary"}
    entry = (await api.post("edu.officer.1", listed, {"fields": entry})).json()["id"]
    for person in ("edu.officer.1", "civil.supervisor.1"):
        told = (await api.get(person, f"/v1/rounds/{rounds[-1]}/units")).json()["items"]
        told += (await api.get(person, "/v1/rounds/rates?code=school_screening")).json()
        names = {(row["unit"], row["name"]) for row in told}
        assert names == {(school, "示例小学（化名）"), (NURSERY.unit, None)}, person
    assert (await api.post("edu.officer.1", f"{listed}/{entry}/end", {"reason": "over"})).is_success
    rates = await rates_at(terms[2] + timedelta(days=365))
    assert {row["unit"]: row["name"] for row in rates}[school] == "示例小学（化名）", (
        "it is closed, and has not lost its name"
    )
    assert {row["unit"] for row in rates} == {one["unit"] for one in schools}
    by_unit = {row["unit"]: row for row in rates}
    assert (by_unit[school]["asked"], by_unit[school]["returned"], by_unit[school]["rate"]) == (3, 1, 0.3333)
    assert datetime.fromisoformat(by_unit[school]["last_returned_at"]).astimezone(BEIJING).time() == time()
    assert (by_unit[NURSERY.unit]["returned"], by_unit[NURSERY.unit]["on_time"], by_unit[NURSERY.unit]["rate"]) == (
        2,
        2,
        0.6667,
    )
    assert rates[0]["unit"] == school, "the most silent stand first, also among those who have answered at times"
    assert figures(rates) == [(school, 1, 3, 0.3333, None), (NURSERY.unit, 2, 3, 0.6667, None)], "all are due by then"
    first_day, running = await rates_at(terms[0] + timedelta(days=1)), await rates_at(terms[1] + timedelta(days=3))
    assert figures(first_day) == [(NURSERY.unit, 0, 0, None, False), (school, 0, 0, None, False)], "nobody is late yet"
    assert figures(running) == [(school, 0, 1, 0.0, False), (NURSERY.unit, 1, 1, 1.0, True)], "what runs is not counted"
    assert [bool(row["last_returned_at"]) for row in running] == [False, True]
    returned = datetime.fromisoformat(by_unit[school]["last_returned_at"]).astimezone(UTC)
    hours = [returned + timedelta(minutes=1), returned + timedelta(hours=23, minutes=59)]
    assert await rates_at(hours[0]) == await rates_at(hours[1]), (
        "no instant tells at which hour of its day a unit answered"
    )
    assert figures(await rates_at(returned)) != figures(await rates_at(hours[0]))
    listed = (await api.get("edu.officer.1", "/v1/rounds?code=school_screening")).json()["items"]
    assert [(row["is_open"], row["returned"]) for row in listed] == [(True, 1), (False, 1), (False, 1)]
    small = {
        "residence_division": "110106007",
        "name": "华小园（化名）",
        "birth_date": "2020-03-04",
        "school": "示例幼儿园（化名）",
    }
    poor = {"reporter": {"class": "kindergarten"}, "children": [small], "household": {"on_minimum_living": "yes"}}
    found = {"screened": 90, "reports": [poor]}
    done = await answer(api, "kindergarten.reporter.1", rounds[-1], "unit-kindergarten-1", found)
    assert done.status_code == 200, done.text
    progress = await api.progress(done.json()["reports"][0]["case_id"])
    (child,) = [one["id"] for one in progress["children"]]
    assert "EDU" not in {leg["agency"] for leg in progress["referrals"]}, "no case of its own would tell it"
    for person, holds in (("edu.officer.1", True), ("school.officer.1", True), ("hospital.officer.1", None)):
        shown = await api.get(person, "/v1/ledgers/school?limit=200")
        if holds is None:
            is_problem(shown, 404, "ledger_not_found")
            continue
        (row,) = [one for one in shown.json()["rows"] if one["child_id"] == child]
        assert named in {one["child_id"] for one in shown.json()["rows"]}, "registered, and nobody has reported it"
        said = {"name": "华*", "sex": None, "age": row["age"], "school": "示例幼儿园（化名）", "school_class": None}
        assert row == {"child_id": child, **said, "categories": [Category.D1.zh]}
    assert await read_for(api, NURSERY.unit) >= {child, named}
    assert await read_for(api, school) & {named, pupil} == {pupil}, "each school its own pupils"
    other = (await api.report(children=[{"residence_division": "110106007"}], household={"on_minimum_living": "yes"}))[
        "case_id"
    ]
    strangers = {one["id"] for one in (await api.progress(other))["children"]}
    rows = (await api.get("edu.officer.1", "/v1/ledgers/school?limit=200")).json()["rows"]
    assert not strangers & {one["child_id"] for one in rows}, "no school has named it"
    due = (await api.get("edu.officer.1", "/v1/ledgers/due")).json()
    assert [(one["code"], one["children"] >= 1) for one in due] == [("school", True)]


async def read_for(api, unit):
    """The children in the book of whoever sits at the desk of all schools for this one."""
    teacher = NURSERY.model_copy(update={"person_id": f"officer.{unit}", "roles": (Role.OFFICER,), "unit": unit})
    async with seating(api, [teacher]) as seated:
        shown = await api.http.get("/v1/ledgers/school?limit=200", headers=seated[teacher.person_id])
    return {one["child_id"] for one in shown.json()["rows"]}


async def test_a_desk_at_which_nobody_works_is_asked_as_well(api):
    """Else nobody would see that it is silent."""
    async with api.service.engine.connect() as conn:
        person = tables.people
        await conn.execute(update(person).where(person.c.desk == "STREET-110106100").values(is_active=False))
        begun = await begin_round(conn, api.service.ledger, "prisoners_children", ENGINE, api.service.ledger.clock())
        await conn.rollback()
    desks = {asked.unit for asked in begun.progress.units}
    assert "STREET-110106100" in desks
    assert len(desks) == len(begun.progress.units) == 26


@pytest.mark.requirement("R048", "R049")
async def test_a_school_in_the_list_is_asked_also_where_it_has_no_account_that_works(api):
    """Else it is asked in no round, counts in no rate, and nobody sees that it is silent: education is told in its place."""
    listed, person, notice = "/v1/registers/schools/entries", tables.people, tables.notices.c
    wrong = {"name": "示例小学（化名）", "unit": "第二小学", "kind": "primary"}
    is_problem(await api.post("edu.officer.1", listed, {"fields": wrong}), 422, "invalid_request")
    bare, known = f"unit-school-{uuid4().hex[:8]}", NURSERY.unit
    entries = [
        await api.post("edu.officer.1", listed, {"fields": {**wrong, "unit": unit}}) for unit in (bare, known)
    ]  # fmt: skip
    assert [one.status_code for one in entries] == [201, 201], entries[0].text
    async with api.service.engine.connect() as conn:
        off = await conn.execute(update(person).where(person.c.unit == known).values(is_active=False))
        assert off.rowcount >= 1
        await open_door(conn)
        now = api.service.ledger.clock() + timedelta(days=400)
        begun = (await begin_round(conn, api.service.ledger, "school_screening", ENGINE, now)).progress
        told = select(notice.person_id).where(notice.case_id == begun.round_id, notice.kind == "round_opened")
        told = set((await conn.execute(told)).scalars())
        fired = await api.service.ledger.record(
            conn, begun.round_id, RaiseDueRound(by=ENGINE), now=begun.clock.due_at + timedelta(days=1)
        )
        await conn.rollback()
    asked = [one.unit for one in begun.units]
    assert (asked.count(bare), asked.count(known), "unit-school-1" in asked) == (1, 1, True)
    assert {"edu.officer.1", "school.reporter.1"} <= told
    assert {bare, known} <= {*fired.events[-1].missing}
    ended = [await api.post("edu.officer.1", f"{listed}/{one.json()['id']}/end", {"reason": "over"}) for one in entries]
    assert [one.status_code for one in ended] == [200, 200], ended[0].text
    async with api.service.engine.connect() as conn:
        begun = (await begin_round(conn, api.service.ledger, "school_screening", ENGINE, now)).progress
        await conn.rollback()
    assert bare not in {one.unit for one in begun.units}, "it is closed"
