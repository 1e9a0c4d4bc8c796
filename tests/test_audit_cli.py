"""The commands of the audit, `key`, `export` and `verify`, on a trail that nobody touched and on one that its owner attacked."""

import asyncio
import base64
import subprocess
import sys

import pytest
from sqlalchemy import text

from app.cli import main
from tests.conftest import KEY_SETTINGS
from tests.trail import KEY, OWNER, VERIFIER, drawn_anew, sealed_trail

SECRET = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
async def own(postgres, place):
    async with sealed_trail(postgres, place) as sealer:
        yield sealer


@pytest.fixture
def audit(own, monkeypatch, capfd):
    """The command on this trail; its exit code and what it said, the verifier's words too."""
    url = own.engine.url.render_as_string(hide_password=False)
    given = {"DATABASE_URL": url, "AUDIT_KEY": SECRET, "AUDIT_ANCHOR": str(own.anchor)}
    for name, value in {**KEY_SETTINGS, **{f"SHOUHU_{name}": value for name, value in given.items()}}.items():
        monkeypatch.setenv(name, value)

    async def run(*arguments):
        monkeypatch.setattr("sys.argv", ["shouhu", "audit", *map(str, arguments)])
        code = 0
        try:
            await asyncio.to_thread(main)
        except SystemExit as ended:
            code = ended.code or 0
        said = capfd.readouterr()
        return code, said.out + said.err

    return run


async def test_what_nobody_touched_is_whole_by_the_command_and_by_the_verifier_alone(own, audit, tmp_path):
    assert await audit("key") == (0, f"{KEY.public.hex()}\n")
    code, said = await audit("verify")
    assert (code, "3 seals over 30 rows" in said, "1 anchors hold" in said) == (0, True, True), said
    trail = tmp_path / "trail.jsonl"
    assert (await audit("export", trail))[0] == 0
    assert alone(trail, own.anchor)[0] == 0


ATTACKS = {
    "an update": ["update audit set person_id = 'nobody' where id = 14"],
    "a truncation": ["delete from audit where id > 20", "delete from seals where number = 3"],
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_the_owner_of_the_database_did_is_found_by_both(own, audit, tmp_path, attack):
    async with own.engine.begin() as conn:
        for statement in (OWNER, *ATTACKS[attack]):
            await conn.execute(text(statement))
    code, said = await audit("verify")
    assert (code, "FAULT" in said) == (1, True), said
    trail = tmp_path / "trail.jsonl"
    assert (await audit("export", trail))[0] == 0
    code, said = alone(trail, own.anchor)
    assert (code, "FAULT" in said) == (1, True), said


@pytest.mark.parametrize("taken", ["removed", "emptied"])
async def test_heads_that_are_gone_are_a_fault_and_hide_no_chain_that_was_drawn_anew(own, audit, tmp_path, taken):
    """Whoever holds the key as well draws a chain that is whole; only the heads tell, so without them nothing is said to be whole."""
    async with own.engine.begin() as conn:
        await conn.execute(text(OWNER))
        await drawn_anew(conn, KEY)
    assert (await audit("verify"))[0] == 1
    if taken == "removed":
        own.anchor.unlink()
    else:
        own.anchor.write_text("")
    trail = tmp_path / "trail.jsonl"
    assert (await audit("export", trail))[0] == 0
    for code, said in (await audit("verify"), alone(trail, own.anchor)):
        assert (code, f"{own.anchor}" in said, "whole" in said) == (1, True, False), said


async def test_a_name_that_was_typed_wrongly_is_a_fault(own, audit):
    code, said = await audit("verify", "--anchors", own.anchor.with_name("ancors"))
    assert (code, "there is no file" in said) == (1, True), said


def alone(trail, anchors):
    """The verdict of the stand-alone verifier, which imports nothing of the service."""
    command = [sys.executable, "-I", VERIFIER, trail, "--key", KEY.public.hex(), "--anchors", anchors]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
