"""The books as sheets: how a value stands in a cell, and what a typed row says of a child."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.facts import Known, Sex
from app.domain.identity import id_findings, mask_name, mask_phone, normal_id, phone_findings
from app.domain.ledgers import MASKS, RowsOf
from app.domain.sheet_columns import DIVISIONS, JOINED, SheetColumn, places
from app.domain.terms import Term

SPLIT = re.compile(r"[、,，;；/\n]+")
LONGEST, LONGEST_HEALTH = 500, 20_000
EARLIEST = 1900
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a formula of a cell, in Excel or in what it is copied or saved to; the wide forms are folded by some programs."""
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日")
Cell = str | int | float | None
One = TypeVar("One", bound=Term)


class Step(StrEnum):
    """What is done in a job over a sheet."""

    EXPORT = "export"
    PREVIEW = "preview"
    APPLY = "apply"


class JobState(StrEnum):
    """Where a job over a sheet stands."""

    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    """A workbook is there; of an import, its preview, which somebody has to confirm."""
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


UNDER_WAY = (JobState.WAITING, JobState.RUNNING)


class RowState(Term):
    """What a row would do."""

    NEW = "new", "新增（建档，进入核实）", "new: registered, goes to be verified"
    CHANGED = "changed", "变更（进入核实）", "changed: goes to be verified"
    VISIT = "visit", "登记走访", "a visit is entered"
    ATTEMPT = (
        "attempt",
        "登记未见到儿童的走访（不计走访次数）",
        "entered as an attempt: the child was not seen, so it is no visit done",
    )
    AGREES = "agrees", "一致（只比对，未导入）", "agrees with the record; compared and not entered"
    DIFFERS = "differs", "不一致（只比对，未导入）", "differs from the record; compared and not entered"
    SAME = "same", "无变化", "nothing new"
    WRONG = "wrong", "有错误", "has errors"


class Wrong(Term):
    """Why a row cannot be taken."""

    REQUIRED = "required", "必填", "has to be filled in"
    MASKED = "masked", "含遮蔽符号*，请填写真实内容或留空", "is masked; write the value or leave it empty"
    BAD_DATE = "bad_date", "日期无效，请按2016-05-06填写", "is no date such as 2016-05-06"
    FUTURE_DATE = "future_date", "日期晚于今天", "lies ahead"
    NO_CHOICE = "no_choice", "不在可选范围内", "is none of the choices"
    NOT_LISTED = (
        "not_listed",
        "不在本街乡（镇）的社区（村）名录内",
        "is not in your street's list of communities",
    )
    NUMBER = "number", "须为文本格式，数字格式已丢失末几位", "has to be text: as a number its last digits are lost"
    WRONG_LENGTH = "wrong_length", "身份证号须为18位", "an id number has 18 characters"
    CHECK_DIGIT = "wrong_check_digit", "身份证号校验码不符", "the check digit does not fit"
    BIRTH_IN_ID = "impossible_birth_date", "身份证号中的出生日期无效", "the birth date in the number is impossible"
    BIRTH_DIFFERS = "birth_date_differs", "身份证号与出生日期不符", "the number and the birth date differ"
    SEX_DIFFERS = "sex_differs", "身份证号与性别不符", "the number and the sex differ"
    NOT_A_PHONE = "not_a_phone", "电话号码无效", "is no phone number"
    TOO_LONG = "too_long", "过长", "is too long"
    UNEVEN = "uneven", "与监护人姓名的个数不一致", "there are not as many as names of guardians"
    NO_CHILD = "no_child", "本台账中没有此编号的儿童", "there is no child with this number in your book"
    SEVERAL = "several", "有多名儿童同名同生日，请填写编号或身份证号", "several children fit; give the number"
    TWICE = "twice", "与本表另一行是同一儿童", "another row is about the same child"
    TWICE_MADE = "twice_made", "与本表另一行是同一次走访", "another row is about the same visit"
    NOBODY = (
        "nobody",
        "新增儿童须有姓名，并有身份证号或出生日期",
        "a new child needs a name and an id number or birth date",
    )
    WAITS = "waits", "此项已有另一变更等待核实", "another change of this waits to be verified"
    UNFIT = "unfit", "受委托人不符合条件，不得委托", "this person must not be entrusted"
    ELSEWHERE = "elsewhere", "新增儿童由居住地的村（居）委会或街乡建档", "a new child is registered where it lives"
    NOT_ON_FILE = (
        "not_on_file",
        "没有此儿童的档案，请先用信息台账建档",
        "there is no such child in your books; register it with the information ledger",
    )
    NOT_WATCHED = (
        "not_watched",
        "走访由走访该儿童的村（居）委会登记，且须已核实建档",
        "visits are entered by the committee that watches the child",
    )
    SAME_DAY = (
        "same_day",
        "该儿童当日已在走访页登记走访，走访人、结果均与本行不同：是同一次的请删除此行；是另一次的请在走访页登记，再删除此行",
        "a visit of that day was entered on the page, with another finding: leave the row out, or enter it on the page if it was another",
    )
    AT_RISK = (
        "at_risk",
        "存在风险的请在走访页登记，同时形成报告",
        "a child at risk is reported with its visit, on the page of visits",
    )
    BEFORE_BIRTH = "before_birth", "早于出生日期", "is before the child was born"
    NO_CASE = (
        "no_case",
        "系统中没有该儿童的此个案；仍需帮助的请上报，已了结的留存原档案",
        "the child has no such case here; report it if help is still needed",
    )
    NO_BENEFIT = (
        "no_benefit",
        "系统中没有该儿童的此项待遇；由个案中的待遇决定产生，不从表格导入",
        "the child has no such benefit here; it comes of a decision in a case",
    )
    DIFFERS = "differs", "与系统不一致", "differs from the record"


