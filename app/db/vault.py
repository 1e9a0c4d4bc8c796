"""Content at rest: what stands in a sealed column is encrypted with the key of its stream, and bound to its place.

A connection knows the vault of its process (`engine_of(url, vault=...)`). Rows are opened where they are read, many at once.
"""

import base64
import hmac
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, Protocol

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from pydantic_core import from_json, to_json
from sqlalchemy import Select, Table, delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.columns import SERVICE, metadata
from app.db.key_tables import data_keys

log = structlog.get_logger()
Row = Mapping[Any, Any]
SECRET, NONCE, TAG, MARK = 32, 12, 16, 16
KEYS = text("select stream_id, wrapped, kek_id from data_keys where stream_id = any(:streams)")
OF_SERVICE = text("select stream_id, wrapped, kek_id from shouhu_service_key()")
"""Asked for before it is known who asks; no wall shows this row to anybody."""


class Algorithm(StrEnum):
    """How new values are sealed; each value says in its first byte how it was."""

    AES = "aes-256-gcm"
    SM4 = "sm4-gcm"


VERSIONS = {Algorithm.AES: 1, Algorithm.SM4: 2}


class NoVault(RuntimeError):
    """This connection was opened without keys."""


class KeyMissing(RuntimeError):
    """There is no key for this stream, or a wall hides it."""


class Destroyed(RuntimeError):
    """The key of this stream was destroyed; nothing is written there again."""


class Broken(ValueError):
    """A sealed value that is not what stood in this place."""


class NotKept(ValueError):
    """A text with a NUL character: no reader of it expects one, and PostgreSQL never kept it."""


