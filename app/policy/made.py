"""Reports made up at random, from the types of the facts alone: what a pack is tried on before it meets a child."""

import random
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from itertools import cycle
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from app.domain.facts import Relation, ReportFacts, Whereabouts

DAY = datetime(2026, 4, 15, tzinfo=UTC)
COUNTS = (0, 1, 1, 2, 3)
"""How many children, guardians or codes a report has."""
BY_PARENTS = 0.7
"""How many of the guardians are parents, as most are."""
TOGETHER = 0.4
"""In how many reports all guardians are in the same place or state, as parents often are."""
HIGHEST = 20
"""Of a number that its fact leaves open."""


def made(seed: int) -> ReportFacts:
    """The same report for the same seed."""
    draw = random.Random(seed)
    return _Maker(draw, draw.choice((0.2, 0.5, 0.8))).of(ReportFacts)


class _Maker:
    def __init__(self, draw: random.Random, said: float) -> None:
        self._draw, self._said, self._made = draw, said, 0
        self._parents = cycle((Relation.FATHER, Relation.MOTHER))
        self._all_are = draw.choice(list(Whereabouts)) if draw.random() < TOGETHER else None

    def of(self, model: type[Any]) -> Any:
        """A value of the model; most facts that may stay unknown do so with the chance that this report has."""
        self._made += 1
        return model.model_validate(
            {name: self._fact(name, info) for name, info in model.model_fields.items() if self._is_said(info)}
        )

    def _is_said(self, info: FieldInfo) -> bool:
        known = info.annotation is Relation or (info.annotation is Whereabouts and self._all_are)
        return bool(info.is_required() or known or self._draw.random() < self._said)

    def _fact(self, name: str, info: FieldInfo) -> Any:
        if info.annotation is str:
            return info.default if not info.is_required() else f"{name}-{self._made}"
        return self._value(info.annotation, info.metadata)

    def _value(self, kind: Any, limits: list[Any]) -> Any:
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self._value(args[0], [*limits, *args[1:]])
        if origin in (Union, UnionType):
            return self._value(self._draw.choice(args), limits)
        if origin is tuple:
            return tuple(self._value(args[0], []) for _ in range(self._draw.choice(COUNTS)))
        return self._single(kind, limits)

    def _single(self, kind: Any, limits: list[Any]) -> Any:
        if kind is NoneType:
            return None
        if kind in (datetime, AwareDatetime):
            return DAY + timedelta(hours=self._draw.randrange(24))
        if kind is date:
            return (DAY - timedelta(days=self._draw.randrange(400))).date()
        if kind is Relation and self._draw.random() < BY_PARENTS:
            return next(self._parents)
        if kind is Whereabouts and self._all_are:
            return self._all_are
        if issubclass(kind, Enum):
            return self._draw.choice(list(kind))
        if issubclass(kind, BaseModel):
            return self.of(kind)
        if issubclass(kind, bool):
            return self._draw.random() < 0.3
        if issubclass(kind, int):
            return self._number(limits)
        raise TypeError(f"no way to make up a {kind}")

    def _number(self, limits: list[Any]) -> int:
        low, high = 0, HIGHEST
        for limit in (one for info in limits for one in getattr(info, "metadata", [info])):
            low = max(low, getattr(limit, "ge", low), getattr(limit, "gt", low - 1) + 1)
            high = min(high, getattr(limit, "le", high), getattr(limit, "lt", high + 1) - 1)
        return self._draw.randint(low, high)
