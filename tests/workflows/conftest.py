"""A world for each test of the process: its own worker and relay on the real servers, and a clock that skips what nobody waits for."""

import pytest

from tests.world import World


@pytest.fixture
async def world(engine, temporal):
    async with World(engine, temporal).open() as world:
        yield world
