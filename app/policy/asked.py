"""A report as the tables of a pack see it: what is known of it and what the tables before have decided, to be asked any condition."""

from typing import Any

import cel

from app.policy.conditions import FAILURES, compiled


class ConditionFails(ValueError):
    """A condition has no answer for some report."""

    def __init__(self, condition: str, reason: str) -> None:
        super().__init__(reason)
        self.condition = condition


class Asked:
    """What is known of one report while the tables are gone through, handed to CEL once instead of once a row."""

    def __init__(self, known: dict[str, Any]) -> None:
        self._context = cel.Context(variables=known)

    def learn(self, **decided: Any) -> None:
        """Add what a table has decided."""
        self._context.update(decided)

    def holds(self, condition: str) -> bool:
        """Whether a condition is true of the report."""
        try:
            return compiled(condition).execute(self._context)
        except FAILURES as failure:
            raise ConditionFails(condition, str(failure).splitlines()[0]) from failure
