"""The books that the notice asks for, each a projection of children's files: a row is made from what is known, and kept nowhere."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any, NamedTuple, Protocol

from app.domain.arrangement import Arrangement
from app.domain.case_no import case_no
from app.domain.child_record import CaseSeen, ChildRecord, Seen, held_by
from app.domain.child_terms import SECTION_OF, FileField, Section
from app.domain.determination import Category, ChildFound, Standing
from app.domain.entitlement import Held
from app.domain.facts import Known, ReportFacts
from app.domain.identity import mask_id, mask_name, mask_phone
from app.domain.masking import HIDDEN, Mask, mask_address, mask_birth_date
from app.domain.policy import TURNS, Frozen
from app.domain.progress import State
from app.domain.terms import Agency, Term
from app.domain.working_time import day_of

SETTLED = (Standing.CONFIRMED, Standing.PROPOSE, Standing.PENDING)


class RowsOf(Term):
    """What a row of a ledger is."""

    CHILDREN = "children", "儿童", "one child"
    VISITS = "visits", "走访", "one visit"
    CASES = "cases", "个案", "one case"
    BENEFITS = "benefits", "待遇或无待遇的儿童", "one benefit, or the child that has none"


class Reach(Term):
    """Whose children stand in the copy that a body reads."""

    KEPT = "kept", "本辖区", "those whom its own desk watches or has a case of in its division"
    CASES = "cases", "本单位个案", "those of whom it has a case"
    SCREENED = (
        "screened",
        "本单位个案和排查",
        "those of whom it has a case, and those whom answers to its screening rounds named",
    )
    DISTRICT = "district", "全区", "those of the whole district"

    @property
    def is_wide(self) -> bool:
        """Whether children stand in it whom nothing else shows to the body."""
        return self in (Reach.SCREENED, Reach.DISTRICT)


class Use(Term):
    """Why somebody needs a ledger with names and numbers in full."""

    HAND_IN = "hand_in", "上报", "to be handed in"
    VERIFY = "verify", "核对", "to be verified"
    VISIT = "visit", "走访", "for a visit"
    INSPECTION = "inspection", "督查", "for an inspection"


class Line(NamedTuple):
    """What a row is made from."""

    record: ChildRecord
    found: ChildFound | None
    today: date
    visit: Seen | None = None
    case: tuple[int, CaseSeen] | None = None
    held: Held | None = None
    task: Callable[[str], str] = str
    """What a task is called by the rules."""


class Column(Frozen):
    """One column: its name, the section it belongs to, how it is read and how it is masked."""

    code: str
    zh: str
    en: str
    section: Section
    of: Callable[[Line], Any]
    mask: Callable[[Any], Any] | None = None


def view(line: Line) -> dict[str, bool | str]:
    """What the condition of a ledger may ask."""
    record, held = line.record, categories(line.found)
    decided = record.watch.grade.value if record.watch else ""
    return {
        **{category.value: category.value in held for category in Category},
        "in_category": any(code != Category.LB.value for code in held),
        "watched": bool(record.watch and record.watch.is_open),
        "has_case": bool(record.cases),
        "grade": decided,
    }


def categories(found: ChildFound | None) -> tuple[str, ...]:
    """The categories that hold or wait for whoever decides them, as codes."""
    if found is None:
        return ()
    codes = tuple(one.code.value for one in found.categories if one.status in SETTLED)
    return (*codes, *((Category.LB.value,) if found.left_behind is Known.YES else ()))


def lines(rows_of: RowsOf, line: Line) -> Iterator[Line]:
    """The rows of one child."""
    record = line.record
    match rows_of:
        case RowsOf.CHILDREN:
            yield line
        case RowsOf.VISITS:
            yield from (line._replace(visit=seen) for seen in record.visits)
        case RowsOf.CASES:
            yield from (line._replace(case=case) for case in record.cases)
        case RowsOf.BENEFITS:
            benefits = held_by(record)
            yield from (line._replace(case=case, held=held) for case, held in benefits)
            if not benefits:
                yield line


def row(columns: Iterable[str], line: Line, *, masked: bool) -> dict[str, Any]:
    """One row; the pure projector of all ledgers. What has no mask of its own may still be a text that names somebody; one of the reader's own
    office is cleared of what the row tells alone."""
    made = {code: COLUMNS[code].of(line) for code in columns}
    if not masked:
        return made
    own = {*line.record.own}
    mask = cache(lambda is_own: Mask([made] if is_own else line.record.named))  # made once it is wanted
    return {
        code: value if value in (None, "", []) else (COLUMNS[code].mask or mask(code in own))(value)
        for code, value in made.items()
    }


def _field(field: FileField) -> Callable[[Line], Any]:
    def read(line: Line) -> Any:
        entry = line.record.entry(field)
        return entry.value if entry else None

    return read


def _kin(name: str) -> Callable[[Line], list[str]]:
    def read(line: Line) -> list[str]:
        return [str(one.get(name) or "") for one in _field(FileField.GUARDIANS)(line) or ()]

    return read


def _age(line: Line) -> int | None:
    return line.record.age_on(line.today)


def _grade(line: Line) -> str | None:
    case, watch = line.record.last_case, line.record.watch
    grade = watch.grade if watch else case.grade if case else None
    return grade.zh if grade else None


def _last_visit(line: Line) -> str | None:
    return line.record.visits[-1].event.day.isoformat() if line.record.visits else None


def _watch_state(line: Line) -> str | None:
    """Whether somebody visits, and why not."""
    record = line.record
    if record.watch and record.watch.is_open:
        return "监测中"
    if _open_cases(line):
        return "在办个案"
    ended = gone[1] if (gone := record.gone) else record.ended.reason if record.ended else None
    return f"已结束：{ended.zh}" if ended else None


def _next_visit(line: Line) -> str | None:
    watch = line.record.watch
    return _day(watch.visit.due_at) if watch and watch.is_open else None


def _day(at: Any) -> str:
    return day_of(at).isoformat()


def _open_cases(line: Line) -> list[str]:
    return [_no(one) for one in line.record.cases if one[1].is_open]


def _no(case: tuple[int, CaseSeen]) -> str:
    return case_no(case[0], case[1].filed_at)


def _services(line: Line) -> list[str]:
    """Of a case that is the row its own alone; else all that the child was given, in cases and beside them."""
    of_case = line.case is not None and line.held is None
    cases = [line.case] if line.case and of_case else line.record.cases
    legs = [
        f"{referral.agency.zh}：{line.task(referral.task)}"
        for _, case in cases
        for referral in case.referrals
        if referral.state is State.COMPLETED
    ]
    return legs if of_case else [*legs, *line.record.given]


def _of_case(read: Callable[[CaseSeen], Any]) -> Callable[[Line], Any]:
    return lambda line: read(line.case[1]) if line.case else None


def _of_visit(read: Callable[[Seen], Any]) -> Callable[[Line], Any]:
    return lambda line: read(line.visit) if line.visit else None


def _of_benefit(read: Callable[[Held], Any]) -> Callable[[Line], Any]:
    return lambda line: read(line.held) if line.held else None


def _of_form(name: str) -> Callable[[Line], Any]:
    """An answer of the visit that is the row, or of the newest that gave one."""

    def read(line: Line) -> Any:
        asked = [line.visit] if line.visit else list(reversed(line.record.visits))
        given = (getattr(seen.event.form, name) for seen in asked if seen.event.form)
        said = next((answer for answer in given if answer), None)
        return [one.zh for one in said] if isinstance(said, tuple) else said.zh if said else None

    return read


def _of_arrangement(read: Callable[[Arrangement], Any]) -> Callable[[Line], Any]:
    def value(line: Line) -> Any:
        arrangement = line.record.watch.arrangement if line.record.watch else None
        return read(arrangement) if arrangement else None

    return value


def _delegate(name: str) -> Callable[[Line], Any]:
    """Whom the parents have entrusted, as it was entered with the arrangement."""

    def value(line: Line) -> Any:
        arrangement = line.record.watch.arrangement if line.record.watch else None
        return line.record.entrusted.get(name) if arrangement else None

    return value


def _names(value: Any) -> Any:
    return [mask_name(one) for one in value]


def _phones(value: Any) -> Any:
    return [mask_phone(one) for one in value]


def _hidden(value: Any) -> str:
    return HIDDEN


def _means(value: Any) -> Any:
    """What was recognised stays; the note tells of the family's illness, work and money."""
    return {**value, "note": HIDDEN} if isinstance(value, Mapping) and value.get("note") else value


