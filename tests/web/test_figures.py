"""统计: what the public answered stands beside the outcomes, for whoever oversees the district, and nothing that few have said."""

import re
from datetime import datetime, timedelta

import httpx2
from sqlalchemy import update

from app.db.surveys import quarter_of, survey_answers
from app.domain.working_time import BEIJING
from tests.web.seeded import DIVISION, report, watch_of

SUPERVISOR, SURVEY = "civil.supervisor.1", "/v1/surveys"


async def test_visits_of_few_are_a_dash(as_person, people, owner):
    case = (await people.post("school.reporter.1", "/v1/reports", report("示例癸（化名）")))["case_id"]
    watch = await watch_of(owner, people, case)
    await people.post(f"comm-{DIVISION}.officer.1", f"/v1/watches/{watch}/visits", {"finding": "well"})
    page = (await (await as_person(SUPERVISOR)).get("/statistics")).text
    visits = re.findall(r'<td data-l="走访"><div>(.*?)</div></td>', page)
    assert "—" in visits, "a visit of a street where there were few"
    overdue = re.findall(r'<td data-l="期末逾期未访"><div>(.*?)</div></td>', page)
    assert len(overdue) == len(visits)
    assert all(one == "—" or one == "0" or int(one) >= 5 for one in visits + overdue)
    table = re.search(
        r'<div class="scroll pinned" tabindex="0" [^>]*各街道乡镇，[^>]*><table>(.*?)</table>', page, re.S
    )
    assert table, "a line for each street on a phone as well, not a card of eleven"
    assert table[1].count("<tr>") == len(visits) + 1


async def results(overseer):
    page = (await overseer.get("/statistics")).text
    card = re.search(r'id="survey-satisfaction".*?</section>', page, re.S)[0]
    rows = [re.findall(r"<div>(.*?)</div>", row) for row in re.findall(r"<tr>(.*?)</tr>", card, re.S)[1:]]
    return {row[0]: row[1:] for row in rows}


async def test_the_public_is_asked_and_what_it_answered_is_shown_without_what_few_have_said(as_person, stack, owner):
    overseer = await as_person(SUPERVISOR)
    for wrong in ("", "0", "501", "x"):
        answer = await overseer.post("/statistics", data={"survey": "satisfaction", "satisfaction-count": wrong})
        assert (answer.status_code, 'id="satisfaction-count-error"' in answer.text) == (422, True), wrong
        ids = re.findall(r' id="([^"]+)"', re.search(r'id="survey-satisfaction".*?</section>', answer.text, re.S)[0])
        assert [one for one in ids if "satisfaction" not in one] == [], (
            "another questionnaire of the page has ids of its own"
        )
    made = (await overseer.post("/statistics", data={"survey": "satisfaction", "satisfaction-count": "7"})).text
    codes = re.findall(r"/survey/satisfaction#([0-9A-Z-]+)", made)
    assert len(codes) == 7
    async with httpx2.AsyncClient(base_url=stack.url) as public:
        for n, code in enumerate(codes):
            given = {"code": code, "marks": {"help": 4, "overall": 5 if n < 5 else 1}}
            assert (await public.post(f"{SURVEY}/answers", json=given)).status_code == 201
    assert (await results(overseer))["帮扶是否有效"][0] == "0", "the quarter is not over"
    before = quarter_of(quarter_of(datetime.now(BEIJING).date()) - timedelta(1))
    async with owner.begin() as conn:
        await conn.execute(update(survey_answers).values(month=before))
    by_question = await results(overseer)
    assert by_question["帮扶是否有效"] == ["7", "4.00", "0", "0", "0", "7", "0"]
    answered, mean, *marks = by_question["总体满意度"]
    assert (answered, mean, marks.count("—")) == ("7", "—", 5), "two people gave the lowest mark"
    assert by_question["报告途径是否方便"][0] == "0"
    page = (await overseer.get("/statistics")).text
    quarter = re.search(r'<select name="since">.*?<option value="(\d{4}-(?:01|04|07|10))">\d{4} Q[1-4]<', page, re.S)[1]
    assert quarter == f"{before:%Y-%m}", "the last that is over"
    some = (await overseer.get(f"/statistics?since={quarter}&until={quarter}")).text
    assert some.count(f'<option value="{quarter}" selected') >= 2
    assert "<div>4.00</div>" in some, "what was answered in a month of it"
    head = await as_person("civil.head.1")
    shown = await head.get("/statistics")
    assert (shown.status_code, "survey-satisfaction" in shown.text) == (200, False)
    refused = await head.post("/statistics", data={"survey": "satisfaction", "satisfaction-count": "1"})
    assert (refused.status_code, "/survey/satisfaction#" in refused.text) == (403, False)
