"""Loads a policy version from its files; an error names the file, the row and the reason."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from app.domain.clock import Budget, Unit
from app.domain.terms import Rung
from app.policy.older import completed, lacking
from app.policy.pack import Pack
from app.policy.pack_file import PackFile, RungRow, TimeRow
from app.policy.waits import circles

HERE = Path(__file__).parent
FILES = (
    "triage.yaml", "times.yaml", "routes.yaml", "entitlements.yaml", "categories.yaml", "placement.yaml", "grading.yaml",
    "records.yaml", "procedures.yaml", "registers.yaml", "rounds.yaml", "ledgers.yaml", "catalogue.yaml",
    "disclosure.yaml",
)  # fmt: skip
RELEASE = "fengtai-2026.1"
"""The version that ships with this release."""
DEMO = "+demo"
STEP = 2
"""Seconds between two rungs of the demonstration."""


SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class OnceLoader(SafeLoader):
    """Of YAML's own loader the last of two equal keys wins in silence; here a row says everything once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in dict.fromkeys(names):
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{name} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


class Fault(NamedTuple):
    """What is wrong, and where."""

    file: str
    table: str
    row: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.table}{f' row {self.row}' if self.row else ''}: {self.reason}"


class BadPack(ValueError):
    """A pack that cannot be used, with every fault found."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class Files(NamedTuple):
    """The tables of a pack as they are written, and the file in which each stands."""

    whole: dict[str, Any]
    origin: dict[str, str]

    def fault(self, table: str, row: str, reason: str) -> Fault:
        """With the file that holds the table."""
        return Fault(self.origin.get(table, "pack"), table, row, reason)


def load(version: str, written: Mapping[str, str] | None = None) -> Pack:
    """The pack of that version, of its published files or as it ships; `+demo` behind it shortens every time to seconds.

    What was published before a table existed is completed as `app.policy.older` says.
    """
    return _loaded(version) if written is None else _published(version, tuple(sorted(written.items())))


def shipped(version: str) -> Path | None:
    """The folder of a version that ships with the product."""
    return next((one for one in HERE.iterdir() if one.name == version and (one / FILES[0]).exists()), None)


@cache
def _loaded(version: str) -> Pack:
    return _pack(version, read(HERE / version.removesuffix(DEMO)))


@lru_cache(maxsize=8)
def _published(version: str, written: tuple[tuple[str, str], ...]) -> Pack:
    """A page of the rules asks for the same draft several times, and reading one takes a third of a second."""
    own, release = tables_of(dict(written)), tables_of(texts(HERE / RELEASE))
    whole, silent = completed(own.whole, release.whole)
    file = _checked(Files(whole, release.origin | own.origin)) if silent else _parsed(written)
    return replace(_pack(version, file), silent_about=silent, left_out=lacking(own.whole, release.whole))


def _pack(version: str, file: PackFile) -> Pack:
    return Pack(version, _in_seconds(file) if version.endswith(DEMO) else file)


def read(folder: Path) -> PackFile:
    """All files of a pack as one; raises BadPack with every fault found."""
    return parse(texts(folder))


def texts(folder: Path) -> dict[str, str]:
    """The files of a pack as text, by name."""
    found: dict[str, str] = {}
    for name in FILES:
        try:
            found[name] = (folder / name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadPack(Fault(name, "pack", "", str(error))) from None
    return found


def parse(written: Mapping[str, str]) -> PackFile:
    """The same of files that are at hand as text."""
    return _parsed(tuple(sorted(written.items())))


@lru_cache(maxsize=8)
def _parsed(written: tuple[tuple[str, str], ...]) -> PackFile:
    """A draft is asked for faults, for its day and for what it changes, each time as a whole."""
    return _checked(tables_of(dict(written)))


def _checked(files: Files) -> PackFile:
    try:
        file = PackFile.model_validate(files.whole)
    except ValidationError as error:
        raise BadPack(*(_placed(problem, files) for problem in error.errors())) from None
    if wrong := (*file.contradictions(), *circles(file)):
        raise BadPack(*(files.fault(*one) for one in wrong))
    return file


def tables_of(written: Mapping[str, str]) -> Files:
    """The tables of all files together; none may stand in two."""
    whole: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, text in written.items():
        part = _part(name, text)
        if twice := sorted(set(part) & set(whole)):
            raise BadPack(Fault(name, twice[0], "", f"stands in {origin[twice[0]]} too"))
        whole |= part
        origin |= dict.fromkeys(part, name)
    return Files(whole, origin)


def _part(name: str, text: str) -> dict[str, Any]:
    try:
        part = _yaml(text)
    except (yaml.YAMLError, ValueError) as error:  # a day such as 2026-13-01 is no day
        raise BadPack(Fault(name, "pack", "", str(error))) from None
    if not isinstance(part, dict):
        raise BadPack(Fault(name, "pack", "", "holds no tables"))
    return part


@lru_cache(maxsize=64)
def _yaml(text: str) -> Any:
    """Of two versions most files are the same; nobody changes what was read."""
    return yaml.load(text, Loader=OnceLoader)


def _placed(problem: Any, files: Files) -> Fault:
    table, *rest = problem["loc"] or ("pack",)
    row = ""
    if rest and isinstance(rest[0], int):
        entry = files.whole[table][rest[0]]
        named = entry if isinstance(entry, dict) else {}
        row = str(named.get("id") or named.get("code") or rest[0])
    elif rest:
        row = str(rest[0])
    field = f"{rest[-1]} " if len(rest) > 1 else ""
    return files.fault(str(table), row, f"{field}{problem['msg'].removeprefix('Value error, ')}")


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
        update={
            "times": times, "ladders": {"urgent": ladder, "normal": ladder}, "never_rests": True,
            "post_assessments_apart": _seconds(STEP),
        }
    )  # fmt: skip


def _short(budget: Budget) -> Budget:
    long = budget.unit in (Unit.DAYS, Unit.MONTHS) or (budget.amount >= 4 and budget.unit is not Unit.MINUTES)
    return _seconds(30 if long else 6)


def _seconds(amount: int) -> Budget:
    return Budget(amount=amount, unit=Unit.SECONDS)
