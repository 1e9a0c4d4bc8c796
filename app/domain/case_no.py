"""The number under which people speak of a case: WB-2026-000123, its year of filing in Beijing and its running number."""

import re
from datetime import datetime

from app.domain.working_time import BEIJING

SPOKEN = re.compile(r"(?:WB[-\s]?)?(?:(\d{4})[-\s])?0*(\d{1,9})", re.IGNORECASE)


def case_no(number: int, filed_at: datetime) -> str:
    """As it stands on pages and paper."""
    return f"WB-{filed_at.astimezone(BEIJING).year}-{number:06d}"


def means(said: str, number: int, filed_at: datetime) -> bool:
    """Whether what somebody typed is this case: by its running number, with its own year where one was typed."""
    found = SPOKEN.fullmatch(said.strip())
    year = filed_at.astimezone(BEIJING).year
    return found is not None and int(found[2]) == number and int(found[1] or year) == year


def number_in(said: str) -> int | None:
    """The running number in what somebody typed, with or without the rest; None where it is no case number."""
    found = SPOKEN.fullmatch(said.strip())
    return int(found[2]) if found else None
