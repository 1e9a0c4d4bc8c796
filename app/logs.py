"""Whether the logs go back far enough: as they lie beside the data, else as the operator says of the platform that keeps them."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import structlog

from app.settings import Settings

KEPT = timedelta(days=180)
"""网络安全法 第23条 (2025): network logs are kept for at least six months."""
BORN = Path("postgres") / "PG_VERSION"
"""Written once, when the private database of the data folder was made."""
NAMES = ("api.log", "worker.log")
FIRST_LINES = 50
"""Among these one says when it was written; a library may have printed something before it."""
SLACK = timedelta(days=1)
log = structlog.get_logger()


class Kept(NamedTuple):
    """Whether they go back so far, and what is to be said of it."""

    ok: bool
    detail: str


def kept(settings: Settings, now: datetime) -> Kept:
    """Files beside the data are looked at; where there are none, the operator's word counts."""
    folder = settings.data_dir
    if (folder / BORN).exists():
        return _beside(folder, now)
    ok = timedelta(days=settings.log_days) >= KEPT
    how = f"{settings.log_days} days"
    return Kept(ok, how if ok else f"{how}: keep them {KEPT.days} and say so in SHOUHU_LOG_DAYS")


def tell(settings: Settings, now: datetime) -> None:
    """At the start of a process: an alarm in the log. Nothing stops for it, for a report of a child must not wait for a log."""
    found = kept(settings, now)
    if not found.ok:
        log.error("logs_not_kept", detail=found.detail)


def _beside(folder: Path, now: datetime) -> Kept:
    """No file begins later than the service did, or than six months ago."""
    born = datetime.fromtimestamp((folder / BORN).stat().st_mtime, UTC)
    wanted = max(now - KEPT, born) + SLACK
    begins = {name: _begins(folder / name) or now for name in NAMES}
    late = [f"{name} begins {at:%Y-%m-%d}" for name, at in begins.items() if at > wanted]
    return Kept(not late, f"{'; '.join(late)}: nothing may cut or remove them before {KEPT.days} days"
                if late else f"since {max(begins.values()):%Y-%m-%d}")  # fmt: skip


def _begins(file: Path) -> datetime | None:
    if not file.exists():
        return None
    with file.open(encoding="utf-8", errors="replace") as lines:
        return next(_instants(islice(lines, FIRST_LINES)), None)


def _instants(lines: Iterable[str]) -> Iterator[datetime]:
    for line in lines:
        try:
            yield datetime.fromisoformat(json.loads(line)["timestamp"]).astimezone(UTC)
        except (ValueError, KeyError, TypeError):
            continue
