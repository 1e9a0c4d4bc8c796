"""A small time-stamp authority (RFC 3161) for development and tests: python -m deploy.tsa --port 8318 --root root.pem.

Never for real evidence: its keys are made when it starts. It can be told to lie, so that each check is seen to fail something.
"""

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client.tsp import TimeStampRequest

SEQUENCE, SET, INTEGER, OCTETS, OID, TIME, OURS, OURS_TOO = 0x30, 0x31, 0x02, 0x04, 0x06, 0x18, 0xA0, 0xA1
SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, DIGEST, CERTIFICATE_V2 = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.16.2.47"
SHA256, ECDSA_SHA256, POLICY = "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.2", "1.3.6.1.4.1.99999.1"


def der(tag: int, *parts: bytes) -> bytes:
    """One value of ASN.1."""
    whole = b"".join(parts)
    size = len(whole).to_bytes((len(whole).bit_length() + 7) // 8 or 1)
    return bytes([tag]) + (size if len(whole) < 0x80 else bytes([0x80 | len(size)]) + size) + whole


def number(value: int) -> bytes:
    """An INTEGER that is not negative."""
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    said = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc >> shift & 0x7F for shift in range(0, max(arc.bit_length(), 1), 7)]
        said += bytes([*(group | 0x80 for group in reversed(groups[1:])), groups[0]])
    return der(OID, bytes(said))


class Authority:
    """A root and the certificate that stamps; both new."""

    def __init__(self) -> None:
        self._root_key, self._key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Development root")])
        self.root = self._certificate(name, name, self._root_key, ca=True)
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Development time stamps")])
        self.certificate = self._certificate(own, name, self._key, ca=False)
        self.lies = False
        """Whether the next stamps are over something else than what was asked."""

    def _certificate(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        made = made.not_valid_after(now + timedelta(days=365)).add_extension(
            x509.BasicConstraints(ca=ca, path_length=None), critical=True
        )
        usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
        made = made.add_extension(usage, critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        made = made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._root_key.public_key()), critical=False
        )
        if not ca:
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        return made.sign(self._root_key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """The root, for whoever checks."""
        return self.root.public_bytes(Encoding.PEM)

    def answer(self, asked: TimeStampRequest) -> bytes:
        """A TimeStampResp that grants it."""
        said = asked.message_imprint.message if not self.lies else secrets.token_bytes(32)
        algorithm = der(SEQUENCE, oid(SHA256))
        info = der(
            SEQUENCE, number(1), oid(POLICY), der(SEQUENCE, algorithm, der(OCTETS, said)), number(secrets.randbits(63)),
            der(TIME, datetime.now(UTC).strftime("%Y%m%d%H%M%SZ").encode()), *([number(asked.nonce)] if asked.nonce else ()),
        )  # fmt: skip
        return der(SEQUENCE, der(SEQUENCE, number(0)), der(SEQUENCE, oid(SIGNED_DATA), der(OURS, self._signed(info))))

    def _signed(self, info: bytes) -> bytes:
        whole, algorithm = self.certificate.public_bytes(Encoding.DER), der(SEQUENCE, oid(SHA256))
        of_certificate = der(SEQUENCE, der(SEQUENCE, der(SEQUENCE, der(OCTETS, sha256(whole).digest()))))
        attributes = sorted([
            der(SEQUENCE, oid(CONTENT_TYPE), der(SET, oid(TST_INFO))),
            der(SEQUENCE, oid(DIGEST), der(SET, der(OCTETS, sha256(info).digest()))),
            der(SEQUENCE, oid(CERTIFICATE_V2), der(SET, of_certificate)),
        ])  # fmt: skip
        signature = self._key.sign(der(SET, *attributes), ec.ECDSA(hashes.SHA256()))
        signer = der(
            SEQUENCE, number(1), der(SEQUENCE, self.root.subject.public_bytes(), number(self.certificate.serial_number)),
            algorithm, der(OURS, *attributes), der(SEQUENCE, oid(ECDSA_SHA256)), der(OCTETS, signature),
        )  # fmt: skip
        content = der(SEQUENCE, oid(TST_INFO), der(OURS, der(OCTETS, info)))
        return der(SEQUENCE, number(3), der(SET, algorithm), content, der(OURS, whole), der(SET, signer))


def server_of(authority: Authority, port: int = 0) -> ThreadingHTTPServer:
    """Answers every POST of a time-stamp query on 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            from rfc3161_client._rust import parse_timestamp_request

            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made = authority.answer(parse_timestamp_request(sent))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(made)))
            self.end_headers()
            self.wfile.write(made)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main(root: Annotated[Path, typer.Option(help="Where the root certificate is written.")], port: int = 8318) -> None:
    """Until it is interrupted."""
    authority = Authority()
    root.write_bytes(authority.pem)
    with server_of(authority, port) as server:
        server.serve_forever()


if __name__ == "__main__":
    typer.run(main)
