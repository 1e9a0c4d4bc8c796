"""The API with a guard removed: an answer leaves first, and is on record a moment later. Nothing of this exists in the API that serves."""

import asyncio
from collections.abc import AsyncIterator

import uvicorn
from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.context import connection
from app.main import create_app, listening, serving
from app.process import begin
from app.settings import Settings

LATE = 0.5
_waiting = set[asyncio.Task[None]]()


async def late(request: Request) -> AsyncIterator[AsyncConnection]:
    """One transaction a request, which is committed after the answer has left."""
    conn = await request.app.state.service.engine.connect()
    try:
        await conn.begin()
        yield conn
    except BaseException:
        await conn.close()
        raise
    _waiting.add(task := asyncio.create_task(_commit(conn)))
    task.add_done_callback(_waiting.discard)


async def _commit(conn: AsyncConnection) -> None:
    await asyncio.sleep(LATE)
    await conn.commit()
    await conn.close()


def main() -> None:
    """As app.main does."""
    settings = Settings()
    begin(settings.log_level)
    app = create_app(settings)
    app.dependency_overrides[connection] = late
    config = serving(settings, app)
    uvicorn.Server(config).run(sockets=listening(config))


if __name__ == "__main__":
    main()
