"""What a page says of codes: facts and findings in the words of the rules' own tables, instants from JSON as instants."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.benefits import Benefit, Result
from app.domain.determination import Category, PlacementCode, Standing
from app.domain.facts import Known, Relation, Sex, Whereabouts
from app.domain.terms import (
    CloseReason,
    DeclineReason,
    ExtendReason,
    FailReason,
    Grade,
    OverrideReason,
    PauseReason,
    ReporterClass,
    ReturnReason,
    Rung,
    Safety,
    Term,
    WaiveReason,
)
from app.policy.child_words import ASKED
from app.policy.words import FIELDS, NAMES
from app.web.words import Pair

COLUMNS: dict[str, Pair] = {
    "name": ("姓名", "Name"), "sex": ("性别", "Sex"), "birth_date": ("出生日期", "Born"), "birth_text": ("出生（口述）", "Born, as said"),
    "id_no": ("身份证号", "Identity number"), "phone": ("电话", "Telephone"), "hukou": ("户籍地", "Hukou"), "residence": ("住址", "Address"),
    "school": ("学校", "School"), "features": ("体貌特征", "Features"), "division": ("街道乡镇", "Division"),
    "guardians": ("监护人", "Guardians"), "class": ("报告人类别", "Kind of reporter"), "org": ("单位", "Organisation"), "unit": ("单位", "Unit"),
}  # fmt: skip
OBSTACLES: dict[str, Pair] = {
    "reporter_not_answered": ("尚未答复报告人", "The reporter has not been answered."),
    "post_assessment_missing": ("尚未完成后期评估", "The post-assessment is missing."),
    "child_not_found": ("孩子尚未找到", "The child has not been found."),
    "safety_not_verified": ("尚未核实每个孩子的安全", "Not every child's safety was verified."),
    "temporary_support_runs": ("临时生活救助尚未结束", "Temporary living support still runs."),
    "referrals_open": ("还有单位的任务未完成", "Tasks of agencies are open."),
    "duties_open": ("还有义务未完成", "Duties are open."),
}  # fmt: skip
STATES: dict[str, Pair] = {
    "sent": ("待受理", "to be accepted"), "accepted": ("办理中", "under way"), "returned": ("已退回补正", "returned for completion"),
    "open": ("进行中", "running"), "met": ("已完成", "done"), "dropped": ("已终止", "fell away"), "completed": ("已完成", "done"),
    "failed": ("未完成", "ended without result"), "declined": ("不受案", "declined"), "passed_on": ("已转办", "passed on"),
    "withdrawn": ("已撤回", "withdrawn"), "reassigned": ("已改派", "reassigned"), "silent": ("逾期转出", "left silent"),
}  # fmt: skip
"""Where a task stands: a leg by its state, a duty as `open`, `met` or `dropped`."""
CODES: tuple[type[Term], ...] = (
    Known,
    Category,
    Standing,
    PlacementCode,
    Benefit,
    Result,
    Relation,
    Whereabouts,
    ReporterClass,
    Sex,
    Grade,
)

REASONS = (ReturnReason, DeclineReason, ExtendReason, PauseReason, FailReason, CloseReason, WaiveReason)
SAID: dict[str, tuple[type[Term], ...]] = {
    "reason": REASONS, "override": (OverrideReason,), "rung": (Rung,), "grade": (Grade,), "safety": (Safety,),
}  # fmt: skip
"""Codes of events, by field."""


def fact_name(key: str) -> Pair:
    """What a column or a fact is called; the code where nobody has a word for it."""
    words = FIELDS.get(key) or ASKED.get(key) or NAMES.get(key)
    return COLUMNS.get(key) or ((words.zh, words.en) if words else (key, key))


def fact_value(value: Any) -> Pair:
    """A value in words; unknown facts are left out of a group of them."""
    if isinstance(value, Mapping):
        said = [
            (fact_name(key), fact_value(one)) for key, one in value.items() if one not in (None, "", "unknown", [], {})
        ]
        return "；".join(f"{n[0]}：{v[0]}" for n, v in said), "; ".join(f"{n[1]}: {v[1]}" for n, v in said)
    if isinstance(value, list | tuple):
        many = [fact_value(one) for one in value]
        return "、".join(zh for zh, _ in many), ", ".join(en for _, en in many)
    return next(
        ((kind(value).zh, kind(value).en) for kind in CODES if value in kind._value2member_map_),
        (str(value), str(value)),
    )


def code_of(kind: str, value: str) -> Pair:
    """One code of a known kind."""
    kinds: dict[str, type[Term]] = {one.__name__: one for one in CODES}
    found = kinds[kind]._value2member_map_.get(value)
    return (found.zh, found.en) if isinstance(found, Term) else (value, value)


def coded(entry: Mapping[str, Any]) -> list[Pair]:
    """What an event says in codes beside its title: the reason that a person gave, the rung that was reached, the grade."""
    said = [(kind, entry.get(field)) for field, kinds in SAID.items() for kind in kinds]
    known = [kind._value2member_map_.get(value) for kind, value in said if isinstance(value, str)]
    return [(one.zh, one.en) for one in known if isinstance(one, Term)]


def obstacle(code: str) -> Pair:
    """What stands against closing."""
    return OBSTACLES.get(code, (code, code))


def moment(at: datetime | str) -> datetime:
    """An instant, also one that JSON carries as text."""
    return datetime.fromisoformat(at) if isinstance(at, str) else at
