"""What another version of the rules would have done otherwise in a past case (dry_run), in words, Chinese and English."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from app.domain.benefits import Benefit
from app.domain.determination import Category
from app.domain.terms import Agency, Stage, Term
from app.policy.disclosure_words import PARTS, fields_in_words, task_in_words
from app.policy.dry_run import Otherwise
from app.policy.pack_file import PackFile
from app.policy.said import fact_value
from app.policy.words import Words

NONE = Words("无", "none")
PLAIN = {
    "triggers": Words("情形", "situations"), "urgency": Words("紧急程度", "urgency"), "branch": Words("处置分支", "branch"),
    "left_behind": Words("留守儿童", "a child left behind"), "lead": Words("牵头单位", "lead agency"),
    "must_not_notify": Words("不得告知的人", "who must not be told"),
    "closes_only_when_found": Words("找到孩子后方可办结", "closes only once the child is found"),
    "multi_difficulty": Words("多重困境", "in several difficulties"), "placement": Words("安置建议", "proposed placement"),
    "grade": Words("风险等级建议", "proposed grade"),
}  # fmt: skip
PARTS_OF_TASK = {
    "agency": Words("责任单位", "agency"), "holder": Words("责任单位", "agency"), "task": Words("任务", "task"),
    "code": Words("任务类别", "kind of task"),
    "fallback": Words("拒绝或逾期时由谁接手", "who takes it where it is refused or left silent"),
    "assessment": Words("属于评估", "it assesses"), "step": Words("次序", "its turn"), "accept": Words("受理时限", "to be accepted in"),
    "finish": Words("办结时限", "to be done in"), "time": Words("时限", "to be done in"), "gate": Words("何时开始", "when it begins"),
    "ladder": Words("逐级预警", "rungs"), "stage": Words("阶段", "stage"), "after_step": Words("在此次序之后", "after turn"),
    "or_after": Words("或在此任务完成后", "or once this is done"), "events": Words("或发生", "or once this has happened"),
}  # fmt: skip
HAPPENS = {
    "child_safe": Words("孩子已安全", "the child is safe"), "child_found": Words("孩子已找到", "the child is found"),
    "guardian_sentenced": Words("监护人被判刑", "a guardian is sentenced"), "plan_adopted": Words("帮扶方案已确定", "the plan is adopted"),
    "duplicate_cleared": Words("已排除重复报告", "it is no duplicate"),
    "start": Words("开始时", "at the start"), "due": Words("到期时", "when due"),
}  # fmt: skip
UNITS = {"second": "秒", "minute": "分钟", "hour": "小时", "day": "天", "working day": "个工作日", "month": "个月"}


class InWords(NamedTuple):
    """One difference as people read it; `child_id` where it is of one child of the case."""

    child_id: str | None
    what: Words
    before: Words
    after: Words


def otherwise_in_words(one: Otherwise, old: PackFile, new: PackFile) -> InWords:
    """What differs, how it was under the old version and how it would be under the new."""
    named = _Names(old, new)
    head, _, rest = one.what.partition(" ")
    if ":told:" in one.what:
        leg, _, part = one.what.partition(":told:")
        what = _said("告知", "told to ", named.leg(leg), PARTS.get(part, Words(part, part)))
        return InWords(None, what, *(_told(part, value) for value in (one.before, one.after)))
    if head in ("route", "duty") and rest:
        title = named.leg(rest) if head == "route" else named.task(rest)
        what = _said("转介", "referral: ", title) if head == "route" else _said("法定事项", "duty: ", title)
        return InWords(None, what, *_of_task(one.before, one.after, named))
    if rest:
        return InWords(head, _of_child(rest, named), *(_value(value) for value in (one.before, one.after)))
    return InWords(None, PLAIN.get(head, Words(head, head)), *(_value(value) for value in (one.before, one.after)))


class _Names:
    """What both versions call their rows."""

    def __init__(self, old: PackFile, new: PackFile) -> None:
        self._files = (new, old)

    def leg(self, row: str) -> Words:
        """The agency of a leg with its task, or the one that takes it where that agency refuses or stays silent."""
        leg, _, taker = row.partition(":fallback:")
        found = next((one for file in self._files for one in file.routes if one.id == leg), None)
        if found is None:
            return Words(row, row)
        agency = Agency(taker) if taker else found.agency
        instead = Words(f"（代{found.agency.zh}）", f" instead of {found.agency.en}") if taker else Words("", "")
        return Words(f"{agency.zh}{instead.zh}：{found.zh}", f"{agency.en}{instead.en}, {found.en}")

    def task(self, code: str) -> Words:
        """A duty, a step, or what legs with this task have in common."""
        for file in self._files:
            of: Mapping[str, Any] = {**{duty.code: duty for duty in file.duties}, **file.step_rows}
            if code in of:
                return Words(of[code].zh, of[code].en)
        new, old = (task_in_words(code, file) for file in self._files)
        return old if new.zh == code else new

    def record(self, row: str) -> Words:
        """A paper that is owed."""
        found = next((one for file in self._files for one in file.records if one.id == row), None)
        return Words(found.zh, found.en) if found else Words(row, row)

    def happening(self, event: str) -> Words:
        """What a task waits for."""
        if event.startswith("expired:"):
            duty = self.task(event.removeprefix("expired:"))
            return Words(f"{duty.zh}期满", f"{duty.en} has run out")
        return HAPPENS.get(event) or self.task(event.partition("=")[0])


def _said(zh: str, en: str, *parts: Words) -> Words:
    return Words("：".join((zh, *(one.zh for one in parts))), en + ": ".join(one.en for one in parts))


def _of_child(name: str, named: _Names) -> Words:
    kind, _, code = name.partition(" ")
    if kind == "category":
        return _said("困境类别", "category: ", Words(Category(code).zh, Category(code).en))
    if kind == "benefit":
        return _said("保障待遇", "benefit: ", _benefits(code))
    return _said("应建记录", "record: ", named.record(code)) if kind == "record" else PLAIN.get(name, Words(name, name))


def _benefits(code: str) -> Words:
    """One, or how several stand to each other: B_DB+B_TK, EXCLUSIVE{B_DIFF,B_TK}."""
    several = [Words(Benefit(one).zh, Benefit(one).en) for one in re.findall(r"\w+", code) if one in set(Benefit)]
    zh, en = ("、", " or ") if code.startswith("EXCLUSIVE") else ("与", " with ")
    return (
        Words(zh.join(one.zh for one in several), en.join(one.en for one in several)) if several else Words(code, code)
    )


def _told(part: str, fields: tuple[str, ...] | None) -> Words:
    return fields_in_words(part, fields) if fields else Words("不告知", "is not told")


def _of_task(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, named: _Names) -> tuple[Words, Words]:
    """Only what differs of a task that both have; of one that only one of them has, who does it and in what time."""
    if before is None or after is None:
        brief = ("agency", "holder", "accept", "finish", "time")
        both = [one and {name: one[name] for name in brief if name in one} for one in (before, after)]
    else:
        other = [name for name in before if before[name] != after.get(name)]
        both = [{name: one.get(name) for name in other} for one in (before, after)]
    was, would_be = (Words("无此任务", "no such task") if one is None else _parts(one, named) for one in both)
    return was, would_be


def _parts(fields: Mapping[str, Any], named: _Names) -> Words:
    said = [(PARTS_OF_TASK.get(name, Words(name, name)), _part(name, value, named)) for name, value in fields.items()]
    return Words("；".join(f"{n.zh}：{v.zh}" for n, v in said), "; ".join(f"{n.en}: {v.en}" for n, v in said))


def _part(name: str, value: Any, named: _Names) -> Words:
    speaks: dict[str, Callable[[str], Words]] = {"or_after": named.leg, "events": named.happening, "ladder": _span}
    if name == "gate":
        return _parts(value, named) if value else Words("立即", "at once")
    if name == "stage":
        return Words(Stage(value).zh, Stage(value).en)
    if name == "holder" and value is None:
        return Words("牵头单位", "the lead agency")
    if name == "code":
        return named.task(value)
    if name in ("accept", "finish", "time"):
        return _span(value)
    return _list([speaks[name](one) for one in value]) if name in speaks else _value(value)


def _span(written: str) -> Words:
    """A budget as it is written, or a place on its clock: 3 working days, due."""
    amount, _, unit = written.partition(" ")
    zh = UNITS.get(unit.removesuffix("s"))
    return Words(f"{amount}{zh}", written) if zh else HAPPENS.get(written, Words(written, written))


def _value(value: Any) -> Words:
    match value:
        case None | () | []:
            return NONE
        case bool():
            return Words("是", "yes") if value else Words("否", "no")
        case Term():
            return Words(value.zh, value.en)
        case str() if value.startswith("guardian:"):
            number = int(value.partition(":")[2]) + 1
            return Words(f"第{number}名监护人", f"guardian {number}")
        case "owed":
            return Words("应建", "owed")
        case list() | tuple():
            return _list([_value(one) for one in value])
        case _:
            return Words(*fact_value(value))


def _list(said: list[Words]) -> Words:
    return Words("、".join(one.zh for one in said), ", ".join(one.en for one in said)) if said else NONE
