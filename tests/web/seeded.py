"""Cases of the pages' tests in several states, made through the API by the people of the district; late ones were filed in the past."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx2
from sqlalchemy import insert

from app.db import tables
from app.db.alike import suggest
from app.db.ledger import Ledger
from app.db.owed import open_all, opening
from app.db.receipts import Receipts
from app.db.service import Service
from app.demo_people import People, Refusal
from app.domain.access import ENGINE
from app.domain.owed import Matter
from app.domain.terms import Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.main import create_app
from app.policy.loader import load
from app.settings import Settings
from app.workbook import MEDIA_TYPE
from tests.api.workbooks import sheet

DIVISION = "110106017"
POLICE, CIVIL = "police.officer.1", "civil.officer.1"
LONG_NAME = "阿卜杜热合曼·买买提依明·图尔荪江（化名，姓名很长，用来看版面）"
LONG_TEXT = "已连续三天无人接送，电话无人接听，邻居称父母外出务工未归。" * 40 + "https://example.invalid/" + "x" * 160
INERT = '<img src=x onerror="document.title=1"><b hx-get="/v1/me" hx-trigger="load">x</b>'
"""Typed by somebody who means ill; every page has to show it as the text that it is."""


def report(name="示例甲（化名）", **changes):
    """A report of a school about one child."""
    child = {"name": name, "sex": "female", "birth_date": "2016-03-04", "residence_division": DIVISION, "alone_now": "yes",
             "school": "示例小学（化名）", "school_stage": "primary"}  # fmt: skip
    mother = {
        "relation": "母",
        "name": "示例母（化名）",
        "facts": {"relation": "mother", "whereabouts": "missing", "reachable": "no"},
    }
    return {
        "reporter": {"class": "school", "org": "示例小学（化名）", "name": "示例老师（化名）", "phone": "010-00001234"},
        "children": [child], "family": [mother], "situations": ["unguarded", "living_alone"],
        "narrative": "连续三天无人接送，电话无人接听。", **changes,
    }  # fmt: skip


def in_the_past(stack, owner, ago):
    """People who act on the running service's database at that time before now."""
    receipts = Receipts(stack.environment()["SHOUHU_RECEIPT_SECRET"].encode())
    ledger = Ledger(load, "fengtai-2026.1", clock=lambda: datetime.now(UTC) - ago)
    app = create_app(Settings(), given=Service(owner, ledger, receipts))
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://shouhu.test")
    return People(http, stack.tokens)


