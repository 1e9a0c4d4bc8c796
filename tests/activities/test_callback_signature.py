"""What passes as a callback of an agency's system, and what does not."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from activities.gateway import BadSignature, verify

KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER_KEY = "whsec_" + base64.b64encode(b"o" * 32).decode()
BODY = b'{"verb":"accept"}'


def signed(body: bytes, *, key: str = KEY, age: timedelta = timedelta()) -> dict[str, str]:
    """Headers of a callback signed so long ago."""
    at = datetime.now(UTC) - age
    signature = Webhook(key).sign("cb-1", at, body.decode())
    return {"Webhook-Id": "cb-1", "Webhook-Timestamp": str(int(at.timestamp())), "Webhook-Signature": signature}


def test_a_good_callback_passes_also_while_keys_rotate() -> None:
    old = signed(BODY, key=OTHER_KEY)["Webhook-Signature"]
    headers = signed(BODY, age=timedelta(minutes=4, seconds=50))
    headers["Webhook-Signature"] = f"{old} {headers['Webhook-Signature']}"
    assert verify(SecretStr(KEY), headers, BODY) == {"verb": "accept"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(signed(BODY, key=OTHER_KEY), BODY, id="another key"),
        pytest.param(signed(BODY), BODY.replace(b"accept", b"decline"), id="another body"),
        pytest.param(signed(BODY) | {"Webhook-Id": "cb-2"}, BODY, id="another id"),
        pytest.param(signed(BODY, age=timedelta(minutes=5, seconds=5)), BODY, id="older than five minutes"),
        pytest.param(signed(BODY, age=-timedelta(hours=1)), BODY, id="from the future"),
        pytest.param(signed(BODY) | {"Webhook-Timestamp": "nan"}, BODY, id="no time"),
        pytest.param(signed(BODY) | {"Webhook-Signature": "v1"}, BODY, id="malformed signature"),
        pytest.param(signed(BODY) | {"Webhook-Signature": "v1,%%%"}, BODY, id="signature is not base64"),
        pytest.param({}, BODY, id="unsigned"),
        pytest.param(signed(BODY), b"\xff\xfe", id="body is not text"),
        pytest.param(signed(b"[1]"), b"[1]", id="signed, but no object"),
        pytest.param(signed(b"{"), b"{", id="signed, but no JSON"),
        pytest.param(signed(b"[" * 50_000), b"[" * 50_000, id="signed, but bottomless"),
    ],
)
def test_anything_else_is_a_bad_signature(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(SecretStr(KEY), headers, body)


@pytest.mark.parametrize("key", ["", "whsec_", "whsec_a"])
def test_no_key_verifies_nothing(key: str) -> None:
    with pytest.raises(BadSignature):
        verify(SecretStr(key), signed(BODY), BODY)
