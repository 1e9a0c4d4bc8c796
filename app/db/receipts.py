"""Receipt codes: how they are made and read, and what whoever holds one may know."""

import hmac
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.audit import before_reading
from app.db.people import is_about_reporter
from app.db.vault import opened_one
from app.db.walls import open_door
from app.domain.disclosure import ForReporter, for_reporter
from app.domain.progress import Answer, Progress
from app.domain.sight import RECEIPT_HOLDER

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 16
LOOK_ALIKES = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class Receipts:
    """Receipt codes: made from the case id with a secret, so that they can be shown again and are stored as a hash only."""

    secret: bytes

    def code(self, case_id: str) -> str:
        """Sixteen Crockford characters, 80 bits, in groups of four."""
        digest = int.from_bytes(self._mac(f"receipt:{case_id}")[:10], "big")
        return grouped("".join(ALPHABET[digest >> shift & 31] for shift in range(75, -1, -5)))

    def hash(self, code: str) -> str:
        """What is stored."""
        return self._mac(f"lookup:{plain(code)}").hex()

    def alias(self, said: str) -> str:
        """Of what is counted and must not be read back, such as an address."""
        return self._mac(f"alias:{said}").hex()

    def _mac(self, message: str) -> bytes:
        return hmac.digest(self.secret, message.encode(), "sha256")


def plain(code: str) -> str:
    """The code as it was meant: of any width, case and grouping, look-alike letters read as Crockford has them."""
    folded = unicodedata.normalize("NFKC", code).upper()
    return "".join(char for char in folded if char.isalnum()).translate(LOOK_ALIKES)


def is_whole(code: str) -> bool:
    """Whether a code has this form; it says nothing about whether there is such a report."""
    meant = plain(code)
    return len(meant) == LENGTH and set(meant) <= set(ALPHABET)


def grouped(meant: str) -> str:
    """In fours, as the receipt shows it."""
    return "-".join(meant[n : n + 4] for n in range(0, len(meant), 4))


async def by_receipt(
    conn: AsyncConnection, receipts: Receipts, code: str, action: str = "progress_by_receipt"
) -> ForReporter | None:  # fmt: skip
    """Where the report with this receipt stands, as its reporter may know it; the one source for programs and people.

    On record first, as `action` by whoever holds the receipt; that holds back what cannot be put there (AuditUnavailable).
    """
    await open_door(conn)
    query = select(tables.cases.c.progress).join(tables.reports, tables.reports.c.case_id == tables.cases.c.id)
    stored = await conn.execute(query.where(tables.reports.c.receipt_hash == receipts.hash(code)))
    found = stored.scalar_one_or_none()
    if found is None:
        return None
    progress = Progress.model_validate(found)
    if progress.sealed_for and not progress.is_open:
        return None  # a sealed record is found on a ground of law alone
    await asked_by_receipt(conn, progress, action, ["progress", "answer"])
    given = await answer_to(conn, progress)
    return for_reporter(progress, given.text if given else None)


async def asked_by_receipt(conn: AsyncConnection, progress: Progress, action: str, fields: Sequence[str]) -> None:
    """On record of the case, and of the one whose answer may be read instead: when and what, and nobody by name or address."""
    other = await _followed(conn, progress) if "answer" in fields else None
    for case_id in (progress.case_id, other):
        if case_id:
            await before_reading(conn, RECEIPT_HOLDER, action, case_id, fields, children=[], why="receipt")


class Given(NamedTuple):
    """An answer, and the fact by which it was given."""

    text: str
    fact: Mapping[str, Any]


async def answer_to(conn: AsyncConnection, progress: Progress) -> Given | None:
    """That of this report or of the case that it follows; another's answer is not for one who is told none."""
    own = await _given(conn, progress.case_id)
    if own or (other := await _followed(conn, progress)) is None:
        return own
    return await _given(conn, other)


async def _followed(conn: AsyncConnection, progress: Progress) -> str | None:
    """The case whose answer this report's reporter has; it may have come to be about them since."""
    if progress.answer is not Answer.FOLLOWED or await is_about_reporter(conn, progress.case_id):
        return None
    return progress.linked_to


async def _given(conn: AsyncConnection, case_id: str) -> Given | None:
    note, event = tables.notes.c, tables.events.c
    query = select(note.stream_id, note.version, note.body, event.body.label("fact")).join(
        tables.events, (event.stream_id == note.stream_id) & (event.version == note.version)
    )
    query = query.where(note.stream_id == case_id, note.kind == "reporter_answered")
    row = (await conn.execute(query.order_by(note.version.desc()).limit(1))).mappings().one_or_none()
    found = await opened_one(conn, row, tables.notes)
    return Given(found["body"], found["fact"]) if found and found["body"] else None
