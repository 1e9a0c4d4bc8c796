"""A child whom nobody has reported: registered where it lives, verified by the street, then watched like any other."""

import pytest

from app.api import patience, search
from app.domain.guessing import Allowance
from app.domain.terms import Grade
from app.domain.watch import watch_id
from tests.api.test_ledgers import AWAY, book, of
from tests.api.test_reports import is_problem

DIVISION = "110106023"
COMMITTEE, STREET, CIVIL = f"comm-{DIVISION}.officer.1", f"street-{DIVISION}.officer.1", "civil.officer.1"
CHILD = {"name": "单小禾（化名）", "sex": "male", "birth_date": "2017-03-04", "residence": "看丹示例路5号"}
KNOWN = ("110106201609080013", "11010620160908003X", "110106201609080056")
FOUND = {"child": CHILD, "family": AWAY, "found": "left_behind", "grade": "high", "evidence": "入户排查"}


async def register(api, person=COMMITTEE, headers=None, **changes):
    return await api.post(person, "/v1/children", {**FOUND, **changes}, headers)


async def verify(api, person, made, found="unclear", **said):
    """核实 of a registration, after comparing it with the files that it may be a double of."""
    file = f"/v1/children/{made['child_id']}"
    like = (await api.get(person, f"{file}/duplicates")).json()["files"]
    compared = [{"child_id": one["child_id"], "found": found} for one in like]
    return await api.post(person, f"{file}/changes/{made['change']}/pass", {"compared": compared, **said})


async def watched(api, desk=COMMITTEE):
    return {row["child_id"]: row for row in (await api.get(desk, "/v1/watches?limit=200")).json()["items"]}


@pytest.mark.requirement("R013", "R051", "R080")
async def test_a_left_behind_child_is_registered_verified_and_watched_by_its_grade(api, key):
    once = {"Idempotency-Key": key}
    first = (await register(api, headers=once)).json()
    again = (await register(api, headers=once)).json()
    child = first["child_id"]
    assert (again["child_id"], again["replayed"], first["waits_for"]) == (child, True, f"STREET-{DIVISION}")
    assert first["proposed"] in [grade.value for grade in Grade]
    assert child not in await watched(api)
    assert not of(await book(api, COMMITTEE, "work"), child), "what nobody has verified stands in no ledger"
    waiting = [(await api.get(who, "/v1/ledgers/due")).json()[0]["registered"] for who in (COMMITTEE, STREET)]
    file = (await api.opened(STREET, f"/v1/children/{child}")).json()
    assert (file["fields"]["name"]["value"], file["fields"]["name"]["by"]) == ("单小禾（化名）", COMMITTEE)
    assert file["fields"]["registration"]["waiting"]["change"] == first["change"]
    path = f"/v1/children/{child}/changes/{first['change']}/pass"
    is_problem(await api.post(COMMITTEE, path), 403, "not_your_desk")
    assert (await verify(api, STREET, first, note="已入户核实")).status_code == 200
    assert [one - 1 for one in waiting] == [
        (await api.get(who, "/v1/ledgers/due")).json()[0]["registered"] for who in (COMMITTEE, STREET)
    ], "both are told how many"
    row = (await watched(api))[child]
    assert (row["grade"], row["desk"], row["case_id"]) == ("high", f"COMM-{DIVISION}", None)
    (line,) = of(await book(api, COMMITTEE, "work"), child)
    assert (line["categories"], line["guardian_names"], line["grade"]) == (["留守儿童"], ["华*", "李*"], "高风险")
    history = (await api.get(STREET, f"/v1/children/{child}/history")).json()
    assert [(one["kind"], one["by"]) for one in history] == [
        ("change_entered", COMMITTEE), ("change_passed", STREET), ("watch_began", "engine"),
    ]  # fmt: skip


