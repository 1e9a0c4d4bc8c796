"""Figure 9: how heavy the pages are, how long the server takes for them in a district of years, and when a slow computer can be used."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from sqlalchemy.ext.asyncio import create_async_engine

from app.api.context import SESSION
from app.db.accounts import begin_session
from app.stack import Stack
from tests.bench.figures import Figure, middle, percentile
from tests.bench.lists import MANY, fill, pattern

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
RATE, SECONDS, WARM = 20, 30, 10
"""Pages a second, taken in turns, whether or not the one before has come; the first seconds warm up."""
MOST_MS, MOST_KB, MOST_S = 60.0, 100.0, 2.0
SLOWER = 6
RUNS = 3
OFFICER, SUPERVISOR = "police.officer.1", "civil.supervisor.1"
USABLE = """() => new Promise(done => {
  const idle = () => requestIdleCallback(() => done(performance.now()));
  if (document.readyState === "complete") idle(); else addEventListener("load", idle);
})"""
"""Milliseconds since the navigation began, once the page is there and the browser has nothing left to do."""


async def measure(stack: Stack, say: Callable[[str], None]) -> list[Figure]:
    """Pages as the server makes them under a steady rate, then as a browser gets them."""
    stack.process("worker").terminate()
    case = await pattern(stack)
    say(f"filling the tables up to {MANY} cases")
    await fill(stack, case, 1, MANY)
    seats = await _sessions(stack)
    pages = {
        "task_list": (OFFICER, "/tasks?view=desk"),
        "case_page": (OFFICER, f"/cases/{case}"),
        "cockpit": (SUPERVISOR, "/oversight"),
    }
    say(f"{RATE} pages a second for {SECONDS} s")
    used = _cpu(stack)
    spans = await _steady(stack, seats, pages)
    each = (_cpu(stack) - used) / (RATE * (WARM + SECONDS)) * 1000
    figures = [Figure("api_cpu_a_page", "ms", each)]
    figures += [
        Figure(f"{name}_p95_at_{MANY}_cases", "ms", percentile(times, 0.95), most=MOST_MS)
        for name, times in spans.items()
    ]
    figures += [Figure(f"{name}_p50_at_{MANY}_cases", "ms", percentile(times, 0.5)) for name, times in spans.items()]
    return [*figures, *await _in_a_browser(stack, seats, {**pages, "report": (None, "/report")}, say)]


def _cpu(stack: Stack) -> float:
    """Seconds of processor that the API has used so far: what a busy machine does not change much."""
    fields = Path(f"/proc/{stack.process('api').pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _sessions(stack: Stack) -> dict[str, str]:
    """A cookie for each person, as signing in makes it."""
    assert stack.postgres
    engine, made = create_async_engine(stack.postgres.url), {}
    async with engine.begin() as conn:
        for person in (OFFICER, SUPERVISOR):
            made[person] = await begin_session(conn, person, datetime.now(UTC))
    await engine.dispose()
    return made


async def _steady(stack: Stack, seats: dict[str, str], pages: dict[str, tuple[str, str]]) -> dict[str, list[float]]:
    """Each page asked for at its moment; its time runs from that moment, so that a queue is seen."""
    spans: dict[str, list[float]] = {name: [] for name in pages}
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=40)
    async with httpx2.AsyncClient(base_url=stack.url, timeout=120, limits=limits, trust_env=False) as http:
        began = time.perf_counter() + 0.1

        async def ask(name: str, due: float, *, counts: bool) -> None:
            person, path = pages[name]
            answer = await http.get(path, headers={"Cookie": f"{SESSION}={seats[person]}", "Accept-Encoding": "gzip"})
            answer.raise_for_status()
            if counts:
                spans[name].append((time.perf_counter() - due) * 1000)

        asked, names, warm = [], list(pages), WARM * RATE
        for number in range(warm + RATE * SECONDS):
            due = began + number / RATE
            await asyncio.sleep(max(0, due - time.perf_counter()))
            asked.append(asyncio.create_task(ask(names[number % len(names)], due, counts=number >= warm)))
        await asyncio.gather(*asked)
    return spans


async def _in_a_browser(
    stack: Stack, seats: dict[str, str], pages: dict[str, tuple[str | None, str]], say: Callable[[str], None]
) -> list[Figure]:
    """Bytes of a first load, and when a computer of a sixth of this one's speed can be used; nothing where there is no browser."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        say("no chromium here: first loads are not measured")
        return []
    figures = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, (person, address) in pages.items():
            say(f"{name} in a browser")
            loads = [await _first_load(browser, stack, seats.get(person or ""), address) for _ in range(RUNS)]
            figures.append(Figure(f"{name}_first_load", "KB", middle([size for size, _ in loads]) / 1000, most=MOST_KB))
            figures.append(Figure(f"{name}_usable_at_a_sixth", "s", middle([ready for _, ready in loads]), most=MOST_S))
        await browser.close()
    return figures


async def _first_load(browser: Browser, stack: Stack, session: str | None, address: str) -> tuple[int, float]:
    """Bytes over the wire and seconds until usable, of somebody who was never here, with the processor throttled."""
    context: BrowserContext = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
    if session:
        await context.add_cookies(
            [{"name": SESSION, "value": session, "url": f"https{stack.url.removeprefix('http')}", "secure": True}]
        )
    page: Page = await context.new_page()
    wire = await context.new_cdp_session(page)
    sizes: list[int] = []
    wire.on("Network.loadingFinished", lambda said: sizes.append(said["encodedDataLength"]))
    await wire.send("Network.enable")
    await wire.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    answer = await page.goto(stack.url + address, wait_until="commit")
    assert answer is not None
    assert answer.status == 200, json.dumps([address, answer.status])
    ready = await page.evaluate(USABLE)
    await context.close()
    return int(sum(sizes)), ready / 1000
