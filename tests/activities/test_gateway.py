"""The gateway against agency systems that run as processes on loopback, and what they call back."""

import asyncio
import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from activities.gateway import (
    AgencyEndpoint,
    AgencyRejected,
    AgencyUnavailable,
    BadSignature,
    Delivered,
    Gateway,
    open_client,
    verify,
)
from app.domain.terms import Agency

ROOT = Path(__file__).parents[2]
KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER_KEY = "whsec_" + base64.b64encode(b"o" * 32).decode()
CANARY = "金丝雀CANARY7731"
PACKET = {
    "referral_id": "dpf-1",
    "case_id": "case-0001",
    "task": "assess_disability",
    "agency": "DPF",
    "urgency": "normal",
    "accept_by": "2026-11-24T09:00:00Z",
    "packet": {"child_name": CANARY},
}

pytestmark = pytest.mark.timeout(30)


class Simulator:
    """A running simulator process of DPF."""

    def __init__(self, *options: str, log: Path | None = None) -> None:
        command = [sys.executable, "-m", "deploy.simulator", "--agency", "DPF", *options]
        command += ["--log", str(log)] if log else []
        self.log = log
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"SIMULATOR_SECRET": KEY}
        )
        assert self.process.stdout
        ready = re.fullmatch(r"ready port=(\d+)\n", self.process.stdout.readline())
        assert ready
        self.base = f"http://127.0.0.1:{ready[1]}"

    def endpoint(self, secret: str = KEY) -> AgencyEndpoint:
        """Where the simulator takes referrals."""
        return AgencyEndpoint(
            agency=Agency.DPF, url=f"{self.base}/referrals", secret=SecretStr(secret), supports_lookup=True
        )

    def behave(self, **conduct: Any) -> None:
        """Change its behaviour while it runs."""
        httpx2.put(f"{self.base}/behaviour", json=conduct).raise_for_status()

    def received(self) -> list[dict[str, Any]]:
        """What it was sent, packets included."""
        return httpx2.get(f"{self.base}/received").json()

    def callbacks(self) -> list[dict[str, Any]]:
        """The callbacks that it finished sending."""
        return httpx2.get(f"{self.base}/callbacks").json()

    def logged(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        assert self.log
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def stop(self, *, by: signal.Signals = signal.SIGTERM) -> float:
        """Stop the process; the seconds that it took."""
        started = time.monotonic()
        self.process.send_signal(by)
        self.process.wait(timeout=5)
        if self.process.stdout:
            self.process.stdout.close()
        return time.monotonic() - started


class Service:
    """The side of the service that agencies call back: it keeps what `verify` lets through."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.refused = 0
        self.answers: list[int] = []
        self.base = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One HTTP/1.1 exchange."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        status = self.answers.pop(0) if self.answers else 200
        try:
            content = verify(SecretStr(KEY), headers, body)
        except BadSignature:
            self.refused += 1
        else:
            self.calls.append((lines[0].split()[1], headers["webhook-id"], content))
        writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def has(self, count: int, within: float = 5.0) -> None:
        """Wait until so many callbacks arrived."""
        async with asyncio.timeout(within):
            while len(self.calls) < count:
                await asyncio.sleep(0.01)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A service that listens for callbacks on a free port."""
    service = Service()
    async with listening(service.answer) as port:
        service.base = f"http://127.0.0.1:{port}"
        yield service


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway with short patience."""
    async with open_client(read_timeout=timedelta(seconds=0.4)) as client:
        yield Gateway(client)


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Start simulators that end with the test."""
    running: list[Simulator] = []

    def start(*options: str, log: Path | None = None) -> Simulator:
        running.append(Simulator(*options, log=log))
        return running[-1]

    yield start
    for simulator in running:
        if simulator.process.poll() is None:
            simulator.stop()


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A TCP server on a free port of loopback."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_an_accepting_system_answers_by_signed_callbacks(
    service: Service, gateway: Gateway, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(
        "--behaviour", "accept", "--delay", "0.05", "--callback", service.base, log=tmp_path / "log.jsonl"
    )
    assert await gateway.deliver(simulator.endpoint(), "msg-1", PACKET) == Delivered(status=202, reference="DPF-000001")
    await service.has(2)
    assert [content["verb"] for _, _, content in service.calls] == ["accept", "complete"]
    assert {path for path, _, _ in service.calls} == {"/v1/callbacks/DPF"}
    assert len({callback_id for _, callback_id, _ in service.calls}) == 2
    assert service.calls[0][2] == {"referral_id": "dpf-1", "case_id": "case-0001", "verb": "accept"}
    assert simulator.received()[0]["packet"] == {"child_name": CANARY}
    assert CANARY not in (tmp_path / "log.jsonl").read_text(encoding="utf-8")


async def test_a_repetition_keeps_its_id_and_is_taken_once(
    service: Service, gateway: Gateway, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    simulator = simulate("--behaviour", "flaky", "--failures", "2", "--delay", "0", "--callback", service.base, log=log)
    endpoint = simulator.endpoint()
    assert await gateway.lookup(endpoint, "msg-1") is None
    for _ in range(2):
        with pytest.raises(AgencyUnavailable) as unavailable:
            await gateway.deliver(endpoint, "msg-1", PACKET)
        assert unavailable.value.cause == "http_503"
    first = await gateway.deliver(endpoint, "msg-1", PACKET)
    again = await gateway.deliver(endpoint, "msg-1", PACKET)
    assert (first.status, again.status) == (202, 200)
    assert first.reference == again.reference
    assert await gateway.lookup(endpoint, "msg-1") == again
    await service.has(2)
    lines = [(line["message_id"], line["attempt"], line["duplicate"], line["answered"]) for line in simulator.logged()]
    assert lines == [
        ("msg-1", 1, False, 503),
        ("msg-1", 2, False, 503),
        ("msg-1", 3, False, 202),
        ("msg-1", 4, True, 200),
    ]
    assert [content["verb"] for _, _, content in service.calls] == ["accept", "complete"]


async def test_a_killed_system_knows_what_it_had_taken(
    gateway: Gateway, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    before = simulate("--behaviour", "silent", log=log)
    await gateway.deliver(before.endpoint(), "msg-1", PACKET)
    before.stop(by=signal.SIGKILL)
    with pytest.raises(AgencyUnavailable) as unavailable:
        await gateway.deliver(before.endpoint(), "msg-1", PACKET)
    assert unavailable.value.cause == "connect_error"
    after = simulate("--behaviour", "silent", log=log)
    assert (await gateway.deliver(after.endpoint(), "msg-1", PACKET)).status == 200


async def test_each_behaviour_can_be_chosen_while_it_runs(
    service: Service, gateway: Gateway, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate("--behaviour", "silent", "--callback", service.base)
    endpoint = simulator.endpoint()

    assert (await gateway.deliver(endpoint, "silent", PACKET)).status == 202
    simulator.behave(behaviour="decline", reason="no_capacity")
    await gateway.deliver(endpoint, "decline", PACKET)
    await service.has(1)
    simulator.behave(behaviour="return")
    await gateway.deliver(endpoint, "return", PACKET)
    await service.has(2)
    simulator.behave(behaviour="fail", delay=0)
    await gateway.deliver(endpoint, "fail", PACKET)
    await service.has(4)
    simulator.behave(behaviour="slow", delay=0.2)
    sent = time.monotonic()
    await gateway.deliver(endpoint, "slow", PACKET)
    await service.has(6)
    assert time.monotonic() - sent >= 0.4
    assert [(content["verb"], content.get("reason")) for _, _, content in service.calls] == [
        ("decline", "no_capacity"),
        ("return", "missing_contact"),
        ("accept", None),
        ("fail", "not_possible"),
        ("accept", None),
        ("complete", None),
    ]

    simulator.behave(behaviour="reject", reason="unknown_child")
    with pytest.raises(AgencyRejected) as rejected:
        await gateway.deliver(endpoint, "reject", PACKET)
    assert (rejected.value.agency, rejected.value.status, rejected.value.code) == (Agency.DPF, 422, "unknown_child")


async def test_a_system_that_hangs_is_unavailable_and_still_stops_at_once(
    gateway: Gateway, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate("--behaviour", "hang")
    with pytest.raises(AgencyUnavailable) as unavailable:
        await gateway.deliver(simulator.endpoint(), "msg-1", PACKET)
    assert unavailable.value.cause == "read_timeout"
    async with open_client() as patient:
        held = asyncio.create_task(Gateway(patient).deliver(simulator.endpoint(), "msg-2", PACKET))
        while len(await asyncio.to_thread(simulator.received)) < 2:
            await asyncio.sleep(0.02)
        assert await asyncio.to_thread(simulator.stop) < 1.5
        with pytest.raises(AgencyUnavailable):
            await held


async def test_callbacks_are_tried_again_under_the_same_id(
    service: Service, gateway: Gateway, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate("--behaviour", "decline", "--callback", service.base)
    service.answers = [503]
    await gateway.deliver(simulator.endpoint(), "msg-1", PACKET)
    await service.has(2)
    assert service.calls[0] == service.calls[1]
    async with asyncio.timeout(2):
        while not (sent := await asyncio.to_thread(simulator.callbacks)):
            await asyncio.sleep(0.02)
    assert [(callback["verb"], callback["tries"], callback["status"]) for callback in sent] == [("decline", 2, 200)]


async def test_a_wrong_key_is_worth_another_try_once_it_is_mended(
    gateway: Gateway, simulate: Callable[..., Simulator]
) -> None:
    simulator = simulate("--behaviour", "silent")
    for ask in (
        gateway.deliver(simulator.endpoint(OTHER_KEY), "m", PACKET),
        gateway.lookup(simulator.endpoint(OTHER_KEY), "m"),
    ):
        with pytest.raises(AgencyUnavailable) as unavailable:
            await ask
        assert unavailable.value.cause == "http_401"
    assert simulator.received() == []
