"""Works on the jobs over sheets, one at a time, each in a process of its own: a hostile file or a long book takes nothing else down."""

import asyncio
import contextlib
import os
import resource
import shutil
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Row, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from app import sheet_export, sheet_import
from app.api.ledgers import book_of
from app.api.problems import Problem
from app.db import sheet_jobs as jobs
from app.db import tables
from app.db.audit import REFUSED, AuditUnavailable, on_record
from app.db.ledger import Ledger
from app.db.people import actors_of
from app.db.receipts import Receipts
from app.db.session import engine_of
from app.domain.access import Actor
from app.domain.deputies import may_stand_in
from app.domain.sheets import JobState, RowState, Step, is_compared
from app.master_keys import require_vault
from app.policy.loader import load
from app.process import begin
from app.settings import Settings
from app.sheet_book import Tell
from app.sheet_unread import Guessed
from app.workbook import Unreadable

log = structlog.get_logger()
PLACE = "shouhu-sheet-"
"""How the folder of a job begins, in the directory for what is temporary; then comes the number of the worker's process."""
LOOKS_EVERY = 1.0
FORGETS_EVERY = timedelta(hours=1)
TELLS_EVERY = 0.5
MOST_MEMORY = 2 * 2**30
"""Bytes of address space, and seconds of processor time, after which a job ends as failed."""
MOST_CPU = 900


class Bookkeeper:
    """In the worker: takes a job, starts its process, and takes the next when it has ended."""

    def __init__(self, engine: AsyncEngine, ledger: Ledger) -> None:
        self._engine, self._ledger = engine, ledger

    async def run(self) -> None:
        """Until cancelled; the process of a job that is under way ends with it, and the job is taken up again later."""
        forgotten = 0.0
        sweep()
        while True:
            try:
                if time.monotonic() > forgotten:
                    await jobs.forget(self._engine, self._ledger.clock())
                    forgotten = time.monotonic() + FORGETS_EVERY.total_seconds()
                job = await jobs.take(self._engine, self._ledger.clock())
            except Exception as failure:  # tried again in a moment; a database that is away must not end the worker
                log.warning("bookkeeper_waits", cause=type(failure).__name__)
                job = None
            if job is None:
                await asyncio.sleep(LOOKS_EVERY)
                continue
            await self._work_apart(job.id)

    async def _work_apart(self, job_id: str) -> None:
        with tempfile.TemporaryDirectory(prefix=f"{PLACE}{os.getpid()}-") as place:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "app.bookkeeper", job_id, place, cwd=Path(__file__).parent.parent
            )
            try:
                code = await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if code != 0:  # it could not even say what was wrong
            log.error("sheet_job_ended", code=code)
            async with self._engine.begin() as conn:
                now = self._ledger.clock()
                await jobs.settle(conn, job_id, JobState.FAILED, now, problem="process_ended")


