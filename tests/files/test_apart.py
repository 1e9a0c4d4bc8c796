"""A file that takes too long or too much is ended by the kernel, in a process that has no secret and costs the service nothing."""

import asyncio
import contextlib
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from app.files import apart, examine
from app.files.cleaning import cleaned
from app.files.kinds import BadFile, FileFault, Kind
from tests.files import corpus

SLOW = corpus.office(parts={"word/x.xml": "<x>" + "<a/>" * 2_000_000 + "</x>"})
"""Some 9 kB that take two seconds to read; the bounds of size let through twelve times as much."""


@pytest.fixture
def limited(monkeypatch):
    """The process with other limits, for this test."""

    def with_limits(**limits):
        for name, value in limits.items():
            monkeypatch.setattr(apart, name, value)
        monkeypatch.setattr(apart, "_nursery", None)

    yield with_limits
    if apart._nursery:
        apart._nursery[1].close()


async def fault_of(content, whose="tests"):
    with pytest.raises(BadFile) as refused:
        await examine.examine("a.docx", content, whose=whose)
    return refused.value.fault


async def test_a_file_that_takes_too_long_is_ended_and_costs_the_service_nothing(limited):
    limited(MOST_CPU=1)
    assert (await apart.cleaned_apart(corpus.image()))[1] is Kind.JPEG
    assert len(SLOW) < 10_000
    began = time.process_time()
    assert await fault_of(SLOW) is FileFault.TOO_COSTLY
    assert time.process_time() - began < 0.2, "in this process nothing was read"
    assert (await examine.examine("a.jpg", corpus.image(), whose="tests")).kind is Kind.JPEG, "and the next is taken"
    began = time.process_time()
    small = corpus.office(parts={"word/x.xml": "<x>" + "<a/>" * 500_000 + "</x>"})
    await asyncio.to_thread(cleaned, small)
    assert time.process_time() - began > 0.3, "the control: in a thread it takes the service's own time"


async def test_a_file_that_takes_too_much_memory_is_told_so(limited):
    limited(MOST_MEMORY=200 * 2**20)
    assert (await apart.cleaned_apart(corpus.image()))[1] is Kind.JPEG
    large = corpus.image("PNG", size=(6000, 4000))
    assert await fault_of(large) is FileFault.TOO_COSTLY
    limited(MOST_MEMORY=apart.MOST_MEMORY * 10)
    assert (await apart.cleaned_apart(large))[1] is Kind.PNG, "the control"


async def test_the_process_has_no_secret_and_ends_with_the_service(limited, monkeypatch):
    monkeypatch.setenv("SHOUHU_MASTER_KEYS", "m1:secret")
    limited()
    await apart.cleaned_apart(corpus.image())
    process, door = apart._nursery
    given = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"SHOUHU" not in given
    assert b"PATH=" in given
    door.close()
    assert process.wait(5) == 0


async def test_whoever_goes_away_leaves_no_process_at_work(limited):
    limited()
    await apart.cleaned_apart(corpus.image())
    mother = psutil.Process(apart._nursery[0].pid)
    slow = asyncio.create_task(apart.cleaned_apart(SLOW))
    async with asyncio.timeout(20):
        while not (spent := of_processor(mother)) > 0.2:
            await asyncio.sleep(0.01)
        slow.cancel()
        while alive(mother):
            spent = max(spent, of_processor(mother))
            await asyncio.sleep(0.01)
    assert spent < 1, "it would have taken two seconds"


def of_processor(mother):
    """Seconds that its children have taken."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return max((child.cpu_times().user for child in alive(mother)), default=0)
    return 0


def alive(mother):
    return [child for child in mother.children() if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


async def test_an_answer_that_is_longer_than_any_file_is_not_taken(limited, monkeypatch):
    limited(MOST_KEPT=1000)
    with pytest.raises(BadFile) as refused:
        await apart.cleaned_apart(corpus.image(size=(400, 400)))
    assert refused.value.fault is FileFault.TOO_COSTLY


async def test_a_process_that_has_ended_is_begun_anew(limited):
    limited()
    await apart.cleaned_apart(corpus.image())
    apart._nursery[0].kill()
    assert (await apart.cleaned_apart(corpus.image()))[1] is Kind.JPEG
    apart._nursery[0].kill()
    apart._nursery[0].wait()
    assert (await apart.cleaned_apart(corpus.image()))[1] is Kind.JPEG


async def test_where_none_can_be_begun_nobody_is_told_that_the_file_is_at_fault(limited, monkeypatch):
    limited()
    monkeypatch.setattr(apart, "ROOT", Path("/"))
    assert await fault_of(corpus.office()) is FileFault.BUSY


async def test_nobody_waits_for_ever_behind_files_that_take_their_time(monkeypatch):
    held = asyncio.Event()

    async def slowly(content):
        await held.wait()
        return content, Kind.JPEG

    monkeypatch.setattr(examine, "cleaned_apart", slowly)
    sends = partial(examine.examine, "a.jpg", b"x")
    one = [asyncio.create_task(sends(whose="one")) for _ in range(examine.MOST_OF_ONE)]
    await asyncio.sleep(0)
    assert await fault_of(b"x", "one") is FileFault.BUSY, "who keeps it busy keeps nobody else out"
    most = examine.AT_ONCE + examine.MOST_WAITING
    others = [asyncio.create_task(sends(whose=f"other {n}")) for n in range(most - len(one))]
    await asyncio.sleep(0)
    assert await fault_of(b"x", "somebody") is FileFault.BUSY
    held.set()
    assert len(await asyncio.gather(*one, *others)) == most == 18
    assert (await sends(whose="one")).kind is Kind.JPEG
    assert not examine._inside
