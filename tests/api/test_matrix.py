"""Every cell of docs/access.md is asked of the running API, no route is missing in it, and no access rule can go unnoticed."""

import hashlib
import re
import secrets
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import delete, insert

from app.api import child_matrix
from app.api import matrix as table
from app.api.work import EXAMPLES, ON_CASE, ON_DUTY, ON_REFERRAL
from app.db import tables
from app.db.keys import PREFIX
from app.domain import access, sight
from app.domain.access import Action, Relation
from app.domain.terms import Role
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import upload

PASSED = ("stale_version", "unknown_policy")
"""Codes that only somebody reads who is allowed: the rules of access are asked first."""
NEVER_SO_FAR = {"If-Match": "999999999"}
"""A version that no case has: whoever is allowed is told what has changed since, and nothing happens."""
SEATS = [table.seat(relation, role) for role in table.ROLES for relation in Relation]
BODIES = {
    "file_report": {"children": [{}]},
    "judge_emergency_read": {"verdict": "justified", "note": "x."},
    "set_legal_hold": {"reason": "audit", "note": "核对"},
    "make_compliance_paper": {"kind": "impact"},
    "lift_legal_hold": {"reason": "ended"},
    "propose_act": {"act": "export", "parameters": {"ledger": "none"}, "reason": "verify", "note": "核对"},
    **{
        name: {"need": "verify", "note": "核对"}
        for name in ("open_case_in_full", "open_signal_in_full", "open_entry_in_full")
    },
    "decide_signal": {"outcome": "false_alarm"},
    "open_sealed": {"ground": "case_handling", "request": "（2026）京0106刑初88号"},
    "confirm_year": {"year": 2099, "days": [], "reason": "x"},
    "propose_policy": {"files": {}},
    "approve_policy": {"comparison": "0" * 40},
    "simulate_case": {"case": {}},
    "rehearse_case": {"case": {}},
    "keep_task_view": {"name": "x"},
    "invite_to_survey": {"count": 1},
    "add_person": {"id": "matrix.new", "name": "x", "desk": "no-such"},
    "move_person": {"desk": "CIVIL"},
    "give_roles": {"roles": []},
    "search_children": {"name": "示例无此人（化名）", "birth_date": "2016-03-04"},
    "send_signals": {"signals": [{"id": "matrix", "text": "无", "child": {"name": "示例无此人（化名）"}}]},
    "appoint_deputy": {
        "person_id": "nobody",
        "deputy_id": "nobody.else",
        "from_at": "2099-01-01T00:00:00Z",
        "until_at": "2099-01-02T00:00:00Z",
    },
    "issue_key": {"unit": "unit-none", "scopes": ["report:create"], "label": "x"},
    "rotate_key": {},
    "open_round": {"code": table.ROUND},
    "answer_round": {"unit": "x", "screened": 0, "nothing_found": True},
    "add_entry": {"fields": {}},
    "change_entry": {"fields": {}},
    "end_entry": {"reason": "over"},
    "make_entry_link": {"unit": "unit-matrix", "agency": "SCHOOL", "desk": "SCHOOL", "reporter_class": "school"},
}
LISTS = ("own_reports", "list_cases", "tasks", "stalled", "notices")
NOT_DONE = ("open_round",)
"""Asked of those alone who may not: it would be there for every later test."""
COUNTS = ("touched_benefits", "findings", "on_time", "overview", "stalled_counts", "notices")
"""The owner and the supervisors are told of the full views and emergency reads of the others in this very test."""


def routes():
    """Every route that has a name in the API, by it."""
    named = iter_route_contexts(create_app(Settings()).routes)
    return {r.operation_id: (r.path, next(iter(r.methods))) for r in named if getattr(r, "operation_id", None)}


def test_every_route_has_a_row_and_the_table_is_the_one_that_people_read():
    rows = {name.partition(" · ")[0] for name in table.matrix()}
    named = [*rows, *child_matrix.RULES, *table.OPEN]
    assert set(named) == set(routes()), "each route stands in one of the tables"
    assert len(named) == len(set(named))
    assert table.TABLE.read_text("utf-8") == table.written(), "run ./shouhu access --write and read what changed"


OF_CHILDREN = {"child_id", "children", "birth_date", "watch_id"}
ELSEWHERE = {"read_signal": "test_signals.py", "decide_signal": "test_signals.py", "round_registered": "test_rounds.py"}
"""Of the desk that holds a signal and the unit that a round asks: nobody in the seats of the tables is that."""


