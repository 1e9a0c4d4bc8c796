"""The benchmarks: `make bench`, `make bench BENCH_ARGS="receipt case"`, `make bench BENCH_ARGS="--compare before.json after.json"`."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.stack import Stack
from tests.bench import case, excel, limits, lists, many, match, pages, policy, receipt, trust, watched
from tests.bench.figures import Figure, compare, save, show

console, progress = Console(), Console(stderr=True)
Say = Callable[[str], None]
Bench = Callable[[Stack, Say], Awaitable[list[Figure]]]
BENCHES: dict[str, Bench] = {
    "policy": policy.measure, "match": match.measure,
    "limits": limits.measure, "receipt": receipt.measure, "case": case.measure, "lists": lists.measure, "many": many.measure,
    "watched": watched.measure, "pages": pages.measure, "excel": excel.measure, "trust": trust.measure,
}  # fmt: skip


def run(
    names: Annotated[list[str] | None, typer.Argument(help=f"Some of: {', '.join(BENCHES)}.")] = None,
    out: Annotated[Path, typer.Option(help="Where the figures go as JSON.")] = Path("bench.json"),
    open_cases: Annotated[int, typer.Option("--open", min=many.FEW + 1, help="How many cases `many` opens.")] = 10_000,
    watches: Annotated[
        int, typer.Option("--watched", min=50, help="How many children `watched` has.")
    ] = watched.WATCHED,
    rows: Annotated[int, typer.Option("--rows", min=100, help="How many children `excel` has in a book.")] = excel.ROWS,
    compare_with: Annotated[tuple[Path, Path] | None, typer.Option("--compare", help="Two such files.")] = None,
) -> None:
    """Measure ours beside the reference, in one run, on one machine."""
    if compare_with:
        compare(*compare_with, console)
        return
    benches = BENCHES | {"many": partial(many.measure, open_cases=open_cases)}
    benches["watched"] = partial(watched.measure, watched=watches)
    benches["excel"] = partial(excel.measure, rows=rows)
    figures: list[Figure] = []
    for name in names or benches:
        with progress.status(name) as status:
            say = status.update if progress.is_terminal else progress.print
            found = _on_a_system_of_its_own(benches[name], lambda what, say=say: say(f"{what} ..."))
        figures += found
        for figure in found:
            console.print(figure.line(), soft_wrap=True, highlight=False)
    console.print()
    show(figures, console)
    save(figures, out)
    if any(figure.met is False for figure in figures):
        raise typer.Exit(1)


def _on_a_system_of_its_own(bench: Bench, say: Say) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="shouhu-bench-") as place:
        Path(place).chmod(0o755)
        stack = Stack(Path(place) / "system", api_port=0, temporal_port=0, ui_port=0, limits=1000)
        try:
            stack.start(say)
            return asyncio.run(bench(stack, say))
        finally:
            stack.stop()


if __name__ == "__main__":
    typer.run(run)