class MasterKeys(Protocol):
    """Whoever holds the master keys; they never leave it, so a device with C_Encrypt, C_Decrypt and C_Sign (PKCS#11) can be one."""

    def current(self) -> str:
        """The id of the key that wraps what is new."""
        ...

    def known(self) -> frozenset[str]:
        """The ids of all keys that unwrap."""
        ...

    def wrap(self, key_id: str, secret: bytes, place: str) -> str:
        """Encrypt a data key for its place."""
        ...

    def unwrap(self, key_id: str, wrapped: str, place: str) -> bytes:
        """Back; Broken where it is not what stood there, KeyMissing without that master key."""
        ...

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA256 with the key of the marks, which is no master key and never changes."""
        ...


def seal(
    secret: bytes, plain: bytes, place: str, algorithm: Algorithm = Algorithm.AES, nonce: bytes | None = None
) -> bytes:
    """Version, nonce, ciphertext and tag; `place` is authenticated with it. No `nonce` serves two texts under one key."""
    nonce, version = nonce or os.urandom(NONCE), VERSIONS[algorithm]
    if algorithm is Algorithm.AES:
        body = AESGCM(secret).encrypt(nonce, plain, place.encode())
    else:
        sealing = Cipher(SM4(_half(secret)), GCM(nonce)).encryptor()
        sealing.authenticate_additional_data(place.encode())
        body = sealing.update(plain) + sealing.finalize() + sealing.tag
    return bytes([version]) + nonce + body


def written(sealed: bytes) -> str:
    """As text, for columns that are read and written as JSON."""
    return base64.b64encode(sealed).decode()


def unseal(secret: bytes, sealed: str | bytes, place: str) -> bytes:
    """What was sealed in this place; Broken for anything else."""
    try:
        raw = base64.b64decode(sealed, validate=True) if isinstance(sealed, str) else sealed
        nonce, body = raw[1 : NONCE + 1], raw[NONCE + 1 :]
        match raw[0]:
            case 1:
                return AESGCM(secret).decrypt(nonce, body, place.encode())
            case 2:
                opening = Cipher(SM4(_half(secret)), GCM(nonce, body[-TAG:])).decryptor()
                opening.authenticate_additional_data(place.encode())
                return opening.update(body[:-TAG]) + opening.finalize()
            case _:
                raise Broken(place)
    except (InvalidTag, ValueError, IndexError):
        raise Broken(place) from None


def _half(secret: bytes) -> bytes:
    """SM4 has keys of 128 bits: one of its own, so that no key serves two ciphers."""
    return hmac.digest(secret, b"sm4", "sha256")[:16]


@dataclass(frozen=True)
class DataKey:
    """The key of one stream, unwrapped."""

    stream_id: str
    secret: bytes

    def seal(self, plain: bytes, place: str, algorithm: Algorithm = Algorithm.AES) -> bytes:
        """Bound to `table|column|row` and to this key."""
        return seal(self.secret, plain, f"{place}|{self.stream_id}", algorithm)

    def open(self, sealed: str | bytes, place: str) -> bytes:
        """Broken where it was not sealed for this place by this key."""
        return unseal(self.secret, sealed, f"{place}|{self.stream_id}")


@dataclass(frozen=True)
class Sealing:
    """What of a table is sealed, and how a row names its key and its place."""

    table: Table

    @cached_property
    def columns(self) -> dict[str, str]:
        """What each sealed column holds."""
        return {column.name: column.info["sealed"] for column in self.table.c if "sealed" in column.info}

    @cached_property
    def _key(self) -> list[str]:
        return [column.name for column in self.table.primary_key]

    def stream(self, row: Row) -> str:
        """Whose key the row is sealed with."""
        return self.table.info["stream"](row)

    def place(self, row: Row, column: str) -> str:
        """Where a value stands."""
        return f"{self.table.name}|{column}|{'/'.join([str(row[name]) for name in self._key])}"


@cache
def sealing(table: Table) -> Sealing:
    """Of this table."""
    return Sealing(table)


def _text(said: str) -> bytes:
    if "\x00" in said:
        raise NotKept
    return said.encode()


def _json(value: Any) -> bytes:
    plain = to_json(value, by_alias=False)
    if b"\\u0000" in plain.replace(b"\\\\", b""):
        raise NotKept
    return plain


ENCODE: dict[str, Callable[[Any], bytes]] = {
    "text": _text,
    "json": _json,
    "date": lambda day: day.isoformat().encode(),
    "bytes": bytes,
}
DECODE: dict[str, Callable[[bytes], Any]] = {
    "text": bytes.decode,
    "json": from_json,
    "date": lambda plain: date.fromisoformat(plain.decode()),
    "bytes": bytes,
}


@dataclass(frozen=True)
class Vault:
    """The keys of this process; what it makes of them stands in the database, they themselves never do."""

    master: MasterKeys
    algorithm: Algorithm = Algorithm.AES

    def mark(self, kind: str, value: str) -> str:
        """By which equal values are found: 96 bits, from a key without which they cannot be tried out."""
        return base64.urlsafe_b64encode(self.master.mac(f"mark|{kind}|{value}".encode()))[:MARK].decode()

    def digest(self, hashed: str) -> str:
        """What tells whether something was asked before; a plain hash of a name or a number could be tried out."""
        return self.master.mac(f"digest|{hashed}".encode()).hex()

    def word(self, said: str, place: str) -> str:
        """An opaque word that only this service makes and reads; the same for the same text, whose mark is its nonce."""
        nonce = self.master.mac(f"nonce|{len(place)}|{place}|{said}".encode())[:NONCE]
        return base64.urlsafe_b64encode(seal(self._words, said.encode(), place, self.algorithm, nonce)).decode()

    def said(self, word: str, place: str) -> str:
        """What an opaque word says; raises ValueError for any that was not made for this place."""
        return unseal(self._words, base64.urlsafe_b64decode(word.encode()), place).decode()

    @property
    def _words(self) -> bytes:
        return self.master.mac(b"words")

    def new_key(self, stream_id: str) -> tuple[DataKey, dict[str, Any]]:
        """A key for a stream that has none, and its row."""
        secret, kek = os.urandom(SECRET), self.master.current()
        wrapped = self.master.wrap(kek, secret, wrapping(stream_id))
        row = {"stream_id": stream_id, "wrapped": wrapped, "kek_id": kek, "created_at": datetime.now(UTC)}
        return DataKey(stream_id, secret), row

    async def keys(
        self, conn: AsyncConnection, streams: Collection[str], *, lenient: bool = False
    ) -> dict[str, DataKey | None]:
        """Those that there are; None for one that was destroyed, and for a spoilt one where that is to be borne."""
        rows = [*(await conn.execute(KEYS, {"streams": [one for one in streams if one != SERVICE]}))]
        rows += (await conn.execute(OF_SERVICE)) if SERVICE in streams else ()
        return self.unwrapped(rows, lenient=lenient)

    def unwrapped(self, rows: Iterable[Sequence[Any]], *, lenient: bool = False) -> dict[str, DataKey | None]:
        """By stream, from the stream, the wrapped key and the number of the master key."""
        found: dict[str, DataKey | None] = {}
        for stream_id, wrapped, kek_id in rows:
            found[stream_id] = None
            with _borne(lenient, table="data_keys", stream=stream_id):
                if wrapped is not None:
                    found[stream_id] = DataKey(stream_id, self.master.unwrap(kek_id, wrapped, wrapping(stream_id)))
        return found

    async def key_of(self, conn: AsyncConnection, stream_id: str) -> DataKey:
        """The key of a stream, made now if it has none; Destroyed where it once had one."""
        return (await self.keys_of(conn, [stream_id]))[stream_id]

    async def keys_of(self, conn: AsyncConnection, streams: Collection[str]) -> dict[str, DataKey]:
        """The same of many at once."""
        found = await self.keys(conn, streams)
        if lacking := [one for one in streams if one not in found]:
            rows = [self.new_key(one)[1] for one in lacking]
            await conn.execute(insert(data_keys).on_conflict_do_nothing(), rows)
            found |= await self.keys(conn, lacking)  # another may have made one at the same moment
        if gone := [stream for stream, key in found.items() if key is None]:
            raise Destroyed(gone[0])
        return {stream: key for stream, key in found.items() if key is not None}

    def sealed(self, table: Table, rows: Iterable[Row], key: DataKey) -> list[dict[str, Any]]:
        """These rows as they are stored, all of the one stream."""
        of = sealing(table)
        return [
            {
                name: self._stored(of, row, name, key) if name in of.columns and value is not None else value
                for name, value in row.items()
            }
            for row in rows
        ]

    def _stored(self, of: "Sealing", row: Row, name: str, key: DataKey) -> str | bytes:
        holds = of.columns[name]
        sealed = key.seal(ENCODE[holds](row[name]), of.place(row, name), self.algorithm)
        return sealed if holds == "bytes" else written(sealed)


def wrapping(stream_id: str) -> str:
    """The place of a wrapped key."""
    return f"data_keys|wrapped|{stream_id}"


def vault_of(conn: AsyncConnection) -> Vault:
    """The keys of the process that opened this connection."""
    vault = conn.engine.sync_engine.get_execution_options().get("vault")
    if vault is None:
        raise NoVault("this connection was opened without keys")
    return vault


async def forget_keys(conn: AsyncConnection, streams: Iterable[str]) -> int:
    """With what was sealed by them their keys go as well; of how many."""
    gone = list(streams)
    if gone:
        await conn.execute(delete(data_keys).where(data_keys.c.stream_id.in_(gone)))
    return len(gone)


async def sealed_row(conn: AsyncConnection, table: Table, row: Row) -> dict[str, Any]:
    """One row as it is stored; its stream gets a key if it has none."""
    vault = vault_of(conn)
    return vault.sealed(table, [row], await vault.key_of(conn, sealing(table).stream(row)))[0]


async def sealed_rows(conn: AsyncConnection, table: Table, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows of many streams as they are stored."""
    given, vault = list(rows), vault_of(conn)
    keys = await vault.keys_of(conn, {sealing(table).stream(row) for row in given})
    return [one for row in given for one in vault.sealed(table, [row], keys[sealing(table).stream(row)])]