MASKS: Mapping[FileField, Callable[[Any], Any]] = {
    FileField.NAME: lambda value: mask_name(str(value)), FileField.ID_NO: lambda value: mask_id(str(value)),
    FileField.PHONE: lambda value: mask_phone(str(value)), FileField.RESIDENCE: mask_address,
    FileField.COMMUNITY: mask_address, FileField.HUKOU: mask_address, FileField.BIRTH_DATE: mask_birth_date,
    FileField.FEATURES: _hidden, FileField.HEALTH: _hidden, FileField.HOUSEHOLD: _hidden,
    FileField.GUARDIANS: _hidden, FileField.MEANS: _means,
}  # fmt: skip


def _columns() -> Iterator[Column]:
    for field in FileField:
        yield Column(
            code=field.value,
            zh=field.zh,
            en=field.en,
            section=SECTION_OF[field],
            of=_field(field),
            mask=MASKS.get(field),
        )
    yield from (Column(code=code, zh=zh, en=en, section=section, of=of, mask=mask) for code, zh, en, section, of, mask in (
        ("age", "年龄", "age", Section.IDENTITY, _age, None),
        ("guardian_names", "监护人姓名", "names of the guardians", Section.FAMILY, _kin("name"), _names),
        ("guardian_relations", "与儿童关系", "relations to the child", Section.FAMILY, _kin("relation"), None),
        ("guardian_phones", "监护人电话", "phones of the guardians", Section.FAMILY, _kin("phone"), _phones),
        ("categories", "困境与留守类别", "categories", Section.CATEGORIES,
         lambda line: [Category(code).zh for code in categories(line.found)], None),
        ("grade", "风险等级", "grade of risk", Section.GRADE, _grade, None),
        ("grade_scale", "评定标准版本", "scale of the grade", Section.GRADE,
         lambda line: line.found.grade.scale if line.found else None, None),
        ("grade_points", "评定得分", "points on the scale", Section.GRADE,
         lambda line: line.found.grade.points if line.found else None, None),
        ("watch_state", "监测状态", "state of the watch", Section.VISITS, _watch_state, None),
        ("last_visit", "最近走访", "last visit", Section.VISITS, _last_visit, None),
        ("next_visit", "下次走访期限", "next visit is due", Section.VISITS, _next_visit, None),
        ("visits", "走访次数", "number of visits", Section.VISITS, lambda line: len(line.record.visits), None),
        ("open_cases", "在办个案", "open cases", Section.CASES, _open_cases, None),
        ("services", "已提供服务", "services given", Section.CASES, _services, None),
        ("benefits", "享受待遇", "benefits received", Section.BENEFITS,
         lambda line: [held.benefit.zh for _, held in held_by(line.record)], None),
        ("visited_on", "走访日期", "day of the visit", Section.VISITS, _of_visit(lambda seen: seen.event.day.isoformat()), None),
        ("visitor", "走访人", "visitor", Section.VISITS, _of_visit(lambda seen: seen.visitor or seen.event.by), None),
        ("finding", "走访结果", "finding", Section.VISITS, _of_visit(lambda seen: seen.event.finding.zh), None),
        ("visit_note", "走访记录", "record of the visit", Section.VISITS, _of_visit(lambda seen: seen.note), _hidden),
        ("guardian_met", "见到监护人", "guardian met", Section.VISITS,
         _of_visit(lambda seen: seen.event.form.guardian_met if seen.event.form else None), None),
        ("guardianship", "家庭监护情况", "guardianship of the household", Section.FAMILY, _of_form("guardianship"), None),
        ("supervision", "督促履责情况", "supervision of the guardians", Section.FAMILY, _of_form("supervision"), None),
        ("acknowledged", "监护责任确认", "acknowledgement of the duty", Section.FAMILY, _of_form("acknowledged"), None),
        ("parent_contact", "父母联系频次", "contact of the parents", Section.FAMILY, _of_form("parent_contact"), None),
        ("needs", "帮扶需求", "needs", Section.VISITS, _of_form("needs"), None),
        ("delegate_name", "受委托人姓名", "name of the delegate", Section.FAMILY, _delegate("name"), mask_name),
        ("delegate_phone", "受委托人电话", "phone of the delegate", Section.FAMILY, _delegate("phone"), mask_phone),
        ("delegate_relation", "受委托人与儿童关系", "relation of the delegate", Section.FAMILY,
         _of_arrangement(lambda arranged: arranged.relation.zh), None),
        ("leaves_on", "父母外出日期", "the parents leave on", Section.FAMILY,
         _of_arrangement(lambda arranged: arranged.leaves_on.isoformat()), None),
        ("contact_due", "下次联系期限", "next contact is due", Section.FAMILY,
         _of_arrangement(lambda arranged: _day(arranged.contact.due_at)), None),
        ("case_number", "个案编号", "number of the case", Section.CASES, lambda line: _no(line.case) if line.case else None, None),
        ("case_stage", "个案阶段", "stage of the case", Section.CASES, _of_case(lambda case: case.stage.zh), None),
        ("filed_on", "接报日期", "day of the report", Section.CASES, _of_case(lambda case: _day(case.filed_at)), None),
        ("closed_on", "办结日期", "day of the closure", Section.CASES,
         _of_case(lambda case: _day(case.closed_at) if case.closed_at else None), None),
        ("closed_reason", "办结原因", "reason of the closure", Section.CASES,
         _of_case(lambda case: case.closed_reason.zh if case.closed_reason else None), None),
        ("post_assessments", "后期评估次数", "post-assessments", Section.CASES, _of_case(lambda case: case.post_assessments), None),
        ("benefit", "待遇名称", "benefit", Section.BENEFITS, _of_benefit(lambda held: held.benefit.zh), None),
        ("benefit_yuan", "金额（元）", "amount in yuan", Section.BENEFITS,
         _of_benefit(lambda held: str(held.yuan) if held.yuan is not None else None), None),
        ("benefit_since", "起始日期", "since", Section.BENEFITS, _of_benefit(lambda held: held.since.isoformat()), None),
    ))  # fmt: skip


