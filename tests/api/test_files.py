"""Files from the upload to the reader: whose they are, which fact brought them, who sees them, and that it is on record."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import httpx2
import pytest
from sqlalchemy import func, select, text

from app.db import drafts, tables
from app.db.drafts import forget
from app.db.files import MOST_WAITING, WAITS, content_of, keep
from app.db.session import engine_of
from app.db.walls import APP
from app.files import apart
from app.files.examine import Taken
from app.files.kinds import BadFile, FileFault, Kind
from app.main import create_app
from app.settings import Settings
from app.workbook import MEDIA_TYPE
from tests.api.conftest import PHOTO, upload
from tests.conftest import VAULT
from tests.files.corpus import BAD, NEUTRALISED
from tests.files.test_apart import SLOW

REPORTER, POLICE, STRANGER = "village.reporter.1", "police.officer.1", "housing.officer.1"


async def test_a_photo_of_a_report_reaches_the_desk_as_an_attachment_and_nobody_else(api):
    photo = await upload(api, REPORTER, name="../孩子.JPG")
    case = (await api.report(files=[photo]))["case_id"]
    (row,) = (await api.get(POLICE, f"/v1/cases/{case}/files")).json()
    assert (row["id"], row["name"], row["media_type"], row["version"]) == (photo, "孩子.jpg", "image/jpeg", 1)
    file = await api.get(POLICE, f"/v1/files/{photo}")
    assert file.status_code == 200
    assert file.headers["content-type"] == "image/jpeg"
    assert unquote(file.headers["content-disposition"]) == "attachment; filename*=UTF-8''孩子.jpg"
    assert file.headers["x-content-type-options"] == "nosniff"
    assert file.headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert file.headers["cache-control"] == "no-store"
    assert file.content.startswith(b"\xff\xd8\xff")
    for person, said in ((STRANGER, 404), (REPORTER, 404), ("admin.1", 404), (None, 401)):
        assert (await api.get(person, f"/v1/files/{photo}")).status_code == said
        assert (await api.get(person, f"/v1/cases/{case}/files")).status_code == said


@pytest.fixture
async def lonely(api, postgres):
    """The API with one connection to the database, its scanner (that waits until it is told), and what tells when both wait."""
    waits, goes = asyncio.Event(), asyncio.Event()

    async def looks(reader, writer):
        await reader.readuntil(b"\0\0\0\0")
        waits.set()
        await goes.wait()
        writer.write(b"stream: OK\0")
        await writer.drain()
        writer.close()

    engine = engine_of(postgres.url_as(APP), pool=1, vault=VAULT)
    async with await asyncio.start_server(looks, "127.0.0.1", 0) as scanner:
        address = f"tcp:127.0.0.1:{scanner.sockets[0].getsockname()[1]}"
        given = replace(api.service, engine=engine)

        def at(slow):
            app = create_app(Settings(), given=replace(given, scanner=address if slow == "scanner" else ""))
            return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://shouhu.test")

        yield at, waits, goes
    await engine.dispose()


@pytest.mark.parametrize("slow", ["telephone", "scanner"])
async def test_nobody_waits_while_a_file_comes_slowly_or_is_looked_at(api, lonely, slow):
    """Else as many telephones on a bad line as there are connections would stop the service."""
    at, waits, goes = lonely

    async def body():
        yield PHOTO[:100]
        if slow == "telephone":
            waits.set()
            await goes.wait()
        yield PHOTO[100:]

    headers = api._headers(POLICE, {"Content-Type": "application/octet-stream", "X-File-Name": "a.jpg"})
    async with at(slow) as http:
        sent = asyncio.create_task(http.post("/v1/files", content=body(), headers=headers))
        async with asyncio.timeout(8):
            await waits.wait()
            assert (await http.get("/v1/me", headers=api._headers(POLICE, None))).status_code == 200
        goes.set()
        assert (await sent).status_code == 201, (await sent).text


async def test_files_of_nobody_are_not_even_read(lonely):
    at, read, _ = lonely

    async def body():
        read.set()
        yield b"--x"

    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Origin": "https://shouhu.test",
        "Cookie": "__Host-draft=x",
    }
    async with at("") as http:
        answer = await http.post("/report/seen", content=body(), headers=headers)
        sheet = await http.post("/v1/sheets?book=work", content=body(), headers={"Content-Type": MEDIA_TYPE})
        file = await http.post("/v1/files", content=body(), headers={"Content-Type": "image/jpeg"})
    assert "草稿已过期" in answer.text
    assert (sheet.status_code, file.status_code) == (401, 401)
    assert not read.is_set()


async def test_a_printed_link_fills_no_disk(api, monkeypatch):
    """Files that wait in drafts by one link, all together; what was filed waits no more."""
    now = api.service.ledger.clock()
    of = {"agency": "SCHOOL", "desk": "SCHOOL", "division": None, "reporter_class": "school"}
    taken = Taken("a.jpg", Kind.JPEG, PHOTO)
    monkeypatch.setattr(drafts, "MOST_OF_LINK", 2 * len(PHOTO))
    async with api.service.engine.connect() as conn:
        mine, other = [(await drafts.make_link(conn, "unit-school-1", of, "operator", now))[0] for _ in range(2)]
        kept = []
        for _ in range(2):
            token = await drafts.begin(conn, {}, now, link_id=mine)
            draft = await drafts.draft_of(conn, token, now)
            await drafts.require_room(conn, mine)
            kept.append((await keep(conn, draft.id, taken, now))["id"])
        with pytest.raises(BadFile) as refused:
            await drafts.require_room(conn, mine)
        assert refused.value.fault is FileFault.NO_ROOM
        await drafts.require_room(conn, other)
        await conn.execute(text("update files set stream_id = 'case-x', version = 1 where id = :id"), {"id": kept[0]})
        await drafts.require_room(conn, mine)
        await conn.rollback()


async def test_who_read_a_file_is_on_record_before_it_leaves(api):
    photo = await upload(api, REPORTER)
    case = (await api.report(files=[photo]))["case_id"]
    assert (await api.get(POLICE, f"/v1/files/{photo}")).status_code == 200
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        found = await conn.execute(
            select(row.person_id, row.fields).where(row.stream_id == case, row.action == "read_file")
        )
        assert [tuple(one) for one in found] == [(POLICE, [photo])]
    async with api.service.engine.begin() as conn:
        await conn.execute(text("revoke insert on audit from shouhu_app, shouhu_wide, shouhu_door"))
    try:
        unread = await api.get(POLICE, f"/v1/files/{photo}")
        assert (unread.status_code, unread.json()["code"]) == (503, "audit_unavailable")
    finally:
        async with api.service.engine.begin() as conn:
            await conn.execute(text("grant insert on audit to shouhu_app, shouhu_wide, shouhu_door"))


async def test_a_step_of_work_brings_its_files_and_the_same_key_brings_them_once(api):
    case = (await api.report())["case_id"]
    leg = await api.leg(case, "POLICE")
    photo = await upload(api, POLICE)
    headers = {"Idempotency-Key": "with a photo"}
    path = f"/v1/cases/{case}/referrals/{leg}/accept"
    first, again = [await api.post(POLICE, path, {"files": [photo]}, headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["replayed"]
    (row,) = (await api.get(POLICE, f"/v1/cases/{case}/files")).json()
    brought = first.json()
    assert (row["id"], row["version"]) == (photo, brought["version"] - len(brought["events"]) + 1)


async def test_nobody_brings_a_file_of_somebody_else_nor_one_twice(api):
    case = (await api.report())["case_id"]
    theirs, mine = await upload(api, STRANGER), await upload(api, POLICE)
    before = (await api.progress(case))["version"]
    for files in ([theirs], [mine, theirs], ["upload-" + "0" * 32]):
        refused = await api.post(POLICE, f"/v1/cases/{case}/notes", {"files": files})
        assert (refused.status_code, refused.json()["code"]) == (404, "file_not_found")
    assert (await api.post(POLICE, f"/v1/cases/{case}/notes", {"files": [mine]})).status_code == 200
    assert (await api.post(POLICE, f"/v1/cases/{case}/notes", {"files": [mine]})).status_code == 404
    assert (await api.progress(case))["version"] == before + 1
    assert (await api.post(POLICE, f"/v1/cases/{case}/notes", {"files": [mine] * 11})).status_code == 422


async def test_a_file_that_no_case_has_is_read_by_nobody(api):
    photo = await upload(api, POLICE)
    for person in (POLICE, "civil.supervisor.1", "conf.officer.1"):
        assert (await api.get(person, f"/v1/files/{photo}")).status_code == 404


@pytest.mark.parametrize(
    "name", ["eicar.jpg", "macro.xlsx", "drawing.svg", "pixels.png", "nothing.jpg", "too-large.pdf"]
)
async def test_a_hostile_file_is_refused_in_words_and_nothing_of_it_is_kept(api, name):
    content, fault = BAD[name]
    async with api.service.engine.connect() as conn:
        before = (await conn.execute(select(func.count()).select_from(tables.files))).scalar_one()
    headers = {"Content-Type": "image/jpeg", "X-File-Name": name}
    refused = await api.http.post("/v1/files", content=content, headers=api._headers(POLICE, headers))
    assert (refused.status_code, refused.json()["code"]) == (422, fault.value)
    async with api.service.engine.connect() as conn:
        assert (await conn.execute(select(func.count()).select_from(tables.files))).scalar_one() == before


async def test_a_file_that_takes_too_long_to_read_is_refused_in_words(api, monkeypatch):
    monkeypatch.setattr(apart, "MOST_CPU", 1)
    monkeypatch.setattr(apart, "_nursery", None)
    headers = {"Content-Type": "application/octet-stream", "X-File-Name": "a.docx"}
    answer = await api.http.post("/v1/files", content=SLOW, headers=api._headers("police.officer.1", headers))
    assert (answer.status_code, answer.json()["code"]) == (422, "file_takes_too_long")
    assert "另存为PDF" in answer.json()["title"]
    apart._nursery[1].close()


async def test_what_is_kept_is_never_what_came(api):
    content, harm = NEUTRALISED["place.jpg"]
    photo = await upload(api, POLICE, content)
    async with api.service.engine.connect() as conn:
        kept = (await content_of(conn, photo)).content
    assert harm not in kept
    assert harm in content


async def test_a_body_without_end_is_cut_off(api):
    async def endless():
        for _ in range(40):
            yield b"\xff" * 1_048_576

    headers = {"Content-Type": "image/jpeg", "X-File-Name": "a.jpg"}
    refused = await api.http.post("/v1/files", content=endless(), headers=api._headers(POLICE, headers))
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


async def test_what_nobody_goes_on_with_is_forgotten_and_what_a_case_has_stays(api):
    photo, left = await upload(api, REPORTER), await upload(api, REPORTER)
    case = (await api.report(files=[photo]))["case_id"]
    async with api.service.engine.begin() as conn:
        assert await forget(conn, api.service.ledger.clock()) == 0
        assert await forget(conn, api.service.ledger.clock() + WAITS + timedelta(minutes=1)) >= 1
    refused = await api.post(POLICE, f"/v1/cases/{case}/notes", {"files": [left]})
    assert refused.status_code == 404
    assert (await api.get(POLICE, f"/v1/files/{photo}")).status_code == 200


async def test_nobody_fills_the_store_with_files_that_no_case_has(api):
    person = "rescue.reporter.1"
    async with api.service.engine.begin() as conn:
        row = {
            "owner": person,
            "name": "x",
            "media_type": "image/jpeg",
            "size": 1,
            "content": b"x",
            "added_at": api.service.ledger.clock(),
        }
        await conn.execute(tables.files.insert(), [{**row, "id": f"upload-full-{n}"} for n in range(MOST_WAITING)])
    headers = {"Content-Type": "image/jpeg", "X-File-Name": "a.jpg"}
    refused = await api.http.post("/v1/files", content=PHOTO, headers=api._headers(person, headers))
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_files")


async def test_a_link_of_a_unit_is_shown_once_and_ends_when_it_is_ended(api):
    asked = {"unit": "unit-school-9", "agency": "SCHOOL", "desk": "SCHOOL", "reporter_class": "school"}
    made = (await api.post("security.1", "/v1/entry-links", asked)).json()
    assert made["address"].endswith("/report#" + made["code"])
    listed = await api.get("security.1", "/v1/entry-links")
    assert made["id"] in listed.text
    assert made["code"] not in listed.text
    assert (await api.post("security.1", f"/v1/entry-links/{made['id']}/end")).status_code == 204
    assert (await api.post("security.1", f"/v1/entry-links/{made['id']}/end")).status_code == 404
    assert (await api.post("admin.1", "/v1/entry-links", asked)).status_code == 403
