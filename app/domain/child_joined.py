"""One child out of several files: each stands as it is, and is read with the others."""

from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from app.domain.child_record import ChildRecord, Said
from app.domain.facts import ChildSeen, ReportFacts

FIRST = datetime.min.replace(tzinfo=UTC)


def together(record: ChildRecord, joined: tuple[ChildRecord, ...]) -> ChildRecord:
    """One child out of several files: cases and visits of all, the watch that goes on, each once and none copied."""
    if not joined:
        return record
    whole = (record, *joined)
    watches = [one for one in whole if one.watch]
    going_on = max(watches, key=_goes_on, default=record)
    cases = {progress.case_id: (number, progress) for one in whole for number, progress in one.cases}
    return record.model_copy(
        update={
            "joined": joined,
            **_said_of(record, joined),
            "cases": tuple(sorted(cases.values(), key=lambda case: case[0])),
            "watch": going_on.watch, "entrusted": going_on.entrusted, "ended": going_on.ended, "ended_as": going_on.ended_as,
            "visits": tuple(sorted((seen for one in whole for seen in one.visits), key=lambda seen: seen.order)),
        }
    )  # fmt: skip


def _goes_on(one: ChildRecord) -> tuple[bool, bool, datetime]:
    """Of several watches the open one, or that which went on until it ended, the last of such; the others rest."""
    is_open, is_over = bool(one.watch and one.watch.is_open), bool(one.watch and one.watch.has_ended)
    return is_open, is_over, one.ended.at if one.ended else FIRST


def _said_of(record: ChildRecord, joined: tuple[ChildRecord, ...]) -> dict[str, Any]:
    """The first report of all files and what was said since, without what a sealed case says in another than its own."""
    said = [
        (one.reported_at, renamed(one.facts, one.child_id, record.child_id))
        for one in joined
        if one.facts and _is_open(one)
    ]
    said += [
        (at, renamed(later, one.child_id, record.child_id))
        for one in joined
        if _is_open(one)
        for at, later in one.later
    ]
    later = sorted((*record.later, *said), key=itemgetter(0))
    if record.facts is None and later:
        facts = next((facts for _, facts in later if isinstance(facts, ReportFacts)), None)
        return {"facts": facts, "later": tuple(one for one in later if one[1] is not facts)}
    return {"later": tuple(later)}


def _is_open(record: ChildRecord) -> bool:
    """Whether the case that reported it is no compartment."""
    return not any(case.sealed_for for _, case in record.cases if case.case_id == record.case_id)


def renamed(said: Said, child_id: str, own: str) -> Said:
    """What was said of a child, as another file calls it."""
    match said:
        case ReportFacts():
            children = tuple(
                child.model_copy(update={"child_id": own}) if child.child_id == child_id else child
                for child in said.children
            )
            return said.model_copy(update={"children": children})
        case ChildSeen(child_id=one) if one == child_id:
            return said.model_copy(update={"child_id": own})
        case _:
            return said
