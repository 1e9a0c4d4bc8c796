"""What every process of the service does as it begins: logs are JSON lines, and garbage is collected seldom."""

import gc
import logging

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
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
