"""What a person tells by page: two files that were joined are parted again, by two persons as they were joined."""

import re

from tests.web.seeded import POLICE, report, verify

DIVISION = "110106004"
COMMITTEE, STREET, CIVIL = f"comm-{DIVISION}.officer.1", f"street-{DIVISION}.officer.1", "civil.officer.1"


async def registered(people, name):
    given = {
        "child": {"name": name, "sex": "female", "birth_date": "2017-08-09"},
        "found": "in_difficulty", "grade": "low", "evidence": "入户排查",
    }  # fmt: skip
    made = await people.post(COMMITTEE, "/v1/children", given)
    await verify(people, STREET, made)
    return made["child_id"]


async def verified(people, child):
    waiting = (await people.get(STREET, f"/v1/children/{child}"))["fields"]
    change = next(one["waiting"]["change"] for one in waiting.values() if (one.get("waiting") or {}).get("other"))
    await people.post(STREET, f"/v1/children/{child}/changes/{change}/pass")


async def test_files_that_were_joined_are_parted_again_by_page(as_person, people):
    one, other = [await registered(people, name) for name in ("华小合（化名）", "华晓合（化名）")]
    committee = await as_person(COMMITTEE)
    pair = f"/duplicates/{one}/{other}"
    asked = await committee.post(pair, data={"decision": "same", "evidence": "同一户口簿"})
    assert asked.headers["location"] == "/duplicates"
    (kept,) = [
        child for child in (one, other)
        if any((field.get("waiting") or {}).get("other") for field in (await people.get(STREET, f"/v1/children/{child}"))["fields"].values())
    ]  # fmt: skip
    joined = other if kept == one else one
    await verified(people, kept)
    page = (await committee.get(f"/children/{joined}")).text
    assert f'href="/duplicates/{kept}/{joined}"' in page, "the file that is kept says what was joined to it"
    form = (await committee.get(f"/duplicates/{kept}/{joined}")).text
    assert ('value="apart"' in form, 'value="same"' in form) == (True, False)
    unsaid = await committee.post(f"/duplicates/{kept}/{joined}", data={"evidence": "x"})
    assert (unsaid.status_code, 'value="apart"' in unsaid.text) == (422, True)
    asked = await committee.post(
        f"/duplicates/{kept}/{joined}", data={"decision": "apart", "evidence": "两名儿童均已到场"}
    )
    assert asked.headers["location"] == f"/children/{kept}?done=changed"
    assert "拆分档案" in (await committee.get(asked.headers["location"])).text, "it waits for the street"
    await verified(people, kept)
    assert (await people.get(STREET, f"/v1/children/{joined}"))["id"] == joined
    assert "已合并的档案" not in (await committee.get(f"/children/{kept}")).text


async def test_a_registration_that_may_be_a_double_is_compared_before_it_is_verified(as_person, people):
    stands = await registered(people, "华小苗（化名）")
    given = {
        "child": {"name": "华小苗（化名）", "sex": "female", "birth_date": "2017-08-09", "residence_division": DIVISION},
        "found": "left_behind", "grade": "high", "evidence": "学期排查",
    }  # fmt: skip
    made = await people.post("school.reporter.1", "/v1/children", given)
    child, change, street = made["child_id"], str(made["change"]), await as_person(STREET)
    several = await street.post("/changes", data={"file": f"{child}:{change}"})
    assert (several.status_code, "请先比对，说明是否另一个孩子" in several.text) == (409, True)
    path, passes = f"/changes/{child}", {"verb": "pass", "change": change}
    page = (await street.get(path)).text
    assert f'href="/duplicates/{child}/{stands}"' in page
    unclear = dict.fromkeys(re.findall(r'name="(found-[^"]+)" value="unclear"', page), "unclear")
    assert "认定" in (await street.get(f"/duplicates/{child}/{stands}")).text
    unseen = await street.post(path, data=passes)
    assert (unseen.status_code, 'id="alike-error"' in unseen.text) == (409, True)
    assert (await street.post(path, data=passes | unclear)).status_code == 303
    assert (await people.get(STREET, f"/v1/children/{child}"))["watch"]["grade"] == "high"


async def test_from_the_page_of_the_earlier_report_the_later_one_is_linked_to_it(as_person, people):
    form = {**report("司徒小禾（化名）"), "about": ["police.officer.2"]}
    earlier = (await people.post("school.reporter.1", "/v1/reports", form))["case_id"]
    later = (await people.post("school.reporter.1", "/v1/reports", report("司徒小禾（化名）")))["case_id"]
    officer = await as_person(POLICE)
    assert "是同一情况，另一案并入本案" in (await officer.get(f"/cases/{earlier}/duplicates/{later}")).text
    asked = await officer.post(f"/cases/{earlier}/do/link", data={"primary": later, "note": "同一情况", "go": "yes"})
    assert asked.status_code == 303
    shown = (await officer.get(asked.headers["location"])).text
    assert f'value="{earlier}" selected' in shown
    assert ">同一情况</textarea>" in shown, "and the reasons need not be typed again"
    said = {"primary": earlier, "note": "同一情况", "go": "yes"}
    done = await officer.post(asked.headers["location"], data=said)
    assert done.headers["location"] == f"/cases/{later}?done=link"
    stands = (await people.get("civil.supervisor.1", f"/v1/cases/{earlier}"))["progress"]
    assert (stands["linked_to"], stands["followers"]) == (None, [later])


