"""What a reporter is asked, page by page, and the report that the answers make: nothing has to be known, and *not sure* is an answer."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from app.db.drafts import Said
from app.domain.access import Actor
from app.domain.facts import HarmBy, Known, Relation
from app.domain.submission import EARLIEST, Submission
from app.domain.terms import Agency, ReporterClass, Trigger
from app.domain.working_time import day_of
from app.web.forms import Form
from app.web.words import Pair

UNSURE = "unsure"
NOT_SURE: Pair = ("我不确定", "I am not sure")


class Step(NamedTuple):
    """A page of the wizard: its address, its question, and the fields in it."""

    name: str
    title: Pair
    fields: tuple[str, ...]
    many: tuple[str, ...] = ()


STEPS = (
    Step("now", ("孩子现在怎么样？", "How is the child right now?"), ("now",), ("now",)),
    Step("what", ("发生了什么情况？", "What has happened?"), ("situations", "harm_by", "own_unit"), ("situations", "harm_by")),
    Step(
        "child", ("是哪个孩子？", "Which child is it?"),
        ("name", "sex", "age", "school", "residence", "division", "carer", "relation", "carer_phone"),
    ),
    Step("seen", ("您看到或听到了什么？", "What did you see or hear?"), ("narrative", "happened_on")),
    Step("check", ("核对后提交", "Check and send"), ()),
)  # fmt: skip
BY_NAME = {step.name: step for step in STEPS}
NOW = (
    ("hurt", ("受伤了，或需要治疗", "Hurt, or in need of treatment")),
    ("alone", ("独自一人，没有大人在身边", "Alone, with no adult near")),
    (
        "nobody_tonight",
        ("今晚没有可靠的人照看，或接走的人可能伤害孩子", "Nobody fit to care tonight, or whoever does may do harm"),
    ),
    ("safe", ("暂时安全，有人照看", "Safe for now, somebody cares for the child")),
    (UNSURE, NOT_SURE),
)
WHAT = (
    (Trigger.SUSPECTED_DV.value, ("疑似被家里人打骂、虐待或忽视", "Perhaps beaten, abused or neglected at home")),
    (Trigger.SUSPECTED_UNLAWFUL_HARM.value, ("疑似受到侵害、欺凌或性侵", "Perhaps harmed, bullied or sexually abused")),
    (Trigger.SUSPECTED_ACCIDENT.value, ("身体有不明原因的伤", "Injuries that nobody explains")),
    (Trigger.UNGUARDED.value, ("没有监护人照看", "No guardian looks after the child")),
    (Trigger.LIVING_ALONE.value, ("独自居住生活", "Lives alone")),
    (Trigger.MISSING.value, ("失踪或失联", "Missing or out of contact")),
    (Trigger.BEGGING.value, ("流浪、乞讨，或被人利用", "On the street, begging, or being used")),
    (Trigger.DROPOUT.value, ("不上学了", "No longer at school")),
    (UNSURE, ("其他，或我不确定", "Something else, or I am not sure")),
)
WHO = (
    *((who.value, (who.zh, who.en.capitalize())) for who in HarmBy if who is not HarmBy.ORGANISER),
    (UNSURE, NOT_SURE),
)
OWN_UNIT = (
    ("no", ("不是", "No")),
    ("yes", ("是，怀疑本单位的人", "Yes, somebody of this unit")),
    (UNSURE, NOT_SURE),
)
SEX = (("female", ("女", "Girl")), ("male", ("男", "Boy")), (UNSURE, ("不清楚", "Not known")))
RELATIONS = tuple((one.value, (one.zh, one.en)) for one in Relation if one is not Relation.UNKNOWN)
CHOICES: Mapping[str, tuple[tuple[str, Pair], ...]] = {
    "now": NOW, "situations": WHAT, "harm_by": WHO, "own_unit": OWN_UNIT, "sex": SEX, "relation": RELATIONS,
}  # fmt: skip
LABELS: Mapping[str, Pair] = {
    "now": ("孩子现在", "The child now"),
    "situations": ("情形", "What has happened"),
    "harm_by": ("可能是谁", "Who it may be"),
    "own_unit": ("是否怀疑本单位的人", "Somebody of this unit suspected"),
    "name": ("姓名", "Name"),
    "sex": ("性别", "Girl or boy"),
    "age": ("年龄", "Age"),
    "school": ("学校班级", "School and class"),
    "residence": ("住在哪里", "Where the child lives"),
    "division": ("街道（镇）", "Street or town"),
    "carer": ("家长或照看人", "Parent or carer"),
    "relation": ("与孩子的关系", "Relation to the child"),
    "carer_phone": ("家长电话", "Their telephone"),
    "narrative": ("看到或听到的", "Seen or heard"),
    "happened_on": ("什么时候", "When"),
    "reporter": ("您的姓名", "Your name"),
    "phone": ("您的电话", "Your telephone"),
}
LONGEST = {"narrative": 20_000}
CLASS_OF = {
    Agency.SCHOOL: ReporterClass.SCHOOL, Agency.HOSPITAL: ReporterClass.MEDICAL, Agency.COMM: ReporterClass.COMMITTEE,
    Agency.HOTLINE: ReporterClass.HOTLINE, Agency.POLICE: ReporterClass.POLICE, Agency.SW: ReporterClass.SOCIAL_WORK,
    Agency.RESCUE: ReporterClass.RESCUE, Agency.CWI: ReporterClass.WELFARE,
}  # fmt: skip


AT_SCHOOL = (ReporterClass.SCHOOL, ReporterClass.KINDERGARTEN)
"""Of them the child's school is the reporter's own, unless they say otherwise."""


def said_on(step: Step, form: Form) -> Said:
    """What stands on this page as it was typed, cut to what can be kept; half a character and NUL cannot."""
    return {
        name: [_kept(name, value) for value in form.many(name)] if name in step.many else _kept(name, form.one(name))
        for name in step.fields
    }


def _kept(name: str, value: str) -> str:
    return value.replace("\x00", "").encode("utf-8", "ignore").decode()[: LONGEST.get(name, 500)]


NO_DAY: Pair = ("日期写法不对，例如 2026-03-12；不确定可以留空", "Write the day like 2026-03-12, or leave it empty.")
NEVER: Pair = (
    "日期晚于今天，或太早；不确定可以留空",
    "The day is in the future or too long ago; you may leave it empty.",
)


def examine(step: Step, form: Form, now: datetime) -> None:
    """The little that can be wrong."""
    day = form.one("happened_on")
    if step.name != "seen" or not day:
        return
    try:
        given = date.fromisoformat(day)
    except ValueError:
        form.wrong("happened_on", *NO_DAY)
        return
    if given.year < EARLIEST or given > day_of(now):
        form.wrong("happened_on", *NEVER)


def words_of(name: str, value: str) -> Pair:
    """What was answered, in words."""
    return next((words for code, words in CHOICES.get(name, ()) if code == value), (value, value))


def submission_of(
    said: Said, by: Actor, reporter_class: ReporterClass | None, files: list[str], unit: str | None = None
) -> Submission:  # fmt: skip
    """The report; raises ValidationError only where this room is wrong."""
    one, many = _reader(said)
    now, own = many("now"), one("own_unit") == "yes"
    age = one("age")
    child: dict[str, Any] = {
        **{name: one(name) or None for name in ("name", "school", "residence")},
        "residence_division": one("division") or None, "sex": one("sex") if one("sex") in ("female", "male") else None,
        "alone_now": Known.YES if "alone" in now else Known.UNKNOWN,
        **dict.fromkeys(("injured", "needs_treatment"), Known.YES if "hurt" in now else Known.UNKNOWN),
        **({"age_years": int(age)} if age.isdecimal() and int(age) < 18 else {"birth_text": age or None}),
    }  # fmt: skip
    carer = {"name": one("carer") or None, "phone": one("carer_phone") or None}
    if one("relation") in dict(RELATIONS):
        carer |= {"relation": Relation(one("relation")).zh, "facts": {"relation": one("relation")}}
    chosen = reporter_class or CLASS_OF.get(by.agency, ReporterClass.STATE_ORGAN)
    return Submission.model_validate(
        {
            "reporter": {"class": chosen, "org": unit, "name": one("reporter") or None, "phone": one("phone") or None},
            "children": [child],
            "family": [carer] if any(carer.values()) else [],
            "situations": [value for value in many("situations") if value != UNSURE],
            "harm_by": [value for value in many("harm_by") if value != UNSURE],
            "household": {"carer_available_tonight": Known.NO if "nobody_tonight" in now else Known.UNKNOWN},
            "narrative": one("narrative"),
            "happened_on": one("happened_on") or None,
            "about": [by.unit or by.desk] if own else [],
            "files": files,
        }
    )


def _reader(said: Said) -> tuple[Any, Any]:
    def one(name: str) -> str:
        value = said.get(name, "")
        return value if isinstance(value, str) else ""

    def many(name: str) -> list[str]:
        value = said.get(name, [])
        return value if isinstance(value, list) else []

    return one, many