@pytest.mark.requirement("R003", "R053")
async def test_what_the_district_recognises_goes_on_to_the_district_while_the_watch_has_begun(api):
    given = await register(api, STREET, found="moved_in", household={"on_minimum_living": "yes"}, grade="low")
    assert given.status_code == 201, given.text
    entered = given.json()
    child, path = entered["child_id"], f"/v1/children/{given.json()['child_id']}/changes"
    is_problem(await verify(api, STREET, entered), 409, "second_person_needed")
    head = f"street-{DIVISION}.head.1"
    assert (await verify(api, head, entered)).status_code == 200
    assert (await watched(api))[child]["grade"] == "low"
    assert (await api.post(head, f"{path}/{entered['means_change']}/pass")).json()["waits_for"] == "CIVIL"
    assert (await api.post(CIVIL, f"{path}/{entered['means_change']}/pass")).json()["waits_for"] is None
    file = (await api.get(COMMITTEE, f"/v1/children/{child}")).json()
    assert file["fields"]["means"]["value"] == {"on_minimum_living": "yes"}
    assert "D1" in confirmed(file)


@pytest.mark.requirement("R003", "R076")
async def test_means_that_are_recognised_make_the_category_and_means_that_are_not_recognised_end_it(api):
    said = {"on_minimum_living": "yes"}
    unsaid = (await register(api, child={**CHILD, "name": "单小黍（化名）"})).json()
    claimed = (await register(api, child={**CHILD, "name": "单小稷（化名）"}, household=said)).json()
    for entered in (unsaid, claimed):
        assert (await verify(api, STREET, entered)).status_code == 200
    path = f"/v1/children/{unsaid['child_id']}/changes"
    change = (await api.post(COMMITTEE, path, {"field": "means", "value": said, "evidence": "低保证"})).json()["change"]
    assert "D1" not in await file_of(api, unsaid), "what somebody entered counts once it is recognised"
    assert "D1" in await file_of(api, claimed)
    for person in (STREET, CIVIL):
        assert (await api.post(person, f"{path}/{change}/pass")).status_code == 200
    path = f"/v1/children/{claimed['child_id']}/changes/{claimed['means_change']}"
    assert (await api.post(STREET, f"{path}/pass")).status_code == 200
    assert (await api.post(CIVIL, f"{path}/reject", {"reason": "evidence_missing"})).status_code == 200
    assert ("D1" in await file_of(api, unsaid), "D1" in await file_of(api, claimed)) == (True, False)
    family = await book(api, COMMITTEE, "family")
    stands = ["家庭贫困儿童" in of(family, one["child_id"])[0]["categories"] for one in (unsaid, claimed)]
    assert stands == [True, False]
    visit = {"finding": "well", "form": {}}
    assert (await api.post(COMMITTEE, f"/v1/watches/{watch_id(unsaid['child_id'])}/visits", visit)).status_code == 200
    assert of(await book(api, COMMITTEE, "guardianship_supervision"), unsaid["child_id"])
    told = (await api.get(STREET, f"/v1/children/{unsaid['child_id']}/history")).json()
    assert [row["value"] for row in told if row["section"] == "categories"] == [["D1", "LB"]]


def confirmed(file):
    return {one["code"] for one in file["categories"] if one["status"] == "confirmed"}


async def file_of(api, entered):
    return confirmed((await api.get(COMMITTEE, f"/v1/children/{entered['child_id']}")).json())


@pytest.mark.requirement("R055")
async def test_a_registered_child_at_risk_is_a_report_in_one_step_with_all_that_is_known(api):
    entered = (await register(api, child={**CHILD, "name": "单小麦（化名）"})).json()
    await verify(api, STREET, entered)
    risk = {"finding": "at_risk", "situations": ["unguarded"], "note": "夜间独自在家"}
    visit = await api.post(COMMITTEE, f"/v1/watches/{watch_id(entered['child_id'])}/visits", risk)
    assert visit.status_code == 200, visit.text
    content = (await api.opened("police.officer.1", f"/v1/cases/{visit.json()['report']}")).json()["content"]
    assert (content["children"][0]["name"], content["children"][0]["division"]) == ("单小麦（化名）", DIVISION)
    seen = (await api.get("civil.supervisor.1", f"/v1/children/{entered['child_id']}")).json()
    assert [case["id"] for case in seen["cases"]] == [visit.json()["report"]]


