"""A small OpenID Connect provider for development and tests, as a process of its own: whoever asks may say who they are.

Never for real people. It can be told to misbehave, so that each check of the service is seen to fail something.
"""

import hashlib
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from enum import StrEnum
from html import escape
from typing import Annotated, Any
from urllib.parse import unquote, urlencode

import typer
import uvicorn
from fastapi import FastAPI, Form, Header, HTTPException, Query
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from pydantic import BaseModel

GOOD_FOR = 60
"""Seconds that a code can be redeemed."""


class Fault(StrEnum):
    """What is wrong with the next tokens."""

    NONE = "none"
    OTHER_NONCE = "other_nonce"
    OTHER_AUDIENCE = "other_audience"
    OTHER_ISSUER = "other_issuer"
    EXPIRED = "expired"
    OTHER_KEY = "other_key"
    SHARED_SECRET = "shared_secret"
    UNSIGNED = "unsigned"
    NEW_KEY = "new_key"
    """No fault: the keys were changed, as providers do."""


class Asked(BaseModel):
    """An authorization request, kept until its code is redeemed."""

    client_id: str
    redirect_uri: str
    nonce: str
    code_challenge: str
    subject: str
    at: float


def create_app(issuer: str, client_id: str, client_secret: str, redirect_uri: str) -> FastAPI:
    """One client, any subject."""
    app = FastAPI(openapi_url=None)
    codes: dict[str, Asked] = {}
    state: dict[str, Any] = {"key": _new_key(), "fault": Fault.NONE}

    @app.get("/.well-known/openid-configuration")
    async def configuration() -> dict[str, Any]:
        return {
            "issuer": issuer, "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys", "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }  # fmt: skip

    @app.get("/keys")
    async def keys() -> dict[str, Any]:
        return dict(KeySet([state["key"]]).as_dict(private=False))

    @app.get("/authorize", response_model=None)
    async def authorize(
        asked: Annotated[str, Query(alias="client_id")], redirect: Annotated[str, Query(alias="redirect_uri")],
        nonce: str, code_challenge: str, code_challenge_method: str, state: str, subject: str = "",
    ) -> HTMLResponse | RedirectResponse:  # fmt: skip
        if (asked, redirect, code_challenge_method) != (client_id, redirect_uri, "S256"):
            raise HTTPException(400, "this client is not registered so")
        if not subject:
            hidden = {
                "client_id": asked, "redirect_uri": redirect, "nonce": nonce, "code_challenge": code_challenge,
                "code_challenge_method": code_challenge_method, "state": state,
            }  # fmt: skip
            return HTMLResponse(_page(hidden))
        code = secrets.token_urlsafe(16)
        codes[code] = Asked(
            client_id=asked, redirect_uri=redirect, nonce=nonce, code_challenge=code_challenge, subject=subject,
            at=time.time(),
        )  # fmt: skip
        return RedirectResponse(f"{redirect}?{urlencode({'code': code, 'state': state, 'iss': issuer})}", 303)

    @app.post("/token")
    async def token(
        code: Annotated[str, Form()], code_verifier: Annotated[str, Form()], redirect_uri: Annotated[str, Form()],
        authorization: Annotated[str, Header()] = "",
    ) -> JSONResponse:  # fmt: skip
        asked = codes.pop(code, None)
        challenge = urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
        good = asked and time.time() - asked.at < GOOD_FOR and asked.redirect_uri == redirect_uri
        if not (asked and good and secrets.compare_digest(challenge, asked.code_challenge)):
            return JSONResponse({"error": "invalid_grant"}, 400)
        if _client(authorization) != (client_id, client_secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        signed = _token(issuer, asked, state["key"], state["fault"], client_secret)
        return JSONResponse({"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": signed})

    @app.put("/fault/{fault}")
    async def misbehave(fault: Fault) -> None:
        state["fault"] = fault
        if fault is Fault.NEW_KEY:
            state["key"] = _new_key()

    return app


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})


def _client(authorization: str) -> tuple[str, str]:
    try:
        name, _, secret = b64decode(authorization.removeprefix("Basic "), validate=True).decode().partition(":")
    except ValueError:
        return ("", "")
    return unquote(name), unquote(secret)


def _token(issuer: str, asked: Asked, key: RSAKey, fault: Fault, client_secret: str) -> str:
    """Who comes as `name#number` has that number in the claim `staff_no`."""
    now = int(time.time())
    claims = {
        "iss": issuer if fault is not Fault.OTHER_ISSUER else f"{issuer}/other", "sub": asked.subject,
        "aud": asked.client_id if fault is not Fault.OTHER_AUDIENCE else "somebody-else", "iat": now,
        **({"staff_no": asked.subject.partition("#")[2]} if "#" in asked.subject else {}),
        "exp": now + 300 if fault is not Fault.EXPIRED else now - 300,
        "nonce": asked.nonce if fault is not Fault.OTHER_NONCE else secrets.token_urlsafe(8),
    }  # fmt: skip
    header = {"alg": "RS256", "kid": key.kid}
    if fault is Fault.UNSIGNED:
        return jwt.encode({"alg": "none"}, claims, OctKey.generate_key(), algorithms=["none"])
    if fault is Fault.SHARED_SECRET:
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(client_secret), algorithms=["HS256"])
    forger = RSAKey.generate_key(2048) if fault is Fault.OTHER_KEY else key
    return jwt.encode(header, claims, forger)


def _page(hidden: dict[str, str]) -> str:
    fields = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in hidden.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Development issuer</title><h1>Development issuer</h1>'
        f'<form>{fields}<label>Subject <input name="subject" autofocus required></label> <button>Sign in</button></form>'
    )


def main(
    port: int = 9400, client_id: str = "shouhu", client_secret: str = "for-development-only",
    redirect_uri: str = "http://127.0.0.1:8000/sign-in/back",
) -> None:  # fmt: skip
    """Serve on the loopback until stopped."""
    issuer = f"http://127.0.0.1:{port}"
    uvicorn.run(
        create_app(issuer, client_id, client_secret, redirect_uri), host="127.0.0.1", port=port, log_level="warning"
    )


if __name__ == "__main__":
    typer.run(main)
