"""Accounts and sessions: passwords as argon2 hashes, one-time codes that count once, sessions that live on the server and end there."""

import asyncio
import secrets
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pyotp import random_base32
from pyotp.totp import TOTP
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.account_tables import accounts, sessions
from app.db.audit import REFUSED, on_record
from app.db.guesses import count_wrong, forgive, wrong_before
from app.db.people import actor_by_session
from app.db.vault import opened_one, sealed_row
from app.db.walls import open_door
from app.domain.sight import Actor
from app.domain.sign_in import ABSOLUTE, IDLE, Guarded, steps_at, token_hash
from app.domain.terms import Agency

ISSUER = "Shouhu 守护"
HASHER = PasswordHasher()


class NewAccount(NamedTuple):
    """What is shown once, to whoever made it."""

    password: str
    authenticator: str
    """The address that an authenticator reads from a QR code."""


class Tried(NamedTuple):
    """How a try ended: the token of the new session, or how long the next try has to wait, or neither."""

    token: str = ""
    wait: timedelta | None = None


async def make_account(
    conn: AsyncConnection, person_id: str, now: datetime, *, held: bool = False
) -> NewAccount | None:
    """A new password and authenticator for somebody who is known; what they had ends. None for a stranger.

    `held`: it lets nobody in before a second person has let it go.
    """
    people = tables.people.c
    known = select(people.id).where(people.id == person_id, people.is_active)
    if (await conn.execute(known)).scalar_one_or_none() is None:
        return None
    password, secret = secrets.token_urlsafe(12), random_base32()
    row = {
        "password_hash": await asyncio.to_thread(HASHER.hash, password), "totp_secret": secret,
        "last_step": 0, "made_at": now, "held_at": now if held else None,
    }  # fmt: skip
    stored = await sealed_row(conn, accounts, {"person_id": person_id, **row})
    await conn.execute(upsert(accounts).values(stored).on_conflict_do_update(index_elements=["person_id"], set_=stored))
    await end_sessions(conn, person_id, now)
    return NewAccount(password, TOTP(secret).provisioning_uri(name=person_id, issuer_name=ISSUER))


async def sign_in(
    conn: AsyncConnection, person_id: str, password: str, code: str, now: datetime, *, alias: str
) -> Tried:
    """One try; the transaction has to be committed however it ends, for wrong tries are counted.

    By the `alias`, a keyed hash of the name, whether or not somebody has an account by it: all wait, and are forgotten, alike. With
    an account that is made anew nobody waits for what was tried before.
    """
    wrong = await wrong_before(conn, alias, now)
    mine = accounts.c.person_id == person_id
    found = (await conn.execute(select(accounts).where(mine).with_for_update())).mappings().one_or_none()
    row = await opened_one(conn, found, accounts)
    guarded = Guarded()
    for at in wrong:
        guarded = guarded.failed(at) if row is None or at > row["made_at"] else guarded
    if wait := guarded.wait(now):
        return Tried(wait=wait)
    right = await asyncio.to_thread(_is_right, row["password_hash"] if row else _nobody(), password)
    step = None
    if row and right and row["held_at"] is None:
        step = _step_of(row["totp_secret"], code, now, row["last_step"])
    if step is None:
        await count_wrong(conn, alias, now)
        await _refused(conn, person_id)
        return Tried(wait=guarded.failed(now).wait(now))
    await conn.execute(update(accounts).where(mine).values(last_step=step))
    await forgive(conn, alias)
    return Tried(await begin_session(conn, person_id, now))


async def begin_session(conn: AsyncConnection, person_id: str, now: datetime) -> str:
    """The token of a new session for somebody who has proved who they are; empty for whoever was shut out."""
    token = secrets.token_urlsafe(32)
    row = {"token_hash": token_hash(token), "person_id": person_id, "began_at": now, "seen_at": now}
    await conn.execute(sessions.insert(), row)
    who = await actor_by_session(conn, token, now)
    if who is None:
        return ""
    await on_record(conn, who, "sign_in", None, [], children=[])
    return token


async def _refused(conn: AsyncConnection, person_id: str) -> None:
    """A wrong try at somebody's account is on record under their name; as many as the waits between them let happen."""
    await open_door(conn)
    people = tables.people.c
    row = (await conn.execute(select(people.agency, people.desk).where(people.id == person_id))).one_or_none()
    if row is not None:
        tried = Actor(person_id=person_id, agency=Agency(row.agency), desk=row.desk, roles=())
        await on_record(conn, tried, "sign_in", None, [], children=[], why="not_right", outcome=REFUSED)


async def end_session(conn: AsyncConnection, token: str, now: datetime) -> None:
    """It is not good any more, here and everywhere."""
    mine = update(sessions).where(sessions.c.token_hash == token_hash(token), sessions.c.ended_at.is_(None))
    await conn.execute(mine.values(ended_at=now))


async def end_sessions(conn: AsyncConnection, person_id: str, now: datetime) -> int:
    """All of one person; how many were good."""
    mine = update(sessions).where(
        sessions.c.person_id == person_id, sessions.c.ended_at.is_(None), sessions.c.seen_at > now - IDLE,
        sessions.c.began_at > now - ABSOLUTE,
    )  # fmt: skip
    return (await conn.execute(mine.values(ended_at=now))).rowcount


def _is_right(stored: str, password: str) -> bool:
    try:
        return HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """So that it takes as long to be refused for an account that does not exist."""
    return HASHER.hash(secrets.token_urlsafe(12))


def _step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """Which unused step the code belongs to."""
    said, of = "".join(unicodedata.normalize("NFKC", code).split()), TOTP(secret)
    unused = steps_at(now, last_step) if said.isascii() else ()
    good = [step for step in unused if secrets.compare_digest(of.generate_otp(step), said)]
    return good[0] if good else None
