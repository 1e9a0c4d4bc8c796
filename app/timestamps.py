"""Time stamps (RFC 3161) over the heads of the audit: an authority outside says when a head was there, so that none is drawn later."""

import base64
from dataclasses import dataclass
from pathlib import Path

import httpx2
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

WITHIN = 10.0
"""Seconds that the authority has; default."""
QUERY = {"Content-Type": "application/timestamp-query"}


class NotStamped(OSError):
    """No answer, or one that does not hold; the head is anchored without a stamp, and the next one is tried again."""


@dataclass(frozen=True)
class Authority:
    """Where to ask, and whom to believe."""

    url: str
    roots: tuple[x509.Certificate, ...]

    @classmethod
    def of(cls, url: str, roots: Path) -> "Authority":
        """From the file with the root certificates, in PEM."""
        return cls(url, tuple(x509.load_pem_x509_certificates(roots.read_bytes())))

    async def stamp(self, head: bytes) -> str:
        """The answer in base64, once it was found to hold for this head. Raises NotStamped."""
        asked = TimestampRequestBuilder().data(head).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()
        try:
            async with httpx2.AsyncClient(timeout=WITHIN, follow_redirects=False, trust_env=False) as http:
                answer = await http.post(self.url, content=asked.as_bytes(), headers=QUERY)
            answer.raise_for_status()
            verifier = VerifierBuilder.from_request(asked)
            for root in self.roots:
                verifier = verifier.add_root_certificate(root)
            verifier.build().verify_message(decode_timestamp_response(answer.content), head)
        except (httpx2.HTTPError, VerificationError, ValueError) as failure:
            raise NotStamped(type(failure).__name__) from failure
        return base64.b64encode(answer.content).decode()
