"""`./shouhu up` as a newcomer meets it: odd folders, taken ports, sudden ends, and a second start on the same data."""

import asyncio
import json
import os
import pwd
import signal
import socket
import subprocess
import time

import psutil
import pytest

from app.embedded import BEHIND, EmbeddedError, Postgres, closed_to, require_free
from app.stack import ROOT

PATIENCE = 60


def run(*arguments, **environment):
    command = [ROOT / "shouhu", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


@pytest.fixture
def start(tmp_path):
    """Start the service on a folder and return it with what it said; all are ended afterwards."""
    started = []

    def started_on(data):
        out = tmp_path / f"out-{len(started)}"
        with out.open("w") as said:
            process = subprocess.Popen(
                [ROOT / "shouhu", "up", "--data", data, "--port", "0", "--temporal-port", "0", "--ui-port", "0"],
                stdout=said, stderr=said, env={**os.environ, "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"},
            )  # fmt: skip
        started.append(process)
        end = time.monotonic() + PATIENCE
        while "Sign in as" not in out.read_text() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        assert "Shouhu 守护 is running" in out.read_text(), out.read_text()
        return process, out

    yield started_on
    for process in started:
        process.kill()
        process.wait()


def left_of(data):
    """Processes that still name this folder."""
    listed = subprocess.run(["ps", "ax", "-o", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(data) in line]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_killed_or_stopped_it_leaves_nothing_behind_and_starts_again_with_its_tokens(place, start):
    data = place / "the 数据 #1? of 100%"
    first, _ = await asyncio.to_thread(start, data)
    tokens = json.loads((data / "tokens.json").read_text())
    api = int(
        next(line for line in (data / "settings.env").read_text().splitlines() if "API_PORT" in line).split("=")[1]
    )
    own = os.getpriority(os.PRIO_PROCESS, 0)
    nice = {name: own + behind for name, behind in (("app.main", 0), ("app.worker", BEHIND), ("start-dev", BEHIND))}
    children = psutil.Process(first.pid).children()
    assert {word: child.nice() for child in children for word in child.cmdline() if word in nice} == nice, "desks first"
    first.kill()
    first.wait()
    end = time.monotonic() + PATIENCE
    while left_of(data) and time.monotonic() < end:
        await asyncio.sleep(0.2)
    assert left_of(data) == []
    while listens(api) and time.monotonic() < end:  # it names no folder, and dies a moment after its parent
        await asyncio.sleep(0.2)
    require_free(api, "the API of the one that was killed")

    second, said = await asyncio.to_thread(start, data)
    assert json.loads((data / "tokens.json").read_text()) == tokens
    assert tokens["school.reporter.1"] in said.read_text()
    assert str(data) in said.read_text()  # on one line, whatever the terminal's width
    second.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(second.wait, PATIENCE) == 0
    assert left_of(data) == []
    assert "Stopping" in said.read_text()


async def test_control_c_while_it_starts_leaves_a_folder_that_starts(place, start):
    data = place / "interrupted"
    command = [ROOT / "shouhu", "up", "--data", data, "--port", "0", "--temporal-port", "0", "--ui-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (data / "postgres.password").exists():
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    assert left_of(data) == []
    again, _ = await asyncio.to_thread(start, data)
    assert again.poll() is None


def test_a_folder_that_cannot_be_used_is_named_in_a_sentence(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    done = run("up", "--data", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == f"The data folder {file} cannot be used: file exists. Choose another one with --data."


def test_the_folder_that_keeps_out_the_account_of_postgresql_is_named(place):
    """Where root starts it; initdb would say no more than that it was denied."""
    shut = place / "shut"
    server = Postgres(shut / "data" / "postgres")
    server.account = other = pwd.struct_passwd(("postgres", "x", os.getuid() + 1, os.getgid() + 1, "", "/", ""))
    shut.mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match=rf"account postgres, which may not enter {shut}\. .*chmod o\+x {shut}\)"):
        server.start()
    owner = pwd.struct_passwd(("postgres", "x", os.getuid(), os.getgid() + 1, "", "/", ""))
    member = pwd.struct_passwd(("postgres", "x", os.getuid() + 1, os.getgid(), "", "/", ""))
    for mode, reach in ((0o700, [owner]), (0o710, [owner, member]), (0o711, [owner, member, other]), (0o001, [other])):
        shut.chmod(mode)
        assert [one for one in (owner, member, other) if closed_to(one, server.directory) is None] == reach, oct(mode)


@pytest.mark.parametrize("option", ["--port", "--temporal-port", "--ui-port"])
def test_a_taken_port_is_named_before_anything_starts(tmp_path, option):
    free = {"--port": "0", "--temporal-port": "0", "--ui-port": "0"}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        options = [part for pair in (free | {option: port}).items() for part in pair]
        done = run("up", "--data", str(tmp_path / "data"), *options)
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert not (tmp_path / "data" / "postgres").exists()


def test_an_impossible_port_is_refused(tmp_path):
    done = run("up", "--data", str(tmp_path), "--port", "99999")
    assert done.returncode == 2
    assert "65535" in done.stderr


@pytest.mark.parametrize("command", ["migrate", "seed", "endpoint", "reconcile", "api", "worker"])
def test_a_command_without_a_database_says_so(tmp_path, command):
    where = ["--data", str(tmp_path)] if command not in ("api", "worker") else []
    done = run(command, *where, SHOUHU_DATABASE_URL="")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "SHOUHU_DATABASE_URL" in done.stderr


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_process_without_the_keys_of_content_says_so(command):
    address = "postgresql+asyncpg://nobody@127.0.0.1:1/none"
    done = run(command, SHOUHU_DATABASE_URL=address, SHOUHU_MASTER_KEYS="", SHOUHU_RECEIPT_SECRET="r" * 32)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "SHOUHU_MASTER_KEYS" in done.stderr


def test_a_port_that_needs_rights_is_told_from_a_taken_one(monkeypatch):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(socket.socket, "bind", refused)
    with pytest.raises(EmbeddedError, match="may not use port 80 "):
        require_free(80, "the API")
