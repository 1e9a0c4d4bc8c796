"""A real service on real times, and Debian's browser; where there is none, a reason is given, and CI does not let that pass."""

import asyncio
import os
import shutil

import httpx2
import pytest
from playwright.async_api import async_playwright

from app.demo_people import People
from app.stack import Stack
from tests.api.conftest import api  # noqa: F401

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
async def stack(place):
    """The pages are shown with the pack's real times, so that what is owed is still owed."""
    stack = Stack(place / "web", api_port=0, temporal_port=0, ui_port=0)
    try:
        await asyncio.to_thread(stack.start, lambda _: None)
        yield stack
    finally:
        await asyncio.to_thread(stack.stop)


@pytest.fixture(scope="module")
async def people(stack):
    async with httpx2.AsyncClient(base_url=stack.url, timeout=20) as http:
        yield People(http, stack.tokens)


@pytest.fixture(scope="module")
async def browser():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing = "no chromium here; on Debian: apt-get install chromium fonts-noto-cjk"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()
