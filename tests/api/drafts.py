"""Versions of the rules as supervisors send them, propose them and approve them."""

from datetime import UTC, datetime, timedelta

from app.domain.working_time import day_of
from app.policy.loader import HERE, texts

SUPERVISOR, SECOND, OFFICER = "civil.supervisor.1", "conf.supervisor.1", "police.officer.1"


def days(count):
    return day_of(datetime.now(UTC) + timedelta(days=count))


def pack(version, *changes, effective=None):
    written = texts(HERE / "fengtai-2026.1")
    head = written["triage.yaml"].replace("name: fengtai-2026.1", f"name: {version}")
    written["triage.yaml"] = head.replace("effective_from: 2026-01-01", f"effective_from: {effective or days(30)}")
    for file, before, after in changes:
        assert before in written[file]
        written[file] = written[file].replace(before, after, 1)
    return {"files": written}


async def published(api, body):
    proposed = await api.post(SUPERVISOR, "/v1/policy/versions", body)
    assert proposed.status_code == 201, proposed.text
    return await approval(api, proposed.json()["version"])


async def read(api, version, against=None):
    """The digest of a comparison, of the one with the version that it will replace unless another is named."""
    asked = await api.get(OFFICER, f"/v1/policy/versions/{version}/changes{f'?against={against}' if against else ''}")
    return {"comparison": asked.json()["digest"]}


async def approval(api, version, person=SECOND, headers=None):
    return await api.post(person, f"/v1/policy/versions/{version}/approval", await read(api, version), headers)
