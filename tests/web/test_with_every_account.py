"""As an attacker with the OpenAPI and everybody's account, over HTTP: nothing of somebody else opens that the matrix says is shut."""

import asyncio
import re
from dataclasses import dataclass

import httpx2
import pytest
from sqlalchemy import select

from app.api import child_matrix
from app.api import matrix as table
from app.api.context import subject_of
from app.db import tables
from app.db.ledger import Ledger
from app.db.people import actors_of
from app.db.receipts import Receipts
from app.db.service import Service
from app.domain.access import Action, may, scope
from app.domain.keys import may_look_after
from app.domain.progress import Progress
from app.domain.registers import sight
from app.domain.watch import watch_id
from app.policy.loader import load
from tests.api.conftest import Api, upload
from tests.api.test_child_matrix import BODIES as OF_CHILDREN
from tests.api.test_child_matrix import FOUND
from tests.api.test_matrix import COUNTS, Caller, sign_of
from tests.api.test_need import COMMITTEE, HOME, KIN, KIN_PHONE, NAME, STREET, WHOLE, WHY, known_child
from tests.faults import times

HEAD, KEEPER, POLICE, SCHOOL = f"comm-{STREET}.head.1", "wf.officer.1", "police.officer.1", "school.reporter.1"
BOOK, ASKED = "work", times(8, 1_000)
"""Operations that each account asks; in a long run all of them."""
OPEN_FOR = ("read_case", "read_timeline", "case_files", "read_child", "due_visit", "read_sheet", "entry_history")
THEIR_OWN = {name for name, (_, rule) in table.RULES.items() if rule is table._nothing}
BESIDE = {
    *child_matrix.RULES, "appoint_deputy", "registers", "registers_due", "entries", "register_totals", "entry_history", "add_entry",
    "change_entry", "end_entry", "open_entry_in_full", "search_children", "rounds", "rounds_asked", "round_rates", "round_units",
    "open_round", "answer_round", "round_registered", "held_signals", "sheets", "keys", "issue_key", "rotate_key", "revoke_key", "send_signals",
}  # fmt: skip
"""Of which other things are here than those that the tables speak of: asked for what they tell and do."""
BODIES = {name: body for name, body in OF_CHILDREN.items() if body is not FOUND} | {
    "enter_change": {"field": "school", "value": "x", "evidence": "x"}, "decide_duplicate": {"other": "ch-none", "decision": "same"},
    "change_entry": {"fields": {}}, "end_entry": {"reason": "over"}, "decide_signal": {"outcome": "false_alarm"},
    "open_sealed": {"request": "20260001", "ground": "case_handling"}, "settle_owed": {"how": "explained", "note": "x"},
    "answer_round": {"unit": "x", "screened": 0, "nothing_found": True}, "reject_change": {"reason": "not_confirmed"},
    "search_children": {"name": NAME, "birth_year": 2018}, "pass_change": {}, "confirm_sheet": {}, "rotate_key": {},
    **dict.fromkeys(("open_child_in_full", "open_entry_in_full", "open_signal_in_full"), WHY),
}  # fmt: skip
SHOWN = re.compile("欧阳|宛平城|" + "|".join(map(re.escape, WHOLE)))
"""The child and its family, masked or in full; nobody else of this service is called so."""


class Everything(Caller):
    """With the bodies of the routes that have rules of their own."""

    def body(self, name):
        return BODIES[name] if name in BODIES else super().body(name)

    async def __call__(self, who, name, leg):
        self.ids = {**self.ids, "code": BOOK if "ledger" in name else "loving_families"}
        return await super().__call__(who, name, leg)


