"""As an attacker with an account: hostile cursors and ids, other people's things by their ids, more fields than there are, two steps at once."""

import asyncio
import base64
import re

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import select

from app.db import tables
from app.db.vault import Vault
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import TOKENS, described, image, upload
from tests.api.test_reports import is_problem
from tests.conftest import VAULT

SUPERVISOR, POLICE, EDU = "civil.supervisor.1", "police.officer.1", "edu.officer.1"
WORDS = (
    "9" * 40,
    "1.5",
    "\x00",
    "2026-01-01T00:00:00|x",
    *(EXTREME := ("2026-01-01T00:00:00Z|\x00", "9999-12-31T23:59:59-14:00|x", "0001-01-01T00:00:00+14:00|x")),
    "x|y|z",
    "é",
    "",
)
OF_TEXT = ("/v1/people", 1)
"""A list that is sorted by two texts, and by nothing else: any two are a place in it."""
IDS = (
    "%00",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "case-none%0d%0aSet-Cookie:%20a=b",
    "9" * 40,
    "é" * 90,
    "'; drop table cases; --",
    "-1",
    "%",
)


def operations():
    return [(path, verb, op) for path, item in described().items() for verb, op in item.items()]


WITH_IDS = sorted(
    (route.path, verb.lower())
    for route in iter_route_contexts(create_app(Settings()).routes)
    if "{" in route.path and getattr(route, "include_in_schema", False)
    for verb in route.methods or ()
)


def is_clean(answer):
    """No error inside, nothing of the machinery, and no header that somebody else has written."""
    assert answer.status_code < 500, (str(answer.url), answer.text)
    assert "set-cookie" not in answer.headers
    assert not re.search(r"Traceback|sqlalchemy|asyncpg|/app/|SELECT |relation \"", answer.text)
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_cursor_says_nothing_to_whoever_holds_it(api):
    """A page may end with a row of which nothing is shown."""
    for _ in range(2):
        await api.report()
    page = (await api.get(SUPERVISOR, "/v1/cases?limit=1")).json()
    held = base64.urlsafe_b64decode(page["next"])
    assert page["items"][0]["id"].encode() not in held
    more = (await api.get(SUPERVISOR, f"/v1/cases?limit=1&cursor={page['next']}")).json()
    assert more["items"][0]["id"] != page["items"][0]["id"]
    for person, where in ((SUPERVISOR, "findings"), ("conf.supervisor.1", "cases")):
        is_problem(await api.get(person, f"/v1/{where}?cursor={page['next']}"), 422, "invalid_cursor")


async def test_a_cursor_that_somebody_made_up_is_a_wrong_one(api, monkeypatch):
    """Also one that bears the seal of its list, as if the service had made it."""
    places, said, lists = set(), Vault.said, set()
    monkeypatch.setattr(Vault, "said", lambda vault, word, place: places.add(place) or said(vault, word, place))
    paged = [
        path
        for path, verb, op in operations()
        if verb == "get" and any(p["name"] == "cursor" for p in op.get("parameters", ()))
    ]
    assert len(paged) > 20
    for path in paged:
        asked = {
            "code": "activities" if "registers" in path else "work",
            "child_id": "ch-none",
            "case_id": "case-none",
            "round_id": "x",
        }
        places.clear()
        for cursor in (base64.urlsafe_b64encode(WORDS[3].encode()).decode(), "%00%ff"):
            refused = await api.get(SUPERVISOR, f"{path.format(**asked)}?cursor={cursor}")
            is_clean(refused)
            assert refused.status_code == 422 or not places, path
        for place in {*places}:
            lists.add(place)
            for word in WORDS:
                answer = await api.get(SUPERVISOR, f"{path.format(**asked)}?cursor={VAULT.word(word, place)}")
                is_clean(answer)
                assert answer.status_code == 422 or word in EXTREME or (path, word.count("|")) == OF_TEXT, (path, word)
    assert len(lists) > 12


async def test_every_operation_with_an_id_is_attacked():
    assert {(path, verb) for path, verb, _ in operations() if "{" in path} == {*WITH_IDS}


@pytest.mark.parametrize(("path", "verb"), WITH_IDS)
async def test_an_id_that_somebody_made_up_is_none(api, path, verb):
    for one in IDS:
        asked = re.sub(r"{\w+}", lambda _, one=one: one, path)
        is_clean(
            await api.http.request(
                verb.upper(), asked, json={} if verb == "post" else None, headers=api._headers(SUPERVISOR, None)
            )
        )