COLUMNS: Mapping[str, Column] = {column.code: column for column in _columns()}


class Ledger(Frozen):
    """One book as the pack defines it."""

    code: str
    zh: str
    en: str
    keepers: tuple[Agency, ...]
    reach: Reach
    rows_of: RowsOf
    columns: tuple[str, ...]
    basis: tuple[str, ...]

    def shows_given(self, codes: Collection[str]) -> bool:
        """Whether help that stands in registers is in these columns of it, so that it has to be asked for; a case is told by itself."""
        return "services" in codes and self.rows_of in (RowsOf.CHILDREN, RowsOf.BENEFITS)

    def for_sections(self, sections: Iterable[Section]) -> tuple[Column, ...]:
        """The columns that a body with these sections sees."""
        seen = set(sections)
        return tuple(COLUMNS[code] for code in self.columns if COLUMNS[code].section in seen)


class Finding(Protocol):
    """Rules that are asked of children."""

    def found(self, facts: ReportFacts, happened: Collection[str] = ()) -> tuple[ChildFound, ...]: ...

    def task(self, code: str) -> str: ...


class Findings:
    """What the rules find of children, each combination of facts asked once: many children are alike in codes.

    Of two who are alike all is equal but the day of the report, by which the amounts of benefits go; no book shows those.
    """

    def __init__(self, rules: Finding) -> None:
        self._rules, self._known = rules, dict[str, tuple[ChildFound, ...]]()

    def line(self, record: ChildRecord, today: date) -> Line:
        """What the rows of this child are made from."""
        return Line(record, self.of(record, today), today, task=self._rules.task)

    def of(self, record: ChildRecord, today: date) -> ChildFound | None:
        """Of this child, in all that was said of it, as old as it is today."""
        facts = record.facts_on(today)
        ids = [child.child_id for child in facts.children] if facts else []
        if facts is None or record.child_id not in ids:
            return None
        since = tuple(turn for turn in TURNS if turn in record.happened)
        alike = f"{facts.model_dump_json(exclude=NOT_ALIKE)} {since}"
        if alike not in self._known:
            self._known[alike] = tuple(found.model_copy(update=NOT_SHOWN) for found in self._rules.found(facts, since))
        return self._known[alike][ids.index(record.child_id)]


NOT_SHOWN: Any = {"near": (), "records": (), "benefits": (), "overlap": ()}
"""What no book shows, and most of what there is to keep."""
NOT_ALIKE: Any = {"reported_at": True, "happened_on": True, "children": {"__all__": {"child_id"}}}
