"""Where the time of a receipt, of a case, of a list goes: `python -m tests.bench.layers receipt`, with py-spy on the PATH."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console

from app.process import begin
from app.stack import Stack
from tests.bench import case, lists
from tests.bench.load import Wire, rate
from tests.bench.receipt import REPORTER, reports, turn_engine

LAYERS = {
    "/tests/": "the bench's own clients", "/app/domain/": "rules: app/domain", "/app/policy/": "policy pack and conditions: app/policy",
    "/app/db/": "ledger, intake, projections: app/db", "/app/api/": "routes, access, shapes: app/api", "/app/relay.py": "relay",
    "/app/temporal.py": "payloads sealed and opened", "/workflows/": "workflow code", "/activities/": "activities",
    "/sqlalchemy/": "SQLAlchemy", "/asyncpg/": "asyncpg", "/temporalio/worker/workflow_sandbox/": "the workflow sandbox",
    "/temporalio/": "Temporal's SDK", "/fastapi/": "FastAPI, Starlette", "/starlette/": "FastAPI, Starlette",
    "/uvicorn/": "uvicorn, event loop", "/asyncio/": "uvicorn, event loop", "/pydantic/": "pydantic", "/google/protobuf/": "Temporal's SDK",
}  # fmt: skip
"""The innermost frame that is in one of these says whose time it is; what runs below in C or the standard library is its caller's."""
app = typer.Typer(help=__doc__, add_completion=False)
console = Console()


def layer_of(stack: str) -> str:
    """Of one line of py-spy's raw output, without its count."""
    for frame in reversed(stack.split(";")):
        for place, name in LAYERS.items():
            if place in frame:
                return name
    return "other"


def shares(raw: str) -> list[tuple[str, float]]:
    """Each layer's share of the samples, the largest first."""
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        found[layer_of(stack)] += int(count)
    return [(name, count / found.total()) for name, count in found.most_common()]


async def receipt(stack: Stack) -> int:
    """Reports at 32 clients while the engine rests."""
    nth = reports()
    await rate(stack.api_port, stack.tokens[REPORTER], "/v1/reports", nth, clients=32, requests=1500)
    return 1500


async def whole_case(stack: Stack) -> int:
    """Whole cases, 32 at once; clients, relay and worker are this process."""
    count = 200
    begin("warning")
    async with case.chain(stack) as ours:
        numbers = iter(range(count))

        async def work() -> None:
            for _ in numbers:
                await ours.case()

        await asyncio.gather(*(work() for _ in range(32)))
    return count


async def desk_list(stack: Stack) -> int:
    """The police desk's first page, again and again."""
    person, path = lists.LISTS["desk_list"]
    wire = Wire(stack.api_port, stack.tokens[person])
    for _ in range(600):
        await wire.call("GET", path)
    return 600


LOADS: dict[str, Callable[[Stack], Awaitable[int]]] = {"receipt": receipt, "case": whole_case, "list": desk_list}


@app.command()
def main(what: Annotated[str, typer.Argument(help=f"One of: {', '.join(LOADS)}.")]) -> None:
    """CPU of every process for one of them, and the layers within the one that is ours."""
    profiler = shutil.which("py-spy")
    if profiler is None:
        raise typer.BadParameter("py-spy is not on the PATH: pip install py-spy, outside this project's environment")
    with tempfile.TemporaryDirectory(prefix="shouhu-layers-") as place:
        Path(place).chmod(0o755)
        stack = Stack(Path(place) / "system", api_port=0, temporal_port=0, ui_port=0, limits=1000)
        try:
            stack.start(lambda _: None)
            asyncio.run(_measure(stack, what, profiler, Path(place) / "raw"))
        finally:
            stack.stop()


async def _measure(stack: Stack, what: str, profiler: str, raw: Path) -> None:
    await turn_engine(stack, on=False)
    if what == "list":
        await lists.fill(stack, await lists.pattern(stack), 1, lists.FEW)
    await LOADS[what](stack)  # warm
    ours = os.getpid() if what == "case" else stack.process("api").pid
    before = _cpu(stack)
    with _sampled(profiler, ours, raw):
        count = await LOADS[what](stack)
    after = _cpu(stack)
    for name, seconds in after.items():
        console.print(f"cpu process={name} ms={1000 * (seconds - before[name]) / count:.2f} of={what}", highlight=False)
    for name, share in shares(raw.read_text()):
        console.print(f"layer {share:6.1%}  {name}", highlight=False)


@contextmanager
def _sampled(profiler: str, pid: int, raw: Path) -> Iterator[None]:
    """What the interpreter computes, a hundred times a second; a sleeping loop is not counted."""
    command = [profiler, "record", "--full-filenames", "-f", "raw", "-o", str(raw), "-p", str(pid)]
    process = subprocess.Popen([*command, "-d", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        process.send_signal(2)
        process.wait(30)


def _cpu(stack: Stack) -> dict[str, float]:
    """Seconds that each process has computed; PostgreSQL with its children, those that have ended too."""
    assert stack.postgres
    assert stack.postgres.process
    assert stack.temporal
    assert stack.temporal.process
    ids = {"api": stack.process("api").pid, "postgres": stack.postgres.process.pid, "temporal": stack.temporal.process.pid,
           "bench": os.getpid()}  # fmt: skip
    return {name: _of_tree(psutil.Process(pid), deep=name == "postgres") for name, pid in ids.items()}


def _of_tree(process: psutil.Process, *, deep: bool) -> float:
    family = [process, *(process.children(recursive=True) if deep else [])]
    return sum(sum(one.cpu_times()[: 4 if deep else 2]) for one in family)


if __name__ == "__main__":
    app()
