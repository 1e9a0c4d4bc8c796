"""The demonstration, as its user runs it."""

import json
import subprocess

import pytest

from app.demo_results import told
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
    looks = {name: looks_of(case) for name, case in said["cases"].items()}
    assert [
        "首次后期评估 first post-assessment (30 days)",
        "再次后期评估 second post-assessment (90 days)",
    ] in looks.values()


def looks_of(case):
    """Which post-assessments the timeline names, as people read it."""
    policy = case["timeline"][0]["policy"]
    return [told(row, policy).partition(": ")[2] for row in case["timeline"] if row["kind"] == "post_assessment_filed"]
