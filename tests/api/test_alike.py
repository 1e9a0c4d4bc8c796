"""Files that may be about one child are suggested from the database itself, with reasons; a person decides, and is not asked again."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from app.db import tables
from app.db.alike import alike_files, look_for_doubles, suggest
from app.db.doubles import tell_of_waiting
from app.db.owed import open_all, opening
from app.domain.owed import Matter
from tests.api.test_conflict_links import waiting
from tests.api.test_registration import CHILD, register, verify
from tests.api.test_reports import is_problem

DIVISION = "110106020"
COMMITTEE, STREET, OTHER = (f"{who}.officer.1" for who in (f"comm-{DIVISION}", f"street-{DIVISION}", "comm-110106021"))
KIN = [{"name": "华父（化名）", "relation": "父", "phone": "13900001111"}]


async def child_of(api, **said):
    made = (await register(api, COMMITTEE, child={**CHILD, **said}, family=KIN)).json()
    passed = await verify(api, STREET, made)
    assert passed.status_code == 200, passed.text
    return made["child_id"]


async def pairs(api, person=COMMITTEE):
    return {
        (row["one"], row["other"]): row for row in (await api.get(person, "/v1/duplicates?limit=200")).json()["items"]
    }


async def scanned(api, engine, since=None):
    now = api.service.ledger.clock()
    return now, [looked async for looked in look_for_doubles(engine, since, now)]


@pytest.mark.requirement("R051", "R053")
async def test_two_files_of_one_child_are_suggested_compared_and_never_again_once_found_different(api, engine):
    began = api.service.ledger.clock()
    first = await child_of(api, name="华婧怡（化名）", birth_date="2015-08-09")
    again = await child_of(api, name="华静怡（化名）", birth_date="2015-08-10")
    brother = await child_of(api, name="华子昂（化名）", birth_date="2012-01-30")
    _, looked = await scanned(api, engine, began)
    assert looked
    assert looked[-1] >= 3
    mine = tuple(sorted((first, again)))
    found = await pairs(api)
    assert mine in found
    assert not any(brother in pair for pair in found), "the same family is not the same child"
    assert mine in await pairs(api, STREET)
    assert mine not in await pairs(api, OTHER)
    is_problem(await api.get("school.reporter.1", "/v1/duplicates"), 403, "not_allowed")
    pair = (await api.get(COMMITTEE, f"/v1/children/{first}/duplicates/{again}")).json()
    assert pair["suggested"]
    assert {reason["code"] for reason in pair["reasons"]} >= {"name_sounds_alike", "birth_date_near", "same_phone"}
    is_problem(await api.get(OTHER, f"/v1/children/{first}/duplicates/{again}"), 404, "child_not_found")
    told = {"other": again, "decision": "different", "note": "表姐妹"}
    done = await api.post(COMMITTEE, f"/v1/children/{first}/duplicates", told)
    assert done.status_code == 200, done.text
    assert mine not in await pairs(api)
    await scanned(api, engine, began)
    assert mine not in await pairs(api), "what a person found different is not suggested again"
    later = api.service.ledger.clock() + timedelta(days=36500)  # other tests register children in years to come
    assert (await scanned(api, engine, later))[1] == [], "only what has changed since is looked at"
    async with engine.begin() as conn:
        await conn.execute(delete(alike_files))


@pytest.mark.requirement("R051", "R053")
async def test_a_double_in_another_street_is_the_districts_to_compare_and_is_told_before_a_second_watch_begins(
    api, engine, key
):
    twin = {**CHILD, "name": "华念慈（化名）", "birth_date": "2013-04-05"}
    older = {**CHILD, "name": "欧阳立（化名）", "birth_date": "2011-12-24"}
    third = (await register(api, "comm-110106016.officer.1", child=older)).json()
    assert (await verify(api, "street-110106016.officer.1", third)).status_code == 200
    far = (await register(api, "comm-110106016.officer.1", child=twin, family=KIN)).json()
    assert (await verify(api, "street-110106016.officer.1", far)).status_code == 200
    began = api.service.ledger.clock()
    near = await child_of(api, name="华年慈（化名）", birth_date="2013-04-06")
    here = (await register(api, COMMITTEE, child=twin, family=KIN)).json()
    child, path = here["child_id"], f"/v1/children/{here['child_id']}"
    like = await api.get(STREET, f"{path}/duplicates")
    assert (far["child_id"] in like.text, like.json()["district_compares"]) == (False, True)
    await scanned(api, engine, began)
    assert (min(child, near), max(child, near)) in await pairs(api)

    async def owed(person, settled="false"):
        rows = (await api.get(person, f"/v1/owed?matter=double&limit=200&settled={settled}")).json()["items"]
        return [row for row in rows if row["subject"] == child]

    once, compared = {"Idempotency-Key": key}, {"compared": [{"child_id": near, "found": "different"}]}
    asked = f"{path}/changes/{here['change']}/pass", compared, once
    # a look of this very moment, which has come to the pairs
    async with engine.begin() as conn, engine.connect() as watch:
        await suggest(conn, [child], api.service.ledger.clock())
        passing = asyncio.create_task(api.post(STREET, *asked))
        await waiting(await watch.execution_options(isolation_level="AUTOCOMMIT"), 1)
        await tell_of_waiting(conn, api.service.ledger, [child], api.service.ledger.clock())
    first = await passing
    assert first.status_code == 200, first.text
    (told,) = await owed("civil.supervisor.1")
    assert (told["code"], told["division"]) == (far["child_id"], DIVISION)
    assert await owed(STREET) == await owed("civil.officer.1") == [], "nobody hears of it who may not compare them"
    for is_again, passed in enumerate((first, await api.post(STREET, *asked))):  # the first may be lost on its way
        told_of = passed.json()["district_compares"], passed.json()["replayed"], far["child_id"] in passed.text
        assert (passed.status_code, *told_of) == (200, True, is_again, False)
    assert len(await owed("civil.supervisor.1")) == 1, "once, whoever found it"
    notices = (await api.get("civil.supervisor.1", "/v1/notices?limit=200")).json()["items"]
    assert told["id"] in {one["case_id"] for one in notices}
    same = {"other": far["child_id"], "decision": "same"}
    asked = (await api.post("civil.supervisor.1", f"{path}/duplicates", same)).json()
    assert await owed("civil.supervisor.1") == [], "somebody has compared them"
    change = f"/v1/children/{asked['child_id']}/changes/{asked['change']}"
    returned = await api.post("street-110106016.officer.1", f"{change}/reject", {"reason": "not_confirmed"})
    assert returned.status_code == 200, returned.text
    assert len(await owed("civil.supervisor.1")) == 1, "returned, it is the district's to compare again"
    asked = {"other": third["child_id"], "decision": "same"}
    joined = (await api.post("comm-110106016.officer.1", f"/v1/children/{far['child_id']}/duplicates", asked)).json()
    assert joined["child_id"] == third["child_id"], "the file that is owed for is known by another id from now on"
    change = f"/v1/children/{third['child_id']}/changes/{joined['change']}"
    assert (await api.post("street-110106016.officer.1", f"{change}/pass")).status_code == 200
    decision = {"other": far["child_id"], "decision": "different"}
    done = await api.post("civil.supervisor.1", f"{path}/duplicates", decision)
    assert done.status_code == 200, done.text
    assert (await owed("civil.supervisor.1"), len(await owed("civil.supervisor.1", "true"))) == ([], 1)


@pytest.mark.requirement("R051", "R053")
async def test_a_registration_counts_once_each_file_like_it_was_compared_and_who_said_different_is_on_record(api):
    first = await child_of(api, name="华思齐（化名）", birth_date="2012-09-09")
    made = (
        await register(
            api, COMMITTEE, child={**CHILD, "name": "华思琪（化名）", "birth_date": "2012-09-09"}, family=KIN
        )
    ).json()
    path = f"/v1/children/{made['child_id']}"
    refused = await api.post(STREET, f"{path}/changes/{made['change']}/pass")
    assert first in is_problem(refused, 409, "doubles_not_compared")["children"]
    passed = await verify(api, STREET, made, found="different")
    assert (passed.status_code, passed.headers["etag"]) == (200, f'"{passed.json()["version"]}"'), passed.text
    for child, other in ((made["child_id"], first), (first, made["child_id"])):
        async with api.service.engine.connect() as conn:
            file = tables.child_files.c
            stored = (await conn.execute(select(file.progress).where(file.child_id == child))).scalar_one()
        assert other in stored["different"]


async def test_a_verification_that_is_repeated_tells_the_version_that_it_left_behind_the_first_time(api, key):
    """Else whoever repeats it is told of a conflict with nothing but what they found themselves."""
    first = await child_of(api, name="华知远（化名）", birth_date="2013-03-03")
    said = {**CHILD, "name": "华知源（化名）", "birth_date": "2013-03-03"}
    made = (await register(api, COMMITTEE, child=said, family=KIN)).json()
    path, once = f"/v1/children/{made['child_id']}/changes", {"Idempotency-Key": key}
    asked = f"{path}/{made['change']}/pass", {"compared": [{"child_id": first, "found": "different"}]}, once
    passed, again = [await api.post(STREET, *asked) for _ in range(2)]
    assert (passed.status_code, again.json()["replayed"]) == (200, True)
    assert (again.headers["etag"], again.json()["version"]) == (passed.headers["etag"], passed.json()["version"])
    entered = {"field": "school", "value": "示例二小（化名）", "evidence": "学籍"}
    done = await api.post(STREET, path, entered, {"If-Match": again.headers["etag"]})
    assert done.status_code == 200, done.text
    assert (await api.post(STREET, *asked)).headers["etag"] == passed.headers["etag"], "not what came after it"


@pytest.mark.requirement("R051")
async def test_joined_files_are_one_and_suggest_each_other_no_more(api, engine):
    began = api.service.ledger.clock()
    first = await child_of(api, name="华一诺（化名）", birth_date="2014-02-03")
    again = await child_of(api, name="华一诺（化名）", birth_date="2014-02-03")
    await scanned(api, engine, began)
    mine = tuple(sorted((first, again)))
    assert mine in await pairs(api)
    asked = (await api.post(COMMITTEE, f"/v1/children/{first}/duplicates", {"other": again, "decision": "same"})).json()
    passed = await api.post(STREET, f"/v1/children/{asked['child_id']}/changes/{asked['change']}/pass")
    assert passed.status_code == 200, passed.text
    assert mine not in await pairs(api)


async def test_who_compares_is_told_what_their_body_is_told_of_both_and_not_how_many_bear_a_name(api):
    child = {
        "name": "华同名（化名）",
        "birth_date": "2014-01-31",
        "school": "示例小学（化名）",
        "residence_division": "110106016",
    }
    cases = [(await api.report(children=[child]))["case_id"] for _ in range(2)]
    one, other = [(await api.progress(case))["children"][0]["id"] for case in cases]

    async def reasons(person):
        answer = await api.get(person, f"/v1/children/{one}/duplicates/{other}")
        return {reason["code"]: reason["weight"] for reason in answer.json()["reasons"]}

    whole, police = await reasons("civil.supervisor.1"), await reasons("police.officer.1")
    assert (whole.keys() - police.keys(), police["same_name"]) == ({"same_school"}, 8)


async def test_a_registration_that_is_returned_locks_its_file_before_what_is_owed_for_it(api, engine):
    """As passing it does, and the district where it finds two different: in the other order each could wait for the other."""
    made = (
        await register(api, COMMITTEE, child={**CHILD, "name": "华待退（化名）", "birth_date": "2010-02-03"})
    ).json()
    child, ledger = made["child_id"], api.service.ledger
    double = opening(Matter.DOUBLE, "ch-another", child, "CIVIL", DIVISION, "change_verify")
    file, owed = tables.child_files.c, tables.owed.c
    path = f"/v1/children/{child}/changes/{made['change']}/reject"
    async with engine.begin() as conn:
        await open_all(conn, ledger, [double], ledger.clock())
    async with engine.connect() as conn, engine.connect() as watch:
        await conn.execute(select(file.id).where(file.child_id == child).with_for_update())
        asked = asyncio.create_task(api.post(STREET, path, {"reason": "not_confirmed"}))
        await waiting(await watch.execution_options(isolation_level="AUTOCOMMIT"), 1)
        await conn.execute(select(owed.id).where(owed.id == double.owed_id).with_for_update(nowait=True))
        await conn.rollback()
    assert (await asked).status_code == 200, (await asked).text
    async with engine.connect() as conn:
        assert not (await conn.execute(select(owed.is_open).where(owed.id == double.owed_id))).scalar_one()
