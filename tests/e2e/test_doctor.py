"""The doctor looks at the running service, and says what is wrong when it is."""

import subprocess

from app.stack import ROOT


def run(*arguments, **environment):
    command = [ROOT / "shouhu", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment or None)


async def test_the_doctor_reaches_the_running_service(stack):
    done = run("doctor", "--quick", "--data", str(stack.data))
    assert done.returncode == 0, done.stdout
    assert "Temporal answers" in done.stdout
    full = run("doctor", "--data", str(stack.data))
    seen = (
        "fsync is on",
        "synchronous_commit is on",
        "at its newest revision",
        "calendar is",
        "in step",
        "worker polls",
    )
    for said in seen:
        assert said in full.stdout
    assert "not ok" not in full.stdout
    assert full.returncode == 0


def test_the_doctor_says_that_there_is_nothing(tmp_path):
    done = run("doctor", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "not set" in done.stdout


async def test_a_second_start_on_the_same_data_is_refused_with_a_sentence(stack):
    done = run("up", "--data", str(stack.data), "--port", "0")
    assert done.returncode == 1
    assert "already runs" in done.stderr
