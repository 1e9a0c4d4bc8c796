"""A condition of the pack in words, Chinese and English, so that people need not read CEL."""

import re
from functools import cache
from typing import NamedTuple, get_args

from pydantic import BaseModel

from app.domain import facts, terms
from app.domain.facts import ChildFacts, GuardianFacts, HouseholdFacts, ReportFacts
from app.domain.terms import Term

TOKEN = re.compile(
    r"@has|@any|'[^']*'|\"[^\"]*\"|\w+\.(?:exists|all)\(\s*\w+\s*,|size\(\w+\)|&&|\|\||==|!=|>=|<=|[!<>()\[\],]|\w+(?:\.\w+)*"
)


class Words(NamedTuple):
    """The same in two languages."""

    zh: str
    en: str


HOLDS = re.compile(r"('[^']*'|\b\w+\b) in (\w+)")
"""`code in list` is said the other way round: the list has the code."""
ANY = re.compile(r"(\[[^\]]*\])\.exists\((\w+), \2 in (\w+)\)")
"""And so with a list of codes of which it has one."""
BOUND = re.compile(r"\.(?:exists|all)\(\s*(\w+)\s*,")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
MACROS = ("exists", "exists_one", "all", "filter", "map")
NO_NAMES = ("in", "size", "true", "false", "null")
OF_PEOPLE = re.compile(r"(\w+)\.(?:exists|exists_one|all|filter|map)\(\s*(\w+)\s*,")
WRITTEN = re.compile(r"'[^']*'|\"[^\"]*\"")
ALL = Words("所有报告", "every report")
OPERATORS = {
    "&&": Words("且", "and"), "||": Words("或", "or"), "!": Words("非", "not"), "==": Words("为", "is"),
    "!=": Words("不为", "is not"), "in": Words("属于", "is one of"), "@has": Words("含", "include"),
    "@any": Words("含其一", "include one of"), ",": Words("、", ","),
    ">=": Words("≥", "≥"), "<=": Words("≤", "≤"), "<": Words("＜", "<"), ">": Words("＞", ">"),
    "true": ALL, "null": Words("未知", "not known"),
}  # fmt: skip
NAMES = {
    "kind": Words("报告类型", "the kind of report"), "reporter": Words("报告人", "the reporter"), "hour": Words("钟点", "the hour"),
    "nine": Words("九种情形", "the nine situations"), "ticked": Words("勾选情形", "the ticked situations"),
    "triggers": Words("情形", "the situations"), "harm_by": Words("加害人", "who harmed"), "children": Words("儿童", "child"),
    "guardians": Words("监护人", "guardian"), "exploited": Words("被组织利用", "exploited by organisers"),
    "possible_duplicate": Words("可能重复报告", "a possible duplicate"), "carer": Words("当晚有合格照料人", "a fit carer tonight"),
    "housing_need": Words("住房困难", "in need of housing"), "left_behind": Words("留守儿童", "a child left behind"),
    "branch": Words("主要处置分支", "the leading branch"), "branches": Words("处置分支", "the branches"),
    "police": Words("公安应急处置", "a police branch"), "origin_unknown": Words("来历不明", "of unknown origin"),
    "urgent": Words("紧急", "urgent"), "has_children": Words("有未成年子女", "there are children"), "pupil": Words("在学", "a pupil"),
    "hurt": Words("受伤或需救治", "hurt or in need of treatment"), "disabled": Words("残疾", "disabled"),
    "illness_alone": Words("患病而无其他险情", "ill, and nothing points to another danger"),
    "ill": Words("重病", "gravely ill"), "cannot_attend": Words("不能到校", "unable to attend"),
    "out_of_school": Words("义务教育阶段失学", "out of compulsory school"), "girl": Words("女童", "a girl"),
    "working": Words("务工", "working"), "sibling_alone": Words("同住儿童独处", "another child of the home is alone"),
    "not_found": Words("有儿童尚未找到", "a child has not been found"), "lives_alone": Words("有儿童独居", "a child lives alone"),
    "small_and_alone": Words("不满八周岁独处", "under eight and alone"), "foundling": Words("弃婴", "a foundling"),
    "suspect": Words("监护人涉嫌加害", "a guardian is suspected of harm"),
    "guardians_in_doubt": Words("监护存疑", "guardianship in doubt"), "carer_at_home": Words("有监护人在家", "a guardian at home"),
    "detained": Words("监护人被拘留", "a guardian detained"), "sentenced": Words("监护人服刑或戒毒", "a guardian sentenced"),
    "persists_after_police": Words("监护人经公安教育不改", "a guardian goes on after the police have admonished"),
    "parents_locked_up": Words("父母均被限制人身自由", "both parents locked up"),
    "parents_dead": Words("父母双亡", "both parents dead"),
    "put_forward": Words("提出认定其他困境儿童", "a child is put forward as another child in difficulty"),
}  # fmt: skip
"""What conditions may ask of a report beside the fields of its facts."""
FIELDS = {
    "is_the_subject": Words("系被报告儿童", "the child reported"), "age_years": Words("年龄", "age"), "sex": Words("性别", "sex"),
    "identity_known": Words("身份明确", "identity known"), "hukou_in_district": Words("本区户籍", "hukou in the district"),
    "alone_now": Words("现在独处", "alone now"), "lives_alone": Words("独自居住", "lives alone"), "injured": Words("受伤", "injured"),
    "needs_treatment": Words("需要救治", "needs treatment"), "found": Words("已找到", "found"),
    "lost_family_support": Words("临时失去家庭依靠", "for now without the family's support"),
    "gravely_ill": Words("重病", "gravely ill"), "disabled": Words("残疾", "disabled"),
    "disability_grade": Words("残疾等级", "disability grade"), "school_stage": Words("学段", "school stage"),
    "attending": Words("在校就读", "attending school"), "unable_to_attend": Words("不能到校", "unable to attend"),
    "working": Words("务工", "working"), "relation": Words("与儿童关系", "relation"), "whereabouts": Words("去向", "whereabouts"),
    "suspected_of_harm": Words("涉嫌加害", "suspected of harm"), "able": Words("有监护能力", "able"),
    "willing": Words("愿意监护", "willing"), "reachable": Words("可联系", "reachable"),
    "is_guardian": Words("依法是监护人", "a guardian in law"), "lives_with_child": Words("与孩子同住", "lives with the child"),
    "lives_with_suspect": Words("与加害嫌疑人同住", "lives with the suspect"), "fit": Words("经核验适合照料", "found fit to care"),
    "delegated": Words("受书面委托照料", "entrusted in writing"), "neglects": Words("不履行监护职责", "neglects the child"),
    "persists_after_police": Words("经公安教育不改", "goes on after the police have admonished"),
    "sentenced": Words("被判处刑罚", "sentenced"), "community_correction": Words("社区矫正", "in community correction"),
    "uses_drugs": Words("吸毒", "uses drugs"), "gravely_disabled": Words("重度残疾", "gravely disabled"),
    "absence_verified": Words("经公安核实失联", "not to be found, as the police have confirmed"),
    "revoked": Words("监护人资格被撤销", "guardianship revoked"), "seeks_work": Words("正在求职", "looks for work"),
}  # fmt: skip
OF_NAME: dict[str, type[Term]] = {
    "kind": terms.ReportKind, "reporter": terms.ReporterClass, "ticked": terms.Trigger, "triggers": terms.Trigger,
    "branch": terms.Branch, "branches": terms.Branch, "harm_by": facts.HarmBy,
}  # fmt: skip
"""Whose codes stand beside a name."""


