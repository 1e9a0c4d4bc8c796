"""Codes in the words of the rules' own tables, Chinese and English: facts and findings of a case, streets, where a task stands."""

from collections.abc import Mapping
from typing import Any

from app.district import DIVISIONS
from app.domain.benefits import Benefit, Result
from app.domain.child_terms import FileField, HukouPlace
from app.domain.determination import Category, PlacementCode, Standing
from app.domain.facts import Known, Relation, Sex, Whereabouts
from app.domain.terms import Grade, ReporterClass, Term
from app.policy.child_words import ASKED
from app.policy.words import FIELDS, NAMES

Pair = tuple[str, str]
COLUMNS: dict[str, Pair] = {
    "name": ("姓名", "Name"), "sex": ("性别", "Sex"), "birth_date": ("出生日期", "Born"), "birth_text": ("出生（口述）", "Born, as said"),
    "id_no": ("身份证号", "Identity number"), "phone": ("电话", "Telephone"), "hukou": ("户籍地", "Hukou"), "residence": ("住址", "Address"),
    "school": ("学校", "School"), "features": ("体貌特征", "Features"), "division": ("街道乡镇", "Division"),
    "guardians": ("监护人", "Guardians"), "class": ("报告人类别", "Kind of reporter"),
    "note": ("情况说明", "Note"), "text": ("信号内容", "What was said"), "count": ("次数", "How often"),
    "reporter_class": ("报告人类别", "Kind of reporter"), "org": ("单位", "Organisation"), "unit": ("单位", "Unit"),
}  # fmt: skip
STATES: dict[str, Pair] = {
    "sent": ("待受理", "to be accepted"), "accepted": ("办理中", "under way"), "returned": ("已退回补正", "returned for completion"),
    "open": ("进行中", "running"), "met": ("已完成", "done"), "dropped": ("已终止", "fell away"), "completed": ("已完成", "done"),
    "failed": ("未完成", "ended without result"), "declined": ("不受案", "declined"), "passed_on": ("已转办", "passed on"),
    "withdrawn": ("已撤回", "withdrawn"), "reassigned": ("已改派", "reassigned"), "silent": ("逾期转出", "left silent"),
}  # fmt: skip
"""Where a task stands: a leg by its state, a duty as `open`, `met` or `dropped`."""
STREETS = {one.code: one.name for one in DIVISIONS}
PLACES = ("division", "residence_division", "hukou_division")
"""Fields that hold the code of a street or town."""
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


def fact_name(key: str) -> Pair:
    """What a column or a fact is called; the code where nobody has a word for it."""
    words = FIELDS.get(key) or ASKED.get(key) or NAMES.get(key)
    field = FileField._value2member_map_.get(key)
    return (
        COLUMNS.get(key)
        or ((words.zh, words.en) if words else None)
        or ((field.zh, field.en) if isinstance(field, FileField) else (key, key))
    )


def fact_value(value: Any, key: str = "") -> Pair:
    """A value in words, a street by its name; unknown facts are left out of a group of them."""
    if key in PLACES and value in STREETS:
        return STREETS[value], STREETS[value]
    if key == FileField.HUKOU_DIVISION and value == HukouPlace.OUTSIDE:
        return HukouPlace.OUTSIDE.zh, HukouPlace.OUTSIDE.en
    if isinstance(value, Mapping):
        said = [
            (fact_name(key), fact_value(one, key))
            for key, one in value.items()
            if one not in (None, "", "unknown", [], {})
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
