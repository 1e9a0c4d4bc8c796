"""How pages speak: Chinese first, English second, and time as people say it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from app.api.boards import DUE_SOON
from app.domain.terms import Term

Pair = tuple[str, str]
BETWEEN = " · "
"""Parts the Chinese from the English where one text holds both, as the titles of problems do."""


def say(spoken: str, what: Any) -> str:
    """An official term, a pair, or a text in both languages, in the one that is spoken; any other text as it is."""
    if isinstance(what, Term):
        return what.en if spoken == "en" else what.zh
    if isinstance(what, tuple | list) and len(what) == 2:
        return str(what[spoken == "en"])
    zh, between, en = str(what).partition(BETWEEN)
    return en if between and spoken == "en" else zh


def speech(spoken: str) -> dict[str, Callable[..., str]]:
    """What templates speak with: `t("中文", "English")`, and `say(term)` for what has both names already."""
    return {"t": lambda zh, en: en if spoken == "en" else zh, "say": lambda what: say(spoken, what)}


class Left(NamedTuple):
    """Time left or overrun: the traffic light (r ■, a ▲, g ●, x none) and the words."""

    light: str
    words: Pair


def left(due_at: datetime | None, now: datetime, *, paused: bool = False) -> Left:
    """What a desk reads of a deadline."""
    if paused:
        return Left("x", ("已中止", "paused"))
    if due_at is None:
        return Left("x", ("无时限", "no deadline"))
    zh, en = span(abs(due_at - now))
    if due_at <= now:
        return Left("r", (f"超期 {zh}", f"{en} overdue"))
    return Left("a" if due_at - now <= DUE_SOON else "g", (f"剩 {zh}", f"{en} left"))


def lights(light: str) -> Pair:
    """What a light means, for whoever cannot see its shape."""
    return {"r": ("紧急", "urgent"), "a": ("注意", "attention"), "g": ("正常", "in order")}.get(light, ("", ""))


def span(length: timedelta) -> Pair:
    """Two units at most: 剩 1 天 4 小时, 3 小时 12 分, 48 分."""
    minutes = int(length.total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        parts = [(days, "天", "d"), (hours, "小时", "h")]
    elif hours:
        parts = [(hours, "小时", "h"), (minutes, "分", "min")]
    else:
        parts = [(minutes, "分", "min")]
    said = [part for part in parts if part[0]] or [parts[-1]]
    return " ".join(f"{n} {zh}" for n, zh, _ in said), " ".join(f"{n} {en}" for n, _, en in said)
