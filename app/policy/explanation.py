"""Why a case runs as it does: each decision with the row that made it, its condition in words, and the text that it rests on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel

from app.domain import events as e
from app.domain.disclosure_lists import DisclosureList, WholeSight
from app.domain.own_part import Part
from app.domain.procedure import is_step, step_of
from app.domain.referral_events import ReferralOpened
from app.domain.terms import Agency
from app.policy.basis import Citation, cite
from app.policy.disclosure_words import told_in_words, whose
from app.policy.loader import SafeLoader
from app.policy.pack_file import PackFile
from app.policy.words import Words, in_words, names_in

TABLES = {
    "triggers": ("情形", "situation"),
    "branches": ("处置分支", "branch"),
    "urgencies": ("紧急程度", "urgency"),
    "leads": ("牵头单位", "lead agency"),
    "routes": ("转介", "referral"),
    "duties": ("法定事项", "duty"),
    "begins": ("启动程序", "procedure"),
}

LISTS = {"disclosures": ("告知清单", "disclosure list"), "whole_sights": ("可见案件全部内容", "sees all of a case")}
"""What agencies are told; no condition decides about it."""


NOT_TOLD = Words("不向本单位告知的条件", "a condition that is not told to this desk")

UNSAID = {
    "condition": None, "condition_zh": NOT_TOLD.zh, "condition_en": NOT_TOLD.en, "interpretation": "", "interpretation_zh": "",
    "withheld": "condition_not_told",
}  # fmt: skip


class Explained(BaseModel):
    """One decision. Law that was not verified is never among `basis`; status A and B say how law was."""

    at: datetime
    table: str
    row: str
    title_zh: str
    title_en: str
    condition: str | None = None
    condition_zh: str | None = None
    condition_en: str | None = None
    withheld: Literal["condition_not_told"] | None = None
    """Why a row that has a condition does not say it: the desk's disclosure list does not tell all that it rests on."""
    interpretation: str = ""
    """How the row reads the notice where that leaves room, as it stands in the row."""
    interpretation_zh: str = ""
    told_zh: str = ""
    """What an agency is told: by this list, or of this leg."""
    told_en: str = ""
    due_at: datetime | None = None
    due_basis: tuple[Citation, ...] = ()
    basis: tuple[Citation, ...]


@cache
def readings() -> dict[str, str]:
    """What the rows of the shipped versions say of how they read the notice, in Chinese; a district writes its own as it likes."""
    return yaml.load((Path(__file__).parent / "readings.yaml").read_text("utf-8"), Loader=SafeLoader)


def explain(files: Mapping[str, PackFile], events: Sequence[Any]) -> list[Explained]:
    """Every decision of a case by the version that it followed then, in the order in which they were made."""
    explained: list[Explained] = []
    version, legs = "", list[ReferralOpened]()
    for event in events:
        match event:
            case e.ReportFiled(policy=version):
                explained += _of_report(files[version], event)
            case e.PolicyMoved(before=before, after=version):
                explained += _told_otherwise(files[before], files[version], legs, event.at)
            case ReferralOpened() | e.DutyOpened():
                explained.append(_opened(files[version], event))
                legs += [event] if isinstance(event, ReferralOpened) else []
            case _:
                pass
    return explained


def as_told(decisions: Iterable[Explained], part: Part) -> list[Explained]:
    """Those that somebody is shown: whoever is not shown all of the case, what they owe themselves, and a condition only where their
    disclosure list tells all that it names; a reading of the notice speaks of the same and goes with it."""
    shown = (one for one in decisions if part.decided(one.table, one.row))
    return [one if part.knows(names_in(one.condition or "")) else one.model_copy(update=UNSAID) for one in shown]


def versions_of(events: Sequence[Any]) -> tuple[str, ...]:
    """All versions that a case has followed."""
    filed = [event.policy for event in events if isinstance(event, e.ReportFiled)]
    return tuple(dict.fromkeys([*filed, *(event.after for event in events if isinstance(event, e.PolicyMoved))]))


