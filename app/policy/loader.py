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
    """All files of a pack as one; raises BadPack."""
    whole: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name in FILES:
        try:
            part = yaml.safe_load((folder / name).read_text("utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise BadPack(f"{name}: {error}") from None
        whole |= part
        origin |= dict.fromkeys(part, name)
    try:
        return PackFile.model_validate(whole)
    except ValidationError as error:
        raise BadPack("\n".join(_place(problem, whole, origin) for problem in error.errors())) from None


def _place(problem: Any, whole: dict[str, Any], origin: dict[str, str]) -> str:
    table, *rest = problem["loc"] or ("pack",)
    row = ""
    if rest and isinstance(rest[0], int):
        entry = whole[table][rest[0]]
        row = f" row {entry.get('id') or entry.get('code') or rest[0]}"
    elif rest:
        row = f" row {rest[0]}"
    return f"{origin.get(str(table), 'pack')}: {table}{row}: {problem['msg']}"


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
    return file.model_copy(update={"times": times, "ladders": {"urgent": ladder, "normal": ladder}})


def _short(budget: Budget) -> Budget:
    long = budget.unit is Unit.DAYS or (budget.amount > 4 and budget.unit is not Unit.MINUTES)
    return _seconds(30 if long else 6)


def _seconds(amount: int) -> Budget:
    return Budget(amount=amount, unit=Unit.SECONDS)
