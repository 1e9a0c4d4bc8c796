"""What passes between the ledger and the conductor: ids, codes, instants and event bodies; never personal data."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.domain.terms import Agency, Stage


class Message(BaseModel):
    """Immutable, and carried encrypted."""

    model_config = ConfigDict(frozen=True)


class Conducting(Message):
    """Begin to conduct a stream; `resumed` runs fetch what has happened from the ledger."""

    stream_id: str
    resumed: bool = False


class Moved(Message):
    """The ledger moved on: the events after `since`, and which agencies are reached at their own system."""

    since: int
    events: tuple[dict[str, Any], ...]
    systems: tuple[Agency, ...] = ()


class At(Message):
    """A stream as the conductor knows it, at its time."""

    stream_id: str
    version: int
    now: datetime


class StageAt(At):
    """The stage that the conductor asks for."""

    stage: Stage


class RoundOrder(Message):
    """A screening round that a schedule calls for; `now` is the conductor's."""

    code: str
    now: datetime | None = None


class Order(At):
    """A referral that goes out to an agency's own system."""

    referral_id: str
    agency: Agency


class CheckOrder(Message):
    """What a schedule lets the ledger look at; `now` is the conductor's."""

    what: Literal["posts", "books", "duplicates"]
    since: datetime | None = None
    """When it was last looked for what has changed."""
    now: datetime | None = None
