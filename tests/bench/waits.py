"""Bare workflows, no database at all: one with the facts and deadlines of a case, one that only answers."""

import asyncio
from datetime import timedelta

from temporalio import workflow

TASKS = 4
FACTS = 2 * TASKS + 4
"""Acceptance and completion of each task; then safety, answer, proposal and approval."""


@workflow.defn
class BareCaseWorkflow:
    """Four tasks in parallel, each accepted and completed before its deadline; then four more facts, and the end."""

    def __init__(self) -> None:
        self.facts: set[str] = set()

    @workflow.signal
    def fact(self, name: str) -> None:
        """Something has happened."""
        self.facts.add(name)

    @workflow.run
    async def run(self) -> None:
        """As people write it without a ledger."""
        await asyncio.gather(*(self._task(n) for n in range(TASKS)))
        for name in ("safe", "answered", "proposed", "approved"):
            await self._wait(name)

    async def _task(self, n: int) -> None:
        await self._wait(f"accepted-{n}")
        await self._wait(f"completed-{n}")

    async def _wait(self, name: str) -> None:
        await workflow.wait_condition(lambda: name in self.facts, timeout=timedelta(hours=1))


@workflow.defn
class TurnsWorkflow:
    """Every turn is one workflow task: somebody asks and waits for the answer."""

    def __init__(self) -> None:
        self.turns = 0

    @workflow.run
    async def run(self, turns: int) -> None:
        """Until so many have been taken."""
        await workflow.wait_condition(lambda: self.turns == turns)

    @workflow.update
    async def turn(self) -> int:
        """Take one."""
        self.turns += 1
        return self.turns