def named_in(described, schemas, seen=()):
    """Every field of an answer, however deep."""
    for name, value in described.items() if isinstance(described, dict) else enumerate(described):
        if name == "$ref" and value not in seen:
            yield from named_in(schemas[value.rpartition("/")[2]], schemas, (*seen, value))
        elif isinstance(value, dict | list):
            yield from value if name == "properties" else ()
            yield from named_in(value, schemas, seen)


def test_whatever_tells_of_a_child_asks_what_somebody_is_to_the_child_or_the_case():
    """A row of the own things, whatever the role, or of things that none of the seats has says nothing of who sees a child."""
    document = create_app(Settings()).openapi()
    silent = {name for name, (_, rule) in table.RULES.items() if rule in (table.signed_in, table._nothing)}
    telling = set()
    for path, item in document["paths"].items():
        for operation in item.values():
            answers = [said for code, said in operation["responses"].items() if code < "3"]
            told = {*re.findall(r"{(\w+)}", path), *named_in(answers, document["components"]["schemas"])}
            telling |= {operation["operationId"]} if told & OF_CHILDREN else set()
    assert {"read_child", "watches", "read_case"} <= telling
    assert silent & telling == set(ELSEWHERE)


RULES = [(access.CASE_RULES, action) for action in access.CASE_RULES if action is not Action.READ_CASE]
ASKED = {asks for asks, _ in table.matrix().values()}
RULES += [(access.OFFICE_RULES, action) for action in access.OFFICE_RULES if action.value in ASKED]
"""Those that no route of the table asks have theirs in tests/domain/test_access.py."""


def what_signing_systems_may():
    """Without a key, as they speak through /v1/callbacks: no scope stands before the rules."""
    seats = [table.seat(relation, Role.MACHINE).model_copy(update={"scopes": None}) for relation in Relation]
    return [[rule(who) for who in seats] for _, rule in table.matrix().values()]


@pytest.mark.parametrize(("rules", "action"), RULES, ids=[action.value for _, action in RULES])
def test_a_rule_that_is_taken_away_changes_the_table(rules, action, monkeypatch):
    before = what_signing_systems_may()
    monkeypatch.setitem(
        rules, action, (lambda actor: True) if rules is access.OFFICE_RULES else lambda actor, subject: None
    )
    assert table.written() != table.TABLE.read_text("utf-8") or before != what_signing_systems_may()


def test_the_desks_of_the_sight_taken_away_change_the_table(monkeypatch):
    monkeypatch.setattr(sight, "_desks", lambda actor: ())
    assert table.written() != table.TABLE.read_text("utf-8")


@asynccontextmanager
async def seating(api, seats):
    """Somebody in every seat, each with a token, for as long as this takes."""
    tokens = {who.person_id: ("" if who.scopes is None else PREFIX) + secrets.token_hex(8) for who in seats}
    now, digests = (
        api.service.ledger.clock(),
        {one: hashlib.sha256(token.encode()).hexdigest() for one, token in tokens.items()},
    )
    rows = [
        {
            "id": who.person_id, "name": "", "agency": who.agency.value, "desk": who.desk, "division": who.division, "unit": who.unit,
            "roles": [role.value for role in who.roles], "token_hash": digests[who.person_id],
        }
        for who in seats
        if who.scopes is None
    ]  # fmt: skip
    given = [
        {
            "id": who.person_id, "digest": digests[who.person_id], "unit": who.unit or who.desk, "agency": who.agency.value,
            "desk": who.desk, "division": who.division, "scopes": list(who.scopes), "label": "", "made_by": "matrix", "made_at": now,
            "expires_at": now + timedelta(1),
        }
        for who in seats
        if who.scopes is not None
    ]  # fmt: skip
    people = tables.people
    async with api.service.engine.begin() as conn:
        for table, made in ((people, rows), (tables.api_keys, given)):
            if made:
                await conn.execute(insert(table), made)
    yield {person: {"Authorization": f"Bearer {token}"} for person, token in tokens.items()}
    async with api.service.engine.begin() as conn:
        await conn.execute(delete(people).where(people.c.id.in_(tokens)))
        await conn.execute(delete(tables.api_keys))


@pytest.fixture(scope="module")
async def seated(api):
    async with seating(api, SEATS) as headers:
        yield headers


@pytest.fixture(scope="module")
async def case(api):
    """Civil affairs lead, the police and they have legs, education sent its leg away; the hotline reported it."""
    child = {"residence_division": "110106023", "school_stage": "primary"}
    case_id = (await api.report("hotline.reporter.1", children=[child], situations=["living_alone"]))["case_id"]
    leg = await api.leg(case_id, "EDU")
    moved = await api.post(
        "edu.officer.1", f"/v1/cases/{case_id}/referrals/{leg}/pass-on", {"to": "CIVIL", "reason": "not_competent"}
    )
    assert moved.status_code == 200, moved.text
    return case_id