STATES: Mapping[RowsOf, tuple[RowState, ...]] = {
    RowsOf.CHILDREN: (RowState.NEW, RowState.CHANGED, RowState.SAME, RowState.WRONG),
    RowsOf.VISITS: (RowState.VISIT, RowState.ATTEMPT, RowState.SAME, RowState.WRONG),
    RowsOf.CASES: (RowState.AGREES, RowState.DIFFERS, RowState.WRONG),
    RowsOf.BENEFITS: (RowState.AGREES, RowState.DIFFERS, RowState.WRONG),
}
"""What rows of an import can come to; by these counts a reader knows which kind of sheet it was."""


def is_compared(rows_of: RowsOf) -> bool:
    """Whether nothing of such rows is entered: a case begins with a report and a benefit with a decision, never with a sheet."""
    return RowState.AGREES in STATES[rows_of]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a row; without a column it is the row as a whole."""

    column: str
    wrong: Wrong


def cells(columns: Sequence[SheetColumn], row: Mapping[str, Any], divisions: Mapping[str, str]) -> list[Cell]:
    """One row of a book as it stands in its sheet."""
    return [_cell(column, row.get(column.column or column.code), divisions) for column in columns]


def _cell(column: SheetColumn, value: Any, divisions: Mapping[str, str]) -> Cell:
    if column.enters is FileField.MEANS:
        said = value.get(column.part) if isinstance(value, Mapping) else None
        return harmless(str(said)) if column.part == "note" and said else Known(said).zh if said else None
    if column.enters is FileField.SEX and value:
        return Sex(value).zh
    if column.enters and column.enters in DIVISIONS:
        return places(column.enters, divisions).get(str(value), value)
    match value:
        case None | "":
            return None
        case bool():
            return (Known.YES if value else Known.NO).zh
        case int() | float():
            return value
        case list() | tuple():
            return harmless(JOINED.join(str(one) for one in value)) or None
        case _:
            return harmless(str(value))


def harmless(text: str) -> str:
    """The text, as text and nothing else: with an apostrophe before it where a program could take it for a formula."""
    return f"'{text}" if text.startswith(DANGEROUS) else text


def as_typed(value: Any) -> str:
    """A cell as text, without what `harmless` put before it."""
    if isinstance(value, str):  # nearly all of them, and each is asked several times
        text = value.strip()
    elif isinstance(value, bool):
        return (Known.YES if value else Known.NO).zh
    elif isinstance(value, float) and value.is_integer():
        return str(int(value))
    elif isinstance(value, date):
        return value.strftime("%Y-%m-%d")
    else:
        text = str(value if value is not None else "").strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(DANGEROUS) else text


def heading(column: SheetColumn) -> str:
    """As it stands over the column; the first line is what an import knows it by."""
    return f"{column.zh}\n{column.en}"


def matched(heads: Sequence[Any], columns: Sequence[SheetColumn]) -> dict[int, SheetColumn]:
    """Which column of the file is which, by its Chinese name or its code; others are the keeper's own and not read."""
    known = {name: column for column in columns for name in (column.zh, column.code)}
    found: dict[int, SheetColumn] = {}
    for n, head in enumerate(heads):
        column = known.get(as_typed(head).split("\n")[0].strip(" *＊"))
        if column and column not in found.values():
            found[n] = column
    return found


