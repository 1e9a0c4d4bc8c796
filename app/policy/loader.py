"""Loads a policy version from its files; an error names the file, the row and the reason."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from app.domain.clock import Budget, Unit
from app.domain.terms import Rung
from app.policy.pack import Pack, PackFile, RungRow, TimeRow

HERE = Path(__file__).parent
FILES = ("triage.yaml", "times.yaml", "routes.yaml")
DEMO = "+demo"
STEP = 2
"""Seconds between two rungs of the demonstration."""


class BadPack(ValueError):
    """A pack that cannot be used."""


@cache
def load(version: str) -> Pack:
    """The pack of that version; `+demo` behind it shortens every time to seconds."""
    file = read(HERE / version.removesuffix(DEMO))
    return Pack(version, _in_seconds(file) if version.endswith(DEMO) else file)


def read(folder: Path) -> PackFile:
    """All files of a pack as one; raises BadPack with every fault found."""
    whole: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name in FILES:
        part = _part(folder / name)
        if twice := sorted(set(part) & set(whole)):
            raise BadPack(f"{name}: {twice[0]}: stands in {origin[twice[0]]} too")
        whole |= part
        origin |= dict.fromkeys(part, name)
    try:
        file = PackFile.model_validate(whole)
    except ValidationError as error:
        raise BadPack("\n".join(_place(problem, whole, origin) for problem in error.errors())) from None
    if wrong := tuple(file.contradictions()):
        raise BadPack("\n".join(f"{origin[table]}: {table} row {row}: {reason}" for table, row, reason in wrong))
    return file


def _part(path: Path) -> dict[str, Any]:
    try:
        part = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadPack(f"{path.name}: {error}") from None
    if not isinstance(part, dict):
        raise BadPack(f"{path.name}: holds no tables")
    return part


def _place(problem: Any, whole: dict[str, Any], origin: dict[str, str]) -> str:
    table, *rest = problem["loc"] or ("pack",)
    row = ""
    if rest and isinstance(rest[0], int):
        entry = whole[table][rest[0]]
        named = entry if isinstance(entry, dict) else {}
        row = f" row {named.get('id') or named.get('code') or rest[0]}"
    elif rest:
        row = f" row {rest[0]}"
    field = f" {rest[-1]}" if len(rest) > 1 else ""
    return f"{origin.get(str(table), 'pack')}: {table}{row}:{field} {problem['msg'].removeprefix('Value error, ')}"


def _in_seconds(file: PackFile) -> PackFile:
    """The demonstration's pace: seconds for minutes and days, rungs two seconds apart, around the clock."""
    times = {
        name: TimeRow(normal=_short(row.normal), urgent=_short(row.urgent), basis=row.basis)
        for name, row in file.times.items()
    }
    order = tuple(Rung)
    ladder = tuple(
        RungRow(
            rung=rung, anchor="due", before=rung is Rung.REMIND, offset=_seconds(STEP * max(1, order.index(rung) - 1))
        )
        if rung is not Rung.DESK_HEAD
        else RungRow(rung=rung, anchor="due")
        for rung in order
    )
    return file.model_copy(
        update={"times": times, "ladders": {"urgent": ladder, "normal": ladder}, "never_rests": True}
    )


def _short(budget: Budget) -> Budget:
    long = budget.unit is Unit.DAYS or (budget.amount >= 4 and budget.unit is not Unit.MINUTES)
    return _seconds(30 if long else 6)


def _seconds(amount: int) -> Budget:
    return Budget(amount=amount, unit=Unit.SECONDS)
