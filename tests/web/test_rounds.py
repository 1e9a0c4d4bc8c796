"""A community is asked, answers on a page, and whoever holds the round sees it."""

import re

COMMITTEE, SUPERVISOR = "comm-110106005.officer.1", "civil.supervisor.1"


async def test_a_community_answers_with_a_child_at_risk_and_its_holder_sees_it(as_person, people, seeded):
    path = f"/rounds/{seeded['round']['case_id']}"
    committee, holder = await as_person(COMMITTEE), await as_person(SUPERVISOR)
    assert path in (await committee.get("/rounds")).text
    sent = {
        "idempotency_key": re.search(r'name="idempotency_key" value="([^"]*)"', (await committee.get(path)).text)[1]
    }
    unclear = await committee.post(path, data=sent)
    assert (unclear.status_code, "请填写排查人数" in unclear.text) == (422, True)
    risk = sent | {"screened": "312", "found": "yes", "name": "华小园（化名）", "joined": ["WF"]}
    assert (await committee.post(path, data=risk)).status_code == 422, "which risk?"
    risk |= {"situations": ["living_alone"], "narrative": "独自在家"}
    further = (await committee.post(path, data=risk | {"more": "1"})).text
    assert ('value="华小园（化名）"' in further, 'id="child-2"' in further, 'id="name_2"' in further) == (
        True,
        True,
        True,
    )
    assert path in (await committee.get("/rounds")).text, "nothing was sent yet"
    risk |= {"children": "2", "name_2": "华小田（化名）", "birth_date_2": "2017-02-31"}
    wrong = await committee.post(path, data=risk)
    assert (wrong.status_code, 'id="birth_date_2-error"' in wrong.text, 'id="situations_2-error"' in wrong.text) == (
        422,
        True,
        True,
    )
    risk |= {"birth_date_2": "2017-01-01", "situations_2": ["unguarded"]}
    assert (await committee.post(path, data=risk | {"found": "no"})).status_code == 422, (
        "nobody who was written down is lost"
    )
    done = await committee.post(path, data=risk)
    assert done.status_code == 303, done.text
    listed = (await committee.get("/rounds")).text
    assert ("没有待报送的排查" in listed, "已报送，可补充" in listed) == (True, True)
    page = (await committee.get(path)).text
    assert ("补充报送" in page, "排查 312 名，发现 2 名" in page, "未报送的单位" in page) == (True, True, False)
    sent = {"idempotency_key": re.search(r'name="idempotency_key" value="([^"]*)"', page)[1]}
    added = sent | {"screened": "0", "found": "yes", "name": "华小圃（化名）", "situations": ["missing"]}
    assert (await committee.post(path, data=added)).status_code == 303
    assert "排查 312 名，发现 3 名" in (await committee.get(path)).text
    (row,) = [one for one in (await people.get(SUPERVISOR, f"/v1{path}/units"))["items"] if one["returned_at"]]
    assert (row["screened"], row["found"], row["joined"]) == (312, 3, ["WF"])
    listed = (await holder.get("/rounds")).text
    assert ("1 / 26" in listed, "进行中" in listed) == (True, True)
    assert "南苑街道" in (await holder.get(path)).text
    rates = (await holder.get(f"{path}?rates=true")).text
    assert f'href="{path}?rates=true" aria-current="page"' in rates
    table = rates[rates.index('id="rates"') :]
    assert (table.count("<tr>"), "%" in table, "从未报送" in table) == (27, False, True), "each unit, and the head"
    assert (table.count("已报送"), table.count("待报送")) == (1, 25), "a round that is not due is no rate yet"
    silent = (await holder.get(f"{path}?missing=true")).text
    assert "南苑街道" not in re.sub(r"<nav.*?</nav>", "", silent, flags=re.S)
    table = silent[silent.index('id="units"') :]
    assert (table.count("<tr>"), table.count("<th "), table.count("—")) == (26, 2, 0), "what none of them can have told"


async def test_a_community_names_whom_it_found_and_registered(as_person, people, seeded):
    path, who = f"/rounds/{seeded['round']['case_id']}", "comm-110106016.officer.1"
    committee = await as_person(who)
    empty = (await committee.get(path)).text
    assert ("没有可以报送的建档儿童" in empty, 'href="/children/new"' in empty) == (True, True)
    child = {"name": "华新苗（化名）", "birth_date": "2018-05-06", "residence": "示例路3号"}
    given = {"child": child, "found": "in_difficulty", "grade": "low", "evidence": "排查"}
    made = (await people.post(who, "/v1/children", given))["child_id"]
    page = (await committee.get(path)).text
    assert ('name="registered" value="' + made in page, "华新苗" in page, "华*" in page) == (True, False, True)
    sent = {"idempotency_key": re.search(r'name="idempotency_key" value="([^"]*)"', page)[1], "screened": "50"}
    for said, words in (
        ({"found": "registered"}, "请勾选发现并已建档的儿童"), ({"found": "no", "registered": [made]}, "已勾选建档儿童"),
        ({"found": "registered", "registered": ["ch-none"]}, "所列儿童不是本辖区登记建档"),
    ):  # fmt: skip
        wrong = await committee.post(path, data=sent | said)
        assert (wrong.status_code >= 400, words in wrong.text) == (True, True), words
    assert (await committee.post(path, data=sent | {"found": "registered", "registered": [made]})).status_code == 303
    rows = (await people.get(SUPERVISOR, f"/v1{path}/units"))["items"]
    assert {row["unit"]: row["found"] for row in rows if row["returned_at"]}["COMM-110106016"] == 1
    school, pupil = await as_person("school.reporter.1"), {**given["child"], "name": "华小苗（化名）"}
    page = (await school.get("/children/new")).text
    assert ('name="residence_division"' in page, 'name="health"' in page, "/books" in page) == (True, False, False)
    said = (
        pupil | {name: given[name] for name in ("found", "grade")} | {"evidence": "学期排查", "school_class": "一年级"}
    )
    asked = await school.post("/children/new", data=said)
    assert (asked.status_code, 'id="residence_division-error"' in asked.text) == (422, True)
    done = await school.post("/children/new", data=said | {"residence_division": "110106016"})
    assert (done.status_code, done.headers["location"]) == (303, "/rounds?done=registered")
    assert "由孩子居住地的街道（乡镇）核实" in (await school.get("/rounds?done=registered")).text


async def test_a_school_stands_there_by_its_name_in_the_list(as_person, people):
    school = {"name": "丰台示例学校（化名）", "unit": "unit-school-1", "kind": "primary"}
    await people.post("edu.officer.1", "/v1/registers/schools/entries", {"fields": school})
    begun = await people.post(SUPERVISOR, "/v1/rounds", {"code": "school_screening"})
    holder = await as_person("edu.officer.1")
    for query in ("", "?missing=true", "?rates=true"):
        page = (await holder.get(f"/rounds/{begun['id']}{query}")).text
        assert ("丰台示例学校（化名）" in page, "unit-school-1" in page) == (True, True), query
