"""What every process of the service does as it begins: logs are JSON lines without personal data, nobody is left a picture of its memory,
and garbage is sought only in what came after."""

import asyncio
import gc
import json
import logging
import resource
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from traceback import extract_tb
from typing import TypeVar

import structlog

from app import GARBAGE

FIRST_WAIT, LONGEST_WAIT = 0.5, 4.0
"""Seconds between two tries to reach a server that is away."""
Reached = TypeVar("Reached")
log = structlog.get_logger()


def begin(log_level: str, *, garbage: tuple[int, int, int] = GARBAGE) -> None:
    """Call once, when everything is imported."""
    level = logging.getLevelNamesMapping().get(log_level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    lines = logging.StreamHandler()
    lines.setFormatter(Lines())
    logging.basicConfig(handlers=[lines], level=max(level, logging.WARNING), force=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*garbage)


async def patiently(
    server: str, reach: Callable[[], Awaitable[Reached]], is_away: Callable[[Exception], bool]
) -> Reached:
    """What `reach` brings, once that server is there: one line for each failed try, and a wait that doubles up to its bound."""
    wait = FIRST_WAIT
    while True:
        try:
            return await reach()
        except Exception as failure:
            if not is_away(failure):
                raise
            log.warning("waits_for_server", server=server, cause=type(failure).__name__, seconds=wait)
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


class Lines(logging.Formatter):
    """What libraries log: where, and of an error its kind. Its text may quote a person, so it is shown only where it is ours."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON line."""
        line = {"logger": record.name, "at": f"{record.module}:{record.lineno}", "level": record.levelname.lower()}
        if record.name != "asyncio":  # whose messages hold the text of the error
            line["event"] = str(record.msg).partition("\n")[0][:200]
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["cause"] = type(error).__name__
            line["raised"] = "; ".join(f"{frame.name}:{frame.lineno}" for frame in extract_tb(error.__traceback__)[-6:])
            if type(error).__module__.startswith("app."):
                line["text"] = str(error)
        return json.dumps(line | {"timestamp": datetime.now(UTC).isoformat()}, ensure_ascii=False)
