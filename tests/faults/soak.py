"""A night of faults: random kills, hangs and lost replies over all processes with cases flowing; then the checker reads everything.

`make soak` runs half an hour; `make soak MINUTES=5` is shorter. Prints figures; the exit code is 0 when nothing is complained of.
"""

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import httpx2
import typer

from app.demo import BEHAVIOURS
from tests.faults.checker import Seen, settled
from tests.faults.rig import QUICK, Rig
from tests.faults.traffic import Journey, Stubborn

EXAMPLES = ("CN-01", "CN-02", "CN-03", "CN-05", "CN-07")
PROCESSES = ("api", "worker", "postgres", "temporal")
AT_ONCE, CALM = 6, 3.0
HANG = (1, 12)


class Night:
    """The people and the faults of one run."""

    def __init__(self, rig: Rig, people: Stubborn, chance: random.Random) -> None:
        self.rig, self.people, self.chance = rig, people, chance
        self.faults: Counter = Counter()
        self.closed = 0
        self.over = asyncio.Event()

    async def lives(self) -> None:
        """One case after the other, each to its closure."""
        while not self.over.is_set():
            await Journey(self.chance.choice(EXAMPLES), self.people).travel()
            self.closed += 1

    async def breaks(self, until: float) -> None:
        """Something breaks, and some seconds later something else."""
        breakages = (self._kill, self._kill_several, self._hang, self._lose, self._reset, self._slow)
        while time.monotonic() < until:
            await self.chance.choice(breakages)()
            await self.rig.restart(*self.rig.all_dead())  # as a service manager would
            await asyncio.sleep(self.chance.uniform(0.5, 2) * CALM)
        self.over.set()

    async def _kill(self) -> None:
        name = self.chance.choice((*PROCESSES, *self.rig.agencies))
        self.faults[f"kill {name}"] += 1
        self.rig.kill(name)
        await asyncio.sleep(self.chance.uniform(0, 4))
        await self.rig.restart(name)

    async def _kill_several(self) -> None:
        names = self.chance.sample(PROCESSES, 2)
        self.faults[f"kill {' and '.join(sorted(names))}"] += 1
        await self.rig.restart(*names)

    async def _hang(self) -> None:
        name = self.chance.choice((*PROCESSES, *self.rig.agencies))
        self.faults[f"hang {name}"] += 1
        with self.rig.hung(name):
            await asyncio.sleep(self.chance.uniform(*HANG))

    async def _lose(self) -> None:
        name, wire = self.chance.choice(tuple(self.rig.wires.items()))
        before = wire.lost
        having = b"COMMIT" if name == "postgres" else b""
        with wire.bad(lost=0.15, cut=0.05, having=having):
            await asyncio.sleep(self.chance.uniform(2, 6))
        self.faults[f"lost replies of {name}"] += wire.lost - before

    async def _reset(self) -> None:
        name, wire = self.chance.choice(tuple(self.rig.wires.items()))
        self.faults[f"reset {name}"] += 1
        wire.reset()

    async def _slow(self) -> None:
        name, wire = self.chance.choice(tuple(self.rig.wires.items()))
        self.faults[f"slow {name}"] += 1
        with wire.bad(delay=self.chance.uniform(0.02, 0.3)):
            await asyncio.sleep(self.chance.uniform(2, 5))

    async def says(self, until: float) -> None:
        """How far it is, every ten seconds."""
        while not self.over.is_set():
            await asyncio.sleep(10)
            left = max(0, until - time.monotonic())
            print(
                f"{left:5.0f} s left · {len(self.people.acks)} acknowledgements · {self.closed} cases closed · "
                f"{sum(self.faults.values())} faults · {len(self.people.wrong)} wrong answers",
                flush=True,
            )


async def night(minutes: float, seed: int) -> tuple[Night, Seen, list[str]]:
    """All of it, on a system of its own."""
    folder = Path(tempfile.mkdtemp(prefix="shouhu-soak-"))
    folder.chmod(0o755)
    async with Rig(folder / "data", policy=QUICK).running() as rig:
        logs = tuple([await rig.agency(code, "accept") for code in BEHAVIOURS])
        rig.wired = {"api", "worker"}
        await rig.restart("api", "worker", done_but_error=0.05)
        async with httpx2.AsyncClient(base_url=rig.wires["api"].url, timeout=15) as http:
            run = Night(rig, Stubborn(http, rig.tokens), random.Random(seed))
            until = time.monotonic() + minutes * 60
            async with asyncio.TaskGroup() as lives:  # a case that ends with an error ends the night
                for _ in range(AT_ONCE):
                    lives.create_task(run.lives())
                await asyncio.gather(run.breaks(until), run.says(until))
                print("The faults are over; the cases go on to their end ...", flush=True)
                await rig.heal()
            print("Now the checker reads everything ...", flush=True)
            seen, found = await settled(rig, run.people, logs=logs)
    return run, seen, found


def figures(run: Night, seen: Seen, found: list[str]) -> dict[str, int]:
    """What the run was worth."""
    reports = sum(ack.path == "/v1/reports" for ack in run.people.acks)
    return {
        "acknowledged_reports": reports,
        "acknowledged_commands": len(run.people.acks) - reports,
        "cases_closed": run.closed,
        "events": sum(map(len, seen.events.values())),
        "rungs_fired": sum(e["kind"] == "rung_fired" for events in seen.events.values() for e in events),
        "deliveries_received": len(seen.received),
        "deliveries_repeated": sum(row["duplicate"] for row in seen.received),
        "workflow_runs": sum(map(len, seen.workflows.values())),
        "faults": sum(run.faults.values()),
        "wrong_answers": len(run.people.wrong),
        "complaints": len(found),
    }


def main(
    minutes: Annotated[float, typer.Option(envvar="MINUTES", help="How long things break.")] = 30,
    seed: Annotated[int, typer.Option(envvar="SEED", help="The same seed breaks in the same order.")] = 0,
) -> None:
    """Break everything at random while cases flow, then check every acknowledgement."""
    seed = seed or random.SystemRandom().randrange(1, 1_000_000)
    print(f"{minutes:g} minutes of faults, seed {seed}, process {os.getpid()}", flush=True)
    run, seen, found = asyncio.run(night(minutes, seed))
    for what, times in sorted(run.faults.items()):
        print(f"  {times:5d}  {what}")
    for said in (*run.people.wrong, *found)[:100]:
        print("COMPLAINT", said)
    print(json.dumps({"seed": seed, "minutes": minutes, **figures(run, seen, found)}, indent=1))
    sys.exit(1 if found or run.people.wrong else 0)


if __name__ == "__main__":
    typer.run(main)
