"""The API process."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from socket import socket
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi_offline import FastAPIOffline
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import (
    access_record,
    approvals,
    benefits,
    boards,
    cases,
    catalogue,
    charts,
    child_changes,
    child_history,
    children,
    communities,
    comparison,
    compliance,
    deputies,
    district,
    duplicates,
    emergency,
    entry_links,
    examples,
    files,
    flow,
    keys,
    ledgers,
    need,
    overview,
    owed,
    papers,
    people,
    policy,
    problems,
    procedures,
    registers,
    registers_due,
    registration,
    reports,
    retention,
    round_answers,
    rounds,
    sealed,
    search,
    sheets,
    signals,
    statistics,
    surveys,
    system,
    views,
    visits,
    watches,
    work,
)
from app.api.attempts import Attempts
from app.api.edge import Edge, Says
from app.api.limits import Limits, described
from app.db.audit import ALARM_AFTER, unsealed_for
from app.db.guesses import forget
from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.db.service import PROGRESS_PATH, Service
from app.db.session import DATABASE_ERRORS, NotDurable, engine_of, is_away, require_durable
from app.db.walls import NotWalled, require_walled
from app.logs import tell
from app.master_keys import require_vault
from app.oidc import Client, Provider
from app.policy.loader import load
from app.process import begin, patiently
from app.settings import Settings
from app.web import (
    audit,
    books,
    case,
    case_files,
    changes,
    checks,
    child,
    disposal,
    enrolment,
    figures,
    frame,
    gantt,
    health,
    month,
    office,
    oidc,
    oversight,
    paperwork,
    progress,
    receipt,
    report,
    review,
    rules,
    seats,
    sign_in,
    staff,
    steps,
    survey,
    tasks,
    unit,
    wrong,
)
from app.web import duplicates as duplicate_pages
from app.web import owed as owed_pages
from app.web import registers as register_pages
from app.web import rounds as round_pages
from app.web import visits as visit_pages

AT_ONCE = 2.0
"""Seconds that the start waits for the database before the API begins to say that it is not ready."""

WATCHED_EVERY = 30.0
"""Seconds; a sealer that stopped is an alarm within two minutes and these."""
TAKEN_AT_ONCE = 64
"""Of one listening socket libuv takes one new connection a turn of its loop. A full process would so let strangers wait in the kernel, where no
limit sees them, until they are cut off after seconds; it takes them all and tells them when to come back."""
log = structlog.get_logger()


def create_app(settings: Settings, *, given: Service | None = None, limits: Limits | None = None) -> FastAPI:
    """The application; `given` is for tests that hold the engine themselves, and limits nobody unless it is told to."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if given is not None:
            app.state.service = given
            yield
            return
        engine = engine_of(settings.database_url.get_secret_value(), vault=require_vault(settings))
        secret = settings.receipt_secret.get_secret_value().encode()
        if not secret:
            raise ValueError("SHOUHU_RECEIPT_SECRET is not set")
        tell(settings, datetime.now(UTC))
        ledger = Ledger(load, settings.policy)
        provider = _provider_of(settings)
        app.state.service = Service(
            engine, ledger, Receipts(secret), settings.public_url, settings.exit_url, provider=provider,
            local_accounts=settings.local_accounts, scanner=settings.clamav, restore_tested=settings.restore_tested,
        )  # fmt: skip
        reaching = asyncio.create_task(_reach(app, engine))
        await asyncio.wait({reaching}, timeout=AT_ONCE)
        if reaching.done():
            reaching.result()
        watching = asyncio.create_task(_watch(engine))
        yield
        reaching.cancel()
        watching.cancel()
        if provider:
            await provider.close()
        await engine.dispose()

    app = FastAPIOffline(
        redirect_slashes=False,  # it would lead to whatever Host the caller named, and from TLS to none behind a proxy
        redoc_url=None, title="Shouhu 守护", version="0.1.0", lifespan=lifespan,
        description=f"One chain for a child at risk: 监测预防 · 发现报告 · 评估转介 · 帮扶干预.\n\n{described()}",
    )  # fmt: skip
    app.state.attempts = Attempts()
    app.state.limits = limits or Limits(settings.limits if given is None else 0)
    app.state.reached = given is not None
    if given is not None:
        app.state.service = given
    problems.install(app)
    wrong.install(app)
    app.add_middleware(Edge, forms=_says, reached=lambda: app.state.reached, limits=app.state.limits, uploads=_uploads)
    for module in (
        access_record,
        approvals,
        reports,
        cases,
        flow,
        work,
        procedures,
        sealed,
        search,
        benefits,
        boards,
        views,
        deputies,
        watches,
        visits,
        children,
        child_changes,
        communities,
        child_history,
        registration,
        duplicates,
        comparison,
        ledgers,
        sheets,
        need,
        emergency,
        retention,
        compliance,
        district,
        overview,
        owed,
        people,
        policy,
        registers,
        registers_due,
        rounds,
        round_answers,
        signals,
        statistics,
        charts,
        surveys,
        system,
        catalogue,
        keys,
        files,
        papers,
        entry_links,
    ):
        app.include_router(
            module.router, responses=problems.documented(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)
        )
    for pages in (
        frame,
        staff,
        progress,
        sign_in,
        oidc,
        tasks,
        office,
        case,
        gantt,
        paperwork,
        steps,
        duplicate_pages,
        case_files,
        receipt,
        report,
        unit,
        oversight,
        figures,
        rules,
        review,
        visit_pages,
        owed_pages,
        changes,
        enrolment,
        child,
        checks,
        month,
        books,
        register_pages,
        round_pages,
        survey,
        seats,
        health,
        disposal,
        audit,
    ):
        app.include_router(pages.router)
    app.openapi = partial(_described, app)
    app.add_api_route("/healthz", _alive, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    return app


def _provider_of(settings: Settings) -> Provider | None:
    """Who vouches for people, where one is named; ValueError where nobody could sign in."""
    if not settings.oidc_issuer:
        if not settings.local_accounts:
            raise ValueError("Nobody could sign in: SHOUHU_LOCAL_ACCOUNTS is off and SHOUHU_OIDC_ISSUER is not set")
        return None
    secret, back = settings.oidc_client_secret.get_secret_value(), settings.public_url.rstrip("/") + oidc.BACK
    client = Client(
        settings.oidc_issuer, settings.oidc_client_id, secret, back, settings.oidc_scope, settings.oidc_staff_claim
    )
    return Provider(client, settings.receipt_secret.get_secret_value().encode())


SAYS = {PROGRESS_PATH: progress.refusal, **dict.fromkeys(sign_in.FORMS, sign_in.refusal)}


def _says(path: str) -> Says | None:
    """What answers people there when the edge refuses; None where programs ask."""
    return SAYS.get(path, wrong.refusal) if wrong.is_page(path) else None


def _uploads(path: str) -> bool:
    """Where bodies may be large, for files come there."""
    return (
        path in (files.UPLOAD, sheets.UPLOAD, report.WITH_FILES) or case_files.is_upload(path) or books.is_upload(path)
    )


async def _reach(app: FastAPI, engine: AsyncEngine) -> None:
    """Answer nobody before the database is there, keeps what it acknowledges and has its wall; where it does not, the process ends."""
    try:
        await patiently("postgresql", lambda: require_durable(engine), is_away)
        await patiently("postgresql", lambda: require_walled(engine), is_away)
    except (NotDurable, NotWalled):
        signal.raise_signal(signal.SIGTERM)
        raise
    app.state.reached = True


async def _watch(engine: AsyncEngine) -> None:
    """An alarm in the log while nobody seals the audit, whether or not somebody reads; addresses of old guesses are forgotten."""
    while True:
        await asyncio.sleep(WATCHED_EVERY)
        with suppress(*DATABASE_ERRORS):
            async with engine.connect() as conn:
                waited = await unsealed_for(conn)
            if waited > ALARM_AFTER:
                log.error("audit_not_sealed", seconds=round(waited.total_seconds()))
            await forget(engine, datetime.now(UTC))


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document with the one shape of all problems."""
    if app.openapi_schema is None:
        schemas = FastAPI.openapi(app)["components"]["schemas"]
        schemas["Problem"] = problems.Shown.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        examples.add_to(schemas)
        _without_bodies(FastAPI.openapi(app)["paths"])
    return FastAPI.openapi(app)


def _without_bodies(paths: dict[str, Any]) -> None:
    """What has no body cannot have a wrong one, and a read meets no conflict."""
    for methods in paths.values():
        for method, operation in methods.items():
            for status in () if "requestBody" in operation else ("413", "415"):
                operation["responses"].pop(status, None)
            if method == "get":
                operation["responses"].pop("409", None)


async def _alive() -> dict[str, str]:
    return {"status": "alive"}


async def _ready(request: Request) -> dict[str, str]:
    """Whether requests are answered; a sealer that stopped is said here and stops no report."""
    async with request.app.state.service.engine.connect() as conn:
        late = await unsealed_for(conn) > ALARM_AFTER
    return {"status": "ready", "audit": "not sealed" if late else "sealed"}


def serving(settings: Settings, app: FastAPI) -> uvicorn.Config:
    """How the API is served: requests are not logged, and who the client is, is believed of the named proxies alone."""
    return uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_level=settings.log_level,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
    )


def listening(config: uvicorn.Config) -> list[socket]:
    """The address, as often as connections are taken in one turn."""
    first = config.bind_socket()
    return [first, *(first.dup() for _ in range(TAKEN_AT_ONCE - 1))]


def main() -> None:
    """Serve until stopped."""
    settings = Settings()
    begin(settings.log_level)
    config = serving(settings, create_app(settings))
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets=listening(config))
    if not server.started:
        sys.exit(3)


if __name__ == "__main__":
    main()
