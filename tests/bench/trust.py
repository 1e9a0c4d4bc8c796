"""Figure 9: what access, audit and encryption cost on a list and on a case, how fast is sealed, and a page behind the wall."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import httpx2
from fastapi.dependencies import utils
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import context, need
from app.db import tables, vault
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.db.sealer import Sealer, SealKey
from app.db.service import Service
from app.db.session import engine_of
from app.db.walls import APP
from app.domain.access import Actor
from app.main import create_app
from app.master_keys import KEY_FILE, FileKeys
from app.policy.loader import load
from app.process import begin
from app.settings import Settings
from app.stack import Stack
from tests.bench.figures import Figure, middle, percentile
from tests.bench.lists import fill, pattern
from tests.bench.load import Wire
from tests.bench.receipt import REPORTER, analyze, reports

OFFICER, CASES, LARGE = "police.officer.1", 120, 200_000
RUNS, SHOWN = 5, 60
PER_SECOND, SECONDS, WRITERS = 1_000, 10, 4
BACKLOG = 20_000


async def measure(stack: Stack, say: Callable[[str], None]) -> list[Figure]:
    """The reads in this process, both ways in turn; the seals while rows come; the page over HTTP."""
    begin("warning")  # a line a request would be part of what is measured
    stack.process("worker").terminate()
    cases = await _cases(stack)
    await analyze(stack)
    found = await _guarded_beside_bare(stack, cases[0], say)
    say(f"sealing while {PER_SECOND} rows a second come")
    found += await _sealing(stack)
    say(f"filling the tables up to {LARGE} cases")
    await fill(stack, await pattern(stack), 1, LARGE, tasks=False)
    wire = Wire(stack.api_port, stack.tokens[OFFICER])
    spans = [await _spans(lambda: wire.call("GET", "/v1/cases?limit=50"), 150) for _ in range(3)]
    wire.close()
    page = middle([percentile(run[10:], 0.95) for run in spans])
    return [*found, Figure(f"page_of_50_behind_the_wall_p95_at_{LARGE}_cases", "ms", page, most=15.0)]


async def _cases(stack: Stack) -> list[str]:
    wire, form = Wire(stack.api_port, stack.tokens[REPORTER]), reports()
    made = [(await wire.call("POST", "/v1/reports", form(n)))["case_id"] for n in range(CASES)]
    wire.close()
    return made


async def _spans(call: Callable[[], Awaitable[Any]], times: int) -> list[float]:
    spans = []
    for _ in range(times):
        began = time.perf_counter()
        await call()
        spans.append((time.perf_counter() - began) * 1000)
    return spans


async def _guarded_beside_bare(stack: Stack, case: str, say: Callable[[str], None]) -> list[Figure]:
    """Bare: a known person, the owner of the database before whom no wall stands, no row of audit, no mask, and texts in clear. It asks
    for the content by itself, in one statement, which the line of the audit brings along otherwise."""
    assert stack.postgres
    keys = vault.Vault(FileKeys(stack.data / KEY_FILE))
    walled, owner = (engine_of(url, vault=keys) for url in (stack.postgres.url_as(APP), stack.postgres.url))
    paths = {"desk_list_of_50": "/v1/tasks?limit=50", "case_page": f"/v1/cases/{case}"}
    spans: dict[str, list[list[float]]] = {name: [[], []] for name in paths}
    async with _api(walled) as guarded, _api(owner) as bare:
        token = {"Authorization": f"Bearer {stack.tokens[OFFICER]}"}
        with _remembered() as clear:
            for path in paths.values():
                (await guarded.get(path, headers=token)).raise_for_status()
        who = await _actor(owner)
        for _ in range(RUNS):
            for name, path in paths.items():
                say(name)
                spans[name][0] += (await _spans(lambda p=path: guarded.get(p, headers=token), SHOWN))[5:]
                with _without_guards(bare, who, clear):
                    assert (await bare.get(path)).status_code == 200
                    spans[name][1] += (await _spans(lambda p=path: bare.get(p), SHOWN))[5:]
    await walled.dispose()
    await owner.dispose()
    return [
        Figure(f"{name}_guarded_beside_bare", "ms", *(percentile(one, 0.5) for one in both), most=1.6)
        for name, both in spans.items()
    ]


@asynccontextmanager
async def _api(engine: AsyncEngine) -> AsyncIterator[httpx2.AsyncClient]:
    service = Service(engine, Ledger(load, "fengtai-2026.1"), Receipts(b"bench"))
    app = create_app(Settings(), given=service)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://bench") as http:
        http.app = app  # type: ignore[attr-defined]
        yield http


async def _actor(owner: AsyncEngine) -> Actor:
    person = tables.people.c
    async with owner.connect() as conn:
        row = (await conn.execute(select(tables.people).where(person.id == OFFICER))).one()
    return Actor(person_id=row.id, agency=row.agency, desk=row.desk, roles=tuple(row.roles))


@contextmanager
def _remembered() -> Iterator[dict[tuple[Any, str], bytes]]:
    """What every sealed value says, once it was opened."""
    known: dict[tuple[Any, str], bytes] = {}
    opening = vault.DataKey.open

    def noted(self: vault.DataKey, sealed: Any, place: str) -> bytes:
        known[sealed, place] = opening(self, sealed, place)
        return known[sealed, place]

    with patch.object(vault.DataKey, "open", noted):
        yield known


@contextmanager
def _without_guards(bare: Any, who: Actor, clear: Mapping[tuple[Any, str], bytes]) -> Iterator[None]:
    key = vault.DataKey("none", secrets.token_bytes(32))

    depends, solved = utils.get_dependant, dict[tuple[Any, ...], Any]()

    async def known() -> Actor:
        return who

    def once(**of: Any) -> Any:
        """FastAPI reads the signature of whatever a request depends on anew, once something is in another's place."""
        what = (of["path"], of["call"], of["name"], of["scope"])
        return solved.get(what) or solved.setdefault(what, depends(**of))

    async def no_keys(self: vault.Vault, conn: Any, streams: Any, **more: Any) -> dict[str, vault.DataKey]:
        return dict.fromkeys(streams, key)

    async def no_lens(conn: Any, who: Actor, action: str, stream_id: str, *given: Any, **more: Any) -> need.Lens:
        return need.Lens(True, {stream_id: key})

    overrides = bare.app.dependency_overrides
    overrides[context.actor] = known
    try:
        with (
            patch.object(vault.DataKey, "open", lambda self, sealed, place: clear[sealed, place]),
            patch.object(vault.Vault, "keys", no_keys),
            patch("app.api.reading.look", no_lens),
            patch.object(utils, "get_dependant", once),
        ):  # fmt: skip
            yield
    finally:
        overrides.clear()


