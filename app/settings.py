"""The settings, read only by the processes; every one can stand in the environment with the prefix SHOUHU_."""

import base64
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DATA = Path(__file__).parent.parent / ".shouhu"
"""The data folder where none is named: beside the program, from wherever it is called."""
SETTINGS_FILE = "settings.env"


class Settings(BaseSettings):
    """One installation. Secrets may also be files in /run/secrets, named like the setting."""

    model_config = SettingsConfigDict(
        env_prefix="SHOUHU_", secrets_dir="/run/secrets" if Path("/run/secrets").is_dir() else None, extra="ignore",
        env_ignore_empty=True,  # compose passes on what an installation leaves out as an empty text
    )  # fmt: skip

    database_url: SecretStr = SecretStr("")
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    task_queue: str = "shouhu"
    deployment: str = "shouhu"
    build: str = ""
    """The worker's version; empty means a digest of the code that must replay."""
    api_host: str = "127.0.0.1"
    api_port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    trusted_proxies: str = ""
    """Addresses or networks of the reverse proxies whose X-Forwarded-For is believed, by commas; nobody's where it is empty."""
    limits: float = 1.0
    """Multiplies every limit of requests; 0 takes them away, for measuring."""
    exit_url: str = "https://www.beijing.gov.cn/"
    """Where 快速离开 on reporters' pages leads: a site that says nothing about what was read here."""
    payload_keys: SecretStr = SecretStr("")
    """Comma-separated `id:base64` keys of 32 bytes; the first encrypts, all decrypt."""
    receipt_secret: SecretStr = SecretStr("")
    key_file: Path | None = None
    """The file of the master keys (app/master_keys.py); else they stand in the two settings below."""
    master_keys: SecretStr = SecretStr("")
    """Comma-separated `id:base64` keys of 32 bytes that wrap the keys of content; the first wraps, all unwrap."""
    mark_key: SecretStr = SecretStr("")
    """32 bytes in base64: from this key come the marks by which numbers and names are found. It never changes."""
    cipher: Literal["aes-256-gcm", "sm4-gcm"] = "aes-256-gcm"
    """How content is sealed from now on; what was sealed otherwise is still opened."""
    audit_key: SecretStr = SecretStr("")
    """32 bytes in base64: the private key that signs the seals of the audit. Only the worker needs it."""
    audit_anchor: Path | None = None
    """A file that another organisation keeps, to which the heads of the audit are appended."""
    audit_tsa: str = ""
    """Address of a time-stamp authority (RFC 3161), whose stamps stand beside the heads in that file."""
    audit_tsa_roots: Path | None = None
    """Its root certificates, in PEM."""
    oidc_issuer: str = ""
    """The identity provider, as it names itself; empty where people have accounts of this service alone."""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_scope: str = "openid"
    oidc_staff_claim: str = ""
    """The claim that holds the number of a person in the staff register; accounts with one number are one natural person."""
    local_accounts: bool = True
    """Whether passwords of this service let people in; switch it off once everybody comes from the identity provider."""
    tokens: bool = True
    """Whether the seeded people have tokens, for trying the service; switch it off where real people work."""
    clamav: str = ""
    """`unix:/run/clamav/clamd.ctl` or `tcp:host:3310`: every upload is scanned there, and none is taken while it is away."""
    log_days: int = 0
    """How long the platform keeps this service's logs, as its operator says; those in the data folder are looked at."""
    restore_tested: date | None = None
    """The day on which a backup was last restored to try it."""
    policy: str = "fengtai-2026.1"
    data_dir: Path = DATA
    log_level: str = "info"


def settings_of(data_dir: Path) -> Settings:
    """Those of the environment; where it names no database, those of the service that runs on this data directory."""
    found = Settings()
    left = data_dir / SETTINGS_FILE
    return found if found.database_url.get_secret_value() or not left.exists() else Settings(_env_file=left)  # pyright: ignore[reportCallIssue]  (an argument of every settings class)


def keys_by_id(setting: SecretStr) -> dict[str, bytes]:
    """What is written as `id:base64,id:base64`, in order."""
    pairs = (part.strip().partition(":") for part in setting.get_secret_value().split(",") if part.strip())
    return {key_id: base64.b64decode(encoded, validate=True) for key_id, _, encoded in pairs}
