"""In which street a child lives now, while a guardian is a suspect, is told to no body that is not told where: not by a desk, an account,
a refusal, a comparison of files or a sheet of guesses."""

from importlib import import_module

import pytest
from sqlalchemy import select, text, update

from app.db import tables
from app.domain.watch import watch_id
from tests.api.test_compartments import COMMITTEE, FAMILY, HOME, HOSPITAL, OFFICE, PLACE, SW, WF, WHY, child_of, entered
from tests.api.test_need import everything
from tests.api.test_reports import is_problem
from tests.api.workbooks import sheet, state, upload

NEW = "110106003"
THERE, VERIFIES = f"comm-{NEW}.officer.1", f"street-{NEW}.officer.1"
EDU, CIVIL, CONF = "edu.officer.1", "civil.supervisor.1", "conf.officer.1"
OF_NO_CHILD = ("/v1/policy", "/v1/desks", "/v1/registers", "/v1/rounds", "/v1/statistics", "/v1/calendar")
"""Of the streets themselves."""


@pytest.fixture(scope="module")
async def gone(api):
    """It has moved to another street, whose committee has taken the watch, visited, and entered what waits there."""
    case, child = await child_of(api, "SW", "WF", "EDU", "HOSPITAL", family=FAMILY)
    await entered(api, child, "residence_division", NEW)
    assert (await api.post(THERE, f"/v1/watches/{watch_id(child)}/take", {})).status_code == 200
    assert (await api.post(THERE, f"/v1/watches/{watch_id(child)}/visits", {"finding": "well"})).status_code == 200
    for field, verified in (("school", True), ("features", False), ("residence", False)):
        made = await api.post(THERE, f"/v1/children/{child}/changes", {"field": field, "value": "示例（化名）"})
        assert made.json()["waits_for"] == f"STREET-{NEW}", made.text
        if verified:
            passed = await api.post(VERIFIES, f"/v1/children/{child}/changes/{made.json()['change']}/pass")
            assert passed.status_code == 200, passed.text
    return case, child, made.json()["change"]


async def where(api, person, case, child):
    """The routes on which somebody finds the new street."""
    walk = everything(api, person, case, child)
    return {route async for route, answer in walk if NEW in answer.text and not route.startswith(OF_NO_CHILD)}


@pytest.mark.parametrize("person", [SW, WF, EDU, HOSPITAL])
async def test_no_route_tells_in_which_street_it_lives_by_whose_desk_or_account_it_is(api, gone, person):
    case, child, waiting = gone
    assert await where(api, person, case, child) == set()
    read = (await api.get(person, f"/v1/children/{child}")).json()
    assert read["fields"]["features"]["waiting"]["desk"] == "STREET"
    assert read["fields"]["features"]["waiting"]["by"] == "another"
    tries = [
        await api.post(person, f"/v1/children/{child}/changes", {"field": "features", "value": "痣"}),
        *[await api.post(person, f"/v1/children/{child}/changes/{n}/pass") for n in (waiting, 99)],
        await api.post(person, f"/v1/children/{child}/changes", {"field": "name", "value": f"甘小满{person[:2]}"}),
    ]
    assert [one.status_code for one in tries] == [409, 403, 403, 200]
    assert [NEW in one.text for one in tries] == [False] * 4
    assert tries[3].json()["waits_for"] == "STREET"
    ended = {"reason": "not_confirmed"}
    change = tries[3].json()["change"]
    assert (await api.post(VERIFIES, f"/v1/children/{child}/changes/{change}/reject", ended)).status_code == 200


async def test_who_has_opened_it_in_full_tells_whoever_leads_its_case_of_no_street(api, gone):
    case, child, _ = gone
    assert (await api.post(THERE, f"/v1/children/{child}/full-view", WHY)).status_code == 201
    row = tables.cases
    async with api.service.engine.begin() as conn:
        lead = (await conn.execute(select(row.c.lead).where(row.c.id == case))).scalar_one()
        await conn.execute(update(row).where(row.c.id == case).values(lead="WF"))
    try:
        looks = (await api.get(WF, "/v1/full-views?limit=200")).json()["items"]
        mine = [one for one in looks if one["case_id"] == case]
        assert {(one["person_id"], one["desk"]) for one in mine} == {("another", "COMM")}
        assert THERE in (await api.get(CIVIL, "/v1/full-views?limit=200")).text, "the control"
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(update(row).where(row.c.id == case).values(lead=lead))


async def test_whoever_protects_it_finds_the_street_on_the_same_walk(api, gone):
    """The control."""
    case, child, _ = gone
    assert {"/v1/children/{child_id}", "/v1/children/{child_id}/history"} <= await where(api, CIVIL, case, child)


