"""The demonstration, as its user runs it."""

import json
import subprocess

import pytest

from app.stack import ROOT


@pytest.mark.requirement("R139")
def test_the_demonstration_meets_every_expectation_and_ends_in_time():
    done = subprocess.run([ROOT / "shouhu", "demo", "--json"], capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["all_met"]
    assert said["silent_desk_reached_procuratorate"]
    assert set(said["cases"]) == {"CN-01", "CN-02", "CN-03", "CN-04", "CN-05", "CN-07", "CN-08"}
    for case in said["cases"].values():
        assert case["routing"]
        assert case["answer"]
        assert all(case["expectations"].values())