@dataclass
class Said:
    """What a row says of a child: the values of the fields that it fills, and what is wrong in it."""

    values: dict[FileField, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_row(
    row: Mapping[SheetColumn, Any], record: ChildRecord | None, divisions: Mapping[str, str], today: date,
    communities: Collection[str] = (),
) -> Said:  # fmt: skip
    """An empty cell says nothing; what is the same as now, also masked, is not said either. `communities` are the names that the sender's
    street has listed."""
    said, kin, means = Said(), {}, {}
    for column, raw in row.items():
        text = as_typed(raw)
        if column.enters is None or not text:
            continue
        if column.enters is FileField.GUARDIANS:
            kin[column.part] = (column.code, [part.strip() for part in SPLIT.split(text)])
        elif column.enters is FileField.MEANS:
            means[column.part] = (column.code, text)
        elif not _stands(record, column.enters, text):
            _read_field(said, column, raw, text, divisions, today, communities)
    _read_kin(said, kin, record)
    _read_means(said, means, record)
    _check_number(said, record)
    said.values = {name: value for name, value in said.values.items() if value != now_of(record, name)}
    return said


@cache
def _choices(among: type[Term]) -> Mapping[str, Any]:
    """Looked up for each row, so made once."""
    return {text: one for one in among for text in (one.zh, one.value)}


def choice(among: type[One], text: str) -> One | None:
    """Which of them was typed, by its official name or its code."""
    return _choices(among).get(text)


def now_of(record: ChildRecord | None, name: FileField) -> Any:
    """What counts for a field now."""
    entry = record.entry(name) if record else None
    return entry.value if entry else None


def _stands(record: ChildRecord | None, name: FileField, text: str) -> bool:
    """Whether the cell is what the book would show there, in full or masked."""
    now = now_of(record, name)
    return now is not None and text in (str(now), str(MASKS[name](now)) if name in MASKS else "")


def _read_field(
    said: Said, column: SheetColumn, raw: Any, text: str, divisions: Mapping[str, str], today: date,
    communities: Collection[str],
) -> None:  # fmt: skip
    name = column.enters
    assert name is not None
    value: Any = text
    wrong: Wrong | None = None
    if name is FileField.SEX:
        value = found.value if (found := choice(Sex, text)) else None
        wrong = None if value else Wrong.NO_CHOICE
    elif name in DIVISIONS:
        value = next((code for code, zh in places(name, divisions).items() if text in (code, zh)), None)
        wrong = None if value else Wrong.NO_CHOICE
    elif name is FileField.COMMUNITY:
        wrong = None if text in communities else Wrong.MASKED if "*" in text else Wrong.NOT_LISTED
    elif name is FileField.BIRTH_DATE:
        value, wrong = read_day(raw, text, today)
    elif name is FileField.ID_NO and isinstance(raw, int | float):
        wrong = Wrong.NUMBER
    elif name in MASKS and "*" in text:
        wrong = Wrong.MASKED
    elif len(text) > (LONGEST_HEALTH if name is FileField.HEALTH else LONGEST):
        wrong = Wrong.TOO_LONG
    elif name is FileField.PHONE and phone_findings(text):
        wrong = Wrong.NOT_A_PHONE
    elif name is FileField.ID_NO:
        value = normal_id(text)
    if wrong:
        said.faults.append(Fault(column.code, wrong))
    else:
        said.values[name] = value


def read_day(raw: Any, text: str, today: date) -> tuple[str | None, Wrong | None]:
    """A day no later than today, as it stands in ISO 8601."""
    if "*" in text:
        return None, Wrong.MASKED
    for form in DATES:
        try:
            day = raw if isinstance(raw, date) else datetime.strptime(text, form)  # noqa: DTZ007 (a day has no zone)
        except ValueError:
            continue
        day = day.date() if isinstance(day, datetime) else day
        if day.year < EARLIEST:
            return None, Wrong.BAD_DATE
        return (day.isoformat(), None) if day <= today else (None, Wrong.FUTURE_DATE)
    return None, Wrong.BAD_DATE


def _check_number(said: Said, record: ChildRecord | None) -> None:
    """A number that is new has to be one, and to fit what else is said; what stands already is not questioned here."""
    number = said.values.get(FileField.ID_NO)
    if number is None or number == now_of(record, FileField.ID_NO):
        return
    born = said.values.get(FileField.BIRTH_DATE) or now_of(record, FileField.BIRTH_DATE)
    try:
        day = date.fromisoformat(str(born)) if born else None
    except ValueError:  # a birth date that was reported in words
        day = None
    sex = said.values.get(FileField.SEX) or now_of(record, FileField.SEX)
    found = [Fault(FileField.ID_NO.value, Wrong(code)) for code in id_findings(number, day, sex)]
    if found:
        said.faults += found
        del said.values[FileField.ID_NO]


def _read_kin(said: Said, kin: Mapping[str, tuple[str, list[str]]], record: ChildRecord | None) -> None:
    """Guardians by their order; of one who is named again everything else that is known stays."""
    if "name" not in kin:
        said.faults += [Fault(code, Wrong.UNEVEN) for code, _ in kin.values()]
        return
    known: list[dict[str, Any]] = list(now_of(record, FileField.GUARDIANS) or ())
    faults, made = [], []
    _, names = kin["name"]
    for part, (code, parts) in kin.items():
        if len(parts) != len(names):
            faults.append(Fault(code, Wrong.UNEVEN))
            continue
        for n, text in enumerate(parts):
            before = known[n] if n < len(known) else {}
            mask = MASK_OF_KIN.get(part)
            if "*" in text and not (mask and before.get(part) and mask(str(before[part])) == text):
                faults.append(Fault(code, Wrong.MASKED))
            elif part == "phone" and "*" not in text and text != before.get("phone") and phone_findings(text):
                faults.append(Fault(code, Wrong.NOT_A_PHONE))
    if faults:
        said.faults += dict.fromkeys(faults)
        return
    for n, name in enumerate(names):
        by_place = known[n] if n < len(known) else {}
        before = by_place if "*" in name else next((one for one in known if one.get("name") == name), {})
        given = {part: parts[n] for part, (_, parts) in kin.items() if parts[n] and "*" not in parts[n]}
        made.append({**before, **given})
    if [_shown(one) for one in made] != [_shown(one) for one in known]:
        said.values[FileField.GUARDIANS] = made


MASK_OF_KIN: Mapping[str, Callable[[str], str]] = {"name": mask_name, "phone": mask_phone}


def _shown(one: Mapping[str, Any]) -> dict[str, Any]:
    return {part: one.get(part) or "" for part in ("name", "relation", "phone")}


def _read_means(said: Said, means: Mapping[str, tuple[str, str]], record: ChildRecord | None) -> None:
    now: dict[str, Any] = dict(now_of(record, FileField.MEANS) or {})
    made, faults = dict(now), []
    for part, (code, text) in means.items():
        if part == "note" and "*" in text:  # it is as the book shows it, or nobody's to guess
            stands = text in (now.get("note"), MASKS[FileField.MEANS](now).get("note"))
            faults += [] if stands else [Fault(code, Wrong.MASKED)]
            continue
        answer = text if part == "note" else next((one.value for one in Known if text in (one.zh, one.value)), None)
        if answer is None:
            faults.append(Fault(code, Wrong.NO_CHOICE))
        elif part == "note" and len(text) > LONGEST:
            faults.append(Fault(code, Wrong.TOO_LONG))
        elif answer == Known.UNKNOWN.value:
            made.pop(part, None)
        else:
            made[part] = answer
    said.faults += faults
    if not faults and made != now:
        said.values[FileField.MEANS] = made
