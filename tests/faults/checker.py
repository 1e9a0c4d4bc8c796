"""The checker: reads the whole history of acknowledgements against the ledger, Temporal and the agencies' own logs.

`look` gathers what there is, `complaints` is pure: fed with a broken world it must complain, and tests see that it does.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client, WorkflowExecution, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from app.db import tables
from app.db.projections import task_rows
from app.db.streams import kind_of
from app.db.vault import opened
from app.domain.progress import Progress
from tests.faults.traffic import Ack

ONCE = {
    "report_filed": (), "stage_entered": ("stage",), "referral_opened": ("referral_id",), "referral_accepted": ("referral_id",),
    "referral_completed": ("referral_id",), "rung_fired": ("subject", "clock", "rung"), "duty_opened": ("code",),
    "duty_met": ("code",), "plan_adopted": (), "reporter_informed": (), "reporter_answered": (), "case_closed": (),
    "assessment_filed": ("referral_id",), "referral_left_silent": ("referral_id",),
}  # fmt: skip
"""Events that may stand once in a case for each of these fields."""
CATCHES_UP = ("untold", "no workflow", "not conducted", "not ended", "taken, not recorded")
"""Complaints that time may still answer."""
CATCHING_UP = 180
"""Seconds that it gets: what a killed worker held is noticed after a minute (`start_to_close`), tried again after half of one, and again."""
ANSWERS = timedelta(seconds=15)
NO_ANSWER = (RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE)
ENDED_WELL = ("RUNNING", "COMPLETED", "CONTINUED_AS_NEW")
Rows = dict[str, list[dict[str, Any]]]


@dataclass
class Seen:
    """All that is known of the world after the faults."""

    acks: list[Ack] = field(default_factory=list)
    events: Rows = field(default_factory=dict)
    """Each stream's bodies with their versions, in order."""
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: Rows = field(default_factory=dict)
    tokens: dict[str, list[str]] = field(default_factory=dict)
    """The cases behind each report's unique word."""
    notices: Counter = field(default_factory=Counter)
    workflows: dict[str, list[str]] = field(default_factory=dict)
    """The states of all runs by id; the newest first."""
    conducted: dict[str, int | None] = field(default_factory=dict)
    """The version that each open case's workflow knows."""
    received: list[dict[str, Any]] = field(default_factory=list)
    """What the agencies' systems say that they received."""


def complaints(seen: Seen) -> list[str]:
    """Everything that is not as it was promised; empty when nothing was lost and nothing was done twice."""
    return [*_acknowledged(seen), *_ledger(seen), *_projections(seen), *_conducted(seen), *_agencies(seen)]


def _acknowledged(seen: Seen) -> Iterator[str]:
    for ack in seen.acks:
        if ack.path == "/v1/reports":
            if ack.case_id not in seen.stored:
                yield f"lost report: {ack.case_id} was acknowledged"
            continue
        versions = {event["version"]: event["kind"] for event in seen.events.get(ack.case_id, [])}
        first = ack.answer["version"] - len(ack.answer["events"]) + 1
        if any(versions.get(first + n) != kind for n, kind in enumerate(ack.answer["events"])):
            yield f"lost fact: {ack.path} was acknowledged as version {ack.answer['version']}"
    for token, cases in seen.tokens.items():
        if len(cases) > 1:
            yield f"duplicate: the report {token} made {len(cases)} cases"


def _ledger(seen: Seen) -> Iterator[str]:
    for stream, events in seen.events.items():
        if [event["version"] for event in events] != list(range(1, len(events) + 1)):
            yield f"gap: the versions of {stream} are not 1 to {len(events)}"
        done = Counter((e["kind"], *(e[name] for name in ONCE[e["kind"]])) for e in events if e["kind"] in ONCE)
        yield from (f"twice: {what} in {stream}" for what, times in done.items() if times > 1)
        for event in events:
            if event["kind"].endswith("rung_fired") and _instant(event["at"]) < _instant(event["planned_at"]):
                yield f"early: {event['rung']} in {stream}"
    fired = Counter(  # a leg may be reminded of twice: to accept it, and to finish it
        (stream, e["subject"], e["rung"])
        for stream, events in seen.events.items()
        for e in events
        if e["kind"] == "rung_fired"
    )
    for (person, stream, kind, subject, rung), times in seen.notices.items():
        if times > max(1, fired[stream, subject, rung]):
            yield f"twice: notice {(person, stream, kind, subject, rung)}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _projections(seen: Seen) -> Iterator[str]:
    for stream, row in seen.stored.items():
        kind = kind_of(stream)
        events = [{k: v for k, v in event.items() if k != "version"} for event in seen.events.get(stream, [])]
        if not events:
            yield f"lost ledger: {stream} has no events"
            continue
        try:
            folded = kind.fold([kind.adapter.validate_python(body) for body in events], None)
        except ValueError as error:
            yield f"unreadable: the ledger of {stream}: {error}"
            continue
        if folded != kind.state.model_validate(row["progress"]) or row["version"] != folded.version:
            yield f"apart: the stored fold of {stream}"
        if isinstance(folded, Progress):
            shown = {task["subject"]: task for task in seen.tasks.get(stream, [])}
            if shown != task_rows(folded):
                yield f"apart: the tasks of {stream}"


