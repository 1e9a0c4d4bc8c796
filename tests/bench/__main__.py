"""The benchmarks: `make bench`, `make bench BENCH_ARGS="receipt case"`, `make bench BENCH_ARGS="--compare before.json after.json"`."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.stack import Stack
from tests.bench import case, lists, receipt
from tests.bench.figures import Figure, compare, save, show

console, progress = Console(), Console(stderr=True)
Say = Callable[[str], None]
Bench = Callable[[Stack, Say], Awaitable[list[Figure]]]
BENCHES: dict[str, Bench] = {"receipt": receipt.measure, "case": case.measure, "lists": lists.measure}


def run(
    names: Annotated[list[str] | None, typer.Argument(help=f"Some of: {', '.join(BENCHES)}.")] = None,
    out: Annotated[Path, typer.Option(help="Where the figures go as JSON.")] = Path("bench.json"),
    compare_with: Annotated[tuple[Path, Path] | None, typer.Option("--compare", help="Two such files.")] = None,
) -> None:
    """Measure ours beside the reference, in one run, on one machine."""
    if compare_with:
        compare(*compare_with, console)
        return
    figures: list[Figure] = []
    for name in names or BENCHES:
        with progress.status(name) as status:
            found = _on_a_system_of_its_own(BENCHES[name], lambda what: status.update(f"{what} ..."))
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
        stack = Stack(Path(place) / "system", api_port=0, temporal_port=0, ui_port=0)
        try:
            stack.start(say)
            return asyncio.run(bench(stack, say))
        finally:
            stack.stop()


if __name__ == "__main__":
    typer.run(run)
