"""The schedules: rounds as the rules in force have them, made anew where these have changed; the circular, the checks of posts and books,
what is due for destruction, and the papers of data protection."""

from collections.abc import Mapping
from typing import Literal

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
)

from activities.messages import CheckOrder, RoundOrder
from app.domain.policy import RoundSpec
from workflows.circular import CircularWorkflow
from workflows.compliance import ComplianceWorkflow
from workflows.owed import CheckWorkflow
from workflows.retention import RetentionWorkflow
from workflows.screening_round import OpenRoundWorkflow

PREFIX = "round:"
ZONE = "Asia/Shanghai"
HOUR = 9
CIRCULAR = "circular:"
CIRCULAR_DAY = 5
"""Of each month; default."""
CHECK = "check:"
CHECKS: Mapping[Literal["posts", "books", "duplicates"], tuple[ScheduleRange, int]] = {
    "posts": (ScheduleRange(1, 31), 6),
    "books": (ScheduleRange(1), 5),
    "duplicates": (ScheduleRange(1, 31), 4),
}
"""On which days of a month and at what hour: posts and duplicates every day, books on the first; default."""
RETENTION = "retention:"
COMPLIANCE = "compliance:"
COMPLIANCE_DAY = (1, 10)
"""Month and day: once a year (未成年人网络保护条例 第37条); the day is a default."""
NIGHT = 3
"""The hour at which the list of what is due is made; default."""


def schedule_id(task_queue: str, code: str) -> str:
    """The one schedule of a kind of round."""
    return f"{PREFIX}{task_queue}:{code}"


async def keep_schedules(client: Client, task_queue: str, rounds: Mapping[str, RoundSpec]) -> None:
    """Every kind of round has its schedule, and no schedule is left of a kind that is no more."""
    wanted = {schedule_id(task_queue, code): _schedule(spec, task_queue) for code, spec in rounds.items()}
    for name, schedule in wanted.items():
        await _keep(client, name, schedule)
    async for listed in await client.list_schedules():
        if listed.id.startswith(schedule_id(task_queue, "")) and listed.id not in wanted:
            await client.get_schedule_handle(listed.id).delete()


async def _keep(client: Client, name: str, schedule: Schedule) -> None:
    try:
        await client.create_schedule(name, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(name).update(lambda _: ScheduleUpdate(schedule))


def _schedule(spec: RoundSpec, task_queue: str) -> Schedule:
    """At nine in the morning of its days; a day that was missed while the engine was away is made up for, once."""
    days = [
        ScheduleCalendarSpec(
            month=[ScheduleRange(opening.month)], day_of_month=[ScheduleRange(opening.day)], hour=[ScheduleRange(HOUR)],
            comment=spec.code,
        )
        for opening in spec.opens
    ]  # fmt: skip
    return Schedule(
        action=ScheduleActionStartWorkflow(
            OpenRoundWorkflow.run, RoundOrder(code=spec.code), id=f"open-round-{spec.code}", task_queue=task_queue
        ),
        spec=ScheduleSpec(calendars=days, time_zone_name=ZONE),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE),
    )


async def keep_circular(client: Client, task_queue: str) -> None:
    """The circular of a month is made on a day of the next."""
    day = ScheduleCalendarSpec(
        day_of_month=[ScheduleRange(CIRCULAR_DAY)], hour=[ScheduleRange(HOUR)], comment="circular"
    )
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(CircularWorkflow.run, id="make-circular", task_queue=task_queue),
        spec=ScheduleSpec(calendars=[day], time_zone_name=ZONE),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE),
    )
    await _keep(client, f"{CIRCULAR}{task_queue}", schedule)


async def keep_checks(client: Client, task_queue: str) -> None:
    """Posts are looked at before the day begins, books at the beginning of a month."""
    for what, (days, hour) in CHECKS.items():
        at = ScheduleCalendarSpec(day_of_month=[days], hour=[ScheduleRange(hour)], comment=what)
        schedule = Schedule(
            action=ScheduleActionStartWorkflow(
                CheckWorkflow.run, CheckOrder(what=what), id=f"check-{what}", task_queue=task_queue
            ),
            spec=ScheduleSpec(calendars=[at], time_zone_name=ZONE),
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE),
        )
        await _keep(client, check_id(task_queue, what), schedule)


def check_id(task_queue: str, what: str) -> str:
    """The one schedule of a check."""
    return f"{CHECK}{task_queue}:{what}"


async def keep_retention(client: Client, task_queue: str) -> None:
    """What is due for destruction is listed every night."""
    night = ScheduleCalendarSpec(hour=[ScheduleRange(NIGHT)], comment="retention")
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(RetentionWorkflow.run, id="list-due", task_queue=task_queue),
        spec=ScheduleSpec(calendars=[night], time_zone_name=ZONE),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE),
    )
    await _keep(client, f"{RETENTION}{task_queue}", schedule)


async def keep_compliance(client: Client, task_queue: str) -> None:
    """The papers of data protection are made once a year."""
    month, day = COMPLIANCE_DAY
    yearly = ScheduleCalendarSpec(
        month=[ScheduleRange(month)],
        day_of_month=[ScheduleRange(day)],
        hour=[ScheduleRange(HOUR)],
        comment="compliance",
    )
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(ComplianceWorkflow.run, id="make-compliance", task_queue=task_queue),
        spec=ScheduleSpec(calendars=[yearly], time_zone_name=ZONE),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.BUFFER_ONE),
    )
    await _keep(client, f"{COMPLIANCE}{task_queue}", schedule)
