"""Books are made and read by jobs: one whose process died is taken up again, and what a job made does not stay."""

import os
import subprocess
import tempfile

from sqlalchemy import func, select

from app import bookkeeper
from app.db import sheet_jobs
from app.domain.sheets import JobState
from tests.api.test_reports import is_problem
from tests.api.workbooks import COMMITTEE, state

BUSY, OTHER = "comm-110106016.officer.1", "comm-110106017.officer.1"


async def test_a_job_whose_process_died_is_taken_up_again_and_given_up_after_three_times(api, worker_engine):
    answer = await api.post(COMMITTEE, "/v1/ledgers/information/exports", {})
    job, now = answer.json()["id"], api.service.ledger.clock()
    waiting = sheet_jobs.sheet_jobs
    async with api.service.engine.begin() as conn:
        await conn.execute(waiting.delete().where(waiting.c.id != job, waiting.c.state.in_(("waiting", "running"))))
    for n in range(sheet_jobs.MOST_TRIES):
        taken = await sheet_jobs.take(worker_engine, now + n * 2 * sheet_jobs.LEASE)
        assert taken.id == job
        assert await sheet_jobs.take(worker_engine, now + n * 2 * sheet_jobs.LEASE) is None, "somebody works on it"
    assert await sheet_jobs.take(worker_engine, now + 9 * sheet_jobs.LEASE) is None
    shown = await state(api, COMMITTEE, job)
    assert (shown["state"], shown["problem"]) == (JobState.FAILED, "gave_up")


async def test_the_books_of_one_person_do_not_hold_up_all_workers(api, worker_engine):
    whole, waiting = {"use": "hand_in"}, sheet_jobs.sheet_jobs
    async with api.service.engine.begin() as conn:
        await conn.execute(waiting.delete().where(waiting.c.state.in_(("waiting", "running"))))
    one, two, masked, other = [
        (await api.post(person, "/v1/ledgers/information/exports", body)).json()["id"]
        for person, body in ((BUSY, whole), (BUSY, whole), (BUSY, {}), (OTHER, whole))
    ]
    now = api.service.ledger.clock()
    taken = [await sheet_jobs.take(worker_engine, now) for _ in range(3)]
    assert [job and job.id for job in taken] == [one, other, None]
    for ended, following in ((one, two), (two, masked)):
        async with worker_engine.begin() as conn:
            await sheet_jobs.settle(conn, ended, JobState.DONE, now)
        assert (await sheet_jobs.take(worker_engine, now)).id == following
    async with api.service.engine.begin() as conn:
        await conn.execute(waiting.delete().where(waiting.c.id.in_((one, two, masked, other))))


async def test_workbooks_go_after_a_day_and_who_asked_for_them_stays(api, run, worker_engine):
    job = await run(await api.post(COMMITTEE, "/v1/ledgers/personal/exports", {}))
    assert (await api.get(COMMITTEE, f"/v1/sheets/{job}/workbook")).status_code == 200
    await sheet_jobs.forget(worker_engine, api.service.ledger.clock() + sheet_jobs.KEPT)
    is_problem(await api.get(COMMITTEE, f"/v1/sheets/{job}/workbook"), 404, "sheet_not_found")
    assert (await state(api, COMMITTEE, job))["state"] == "done"
    listed = (await api.get(COMMITTEE, "/v1/sheets?limit=200")).json()["items"]
    assert job in {one["id"] for one in listed}
    async with api.service.engine.connect() as conn:
        left = select(func.count()).where(sheet_jobs.part.job_id == job)
        assert (await conn.execute(left)).scalar_one() == 0


def test_what_a_killed_worker_has_left_of_a_book_is_taken_away(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone, ours, other = (tmp_path / f"{bookkeeper.PLACE}{pid}-x" for pid in (ended.pid, os.getpid(), "older"))
    for place in (gone, ours, other):
        place.mkdir()
        (place / "made.xlsx").write_text("欧阳小满")
    (tmp_path / "else").mkdir()
    bookkeeper.sweep()
    assert {place.name for place in tmp_path.iterdir()} == {ours.name, "else"}
