"""What conducting a stream takes, whatever the stream: hear of its events, keep one clock, ask the ledger, move on when it is time."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError

with workflow.unsafe.imports_passed_through():
    from pydantic import TypeAdapter

    from activities.messages import At, Conducting, Moved
    from app.domain.terms import Agency

QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=3)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
BREATH = timedelta(seconds=1)
ASKED = 10
"""How often the ledger is asked for a stream that it does not know, within a quarter of an hour; then the conductor ends."""
FAILED_IN_PLACE = (ActivityError, ApplicationError, TimeoutError)
"""The engine wraps a local activity's failure as it happens, and hands it out bare when it is read from the history."""
State = TypeVar("State")


class StreamUnknown(Exception):
    """The ledger does not know the stream; comes it back, the relay or the reconciler starts its conductor again."""


class Conductor(Generic[State]):
    """The cached fold of one stream and its one clock. Subclasses say what the stream's events and deadlines are."""

    adapter: "TypeAdapter[Any]"
    apply: Callable[[Any, Any], Any]
    next_deadline: Callable[[Any], datetime | None]
    raise_due: str

    @workflow.init
    def __init__(self, start: Conducting) -> None:
        self.stream_id = start.stream_id
        self.resumed = start.resumed
        self.state: State | None = None
        self.version = 0
        self.systems: tuple[Agency, ...] = ()
        self.behind = False
        self.alarm: asyncio.Task[None] | None = None
        self.alarm_at: datetime | None = None
        self.errands = 0
        self.unknown = 0

    @workflow.signal
    def moved(self, moved: Moved) -> None:
        """The relay tells what the ledger has recorded."""
        self.hear(moved)

    @workflow.query
    def progress(self) -> Any:
        """The cached fold, for tests and operators."""
        return self.state

    async def conduct(self) -> None:
        """Wait for the ledger or the clock until the stream has ended, or is given up."""
        with suppress(StreamUnknown):
            while cast(Any, await self.know()).is_open:
                await self.move()

    def hear(self, moved: Moved) -> None:
        """Fold what is new; versions that were seen are ignored, a gap is fetched before the next move."""
        self.systems = moved.systems or self.systems
        if moved.since > self.version:
            self.behind = True
            return
        for body in moved.events[self.version - moved.since :]:
            self.state = type(self).apply(self.state, type(self).adapter.validate_python(body))
            self.version += 1

    async def know(self) -> State:
        """The state, fetched from the ledger where it was not told."""
        while self.state is None or self.behind:
            if not self.resumed and self.state is None and not self.behind:
                await workflow.wait_condition(lambda: self.state is not None or self.behind)
                continue
            self.behind = False
            await self.ask("catch_up", self.at())
            if self.state is None:
                await self._wait_for_the_stream()
        return self.state

    async def _wait_for_the_stream(self) -> None:
        """A database that was restored to an earlier state does not know the stream yet, or any more."""
        if self.unknown == ASKED:
            raise StreamUnknown
        self._move_on_if_time()
        await workflow.sleep(BREATH * 2**self.unknown)
        self.unknown += 1

    async def move(self, *, may_leave: bool = True) -> None:
        """Wait for the ledger or the clock, and record what is due."""
        await self.know()
        if may_leave:
            self._move_on_if_time()
        seen, due = self.version, type(self).next_deadline(self.state)
        if due is not None and due <= workflow.now():
            await self.ask(self.raise_due, self.at())
            if self.version == seen:
                await workflow.sleep(BREATH)
            return
        self._set_alarm(due)
        alarm = self.alarm
        await workflow.wait_condition(lambda: self.version != seen or self.behind or bool(alarm and alarm.done()))

    def at(self) -> At:
        """Where this conductor stands."""
        return At(stream_id=self.stream_id, version=self.version, now=workflow.now())

    async def ask(self, name: str, argument: At) -> None:
        """Let the ledger record or read something, quickly in place, or patiently while the database is away."""
        try:
            answer = await workflow.execute_local_activity(
                name, argument, result_type=Moved, start_to_close_timeout=timedelta(seconds=10), retry_policy=QUICK
            )
        except FAILED_IN_PLACE:
            answer = await workflow.execute_activity(
                name, argument, result_type=Moved, start_to_close_timeout=timedelta(seconds=30), retry_policy=PATIENT
            )
        self.hear(answer)

    def _set_alarm(self, due: datetime | None) -> None:
        """Keep one timer; one that rings too early does no harm, so it is replaced only by an earlier one."""
        if self.alarm and self.alarm.done():
            self.alarm, self.alarm_at = None, None
        if due is None or (self.alarm_at is not None and self.alarm_at <= due):
            return
        if self.alarm:
            self.alarm.cancel()
        self.alarm_at = due
        self.alarm = asyncio.create_task(workflow.sleep(due - workflow.now()))

    def _move_on_if_time(self) -> None:
        """Continue as new from the ledger when the history is long or a newer worker version is current."""
        info = workflow.info()
        due = info.is_continue_as_new_suggested() or info.is_target_worker_deployment_version_changed()
        if due and self.errands == 0:
            workflow.continue_as_new(
                Conducting(stream_id=self.stream_id, resumed=True),
                initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE,
            )
