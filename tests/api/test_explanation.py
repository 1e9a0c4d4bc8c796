"""A case explains itself to those who may read it, by the API and by the officers' command."""

import json
import os
import subprocess
import sys

import pytest
from sqlalchemy import func, select

from app.db import tables
from app.db.past import past_reports
from app.domain.sight import OPERATOR
from app.policy.loader import HERE, texts
from tests.conftest import KEY_SETTINGS


def shouhu(postgres, *arguments):
    """The command, on the database of the tests."""
    command = [sys.executable, "-m", "app.cli", "policy", *arguments]
    env = {**os.environ, **KEY_SETTINGS, "SHOUHU_DATABASE_URL": postgres.url}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.requirement("R139")
async def test_a_case_is_explained_row_by_row(api, postgres):
    case = (await api.report())["case_id"]
    answer = await api.get("police.officer.1", f"/v1/cases/{case}/explanation")
    by_row = {one["row"]: one for one in answer.json() if one["condition"]}
    assert by_row["a-police"]["condition_zh"].startswith("处置分支含单独居住")
    assert {"R066", "L31"} <= {source["id"] for source in by_row["a-police"]["basis"]}
    assert by_row["b-alone"]["interpretation"]
    said = json.loads(shouhu(postgres, "explain", case, "--json").stdout)
    assert said == answer.json()
    shown = shouhu(postgres, "explain", case)
    assert (shown.returncode, "责令父母返回" in shown.stdout) == (0, True)
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        query = select(row.person_id, func.cardinality(row.children)).where(
            row.stream_id == case, row.action == "explain_case"
        )
        looked = (await conn.execute(query.order_by(row.id))).all()
    assert looked == [("police.officer.1", 1), ("operator", 1), ("operator", 1)], "each with the child"
    missing = shouhu(postgres, "explain", "case-none")
    assert (missing.returncode, missing.stderr.strip()) == (1, "There is no case case-none")


async def test_past_cases_are_tried_on_other_rules(api, postgres, tmp_path):
    case = (await api.report())["case_id"]
    for name, text in texts(HERE / "fengtai-2026.1").items():
        (tmp_path / name).write_text(text.replace("fallback: STREET", "fallback: CIVIL"), "utf-8")
    async with api.service.engine.connect() as conn:
        facts = dict(await past_reports(conn, OPERATOR))[case]
    assert facts.model_dump(mode="json")["situations"] == ["living_alone"]
    (tmp_path / "triage.yaml").write_text(
        (tmp_path / "triage.yaml").read_text("utf-8").replace("lead: CIVIL", "lead: STREET")
    )
    other = json.loads(shouhu(postgres, "dry-run", "fengtai-2026.1", str(tmp_path), "--json").stdout)
    assert 0 < len({one["case_id"] for one in other["otherwise"]}) <= other["cases"]
    mine = {one["what"]: (one["before"], one["after"]) for one in other["otherwise"] if one["case_id"] == case}
    assert mine["lead"] == ("CIVIL", "STREET")
    takes = {what: [leg["fallback"] for leg in both] for what, both in mine.items() if what.startswith("route ")}
    assert takes == {"route own-committee": ["STREET", "CIVIL"]}, "who takes a leg that is refused"
    assert mine["own-committee:fallback:CIVIL:told:family"][0] is None, "and what it is told then"
    said = shouhu(postgres, "dry-run", "fengtai-2026.1", str(tmp_path)).stdout
    assert "牵头单位  lead agency  lead  CIVIL → STREET\n    区民政局 → 街道乡镇" in said
    child = (await api.progress(case))["children"][0]["id"]
    line = tables.audit.c
    on_record = select(func.count()).where(line.action == "dry_run_policy", line.children.contains([child]))
    async with api.service.engine.connect() as conn:
        assert (await conn.execute(on_record)).scalar_one() == 2, "each command of the two, with every child"
