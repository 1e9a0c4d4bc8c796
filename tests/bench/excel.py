"""Books as Excel at size: a whole book written out, the same book sent back with changes, and as many new children registered from a sheet.

Every child is written through the vault, each with a key of its own, as the service writes it; nothing is copied in SQL.
"""

import asyncio
import contextlib
import io
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import Any

import httpx2
import psutil
import xlsxwriter
from python_calamine import CalamineWorkbook
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.ledgers import Listed
from app.api.pages import cursor_after
from app.bookkeeper import Bookkeeper
from app.db import tables
from app.db.alike import alike_files
from app.db.intake import child_row, marked_as
from app.db.ledger import Ledger
from app.db.people import actor_by_token
from app.db.session import engine_of
from app.db.vault import sealed_rows
from app.domain.access import ENGINE
from app.domain.child_file import Registration, file_id
from app.domain.child_terms import FileField, Found
from app.domain.facts import Sex
from app.domain.file_work import EnterChange, PassChange
from app.domain.submission import ReportedChild
from app.domain.terms import Grade
from app.domain.watch import watch_id
from app.domain.watch_work import BeginWatch
from app.policy.loader import load
from app.stack import Stack
from app.workbook import MEDIA_TYPE
from tests.bench.case import at_desk
from tests.bench.figures import Figure, percentile
from tests.bench.receipt import GIVEN, SURNAMES

ROWS = 50_000
BEHIND = "select count(*) from watches where version > conducted_version"
DIVISION = "110106007"
OFFICER = f"comm-{DIVISION}.officer.1"
BOOK, REGISTER, FILLED = "work", "information", 500
"""The book that is written out and sent back, and the one with whose sheet new children are registered: it has their birthdays."""
CHANGED = 0.03
SECONDS, MEBIBYTES, LOOKS_EVERY = 30.0, 300.0, 0.2
REGISTERED: dict[str, Any] = {
    "field": FileField.REGISTRATION, "content": {"evidence": "走访"},
    "registration": Registration(found=Found.IN_DIFFICULTY, grade=Grade.MEDIUM),
}  # fmt: skip
PAGES, LIMIT, GROWTH = 40, 50, 1.5
HEAD = f"street-{DIVISION}.head.1"
"""The second person, whom a book of so many children takes."""
LOOKS, STRANGER = 6, "comm-110106001.officer.1"
HEADS = ("姓名", "性别", "出生日期", "现居住地址", "建档原因", "建档风险等级")


def children(count: int, seed: int) -> list[dict[str, Any]]:
    """Made-up children; names repeat as they do in life, a name and a birthday together do not."""
    chance, seen = random.Random(seed), set[tuple[str, date]]()
    made: list[dict[str, Any]] = []
    while len(made) < count:
        name = chance.choice(SURNAMES) + chance.choice(GIVEN) + chance.choice(GIVEN)
        born = date(2009, 1, 1) + timedelta(days=chance.randrange(16 * 365))
        if (name, born) not in seen:
            seen.add((name, born))
            sex, home = (
                chance.choice(("male", "female")),
                f"示例路{chance.randrange(1, 900)}号{chance.randrange(1, 40)}室",
            )
            made.append({"name": name, "birth_date": born, "sex": sex, "residence": home})
    return made


async def fill(
    engine: AsyncEngine, some: list[dict[str, Any]], say: Callable[[str], None], name: str = "bench", division: str = DIVISION
) -> None:  # fmt: skip
    """These children under watch, each with the file of its registration, which the street has verified."""
    committee, street = at_desk(f"COMM-{division}"), at_desk(f"STREET-{division}")
    ledger, now = Ledger(load, "fengtai-2026.1"), Ledger(load, "fengtai-2026.1").clock()
    for at in range(0, len(some), FILLED):
        say(f"{at} of {len(some)} children written")
        rows, watches, files = [], {}, {}
        async with engine.begin() as conn:
            vault = engine.sync_engine.get_execution_options()["vault"]
            for n, one in enumerate(some[at : at + FILLED], at):
                child = ReportedChild.model_validate(
                    {**one, "child_id": f"ch-{name}-{n:06}", "residence_division": division}
                )
                rows.append(child_row(None, child, now, division, marked_as(vault, child, [])))
                begin = BeginWatch(by=ENGINE, child_id=child.child_id, division=division, grade=Grade.MEDIUM)
                watches[watch_id(child.child_id)] = [begin]
                files[file_id(child.child_id)] = [
                    EnterChange(by=committee, child_id=child.child_id, division=division, **REGISTERED), PassChange(by=street, change=1),
                ]  # fmt: skip
            await conn.execute(insert(tables.children), await sealed_rows(conn, tables.children, rows))
            await ledger.begin_all(conn, files, now=now)
            await ledger.begin_all(conn, watches, now=now)


