"""The gateway against peers that answer badly, and what its failures may tell."""

import asyncio
import base64
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr, ValidationError

from activities.gateway import AgencyEndpoint, AgencyRejected, AgencyUnavailable, Gateway, open_client
from app.domain.terms import Agency

KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
CANARY = "金丝雀CANARY7731"
ADDRESS_TOKEN = "token-in-the-address-4411"
PACKET = {"referral_id": "dpf-1", "task": "assess_disability", "packet": {"child_name": CANARY}}

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway with short patience."""
    async with open_client(read_timeout=timedelta(seconds=0.4)) as client:
        yield Gateway(client)


@asynccontextmanager
async def peer(reply: bytes) -> AsyncIterator[AgencyEndpoint]:
    """An agency system that writes these bytes and hangs up, at an address that holds a secret."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{ADDRESS_TOKEN}?key={ADDRESS_TOKEN}"
        yield AgencyEndpoint(agency=Agency.DPF, url=url, secret=SecretStr(KEY), supports_lookup=True)


def answer(status: int, body: bytes = b"", *, kind: str = "application/json", length: int | None = None) -> bytes:
    """An HTTP reply, with a false length if asked."""
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {size}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (answer(408), "http_408"),
        (answer(425), "http_425"),
        (answer(429), "http_429"),
        (answer(500, b"<html>", kind="text/html"), "http_500"),
        (answer(302), "http_302"),
        (answer(202, b'{"reference":', length=400), "truncated_reply"),
        (answer(202, b'{"reference":'), "truncated_reply"),
        (answer(202, b"[" * 50_000), "truncated_reply"),
        (b"", "truncated_reply"),
        (b"220 mail.example ESMTP\r\n", "truncated_reply"),
    ],
)
async def test_what_may_pass_is_worth_another_try(gateway: Gateway, reply: bytes, cause: str) -> None:
    async with peer(reply) as endpoint:
        with pytest.raises(AgencyUnavailable) as unavailable:
            await gateway.deliver(endpoint, "msg-1", PACKET)
    assert unavailable.value.cause == cause


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(400, b'{"code":"bad_field"}'), "bad_field"),
        (answer(409, b'{"code":"child %s"}' % CANARY.encode()), "unspecified"),
        (answer(410, CANARY.encode(), kind="text/plain"), "unspecified"),
        (answer(422, b'{"code"'), "unspecified"),
    ],
)
async def test_other_refusals_are_final_and_bring_a_code_only(gateway: Gateway, reply: bytes, code: str) -> None:
    async with peer(reply) as endpoint:
        with pytest.raises(AgencyRejected) as rejected:
            await gateway.deliver(endpoint, "msg-1", PACKET)
    assert rejected.value.code == code
    assert CANARY not in str(rejected.value)


@pytest.mark.parametrize(
    ("reply", "reference"),
    [
        (answer(204), None),
        (answer(200, b"ok", kind="text/plain"), None),
        (answer(200, b'{"reference":"2026/77-A"}'), "2026/77-A"),
        (answer(200, b'{"reference":"%s"}' % CANARY.encode()), None),
        (answer(200, b'{"reference":"%s"}' % (b"9" * 200_000)), None),
    ],
)
async def test_any_success_is_delivered_and_free_text_is_not_kept(
    gateway: Gateway, reply: bytes, reference: str | None
) -> None:
    async with peer(reply) as endpoint:
        assert (await gateway.deliver(endpoint, "msg-1", PACKET)).reference == reference


async def test_lookup_is_asked_only_where_it_exists(gateway: Gateway) -> None:
    dead = AgencyEndpoint(agency=Agency.DPF, url="http://127.0.0.1:9/referrals", secret=SecretStr(KEY))
    assert await gateway.lookup(dead, "msg-1") is None


@pytest.mark.parametrize("reply", [answer(503), answer(400), answer(202, b"{", length=9), b"", None])
async def test_no_failure_carries_the_packet_or_the_address(
    gateway: Gateway, reply: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with peer(reply or b"") as endpoint:
        if reply is None:
            endpoint = endpoint.model_copy(update={"url": f"http://127.0.0.1:9/{ADDRESS_TOKEN}"})
        with pytest.raises((AgencyUnavailable, AgencyRejected)) as failed:
            await gateway.deliver(endpoint, "msg-1", PACKET)
    told = "".join(traceback.format_exception(failed.value)) + repr(failed.value) + repr(endpoint) + caplog.text
    assert failed.value.__context__ is None
    for hidden in (CANARY, ADDRESS_TOKEN, KEY, "assess_disability"):
        assert hidden not in told


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("ftp://x/", KEY),
        ("/referrals", KEY),
        ("http://", KEY),
        ("http://[x/", KEY),
        ("https://x/", "whsec_a"),
        ("https://x/", ""),
    ],
)
def test_an_unusable_endpoint_is_refused_without_quoting_it(url: str, key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AgencyEndpoint(agency=Agency.DPF, url=url, secret=SecretStr(key))
    assert len(url) < 4 or url not in str(refused.value)
