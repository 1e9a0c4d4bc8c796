"""The one way out to an agency's own system, and the check of what comes back: signed HTTP by the Standard Webhooks."""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_core import to_json
from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from app.domain.terms import Agency

RETRY_LATER: Final = frozenset({401, 408, 425, 429})
"""Not the referral's fault; 401 says that a key or a clock is wrong, which is mended without a word of the packet changing."""
LONGEST_EXCHANGE: Final = timedelta(seconds=20)
LARGEST_REPLY: Final = 64 * 1024
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]{0,63}")


class AgencyEndpoint(BaseModel):
    """Where an agency's system listens, e.g. `https://host/referrals`; address and key stay out of `repr` and errors.

    `supports_lookup`: `GET {url}/{message_id}` answers 200 for a message that the system has taken, else 404.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    agency: Agency
    url: str = Field(repr=False)
    secret: SecretStr
    supports_lookup: bool = False

    @field_validator("url")
    @classmethod
    def _absolute_http(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            whole = False
        if not whole:
            raise ValueError("an absolute http or https address is needed")
        return url

    @field_validator("secret")
    @classmethod
    def _usable_key(cls, secret: SecretStr) -> SecretStr:
        try:
            Webhook(secret.get_secret_value())
        except (ValueError, EmptyWebhookSecretError):
            usable = False
        else:
            usable = True
        if not usable:
            raise ValueError("a key of the form whsec_ and base64 is needed")
        return secret


class Delivered(BaseModel):
    """The agency's system has the message; `reference` is its own number for it, if it gave a well-formed one."""

    model_config = ConfigDict(frozen=True)

    status: int
    reference: str | None


class AgencyUnavailable(Exception):
    """Worth another try later; `cause` is a code such as `read_timeout`, `http_503` or `truncated_reply`."""

    def __init__(self, agency: Agency, cause: str = "unreachable") -> None:
        super().__init__(f"{agency} is unavailable: {cause}")
        self.agency = agency
        self.cause = cause


class AgencyRejected(Exception):
    """The agency's system refused the message for good; `code` is the one it named, or `unspecified`."""

    def __init__(self, agency: Agency, status: int, code: str) -> None:
        super().__init__(f"{agency} refused with {status}: {code}")
        self.agency = agency
        self.status = status
        self.code = code


class BadSignature(Exception):
    """A callback that its claimed sender did not sign, signed too long ago, or that is no JSON object."""

    def __init__(self) -> None:
        super().__init__("the signature, its time or the body of the callback is not acceptable")


class _Reply(BaseModel):
    """What was read of an answer: its status, and its JSON object if it has one."""

    status: int
    body: dict[str, Any]

    def word(self, name: str, form: re.Pattern[str]) -> str | None:
        """One field of the body, if it is a code-like word: free text of another system is never passed on."""
        value = self.body.get(name)
        return value if isinstance(value, str) and form.fullmatch(value) else None


class Gateway:
    """Delivers packets; the type of an error says whether another try is worth it, its text never what was sent."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def deliver(
        self, endpoint: AgencyEndpoint, message_id: str, packet: BaseModel | Mapping[str, Any]
    ) -> Delivered:
        """Send once; the same `message_id` on every try lets the receiver drop a repetition.

        Raises AgencyUnavailable, AgencyRejected.
        """
        reply = await self._exchange(endpoint, "POST", endpoint.url, message_id, to_json(packet))
        return _judge(endpoint.agency, reply)

    async def lookup(self, endpoint: AgencyEndpoint, message_id: str) -> Delivered | None:
        """Ask before a repetition whether an earlier try arrived; None when it did not, or when the system cannot tell.

        Raises AgencyUnavailable, AgencyRejected.
        """
        if not endpoint.supports_lookup:
            return None
        reply = await self._exchange(endpoint, "GET", _below(endpoint.url, message_id), message_id, b"")
        return None if reply.status == 404 else _judge(endpoint.agency, reply)

    async def _exchange(self, endpoint: AgencyEndpoint, method: str, url: str, message_id: str, body: bytes) -> _Reply:
        headers = _signed(endpoint.secret, message_id, body)
        outcome = await self._attempt(method, url, headers, body)
        if isinstance(outcome, str):  # raised here, outside the handler, so that no context carries the request along
            raise AgencyUnavailable(endpoint.agency, outcome)
        return outcome

    async def _attempt(self, method: str, url: str, headers: dict[str, str], body: bytes) -> _Reply | str:
        """The answer, or the code of why there is none."""
        try:
            async with (
                asyncio.timeout(LONGEST_EXCHANGE.total_seconds()),
                self._client.stream(method, url, headers=headers, content=body, follow_redirects=False) as response,
            ):
                return await _read(response)
        except httpx2.RemoteProtocolError:
            return "truncated_reply"
        except (httpx2.RequestError, httpx2.InvalidURL) as failure:
            return _snake(type(failure).__name__)
        except TimeoutError:
            return "exchange_timeout"


def open_client(*, read_timeout: timedelta = timedelta(seconds=10)) -> httpx2.AsyncClient:
    """A client fit for the gateway; its library logs every address at INFO, so that log is turned down here."""
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("httpcore2").setLevel(logging.WARNING)
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(5.0, read=read_timeout.total_seconds()),
        limits=httpx2.Limits(max_connections=100, max_keepalive_connections=20),
        follow_redirects=False,
        trust_env=False,
    )


def verify(secret: SecretStr, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The JSON object of a callback signed within five minutes of now, compared in constant time; BadSignature."""
    content = _verified(secret, headers, body)
    if content is None:
        raise BadSignature
    return content


def _verified(secret: SecretStr, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
    try:
        content = Webhook(secret.get_secret_value()).verify(body, dict(headers))
    except (WebhookVerificationError, EmptyWebhookSecretError):
        return None
    except (ValueError, RecursionError):  # the key, a header, the body or its JSON cannot be decoded
        return None
    return content if isinstance(content, dict) else None


def _signed(secret: SecretStr, message_id: str, body: bytes) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret.get_secret_value()).sign(message_id, now, body.decode()),
    }


def _below(url: str, message_id: str) -> str:
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{quote(message_id, safe='')}").geturl()


async def _read(response: httpx2.Response) -> _Reply | str:
    content = b""
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > LARGEST_REPLY:
            return _Reply(status=response.status_code, body={})
    if "json" not in response.headers.get("content-type", ""):
        return _Reply(status=response.status_code, body={})
    try:
        body = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return "truncated_reply" if response.is_success else _Reply(status=response.status_code, body={})
    return _Reply(status=response.status_code, body=body if isinstance(body, dict) else {})


def _judge(agency: Agency, reply: _Reply) -> Delivered:
    if 200 <= reply.status < 300:
        return Delivered(status=reply.status, reference=reply.word("reference", _REFERENCE))
    if reply.status not in RETRY_LATER and 400 <= reply.status < 500:
        raise AgencyRejected(agency, reply.status, reply.word("code", _CODE) or "unspecified")
    raise AgencyUnavailable(agency, f"http_{reply.status}")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
