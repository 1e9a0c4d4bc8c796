"""An agency's own system, as a process of its own: takes signed referrals and answers by callbacks as it is told.

It shares nothing with the service but the vocabulary and the Standard Webhooks, so that a mistake on one side shows.
"""

import asyncio
import json
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import typer
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from standardwebhooks import Webhook, WebhookVerificationError

from app.domain.terms import Agency, DeclineReason, FailReason, ReturnReason

CALLBACK_TRIES: Final = 8
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class Behaviour(StrEnum):
    """What the system does with a referral that it takes."""

    ACCEPT = "accept"
    SLOW = "slow"
    DECLINE = "decline"
    RETURN = "return"
    FAIL = "fail"
    SILENT = "silent"
    REJECT = "reject"
    FLAKY = "flaky"
    HANG = "hang"
    FORGETFUL = "forgetful"


class Conduct(BaseModel):
    """The behaviour in force with its settings; PUT /behaviour replaces it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    behaviour: Behaviour
    delay: float = Field(default=1.0, ge=0)
    reason: str | None = None
    failures: int = Field(default=2, ge=0, description="flaky: so many requests are answered 503 first")

    def steps(self) -> tuple[tuple[float, str, str | None], ...]:
        """The callbacks that follow a taken referral: seconds to wait since the one before, verb, reason."""
        match self.behaviour:
            case Behaviour.ACCEPT | Behaviour.FLAKY:
                return ((0, "accept", None), (self.delay, "complete", None))
            case Behaviour.SLOW:
                return ((self.delay, "accept", None), (self.delay, "complete", None))
            case Behaviour.DECLINE:
                return ((0, "decline", self.reason or DeclineReason.NOT_COMPETENT),)
            case Behaviour.RETURN:
                return ((0, "return", self.reason or ReturnReason.MISSING_CONTACT),)
            case Behaviour.FAIL:
                return ((0, "accept", None), (self.delay, "fail", self.reason or FailReason.NOT_POSSIBLE))
            case Behaviour.SILENT | Behaviour.REJECT | Behaviour.HANG | Behaviour.FORGETFUL:
                return ()


class Receipt(BaseModel):
    """One request that arrived with a good signature; the log holds it without the packet."""

    at: datetime
    message_id: str
    attempt: int
    duplicate: bool
    answered: int
    behaviour: Behaviour
    reference: str | None
    referral_id: str | None
    case_id: str | None
    task: str | None
    urgency: str | None
    packet: dict[str, Any]


class Sent(BaseModel):
    """One callback and how it ended: the last status, or None when the service was never reached."""

    callback_id: str
    referral_id: str | None
    verb: str
    tries: int
    status: int | None


class AgencySystem:
    """The state of the simulated system: what it received, what it took, what it answered."""

    def __init__(self, agency: Agency, secret: str, conduct: Conduct, callback: str | None, log: Path | None) -> None:
        self.agency = agency
        self.conduct = conduct
        self.received: list[Receipt] = []
        self.sent: list[Sent] = []
        self.stopping = asyncio.Event()
        self._webhook = Webhook(secret)
        self._callback = callback.rstrip("/") if callback else None
        self._log = log
        self._attempts: dict[str, int] = {}
        self._taken: dict[str, str] = {}
        self._refused_so_far = 0
        self._work: set[asyncio.Task[None]] = set()
        self._client = httpx2.AsyncClient(timeout=10, trust_env=False)
        self._remember()

    def authentic(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the service signed this within five minutes of now."""
        try:
            self._webhook.verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return False
        return True

    def behave(self, conduct: Conduct) -> None:
        """Behave like this from the next request on."""
        self.conduct = conduct
        self._refused_so_far = 0

    def reference(self, message_id: str) -> str | None:
        """The system's own number for a message that it has taken."""
        return self._taken.get(message_id)

    async def receive(self, message_id: str, body: Mapping[str, Any]) -> Response:
        """Answer one delivery and start what follows from it."""
        conduct = self.conduct
        self._attempts[message_id] = self._attempts.get(message_id, 0) + 1
        if "withdrawn" in body:
            self._note(message_id, body, 200)
            return JSONResponse({"reference": None}, 200)
        known = message_id in self._taken and conduct.behaviour is not Behaviour.FORGETFUL
        status = 200 if known else self._status(conduct)
        if status == 202:
            self._taken[message_id] = f"{self.agency}-{len(self._taken) + 1:06d}"
        self._note(message_id, body, status)
        if conduct.behaviour is Behaviour.HANG:
            await self.stopping.wait()
        if status == 202:
            self._start(conduct, body)
        if status == 422:
            problem = {"status": 422, "code": conduct.reason or "unknown_task", "title": "The message is refused"}
            return JSONResponse(problem, status, media_type="application/problem+json")
        if status == 503:
            return JSONResponse({"status": 503, "code": "busy"}, status, media_type="application/problem+json")
        return JSONResponse({"reference": self._taken.get(message_id)}, status)

    async def close(self) -> None:
        """Drop what is still waiting to be answered."""
        self.stopping.set()
        for task in tuple(self._work):
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await self._client.aclose()

    def _status(self, conduct: Conduct) -> int:
        match conduct.behaviour:
            case Behaviour.REJECT:
                return 422
            case Behaviour.HANG:
                return 503
            case Behaviour.FLAKY if self._refused_so_far < conduct.failures:
                self._refused_so_far += 1
                return 503
            case _:
                return 202

    def _note(self, message_id: str, body: Mapping[str, Any], status: int) -> None:
        packet = body.get("packet")
        receipt = Receipt(
            at=datetime.now(UTC),
            message_id=message_id,
            attempt=self._attempts[message_id],
            duplicate=status == 200,
            answered=status,
            behaviour=self.conduct.behaviour,
            reference=self._taken.get(message_id),
            referral_id=_text(body, "referral_id"),
            case_id=_text(body, "case_id"),
            task=_text(body, "task"),
            urgency=_text(body, "urgency"),
            packet=packet if isinstance(packet, dict) else {},
        )
        self.received.append(receipt)
        if self._log:
            with self._log.open("a", encoding="utf-8") as lines:
                lines.write(receipt.model_dump_json(exclude={"packet"}) + "\n")

    def _remember(self) -> None:
        """Know again, after a restart, what an earlier process with the same log has taken."""
        if self._log is None or not self._log.exists():
            return
        for line in self._log.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:  # the process was killed while it wrote this line
                continue
            self._attempts[row["message_id"]] = row["attempt"]
            if row["reference"]:
                self._taken[row["message_id"]] = row["reference"]

    def _start(self, conduct: Conduct, body: Mapping[str, Any]) -> None:
        task = asyncio.create_task(self._follow(conduct, body))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _follow(self, conduct: Conduct, body: Mapping[str, Any]) -> None:
        if self._callback is None:
            return
        for pause, verb, reason in conduct.steps():
            await asyncio.sleep(pause)
            how = ended(body) if verb == "complete" else {}
            await self._call_back(_text(body, "referral_id"), _text(body, "case_id"), verb, reason, how)

    async def _call_back(
        self, referral_id: str | None, case_id: str | None, verb: str, reason: str | None, how: Mapping[str, Any]
    ) -> None:
        callback_id = f"cb-{uuid.uuid4().hex}"
        content = {"referral_id": referral_id, "case_id": case_id, "verb": verb, "reason": reason, **how}
        body = json.dumps({name: value for name, value in content.items() if value is not None}).encode()
        pause, status, tries = FIRST_PAUSE, None, 0
        while tries < CALLBACK_TRIES:
            tries += 1
            status = await self._post(callback_id, body)
            if status is not None and status not in TRY_AGAIN:
                break
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        self.sent.append(Sent(callback_id=callback_id, referral_id=referral_id, verb=verb, tries=tries, status=status))

    async def _post(self, callback_id: str, body: bytes) -> int | None:
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": callback_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(callback_id, now, body.decode()),
        }
        try:
            url = f"{self._callback}/v1/callbacks/{self.agency}"
            return (await self._client.post(url, content=body, headers=headers)).status_code
        except httpx2.TransportError:
            return None


