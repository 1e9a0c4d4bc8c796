"""Figures 1 and 2: how fast a report is received for good, and when the police see it."""

import asyncio
import itertools
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy import make_url

from app.db.migrate import migrate
from app.db.session import engine_of
from app.embedded import free_port
from app.policy.examples import submission_of
from app.seed import seed
from app.stack import ROOT, Stack
from tests.bench.bare import CASE, CHILD, RECEIPT
from tests.bench.figures import Figure, middle, percentile
from tests.bench.load import Wire, rate

REPORTER = "village.reporter.1"
BARE = "bare"
POLICE_TASKS = "select count(*) from tasks where desk = 'POLICE' and is_open"
RUNS = 5
KEYS = {"events": "stream_id", "cases": "id", "tasks": "case_id", "deadlines": "case_id", "reports": "case_id",
        "children": "case_id", "data_keys": "stream_id", "audit": "stream_id"}  # fmt: skip
ORDER = ("cases", "events", "tasks", "deadlines", "audit", "data_keys", "reports", "children")
NUMBERED = {"cases": "number", "deadlines": "id", "audit": "id"}
GIVEN = (
    "安白冰博晨川丹东恩帆芳菲刚桂涵浩荷虹慧佳健洁静娟凯兰磊丽林玲龙露梅萌敏宁鹏萍琪倩强晴蓉瑞"
    "珊思涛婷伟霞晓欣雪妍燕阳怡颖勇宇雨玉媛月云哲志竹卓子梓"
)
SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程"
    "苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝"
    "龚邵万钱严"
)


def reports(seed: int = 1, base: dict[str, Any] | None = None) -> Callable[[int], dict[str, Any]]:
    """Invented children, no two alike more often than in a district; the nth report."""
    base, chance = base or submission_of("CN-02"), random.Random(seed)
    made: dict[int, dict[str, Any]] = {}

    def nth(number: int) -> dict[str, Any]:
        if number not in made:
            name = chance.choice(SURNAMES) + chance.choice(GIVEN) + chance.choice(GIVEN)
            born = f"{chance.randrange(2013, 2024)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
            child = {**base["children"][0], "name": name, "birth_date": born, "id_no": None, "age_years": None}
            made[number] = {**base, "children": [child]}
        return made[number]

    return nth


async def rows_of(dsn: str, case_id: str) -> dict[str, list[dict[str, Any]]]:
    """Everything that one report left behind, by table, with stand-ins for what is new each time."""
    conn = await asyncpg.connect(dsn)
    try:
        left = {
            table: [_with_stand_ins(table, dict(row)) for row in await conn.fetch(
                f"select * from {table} where {KEYS[table]} = $1", case_id)]
            for table in ORDER
        }  # fmt: skip
    finally:
        await conn.close()
    return left


def _with_stand_ins(table: str, row: dict[str, Any]) -> dict[str, Any]:
    row.pop(NUMBERED.get(table, ""), None)
    row[KEYS[table]] = CASE
    if table == "children":
        row["id"] = CHILD
    if table == "reports":
        row["receipt_hash"] = RECEIPT
    return row


