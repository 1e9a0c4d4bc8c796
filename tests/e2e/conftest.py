"""The whole service as processes, on the demonstration's pace."""

import asyncio
from contextlib import asynccontextmanager

import httpx2
import pytest

from app.demo_people import People
from app.stack import Stack


@asynccontextmanager
async def running(folder, say=lambda _stack, _said: None):
    """A system of its own; `say` hears how it starts."""
    stack = Stack(folder, api_port=0, temporal_port=0, ui_port=0, policy="fengtai-2026.1+demo", behind=0)
    try:
        await asyncio.to_thread(stack.start, lambda said: say(stack, said))
        yield stack
    finally:
        await asyncio.to_thread(stack.stop)


@pytest.fixture(scope="package")
async def stack(place):
    """One for all tests that kill nothing; those that do have their own."""
    async with running(place / "e2e") as stack:
        yield stack


@pytest.fixture(scope="package")
async def people(stack):
    async with httpx2.AsyncClient(base_url=stack.url, timeout=20, trust_env=False) as http:
        yield People(http, stack.tokens)