async def test_what_lies_at_an_office_that_a_case_is_about_is_done_by_another_on_its_pages(as_person, people):
    """The change of the child's file at civil affairs in place of the street, a duty of the police once it is given on."""
    form = {**report("公孙小移（化名）"), "about": ["POLICE"]}
    form["about"].append(f"STREET-{form['children'][0]['residence_division']}")
    case, overseer = (await people.post("school.reporter.1", "/v1/reports", form))["case_id"], "conf.supervisor.1"
    child = (await people.get(overseer, f"/v1/cases/{case}"))["progress"]["children"][0]["id"]
    said = {"field": "school", "value": "示例三小（化名）"}
    change = (await people.post("civil.officer.2", f"/v1/children/{child}/changes", said))["change"]
    civil = await as_person("civil.officer.1")
    assert f'href="/changes/{child}"' in (await civil.get("/changes")).text
    page = f"/changes/{child}"
    assert "示例三小" in (await civil.get(page)).text
    assert (await civil.post(page, data={"verb": "pass", "change": str(change)})).status_code == 303
    assert (await people.get("civil.officer.1", f"/v1/children/{child}"))["fields"]["school"][
        "value"
    ] == "示例三小（化名）"
    above, duty = await as_person(overseer), f"/cases/{case}/duties/confirm_safety"
    assert f'href="{duty}/reassign"' in (await above.get(duty)).text
    assert f'href="{duty}/reassign"' not in (await civil.get(duty)).text
    given = await above.post(f"{duty}/reassign", data={"to": "CIVIL", "note": "公安机关回避", "go": "yes"})
    assert given.status_code == 303, given.text
    duties = (await people.get(overseer, f"/v1/cases/{case}"))["progress"]["duties"]
    assert [(one["desk"], one["is_open"]) for one in duties if one["code"] == "confirm_safety"] == [
        ("POLICE", False), ("CIVIL", True),
    ]  # fmt: skip


async def test_of_two_changes_of_one_field_the_page_shows_both_and_passes_one(as_person, people):
    child = await registered(people, "华小双（化名）")
    changes = [
        (await people.post(person, f"/v1/children/{child}/changes", {"field": "health", "value": said}))["change"]
        for person, said in ((COMMITTEE, "听力良好"), (f"street-{DIVISION}.head.1", "视力良好"))
    ]
    civil, page = await as_person(CIVIL), f"/changes/{child}"
    shown = (await civil.get(page)).text
    assert ("听力良好" in shown, "视力良好" in shown, " checked>" in shown) == (True, True, False)
    several = await civil.post("/changes", data={"file": f"{child}:{changes[0]} {changes[1]}"})
    assert several.status_code == 409, "the list does not say which"
    looked = dict(re.findall(r'name="((?:of|seen)_\d+)" value="([^"]*)"', shown)) | {"verb": "pass"}
    both = await civil.post(page, data=looked | {"change": [str(one) for one in changes]})
    assert (both.status_code, "只能核实其中一项" in both.text) == (422, True)
    assert (await civil.post(page, data=looked | {"change": str(changes[0])})).status_code == 303
    late = await civil.post(page, data=looked | {"change": str(changes[1])})
    assert (late.status_code, "听力良好" in late.text) == (409, True)
    returned = {"verb": "reject", "reason": "not_confirmed", "change": str(changes[1])}
    assert (await civil.post(page, data=returned)).status_code == 303
    stands = (await people.get(COMMITTEE, f"/v1/children/{child}"))["fields"]["health"]
    assert (stands["value"], stands.get("waiting")) == ("听力良好", None)


async def test_whom_a_signal_may_be_about_is_read_in_the_file_and_the_signal_decided_by_page(as_person, people):
    child = await registered(people, "华小讯（化名）")
    heard = {"name": "华小迅（化名）", "birth_date": "2017-08-09", "residence_division": DIVISION}
    said = {"id": "kq-checks", "count": 4, "text": "连续四日无故缺勤", "child": heard}
    await people.post("school.reporter.1", "/v1/signals", {"signals": [said]})
    (held,) = (await people.get(STREET, "/v1/signals/held"))["items"]
    street, path = await as_person(STREET), f"/signals/{held['id']}"
    page = (await street.get(path)).text
    assert f'<a href="/children/{child}" target="_blank"' in page, "a score alone says of nobody who it is"
    unsaid = await street.post(path, data={"outcome": "child"})
    assert (unsaid.status_code in (409, 422), f'value="{child}"' in unsaid.text) == (True, True)
    done = await street.post(path, data={"outcome": "child", "child_id": child, "note": "电话核实"})
    assert done.status_code == 303, done.text
    assert (await people.get(STREET, "/v1/signals/held"))["items"] == []
    await people.post(
        "school.reporter.1",
        "/v1/signals",
        {"signals": [{**said, "id": "kq-nothing", "child": {"residence_division": DIVISION}}]},
    )
    (ended,) = (await people.get(STREET, "/v1/signals/held"))["items"]
    assert (await street.post(f"/signals/{ended['id']}", data={"outcome": "false_alarm"})).status_code == 303
    oversees = await as_person("civil.supervisor.1")
    assert "/signals?dismissed=true" in (await oversees.get("/signals")).text
    assert f'href="/signals/{ended["id"]}"' in (await oversees.get("/signals?dismissed=true")).text
    one = (await oversees.get(f"/signals/{ended['id']}")).text
    assert ("连续四日无故缺勤" in one, 'name="outcome"' in one) == (True, False), "it is read, and decided no more"
