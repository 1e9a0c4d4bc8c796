"""The tree keeps its shape: imports run one way, the lock is whole, the schema is what the tables say."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from alembic import command

from app.db.migrate import config_for

ROOT = Path(__file__).parent.parent


def test_imports_run_one_way():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def _locked(name: str) -> dict[str, str]:
    """Each package of a lock with its block: version, markers and hashes."""
    lock = (ROOT / name).read_text()
    assert "://" not in lock, name
    blocks = [block.rstrip(" \\\n") for block in re.split(r"\n(?=\S)", lock) if block.strip()]
    assert all("--hash=sha256:" in block for block in blocks), name
    return {re.split(r"[=\[ ]", block)[0].lower(): block for block in blocks}


def _needed(packages: dict[str, Any], asked: list[dict[str, Any]]) -> set[str]:
    """Everything that uv locked for these, however far away."""
    seen: set[tuple[str, str]] = set()
    while asked:
        one = asked.pop()
        package = packages[one["name"]]
        for extra in ("", *one.get("extra", ())):
            if (one["name"], extra) not in seen:
                seen.add((one["name"], extra))
                asked = asked + (
                    package.get("optional-dependencies", {})[extra] if extra else package.get("dependencies", [])
                )
    return {name for name, _ in seen}


def test_the_locks_have_a_hash_for_everything_no_address_and_say_what_uv_locked():
    all_of_it, runtime = _locked("requirements.lock"), _locked("deploy/requirements.lock")
    assert "pip-audit" in _locked("deploy/supply.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    def names(wanted):
        return {re.split(r"[>=\[ ]", name)[0].lower() for name in wanted}

    tools = names(project["dependency-groups"]["dev"])
    assert tools | names(project["project"]["dependencies"]) <= all_of_it.keys()
    assert names(project["project"]["dependencies"]) <= runtime.keys()
    assert {name: block.partition(" ;")[0].split()[0] for name, block in runtime.items()} == {
        name: all_of_it[name].partition(" ;")[0].split()[0] for name in runtime
    }
    packages = {p["name"]: p for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert runtime.keys() == _needed(packages, packages["shouhu"]["dependencies"])
    for name, block in (all_of_it | runtime).items():
        assert f"=={packages[name]['version']}" in block
        uploaded = {f["hash"] for f in [packages[name].get("sdist", {"hash": ""}), *packages[name].get("wheels", [])]}
        assert set(re.findall(r"sha256:\w+", block)) <= uploaded, name
    asked = packages["shouhu"]["metadata"]
    said = {d["name"]: d.get("specifier", "") for d in (*asked["requires-dist"], *asked["requires-dev"]["dev"])}
    for wanted in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"]):
        name, specifier = re.fullmatch(r"([\w-]+)(?:\[\w+\])?(.*)", wanted).groups()
        assert said[name.lower()] == specifier, f"{name}: run make lock"


async def test_the_migrations_make_what_the_tables_say(engine):
    async with engine.connect() as conn:
        await conn.run_sync(lambda sync: command.check(config_for(sync)))


def test_nothing_in_the_tree_names_one_machine():
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in kept:
        path = ROOT / name
        if path.is_file() and path.suffix in (".py", ".md", ".yml", ".yaml", ".toml", ".sh"):
            assert "/".join(("", "work", "")) not in path.read_text("utf-8"), name


def test_every_test_that_a_claim_of_security_names_is_there():
    claims = [line for line in (ROOT / "SECURITY.md").read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    every = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for claim in claims:
        named = re.findall(r"`(?:tests/[a-z/]*)?(test_\w+\.py)`", claim)
        rooms = re.findall(r"`(tests/\w+)`", claim)
        assert named or rooms, claim
        assert set(named) <= every, claim
        assert all((ROOT / room).is_dir() for room in rooms), claim


def test_whatever_is_longer_than_in_the_gate_is_run_at_its_length_by_one_command():
    rules = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    run = [ROOT / one for one in re.search(r"^LONG := (.*)", rules, re.M)[1].split()]
    asks = re.compile(r"from tests\.faults import .*\b(times|LONG)\b|SHOUHU_LONG")
    ours = [path for path in (ROOT / "tests").rglob("test_*.py") if asks.search(path.read_text("utf-8"))]
    ours.remove(Path(__file__))
    assert len(ours) > 10
    assert [path for path in ours if not any(path.is_relative_to(one) for one in run)] == []