async def pages_p95(http: httpx2.AsyncClient, cursor: str) -> list[float]:
    """Milliseconds of the page of the book after this cursor, and of the first one; they take turns."""
    spans: tuple[list[float], list[float]] = [], []
    for _ in range(PAGES):
        for page, query in zip(spans, ({"limit": LIMIT, "cursor": cursor}, {"limit": LIMIT}), strict=True):
            began = time.perf_counter()
            (await http.get(f"/v1/ledgers/{BOOK}", params=query)).raise_for_status()
            page.append((time.perf_counter() - began) * 1000)
    return [percentile(page[5:], 0.95) for page in spans]


async def pair_up(engine: AsyncEngine, rows: int) -> None:
    """One child in ten with a file that may be its double, as a register has them."""
    now = Ledger(load, "fengtai-2026.1").clock()
    pairs = [
        {"one": f"ch-bench-{n:06}", "other": f"ch-bench-{n + 1:06}", "score": 10 + n % 97 / 5, "found_at": now}
        for n in range(0, rows - 1, 10)
    ]
    async with engine.begin() as conn:
        await conn.execute(insert(alike_files), pairs)


async def looks(http: httpx2.AsyncClient, stranger: str) -> list[Figure]:
    """What a keeper of all these children looks at every day: the list of doubles, beside that of a committee who keeps none of them and
    so goes through all pairs, and the books of the month, beside the first time that anybody asked for them."""

    async def took(path: str, times: int, **headers: str) -> list[float]:
        spans = []
        for _ in range(times):
            began = time.perf_counter()
            (await http.get(path, headers=headers)).raise_for_status()
            spans.append((time.perf_counter() - began) * 1000)
        return spans

    listed = percentile(await took("/v1/duplicates", LOOKS), 0.95)
    others = percentile(await took("/v1/duplicates", LOOKS, Authorization=f"Bearer {stranger}"), 0.95)
    first, *later = await took("/v1/ledgers/due", LOOKS)
    return [
        Figure("duplicates_list_p95", "ms", listed, others),
        Figure("books_of_the_month_p95", "ms", percentile(later, 0.95), first),
    ]


async def middle_of(engine: AsyncEngine, token: str, rows: int) -> str:
    """The cursor of the page in the middle of the book of whoever has this token."""
    child, half = tables.children.c, f"ch-bench-{rows // 2:06}"
    async with engine.connect() as conn:
        at = (await conn.execute(select(child.filed_at).where(child.id == half))).scalar_one()
        who = await actor_by_token(conn, token)
        assert who
        return cursor_after(conn, who, Listed, (at, half))


