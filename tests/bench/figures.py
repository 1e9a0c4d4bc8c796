"""What a benchmark found: one line a figure, a table for people, a file for machines, and the comparison of two such files."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """`ours` beside `reference`, both in `unit`, measured in the same run; `least` or `most` is the aim for their ratio, or for
    ours where there is no reference."""

    name: str
    unit: str
    ours: float
    reference: float | None = None
    least: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the reference."""
        return self.ours / self.reference if self.reference else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None when there is none."""
        judged = self.ours if self.ratio is None else self.ratio
        if self.least is not None:
            return judged >= self.least
        return judged <= self.most if self.most is not None else None

    @property
    def aim(self) -> str:
        """As people read it."""
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}" if self.most is not None else ""

    def line(self) -> str:
        """For those who read it with a program."""
        ratio = f"{self.ratio:.3f}" if self.ratio is not None else "-"
        reference = f"{self.reference:.4g}" if self.reference is not None else "-"
        return f"figure={self.name} ours={self.ours:.4g} reference={reference} ratio={ratio}"


def middle(runs: Sequence[float]) -> float:
    """The median of the runs."""
    return median(runs)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def show(figures: Sequence[Figure], console: Console) -> None:
    """All of them as a table."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, side in (("figure", "left"), ("ours", "right"), ("reference", "right"), ("unit", "left"), ("ratio", "right"),
                       ("aim", "right"), ("", "left")):  # fmt: skip
        table.add_column(name, justify=side)
    verdicts = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}
    for f in figures:
        reference = f"{f.reference:.4g}" if f.reference is not None else ""
        ratio = f"{f.ratio:.2f}" if f.ratio is not None else ""
        table.add_row(f.name, f"{f.ours:.4g}", reference, f.unit, ratio, f.aim, verdicts[f.met])
    console.print(table)


def save(figures: Sequence[Figure], path: Path) -> None:
    """As JSON."""
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=1, ensure_ascii=False) + "\n", "utf-8")


def read(path: Path) -> dict[str, Figure]:
    """What `save` wrote, by name."""
    return {row["name"]: Figure(**row) for row in json.loads(path.read_text("utf-8"))}


def compare(before: Path, after: Path, console: Console) -> None:
    """Figure by figure: what it was, what it is. Ratios compare across machines; plain figures only on the same one."""
    old, new = read(before), read(after)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("figure", "before", "after", "unit", "change"):
        table.add_column(name, justify="left" if name in ("figure", "unit") else "right")
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name), new.get(name)
        values = [(f.ratio if f.ratio is not None else f.ours) if f else None for f in (was, now)]
        unit = next(("ratio" if f.ratio is not None else f.unit) for f in (now, was) if f)
        change = f"{values[1] / values[0] - 1:+.0%}" if values[0] and values[1] is not None else ""
        table.add_row(name, *(f"{v:.4g}" if v is not None else "-" for v in values), unit, change)
    console.print(table)