@contextmanager
def _borne(lenient: bool, **where: str) -> Iterator[None]:
    """Whoever asked for many streams is not stopped by a spoilt one, which goes into the log as an error."""
    try:
        yield
    except (Broken, KeyMissing):
        if not lenient:
            raise
        log.error("unreadable", **where)


Keys = Mapping[str, DataKey | None]
"""By stream; None for one that was destroyed."""


def keys_in(conn: AsyncConnection, row: Sequence[Any] | None) -> Keys:
    """The key that another query found: its stream, the wrapped key, the number of the master key; none where there is no row."""
    return vault_of(conn).unwrapped([row] if row else [])


async def keys_for(conn: AsyncConnection, stream_id: str) -> Keys:
    """The key of one stream, for whoever opens several things of it."""
    return await vault_of(conn).keys(conn, [stream_id])


async def opened(
    conn: AsyncConnection, rows: Iterable[Row], *of: Table, names: Mapping[str, str] | None = None, lenient: bool = False,
    keys: Keys | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The same rows with what is sealed in them in clear; None where the key was destroyed.

    A row holds the primary key of each of the tables and the column that names its stream. `names` says which fields of the
    row are which columns, where they are not called alike. What was changed or lost its key raises Broken or KeyMissing;
    a list of many streams is `lenient`: None there, and an error in the log. `keys` are those at hand.
    """
    found = [{**row} for row in rows]
    if not found:
        return found
    places = [
        (table, field, column)
        for table in map(sealing, of)
        for field, column in (names or {name: name for name in table.columns}).items()
        if field in found[0]
    ]
    streams = {table.stream(row) for table, field, _ in places for row in found if row[field] is not None}
    if keys is None:
        keys = await vault_of(conn).keys(conn, streams, lenient=lenient) if streams else {}
    for row in found:
        for table, field, column in places:
            if row[field] is not None:
                row[field] = _opened(keys, table, row, field, column, lenient)
    return found


def _opened(
    keys: Mapping[str, DataKey | None], table: Sealing, row: Row, field: str, column: str, lenient: bool
) -> Any:
    stream = table.stream(row)
    with _borne(lenient, table=table.table.name, stream=stream):
        if stream not in keys:
            raise KeyMissing(f"no key for {stream}")
        key = keys[stream]
        return None if key is None else DECODE[table.columns[column]](key.open(row[field], table.place(row, column)))
    return None


async def opened_one(
    conn: AsyncConnection, row: Row | None, *of: Table, keys: Keys | None = None
) -> dict[str, Any] | None:
    """The same for a row that may not be there."""
    return (await opened(conn, [row], *of, keys=keys))[0] if row is not None else None


async def with_notes(
    conn: AsyncConnection, query: Select[*tuple[Any, ...]], keys: Keys | None = None, asked: Row | None = None
) -> list[dict[str, Any]]:
    """Rows of events with the note of each, which the query calls `note`; `asked` is what it leaves open."""
    rows = (await conn.execute(query, asked)).mappings()
    return await opened(conn, rows, metadata.tables["notes"], names={"note": "body"}, keys=keys)