async def test_a_refusal_does_not_say_that_a_field_which_is_kept_back_has_changed_or_is_about_to(api, gone):
    _, child, _ = gone
    is_problem(
        await api.post(THERE, f"/v1/children/{child}/changes", {"field": "residence", "value": "别处"}),
        409,
        "change_waits",
    )
    for person, seen in ((SW, 0), (WF, 7)):
        said = {"field": "residence", "value": "别处一号（化名）", "seen": seen}
        made = await api.post(person, f"/v1/children/{child}/changes", said)
        assert made.status_code == 200, made.text
        change = made.json()["change"]
        ended = {"reason": "not_confirmed"}
        assert (await api.post(VERIFIES, f"/v1/children/{child}/changes/{change}/reject", ended)).status_code == 200


async def test_two_files_have_no_street_in_common_for_them(api, gone):
    _, child, _ = gone
    other = (await child_of(api, "SW", residence_division=NEW))[1]

    async def reasons(person):
        answer = await api.get(person, f"/v1/children/{child}/duplicates/{other}")
        return {one["code"] for one in answer.json()["reasons"]}

    assert await reasons(CIVIL) - await reasons(SW) == {"same_street"}


async def test_a_sheet_is_compared_with_what_its_sender_is_told(api, run):
    """The committee, who is told, is the control."""
    _, child = await child_of(api, "SW", family=FAMILY, hiv_affected="yes", school_stage="primary")
    await entered(api, child, "residence", PLACE)
    waits = await api.post(
        COMMITTEE, f"/v1/children/{child}/changes", {"field": "residence", "value": "又一处（化名）"}
    )

    async def counts(person, book, said):
        job = await run(await upload(api, person, book, sheet(["编号", "现居住地址"], [child, said])))
        shown = await state(api, person, job)
        return job, [name for name, rows in shown["counts"].items() if rows], shown["faults"]

    assert [(await counts(SW, "social_work", said))[1] for said in (HOME, PLACE, "别处（化名）")] == [
        ["same"], ["changed"], ["changed"]
    ]  # fmt: skip
    assert [(await counts(COMMITTEE, "information", said))[1] for said in (PLACE, HOME)] == [["same"], ["wrong"]]
    job, _, faults = await counts(SW, "social_work", PLACE)
    await run(await api.post(SW, f"/v1/sheets/{job}/confirm"))
    assert (faults, (await state(api, SW, job))["state"]) == ([], "done"), "nor does one that waits stand against it"
    assert (await counts(SW, "social_work", PLACE))[1] == ["same"], (
        "what they sent still waits and is not entered twice"
    )
    path, said = f"/v1/children/{child}", {"field": "residence", "value": PLACE}
    again = (await api.post(SW, f"{path}/changes", said)).json()
    stands = (await api.get(OFFICE, path)).json()["fields"]["residence"]
    assert again["replayed"]
    assert [again["change"]] == [one["change"] for one in stands["beside"]]
    passes = f"{path}/changes/{waits.json()['change']}/pass"
    is_problem(await api.post(OFFICE, passes), 409, "change_waits")
    passed = await api.post(OFFICE, passes, {"seen": stands["version"]})
    assert passed.status_code == 200, passed.text
    is_problem(await api.post(OFFICE, f"{path}/changes/{again['change']}/pass"), 409, "value_changed")


