"""What every row of a pack has: an id, a condition that can be asked, and sources that may be shown."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from app.domain.clock import Budget
from app.policy.basis import citations
from app.policy.conditions import faults


def known_sources(basis: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what may not be shown as a source."""
    unknown = [source for source in basis if source not in citations()]
    if unknown or not basis:
        raise ValueError(f"no such source, or none that is law: {', '.join(unknown) or 'the basis is empty'}")
    return basis


def _can_be_asked(condition: str) -> str:
    if found := tuple(faults(condition)):
        raise ValueError("; ".join(found))
    return condition


def _budget(value: object) -> object:
    return Budget.parse(value) if isinstance(value, str) else value


Basis = Annotated[tuple[str, ...], AfterValidator(known_sources)]
Condition = Annotated[str, AfterValidator(_can_be_asked)]
Span = Annotated[Budget, BeforeValidator(_budget)]


class PackModel(BaseModel):
    """A row or table of the pack; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(PackModel):
    """Common to rows that fire on a condition."""

    id: str
    when: Condition = "true"
    basis: Basis
    interpretation: str = ""
    """Which reading was taken where the notice is unclear (guide A.17), or how a text of law was put into codes."""
