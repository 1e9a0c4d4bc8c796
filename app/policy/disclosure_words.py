"""Disclosure lists in words, Chinese and English: who is told what, and what another version would tell more or less."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from app.domain.disclosure_lists import SWITCHES, DisclosureList
from app.domain.terms import Agency, Service
from app.policy.disclosure_rows import Difference
from app.policy.said import fact_name
from app.policy.words import Words

if TYPE_CHECKING:
    from app.policy.pack_file import PackFile

PARTS = {
    "children": Words("儿童", "of the children"), "family": Words("家庭成员", "of the family"),
    "kin": Words("可联系的亲属", "of the kin to be reached"), "household": Words("家庭状况", "of the household"),
    "conditions": Words("健康和就学", "of health and school"), "branch": Words("处置分支", "how the police respond"),
    "narrative": Words("报告内容", "the words of the report"), "suspects": Words("涉嫌加害的人", "whoever is suspected of harm"),
    "everything": Words("案件全部内容", "all of the case"),
}  # fmt: skip
OF_PERSON = {
    "birth_date": Words("出生日期", "date of birth"), "birth_text": Words("出生（口述）", "age as told"),
    "division": Words("街道乡镇", "street or town"), "note": Words("情况说明", "what was noted"),
    "facts": Words("监护情况", "what is known of their care"),
}  # fmt: skip
OTHERS = Words("其他各单位", "All other agencies")


def told_in_words(row: DisclosureList) -> Words:
    """What a list tells, part by part."""
    said = [fields_in_words(part, getattr(row, part) if part not in SWITCHES else (part,)) for part in row.parts]
    if row.without_suspects:
        said.append(Words("不含涉嫌加害的人", "nobody who is suspected of harm"))
    return Words("；".join(one.zh for one in said), "; ".join(one.en for one in said))


def fields_in_words(part: str, fields: Sequence[str]) -> Words:
    """Fields of one part; a part that is told as a whole by its own name."""
    named = PARTS.get(part, Words(part, part))
    if list(fields) == [part]:
        return named
    said = [OF_PERSON.get(field) or Words(*fact_name(field)) for field in fields]
    return Words(
        f"{named.zh}：{'、'.join(one.zh for one in said)}", f"{named.en}: {', '.join(one.en for one in said).lower()}"
    )


def whose(agencies: Iterable[Agency], tasks: Iterable[str], file: "PackFile") -> Words:
    """Whom a list is for."""
    who, named = list(agencies), [task_in_words(task, file) for task in tasks]
    zh = "、".join(one.zh for one in who) or OTHERS.zh
    en = ", ".join(one.en for one in who) or OTHERS.en
    if not named:
        return Words(zh, en)
    return Words(f"{zh}（{'；'.join(one.zh for one in named)}）", f"{en} ({'; '.join(one.en for one in named)})")


def in_a_sentence(found: Difference, file: "PackFile") -> Words:
    """Such as: Civil Affairs would now also see: of the children: telephone."""
    who = whose([found.agency] if found.agency else [], [found.task] if found.task else [], file)
    who = _in_row(who, found, file) if found.row else who
    what = fields_in_words(found.part, found.fields)
    if found.is_more:
        return Words(f"{who.zh}将增加告知：{what.zh}", f"{who.en} would now also see: {what.en}")
    return Words(f"{who.zh}将不再告知：{what.zh}", f"{who.en} would no longer see: {what.en}")


def _in_row(who: Words, found: Difference, file: "PackFile") -> Words:
    """The agency with the leg whose row says otherwise, or as the lead; a leg that went by its id."""
    if found.table == "leads":
        return Words(f"{who.zh}（牵头，{found.row}）", f"{who.en} (as the lead, {found.row})")
    leg = next((Words(row.zh, row.en) for row in file.routes if row.id == found.row), Words(found.row, found.row))
    return Words(f"{who.zh}（{leg.zh}）", f"{who.en} ({leg.en})")


def task_in_words(task: str, file: "PackFile") -> Words:
    """The shortest of what its rows call it: what they add is of their case."""
    known = [Words(row.zh, row.en) for row in file.routes if row.task == task]
    known += [Words(one.zh, one.en) for one in Service if one.value == task]
    return min(known, key=lambda one: len(one.zh), default=Words(task, task))
