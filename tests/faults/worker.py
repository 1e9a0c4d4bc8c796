"""The worker process with faults inside: what it does is done and then fails, its clock jumps, a guard is taken away.

`FAULTS` in the environment is a JSON object of the fields of `Faults`. Nothing of this exists in the worker that serves.
"""

import asyncio
import dataclasses
import json
import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from temporalio import activity, client
from temporalio.converter import DefaultFailureConverter
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from app.domain import commands as c
from app.domain import events as e
from app.domain.case import DECISIONS
from app.process import begin
from app.settings import Settings
from app.temporal import connect
from app.worker import serve


class DoneButError(Exception):
    """The work was done and committed; nobody is told."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong inside."""

    done_but_error: float = 0
    """Share of all activities, local ones too, that do their work and then fail."""
    stepping: bool = False
    """Nothing else goes wrong; see `step`."""
    trusting: bool = False
    """Guard removed: the engine's instants are those of this process's wall clock."""
    saying: str = ""
    """Every activity that goes out to an agency fails with this text."""
    gullible: bool = False
    """Guard removed: the ledger moves a case to its next stage as often as it is told to."""
    clear_failures: bool = False
    """Guard removed: failures go to Temporal in clear."""


class Saboteur(client.Interceptor, Interceptor):
    """Around every activity of the worker."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Sabotaged(next, self.faults)


class _Sabotaged(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, faults: Faults) -> None:
        super().__init__(next)
        self.faults = faults

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if self.faults.saying and not activity.info().is_local:
            raise RuntimeError(self.faults.saying)
        if self.faults.trusting:
            input.args = [input.args[0].model_copy(update={"now": datetime.now(UTC)})]
        done = await super().execute_activity(input)
        if random.random() < self.faults.done_but_error:
            raise DoneButError
        return done


async def step(told: Path) -> None:
    """Whenever the file is written, Python's wall clock jumps to so many seconds beside the true time."""
    travel = None
    while True:
        await asyncio.sleep(0.1)
        if not told.exists():
            continue
        if travel:
            travel.stop()
        travel = time_machine.travel(datetime.now(UTC) + timedelta(seconds=float(told.read_text())), tick=True)
        travel.start()
        told.unlink()
        told.with_suffix(".read").write_text(datetime.now(UTC).isoformat())


async def main() -> None:
    """As app.worker does, with the faults inside."""
    settings, faults = Settings(), Faults(**json.loads(os.environ["FAULTS"]))
    begin(settings.log_level)
    config = (await connect(settings)).config()
    config["interceptors"] = [Saboteur(faults)]
    if faults.gullible:
        DECISIONS[c.EnterStage] = lambda _, told, policy, now: (e.StageEntered(at=now, stage=told.stage),)
    if faults.clear_failures:
        config["data_converter"] = dataclasses.replace(
            config["data_converter"], failure_converter_class=DefaultFailureConverter
        )
    await asyncio.gather(serve(settings, client=client.Client(**config)), step(settings.data_dir / "clock"))


if __name__ == "__main__":
    asyncio.run(main())