async def test_no_body_takes_a_field_that_it_does_not_name(api):
    """Who acted, when, for which case and with which rights is never the caller's to say."""
    case = (await api.report())["case_id"]
    leg = await api.leg(case, "POLICE")
    more = {
        "by": {"person_id": SUPERVISOR},
        "at": "2020-01-01T00:00:00Z",
        "case_id": "case-other",
        "person_id": SUPERVISOR,
        "roles": ["admin"],
    }
    own = {
        "case_id": case,
        "subject_id": leg,
        "child_id": "ch-none",
        "watch_id": "watch-none",
        "code": "activities",
        "deputy_row": "1",
    }
    asked = 0
    for path, verb, op in operations():
        if verb != "post" or "application/json" not in (op.get("requestBody") or {}).get("content", {}):
            continue
        names = re.findall(r"{(\w+)}", path)
        where = path.format(**{name: own.get(name, "1") for name in names})
        for field, value in more.items():
            if f'"{field}"' in str(op["requestBody"]) or path == "/v1/policy/simulate":
                continue
            answer = await api.post(SUPERVISOR, where, {field: value})
            if answer.status_code == 422 and answer.json()["code"] == "invalid_request":
                asked += any(error["at"] == f"/{field}" for error in answer.json()["errors"])
            assert answer.status_code >= 400, (path, field, answer.text)
    assert asked > 200
    assert (await api.progress(case))["version"] >= 1


async def test_a_file_reaches_those_alone_whose_part_needs_it_and_its_name_is_masked(api):
    """The school is told which pupil it is and nothing of the event, so it opens no photo of the police."""
    name = "欧阳玄烨受伤照片.jpg"
    child = {"name": "欧阳玄烨", "residence_division": "110106023", "school_stage": "primary"}
    photo = await upload(api, "hotline.reporter.1", name=name)
    case = (await api.report("hotline.reporter.1", children=[child], situations=["living_alone"], files=[photo]))[
        "case_id"
    ]
    taken = await upload(api, POLICE, content=image("PNG"), name="现场.png")
    noted = await api.post(POLICE, f"/v1/cases/{case}/notes", {"note": "现场", "files": [taken]})
    assert noted.status_code == 200, noted.text
    seen = {row["id"]: row["name"] for row in (await api.get(POLICE, f"/v1/cases/{case}/files")).json()}
    assert seen.keys() == {photo, taken}
    assert seen[photo].startswith("欧阳*")
    assert (await api.get(EDU, f"/v1/cases/{case}")).status_code == 200, "a co-agency"
    assert (await api.get(EDU, f"/v1/cases/{case}/files")).json() == []
    for one in (photo, taken):
        assert (await api.get(EDU, f"/v1/files/{one}")).status_code == 404
        assert (await api.get(POLICE, f"/v1/files/{one}")).status_code == 200
    own = await upload(api, EDU, name="在校证明.jpg")
    leg = await api.leg(case, "EDU")
    done = await api.post(EDU, f"/v1/cases/{case}/referrals/{leg}/accept", {"files": [own]})
    assert done.status_code == 200, done.text
    assert [row["id"] for row in (await api.get(EDU, f"/v1/cases/{case}/files")).json()] == [own]
    assert (await api.get(EDU, f"/v1/files/{own}")).status_code == 200


async def test_nobody_brings_or_opens_a_file_that_somebody_else_has_uploaded(api):
    case = (await api.report())["case_id"]
    theirs = await upload(api, "hospital.officer.1")
    for person in (POLICE, SUPERVISOR):
        assert (await api.get(person, f"/v1/files/{theirs}")).status_code == 404
        taken = await api.post(person, f"/v1/cases/{case}/notes", {"note": "x", "files": [theirs]})
        assert taken.status_code in (404, 409, 422), taken.text
        assert (await api.get(person, f"/v1/cases/{case}/files")).json() == []


