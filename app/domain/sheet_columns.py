"""The columns of a book's sheet: how each is called, what may be picked, what to write, and what of it an import enters."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from app.domain.child_terms import WHOLE, FileField, Found, HukouPlace
from app.domain.facts import Known, Relation, Sex
from app.domain.ledgers import COLUMNS, RowsOf
from app.domain.terms import Grade, Service
from app.domain.unread import NOT_READ, WHY_NOT
from app.domain.visit import Acknowledgement, Finding, Guardianship, ParentContact, Supervision

KEY = "child_id"
JOINED = "、"


@dataclass(frozen=True)
class SheetColumn:
    """A column of a sheet. `enters` is the field of the child's file that it fills, none where the system makes the value."""

    code: str
    zh: str
    en: str
    column: str
    enters: FileField | None = None
    part: str = ""
    picks: tuple[str, ...] = ()
    note: str = ""
    example: str = ""
    care: str = ""
    """Which part of an arrangement with a delegate it is (app/domain/sheet_care.py)."""
    visit: str = ""
    """Which part of a visit it is (app/domain/sheet_visits.py)."""

    def __hash__(self) -> int:
        """By the code alone: a sheet of 50,000 rows asks for it a million times."""
        return hash(self.code)

    @property
    def is_read(self) -> bool:
        """Whether an import of children reads it in every row."""
        return self.enters is not None or bool(self.care) or self.code == KEY

    def is_used(self, rows_of: RowsOf) -> bool:
        """Whether an import of such rows does something with it: a visit finds its child and is entered, cases and benefits are compared."""
        match rows_of:
            case RowsOf.CHILDREN:
                return self.is_read
            case RowsOf.VISITS:
                return bool(self.visit) or self.code in (KEY, *FINDS)
            case _:
                return bool(self.column) or self.code == KEY


MEANS = (
    ("on_minimum_living", "低保", "on minimum living"), ("low_income", "低收入", "low income"),
    ("on_destitute_support", "特困供养", "on destitute support"),
)  # fmt: skip
NOT_TYPED = (FileField.GUARDIANS, FileField.FEATURES, *WHOLE)
KIN = {"guardian_names": "name", "guardian_relations": "relation", "guardian_phones": "phone"}
SEVERAL = f"多人以“{JOINED}”分隔，顺序与姓名一致"
NOTES = {
    FileField.NAME: ("户口簿上的姓名", "欧阳小满（化名）"), FileField.SEX: ("", Sex.FEMALE.zh),
    FileField.BIRTH_DATE: ("如2016-05-06", "2016-05-06"), FileField.ID_NO: ("18位，文本格式", "110106201605060024"),
    FileField.PHONE: ("手机或带区号的座机", "13800001234"), FileField.RESIDENCE: ("详细到门牌号", "玉泉营示例路1号"),
    FileField.COMMUNITY: ("从本街乡（镇）社区（村）名录中选择；名录在“登记册”中登记", ""),
    FileField.SCHOOL: ("学校全称", "示例三小（化名）"), FileField.SCHOOL_CLASS: ("", "三年级（2）班"),
    FileField.HEALTH: ("疾病、残疾、用药", "良好"), FileField.HOUSEHOLD: ("同住人员与住房", "祖孙三代同住，租房"),
}  # fmt: skip
"""What to write, and an example that is nobody."""


def layout_of(
    rows_of: RowsOf, codes: Collection[str], divisions: Mapping[str, str], *, cares: bool = False,
    communities: Collection[str] = (),
) -> tuple[SheetColumn, ...]:  # fmt: skip
    """The columns that an import of such rows knows. A row of a visit, a case or a benefit names its child also by number or birthday."""
    if rows_of is RowsOf.CHILDREN:
        return layout(codes, divisions, cares=cares, communities=communities)
    wanted = [*(code for code in FINDS if code not in codes), *codes]
    made = (replace(column, note=NUMBERED) if column.code == KEY else column for column in layout(wanted, divisions))
    if rows_of is not RowsOf.VISITS:
        return tuple(made)
    return (*(VISIT.get(column.code, column) for column in made), SEEN)


def layout(
    codes: Iterable[str], divisions: Mapping[str, str], *, cares: bool = False, communities: Collection[str] = ()
) -> tuple[SheetColumn, ...]:
    """The columns of a book's sheet, the child's number first. `divisions` are the names of streets by code, `communities` those of the
    own street; `cares` where the sheet is of a body that arranges who is entrusted with a child."""
    made = [SheetColumn(KEY, "编号", "number", "", note="系统编号，已有儿童填写；新增儿童留空")]
    for code in codes:
        made += [CARE[code]] if cares and code in CARE else _columns(code, divisions, communities)
    return (*made, FIT) if cares and any(column.care for column in made) else tuple(made)


def _columns(code: str, streets: Mapping[str, str], communities: Collection[str]) -> list[SheetColumn]:
    column = COLUMNS[code]
    if code == FileField.MEANS:
        picks = tuple(answer.zh for answer in Known)
        parts = [
            SheetColumn(f"{code}.{part}", zh, en, code, FileField.MEANS, part, picks, example=Known.NO.zh)
            for part, zh, en in MEANS
        ]
        return [
            *parts,
            SheetColumn(f"{code}.note", "收入情况说明", "note on the income", code, FileField.MEANS, "note"),
        ]
    if code in KIN:
        example = {"name": "华某（化名）", "relation": "父", "phone": "13900005678"}[KIN[code]]
        return [
            SheetColumn(code, column.zh, column.en, code, FileField.GUARDIANS, KIN[code], note=SEVERAL, example=example)
        ]
    if code not in tuple(FileField) or code in NOT_TYPED:
        return [SheetColumn(code, column.zh, column.en, code, note=f"{NOT_READ}{WHY_NOT[code]}")]
    of = FileField(code)
    note, example = NOTES.get(of, ("", ""))
    picks = (
        tuple(sex.zh for sex in Sex)
        if of is FileField.SEX
        else tuple(places(of, streets).values())
        if of in DIVISIONS
        else tuple(communities)
        if of is FileField.COMMUNITY
        else ()
    )
    return [SheetColumn(code, column.zh, column.en, code, of, "", picks, note, example or next(iter(picks), ""))]