@contextmanager
def bare(stack: Stack, rows: dict[str, list[dict[str, Any]]], database: str = "") -> Iterator[int]:
    """The reference as a process of its own; its port. Where it writes, on a database beside ours in the same server:

    its rows are copies whose sealed columns no key opens, so they must not stand among ours.
    """
    port, kept = free_port(), stack.data / "rows.pickle"
    kept.write_bytes(pickle.dumps(rows))
    given = {"BARE_DSN": dsn_of(stack, database), "BARE_ROWS": str(kept), "BARE_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **given}
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


def dsn_of(stack: Stack, database: str = "") -> str:
    """The database of the stack, or another of its server, for asyncpg itself."""
    assert stack.postgres
    url = make_url(stack.postgres.url).set(drivername="postgresql")
    return (url.set(database=database) if database else url).render_as_string(hide_password=False)


async def beside(stack: Stack) -> None:
    """A database with the same schema for the reference."""
    conn = await asyncpg.connect(dsn_of(stack))
    await conn.execute(f"create database {BARE}")
    await conn.close()
    engine = engine_of(dsn_of(stack, BARE).replace("postgresql", "postgresql+asyncpg"), vault=stack.vault)
    await migrate(engine)
    async with engine.begin() as conn:
        await seed(conn, tokens={})
    await engine.dispose()


async def analyze(stack: Stack) -> None:
    """What autovacuum does within a minute of the first rows; a benchmark is over before it has come round."""
    conn = await asyncpg.connect(dsn_of(stack))
    await conn.execute("analyze")
    await conn.close()


async def listening(port: int) -> None:
    """Wait for a server."""
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise TimeoutError(port)


async def measure(stack: Stack, say: Callable[[str], None]) -> list[Figure]:
    """Receipts beside bare inserts while the engine rests, then the way to the police desk, then with the engine at work."""
    token, nth = stack.tokens[REPORTER], reports()
    fresh = itertools.count()
    await turn_engine(stack, on=False)
    first = Wire(stack.api_port, token)
    rows = await rows_of(dsn_of(stack), (await first.call("POST", "/v1/reports", nth(next(fresh))))["case_id"])
    figures: list[Figure] = []
    await beside(stack)
    with bare(stack, rows, BARE) as port:
        await listening(port)
        for clients, requests in ((1, 150), (32, 600)):
            ours, reference = [], []
            for run in range(
                RUNS + 1
            ):  # the first warms up; then the planner learns of the rows, as it does every minute
                say(f"receipts, {clients} at once, run {run} of {RUNS}")
                start = next(fresh) * 1000
                ours.append(
                    await rate(
                        stack.api_port,
                        token,
                        "/v1/reports",
                        lambda n, s=start: nth(s + n),
                        clients=clients,
                        requests=requests,
                    )
                )
                reference.append(
                    await rate(port, "", "/reports", lambda n, s=start: nth(s + n), clients=clients, requests=requests)
                )
                if run == 0:
                    await analyze(stack)
            figures.append(
                Figure(f"receipt_{clients}", "reports/s", middle(ours[1:]), middle(reference[1:]), least=0.5)
            )
    figures += await _to_the_desk(stack, nth, fresh, say)
    await turn_engine(stack, on=True)
    busy = []
    for run in range(RUNS):
        say(f"receipts with the engine at work, run {run + 1} of {RUNS}")
        start = next(fresh) * 1000
        busy.append(
            await rate(stack.api_port, token, "/v1/reports", lambda n, s=start: nth(s + n), clients=32, requests=200)
        )
    return [*figures, Figure("receipt_32_while_the_engine_conducts", "reports/s", middle(busy))]  # fmt: skip


async def _to_the_desk(
    stack: Stack, nth: Callable[[int], Any], fresh: Iterator[int], say: Callable[[str], None]
) -> list[Figure]:
    """Somebody looks at the police list all the time, in the database: when the task is there, and when the receipt is."""
    say("from the report to the police desk")
    reporter, conn = Wire(stack.api_port, stack.tokens[REPORTER]), await asyncpg.connect(dsn_of(stack))
    halves: tuple[list[float], list[float]] = ([], [])
    tails: tuple[list[float], list[float]] = ([], [])
    for _ in range(3):
        receipt, seen = [], []
        for _ in range(100):
            before = await conn.fetchval(POLICE_TASKS)
            began = time.perf_counter()
            post = asyncio.create_task(reporter.call("POST", "/v1/reports", nth(next(fresh) * 1000)))
            while await conn.fetchval(POLICE_TASKS) == before:
                await asyncio.sleep(0)
            seen.append((time.perf_counter() - began) * 1000)
            await post
            receipt.append((time.perf_counter() - began) * 1000)
        for side, spans in enumerate((seen, receipt)):
            halves[side].append(percentile(spans, 0.5))
            tails[side].append(percentile(spans, 0.95))
    await conn.close()
    return [
        Figure("report_to_police_task_p50", "ms", middle(halves[0]), middle(halves[1]), most=1.0),
        Figure("report_to_police_task_p95", "ms", middle(tails[0]), middle(tails[1]), most=1.0),
    ]


async def turn_engine(stack: Stack, *, on: bool) -> None:
    """Let the worker run, or not."""
    worker = stack.process("worker")
    if on:
        stack.spawn("worker", "app.worker")
    elif worker.poll() is None:
        worker.send_signal(signal.SIGTERM)
        await asyncio.to_thread(worker.wait, 120)