@pytest.fixture(scope="module")
async def photo(api, case):
    """A file of the case."""
    ours = await upload(api, "police.officer.1")
    noted = await api.post("police.officer.1", f"/v1/cases/{case}/notes", {"files": [ours]})
    assert noted.status_code == 200, noted.text
    return ours


def sign_of(route, part, answer, case):
    """What the answer means in the table."""
    if answer.status_code in (404, 409) and answer.json()["code"] in PASSED:
        return table.YES
    if answer.status_code != 200:
        return table.CODES.get(answer.status_code, table.YES)
    if route in LISTS:
        return table.YES if case in answer.text else table.NOTHING
    return table.REFUSED if part and part not in answer.json() else table.YES


class Caller:
    """Calls a route by its name, as somebody, about the case. `ids` name further things that are there; else there are none."""

    def __init__(self, api, seated, case, child, duty, photo, ids=None):
        self.http, self.seated, self.case, self.child, self.names = api.http, seated, case, child, routes()
        self.commands = {
            f"{prefix}_{verb}".replace("-", "_"): command
            for prefix, made in (("referral", ON_REFERRAL), ("duty", ON_DUTY), ("case", ON_CASE))
            for verb, (command, _) in made.items()
        }
        self.duty, self.photo, self.ids = duty, photo, ids or {}

    def body(self, name):
        if name == "case_link":
            return {"primary": self.case}
        if name == "break_glass":
            return {"case": self.case, "reason": "medical", "note": "核对"}
        return EXAMPLES.get(self.commands[name], {"note": "x"}) if name in self.commands else BODIES.get(name)

    async def __call__(self, who, name, leg):
        path, method = self.names[name]
        subject = self.duty if name.startswith("duty") else self.case if name in ("erase", "set_legal_hold") else leg
        about = {
            "case_id": self.case, "child_id": self.child, "subject_id": subject, "notice_id": 0, "number": 0,
            "deputy_row": 0, "version": "no-such", "survey": "satisfaction", "file_id": self.photo, "link_id": "link-none",
            "approval_id": "approval-none", "hold_id": "hold-none", "paper_id": "paper-none", "view_id": "view-none",
            "other_id": "case-none", "read_id": "glass-none", "signal_id": "signal-none", "sheet_id": "sheet-none",
            "month": "2026-01-01", "code": table.REGISTER, "entry_id": "entry-none", "round_id": "round-none", "key_id": "key-none",
            "paper": "summary",
            "person_id": "nobody.at.all",
        } | self.ids  # fmt: skip
        asked = {"limit": 200} if name in LISTS else {"year": 2026} if name == "calendar" else {}
        asked |= {"since": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"} if name == "scorecard" else {}
        asked |= {"code": table.ROUND} if name == "round_rates" else {}
        asked |= {"against": "no-such"} if path.startswith("/v1/policy/versions/{version}/") else {}
        while True:
            answer = await self.http.request(
                method, path.format(**about), headers=self.seated[who.person_id] | NEVER_SO_FAR, params=asked,
                json=self.body(name) if method == "POST" else None,
            )  # fmt: skip
            further = name in LISTS and answer.status_code == 200 and self.case not in answer.text
            cursor = answer.json().get("next") if further else None
            if cursor is None:
                return answer
            asked["cursor"] = cursor  # other tests leave more than a page behind


@pytest.mark.timeout(400)
async def test_the_running_api_answers_every_cell_as_the_table_says(api, seated, case, photo):
    progress = await api.progress(case)
    leg = next(r["id"] for r in progress["referrals"] if r["agency"] == "POLICE")
    duty = next(d["code"] for d in progress["duties"] if d["desk"] == "POLICE")
    call, wrong = Caller(api, seated, case, progress["children"][0]["id"], duty, photo), []
    for who in SEATS:
        pages = {}
        for name, (_, rule) in table.matrix().items():
            if (
                table.RULES.get(name, ("", None))[1] is table.signed_in
                and who.scopes is None
                and who.person_id.rpartition(".")[2] != Relation.OWNER
            ):
                continue  # asks neither for a role nor for a case
            route, _, part = name.partition(" · ")
            if route in NOT_DONE and rule(who) == table.YES:
                continue
            if route not in pages:
                pages[route] = await call(who, route, leg)
            answer, expected = pages[route], rule(who)
            got = sign_of(route, part, answer, case)
            if route in COUNTS and got == table.YES and expected == table.NOTHING:
                continue  # answered with nothing in it; tests/api/test_strangers.py holds what they count to the sight
            if got != expected:
                wrong.append((who.person_id, name, expected, got, answer.status_code, answer.text[:120]))
    assert not wrong, (len(wrong), wrong[:12])
