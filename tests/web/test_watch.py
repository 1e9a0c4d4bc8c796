"""What a watch asks for besides the visit, from its page: a warning is verified, parents keep in touch and come back, the watch ends."""

import re
from datetime import UTC, datetime, timedelta

from app.db.ledger import Ledger
from app.domain.access import ENGINE
from app.domain.handover import OfferWatch
from app.domain.visit import RaiseWarning
from app.domain.watch import watch_id
from app.domain.working_time import day_of
from app.policy.loader import load
from tests.web.seeded import DIVISION as SEEDED
from tests.web.seeded import report, watch_of

DIVISION = "110106009"
COMMITTEE, STREET = f"comm-{DIVISION}.officer.1", f"street-{DIVISION}.officer.1"
FAMILY = {
    "a-name": "示例祖母（化名）",
    "a-relation": "grandparent",
    "a-leaves_on": "2026-03-01",
    "a-is_adult": "yes",
    "place": "a-",
}

LIST = {"community": "none"}
"""From which the child was opened, and to which every step goes back."""


async def test_a_warning_is_verified_parents_are_asked_after_and_the_watch_ends(as_person, people):
    child = {"name": "华小守（化名）", "id_no": "110106201803049981", "birth_date": "2018-03-04"}
    given = {"child": child, "found": "left_behind", "grade": "high", "evidence": "入户排查"}
    asked = await people.post(COMMITTEE, "/v1/children", given)
    await people.post(STREET, f"/v1/children/{asked['child_id']}/changes/{asked['change']}/pass")
    path = f"/visits/{watch_id(asked['child_id'])}"
    http = await as_person(COMMITTEE)
    heard = {"id": "kq-watched", "count": 4, "text": "华小守连续四日缺勤", "child": child}
    await people.post("school.reporter.1", "/v1/signals", {"signals": [heard]})
    page = (await http.get(path)).text
    assert "来源单位所报：次数 4" in page, "whoever verifies is told how often"
    assert "连续四日缺勤" not in page
    (warning,) = [one["number"] for one in await warnings(people)]
    await people.post(COMMITTEE, f"/v1/watches{path[7:]}/warnings/{warning}/verify", {"outcome": "no_risk"})
    seen = {
        "seen_in_person": "yes",
        "finding": "needs_help",
        "guardianship": "nobody",
        "acknowledged": "refused",
        "facts.household.low_income": "low_income=yes",
        "facts.father.place": "whereabouts=dead",
        "facts.mother.place": "whereabouts=dead",
        "p": "",
    }
    ahead = await http.post(path, data=seen | {"visited_on": "2099-01-02"})
    assert (ahead.status_code, "走访日期不能晚于今天" in ahead.text) == (409, True)
    assert '<option value="low_income=yes" selected>' in ahead.text
    assert (await http.post(path, data=seen)).status_code == 303
    (visit,) = (await people.get(COMMITTEE, f"/v1/children/{asked['child_id']}"))["visits"]
    assert set(visit["categories"]) == {"D1", "D2"}, "poor, and an orphan"
    listed = (await http.get("/visits")).text
    assert listed.count("预警待核实") >= 2
    page = (await http.get(f"{path}?community=none")).text
    assert all(said in page for said in ("无人监护", "拒绝确认监护责任", "有 2 项预警待核实：先在上面核实，再结束监测"))
    assert page.count('name="community" value="none"') == page.count(f'<form method="post" action="{path}"') > 4
    first, second = (one["number"] for one in await warnings(people))
    place = f"w{first}-"
    unclear = await http.post(
        path, data={"verb": "warning", "place": place, f"{place}number": first, f"{place}outcome": "risk"}
    )
    assert (unclear.status_code, "请选择情形" in unclear.text) == (422, True)
    helped = {"verb": "warning", "place": place, f"{place}number": first, f"{place}outcome": "help"}
    done = await http.post(path, data=helped | LIST)
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?community=none"), done.text
    name = re.search(r'/owed/(owed-[0-9a-f]+)"', (await http.get("/owed?matter=help")).text)[1]
    page = (await http.get(f"/owed/{name}")).text
    assert "已做了哪些帮扶" in page
    assert f'href="/children/{asked["child_id"]}"' in page, "what was done is said of a child whose file is at hand"
    assert (await http.post(f"/owed/{name}", data={"note": "已送米面，协助申请临时救助"})).status_code == 303
    assert name not in (await http.get("/owed?matter=help")).text
    unfit = await http.post(path, data=FAMILY | {"verb": "arrangement", "a-grounds": "addiction", "a-is_able": "yes"})
    assert unfit.status_code == 409, unfit.text
    assert (await http.post(path, data=FAMILY | {"verb": "arrangement", "a-is_able": "yes"})).status_code == 303
    assert "登记已联系" in (await http.get(path)).text
    for verb, place in (("contact", "c-"), ("return", "b-")):
        done = await http.post(path, data={"verb": verb, "place": place} | LIST)
        assert (done.status_code, done.headers["location"]) == (303, f"{path}?community=none"), done.text
    assert "登记已联系" not in (await http.get(path)).text
    place = f"w{second}-"
    risk = {f"{place}number": second, f"{place}outcome": "risk", f"{place}situations": "unguarded", f"{place}note": "x"}
    done = await http.post(path, data=risk | {"verb": "warning", "place": place} | LIST)
    assert (done.status_code, done.headers["location"]) == (303, "/visits?community=none"), done.text
    two = {"guardians": [{"relation": "father"}, {"relation": "father"}]}
    await people.post(
        COMMITTEE, f"/v1/watches{path.removeprefix('/visits')}/visits", {"finding": "well", "form": {"facts": two}}
    )
    page = (await http.get(path)).text
    assert ("facts.father." in page, "facts.mother." in page, "不止一位父亲：" in page) == (False, True, True)
    old = {
        "seen_in_person": "yes",
        "finding": "at_risk",
        "situations": "unguarded",
        "facts.father.place": "whereabouts=home",
        "p": "",
        "community": "none",
    }
    sent = await http.post(path, data=old)  # a page that was opened before
    assert sent.headers["location"] == "/visits?done=true&unclear=true&community=none", "the list that was shown"
    told = (await http.get(sent.headers["location"])).text
    assert told.count("没有记入") == 2, "once in what the script may say"
    assert (await http.post(path, data={"verb": "end", "place": "e-", "e-reason": "risk_ended"})).status_code == 422
    ended = {"verb": "end", "place": "e-", "e-reason": "risk_ended", "e-sure": "yes"}
    unsaid = await http.post(path, data=ended)
    assert (unsaid.status_code, "须书面说明理由" in unsaid.text) == (409, True)
    ended["e-note"] = "母亲已返家照料"
    assert (await (await as_person(STREET)).post(path, data=ended)).status_code == 404, (
        "to the street's officers there is none"
    )
    done = await http.post(path, data=ended | LIST)
    assert (done.status_code, done.headers["location"]) == (303, "/visits?community=none"), done.text
    assert (await http.get(path)).status_code == 404
    for head in (f"comm-{DIVISION}.head.1", f"street-{DIVISION}.head.1"):
        told = await as_person(head)
        page = (await told.get("/notices")).text
        assert ("结束监测" in page, f"/children/{asked['child_id']}" in page) == (True, True), head
        page = (await told.get(f"/children/{asked['child_id']}")).text
        assert ("监测已结束" in page, "母亲已返家照料" in page) == (True, True), "and why, in the words of who ended it"
        assert 0 < page.find('id="ended"') < page.find('id="next"'), "before all that the file says besides"