def create_app(system: AgencySystem) -> FastAPI:
    """The system's HTTP face."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await system.close()

    app = FastAPI(title=f"Agency system of {system.agency.en}", lifespan=lifespan)

    @app.post("/referrals")
    async def receive(request: Request) -> Response:
        body = await request.body()
        if not system.authentic(body, request.headers):
            return JSONResponse({"status": 401, "code": "bad_signature"}, 401, media_type="application/problem+json")
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            return JSONResponse({"status": 400, "code": "not_an_object"}, 400, media_type="application/problem+json")
        return await system.receive(request.headers["webhook-id"], content)

    @app.get("/referrals/{message_id}")
    async def look_up(message_id: str, request: Request) -> Response:
        if not system.authentic(b"", request.headers):
            return JSONResponse({"status": 401, "code": "bad_signature"}, 401, media_type="application/problem+json")
        reference = system.reference(message_id)
        return JSONResponse({"reference": reference}, 200 if reference else 404)

    @app.get("/received")
    async def received() -> list[Receipt]:
        return system.received

    @app.get("/callbacks")
    async def callbacks() -> list[Sent]:
        return system.sent

    @app.get("/behaviour")
    async def behaviour() -> Conduct:
        return system.conduct

    @app.put("/behaviour")
    async def behave(conduct: Conduct) -> Conduct:
        system.behave(conduct)
        return conduct

    @app.get("/healthz")
    async def healthy() -> dict[str, str]:
        return {"status": "ok", "agency": system.agency}

    return app


class _Server(uvicorn.Server):
    """Lets held connections go as soon as the process is told to stop."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


