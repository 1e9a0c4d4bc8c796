"""The tree keeps its shape: imports run one way, the lock is whole, the schema is what the tables say."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

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


def test_the_lock_has_a_hash_for_everything_and_no_address():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    blocks = [block for block in re.split(r"\n(?=\S)", lock) if block.strip()]
    assert all("--hash=sha256:" in block for block in blocks)
    names = {re.split(r"[=\[ ]", block)[0].lower() for block in blocks}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    assert {re.split(r"[>=\[ ]", name)[0].lower() for name in wanted} <= names


async def test_the_migrations_make_what_the_tables_say(engine):
    async with engine.connect() as conn:
        await conn.run_sync(lambda sync: command.check(config_for(sync)))


def test_nothing_in_the_tree_names_one_machine():
    kept = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in kept:
        path = ROOT / name
        if path.is_file() and path.suffix in (".py", ".md", ".yml", ".yaml", ".toml", ".sh"):
            assert "/".join(("", "work", "")) not in path.read_text("utf-8"), name
