"""How rules change: one officer proposes a checked pack for a day to come, a second approves it, and then it is never changed."""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.audit import on_record
from app.db.ledger import Ledger
from app.db.versions import day_after, keep, seal, version_row, written
from app.domain.access import Action, Actor, Deny, may
from app.domain.refusals import RefusalCode, Refused
from app.domain.working_time import BEIJING, day_of
from app.policy.check import check, too_early
from app.policy.diff import Change, diff, digest_of
from app.policy.loader import DEMO, BadPack, load, parse, shipped, tables_of, texts
from app.policy.pack import Pack

ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtextextended('policy_versions', 0))")
"""What one approval replaces is what another one may just have approved."""


async def propose(conn: AsyncConnection, who: Actor, files: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
    """The first person's step; BadPack with every fault, and nothing is kept."""
    _require(who)
    faults = await asyncio.to_thread(check, files)
    if faults:
        raise BadPack(*faults)
    pack = parse(files)
    await _require_future(files, now)
    if shipped(pack.name) or await version_row(conn, pack.name):
        raise Refused(RefusalCode.POLICY_EXISTS, version=pack.name)
    await keep(conn, pack.name, pack.title, pack.effective_from, files, who, now)
    await on_record(conn, who, "propose_policy", None, [pack.name[:40]], children=[])
    return await _row(conn, pack.name)


async def approve(
    conn: AsyncConnection, ledger: Ledger, who: Actor, version: str, now: datetime, *, read: str
) -> Mapping[str, Any]:  # fmt: skip
    """The second person's step; from its day on new cases follow this version, running ones stay on theirs.

    `read` is the digest of the comparison with the versions before and after it, which the person has read; COMPARISON_STALE if it is
    another.
    """
    _require(who)
    await conn.execute(ONE_AT_A_TIME)
    row = await _row(conn, version)
    if row["approved_by"]:
        raise Refused(RefusalCode.ALREADY_DONE)
    if who.is_behind(one for one in (row["proposed_by"], row["proposed_behalf"]) if one):
        raise Refused(RefusalCode.SECOND_PERSON_NEEDED)
    files = await files_of(conn, version)
    await _require_future(files, now)
    draft = await asyncio.to_thread(load, version, files)
    beside = await neighbours(conn, ledger, draft, now)
    if read != (await asyncio.to_thread(compared, draft, beside)).digest:
        raise Refused(RefusalCode.COMPARISON_STALE, against=beside.before.version)
    await seal(conn, version, who, now)
    await on_record(conn, who, "approve_policy", None, [version[:40], read], children=[])
    return await _row(conn, version)


class Neighbours(NamedTuple):
    """The version that one will replace, and the one that is approved to replace it: what it undoes has been compared with neither else."""

    before: Pack
    later: Pack | None = None


class Compared(NamedTuple):
    """What a version says differently from the one before it, what the later one says differently from it, and the digest by which it
    is approved."""

    changes: tuple[Change, ...]
    undone: tuple[Change, ...]
    digest: str


async def neighbours(conn: AsyncConnection, ledger: Ledger, draft: Pack, now: datetime) -> Neighbours:
    """The version that new cases would follow on the day of this one, which may be approved and not yet in force; of one that holds by
    then itself, the version in force now. And the one that is approved for the next day after."""
    its_day = draft.file.effective_from
    before = await _on(conn, ledger, its_day, now)
    if before.version == draft.version:
        before = cast("Pack", await ledger.current(conn, now))
    next_day = await day_after(conn, its_day)
    return Neighbours(before, await _on(conn, ledger, next_day, now) if next_day else None)


async def _on(conn: AsyncConnection, ledger: Ledger, day: date, now: datetime) -> Pack:
    return cast("Pack", await ledger.current(conn, max(now, datetime.combine(day, time(), BEIJING))))


def compared(draft: Pack, beside: Neighbours) -> Compared:
    """A version with those before and after it."""
    before, later = beside
    changes = diff(before.file, draft.file)
    said = [(before.version, draft.version, changes)]
    undone = diff(draft.file, later.file) if later else ()
    if later:
        said.append((draft.version, later.version, undone))
    return Compared(changes, undone, digest_of(*said))


async def files_of(conn: AsyncConnection, version: str) -> Mapping[str, str]:
    """The files of a version, proposed, published or shipped."""
    if found := await written(conn, version, approved=False):
        return found
    if folder := shipped(version.removesuffix(DEMO)):
        return texts(folder)
    raise Refused(RefusalCode.UNKNOWN_POLICY, version=version)


def _require(who: Actor) -> None:
    answer = may(who, Action.MANAGE_POLICY)
    if isinstance(answer, Deny):
        raise Refused(answer.reason)


async def _require_future(files: Mapping[str, str], now: datetime) -> None:
    """To read the files takes a third of a second, in which nobody else is made to wait."""
    file = await asyncio.to_thread(parse, files)
    if faults := too_early(file, tables_of(files), day_of(now)):
        raise BadPack(*faults)


async def _row(conn: AsyncConnection, version: str) -> Mapping[str, Any]:
    row = await version_row(conn, version)
    if row is None:
        raise Refused(RefusalCode.UNKNOWN_POLICY, version=version)
    return row