def in_full(file: PackFile, at: datetime) -> list[Explained]:
    """Every row that decides something about a report or about what is told of it; `at` is when they begin to hold."""
    decides = [_of_row(table, row, at) for table in TABLES for row in getattr(file, table)]
    return decides + [_of_list(file, table, row, at) for table in LISTS for row in getattr(file, table)]


def _of_list(file: PackFile, table: str, row: DisclosureList | WholeSight, at: datetime) -> Explained:
    zh, en = LISTS[table]
    told = told_in_words(row) if isinstance(row, DisclosureList) else Words("", "")
    who = whose(row.agencies, row.tasks if isinstance(row, DisclosureList) else (), file)
    return Explained(
        at=at, table=table, row=row.id, title_zh=f"{zh}：{who.zh}", title_en=f"{en}: {who.en}", told_zh=told.zh, told_en=told.en,
        interpretation=row.interpretation, interpretation_zh=readings().get(row.interpretation, row.interpretation),
        basis=tuple(map(cite, row.basis)),
    )  # fmt: skip


def _told_otherwise(
    before: PackFile, after: PackFile, legs: Sequence[ReferralOpened], at: datetime
) -> Iterator[Explained]:
    """The lists that a moved case follows from then on, where they tell the agencies of its legs something else."""
    for agency, task in dict.fromkeys((leg.agency, leg.task) for leg in legs):
        row = after.lists.of(agency, task)
        if row.told != before.lists.of(agency, task).told:
            yield _of_list(after, "disclosures", row, at)


def _of_report(file: PackFile, filed: e.ReportFiled) -> Iterator[Explained]:
    decided = {*filed.rows, *(duty.code for duty in filed.duties)}
    for table in TABLES:
        yield from (_of_row(table, row, filed.at) for row in getattr(file, table) if row.id in decided)


def _of_row(table: str, row: Any, at: datetime) -> Explained:
    zh, en = TABLES[table]
    said = in_words(row.when)
    decided = next((value for name in ("add", "branch", "urgency", "lead") if (value := getattr(row, name, None))), row)
    who = next((value for name in ("agency", "holder") if (value := getattr(row, name, None))), None)
    by_zh, by_en = (f" · {who.zh}", f" · {who.en}") if isinstance(who, Agency) else ("", "")
    reading = getattr(row, "interpretation", "")
    return Explained(
        at=at, table=table, row=row.id, title_zh=f"{zh}：{decided.zh}{by_zh}", title_en=f"{en}: {decided.en}{by_en}",
        condition=row.when, condition_zh=said.zh, condition_en=said.en, interpretation=reading,
        interpretation_zh=readings().get(reading, reading), basis=tuple(map(cite, row.basis)),
    )  # fmt: skip


def _opened(file: PackFile, event: ReferralOpened | e.DutyOpened) -> Explained:
    """A leg or a duty that began, with its deadline."""
    if isinstance(event, ReferralOpened):
        name, table, clock, who = event.route_id, "routes", event.accept, event.agency
        until = ("期限内受理", "to be taken up in time")
    else:
        name, clock, who = step_of(event.code), event.clock, event.holder
        table, until = "procedures" if is_step(name) else "duties", ("期限内办理", "to be done in time")
    told = (
        told_in_words(file.lists.of(event.agency, event.task)) if isinstance(event, ReferralOpened) else Words("", "")
    )
    row = file.step_rows.get(name) or next((row for row in getattr(file, table) if row.id == name), None)
    zh, en = (row.zh, row.en) if row else (name, name)
    return Explained(
        at=event.at, table=table, row=name, title_zh=f"{who.zh}{until[0]}：{zh}", title_en=f"{who.en} {until[1]}: {en}",
        told_zh=told.zh, told_en=told.en, due_at=clock.due_at, due_basis=tuple(map(cite, clock.spec.basis)), basis=tuple(map(cite, event.basis)),
    )  # fmt: skip
