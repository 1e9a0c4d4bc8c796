"""Where the master keys are: in a file of their own or in the environment; never in the database, never in its backups."""

import base64
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from app.db.vault import Algorithm, KeyMissing, Vault, seal, unseal, written
from app.settings import Settings, keys_by_id

KEY_FILE = "keys.json"
PRIVATE = 0o600
SIZE = 32


@dataclass(frozen=True)
class GivenKeys:
    """Keys that the process was given: by id, the first wraps, all unwrap; and the key of the marks."""

    master: Mapping[str, bytes]
    marks: bytes
    algorithm: Algorithm = Algorithm.AES

    def __post_init__(self) -> None:
        if not self.master or any(len(key) != SIZE for key in (*self.master.values(), self.marks)):
            raise ValueError("a master key and the key of the marks are 32 bytes each")

    def current(self) -> str:
        """The first."""
        return next(iter(self.master))

    def known(self) -> frozenset[str]:
        """All."""
        return frozenset(self.master)

    def wrap(self, key_id: str, secret: bytes, place: str) -> str:
        """Bound to the place and to this master key."""
        return written(seal(self.master[key_id], secret, f"{place}|{key_id}", self.algorithm))

    def unwrap(self, key_id: str, wrapped: str, place: str) -> bytes:
        """Back."""
        if key_id not in self.master:
            raise KeyMissing(f"the master key {key_id} is not here")
        return unseal(self.master[key_id], wrapped, f"{place}|{key_id}")

    def mac(self, message: bytes) -> bytes:
        """With the key of the marks."""
        return hmac.digest(self.marks, message, "sha256")


@dataclass
class FileKeys:
    """A file that only its owner reads. It is read again when it has changed, so that keys are renewed while processes run."""

    path: Path
    algorithm: Algorithm = Algorithm.AES
    _seen: tuple[int, int] = (0, 0)
    _given: GivenKeys | None = field(default=None, repr=False)

    def _now(self) -> GivenKeys:
        try:
            found = self.path.stat()
        except OSError:
            raise KeyMissing(f"the key file {self.path} is not there") from None
        seen = (found.st_ino, found.st_mtime_ns)
        if self._given is None or seen != self._seen:
            stored = json.loads(self.path.read_text("utf-8"))
            master = {key_id: base64.b64decode(key) for key_id, key in stored["master"].items()}
            self._given = GivenKeys(master, base64.b64decode(stored["marks"]), self.algorithm)
            self._seen = seen
        return self._given

    def current(self) -> str:
        """The first of the file."""
        return self._now().current()

    def known(self) -> frozenset[str]:
        """All of the file."""
        return self._now().known()

    def wrap(self, key_id: str, secret: bytes, place: str) -> str:
        """With a key of the file."""
        return self._now().wrap(key_id, secret, place)

    def unwrap(self, key_id: str, wrapped: str, place: str) -> bytes:
        """Back."""
        return self._now().unwrap(key_id, wrapped, place)

    def mac(self, message: bytes) -> bytes:
        """With the key of the marks, which is never renewed, so that the file is not asked for each mark."""
        return (self._given or self._now()).mac(message)

    def renew(self) -> str:
        """A new master key in front of the others; its id."""
        stored = json.loads(self.path.read_text("utf-8"))
        key_id = new_id()
        self._write({**stored, "master": {key_id: _new(), **stored["master"]}})
        return key_id

    def keep_only(self, key_id: str) -> list[str]:
        """All other master keys leave the file for good; their ids."""
        stored = json.loads(self.path.read_text("utf-8"))
        gone = [other for other in stored["master"] if other != key_id]
        self._write({**stored, "master": {key_id: stored["master"][key_id]}})
        return gone

    def _write(self, stored: object) -> None:
        write_private(self.path, json.dumps(stored, indent=1))


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and on the disk before it takes the place of what was there."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _new() -> str:
    return base64.b64encode(secrets.token_bytes(SIZE)).decode()


def new_id() -> str:
    """A name that no other key has, and that says since when it is there."""
    return f"m{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(4)}"


def make_key_file(path: Path) -> None:
    """The keys of a new installation, where there are none."""
    if not path.exists():
        write_private(path, json.dumps({"master": {new_id(): _new()}, "marks": _new()}, indent=1))


def require_vault(settings: Settings) -> Vault:
    """For a process that cannot do without; ValueError where the settings name no key."""
    vault = vault_for(settings)
    if vault is None:
        raise ValueError("Neither SHOUHU_KEY_FILE nor SHOUHU_MASTER_KEYS is set")
    return vault


def vault_for(settings: Settings) -> Vault | None:
    """The vault of these settings; None where they name no key."""
    algorithm = Algorithm(settings.cipher)
    if settings.key_file is not None:
        return Vault(FileKeys(settings.key_file, algorithm), algorithm)
    master = keys_by_id(settings.master_keys)
    if not master:
        return None
    marks = base64.b64decode(settings.mark_key.get_secret_value(), validate=True)
    return Vault(GivenKeys(master, marks, algorithm), algorithm)