async def watch_of(owner, people, case_id, division=DIVISION, ago=timedelta()):
    """The watch over the child of a case, with the committee there; its id."""
    child = (await people.get("civil.supervisor.1", f"/v1/cases/{case_id}"))["progress"]["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=child, case_id=case_id, division=division, grade=Grade.HIGH)
    async with owner.begin() as conn:
        await Ledger(load, "fengtai-2026.1").begin(conn, watch_id(child), begin, now=datetime.now(UTC) - ago)
    return watch_id(child)


async def leg_of(people, case_id, agency, person="civil.supervisor.1"):
    """The newest leg of an agency."""
    progress = (await people.get(person, f"/v1/cases/{case_id}"))["progress"]
    return [leg["id"] for leg in progress["referrals"] if leg["agency"] == agency][-1]


async def called(people, account):
    """The name by which pages show somebody."""
    (found,) = await people.get("conf.supervisor.1", f"/v1/names?id={account}")
    return found["name"]


async def seed_cases(stack, people, owner):
    """Case_id and receipt of a case that waits, is accepted, returned, late, long, means ill, is answered; and the id of a watch."""
    made = {}

    async def filed(name, form, by=people):
        made[name] = await by.post("school.reporter.1", "/v1/reports", form)
        return f"/v1/cases/{made[name]['case_id']}", await leg_of(by, made[name]["case_id"], "POLICE")

    await filed("waiting", report("示例甲（化名）"))
    case, leg = await filed("accepted", report("示例乙（化名）"))
    await people.post(POLICE, f"{case}/referrals/{leg}/accept")
    case, leg = await filed("returned", report("示例丙（化名）"))
    await people.post(POLICE, f"{case}/referrals/{leg}/return", {"reason": "missing_contact", "note": "请补充联系电话"})
    await filed("late", report("示例丁（化名）"), in_the_past(stack, owner, timedelta(days=3, hours=2)))
    await filed("long", report(LONG_NAME, narrative=LONG_TEXT))
    await filed("inert", report(INERT, narrative=INERT))
    case, leg = await filed("answered", report("示例戊（化名）"))
    await people.post(POLICE, f"{case}/referrals/{leg}/accept")
    await people.post(CIVIL, f"{case}/answer", {"note": "孩子已安全，后续帮扶已落实。感谢您的报告。"})
    asked = {
        "case": made["answered"]["case_id"],
        "reason": "child_found",
        "note": f"夜间站前发现儿童，核对身份 {INERT}",
    }
    await people.post("housing.officer.1", "/v1/emergency-reads", asked)
    asked = {"case": made["waiting"]["case_id"], "reason": "desk_unreachable", "note": "经办单位电话无人接听"}
    glass = await people.post("housing.officer.1", "/v1/emergency-reads", asked)
    verdict = {"verdict": "justified", "note": "已电话核实"}
    await people.post("conf.supervisor.1", f"/v1/emergency-reads/{glass['id']}/verdict", verdict)
    twin = report("示列甲（化名）")
    twin["children"][0] |= {"school": "示例小学三年级（化名）", "phone": "13900001111"}
    await filed("twin", twin)
    made["watched"] = {"case_id": await watch_of(owner, people, made["answered"]["case_id"])}
    await _warned(people, made["watched"]["case_id"])
    await _due(people, owner, made)
    made |= await _checks(people, owner)
    return made


async def _warned(people, watch):
    """A warning that waits, and parents who are away."""
    committee, away = f"comm-{DIVISION}.officer.1", {"name": f"示例祖母（化名）{INERT}"}
    seen = {"finding": "needs_help", "note": "祖母住院", "form": {"guardianship": "nobody"}}
    await people.post(committee, f"/v1/watches/{watch}/visits", seen)
    arranged = {
        "delegate": away,
        "relation": "grandparent",
        "is_adult": True,
        "is_able": True,
        "leaves_on": "2026-03-01",
    }
    await people.post(committee, f"/v1/watches/{watch}/arrangement", arranged)


async def verify(people, person, made):
    """核实 of a registration, after comparing it with the files that it may be a double of."""
    file = f"/v1/children/{made['child_id']}"
    like = (await people.get(person, f"{file}/duplicates"))["files"]
    compared = [{"child_id": one["child_id"], "found": "unclear"} for one in like]
    await people.post(person, f"{file}/changes/{made['change']}/pass", {"compared": compared})


async def _checks(people, owner):
    """Books that differ, a signal that waits and two files of one child, at one street."""
    street, committee, now = "street-110106002.officer.1", "comm-110106002.officer.1", datetime.now(UTC)
    ledger, files = Ledger(load, "fengtai-2026.1"), []
    for name in ("华静怡（化名）", "华婧怡（化名）"):
        child = {"name": name, "sex": "female", "birth_date": "2015-08-09", "residence": "示例路1号"}
        given = {"child": child, "found": "in_difficulty", "grade": "low", "evidence": "入户排查"}
        asked = await people.post(committee, "/v1/children", given)
        await verify(people, street, asked)
        files.append(asked["child_id"])
    moved = {"field": "school", "value": "示例二小（化名）", "seen": 0, "evidence": f"学籍卡 {INERT}"}
    await people.post(committee, f"/v1/children/{files[0]}/changes", moved)
    async with owner.begin() as conn:
        await suggest(conn, files, now)
        differs = opening(Matter.BOOKS, "of_age", files[0], "COMM-110106002", "110106002", "books_check")
        vacant = opening(
            Matter.VACANCY, "staff:division-supervisor", "110106002", "STREET-110106002", "110106002", "vacancy"
        )
        await open_all(conn, ledger, [differs, vacant], now)
    heard = {"name": "华经怡（化名）", "residence_division": "110106002"}
    noticed = {"id": "kq-1", "count": 4, "text": "连续四日无故缺勤", "child": heard}
    await people.post("school.reporter.1", "/v1/signals", {"signals": [noticed]})
    (held,) = (await people.get(street, "/v1/signals/held"))["items"]
    try:
        opened = await people.post("civil.supervisor.1", "/v1/rounds", {"code": "community_survey"})
    except Refusal:  # the schedule has opened today's
        rounds = (await people.get("civil.supervisor.1", "/v1/rounds"))["items"]
        opened = next(one for one in rounds if one["code"] == "community_survey")
    ids = {
        "owed": differs.owed_id, "signal": held["id"], "pair": "/".join(sorted(files)), "sheet": await _sent(people, street),
        "changed": files[0], "round": opened["id"],
    }  # fmt: skip
    ids |= await _registers(people, street, files[1])
    return {name: {"case_id": one} for name, one in ids.items()}


async def _registers(people, street, child):
    """A community with its director and a child, and one without."""

    async def entered(register, **fields):
        return (await people.post(street, f"/v1/registers/{register}/entries", {"fields": fields}))["id"]

    first, _ = [await entered("communities", name=name) for name in ("示例一社区", f"示例二社区 {INERT}")]
    director = {
        "post": "director",
        "name": "示例主任（化名）",
        "full_time": "full",
        "checked_on": "2026-01-05",
        "account": "comm-110106002.officer.1",
    }
    post = await entered("staff", community=first, **director)
    placed = await people.post(
        director["account"], f"/v1/children/{child}/changes", {"field": "community", "value": first}
    )
    await people.post(street, f"/v1/children/{child}/changes/{placed['change']}/pass")
    return {"post": post}


async def _sent(people, street):
    """A workbook with a mistake, a column that is not entered and a column of the sender's own."""
    heads = ("姓名", "出生日期", "身份证号", "最近走访", "备注 <b>")
    wrong = ("华新来（化名）", "2015-13-40", "110106201508090011", "2026-11-02", INERT)
    sent = await people.http.post(
        "/v1/sheets?book=information",
        content=sheet(heads, wrong),
        headers=people._signed(street) | {"Content-Type": MEDIA_TYPE},
    )
    job = sent.json()["id"]
    async with asyncio.timeout(30):
        while (await people.get(street, f"/v1/sheets/{job}"))["state"] in ("waiting", "running"):
            await asyncio.sleep(0.1)
    return job


async def _due(people, owner, made):
    """Lines of the list of destruction, a hold, and a proposal that waits for its second person."""
    now = datetime.now(UTC)
    lines = [
        {
            "subject_id": made[name]["case_id"], "kept": "case", "case_id": made[name]["case_id"], "rule": "case_10y_21",
            "due_on": now.date(), "held": False, "listed_at": now,
        }
        for name in ("waiting", "late")
    ]  # fmt: skip
    async with owner.begin() as conn:
        await conn.execute(insert(tables.disposals), lines)
    held = {"reason": "litigation", "note": f"抚养权诉讼未结 {INERT}"}
    await people.post("civil.supervisor.1", f"/v1/retention/{made['late']['case_id']}/holds", held)
    asked = {
        "act": "delete",
        "parameters": {"case": made["waiting"]["case_id"]},
        "reason": "retention_over",
        "note": INERT,
    }
    await people.post("conf.supervisor.1", "/v1/approvals", asked)