async def test_a_list_that_was_chosen_is_shown_again_after_a_child_was_taken_over(as_person, people, owner, seeded):
    """A warning there leads to its page, and back to the same list."""
    http, rules = await as_person("comm-110106002.officer.1"), Ledger(load, "fengtai-2026.1")
    case = (await people.post("school.reporter.1", "/v1/reports", report("示例壬（化名）")))["case_id"]
    coming = await watch_of(owner, people, case)
    async with owner.begin() as conn:
        await rules.record(conn, coming, OfferWatch(by=ENGINE, division="110106002"))
    page = (await http.get("/visits?community=all")).text
    (form,) = [
        one
        for one in re.findall(r'<form[^>]*action="/visits/take">.*?</form>', page, re.S)
        if f'value="{coming}"' in one
    ]
    taken = await http.post("/visits/take", data=dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form)))
    assert (taken.status_code, taken.headers["location"]) == (303, "/visits?community=all")
    async with owner.begin() as conn:
        await rules.record(conn, coming, RaiseWarning(by=ENGINE, rule="x", basis=("x",), urgent=False))
    page = (await http.get("/visits?community=all")).text
    assert f'href="/visits/{coming}?community=all#warnings"' in page
    end = {"verb": "end", "place": "e-", "e-reason": "moved_and_handed_over", "e-sure": "yes"}
    waits = await http.post(f"/visits/{coming}", data=end)
    assert (waits.status_code, "请先核实预警" in waits.text) == (409, True)
    end["e-reason"] = "died"
    assert (await http.post(f"/visits/{coming}", data=end)).headers["location"] == "/visits", "opened from no list"


async def test_whoever_sends_an_older_visit_is_told_that_its_grade_was_left_out(as_person, people, owner):
    case = (await people.post("school.reporter.1", "/v1/reports", report("示例辛（化名）")))["case_id"]
    path = f"/visits/{await watch_of(owner, people, case, ago=timedelta(days=3))}"
    http, seen = await as_person(f"comm-{SEEDED}.officer.1"), {"seen_in_person": "yes", "finding": "well", "p": ""}
    yesterday = str(day_of(datetime.now(UTC)) - timedelta(days=1))
    for sent, told in ((seen | {"grade": "high"}, False), (seen | {"grade": "low", "visited_on": yesterday}, True)):
        done = await http.post(path, data=sent)
        assert done.status_code == 303, done.text
        page = (await http.get(done.headers["location"])).text
        assert page.count("未采用") == 1 + told, "once in what the script may say"


async def warnings(people):
    rows = (await people.get(COMMITTEE, "/v1/watches?limit=200"))["items"]
    return next(row["warnings"] for row in rows if row["warnings"])