@pytest.mark.parametrize(
    "name",
    [
        "a%0d%0aSet-Cookie: x=1.jpg",
        "%22; filename=evil.html",
        "../../etc/passwd",
        "%00.jpg",
        "<script>.jpg",
        "%E2%80%AEgpj.exe",
    ],
)
async def test_the_name_of_a_file_writes_no_header_and_names_no_folder(api, name):
    headers = {"Content-Type": "application/octet-stream", "X-File-Name": name}
    from tests.api.conftest import PHOTO

    kept = await api.http.post("/v1/files", content=PHOTO, headers=api._headers(POLICE, headers))
    assert kept.status_code == 201, kept.text
    case = (await api.report())["case_id"]
    assert (
        await api.post(POLICE, f"/v1/cases/{case}/notes", {"note": "x", "files": [kept.json()["id"]]})
    ).status_code == 200
    read = await api.get(POLICE, f"/v1/files/{kept.json()['id']}")
    said = read.headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9._~%-]+", said)
    assert not {"/", "\\", "\r", "\n", "\x00", "\u202e", "<"} & set(kept.json()["name"])
    assert "set-cookie" not in read.headers


async def test_two_approvals_at_once_by_one_person_are_one_and_one_act_is_done_once(api):
    asked = {
        "act": "unmask_list",
        "parameters": {"ledger": "work", "use": "verify"},
        "reason": "verify",
        "note": "核对",
    }
    proposer, second = "comm-110106022.officer.1", "comm-110106022.head.1"
    made = (await api.post(proposer, "/v1/approvals", asked)).json()["id"]
    path = f"/v1/approvals/{made}/approve"
    own = await asyncio.gather(*(api.post(proposer, path) for _ in range(8)))
    assert {one.status_code for one in own} <= {403, 409}
    both = await asyncio.gather(
        *(api.post(second, path) for _ in range(8)), *(api.post(proposer, path) for _ in range(8))
    )
    assert (
        sorted(one.status_code for one in both)[:2] == [200, 403] or [one.status_code for one in both].count(200) == 1
    )
    async with api.service.engine.connect() as conn:
        row = (await conn.execute(select(tables.approvals).where(tables.approvals.c.id == made))).one()
    assert (row.approved_by, row.person_id) == (second, proposer)


async def test_one_person_never_closes_a_case_alone_however_fast(api):
    """The proposal and the approval sent together, again and again."""
    case = (await api.report())["case_id"]
    proposal = {"reason": "no_risk_found", "note": "核实无风险"}
    sent = [
        api.post(person, f"/v1/cases/{case}/{verb}", body)
        for _ in range(5) for person in ("police.head.1", SUPERVISOR)
        for verb, body in (("closure-proposal", proposal), ("closure-approval", {}))
    ]  # fmt: skip
    await asyncio.gather(*sent)
    assert (await api.progress(case))["stage"] != "closed"


THEIRS = {
    "police.officer.1": ("/v1/notices/{notice}/read", "/v1/sheets/{sheet}", "/v1/sheets/{sheet}/workbook", "/v1/approvals/{approval}/approve",
                         "/v1/deputies/{deputy}/revoke"),
}  # fmt: skip


async def test_what_is_somebody_elses_by_its_id_is_nothing(api):
    """Sheets, notices, absences, approvals and keys: the id alone opens none of them."""
    owner, stranger = "comm-110106022.officer.1", "comm-110106001.officer.1"
    sheet = (await api.post(owner, "/v1/ledgers/information/exports", {})).json()["id"]
    until = {"from_at": "2030-01-01T00:00:00Z", "until_at": "2030-01-02T00:00:00Z"}
    absence = await api.post(owner, "/v1/deputies", {"person_id": owner, "deputy_id": "comm-110106022.head.1", **until})
    assert absence.status_code in (200, 201), absence.text
    proposal = {
        "act": "unmask_list",
        "parameters": {"ledger": "work", "use": "visit"},
        "reason": "visit",
        "note": "走访",
    }
    approval = (await api.post(owner, "/v1/approvals", proposal)).json()["id"]
    async with api.service.engine.connect() as conn:
        notice = (
            await conn.execute(select(tables.notices.c.id).where(tables.notices.c.person_id == POLICE).limit(1))
        ).scalar()
    paths = {
        "get": (f"/v1/sheets/{sheet}", f"/v1/sheets/{sheet}/workbook"),
        "post": (f"/v1/sheets/{sheet}/confirm", f"/v1/deputies/{absence.json()['id']}/revoke", f"/v1/approvals/{approval}/approve",
                 f"/v1/approvals/{approval}/reject"),
    }  # fmt: skip
    for verb, asked in paths.items():
        for path in asked:
            for person in (
                stranger,
                "housing.head.1",
                "street-110106001.head.1",
                "admin.1",
                "auditor.1",
                "village.reporter.1",
            ):
                answer = await (api.get(person, path) if verb == "get" else api.post(person, path))
                assert answer.status_code in (403, 404), (person, path, answer.text)
    if notice:
        await api.post(stranger, f"/v1/notices/{notice}/read")
        async with api.service.engine.connect() as conn:
            assert (
                await conn.execute(select(tables.notices.c.read_at).where(tables.notices.c.id == notice))
            ).scalar() is None
    assert sheet not in (await api.get(stranger, "/v1/sheets")).text
    assert (await api.get(owner, f"/v1/sheets/{sheet}")).status_code == 200