def lines_of(some: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A filled-in template with children of whom nothing is known yet, under HEADS."""
    why = Found.IN_DIFFICULTY.zh, Grade.LOW.zh
    return [(one["name"], Sex(one["sex"]).zh, one["birth_date"].isoformat(), one["residence"], *why) for one in some]


def _workbook(heads: Any, lines: Any) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False})
    page = book.add_worksheet("填报")
    for n, line in enumerate((heads, *lines)):
        page.write_row(n, 0, line)
    book.close()
    return out.getvalue()


def changed(exported: bytes) -> tuple[bytes, int]:
    """The book that was exported, with other addresses here and there; how many."""
    page = CalamineWorkbook.from_filelike(io.BytesIO(exported)).get_sheet_by_index(0).to_python()
    heads = [str(head).split("\n")[0] for head in page[0]]
    at, every = heads.index("现居住地址"), round(1 / CHANGED)
    lines = [
        [*row[:at], f"示例新路{n}号" if n % every == 0 else row[at], *row[at + 1 :]] for n, row in enumerate(page[1:])
    ]
    return _workbook(heads, lines), len(lines[::every])


class Job:
    """One job over a sheet as a person waits for it: seconds, what its process took of memory and processor, and how often its
    progress moved."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http, self.seconds, self.mebibytes, self.computed, self.moves = http, 0.0, 0.0, 0.0, 0

    async def until(self, job_id: str, *ends: str) -> dict[str, Any]:
        """It has ended so."""
        began, seen = time.perf_counter(), -1
        while True:
            mebibytes, computed = _taken()
            self.mebibytes, self.computed = max(self.mebibytes, mebibytes), max(self.computed, computed)
            said = (await self.http.get(f"/v1/sheets/{job_id}")).json()
            self.moves, seen = self.moves + (said["done"] != seen), said["done"]
            if said["state"] in ends:
                self.seconds = time.perf_counter() - began
                return said
            if said["state"] in ("refused", "failed"):
                raise RuntimeError(f"{said['state']}: {said['problem']} {said['faults'][:3]}")
            await asyncio.sleep(LOOKS_EVERY)


@contextlib.asynccontextmanager
async def bookkeeper_of(stack: Stack) -> AsyncIterator[None]:
    """Works on the jobs as the worker does, each in a process of its own, and in the worker's place: that one would conduct the beginning of
    all these watches and files for half an hour, where a district's engine rests."""
    stack.process("worker").terminate()
    await asyncio.to_thread(stack.process("worker").wait)
    given, before = stack.environment_of("app.worker"), {**os.environ}
    os.environ.update(given)
    engine = engine_of(given["SHOUHU_DATABASE_URL"], vault=stack.vault)
    works = asyncio.create_task(Bookkeeper(engine, Ledger(load, "fengtai-2026.1")).run())
    try:
        yield
    finally:
        works.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await works
        os.environ.clear()
        os.environ.update(before)
        await engine.dispose()


def _taken() -> tuple[float, float]:
    """MiB, and seconds of processor time, of the process that works on a sheet, where there is one."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "app.bookkeeper" in process.cmdline():
                times = process.cpu_times()
                return process.memory_info().rss / 2**20, times.user + times.system
    return 0.0, 0.0


async def measure(stack: Stack, say: Callable[[str], None], *, rows: int = ROWS) -> list[Figure]:
    """Export, the same book imported again with changes, and as many new children; each with what its process holds."""
    engine = engine_of(stack.environment()["SHOUHU_DATABASE_URL"], vault=stack.vault)
    some = children(2 * rows, 7)
    await fill(engine, some[:rows], say)
    await pair_up(engine, rows)
    async with engine.begin() as conn:
        await conn.exec_driver_sql("analyze")
    cursor = await middle_of(engine, stack.tokens[OFFICER], rows)
    await engine.dispose()
    headers = {"Authorization": f"Bearer {stack.tokens[OFFICER]}"}
    figures: list[Figure] = []
    async with bookkeeper_of(stack), httpx2.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as http:

        async def waited(name: str, answer: httpx2.Response, *ends: str) -> str:
            answer.raise_for_status()
            job, which = Job(http), answer.json()["id"]
            say(name)
            said = await job.until(which, *ends)
            figures.extend([
                Figure(f"{name}_{rows}", "s", job.seconds, most=SECONDS), Figure(f"{name}_memory", "MiB", job.mebibytes, most=MEBIBYTES),
                Figure(f"{name}_processor", "s of its process", job.computed),
                Figure(f"{name}_progress", "times that it moved", job.moves, least=2),
            ])  # fmt: skip
            say(f"{name}: {said['counts']}")
            return which

        say("pages of the book")
        inside, first = await pages_p95(http, cursor)
        figures.append(Figure(f"book_page_p95_at_{rows}", "ms", inside, first, most=GROWTH))
        say("the lists of its keeper")
        figures += await looks(http, stack.tokens[STRANGER])
        asked = {"act": "export", "parameters": {"ledger": BOOK}, "reason": "office_work", "note": "核对填表"}
        proposed = (await http.post("/v1/approvals", json=asked)).raise_for_status().json()["id"]
        second = {"Authorization": f"Bearer {stack.tokens[HEAD]}"}
        (await http.post(f"/v1/approvals/{proposed}/approve", headers=second)).raise_for_status()
        export = await waited("excel_export", await http.post(f"/v1/ledgers/{BOOK}/exports", json={}), "done")
        body, _ = changed((await http.get(f"/v1/sheets/{export}/workbook")).content)
        for name, book, sent in (("again", BOOK, body), ("new", REGISTER, _workbook(HEADS, lines_of(some[rows:])))):
            answer = await http.post(f"/v1/sheets?book={book}", content=sent, headers={"Content-Type": MEDIA_TYPE})
            preview = await waited(f"excel_preview_{name}", answer, "ready")
            await waited(f"excel_import_{name}", await http.post(f"/v1/sheets/{preview}/confirm"), "done")
    return figures
