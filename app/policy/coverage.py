"""Which row of the notice is realised by what and proven by which test; what is left is named and shrinks."""

import ast
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from app.policy.basis import cite
from app.policy.loader import SafeLoader, tables_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TABLE = ROOT / "docs" / "coverage.md"
KEYS = ("id", "code", "rung", "benefit", "name")
SUPPORTED = ("register", "report", "record")
"""For what no software can do, a budget or a campaign: what is kept of it."""


class Realised(BaseModel):
    """What realises a row outside of the pack's tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["workflow", "ledger", "access", "report", "register", "record"]
    what: str
    where: str

    def __str__(self) -> str:
        supported = "no software can do this; supported by a " if self.by in SUPPORTED else ""
        return f"{supported}{self.by}: {self.what} ({self.where})"


class Listed(BaseModel):
    """The file beside this module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    realised: dict[str, Realised]
    left: dict[str, str]


@dataclass(frozen=True)
class Covered:
    """One row of the notice with all that answers for it."""

    row: str
    clause: str
    text: str
    pack: tuple[str, ...]
    realised: Realised | None
    tests: tuple[str, ...]
    left: str

    @property
    def faults(self) -> Iterator[str]:
        """Why this row does not count."""
        done = bool(self.tests) and bool(self.pack or self.realised)
        if self.left and done:
            yield "stands among what is left, though it is realised and proven"
        elif not self.left and not (self.pack or self.realised):
            yield "nothing realises it"
        elif not self.left and not self.tests:
            yield "no test proves it"


def covered(files: Mapping[str, str], tests: Path | None = ROOT / "tests") -> tuple[Covered, ...]:
    """All rows of the notice in its order, beside the rows of the pack with these files by name, and the tests in a folder."""
    listed = Listed.model_validate(yaml.load((HERE / "coverage.yaml").read_text("utf-8"), Loader=SafeLoader))
    notice = [row["id"] for row in json.loads((HERE / "requirements.json").read_text("utf-8"))]
    if unknown := sorted({*listed.realised, *listed.left} - set(notice)):
        raise ValueError(f"coverage.yaml: no row of the notice is called {', '.join(unknown)}")
    cited, proven = _cited(files), _proven(tests) if tests else {}
    return tuple(
        Covered(
            row=row, clause=cite(row).clause, text=cite(row).text, pack=cited.get(row, ()), realised=listed.realised.get(row),
            tests=proven.get(row, ()), left=listed.left.get(row, ""),
        )
        for row in notice
    )  # fmt: skip


def _cited(files: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Per row of the notice, the rows of all tables of the pack that rest on it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for table, value in tables_of({name: files[name] for name in sorted(files)}).whole.items():
        for place, basis in _based(table, value):
            for source in basis:
                found[source].append(place)
    return {row: tuple(places) for row, places in found.items()}


def _based(place: str, value: Any) -> Iterator[tuple[str, list[str]]]:
    if isinstance(value, dict):
        if isinstance(value.get("basis"), list):
            yield place, value["basis"]
        for name, one in value.items():
            yield from _based(f"{place} {name}", one)
    elif isinstance(value, list):
        for n, one in enumerate(value):
            named = one if isinstance(one, dict) else {}
            yield from _based(f"{place} {next((named[key] for key in KEYS if key in named), n)}", one)


def _proven(tests: Path) -> Mapping[str, tuple[str, ...]]:
    """Per row of the notice, the tests that carry its number as a mark."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(tests.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for row in _marks(node):
                    found[row].append(f"{path.relative_to(tests)}::{node.name}")
    return {row: tuple(names) for row, names in found.items()}


def _marks(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == "requirement":
            yield from (str(one.value) for one in mark.args if isinstance(one, ast.Constant))


def table_of(rows: tuple[Covered, ...]) -> str:
    """The table of the documentation."""
    done = sum(not row.left and not any(row.faults) for row in rows)
    lines = [
        "# The notice, row by row",
        "",
        f"{done} of {len(rows)} rows of 丰政发〔2017〕17号 are realised and proven. Made by `./shouhu policy coverage --write`.",
        "",
        "| row | clause | the notice says | realised by | proven by |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        by = "<br>".join([*row.pack[:MOST], *_more(row.pack), *([str(row.realised)] if row.realised else [])])
        by = "<br>".join(filter(None, [by, f"**left**: {row.left}" if row.left else ""]))
        proven = "<br>".join([*row.tests[:MOST], *_more(row.tests)])
        lines.append(f"| {row.row} | {row.clause} | {row.text[:40]}{'…' * (len(row.text) > 40)} | {by} | {proven} |")
    return "\n".join(lines) + "\n"


MOST = 4
"""How many rows or tests a cell names."""


def _more(names: tuple[str, ...]) -> list[str]:
    return [f"and {len(names) - MOST} more"] if len(names) > MOST else []