@dataclass
class World:
    """What belongs to somebody, and who everybody is."""

    api: Api
    ids: dict[str, str]
    progress: Progress
    actors: dict
    register: object
    call: Caller

    def is_insider(self, who):
        """Whoever has something to do with the child: its case, its watch, its street, the signal or the entry."""
        subject = subject_of(self.progress)
        near = may(who, Action.READ_CASE, subject).allowed or scope(who).admits_progress(subject)
        return near or self.is_owner(who) or who.person_id == SCHOOL or not sight(who, self.register).nothing

    def is_owner(self, who):
        """Whoever shares the office to which the watch, the book, the absence, the view and the proposal belong, or approves for it."""
        return who.desk in (f"COMM-{STREET}", f"STREET-{STREET}") or who.oversees_district

    def is_judged(self, who, name):
        """The table speaks of things that its seats have not; of those that are here it says nothing to their owners."""
        return name not in THEIR_OWN or not self.is_owner(who)


@pytest.fixture(scope="module")
async def world(stack, owner):
    """A case with its child, file, watch, visit, change and book; an entry, a signal, an absence, a proposal, a view and a key of somebody."""
    async with httpx2.AsyncClient(base_url=stack.url, timeout=30) as http:
        service = Service(owner, Ledger(load, "fengtai-2026.1"), Receipts(b"of the tests"))
        api = Api(http, service, stack.tokens)
        case, child = await known_child(api)
        ids = {
            "case_id": case,
            "child_id": child,
            "watch_id": watch_id(child),
            "other": child,
            "code": "loving_families",
        }
        ids |= {"round_id": "round-none", "owed_id": "owed-none", "month": "2026-01-01"}
        ids |= await things(api, case)
        async with owner.connect() as conn:
            stored = select(tables.cases.c.progress).where(tables.cases.c.id == case)
            progress = Progress.model_validate((await conn.execute(stored)).scalar_one())
            actors = await actors_of(conn, list(stack.tokens))
            rules = (await service.ledger.pack(conn, "fengtai-2026.1")).file
        register = next(one for one in rules.registers if one.code == ids["code"])
        duty = next(one.code for one in progress.duties if one.desk == "POLICE")
        seated = {person: {"Authorization": f"Bearer {token}"} for person, token in stack.tokens.items()}
        document = (await api.get(None, "/openapi.json")).json()["paths"]
        call = Everything(api, seated, case, child, duty, ids["file_id"], ids)
        published = {operation["operationId"] for item in document.values() for operation in item.values()}
        assert set(call.names) == published, "what the service publishes is what is asked"
        yield World(api, ids, progress, actors, register, call)


async def things(api, case):
    """One of each that is somebody's own, by the name of its id in a path."""

    async def made(person, path, body, name="id"):
        answer = await api.post(person, path, body)
        assert answer.status_code in (200, 201, 202), (path, answer.text)
        return answer.json()[name]

    photo = await upload(api, POLICE)
    await made(POLICE, f"/v1/cases/{case}/notes", {"note": "现场照片", "files": [photo]}, "version")
    times_away = {"from_at": "2030-01-01T00:00:00Z", "until_at": "2030-01-02T00:00:00Z"}
    said = {
        "id": case,
        "count": 4,
        "text": f"{NAME}连续四日无故缺勤",
        "child": {"name": NAME, "residence_division": STREET},
    }
    await made(SCHOOL, "/v1/signals", {"signals": [said]}, "signals")
    proposal = {
        "act": "unmask_list",
        "parameters": {"ledger": "work", "use": "visit"},
        "reason": "visit",
        "note": "走访",
    }
    entry = {"family": KIN, "address": HOME, "phone": KIN_PHONE, "checked_on": "2026-01-05"}
    (held,) = (await api.get(f"street-{STREET}.officer.1", "/v1/signals/held")).json()["items"][:1]
    return {
        "file_id": photo, "signal_id": held["id"], "change": "1",
        "sheet_id": await made(COMMITTEE, f"/v1/ledgers/{BOOK}/exports", {}),
        "approval_id": await made(COMMITTEE, "/v1/approvals", proposal),
        "deputy_row": str(await made(COMMITTEE, "/v1/deputies", {"person_id": COMMITTEE, "deputy_id": HEAD, **times_away})),
        "view_id": await made(COMMITTEE, "/v1/task-views", {"name": "x"}),
        "key_id": await made("police.head.1", "/v1/keys", {"unit": "POLICE", "scopes": ["task:read"], "label": "x"}),
        "entry_id": await made(KEEPER, "/v1/registers/loving_families/entries", {"fields": entry}),
    }  # fmt: skip


