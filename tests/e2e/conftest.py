"""The whole service as processes, on the demonstration's pace."""

import asyncio

import httpx2
import pytest

from app.demo_people import People
from app.stack import Stack


@pytest.fixture(scope="module")
async def stack(place, request):
    """A system of its own for each module."""
    name = request.module.__name__.rpartition(".")[2]
    stack = Stack(place / name, api_port=0, temporal_port=0, ui_port=0, policy="fengtai-2026.1+demo")
    try:
        await asyncio.to_thread(stack.start, lambda _: None)
        yield stack
    finally:
        await asyncio.to_thread(stack.stop)


@pytest.fixture(scope="module")
async def people(stack):
    async with httpx2.AsyncClient(base_url=stack.url, timeout=20, trust_env=False) as http:
        yield People(http, stack.tokens)
