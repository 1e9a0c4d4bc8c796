"""The API process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy import text
from starlette.middleware.base import RequestResponseEndpoint

from app.api import boards, cases, district, problems, reports, work
from app.api.context import Service
from app.db.intake import Receipts
from app.db.ledger import Ledger
from app.db.session import engine_of, require_durable
from app.policy.loader import load
from app.settings import Settings

BODY_LIMIT = 1_048_576


def create_app(settings: Settings, *, given: Service | None = None) -> FastAPI:
    """The application; `given` is for tests that hold the engine themselves."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if given is not None:
            app.state.service = given
            yield
            return
        engine = engine_of(settings.database_url.get_secret_value())
        await require_durable(engine)
        secret = settings.receipt_secret.get_secret_value().encode()
        if not secret:
            raise ValueError("SHOUHU_RECEIPT_SECRET is not set")
        app.state.service = Service(engine, Ledger(load, settings.policy), Receipts(secret))
        yield
        await engine.dispose()

    app = FastAPI(
        title="Shouhu 守护", version="0.1.0", lifespan=lifespan,
        description="One chain for a child at risk: 监测预防 · 发现报告 · 评估转介 · 帮扶干预.",
    )  # fmt: skip
    if given is not None:
        app.state.service = given
    problems.install(app)
    app.middleware("http")(_limit_bodies)
    for module in (reports, cases, work, boards, district):
        app.include_router(module.router)
    app.add_api_route("/healthz", _alive, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    return app


async def _limit_bodies(request: Request, call_next: RequestResponseEndpoint) -> Response:
    length = request.headers.get("content-length", "0")
    too_big = not length.isdigit() or int(length) > BODY_LIMIT
    if too_big or (request.method == "POST" and "transfer-encoding" in request.headers and length == "0"):
        if not too_big and len(await request.body()) <= BODY_LIMIT:
            return await call_next(request)
        return problems.problem(
            413, "body_too_large", "请求过大，上限1 MiB · The body is larger than 1 MiB.", facts={"limit": BODY_LIMIT}
        )
    response = await call_next(request)
    response.headers["Cache-Control"] = "no-store"
    return response


async def _alive() -> dict[str, str]:
    return {"status": "alive"}


async def _ready(request: Request) -> dict[str, str]:
    async with request.app.state.service.engine.connect() as conn:
        await conn.execute(text("select 1"))
    return {"status": "ready"}


def main() -> None:
    """Serve until stopped. Requests are not logged: their paths may hold receipt codes."""
    settings = Settings()
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_level=settings.log_level,
        access_log=False,
    )


if __name__ == "__main__":
    main()
