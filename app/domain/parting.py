"""How a child is watched by what is its own, once its file is parted from another: its registration, its cases and what was done in its
watch, and nothing that the other child brought into it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from app.domain.arrangement import CareArranged, ContactRecorded, ParentsReturned
from app.domain.policy import Frozen
from app.domain.terms import Grade
from app.domain.visit import VisitAttempted, VisitRecorded, WarningOpened, WarningVerified
from app.domain.watch import EndReason, WatchBegan, WatchEnded, WatchEvent, WatchParted, WatchUndone, strictest

LOOKED_AFTER = (VisitAttempted, WarningOpened, WarningVerified, CareArranged, ContactRecorded, ParentsReturned)
"""Whoever was looked after in a watch goes on in it: of which child it was nobody can say but a person."""


class Given(Frozen):
    """What gave a child to the watch: its registration that counts, or a case that closed; or the case that took it from there."""

    at: datetime
    grade: Grade | None = None
    case_id: str | None = None
    ends: EndReason | None = None


class Own(Frozen):
    """Where a child stands with the watch by that."""

    is_open: bool = False
    grade: Grade | None = None
    graded_at: datetime | None = None
    case_id: str | None = None
    ends: EndReason | None = None
    """With which its own case took it from there."""
    anew: bool = False
    """It began after it had not been watched: nothing from before is open in it."""


def own_watch(past: Sequence[WatchEvent], own: Sequence[Given], others: Sequence[Given], since: datetime) -> Own:
    """Of the events of the child's watch those that the other child did not bring, with what was given to the child since they were joined
    and stands in the other's watch."""
    stands = Own()
    elsewhere = [one for one in own if one.at >= since and not any(_brought(event, one) for event in past)]
    elsewhere.sort(key=lambda one: one.at)
    for event, grade, decided_at in _graded(past):
        while elsewhere and elsewhere[0].at < event.at:
            stands = _given(stands, elsewhere.pop(0))
        if any(_brought(event, one) for one in own) or not any(_brought(event, one) for one in others):
            stands = _after(stands, event, own, grade, decided_at)
    for one in elsewhere:
        stands = _given(stands, one)
    return stands


def _brought(event: WatchEvent, given: Given) -> bool:
    """Whether this made that event: a case is named, all else is of one instant."""
    match event:
        case WatchBegan(case_id=str() as case_id):
            return given.ends is None and given.case_id == case_id
        case WatchBegan():
            return given.ends is None and given.case_id is None and given.at == event.at
        case WatchEnded(by="engine"):
            return given.ends is not None and given.at == event.at
        case _:
            return False


def _graded(past: Sequence[WatchEvent]) -> Iterator[tuple[WatchEvent, Grade | None, datetime | None]]:
    """Each event with the grade of the watch after it, and when it decided that; of former days the grade alone tells that it did."""
    stood: Grade | None = None
    for event in past:
        decided_at = None
        if isinstance(event, WatchBegan | WatchParted | VisitRecorded):
            decided_at = event.graded_at or (event.at if event.grade is not stood else None)
            stood = event.grade
        yield event, stood, decided_at


def _given(stands: Own, given: Given) -> Own:
    """A registration never makes a grade looser; a case decides it, or leaves it where nobody has graded the child."""
    if given.ends:
        return stands.model_copy(update={"is_open": False, "ends": given.ends})
    grade = given.grade or (stands.grade if stands.is_open else None) or Grade.MEDIUM
    if given.case_id is None and stands.is_open and stands.grade:
        grade = strictest((grade, stands.grade))
    graded_at = stands.graded_at if stands.is_open and grade is stands.grade else given.at
    case_id = given.case_id or stands.case_id
    anew = stands.anew or not stands.is_open
    return Own(is_open=True, grade=grade, graded_at=graded_at, case_id=case_id, anew=anew)


def _after(
    stands: Own, event: WatchEvent, own: Sequence[Given], grade: Grade | None, decided_at: datetime | None
) -> Own:
    decides: dict[str, Any] = {"grade": grade, "graded_at": decided_at}
    match event:
        case WatchBegan(case_id=None):
            mine = [one.grade for one in own if one.grade and _brought(event, one)]
            given = Given(at=event.at, grade=strictest(mine) if mine else event.grade)
            return _given(stands, given).model_copy(update={"anew": False})
        case WatchBegan(case_id=case_id):
            keeps = decided_at is None and stands.is_open
            update = {"is_open": True, "case_id": case_id, "ends": None, "anew": False, **({} if keeps else decides)}
            return stands.model_copy(update=update)
        case WatchParted(case_id=case_id):
            return Own(is_open=True, case_id=case_id, **decides)
        case WatchEnded() | WatchUndone():
            return stands.model_copy(update={"is_open": False, "anew": False})
        case VisitRecorded():
            update = decides if decided_at or not stands.is_open else {}
            return stands.model_copy(update={"is_open": True, **update})
        case _ if isinstance(event, LOOKED_AFTER):
            update = {} if stands.is_open else decides
            return stands.model_copy(update={"is_open": True, **update})
        case _:
            return stands