@pytest.mark.parametrize(
    ("person", "field", "told", "desk", "book", "facts", "family"),
    [
        (COMMITTEE, "health", HOSPITAL, "civil.officer.1", "information", {"hiv_affected": "yes"}, ()),
        (COMMITTEE, "health", HOSPITAL, "civil.officer.1", "information", {"impaired": "yes"}, ()),
        (SW, "residence", COMMITTEE, OFFICE, "social_work", {}, FAMILY),
    ],
)
async def test_no_answer_tells_by_a_field_whether_it_is_kept_back_of_this_child(
    api, run, person, field, told, desk, book, facts, family
):
    """Of one child it is, of the other it is not, and both are asked the same: what waits, then what was passed, in file, history, book
    and sheet. Whoever is told of either is the control."""
    head = "良好示例"

    async def answers(facts, family):
        _, child = await child_of(api, "SW", "HOSPITAL", family=family, school_stage="primary", disabled="yes", **facts)
        path, said = f"/v1/children/{child}", {"field": field, "value": head}
        beside = await api.post(told, f"{path}/changes", said | {"value": "另一示例"})
        assert beside.status_code == 200, beside.text
        first = await api.post(person, f"{path}/changes", said | {"seen": 999})
        assert first.status_code == 200, first.text
        again = await api.post(person, f"{path}/changes", said | {"value": "又一示例"})
        same = await api.post(person, f"{path}/changes", said)

        async def shown(who=person):
            one = (await api.get(who, path)).json()["fields"].get(field) or {}
            past = [row for row in (await api.get(who, f"{path}/history")).json() if row["field"] == field]
            return (
                (one.get("waiting") or {}).get("value"), one.get("value"),
                [(row["kind"], row["value"], row["note"]) for row in past],
            )  # fmt: skip

        async def listed():
            rows, after = [], ""
            while after is not None and not rows:
                page = (await api.get(person, f"/v1/ledgers/{book}?limit=200{after}")).json()
                rows = [one for one in page["rows"] if one["child_id"] == child]
                after = page["next"] and f"&cursor={page['next']}"
            sent = sheet(["编号", {"health": "健康状况", "residence": "现居住地址"}[field]], [child, head])
            job = await state(api, person, await run(await upload(api, person, book, sent)))
            return rows[0][field], [name for name, count in job["counts"].items() if count], job["faults"]

        waits = await shown(), await listed()
        passes = f"{path}/changes/{first.json()['change']}/pass"
        passed = await api.post(desk, passes, {"seen": 0, "note": "另处所知"})
        assert passed.status_code == 200, passed.text
        counts = await shown(), await listed()
        theirs = await api.post(
            desk, f"{path}/changes/{beside.json()['change']}/pass", {"seen": first.json()["change"]}
        )
        assert theirs.status_code == 200, theirs.text
        assert (await shown(told))[1].startswith("另一"), "the control"
        answered = again.status_code, again.json().get("code"), same.json()["replayed"], same.json()["waits_for"]
        return (*answered, waits, counts), await shown()

    (kept, after), (plain, plainly) = await answers(facts, family), await answers({}, ())
    assert kept == plain
    assert kept[:3] == (409, "change_waits", True)
    waits, counts = kept[4:]
    assert waits[0][0].startswith(head[:2])
    assert counts[0][0] is None
    assert counts[0][1].startswith(head[:2])
    assert [(kind, note) for kind, _, note in counts[0][2]] == [("change_entered", ""), ("change_passed", "")]
    assert counts[0][2][0][1].startswith(head[:2])
    assert counts[1][1:] == (["same"], [])
    assert after == counts[0], "what another entered since"
    assert field != "health" or plainly == after


async def test_what_counted_before_is_put_into_files_of_before_as_their_fold_would_have_it(api):
    _, child = await child_of(api, "SW", "WF", family=FAMILY)
    for by, value in ((SW, "一"), (COMMITTEE, "二"), (SW, "三"), (WF, "四"), (COMMITTEE, "五")):
        await entered(api, child, "residence", value, by=by)
    file = tables.child_files
    of_child, before = (
        file.c.child_id == child,
        import_module("app.db.migrations.versions.0084_office_of_reports").BEFORE,
    )
    async with api.service.engine.begin() as conn:
        made = await conn.scalar(select(file.c.progress).where(of_child))
        await conn.execute(update(file).where(of_child).values(progress={**made, "before": {}}))
        await conn.execute(text(before))
        assert await conn.scalar(select(file.c.progress).where(of_child)) == made
    assert [one["office"] for one in made["before"]["residence"]] == ["WF", "SW"]


async def test_who_verifies_what_they_are_not_told_sees_that_it_waits_and_can_return_it_and_tries_no_words(api):
    """As where civil affairs are concerned; else two changes of it would wait for good: neither is passed unseen."""
    case, child = await child_of(api, "SW", hiv_affected="yes")
    path, secret = f"/v1/children/{child}", "服药情况示例"
    assert (await api.post("conf.supervisor.1", f"/v1/cases/{case}/conflict", {"about": ["CIVIL"]})).status_code == 200
    own = {"field": "health", "value": "会议所见示例"}
    for person, value in ((COMMITTEE, secret), (CONF, own["value"])):
        made = await api.post(person, f"{path}/changes", {"field": "health", "value": value})
        assert (made.status_code, made.json()["waits_for"]) == (200, "CONF"), made.text
    shown = await api.get(CONF, path)
    stands = shown.json()["fields"]["health"]
    waits = [stands["waiting"], *stands["beside"]]
    assert [one["value"] for one in waits] == [None, own["value"]]
    assert secret not in shown.text + (await api.get(CONF, f"{path}/history")).text
    for guess in (secret, secret[:2], "HIV"):
        is_problem(await api.post(CONF, f"{path}/changes", own | {"value": guess}), 409, "change_waits")
    again = (await api.post(CONF, f"{path}/changes", own)).json()
    assert (again["replayed"], again["change"]) == (True, waits[1]["change"])
    for one in waits:
        ended = await api.post(
            CONF.replace("officer", "head"), f"{path}/changes/{one['change']}/reject", {"reason": "not_confirmed"}
        )
        assert ended.status_code == 200, ended.text
