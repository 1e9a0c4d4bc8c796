"""Why a case runs as it does: each decision with the row that made it, its condition in words, and the text that it rests on."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from app.domain import events as e
from app.domain.procedure import is_step, step_of
from app.domain.referral_events import ReferralOpened
from app.domain.terms import Agency
from app.policy.basis import Citation, cite
from app.policy.loader import SafeLoader
from app.policy.pack_file import PackFile
from app.policy.words import in_words

TABLES = {
    "triggers": ("情形", "situation"),
    "branches": ("处置分支", "branch"),
    "urgencies": ("紧急程度", "urgency"),
    "leads": ("牵头单位", "lead agency"),
    "routes": ("转介", "referral"),
    "duties": ("法定事项", "duty"),
    "begins": ("启动程序", "procedure"),
}


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
    interpretation: str = ""
    """How the row reads the notice where that leaves room, as it stands in the row."""
    interpretation_zh: str = ""
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
    version = ""
    for event in events:
        match event:
            case e.ReportFiled(policy=version):
                explained += _of_report(files[version], event)
            case e.PolicyMoved(after=version):
                pass
            case ReferralOpened() | e.DutyOpened():
                explained.append(_opened(files[version], event))
            case _:
                pass
    return explained


def versions_of(events: Sequence[Any]) -> tuple[str, ...]:
    """All versions that a case has followed."""
    filed = [event.policy for event in events if isinstance(event, e.ReportFiled)]
    return tuple(dict.fromkeys([*filed, *(event.after for event in events if isinstance(event, e.PolicyMoved))]))


def in_full(file: PackFile, at: datetime) -> list[Explained]:
    """Every row that decides something about a report, as it stands in the rules; `at` is when they begin to hold."""
    return [_of_row(table, row, at) for table in TABLES for row in getattr(file, table)]


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
        told = ("期限内受理", "to be taken up in time")
    else:
        name, clock, who = step_of(event.code), event.clock, event.holder
        table, told = "procedures" if is_step(name) else "duties", ("期限内办理", "to be done in time")
    row = file.step_rows.get(name) or next((row for row in getattr(file, table) if row.id == name), None)
    zh, en = (row.zh, row.en) if row else (name, name)
    return Explained(
        at=event.at, table=table, row=name, title_zh=f"{who.zh}{told[0]}：{zh}", title_en=f"{who.en} {told[1]}: {en}",
        due_at=clock.due_at, due_basis=tuple(map(cite, clock.spec.basis)), basis=tuple(map(cite, event.basis)),
    )  # fmt: skip