WHY = SheetColumn(
    "registration.found", "建档原因", "why it is registered", "", picks=tuple(one.zh for one in Found),
    note="新增儿童必填；已有儿童不读取", example=Found.IN_DIFFICULTY.zh,
)  # fmt: skip
WATCHED = SheetColumn(
    "registration.grade", "建档风险等级", "grade by which it will be watched", "", picks=tuple(one.zh for one in Grade),
    note="新增儿童必填，核实后按此等级走访；已有儿童不读取", example=Grade.MEDIUM.zh,
)  # fmt: skip
BOTH_AWAY, FATHER_AWAY, MOTHER_AWAY = "父母双方外出务工", "父亲外出务工，母亲无监护能力", "母亲外出务工，父亲无监护能力"
AWAY = SheetColumn(
    "registration.away", "父母外出情况", "where the parents are", "", picks=(BOTH_AWAY, FATHER_AWAY, MOTHER_AWAY),
    note="建档原因为“排查发现留守儿童”的必填，据此列入留守儿童；已有儿童不读取，随下一次走访登记", example="",
)  # fmt: skip
FIT = SheetColumn(
    "care.fit", "受委托人符合条件", "the delegate is fit", "", care="fit", picks=(Known.YES.zh, Known.NO.zh), example=Known.YES.zh,
    note="填写委托照护时必填：已核实为成年人、有照护能力、无未成年人保护法第22条所列情形",
)  # fmt: skip
CARE = {
    code: SheetColumn(code, COLUMNS[code].zh, COLUMNS[code].en, code, care=part, picks=picks, note=note, example=example)
    for code, part, picks, note, example in (
        ("delegate_name", "name", (), "已纳入走访的儿童：父母书面委托的人", "示例祖母（化名）"),
        ("delegate_relation", "relation", tuple(one.zh for one in Relation), "", Relation.GRANDPARENT.zh),
        ("delegate_phone", "phone", (), "", "13700001111"),
        ("leaves_on", "leaves_on", (), "如2026-05-06，可为将来的日期", "2026-12-20"),
    )
}  # fmt: skip
"""Columns of an arrangement, which the committee that watches the child enters."""
VISITOR = "visitor"
YES_NO = (Known.YES.zh, Known.NO.zh)
SEEN = SheetColumn(
    "visit.seen", "见到儿童本人", "child seen in person", "", visit="seen_in_person", picks=YES_NO, example=Known.YES.zh,
    note="必填；未见到儿童本人的登记为未遇，不计走访次数，走访结果可不填",
)  # fmt: skip
VISIT = {
    code: SheetColumn(code, COLUMNS[code].zh, COLUMNS[code].en, code, visit=part, picks=picks, note=note, example=example)
    for code, part, picks, note, example in (
        ("visited_on", "day", (), "必填，如2026-05-06；可早于纳入监测之日", "2025-03-06"),
        ("visitor", VISITOR, (), "必填，实际走访人的姓名", "示例走访人（化名）"),
        ("finding", "finding", tuple(one.zh for one in Finding if one is not Finding.AT_RISK),
         "必填；存在风险的不在此导入，在走访页登记，同时形成报告", Finding.WELL.zh),
        ("visit_note", "note", (), "", "孩子在家，情况良好"),
        ("guardian_met", "guardian_met", YES_NO, "", Known.YES.zh),
        ("guardianship", "guardianship", tuple(one.zh for one in Guardianship), "", Guardianship.PARENTS.zh),
        ("supervision", "supervision", tuple(one.zh for one in Supervision), "", Supervision.FULFILLED.zh),
        ("acknowledged", "acknowledged", tuple(one.zh for one in Acknowledgement), "", Acknowledgement.SIGNED.zh),
        ("parent_contact", "parent_contact", tuple(one.zh for one in ParentContact), "", ParentContact.AT_HOME.zh),
        ("needs", "needs", (), f"{JOINED.join(one.zh for one in Service)}；多项以“{JOINED}”分隔", ""),
    )
}  # fmt: skip
"""Columns of a visit that was made, which the committee that watches the child enters."""
FINDS = (FileField.NAME.value, FileField.BIRTH_DATE.value, FileField.ID_NO.value)
"""By what a row finds its child besides the number."""
NUMBERED = "系统编号；没有编号的填姓名和出生日期，或身份证号"
REGISTERING = (WHY, WATCHED, AWAY)
"""What a row says besides of a child whom nobody has reported."""
DIVISIONS = (FileField.RESIDENCE_DIVISION, FileField.HUKOU_DIVISION)


def places(field: FileField, streets: Mapping[str, str]) -> Mapping[str, str]:
    """What may stand in a column of divisions, by code: a hukou also lies somewhere in the district, or outside."""
    further = {place.value: place.zh for place in HukouPlace} if field is FileField.HUKOU_DIVISION else {}
    return {**streets, **further}