async def test_an_old_version_in_a_command_does_not_tell_who_reported(api):
    child = {"residence_division": "110106023", "school_stage": "primary"}
    case = (await api.report("hotline.reporter.1", children=[child], situations=["living_alone"]))["case_id"]
    for version in ('"0"', '"1"'):
        stale = await api.post(EDU, f"/v1/cases/{case}/notes", {"note": "x"}, {"If-Match": version})
        assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
        assert "hotline" not in stale.text


async def test_a_token_in_a_place_where_none_belongs_opens_nothing(api):
    """Not in the address, not as Basic, not twice, not with another's seat."""
    token = TOKENS[SUPERVISOR]
    for headers in (
        {"Authorization": f"Basic {base64.b64encode(f'{SUPERVISOR}:{token}'.encode()).decode()}"},
        {"Authorization": f"Bearer {token} {token}"}, {"Authorization": "Bearer "}, {"Authorization": f"bearer{token}"},
        {"X-Authorization": f"Bearer {token}"}, {"Cookie": f"token={token}"}, {"Cookie": f"__Host-session={token}"},
    ):  # fmt: skip
        assert (await api.http.get("/v1/cases", headers=headers)).status_code == 401, headers
    assert (await api.http.get(f"/v1/cases?token={token}&access_token={token}")).status_code == 401
    for seat in (SUPERVISOR, "admin.1", "nobody", "", "\x7f"):
        answer = await api.get("police.officer.1", "/v1/cases", {"X-Acting-For": seat})
        assert answer.status_code == 403, seat


@pytest.mark.parametrize(
    "path", ["/v1/me/", "/v1/reports/", "/tasks/", "/progress/", "/sign-in/", "/docs/", "/healthz/"]
)
async def test_no_answer_leads_to_the_host_that_the_caller_named(api, path):
    """A slash too many is another address: a program that was led on would send its token there, and behind a proxy without TLS."""
    for verb in ("GET", "POST"):
        answer = await api.http.request(
            verb, path, json={} if verb == "POST" else None, headers=api._headers(POLICE, {"Host": "evil.invalid"})
        )
        assert answer.status_code in (404, 415), answer.status_code
        assert "evil.invalid" not in f"{answer.headers}{answer.text}"


@pytest.mark.parametrize("person", ["housing.officer.1", "edu.head.1", "court.head.1", "comm-110106001.officer.1"])
async def test_a_proposal_does_not_tell_whether_there_is_a_case(api, person):
    """Its number is anybody's to write, so nothing of the answer, of the list and of the child's record of access hangs on it."""
    case = (await api.report("hotline.reporter.1"))["case_id"]
    assert (await api.get(person, f"/v1/cases/{case}")).status_code == 404
    told = []
    for named in (case, "case-none"):
        asked = {"act": "export", "parameters": {"case": named}, "reason": "verify", "note": "核对"}
        told.append((await api.post(person, "/v1/approvals", asked)).json())
    varies = ("id", "proposed_at", "expires_at", "parameters")
    real, made = ({name: one[name] for name in one if name not in varies} for one in told)
    assert real == made
    async with api.service.engine.connect() as conn:
        on_case = select(tables.audit.c.id).where(tables.audit.c.stream_id == case, tables.audit.c.person_id == person)
        on_case = on_case.where(tables.audit.c.action == "propose_export")
        assert (await conn.execute(on_case)).all() == []
    ours = {"act": "export", "parameters": {"case": case}, "reason": "verify", "note": "核对"}
    assert (await api.post(SUPERVISOR, "/v1/approvals", ours)).json()["case_id"] == case, "whoever sees it has it named"
