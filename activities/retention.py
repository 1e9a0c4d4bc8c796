"""The list of what is due for destruction; nothing is destroyed here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from app.db.retention import list_due
from app.policy.retention import retention_rules

log = structlog.get_logger()


@dataclass
class RetentionActivities:
    """Safe to run twice: a line is entered once, and brought to what it is today."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    @activity.defn(name="list_due")
    async def list_due(self) -> int:
        """By the rules of today."""
        async with self.engine.begin() as conn:
            waiting = await list_due(conn, retention_rules(), self.clock())
        log.info("retention_listed", waiting=waiting)
        return waiting
