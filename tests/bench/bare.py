"""The references: a bare FastAPI route that inserts given rows by bare asyncpg, and a bare workflow that waits as a case does."""

import os
import pickle
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import uvicorn
from fastapi import FastAPI, Request

CASE, CHILD, RECEIPT = "@case", "@child", "@receipt"
"""Stand-ins in the rows for what is new in every report."""


def create_app(dsn: str, rows: dict[str, list[dict[str, Any]]]) -> FastAPI:
    """`rows` by table: what one report leaves behind."""
    statements = [
        (f"insert into {table} ({', '.join(columns)}) values ({places(len(columns))})", [tuple(r.values()) for r in group])
        for table, group in rows.items()
        for columns in (tuple(quoted(name) for name in group[0]),)
    ]  # fmt: skip

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(dsn, min_size=20, max_size=20) as app.state.pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/reports", status_code=201)
    async def report(body: dict[str, Any], request: Request) -> dict[str, str]:
        case, child, receipt = f"case-{uuid.uuid4().hex}", f"ch-{uuid.uuid4().hex}", uuid.uuid4().hex * 2
        fresh = {CASE: case, CHILD: child, RECEIPT: receipt}
        async with request.app.state.pool.acquire() as conn, conn.transaction():
            for sql, group in statements:
                await conn.executemany(sql, [tuple(fresh.get(v, v) if type(v) is str else v for v in r) for r in group])
        return {"case_id": case, "receipt": receipt}

    @app.post("/echo")
    async def echo(body: dict[str, Any]) -> dict[str, Any]:
        return body

    return app


def quoted(name: str) -> str:
    """A column's name, safe where it is a word of SQL."""
    return f'"{name}"'


def places(count: int) -> str:
    """`$1, $2, …`."""
    return ", ".join(f"${n}" for n in range(1, count + 1))


def main() -> None:
    """Serve on the port of the environment."""
    app = create_app(os.environ["BARE_DSN"], pickle.loads(Path(os.environ["BARE_ROWS"]).read_bytes()))
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BARE_PORT"]), log_level="error", access_log=False)


if __name__ == "__main__":
    main()