async def _serve(system: AgencySystem, listener: socket.socket) -> None:
    config = uvicorn.Config(create_app(system), log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    server = _Server(config, system.stopping)
    print(f"ready port={listener.getsockname()[1]}", flush=True)
    await server.serve(sockets=[listener])


def main(
    agency: Annotated[Agency, typer.Option(help="Code of the agency whose system this is.")],
    behaviour: Annotated[Behaviour, typer.Option()],
    secret: Annotated[str, typer.Option(envvar="SIMULATOR_SECRET", help="Shared key, whsec_ and base64.")],
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    callback: Annotated[
        str | None, typer.Option(help="Base address of the service; without it nothing is answered.")
    ] = None,
    delay: Annotated[float, typer.Option(help="Seconds before each delayed answer.")] = 1.0,
    reason: Annotated[str | None, typer.Option(help="Coded reason of decline, return, fail or reject.")] = None,
    failures: Annotated[int, typer.Option(help="flaky: requests answered 503 before the first good answer.")] = 2,
    log: Annotated[Path | None, typer.Option(help="Every receipt is appended here as a JSON line.")] = None,
) -> None:
    """Simulate the own system of one agency."""
    conduct = Conduct(behaviour=behaviour, delay=delay, reason=reason, failures=failures)
    listener = socket.create_server((host, port), reuse_port=False)

    async def run() -> None:
        await _serve(AgencySystem(agency, secret, conduct, callback, log), listener)

    asyncio.run(run())


def ended(body: Mapping[str, Any]) -> dict[str, Any]:
    """The first of the outcomes that the message names, with a record that fits; of a plain task there is none."""
    outcomes: list[dict[str, Any]] = body.get("outcomes") or []
    if not outcomes:
        return {}
    first = outcomes[0]
    today = datetime.now(UTC).date().isoformat()
    fits = {"confirmed": True, "reference": "SIM-2026-0001", "date": today, "day": today}
    record = {name: fits.get(field["kind"], max(field["low"], 1)) for name, field in first["record"].items()}
    about = {"child": body.get("children", [])[:1], "agency": [body.get("agency")]}.get(first["about"], [])
    return {"outcome": first["code"], "record": record, "about": about, "note": "simulated" if first["note"] else ""}


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None


if __name__ == "__main__":
    typer.run(main)
