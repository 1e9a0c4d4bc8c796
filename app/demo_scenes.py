"""Scenes beside the main course of a played case: a link is undone, an inquiry finds no child, a standard is raised, an amount is cut."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.demo_people import People, Refusal
from app.domain.benefits import Benefit
from app.domain.terms import Agency
from app.domain.working_time import BEIJING, day_of
from app.policy.benefit_answers import invented_amounts
from app.policy.loader import DEMO, HERE, texts

CIVIL, POLICE = "civil.officer.1", "police.officer.1"
RAISED = f"demonstration-of-a-raise{DEMO}"
INQUIRY = {"kind": "detention_inquiry", "reporter": {"class": "police"}, "children": [], "situations": []}
NONE_ALONE = {"note": "已询问：无未成年子女需要委托监护（演示）"}


async def undo_a_link(people: People, reporter: str, form: dict[str, Any], primary: str) -> bool:
    """One more report of the same child is linked, by mistake stands by itself again with a search of its own, and is linked for good."""
    path = f"/v1/cases/{(await people.post(reporter, '/v1/reports', form))['case_id']}"
    await people.post(POLICE, f"{path}/link", {"primary": primary})
    await people.post(POLICE, f"{path}/unlink")
    alone = (await people.get(POLICE, path))["progress"]
    await people.post(POLICE, f"{path}/link", {"primary": primary})
    return alone["linked_to"] is None and any(leg["agency"] == Agency.RESCUE for leg in alone["referrals"])


async def ask_in_vain(people: People) -> bool:
    """The police ask a detained person, who has no child; whether that stands in the ledger, with its answer."""
    path = f"/v1/cases/{(await people.post('police.reporter.1', '/v1/reports', INQUIRY))['case_id']}"
    (leg,) = (await people.get(POLICE, path))["progress"]["referrals"]
    await people.post(POLICE, f"{path}/referrals/{leg['id']}/accept")
    none = {**NONE_ALONE, "outcome": "no_children", "record": {"asked_on": datetime.now(BEIJING).date().isoformat()}}
    await people.post(POLICE, f"{path}/referrals/{leg['id']}/complete", none)
    await people.post(POLICE, f"{path}/answer", NONE_ALONE)
    await people.post(POLICE, f"{path}/closure-proposal", {"reason": "police_closed"})
    await people.post("police.head.1", f"{path}/closure-approval")
    timeline = await people.get(POLICE, f"{path}/timeline")
    return any(row.get("outcome") == "no_children" for row in timeline) and timeline[-1]["kind"] == "case_closed"


async def raise_and_cut(people: People, case_id: str, example: Mapping[str, Any]) -> dict[str, bool]:
    """A living support is granted, the standard rises, and then somebody wants to cut it: only once the family was heard."""
    path = f"/v1/cases/{case_id}"
    now = (await people.get(CIVIL, path))["progress"]
    held = {"child_id": now["children"][0]["id"], "benefit": Benefit.B_DIFF}
    await people.post(CIVIL, f"{path}/benefit", {**held, "verdict": "grant", "yuan": 1900})
    await people.post("civil.supervisor.1", "/v1/policy/versions", {"files": _raised(now["policy"], example)})
    read = await people.get("conf.supervisor.1", f"/v1/policy/versions/{RAISED}/changes")
    await people.post("conf.supervisor.1", f"/v1/policy/versions/{RAISED}/approval", {"comparison": read["digest"]})
    await people.post("civil.supervisor.1", f"{path}/move-policy", {"version": RAISED})
    (received,) = await people.get(CIVIL, f"{path}/benefits")
    cut = {**held, "verdict": "change", "yuan": 1000, "note": "按新情况核减（演示）"}
    try:
        await people.post(CIVIL, f"{path}/benefit", cut)
        unheard = ""
    except Refusal as refusal:
        unheard = refusal.args[0]
    today = day_of(datetime.now(UTC)).isoformat()
    await people.post(CIVIL, f"{path}/benefit-hearing", {**held, "heard_on": today, "note": "已听取意见（演示）"})
    await people.post(CIVIL, f"{path}/benefit", cut)
    return {"raised": received["move"] == "raise", "heard_first": unheard == "hearing_needed"}


def _raised(shipped: str, example: Mapping[str, Any]) -> dict[str, str]:
    """These rules with the invented amounts of the case file, each a hundred yuan higher, in force from tomorrow."""
    written = texts(HERE / shipped.removesuffix(DEMO))
    amounts = [
        row.model_copy(update={"yuan": row.yuan + 100}).model_dump(mode="json") for row in invented_amounts(example)
    ]
    tomorrow = day_of(datetime.now(UTC)) + timedelta(days=1)
    head = re.sub(r"(?m)^name: .*$", f"name: {RAISED}", written["triage.yaml"])
    head = re.sub(r"(?m)^effective_from: .*$", f"effective_from: {tomorrow}", head)
    tables = re.sub(r"(?m)^amounts: .*$", lambda _: f"amounts: {json.dumps(amounts)}", written["entitlements.yaml"])
    return {**written, "triage.yaml": head, "entitlements.yaml": tables}
