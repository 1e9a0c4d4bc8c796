"""The registers over the API: each is kept by the agency that the notice names, seen by whom it says, and never overwritten."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.db import tables
from app.domain.working_time import day_of
from app.policy.loader import load
from tests.api.test_reports import is_problem

TODAY = day_of(datetime.now(UTC))
DAY, LATER = TODAY.isoformat(), (TODAY + timedelta(days=90)).isoformat()
STREET, COMM, OTHER = "street-110106012.officer.1", "comm-110106012.officer.1", "street-110106013.officer.1"
STREET_HEAD = "street-110106012.head.1"


async def add(api, person, register, fields, headers=None, **more):
    return await api.post(person, f"/v1/registers/{register}/entries", {"fields": fields, **more}, headers)


async def made(api, person, register, fields, **more):
    answer = await add(api, person, register, fields, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def entries(api, person, register):
    answer = await api.get(person, f"/v1/registers/{register}/entries?limit=200")
    assert answer.status_code == 200, answer.text
    return {row["id"]: row for row in answer.json()["items"]}


@pytest.fixture
async def known(api):
    """What entries name: a community, an organisation, a budget line, a case and its child."""
    case = (await api.report())["case_id"]
    organisation = {
        "name": "某社工中心",
        "kind": "social_work",
        "registration": "52110106MJ0000000X",
        "checked_on": DAY,
    }
    line = {"title": "儿童保障", "year": "2026", "source": "district", "yuan": "200000.00"}
    return {
        "community": await made(api, STREET, "communities", {"name": "云岗一社区"}),
        "organisation": await made(api, "civil.officer.1", "organisations", organisation),
        "line": await made(api, "finance.officer.1", "budget", line, division="110106012"),
        "case": case, "child": (await api.progress(case))["children"][0]["id"],
    }  # fmt: skip


KEPT = [
    ("R026", "activities", COMM, {"kind": "education", "title": "安全教育", "held_on": DAY, "children": 30}),
    ("R027", "childrens_homes", STREET, {"community": "@community", "address": "某路2号", "places": 40}),
    ("R047", "activities", COMM, {"kind": "guardians", "title": "监护培训", "held_on": DAY, "children": 0, "families": 12,
                                  "families_in_need": 5}),
    ("R058", "projects", "urban.officer.1", {"title": "心理疏导", "kind": "counselling", "organisation": "@organisation",
                                              "from_day": DAY, "until_day": LATER, "yuan": "80000", "contracted": 60, "delivered": 5}),
    ("R073", "staff", STREET, {"post": "social_worker", "name": "社工（化名）", "full_time": "full", "checked_on": DAY}),
    ("R078", "shelters", STREET, {"name": "庇护点", "address": "某路3号", "phone": "010-1", "suited": "any", "beds": 6, "taken": 2}),
    ("R108", "payments", "finance.officer.1", {"line": "@line", "purpose": "活动之家", "state": "paid", "paid_on": DAY, "yuan": "12.50"}),
    ("R115", "venues", "culture.officer.1", {"name": "某网吧", "address": "某路4号", "origin": "tip_off", "inspected_on": DAY,
                                              "content": "violent", "minors": "no"}),
    ("R116", "activities", "culture.officer.1", {"kind": "culture", "title": "少儿话剧", "held_on": DAY, "children": 200}),
    ("R117", "publicity", "culture.officer.1", {"title": "儿童权益", "kind": "law", "channel": "展板", "held_on": DAY}),
    ("R121", "loving_families", "wf.officer.1", {"family": "爱心家庭（化名）", "checked_on": DAY}),
    ("R122", "volunteers", "yl.officer.1", {"name": "志愿者（化名）", "checked_on": DAY, "hours": 8}),
    ("R124", "organisations", "civil.officer.1", {"name": "某慈善会", "kind": "charity", "registration": "53110106", "incubated": "yes"}),
    ("R125", "institutions", "civil.officer.1", {"name": "某康复中心", "kind": "rehabilitation", "founded_by": "ppp", "places": 30,
                                                  "contract_until": LATER, "yuan": "500000"}),
    ("R126", "donations", "civil.officer.1", {"donor": "某企业", "kind": "goods", "received_on": DAY, "yuan": "3000", "receipt": "J-1"}),
    ("R134", "training", "civil.officer.1", {"title": "儿童主任培训", "kind": "course", "held_on": DAY, "people": 80}),
    ("R138", "work_plans", "hr.officer.1", {"title": "实施方案", "adopted_on": DAY, "measures": "就业帮扶"}),
]  # fmt: skip


@pytest.mark.requirement("R026", "R027", "R047", "R058", "R073", "R078", "R108", "R115", "R116")
@pytest.mark.requirement("R117", "R121", "R122", "R124", "R125", "R126", "R134", "R138")
@pytest.mark.parametrize(("row", "register", "keeper", "fields"), KEPT)
async def test_whom_the_notice_names_keeps_the_register_and_nobody_else_writes_in_it(
    api, known, row, register, keeper, fields
):
    fields = {name: known[value[1:]] if str(value).startswith("@") else value for name, value in fields.items()}
    entry = await made(api, keeper, register, fields)
    await entries(api, keeper, register)
    path, families = (
        f"/v1/registers/{register}/entries/{entry}",
        load("fengtai-2026.1").registers[register].names_families,
    )
    hides = {"name", "family", "note"} & set(fields)
    assert (await api.get(keeper, path)).json()[-1]["masked"] is (families and bool(hides))
    shown = (await api.opened(keeper, path)).json()[-1]
    assert shown["masked"] is False
    assert {name: shown["fields"][name] for name in fields if name != "yuan"} == {
        name: value for name, value in fields.items() if name != "yuan"
    }
    assert row in load("fengtai-2026.1").registers[register].basis
    is_problem(await add(api, "hotline.officer.1", register, fields), 404, "register_not_found")
    if register in ("staff", "volunteers"):
        unchecked = {name: value for name, value in fields.items() if name != "checked_on"}
        is_problem(await add(api, keeper, register, unchecked), 422, "invalid_request")
    is_problem(await add(api, keeper, register, {**fields, "crown": "gold"}), 422, "invalid_request")
    lacking = {name: value for name, value in fields.items() if name != next(iter(fields))}
    is_problem(await add(api, keeper, register, lacking), 422, "invalid_request")


async def test_an_entry_is_added_changed_and_ended_and_every_line_stays(api):
    shelter = {"name": "庇护点二", "address": "某巷5号", "phone": "010-2", "suited": "girls", "beds": 6, "taken": 1}
    entry = await made(api, STREET, "shelters", shelter)
    path = f"/v1/registers/shelters/entries/{entry}"
    changed = await api.post(STREET, f"{path}/change", {"fields": {**shelter, "taken": 3}}, {"If-Match": '"1"'})
    assert (changed.json()["version"], changed.headers["ETag"]) == (2, '"2"')
    stale = is_problem(
        await api.post(STREET, f"{path}/end", {"reason": "over"}, {"If-Match": '"1"'}), 409, "stale_version"
    )
    assert [(s["version"], s["kind"], s["by"]) for s in stale["since"]] == [(2, "changed", STREET)]
    is_problem(await api.post(OTHER, f"{path}/end", {"reason": "over"}), 404, "entry_not_found")
    assert (await api.post(STREET, f"{path}/end", {"reason": "no_longer_fit"})).status_code == 200
    is_problem(await api.post(STREET, f"{path}/change", {"fields": shelter}), 409, "entry_ended")
    lines = (await api.get(STREET, path)).json()
    assert [(one["kind"], one["fields"]["taken"], one["by"], one["reason"]) for one in lines] == [
        ("added", 1, STREET, None), ("changed", 3, STREET, None), ("ended", 3, STREET, "no_longer_fit")
    ]  # fmt: skip
    assert entry not in await entries(api, STREET, "shelters")
    async with api.service.engine.connect() as conn:
        audit = tables.audit.c
        written = select(func.array_agg(audit.action)).where(audit.stream_id == entry)
        assert sorted(await conn.scalar(written)) == ["register_added", "register_changed", "register_ended"]


async def test_the_same_key_adds_one_entry_and_another_body_under_it_is_told(api, key):
    fields = {"title": "宣传一", "kind": "reporting", "channel": "微信", "held_on": DAY}
    first = (await add(api, COMM, "publicity", fields, {"Idempotency-Key": key})).json()
    again = (await add(api, COMM, "publicity", fields, {"Idempotency-Key": key})).json()
    assert (again["id"], again["version"], again["replayed"], first["replayed"]) == (first["id"], 1, True, False)
    is_problem(
        await add(api, COMM, "publicity", {**fields, "title": "宣传二"}, {"Idempotency-Key": key}), 422, "key_reused"
    )
    path = f"/v1/registers/publicity/entries/{first['id']}/end"
    for replayed in (False, True):
        done = await api.post(COMM, path, {"reason": "mistake"}, {"Idempotency-Key": f"{key}-end"})
        assert (done.json()["version"], done.json()["replayed"]) == (2, replayed)


async def test_the_address_of_a_shelter_and_the_names_of_staff_are_for_those_who_keep_and_oversee_them(api):
    shelter = {
        "name": "庇护点三",
        "address": "不可外传的地址",
        "phone": "010-3",
        "suited": "boys",
        "beds": 2,
        "taken": 0,
    }
    entry = await made(api, STREET, "shelters", shelter)
    for person, whole in ((STREET, True), ("civil.supervisor.1", True), ("police.officer.1", False)):
        row = (await entries(api, person, "shelters"))[entry]
        assert (row["fields"].get("address") == "不可外传的地址", row["fields"]["beds"]) == (whole, 2), person
        history = await api.get(person, f"/v1/registers/shelters/entries/{entry}")
        assert ("不可外传的地址" in history.text) is whole
    is_problem(await api.get("court.officer.1", "/v1/registers/shelters/entries"), 404, "register_not_found")
    assert entry not in await entries(api, OTHER, "shelters")
    async with api.service.engine.connect() as conn:
        audit = tables.audit.c
        read = select(audit.fields).where(
            audit.stream_id == "register-shelters", audit.person_id == "civil.supervisor.1"
        )
        assert (await conn.execute(read)).scalars().first() == ["address"]


async def test_an_entry_names_only_what_is_there_and_what_its_author_may_see(api, known):
    venue = {
        "name": "网吧",
        "address": "x",
        "origin": "routine",
        "inspected_on": DAY,
        "content": "none",
        "minors": "yes",
    }
    said = is_problem(await add(api, "culture.officer.1", "venues", venue), 422, "invalid_request")
    assert [(e["at"], e["code"]) for e in said["errors"]] == [("/fields/case", "missing")]
    unseen = await add(api, "culture.officer.1", "venues", {**venue, "case": known["case"]})
    said = is_problem(unseen, 422, "invalid_request")
    assert [(e["at"], e["code"]) for e in said["errors"]] == [("/fields/case", "unknown_reference")]
    own = (await api.report("culture.officer.1", reporter={"class": "state_organ"}))["case_id"]
    entry = await made(api, "culture.officer.1", "venues", {**venue, "case": own})
    assert (await entries(api, "culture.officer.1", "venues"))[entry]["fields"]["case"] == own
    is_problem(await api.get("culture.officer.1", f"/v1/cases/{own}"), 404, "case_not_found")
    for reader in ("edu.officer.1", "police.officer.1", STREET):
        shown = (await entries(api, reader, "venues"))[entry]["fields"]
        assert (shown["minors"], shown.get("case")) == ("yes", None), "which case it was says who reported it"
    pair = {"helper": "某企业", "child": known["child"], "form": "助学"}
    entry = await made(api, "civil.officer.1", "pairings", pair)
    assert (await entries(api, "civil.officer.1", "pairings"))[entry]["fields"]["child"] == known["child"]
    is_problem(await add(api, "union.officer.1", "pairings", pair), 422, "invalid_request")
    is_problem(await add(api, "finance.officer.1", "budget", {"title": "x", "year": "2026", "source": "social", "yuan": "1"},
                         division="999"), 422, "invalid_request")  # fmt: skip


@pytest.mark.requirement("R135")
async def test_vacant_posts_and_due_reviews_are_listed_for_the_keeper_and_those_above(api):
    async def empty(person, book="staff"):
        rows = (await api.get(person, "/v1/registers/due")).json()
        return {row["subject"] for row in rows if row["what"] == "vacancy" and row["book"] == book}

    unlisted = await empty("civil.supervisor.1", "communities")
    assert await empty(OTHER, "communities") == {OTHER.split("-")[1].split(".")[0]} <= unlisted
    community = await made(api, STREET, "communities", {"name": "云岗二社区"})
    assert await empty(STREET, "communities") == set()
    assert {"110106012", community} <= await empty(STREET)
    assert community in await empty("civil.supervisor.1")
    assert community not in await empty(OTHER)
    director = {
        "post": "director",
        "community": community,
        "name": "主任（化名）",
        "full_time": "full",
        "checked_on": DAY,
    }
    entry = await made(api, COMM, "staff", director)
    supervisor = {"post": "supervisor", "name": "督导员（化名）", "full_time": "full", "checked_on": DAY}
    await made(api, STREET, "staff", supervisor)
    assert not {"110106012", community} & await empty(STREET)
    ahead = (datetime.now(UTC) + timedelta(days=400)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for person, listed in ((COMM, True), (STREET_HEAD, True), ("civil.supervisor.1", True), (OTHER, False)):
        rows = (await api.get(person, f"/v1/registers/due?by={ahead}")).json()
        assert any(row["subject"] == entry and row["basis"] == ["L89"] for row in rows) is listed, person
        now = (await api.get(person, "/v1/registers/due")).json()
        assert not any(row["subject"] == entry for row in now)
    await api.post(COMM, f"/v1/registers/staff/entries/{entry}/end", {"reason": "over"})
    assert community in await empty(STREET)


@pytest.mark.requirement("R108")
async def test_budget_and_payments_add_up_by_street_as_they_stood_at_any_time(api, known):
    async def sums(register, query=""):
        rows = (await api.get("civil.supervisor.1", f"/v1/registers/{register}/totals?{query}")).json()
        return next(((row["entries"], row["sums"]["yuan"]) for row in rows if row["division"] == "110106017"), (0, 0))

    line = {"title": "基础设施", "year": "2026", "source": "higher", "yuan": "1000.10"}
    budget = await made(api, "finance.officer.1", "budget", line, division="110106017")
    before = api.service.ledger.clock().isoformat().replace("+00:00", "Z")
    paid = {"line": budget, "purpose": "装修", "state": "batched", "yuan": "400.05"}
    entry = await made(api, "finance.officer.1", "payments", paid, division="110106017")
    await made(api, "finance.officer.1", "payments", {**paid, "state": "failed", "yuan": "9"}, division="110106017")
    path = f"/v1/registers/payments/entries/{entry}/change"
    await api.post("finance.officer.1", path, {"fields": {**paid, "state": "paid", "paid_on": DAY}})
    assert await sums("budget") == (1, 1000.1)
    assert await sums("payments") == (2, 409.05)
    assert await sums("payments", "field=state&value=paid") == (1, 400.05)
    assert await sums("payments", f"as_of={before}") == (0, 0)


@pytest.mark.requirement("R052")
async def test_parents_who_leave_without_an_arrangement_come_back_to_the_committee_until_they_have_stated_one(api):
    leaves = (TODAY + timedelta(days=20)).isoformat()
    family = {"family": "某家（化名）", "leaves_on": leaves, "urged_on": DAY, "arranged": "missing"}
    entry = await made(api, COMM, "departures", family)

    async def due(person):
        before_they_leave = f"{leaves}T00:00:00Z"
        rows = (await api.get(person, f"/v1/registers/due?by={before_they_leave}")).json()
        return entry in {row["subject"] for row in rows}

    assert (await due(COMM), await due(STREET_HEAD), await due(OTHER)) == (True, True, False)
    path = f"/v1/registers/departures/entries/{entry}/change"
    unsaid = await api.post(COMM, path, {"fields": {**family, "arranged": "delegated"}})
    assert [e["at"] for e in is_problem(unsaid, 422, "invalid_request")["errors"]] == ["/fields/stated"]
    await api.post(COMM, path, {"fields": {**family, "arranged": "delegated", "stated": "由外祖母照护"}})
    assert not await due(COMM)


@pytest.mark.requirement("R080")
async def test_a_committee_publicises_reports_and_helps_a_family_to_what_the_policy_gives(api):
    told = {"title": "保障政策入户宣传", "kind": "policy", "channel": "入户", "held_on": DAY, "reached": 60}
    await made(api, COMM, "publicity", told)
    form = {"kind": "application", "children": [{"residence_division": "110106012"}], "situations": ["application"]}
    filed = await api.report(COMM, reporter={"class": "committee"}, **form)
    child = (await api.progress(filed["case_id"]))["children"][0]["id"]
    helped = {"child": child, "what": "困境儿童生活保障", "case": filed["case_id"], "helped_on": DAY}
    unknown = is_problem(await add(api, OTHER, "assistance", helped), 422, "invalid_request")
    assert {e["at"] for e in unknown["errors"]} == {"/fields/child", "/fields/case"}
    entry = await made(api, STREET, "assistance", helped)
    shown = await entries(api, "civil.supervisor.1", "assistance")
    assert shown[entry]["fields"] == helped
