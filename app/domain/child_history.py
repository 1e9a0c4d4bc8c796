"""How a child's grade, categories, benefits and placement have changed, by the events of its cases and its watch; kept nowhere else."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from pydantic import JsonValue

from app.domain import events as e
from app.domain.benefits import Benefit, Verdict
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField, Section
from app.domain.determination import Category
from app.domain.policy import RECOGNISED, REFUSED, Courses, Frozen
from app.domain.procedure import Kind, Outcome, Places, happening, step_of, whom_of
from app.domain.terms import Agency, CloseReason, Grade, Safety
from app.domain.visit import VisitRecorded
from app.domain.watch import WatchBegan, WatchEvent, WatchParted
from app.domain.working_time import day_of

TOLD = (
    e.ReportFiled, e.SafetyConfirmed, e.OutcomeRecorded, e.GuardianSentenced, e.AssessmentFiled, e.GradeReviewed, e.PostAssessmentFiled,
    e.CaseClosed, e.BenefitDecided, e.HighestChosen,
)  # fmt: skip
KINDS = tuple(kind.model_fields["kind"].default for kind in (*TOLD, WatchBegan, WatchParted, VisitRecorded))
"""The events that this is read from."""
PLACED_BY = {CloseReason.LONG_TERM_PLACEMENT: Places.BEGINS, CloseReason.FAMILY_REUNIFICATION: Places.ENDS}
"""What the end of a case says of where the child lives."""
CategoriesAt = Callable[[datetime, Sequence[str]], tuple[str, ...] | None]
"""The codes by what was known then, with what the joint conference had resolved; None where nothing is known in codes."""


class Happening(Frozen):
    """An event of a stream."""

    stream_id: str
    version: int
    event: e.Event | WatchEvent

    def told(self, agency: Agency) -> "Happening":
        """As this body is told of it."""
        if not isinstance(self.event, VisitRecorded):
            return self
        return self.model_copy(update={"event": self.event.told(agency)})


class Turn(Frozen):
    """One change, or one look at what stands; who did it in a case stands in that case."""

    section: Section
    kind: str
    stream_id: str
    version: int
    at: datetime
    by: str = ""
    value: JsonValue
    """In codes."""
    zh: str
    en: str
    since: date | None = None
    """From which day, where it is not that on which it was written down: of a benefit, a placement, a visit that was sent later."""
    until: date | None = None
    """Until which, once it has ended or another has taken its place."""


def turns(
    record: ChildRecord, happened: Iterable[Happening], categories_at: CategoriesAt, rules: Courses
) -> list[Turn]:
    """All of them in their order; what the reader is not told of where the child lives is left out."""
    told = tuple(happened)
    places = _placements(record, told, rules)
    if FileField.RESIDENCE in record.kept_back:
        places = [turn for turn in places if turn.kind == "safety_confirmed"]
    found = [*_grades(told), *_categories(told, categories_at), *_benefits(record, told), *places]
    return sorted(found, key=lambda turn: turn.at)


def _turn(section: Section, one: Happening, value: JsonValue, zh: str, en: str, **more: Any) -> Turn:
    event = one.event
    place: dict[str, Any] = {"kind": event.kind, "stream_id": one.stream_id, "version": one.version, "at": event.at}
    if isinstance(event, VisitRecorded) and event.day != day_of(event.at):
        place["since"] = event.day
    return Turn.model_validate({"section": section, **place, "value": value, "zh": zh, "en": en, **more})


def _grades(told: Iterable[Happening]) -> Iterable[Turn]:
    """What a case decided and a watch began with, and of visits those that changed it."""
    before: dict[str, Grade] = {}
    for one in told:
        match one.event:
            case WatchBegan(grade=grade) | WatchParted(grade=grade) | VisitRecorded(grade=grade):
                is_new = isinstance(one.event, WatchBegan) or before.get(one.stream_id) is not grade
                before[one.stream_id] = grade
                by = one.event.by
            case e.AssessmentFiled(grade=grade) | e.GradeReviewed(grade=grade) | e.PostAssessmentFiled(grade=grade):
                is_new, by = True, ""
            case _:
                continue
        if is_new:
            yield _turn(Section.GRADE, one, grade.value, grade.zh, grade.en, by=by)


def _categories(told: Iterable[Happening], categories_at: CategoriesAt) -> Iterable[Turn]:
    """As a visit found them by the rules of its day; of reports, assessments and rulings by those of today."""
    resolved: list[str] = []
    for one in told:
        match one.event:
            case VisitRecorded(form=form, categories=codes, before_watch=False) if form is not None:
                found: tuple[str, ...] | None = codes
            case e.ReportFiled() | e.AssessmentFiled(facts=True) | e.GuardianSentenced():
                found = categories_at(one.event.at, resolved)
            case e.OutcomeRecorded() if happening(one.event.step, one.event.outcome) in (RECOGNISED, REFUSED):
                resolved.append(happening(one.event.step, one.event.outcome))
                found = categories_at(one.event.at, resolved)
            case _:
                continue
        if found is not None:
            names = [Category(code) for code in found]
            zh, en = "、".join(one.zh for one in names), "; ".join(one.en for one in names)
            by = one.event.by if isinstance(one.event, VisitRecorded) else ""
            yield _turn(Section.CATEGORIES, one, list(found), zh or "不属于任何类别", en or "none", by=by)


class _Decision(NamedTuple):
    """A decision on a benefit: its words, what it ends, and whether the child receives it from then on."""

    code: str
    zh: str
    en: str
    ends: tuple[Benefit, ...]
    lasts: bool


def _decision(event: e.BenefitDecided | e.HighestChosen) -> _Decision:
    if isinstance(event, e.HighestChosen):
        group = tuple(line.benefit for line in event.comparison.lines)
        return _Decision("chosen", "择高选择", "the highest chosen", group, lasts=True)
    verdict = event.verdict
    ends = () if verdict is Verdict.REFUSE else (event.benefit,)
    return _Decision(verdict.value, verdict.zh, verdict.en, ends, lasts=verdict in (Verdict.GRANT, Verdict.CHANGE))


def _benefits(record: ChildRecord, told: Iterable[Happening]) -> list[Turn]:
    """What was decided for this child; what a later decision changes, stops or stands for has ended on its day."""
    found: list[Turn] = []
    running: dict[tuple[str, Benefit], int] = {}
    for one in told:
        event = one.event
        if not isinstance(event, e.BenefitDecided | e.HighestChosen) or event.child_id not in _called(record, one):
            continue
        made = _decision(event)
        for place in (running.pop((one.stream_id, benefit), None) for benefit in made.ends):
            if place is not None:
                found[place] = found[place].model_copy(update={"until": event.since})
        if made.lasts:
            running[one.stream_id, event.benefit] = len(found)
        yuan = None if event.yuan is None or made.code == Verdict.STOP.value else str(event.yuan)
        sum_zh, sum_en = (f"，{yuan} 元", f", {yuan} yuan") if yuan else ("", "")
        words = f"{event.benefit.zh}：{made.zh}{sum_zh}", f"{event.benefit.en}: {made.en}{sum_en}"
        value: JsonValue = {"benefit": event.benefit.value, "decided": made.code, "yuan": yuan}
        found.append(_turn(Section.BENEFITS, one, value, *words, since=event.since))
    return found


def _placements(record: ChildRecord, told: Iterable[Happening], rules: Courses) -> list[Turn]:
    """How the child was found, and where it was placed, each until it was placed otherwise, went home or was found safe."""
    found: list[Turn] = []
    running: int | None = None
    for one in told:
        made = _placement(record, one, rules)
        if made is None:
            continue
        safe = made.turn.value == Safety.SAFE.value and running is not None and found[running].kind == made.turn.kind
        if running is not None and (safe or made.places is not Places.NOTHING):
            found[running] = found[running].model_copy(update={"until": made.on})
            running = None
        if made.places is Places.BEGINS:
            running = len(found)
        found.append(made.turn.model_copy(update={"since": made.on}) if running == len(found) else made.turn)
    return found


class _Placing(NamedTuple):
    """What was said of where a child lives, what that does to its placement, and from which day."""

    turn: Turn
    places: Places
    on: date


def _placement(record: ChildRecord, one: Happening, rules: Courses) -> _Placing | None:
    event, day = one.event, day_of(one.event.at)
    match event:
        case e.SafetyConfirmed(child_id=child, safety=safety) if child in _called(record, one):
            turn = _turn(Section.PLACEMENT, one, safety.value, safety.zh, safety.en)
            return _Placing(turn, Places.BEGINS if safety is Safety.PLACED else Places.NOTHING, day)
        case e.CaseClosed(reason=reason) if reason in PLACED_BY:
            return _Placing(_turn(Section.PLACEMENT, one, reason.value, reason.zh, reason.en), PLACED_BY[reason], day)
        case e.OutcomeRecorded(subject=subject, step=step, outcome=code):
            ended = _outcome(rules, step, code)
            whom = whom_of(subject)
            if ended is None or ended.places is Places.NOTHING or (whom and whom not in _called(record, one)):
                return None
            dates = [event.record.get(name) for name, field in ended.record.items() if field.kind is Kind.DATE]
            on = date.fromisoformat(str(dates[0])) if dates and dates[0] else day
            turn = _turn(Section.PLACEMENT, one, happening(step_of(step), code), ended.title_zh, ended.title_en)
            return _Placing(turn, ended.places, on)
        case _:
            return None


def _outcome(rules: Courses, step: str, code: str) -> Outcome | None:
    """As the rules of today know it; one that they no longer have says nothing of a placement."""
    try:
        return next((one for one in rules.step(step_of(step)).outcomes if one.code == code), None)
    except KeyError:
        return None


def _called(record: ChildRecord, one: Happening) -> tuple[str, ...]:
    """The ids by which the case of this event knows the child."""
    case = next((case for _, case in record.cases if case.case_id == one.stream_id), None)
    return record.called_in(case) if case else ()