def _conducted(seen: Seen) -> Iterator[str]:
    for stream, row in seen.stored.items():
        states = seen.workflows.get(stream, [])
        if row["version"] != row["conducted_version"]:
            yield f"untold: {stream} stands at {row['version']}, told {row['conducted_version']}"
        elif not states:
            yield f"no workflow: {stream}"
        elif row["is_open"] and (states[0] != "RUNNING" or seen.conducted.get(stream) != row["version"]):
            yield f"not conducted: {stream} is open, its workflow {states[0]} at {seen.conducted.get(stream)}"
        elif not row["is_open"] and states[0] != "COMPLETED":
            yield f"not ended: {stream} is closed, its workflow {states[0]}"
        if states.count("RUNNING") > 1 or any(state not in ENDED_WELL for state in states):
            yield f"ended badly: {stream} {states}"


def _agencies(seen: Seen) -> Iterator[str]:
    taken = Counter(row["message_id"] for row in seen.received if row["answered"] == 202)
    yield from (f"taken twice: {message}" for message, times in taken.items() if times > 1)
    delivered = {
        f"{stream}:{event['referral_id']}"
        for stream, events in seen.events.items()
        for event in events
        if event["kind"] == "delivery_recorded" and event["outcome"] == "delivered"
    }
    yield from (f"never arrived: {message}" for message in sorted(delivered - set(taken)))
    ended = {
        f"{stream}:{event['referral_id']}"
        for stream, events in seen.events.items()
        for event in events
        if event["kind"].startswith("referral_") and event["kind"] != "referral_opened" and "referral_id" in event
    }
    yield from (f"taken, not recorded: {message}" for message in sorted(set(taken) - delivered - ended))


async def look(rig: Any, people: Any, *, logs: tuple[Path, ...] = ()) -> Seen:
    """All that these people's submissions and acts have made."""
    words, cases = {ack.token for ack in people.acks if ack.token}, {ack.case_id for ack in people.acks}
    client = await rig.temporal_client()
    async with rig.database() as engine, engine.connect() as conn:
        seen = await _database(conn, words, cases)
    seen.acks = people.acks
    await _engine(client, seen)
    seen.received = [row for log in logs if log.exists() for row in _lines(log) if row["case_id"] in cases]
    return seen


async def settled(rig: Any, people: Any, *, within: float = CATCHING_UP, **which: Any) -> tuple[Seen, list[str]]:
    """What is complained of once the engine has caught up, or still is when its time is over."""
    deadline = time.monotonic() + within
    while True:
        seen = await look(rig, people, **which)
        found = complaints(seen)
        if not any(said.startswith(CATCHES_UP) for said in found) or time.monotonic() > deadline:
            return seen, found
        await asyncio.sleep(0.5)


async def _database(conn: AsyncConnection, words: set[str], cases: set[str]) -> Seen:
    seen = Seen()
    reports = tables.reports.c
    said = await conn.execute(select(reports.narrative, reports.case_id))
    for row in await opened(conn, said.mappings(), tables.reports):
        if row["narrative"] in words:
            seen.tokens.setdefault(row["narrative"], []).append(row["case_id"])
    cases = cases.union(*seen.tokens.values())
    for row in (await conn.execute(select(tables.cases).where(tables.cases.c.id.in_(cases)))).mappings():
        seen.stored[row["id"]] = dict(row)
    for row in (await conn.execute(select(tables.watches).where(tables.watches.c.case_id.in_(cases)))).mappings():
        seen.stored[row["id"]] = dict(row)
    ledger = tables.events.c
    query = select(ledger.stream_id, ledger.version, ledger.body).where(ledger.stream_id.in_(seen.stored))
    for row in await conn.execute(query.order_by(ledger.stream_id, ledger.version)):
        seen.events.setdefault(row.stream_id, []).append({**row.body, "version": row.version})
    for row in (await conn.execute(select(tables.tasks).where(tables.tasks.c.case_id.in_(cases)))).mappings():
        seen.tasks.setdefault(row["case_id"], []).append(dict(row))
    told = tables.notices.c
    rungs = select(told.person_id, told.case_id, told.kind, told.subject, told.rung).where(told.rung.is_not(None))
    seen.notices.update(tuple(row) for row in await conn.execute(rungs.where(told.case_id.in_(cases))))
    return seen


async def _engine(client: Client, seen: Seen) -> None:
    runs = [run async for run in client.list_workflows("", page_size=1000)]
    for run in sorted(runs, key=lambda run: run.start_time, reverse=True):
        seen.workflows.setdefault(run.id, []).append(await _state(client, run))
    running = [
        stream for stream, row in seen.stored.items() if row["is_open"] and "RUNNING" in seen.workflows.get(stream, [])
    ]
    seen.conducted.update(zip(running, await asyncio.gather(*(_knows(client, run) for run in running)), strict=True))


async def _knows(client: Client, stream: str) -> int | None:
    """The version at which the workflow stands; None of one that does not answer, which is a complaint unless it does in time."""
    try:
        progress = await client.get_workflow_handle(stream).query("progress", rpc_timeout=ANSWERS)
    except RPCError as silent:
        if silent.status not in NO_ANSWER:
            raise
        return None
    return progress["version"] if progress else 0


async def _state(client: Client, run: WorkflowExecution) -> str:
    """Its status; of one that failed also why."""
    name = run.status.name if run.status else "?"
    if name == "FAILED":
        try:
            await client.get_workflow_handle(run.id, run_id=run.run_id).result(follow_runs=False)
        except WorkflowFailureError as failed:
            return f"{name}: {failed.cause!r} because of {failed.cause.__cause__!r}"
    return name


def _lines(log: Path) -> list[dict[str, Any]]:
    rows = []
    for line in log.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:  # the process was killed while it wrote this line
            continue
    return rows
