"""Two services for the tests of faults: one at the real pace, one at the pace of the demonstration."""

import httpx2
import pytest

from tests.faults import times
from tests.faults.rig import QUICK, Rig
from tests.faults.traffic import Stubborn


@pytest.fixture(scope="package")
async def real(place):
    async with Rig(place / "real").running() as rig:
        yield rig


@pytest.fixture(scope="package")
async def quick(place):
    async with Rig(place / "quick", policy=QUICK).running() as rig:
        yield rig


@pytest.fixture
async def rig(real):
    """At the real pace, whole again after the test."""
    yield real
    await real.heal()
    await real.dismiss()


@pytest.fixture
async def quick_rig(quick):
    """At the pace of the demonstration, whole again after the test."""
    yield quick
    await quick.heal()
    await quick.dismiss()


@pytest.fixture
async def people(rig):
    """People who reach the API over its wire."""
    async with httpx2.AsyncClient(base_url=rig.wires["api"].url, timeout=10) as http:
        yield Stubborn(http, rig.tokens)


@pytest.fixture
async def quick_people(quick_rig):
    """The same, at the pace of the demonstration."""
    async with httpx2.AsyncClient(base_url=quick_rig.wires["api"].url, timeout=10) as http:
        yield Stubborn(http, quick_rig.tokens)


def pytest_collection_modifyitems(items):
    """Faults take their time, above all on a machine that others use."""
    for item in items:
        if "tests/faults/" in item.nodeid:
            item.add_marker(pytest.mark.timeout(times(300, 3600)))
