"""Figure 6: the list of a desk and the list of what stands still, when the district has filed for years."""

import asyncio
import time
from collections.abc import Callable

import asyncpg

from app.stack import Stack
from tests.bench.figures import Figure, middle, percentile
from tests.bench.load import Wire
from tests.bench.receipt import REPORTER, dsn_of, reports

FEW, MANY = 10_000, 100_000
SHOWN, RUNS = 150, 3
LISTS = {
    "desk_list": ("police.officer.1", "/v1/tasks?limit=50"),
    "stalled_list": ("civil.supervisor.1", "/v1/stalled?limit=50"),
    "stalled_list_of_one_cause": ("civil.supervisor.1", "/v1/stalled?limit=50&cause=not_accepted"),
}
MOST_MS = 50.0
COPIES = """
    insert into {table} ({names})
    select {values} from {table} t, generate_series({first}, {last}) n where t.{key} = '{case}' {which}
"""
OPENED = "now() - (n % 20000) * interval '1 minute'"
DUE = f"({OPENED} + (array[15, 60, 240, 1440, 4320, 14400])[1 + n * 7 % 6] * interval '1 minute')"
OPEN = f"(n % 2 = 0 and ({DUE} > now() or n % 40 = 0))"
"""Tasks were opened in the last fortnight with budgets from 15 minutes to 10 days. Half of the cases have ended; in the others a
task that is past its time is done, but for every twentieth."""
CASE = {"id": "'copy-' || n", "filed_at": OPENED, "is_open": "n % 2 = 0", "next_deadline_at": DUE}
TASK = {"case_id": "'copy-' || n", "is_open": OPEN, "opened_at": OPENED, "due_at": DUE, "next_rung_at": DUE}


async def measure(stack: Stack, say: Callable[[str], None]) -> list[Figure]:
    """The same lists on a little and on ten times as much."""
    stack.process("worker").terminate()
    case = await pattern(stack)
    spans: dict[str, list[float]] = {name: [] for name in LISTS}
    for first, last in ((1, FEW), (FEW + 1, MANY)):
        say(f"filling the tables up to {last} cases")
        await fill(stack, case, first, last)
        for name, (person, path) in LISTS.items():
            say(f"{name} at {last} cases")
            wire = Wire(stack.api_port, stack.tokens[person])
            spans[name].append(middle([await _p95(wire, path) for _ in range(RUNS)]))
            wire.close()
    return [figure for name, (few, many) in spans.items() for figure in (
        Figure(f"{name}_p95_at_{MANY}_cases", "ms", many, most=MOST_MS),
        Figure(f"{name}_p95_growth_from_{FEW}_cases", "ms", many, few, most=1.5),
    )]  # fmt: skip


async def pattern(stack: Stack) -> str:
    """A real case, of which the others are copies."""
    wire = Wire(stack.api_port, stack.tokens[REPORTER])
    filed = await wire.call("POST", "/v1/reports", reports()(1))
    wire.close()
    return filed["case_id"]


async def fill(stack: Stack, case: str, first: int, last: int, *, tasks: bool = True) -> None:
    """Copies of that case with these numbers, with its tasks or without."""
    conn = await asyncpg.connect(dsn_of(stack))
    await _copies(conn, case, first, last, tasks)
    await conn.close()


async def _copies(conn: asyncpg.Connection, case: str, first: int, last: int, tasks: bool) -> None:
    for table, key, changed, which in (
        ("cases", "id", CASE, ""),
        ("tasks", "case_id", TASK, "and t.subject in (select subject from tasks where case_id = t.case_id order by subject limit 4)"),
    )[: 2 if tasks else 1]:  # fmt: skip
        columns = await conn.fetch(
            "select column_name from information_schema.columns where table_name = $1 and is_identity = 'NO'", table
        )
        names = [row["column_name"] for row in columns]
        values = ", ".join(changed.get(name, f't."{name}"') for name in names)
        quoted = ", ".join(f'"{name}"' for name in names)
        await conn.execute(
            COPIES.format(
                table=table, names=quoted, values=values, first=first, last=last, key=key, case=case, which=which
            )
        )
        await conn.execute(f"vacuum analyze {table}")


async def _p95(wire: Wire, path: str) -> float:
    """Milliseconds at the client."""
    spans = []
    for _ in range(SHOWN):
        began = time.perf_counter()
        page = await wire.call("GET", path)
        spans.append((time.perf_counter() - began) * 1000)
        assert page["items"]
        await asyncio.sleep(0)
    return percentile(spans[10:], 0.95)
