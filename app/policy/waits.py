"""Who waits for whom in a pack: gates, steps and fallbacks must lead to an end, and name only what exists."""

from collections.abc import Iterator

from app.domain.policy import HAPPENINGS, Gate
from app.domain.procedure import happening
from app.policy.pack_file import PackFile

Place = tuple[str, str]
EXPIRED = "expired:"


def circles(file: PackFile) -> Iterator[tuple[str, str, str]]:
    """(table, row, reason) of every row that waits for itself, of unknown events and of fallbacks to the same agency."""
    waits = _waits(file)
    seen: set[Place] = set()
    for start in waits:
        way = _way_back(start, waits)
        if way and start not in seen and start[0] != "step":
            seen.update(way)
            yield *start, f"waits for itself: {' → '.join(name for _, name in way)}"
    known = {*HAPPENINGS, *(f"{EXPIRED}{duty.code}" for duty in file.duties)}
    known |= {happening(step.name, outcome.code) for step in file.steps.values() for outcome in step.outcomes}
    for table, row, gate in _gates(file):
        for event in gate.events:
            if event not in known:
                yield table, row, f"nothing that happens is called {event}"
    for row in file.routes:
        if row.fallback is row.agency:
            yield "routes", row.id, f"falls back on {row.agency} itself"


def _gates(file: PackFile) -> Iterator[tuple[str, str, Gate]]:
    yield from (("routes", row.id, row.gate) for row in file.routes)
    yield from (("duties", duty.code, duty.gate) for duty in file.duties if duty.gate)


def _waits(file: PackFile) -> dict[Place, tuple[Place, ...]]:
    """What each row waits for; a step stands for all legs up to it, for where nobody plans it a step below is waited for."""
    waits: dict[Place, tuple[Place, ...]] = {}
    for table, row, gate in _gates(file):
        others: list[Place] = [("routes", name) for name in gate.or_after]
        others += [("duties", name.removeprefix(EXPIRED)) for name in gate.events if name.startswith(EXPIRED)]
        others += [] if gate.after_step is None else [("step", str(gate.after_step))]
        waits[table, row] = tuple(others)
    for step in {row.gate.after_step for row in file.routes if row.gate.after_step is not None}:
        waits["step", str(step)] = tuple(("routes", row.id) for row in file.routes if row.step <= step)
    return waits


def _way_back(start: Place, waits: dict[Place, tuple[Place, ...]]) -> tuple[Place, ...]:
    """The shortest way from a row to itself; empty when there is none."""
    ways = [(start, one) for one in waits.get(start, ())]
    reached: set[Place] = set()
    for way in ways:  # grows while it is walked: breadth first
        if way[-1] == start:
            return way
        if way[-1] not in reached:
            reached.add(way[-1])
            ways += [(*way, one) for one in waits.get(way[-1], ())]
    return ()