async def test_a_registration_that_is_not_taken_begins_nothing_and_is_no_strangers(api):
    entered = (await register(api)).json()
    child, path = entered["child_id"], f"/v1/children/{entered['child_id']}"
    for stranger in ("comm-110106001.officer.1", "street-110106001.head.1", "school.reporter.1", "admin.1"):
        is_problem(await api.get(stranger, path), 404, "child_not_found")
    rejected = await api.post(STREET, f"{path}/changes/{entered['change']}/reject", {"reason": "not_confirmed"})
    assert rejected.status_code == 200, rejected.text
    assert child not in await watched(api)
    assert (await api.get(COMMITTEE, path)).status_code == 200
    for person in ("police.officer.1", "civil.officer.1", "village.reporter.1"):
        is_problem(await register(api, person), 403, "not_allowed")
    is_problem(
        await api.post(COMMITTEE, f"{path}/changes", {"field": "registration", "value": "x"}), 403, "not_allowed"
    )


@pytest.mark.requirement("R101")
async def test_an_offence_stands_in_no_registration_and_in_no_ledger(api):
    offence = {**CHILD, "name": "单小谷（化名）", "not_prosecuted": "yes", "procuratorate_confirms": "yes"}
    entered = (await register(api, child=offence)).json()
    child = entered["child_id"]
    await verify(api, STREET, entered)
    (line,) = of(await book(api, COMMITTEE, "work"), child)
    assert line["categories"] == ["留守儿童"]
    assert "D7" not in (await api.get(COMMITTEE, f"/v1/children/{child}")).text


async def test_a_double_is_told_before_it_is_registered_to_whoever_may_see_it_and_masked(api, key):
    child = {**CHILD, "name": "单知秋（化名）", "birth_date": "2016-09-08"}
    once = {"Idempotency-Key": key}
    given = {**FOUND, "child": child}
    first = (await register(api, headers=once, child=child)).json()["child_id"]
    (told,) = (await api.post(STREET, "/v1/children/alike", given)).json()
    assert (told["child_id"], told["name"], told["birth_date"], told["verified"]) == (first, "单*", "2016-**-**", False)
    assert "same_birth_date" in [reason["code"] for reason in told["reasons"]]
    assert (await api.post(COMMITTEE, "/v1/children/alike", given, once)).json() == [], "it is no double of itself"
    assert (await api.post("comm-110106005.officer.1", "/v1/children/alike", given)).json() == [], "out of their sight"
    is_problem(await api.post("edu.officer.1", "/v1/children/alike", given), 403, "not_allowed")
    row = (await api.get(COMMITTEE, f"/v1/children/{first}")).json()
    assert (row["masked"], row["watch"]) == (True, None)
    path = f"/v1/children/{first}/changes/{row['fields']['registration']['waiting']['change']}/reject"
    assert (await api.post(STREET, path, {"reason": "not_confirmed"})).status_code == 200
    assert (await api.post(STREET, "/v1/children/alike", given)).json() == [], "what was returned is no file"


async def test_numbers_that_are_tried_on_files_count_as_searches_that_found_nobody(api, monkeypatch):
    few = Allowance(what="numbers that are tried on files", most=3)
    for module in (patience, search):
        monkeypatch.setattr(module, "NUMBERS", few)
    known, wrong, other = KNOWN
    child = {**CHILD, "name": "单映雪（化名）", "birth_date": "2016-09-08"}
    kept = (await register(api, STREET, child={**child, "id_no": known})).json()["child_id"]

    def asked(number):
        return api.post(COMMITTEE, "/v1/children/alike", {**FOUND, "child": {**child, "id_no": number}})

    found = [(await asked(number)).text for number in (known, known, wrong)]
    assert ["same_id" in one for one in found] == [True, True, False], "what is found uses up nothing"
    made = (await register(api, child={**child, "id_no": other})).json()["child_id"]
    like = f"/v1/children/{made}/duplicates"
    assert [(await api.get(COMMITTEE, path)).status_code for path in (like, f"{like}/{kept}")] == [200, 200]
    refused = [await api.get(COMMITTEE, like), await api.get(COMMITTEE, f"{like}/{kept}"), await asked(known)]
    refused.append(await api.post(COMMITTEE, "/v1/search/children", {"id_no": known}))
    for answer in refused:
        is_problem(answer, 429, "too_many_guesses")
    colleague = COMMITTEE.replace("officer", "head")
    tried = [(await api.get(colleague, like)).status_code for _ in range(4)]
    assert tried == [200, 200, 200, 429], "the numbers of whoever sits beside them, or of a second account"
    for _ in range(4):
        compared = await api.get("civil.supervisor.1", f"{like}/{kept}")
        assert compared.status_code == 200, "who gave none of the numbers guesses at none"
