"""Benefits through the API: who decides, what the ledger keeps, what is refused with which code."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import select

from app.db import tables
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.db.service import Service
from app.domain.access import ENGINE
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.domain.working_time import BEIJING
from app.main import create_app
from app.policy.entitlement_rows import AmountRow
from app.policy.loader import load
from app.settings import Settings
from tests.api.conftest import Api
from tests.api.test_reports import is_problem

CIVIL = "civil.officer.1"
YUAN = {"B_DIFF": 1900, "B_DIS_LIVING": 400, "B_DIS_NURSING": 500, "B_TK": 2100}
CHOICE = {"benefit": "B_DIFF", "signed_on": "2026-01-05", "met": ["B_DIFF", "B_DIS_LIVING", "B_DIS_NURSING"],
          "still_open": ["B_TK"]}  # fmt: skip


def invented(raised):
    """Loads a pack with the invented amounts of CN-07, and these instead."""

    def load_with(version, written=None):
        rows = tuple(
            AmountRow(id=code, benefit=code, yuan=yuan, effective_from=date(2026, 1, 1), source="test", fictional=True)
            for code, yuan in (YUAN | raised).items()
        )
        pack = load(version, written)
        return replace(pack, file=pack.file.model_copy(update={"amounts": rows}))

    return load_with


@pytest.fixture
async def decide(api, case):
    child = (await api.progress(case))["children"][0]["id"]

    async def post(verb, person=CIVIL, **body):
        return await api.post(person, f"/v1/cases/{case}/{verb}", {"child_id": child, **body})

    return post


async def test_civil_affairs_grants_hears_and_stops_and_the_timeline_keeps_it(api, case, decide):
    grant = {"benefit": "TEMP_LIVING", "verdict": "grant", "yuan": "1200.00"}
    is_problem(await decide("benefit", "police.officer.1", **grant), 403, "not_allowed")
    assert (await decide("benefit", **grant)).json()["events"] == ["benefit_decided"]
    is_problem(await decide("benefit", **grant), 409, "benefit_held")
    stop = {"benefit": "TEMP_LIVING", "verdict": "stop", "note": "已回归家庭"}
    is_problem(await decide("benefit", **stop), 409, "hearing_needed")
    heard = {"benefit": "TEMP_LIVING", "heard_on": datetime.now(BEIJING).date().isoformat(), "note": "家庭无异议"}
    later = {**heard, "heard_on": (datetime.now(BEIJING).date() + timedelta(days=2)).isoformat()}
    is_problem(await decide("benefit-hearing", **later), 409, "date_in_future")
    assert (await decide("benefit-hearing", **heard)).status_code == 200
    assert (await api.progress(case))["benefits"][0]["yuan"] == "1200.00"
    assert (await decide("benefit", **stop)).status_code == 200
    assert (await api.progress(case))["benefits"] == []
    timeline = (await api.get("civil.supervisor.1", f"/v1/cases/{case}/timeline")).json()
    kinds = ("benefit_decided", "family_heard")
    said = [(entry["kind"], entry["note"]) for entry in timeline if entry["kind"] in kinds]
    assert said == [("benefit_decided", None), ("family_heard", "家庭无异议"), ("benefit_decided", "已回归家庭")]


@pytest.mark.requirement("R014")
async def test_a_benefit_that_stops_has_the_watch_look_how_the_child_lives(api, case, decide):
    child, ledger = (await api.progress(case))["children"][0]["id"], api.service.ledger

    async def warned():
        async with api.service.engine.connect() as conn:
            stored = select(tables.watches.c.progress["warnings"]).where(tables.watches.c.id == watch_id(child))
            return [one["rule"] for one in await conn.scalar(stored)]

    async with api.service.engine.begin() as conn:
        begin = BeginWatch(by=ENGINE, child_id=child, division="110106009", grade="low")
        await ledger.begin(conn, watch_id(child), begin)
    today = datetime.now(BEIJING).date().isoformat()
    given = {"benefit": "TEMP_LIVING", "yuan": "1200.00"}
    assert (await decide("benefit", **given, verdict="grant")).status_code == 200
    assert (await decide("benefit-hearing", benefit="TEMP_LIVING", heard_on=today, note="无异议")).status_code == 200
    assert await warned() == []
    stop = {"benefit": "TEMP_LIVING", "verdict": "stop", "note": "已回归家庭"}
    assert (await decide("benefit", **stop)).status_code == 200
    assert await warned() == ["a-benefit-stopped"]


async def test_two_of_the_group_are_refused_and_a_choice_waits_for_the_amounts(api, case, decide):
    assert (await decide("benefit", benefit="B_DIS2", verdict="grant", yuan="900")).status_code == 200
    said = is_problem(await decide("benefit", benefit="B_DIFF", verdict="grant", yuan="1900"), 409, "exclusive_group")
    assert said["held"] == ["B_DIS2"]
    said = is_problem(await decide("benefit", benefit="B_DB", verdict="grant"), 409, "notice_is_silent")
    assert (await decide("benefit", benefit="B_DB", verdict="grant", other_policy=True)).status_code == 200
    choice = {"benefit": "B_DIFF", "signed_on": "2026-01-05", "met": ["B_DIFF", "B_DIS_NURSING"]}
    said = is_problem(await decide("benefit-choice", **choice), 409, "comparison_incomplete")
    assert said["amounts"] == ["B_DIFF", "B_DIS_NURSING"], "no amount is shipped as a fact"


async def test_payers_answer_in_their_order(api, case, decide):
    assert (await decide("bill", yuan="10000")).json()["events"] == ["bill_opened", "duty_opened"]
    pay = f"/v1/cases/{case}/bill-payer"
    first = {"bill_id": "bill-1", "payer": "MED_BASIC", "approved": "6000"}
    is_problem(await api.post("police.officer.1", pay, first), 403, "not_allowed")
    is_problem(await api.post(CIVIL, pay, {**first, "payer": "CHARITY"}), 409, "payer_out_of_turn")
    is_problem(await api.post(CIVIL, pay, {**first, "bill_id": "bill-9"}), 404, "bill_not_found")
    is_problem(await api.post(CIVIL, pay, {**first, "approved": "-1"}), 422, "invalid_request")
    assert (await api.post(CIVIL, pay, first)).status_code == 200
    (bill,) = (await api.progress(case))["bills"]
    assert [(step["payer"], step["left"]) for step in bill["payments"]] == [("MED_BASIC", "4000")]
    (asked,) = (await api.get(CIVIL, f"/v1/cases/{case}/procedures")).json()["open"]
    assert (asked["subject"], asked["outcomes"]) == ("medical_costs.ask:bill-1", []), "the payers' answers end it"


@pytest.fixture
async def with_amounts(engine, api):
    """The same service under rules with the invented amounts of CN-07 and a higher living support."""

    raised: dict[str, int] = {}
    service = Service(engine, Ledger(invented(raised), "fengtai-2026.1"), Receipts(b"secret of the tests"))
    transport = httpx2.ASGITransport(create_app(Settings(), given=service), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://shouhu.test") as http:
        yield Api(http, service), raised


@pytest.mark.requirement("R017")
async def test_a_new_standard_shows_which_decisions_it_touches_and_lowers_none(with_amounts):
    api, raised = with_amounts
    case = (await api.report())["case_id"]
    child = (await api.progress(case))["children"][0]["id"]
    assert (await api.post(CIVIL, f"/v1/cases/{case}/benefit-choice", {"child_id": child, **CHOICE})).status_code == 200

    async def now(**yuan):
        raised.clear()
        raised.update(yuan)
        api.service.ledger._packs.clear()  # as another release would read the rules
        (held,) = (await api.get(CIVIL, f"/v1/cases/{case}/benefits")).json()
        page = (await api.get("civil.supervisor.1", "/v1/benefits/touched?limit=200")).json()
        touched = [r["benefit"] for one in page["items"] if one["id"] == case for r in one["touched"]]
        assert touched == ([] if held["move"] == "stay" else ["B_DIFF"])
        return held["move"], held["yuan"], held["offer"]

    assert await now() == ("stay", "1900", [])
    assert await now(B_DIFF=2000) == ("raise", "2000", [])
    assert await now(B_DIS_LIVING=1500) == ("offer_higher", "1900", ["B_DIS2"])
    assert await now(B_DIFF=1800) == ("hear_before_cut", "1900", ["B_DIFF"])