@cache
def in_words(condition: str) -> Words:
    """The condition as people say it; a name without words stays as it is."""
    tokens = TOKEN.findall(HOLDS.sub(r"\2 @has \1", ANY.sub(r"\3 @any \1", condition)))
    bound = set(BOUND.findall(condition))
    said = [IT if token in bound else _said(tokens, n) for n, token in enumerate(tokens)]
    zh = "".join(one.zh for one in said).translate(str.maketrans("()[]", "（）〔〕"))
    en = " ".join(one.en for one in said)
    return Words(zh, re.sub(r" ([),\]])|([(\[]) ", r"\1\2", en))


@cache
def names_in(condition: str) -> frozenset[str]:
    """What it asks of the report: names, and of its people each field by list and name, as `children.injured`."""
    plain = WRITTEN.sub("", condition)
    of = {variable: many for many, variable in OF_PEOPLE.findall(plain)}
    said = (token.split(".") for token in NAME.findall(plain))
    dotted = ([of.get(head, head), *(one for one in more if one not in MACROS)] for head, *more in said)
    return frozenset(".".join(name) for name in dotted if name[0] not in NO_NAMES)


IT = Words("其", "it")


def _said(tokens: list[str], n: int) -> Words:
    token = tokens[n]
    if token[0] in "'\"":
        return _code(token[1:-1], _near(tokens, n))
    if token in OPERATORS:
        return OPERATORS[token]
    if BOUND.search(token):
        many = NAMES.get(token.partition(".")[0]) or Words(*[token.partition(".")[0]] * 2)
        every = ".all(" in token
        return Words(f"{'每一' if every else '任一'}{many.zh}（", f"{'every' if every else 'some'} {many.en} (")
    if token.startswith("size("):
        counted = NAMES.get(token[5:-1]) or Words(*[token[5:-1]] * 2)
        return Words(f"{counted.zh}数", f"the number of {counted.en}")
    name = token.rpartition(".")[2]
    return (FIELDS if "." in token else NAMES).get(name) or Words(name, name)


def _near(tokens: list[str], n: int) -> type[Term] | None:
    """The list of codes that a code is of: that of the last name before it."""
    return next((kind for token in reversed(tokens[:n]) if (kind := _kind([token]))), None)


def _kind(tokens: list[str]) -> type[Term] | None:
    name = tokens[0] if tokens else ""
    return OF_NAME.get(name.partition(".")[0]) or _of_field().get(name.rpartition(".")[2])


@cache
def _of_field() -> dict[str, type[Term]]:
    models: tuple[type[BaseModel], ...] = (ChildFacts, GuardianFacts, HouseholdFacts, ReportFacts)
    found: dict[str, type[Term]] = {}
    for model in models:
        for name, info in model.model_fields.items():
            for kind in (info.annotation, *get_args(info.annotation)):
                if isinstance(kind, type) and issubclass(kind, Term):
                    found[name] = kind
    return found | {"carer": facts.Known, "housing_need": facts.Known}


def _code(code: str, kind: type[Term] | None) -> Words:
    for one in ([kind] if kind else []) + _kinds():
        if code in {term.value for term in one}:
            return Words(one(code).zh, one(code).en)
    return Words(code or "无", code or "none")


@cache
def _kinds() -> list[type[Term]]:
    found = [kind for room in (terms, facts) for kind in vars(room).values() if isinstance(kind, type)]
    return [kind for kind in found if issubclass(kind, Term) and kind is not Term]