async def _sealing(stack: Stack) -> list[Figure]:
    """How long the oldest row waits while they come, and how fast a backlog is sealed."""
    assert stack.postgres
    engine = engine_of(stack.postgres.url, pool=WRITERS + 4)
    sealer = Sealer(engine, SealKey.of(_seal_key(stack)))
    while await sealer.seal():
        pass
    running, waited = asyncio.create_task(sealer.run()), 0.0
    writers = [asyncio.create_task(_write(engine)) for _ in range(WRITERS)]
    while not all(writer.done() for writer in writers):
        waited = max(waited, await _oldest(engine))
        await asyncio.sleep(0.5)
    written = sum(writer.result() for writer in writers)
    running.cancel()
    while await sealer.seal():
        pass
    async with engine.begin() as conn:
        await conn.execute(text(f"{ROWS} from generate_series(1, {BACKLOG})"))
    await asyncio.sleep(0.1)
    began = time.perf_counter()
    while await sealer.seal() or await _oldest(engine):
        pass
    sealed = BACKLOG / (time.perf_counter() - began)
    await engine.dispose()
    return [
        Figure("audit_rows_written_a_second_while_sealing", "rows/s", written / SECONDS, least=PER_SECOND * 0.95),
        Figure("oldest_row_waits_for_its_seal", "s", waited, most=10.0),
        Figure("backlog_sealed_a_second", "rows/s", sealed, least=PER_SECOND),
    ]


ROWS = "insert into audit (person_id, agency, action, children, fields) select 'bench', 'POLICE', 'read_content', '{ch-bench}', '{children}'"


def _seal_key(stack: Stack) -> str:
    return stack.environment()["SHOUHU_AUDIT_KEY"]


async def _write(engine: AsyncEngine) -> int:
    """A writer's share, ten rows a transaction, at a steady pace."""
    began, done = time.perf_counter(), 0
    row = {
        "person_id": "bench",
        "agency": "POLICE",
        "action": "read_content",
        "children": ["ch-bench"],
        "fields": ["children"],
    }
    while (passed := time.perf_counter() - began) < SECONDS:
        if done >= passed * PER_SECOND / WRITERS:
            await asyncio.sleep(0.001)
            continue
        async with engine.begin() as conn:
            await conn.execute(insert(tables.audit), [row] * 10)
        done += 10
    return done


async def _oldest(engine: AsyncEngine) -> float:
    query = text("select extract(epoch from clock_timestamp() - min(at))::float from audit where xid >= "
                 "coalesce((select below from seals order by number desc limit 1), 0)")  # fmt: skip
    async with engine.connect() as conn:
        return (await conn.execute(query)).scalar_one() or 0.0
