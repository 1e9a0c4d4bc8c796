"""The pages of a reporting unit, as a browser asks them: keys shown once, answers that are owed, files as attachments."""

import re

import httpx2

from tests.files.corpus import image
from tests.web.seeded import report


async def test_a_key_is_shown_once_reports_and_is_ended(as_person, stack):
    school = await as_person("school.reporter.1")
    made = await school.post("/systems", data={"label": "学籍系统", "scopes": ["report:create", "report:read-own"]})
    assert made.status_code == 200
    secret = re.search(r"<code>(\S{30,})</code>", made.text)[1]
    listed = await school.get("/systems")
    assert secret not in listed.text
    assert "学籍系统" in listed.text
    machine = {"Authorization": f"Bearer {secret}"}
    async with httpx2.AsyncClient(base_url=stack.url, headers=machine) as system:
        kept = await system.post(
            "/v1/files", content=image(), headers={"Content-Type": "image/jpeg", "X-File-Name": "a.jpg"}
        )
        assert kept.status_code == 201, kept.text
        filed = await system.post("/v1/reports", json={"children": [{}], "files": [kept.json()["id"]]})
        assert filed.status_code == 201
        key = re.findall(r'name="end" value="(key-[^"]+)"', listed.text)[0]
        security = await as_person("security.1")
        seen = await security.get("/people/school.reporter.1")
        assert key in seen.text, "what somebody gave goes on without them: who shuts them out sees it"
        assert key not in (await security.get("/people/kindergarten.reporter.1")).text
        assert 'name="key"' not in (await (await as_person("police.head.1")).get("/people/school.reporter.1")).text
        ended = await security.post("/people/school.reporter.1", data={"act": "end-key", "key": key})
        assert ended.status_code == 303
        assert key not in (await security.get("/people/school.reporter.1")).text
        assert (await school.post("/systems", data={"end": key})).status_code == 303
        assert (await system.get("/v1/reports")).status_code == 401
    none = await school.post("/systems", data={"label": "x"})
    assert none.status_code == 422
    assert "请至少选一项" in none.text


async def test_the_unit_sees_which_answer_is_owed_and_which_was_given(as_person, people):
    hospital = await as_person("hospital.reporter.1")
    filed = [
        await people.post("hospital.reporter.1", "/v1/reports", report(situations=["living_alone"])) for _ in range(2)
    ]
    await people.post("civil.officer.1", f"/v1/cases/{filed[0]['case_id']}/answer", {"note": "已核实"})
    rows = (await people.get("hospital.reporter.1", "/v1/reports"))["items"]
    answered = {row["id"]: (row["answered"], row["answer_due_at"] is not None) for row in rows}
    assert answered[filed[0]["case_id"]] == (True, False)
    assert answered[filed[1]["case_id"]] == (False, True)
    page = (await hospital.get("/reports")).text
    assert "已答复" in page
    assert "示例甲" not in page


async def test_a_file_opens_for_the_desk_as_an_attachment_and_for_nobody_else(as_person, people, stack):
    headers = {"Authorization": f"Bearer {stack.tokens['school.reporter.1']}", "Content-Type": "image/jpeg"}
    async with httpx2.AsyncClient(base_url=stack.url, headers=headers) as http:
        photo = (await http.post("/v1/files", content=image(), headers={"X-File-Name": "a.jpg"})).json()["id"]
    await people.post("school.reporter.1", "/v1/reports", {**report(), "files": [photo]})
    shown = await (await as_person("police.officer.1")).get(f"/files/{photo}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in shown.headers["content-security-policy"]
    strange = await (await as_person("housing.officer.1")).get(f"/files/{photo}")
    assert (strange.status_code, strange.headers["content-type"]) == (404, "text/html; charset=utf-8")
    async with httpx2.AsyncClient(base_url=stack.url) as nobody:
        assert (await nobody.get(f"/files/{photo}")).status_code == 303
