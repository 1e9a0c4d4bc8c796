"""What people type: text that can be kept, and forms in which a misspelt field is an error."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

HALF = re.compile("[\ud800-\udfff]")


def _can_be_kept(value: object) -> object:
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("含有无法保存的空字符 · a NUL character cannot be kept")
    if isinstance(value, str) and HALF.search(value):
        raise ValueError("含有不完整的字符 · half a character cannot be kept")
    return value


Text = Annotated[str, BeforeValidator(_can_be_kept), Field(max_length=500)]
LongText = Annotated[str, BeforeValidator(_can_be_kept), Field(max_length=20_000)]


def _of_our_days(at: datetime) -> datetime:
    if not EARLIEST <= at.year < LATEST:
        raise ValueError(f"须在{EARLIEST}年至{LATEST}年之间 · has to lie between {EARLIEST} and {LATEST}")
    return at


EARLIEST, LATEST = 1900, 2200
"""Years between which every zone and calendar can reckon; default."""
Instant = Annotated[AwareDatetime, AfterValidator(_of_our_days)]


class Form(BaseModel):
    """A form or a part of one; a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid")
