"""OpenID Connect, authorization code with PKCE: who somebody is by the word of the organisation's own identity provider.

What a sign-in has to remember until the browser comes back travels in a sealed cookie of the browser that began it, so nothing
is stored for those who never return, and nobody else's answer fits.
"""

import asyncio
import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx2
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ValidationError

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures by a private key of the provider; nothing that whoever knows our secret could make, and never none."""
WITHIN = timedelta(minutes=10)  # default
"""From leaving for the provider to coming back."""
LEEWAY = 60  # default
"""Seconds by which the provider's clock may be wrong."""
KEPT, AGAIN = 3600.0, 30.0
"""Seconds: how long the provider's word on itself is kept, and how soon a key that is not known is asked for again."""
LONGEST_NUMBER = 64
PATIENCE = 5.0
"""Seconds for each answer of the provider."""


class ProviderAway(Exception):
    """The provider cannot be reached, or does not answer as the standard says."""


class NotVouched(Exception):
    """The provider's answer does not hold; the text says why and carries no value of it."""


class Metadata(BaseModel):
    """What is used of the provider's published configuration."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    authorization_response_iss_parameter_supported: bool = False


class Pending(BaseModel):
    """A sign-in that has left for the provider."""

    state: str
    nonce: str
    verifier: str
    session: str = ""
    """The browser's session from before, which ends when the new one begins."""
    back_to: str = ""


@dataclass(frozen=True)
class Client:
    """How this service is registered with the provider. A client without a secret is a public one."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    scope: str = "openid"
    staff_claim: str = ""


class Vouched(NamedTuple):
    """Whom the provider vouches for; the number in the staff register where it says one."""

    subject: str
    staff_no: str = ""


class Provider:
    """One identity provider; its configuration and keys are fetched when they are first needed, and kept."""

    def __init__(self, client: Client, secret: bytes, http: httpx2.AsyncClient | None = None) -> None:
        self.client = client
        key = HKDF(SHA256(), 32, salt=None, info=b"shouhu sign-in cookie").derive(secret)
        self._fernet = Fernet(urlsafe_b64encode(key))
        self._http = http or httpx2.AsyncClient(timeout=PATIENCE, trust_env=False, follow_redirects=False)
        self._metadata: Metadata | None = None
        self._keys: KeySet | None = None
        self._metadata_at = self._keys_at = float("-inf")
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """No more connections."""
        await self._http.aclose()

    async def begin(self, *, session: str = "", back_to: str = "") -> tuple[str, Pending]:
        """The address at the provider to which the browser goes, and what has to be known when it comes back."""
        pending = Pending(
            state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48),
            session=session, back_to=back_to,
        )  # fmt: skip
        challenge = urlsafe_b64encode(hashlib.sha256(pending.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": self.client.client_id, "redirect_uri": self.client.redirect_uri,
            "scope": self.client.scope, "state": pending.state, "nonce": pending.nonce,
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        endpoint = (await self._described()).authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", pending

    async def finish(self, pending: Pending, answer: Mapping[str, str], now: datetime) -> Vouched:
        """Whom the provider vouches for; NotVouched or ProviderAway."""
        about = await self._described()
        if not secrets.compare_digest(answer.get("state", ""), pending.state):
            raise NotVouched("state")
        if "iss" in answer or about.authorization_response_iss_parameter_supported:  # RFC 9207
            _need(answer.get("iss") == self.client.issuer, "iss of the answer")
        _need("error" not in answer and bool(answer.get("code")), "no code")
        token = await self._redeem(about, answer["code"], pending.verifier)
        return await self._vouched(token, pending.nonce, now)

    def sealed(self, pending: Pending) -> str:
        """For the browser to keep."""
        return self._fernet.encrypt(pending.model_dump_json().encode()).decode()

    def opened(self, cookie: str) -> Pending | None:
        """None of what is too old, or was not sealed here."""
        try:
            return Pending.model_validate_json(self._fernet.decrypt(cookie, ttl=int(WITHIN.total_seconds())))
        except (InvalidToken, ValidationError):
            return None

    async def _redeem(self, about: Metadata, code: str, verifier: str) -> str:
        asked = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.client.redirect_uri,
            "code_verifier": verifier,
        }  # fmt: skip
        auth = httpx2.BasicAuth(self.client.client_id, self.client.client_secret) if self.client.client_secret else None
        said = await self._asked("POST", about.token_endpoint, {**asked, "client_id": self.client.client_id}, auth)
        token = said.get("id_token")
        if not isinstance(token, str):
            raise NotVouched("no id token")
        return token

    async def _vouched(self, token: str, nonce: str, now: datetime) -> Vouched:
        client = self.client
        rules = jwt.JWTClaimsRegistry(
            int(now.timestamp()), LEEWAY, iss={"essential": True, "value": client.issuer},
            aud={"essential": True, "value": client.client_id}, exp={"essential": True}, iat={"essential": True},
            nonce={"essential": True, "value": nonce}, sub={"essential": True},
        )  # fmt: skip
        try:
            claims = (await self._verified(token)).claims
            rules.validate(claims)
        except (JoseError, ValueError) as wrong:
            raise NotVouched(type(wrong).__name__) from wrong
        many = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        _need(claims.get("azp", None if many else client.client_id) == client.client_id, "azp")
        _need(isinstance(claims["sub"], str) and 0 < len(claims["sub"]) <= 255, "sub")
        said = str(claims.get(client.staff_claim) or "") if client.staff_claim else ""
        _need(len(said) <= LONGEST_NUMBER, "staff number")
        return Vouched(claims["sub"], said)

    async def _verified(self, token: str) -> jwt.Token:
        """A signature by a key that is new to us is looked at once more, with the keys as they are now."""
        try:
            return jwt.decode(token, await self._published(), algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            return jwt.decode(token, await self._published(older_than=AGAIN), algorithms=ALGORITHMS)

    async def _described(self) -> Metadata:
        async with self._lock:
            if self._metadata is None or time.monotonic() - self._metadata_at > KEPT:
                where = self.client.issuer.rstrip("/") + "/.well-known/openid-configuration"
                try:
                    found = Metadata.model_validate(await self._asked("GET", where))
                except ValidationError as wrong:
                    raise ProviderAway("configuration") from wrong
                if found.issuer != self.client.issuer:
                    raise ProviderAway("issuer")
                self._metadata, self._metadata_at = found, time.monotonic()
            return self._metadata

    async def _published(self, *, older_than: float = KEPT) -> KeySet:
        about = await self._described()
        async with self._lock:
            if self._keys is None or time.monotonic() - self._keys_at > older_than:
                try:
                    found: Any = await self._asked("GET", about.jwks_uri)
                    self._keys = KeySet.import_key_set(found)
                except (JoseError, ValueError, KeyError, TypeError) as wrong:
                    raise ProviderAway("keys") from wrong
                self._keys_at = time.monotonic()
            return self._keys

    async def _asked(
        self, method: str, where: str, form: Mapping[str, str] | None = None, auth: httpx2.Auth | None = None
    ) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, where, data=form, auth=auth)
            said = answer.json() if answer.status_code < 500 else None
        except (httpx2.HTTPError, ValueError) as away:
            raise ProviderAway(type(away).__name__) from away
        if answer.status_code == 400 and method == "POST":
            raise NotVouched("the provider refuses the code")
        if answer.status_code != 200 or not isinstance(said, dict):
            raise ProviderAway(str(answer.status_code))
        return said


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise NotVouched(what)
