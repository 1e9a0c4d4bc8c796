"""What a page says of codes, in the words of the rules' own tables; instants from JSON as instants."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from app.domain.compartment import UNNAMED
from app.domain.terms import (
    CloseReason,
    DeclineReason,
    ExtendReason,
    FailReason,
    Grade,
    OverrideReason,
    PauseReason,
    ReturnReason,
    Rung,
    Safety,
    Term,
    WaiveReason,
)
from app.policy.basis import DEFAULT, Citation, on_paper
from app.policy.said import COLUMNS, STATES, STREETS, code_of, fact_name, fact_value
from app.web.words import Pair

__all__ = [
    "COLUMNS",
    "STATES",
    "STREETS",
    "by",
    "cited",
    "code_of",
    "coded",
    "fact_name",
    "fact_value",
    "in_the_way",
    "moment",
    "obstacle",
    "quoted",
    "short",
]
OBSTACLES: dict[str, Pair] = {
    "reporter_not_answered": ("尚未答复报告人", "The reporter has not been answered."),
    "post_assessment_missing": ("尚未完成后期评估", "The post-assessment is missing."),
    "child_not_found": ("孩子尚未找到", "The child has not been found."),
    "safety_not_verified": ("尚未核实每个孩子的安全", "Not every child's safety was verified."),
    "temporary_support_runs": ("临时生活救助尚未结束", "Temporary living support still runs."),
    "referrals_open": ("还有单位的任务未完成", "Tasks of agencies are open."),
    "procedures_open": ("还有单位未作第一步答复", "An agency owes the first answer of a procedure."),
    "duties_open": ("还有义务未完成", "Duties are open."),
}  # fmt: skip
REASONS = (ReturnReason, DeclineReason, ExtendReason, PauseReason, FailReason, CloseReason, WaiveReason)
SAID: dict[str, tuple[type[Term], ...]] = {
    "reason": REASONS, "override": (OverrideReason,), "rung": (Rung,), "grade": (Grade,), "safety": (Safety,),
}  # fmt: skip
"""Codes of events, by field."""


def coded(entry: Mapping[str, Any]) -> list[Pair]:
    """What an event says in codes beside its title: the reason that a person gave, the rung that was reached, the grade."""
    said = [(kind, entry.get(field)) for field, kinds in SAID.items() for kind in kinds]
    known = [kind._value2member_map_.get(value) for kind, value in said if isinstance(value, str)]
    return [(one.zh, one.en) for one in known if isinstance(one, Term)]


def obstacle(code: str) -> Pair:
    """What stands against closing."""
    return OBSTACLES.get(code, (code, code))


def in_the_way(facts: Mapping[str, Any]) -> Pair:
    """The obstacles that a refusal names, to be said behind it; nothing for one that names none."""
    named = [obstacle(code) for code in facts.get("obstacles", ())]
    return ("：" if named else "") + "；".join(zh for zh, _ in named), "".join(f" {en}" for _, en in named)


def by(account: str) -> Pair:
    """Who did something: an account as it is, the service, an unnamed reporter and who came by a unit's link in words."""
    if account.startswith("link-"):
        return f"上报链接 {short(account)}", f"link {short(account)}"
    return SERVICE.get(account, (account, account))


SERVICE: dict[str, Pair] = {
    "engine": ("系统", "the service"), "reporter": ("报告人", "the reporter"), "receipt": ("持回执编号者", "whoever holds the receipt"),
    UNNAMED: ("其他单位", "another agency"),
}  # fmt: skip
"""Accounts that are nobody's."""


def cited(sources: Iterable[str]) -> Pair:
    """What something rests on, as a document cites it."""
    said = "、".join(on_paper(sources))
    return said or "产品默认", said or "the product's default"


def quoted(source: Citation) -> tuple[Pair, Pair]:
    """The words of a source and where they stand; on a Chinese page no English remark of those who look after the sources."""
    if source.id == DEFAULT:
        return ("产品默认，非法律规定", source.text), ("产品默认", "default")
    clause = "、".join(on_paper([source.id])) or source.id
    return (source.text if _is_chinese(source.text) else "", source.text), (clause, f"{source.id} · {source.clause}")


def _is_chinese(text: str) -> bool:
    return sum("\u4e00" <= one <= "\u9fff" for one in text) > sum(one.isascii() and one.isalpha() for one in text)


def short(code: str) -> str:
    """The beginning of an id as a number that people can read out: 0D0F-4B1E of ch-0d0f4b1e6c1d..."""
    letters = code.rpartition("-")[2][:8].upper()
    return f"{letters[:4]}-{letters[4:]}" if len(letters) == 8 else letters


def moment(at: datetime | str) -> datetime:
    """An instant, also one that JSON carries as text."""
    return datetime.fromisoformat(at) if isinstance(at, str) else at
