"""Every row of the notice is realised and proven, or named as left; the documentation's table says the same."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.policy.coverage import ROOT, TABLE, covered, table_of
from app.policy.loader import HERE, texts

PACK = texts(HERE / "fengtai-2026.1")
ROWS = covered(PACK)
REALISED = [row for row in ROWS if row.realised]


def test_every_row_is_realised_and_proven_or_named_as_left():
    assert [(row.row, list(row.faults)) for row in ROWS if any(row.faults)] == []
    assert len(ROWS) == 139


@pytest.mark.parametrize("row", REALISED, ids=[row.row for row in REALISED])
def test_what_realises_a_row_is_where_the_list_says(row):
    assert (ROOT / row.realised.where).exists()


def test_the_table_of_the_documentation_is_in_step():
    assert TABLE.read_text("utf-8") == table_of(ROWS), "run: ./shouhu policy coverage --write"


def test_a_row_without_a_test_fails_the_command(tmp_path):
    """The rows are the real ones; only the tests are those of an empty folder."""
    unproven = covered(PACK, tests=tmp_path)
    assert {fault for row in unproven for fault in row.faults} == {"no test proves it"}
    (tmp_path / "test_one.py").write_text('@pytest.mark.requirement("R065", "R066")\ndef test_it(): ...\n', "utf-8")
    proven = {row.row for row in covered(PACK, tests=tmp_path) if row.tests}
    assert proven == {"R065", "R066"}


def test_the_command_lists_all_rows():
    shown = CliRunner().invoke(app, ["policy", "coverage", "--json"])
    rows = json.loads(shown.output)
    assert (shown.exit_code, len(rows)) == (0, 139)
    assert next(row for row in rows if row["row"] == "R066")["pack"]