def sweep() -> None:
    """Away with the folders of workers that were killed: what a job writes there names children."""
    for place in Path(tempfile.gettempdir()).glob(f"{PLACE}*"):
        owner = place.name.removeprefix(PLACE).partition("-")[0]
        if not (owner.isdigit() and _lives(int(owner))):
            shutil.rmtree(place, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


async def work(engine: AsyncEngine, ledger: Ledger, receipts: Receipts, job: Row[Any], place: Path) -> None:
    """One step of a job from its beginning; whatever goes wrong, its state says so."""
    try:
        await _work(engine, ledger, receipts, job, place)
        return
    except Unreadable as wrong:
        state, problem = JobState.REFUSED, wrong.code
    except sheet_export.SecondPersonNeeded as refusal:
        state, problem = JobState.REFUSED, "second_person_needed"
        await _tried(engine, job, problem, refusal.children)
    except Guessed as refusal:
        state, problem = JobState.REFUSED, "sheet_guesses"
        await _tried(engine, job, problem, [refusal.child], "import_ledger")
    except sheet_export.TooManyRows:
        state, problem = JobState.REFUSED, "workbook_has_too_many_rows"
    except Problem as refusal:
        state, problem = JobState.REFUSED, refusal.code
    except AuditUnavailable:
        state, problem = JobState.FAILED, "audit_unavailable"
    except (IntegrityError, sheet_export.OtherBookUnderWay):
        # somebody began a file at the same moment, or took up another book of the person: once more, on what stands then
        state, problem = JobState.WAITING, None
    except Exception as failure:
        log.error("sheet_job_failed", cause=type(failure).__name__)
        state, problem = JobState.FAILED, "internal_error"
    async with engine.begin() as conn:
        await jobs.settle(conn, job.id, state, ledger.clock(), problem=problem)


async def _tried(engine: AsyncEngine, job: Row[Any], why: str, children: list[str], what: str = jobs.EXPORT) -> None:
    """What was counted until it was refused is on record as an attempt, for the job's own transaction takes its rows along."""
    async with engine.begin() as conn:
        who = Actor.model_validate(job.actor)
        await on_record(conn, who, what, f"ledger-{job.book}", [job.book], children=children, why=why, outcome=REFUSED)


async def _work(engine: AsyncEngine, ledger: Ledger, receipts: Receipts, job: Row[Any], place: Path) -> None:
    who, path, now = Actor.model_validate(job.actor), place / "made.xlsx", ledger.clock()
    tell = _telling(engine, ledger, job.id)
    async with engine.begin() as conn:
        rules = await ledger.pack(conn, (await ledger.current(conn, now)).version)
        await still_seated(conn, who, now)
        book = book_of(rules, who, job.book)
        if job.step == Step.EXPORT:
            counts = await sheet_export.export(conn, rules, who, book, job, now, path, tell)
            await jobs.keep(conn, job.id, jobs.MADE, await asyncio.to_thread(path.read_bytes))
            await jobs.settle(conn, job.id, JobState.DONE, now, counts=counts)
            return
        sheet = sheet_import.Sheet(ledger, receipts, rules, who, book, job, now)
        sent = b"".join([piece async for piece in jobs.pieces(conn, job.id, jobs.GIVEN)])
        if job.step == Step.APPLY:
            try:
                async with conn.begin_nested():
                    counts = await sheet_import.apply(sheet, conn, sent, tell)
                await jobs.settle(conn, job.id, JobState.DONE, now, counts=counts)
                return
            except sheet_import.Changed:  # nothing of it is there; what is in the way stands in a new preview
                pass
        found = await sheet_import.preview(sheet, conn, sent, path, tell)
        await jobs.keep(conn, job.id, jobs.MADE, await asyncio.to_thread(path.read_bytes))
        if is_compared(book.ledger().rows_of):
            state, problem = JobState.DONE, "sheet_only_compared"
        else:
            wrong = found["counts"][RowState.WRONG.value]
            state, problem = (JobState.REFUSED, "sheet_has_errors") if wrong else (JobState.READY, None)
        await jobs.settle(conn, job.id, state, now, problem=problem, **found)


async def still_seated(conn: Any, who: Actor, now: Any) -> None:
    """Whoever asked may have left the seat, or the deputyship may be over; Problem."""
    people = await actors_of(conn, who.persons)
    seat = people.get(who.acting_for or who.person_id)
    stays = len(people) == len(who.persons) and seat is not None and seat.desk == who.desk and seat.roles == who.roles
    if stays and seat and who.acting_for:
        row = tables.deputies.c
        standing_in = select(func.count()).where(
            row.person_id == who.acting_for, row.deputy_id == who.person_id, row.from_at <= now, row.until_at > now,
            row.revoked_at.is_(None),
        )  # fmt: skip
        in_force = (await conn.execute(standing_in)).scalar_one() > 0
        stays = in_force and may_stand_in(seat, people[who.person_id])
    if not stays:
        raise Problem(403, "not_allowed", "无权限 · You may not do this.")


def _telling(engine: AsyncEngine, ledger: Ledger, job_id: str) -> Tell:
    told = 0.0

    async def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() > told:
            told = time.monotonic() + TELLS_EVERY
            await jobs.beat(engine, job_id, ledger.clock(), done, total)

    return tell


async def work_on(engine: AsyncEngine, ledger: Ledger, receipts: Receipts, job_id: str, place: Path) -> None:
    """The same of a job by its id."""
    async with engine.connect() as conn:
        job = (await conn.execute(select(jobs.sheet_jobs).where(jobs.job.id == job_id))).one()
    await work(engine, ledger, receipts, job, place)


def main() -> None:
    """The process of one job: its id and an empty directory of its own."""
    job_id, place = sys.argv[1:]
    os.nice(5)
    with contextlib.suppress(ValueError):  # the hard limit may be lower already
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU))
    settings = Settings()
    begin(settings.log_level)

    async def once() -> None:
        engine = engine_of(settings.database_url.get_secret_value(), pool=3, vault=require_vault(settings))
        receipts = Receipts(settings.receipt_secret.get_secret_value().encode())
        await work_on(engine, Ledger(load, settings.policy), receipts, job_id, Path(place))
        await engine.dispose()

    asyncio.run(once())


if __name__ == "__main__":
    main()