def operations(world):
    """Every operation with an account, with what the matrix says of it, if it does; what acts on nothing of somebody else's is left out."""
    rules, found = {}, []
    for name, (_, rule) in table.matrix().items():
        if name in BESIDE:
            continue
        rules.setdefault(name.partition(" · ")[0], []).append((name.partition(" · ")[2], rule))
    for name, (path, method) in world.call.names.items():
        if name in rules or (name in BESIDE and (method == "GET" or "{" in path or name in BODIES)):
            found.append((name, method, rules.get(name, [])))
    return found


def wrong_with(world, who, name, answer, expected):
    """What somebody was told or could do, and should not."""
    case = world.ids["case_id"]
    for part, rule in expected:
        got = sign_of(name, part, answer, case)
        if got == table.YES and rule(who) != table.YES and world.is_judged(who, name) and name not in COUNTS:
            yield f"{name} {part} is open"
    if not world.is_insider(who):
        if not expected and answer.is_success and answer.request.method != "GET" and name != "search_children":
            yield f"{name} was done"
        told = not all(rule(who) == table.YES for _, rule in expected) or not expected
        if SHOWN.search(answer.text) or (told and (case in answer.text or world.ids["child_id"] in answer.text)):
            yield f"{name} tells of the child"
    if answer.status_code >= 500:
        yield f"{name} broke"


def may_be_asked(who, world, name, method, expected):
    """What is theirs to do is not done here."""
    if method == "GET":
        return True
    shut = world.is_judged(who, name) and all(rule(who) != table.YES for _, rule in expected)
    ends_key = name.endswith("_key") and may_look_after(who, "POLICE")
    return shut if expected else not (world.is_insider(who) or ends_key)


@pytest.mark.timeout(times(300, 3600))
async def test_nothing_opens_that_the_matrix_says_is_shut(world, monkeypatch):
    leg = next(one for one in world.progress.referrals if one.agency == "POLICE").id
    monkeypatch.setattr(table, "SUBJECT", subject_of(world.progress, leg))
    asked, wrong, opened, answers = operations(world), [], set(), 0
    people, busy = sorted(world.actors.values(), key=lambda who: who.person_id), asyncio.Semaphore(8)

    async def ask(who, name, expected):
        nonlocal answers
        async with busy:
            answer = await world.call(who, name, leg)
        answers += 1
        wrong.extend(
            (who.person_id, answer.status_code, said) for said in wrong_with(world, who, name, answer, expected)
        )
        if answer.is_success and name in OPEN_FOR:
            opened.add(name)

    turns = [
        (who, one)
        for n, who in enumerate(people)
        for one in (asked * 2)[n * ASKED % len(asked) :][: min(ASKED, len(asked))]
    ]
    turns += [(world.actors[near], one) for near in (POLICE, COMMITTEE, KEEPER) for one in asked if one[0] in OPEN_FOR]
    asking = [
        ask(who, name, rules) for who, (name, method, rules) in turns if may_be_asked(who, world, name, method, rules)
    ]
    await asyncio.gather(*asking)
    assert wrong == []
    assert opened == set(OPEN_FOR), "the control: these are there, and their own people open them"
    assert answers > 1_000


async def test_the_walk_sees_a_rule_that_is_broken(world, monkeypatch):
    """The control: were the matrix to say that the police see nothing of the case, the same walk would find each door open."""
    leg = next(one for one in world.progress.referrals if one.agency == "POLICE").id
    monkeypatch.setattr(
        table, "SUBJECT", subject_of(world.progress, leg).model_copy(update={"desks": (), "agencies": ()})
    )
    who, found = world.actors[POLICE], []
    for name, method, expected in operations(world):
        if method == "GET" and name in OPEN_FOR and expected:
            answer = await world.call(who, name, leg)
            found += wrong_with(world, who, name, answer, expected)
    assert "read_case  is open" in found
