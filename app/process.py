"""What every process of the service does as it begins: logs are JSON lines without personal data, and garbage is collected seldom."""

import gc
import json
import logging
from datetime import UTC, datetime
from traceback import extract_tb

import structlog

GARBAGE = (20_000, 20, 50)
"""A request makes some thousands of small values and keeps none: Python's own 700 would look for cycles several times in each."""


def begin(log_level: str) -> None:
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
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


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
