"""Whether the books, the cases and the watch say the same of a child; what does not agree is somebody's to set right."""

from datetime import date

from app.domain.child_record import CaseSeen, ChildRecord, tells_of
from app.domain.child_terms import FileField
from app.domain.determination import ChildFound
from app.domain.ledgers import categories
from app.domain.terms import GONE, CloseReason, Grade, Term
from app.domain.visit import counted_from
from app.domain.watch import strictest
from app.domain.working_time import day_of

MAJORITY = 18


class Differs(Term):
    """What does not agree."""

    UNWATCHED = (
        "unwatched",
        "台账在册儿童既无走访监测也无在办个案",
        "in the books, and neither watched nor with an open case",
    )
    NOT_RETURNED = (
        "not_returned",
        "个案办结后未转回走访监测",
        "the case is closed and the child was not given back to the watch",
    )
    GRADE = (
        "grade",
        "监测等级与办结时等级不一致，或低于合并的登记",
        "watched by another grade than the case was closed with, or by a looser one than a joined registration's",
    )
    DIVISION = (
        "division",
        "监测所在街乡与台账居住地不一致",
        "watched in another street than the books say the child lives in",
    )
    ENDED = (
        "ended",
        "个案已因死亡、成年或迁出办结，仍在监测且此后未走访到儿童",
        "the case closed as the child had died, come of age or moved away, and it is still watched, not visited since",
    )
    OF_AGE = "of_age", "已满十八周岁仍在监测", "of age and still watched"


def differences(record: ChildRecord, found: ChildFound | None, today: date) -> tuple[Differs, ...]:
    """What does not agree of this child on this day."""
    watch, last = record.watch, record.last_case
    watched = bool(watch and watch.is_open)
    if last and last.is_open:
        return ()
    closed = last.closed_reason if last else None
    wrong: list[Differs] = []
    registered = _registered(record)
    if not watched and registered:
        wrong.append(Differs.UNWATCHED)
    elif not watched and not (
        watch and closed in (None, CloseReason.NO_RISK_FOUND)
    ):  # that ended by hand, as a person said
        if last and closed is not CloseReason.NO_RISK_FOUND:
            taken = closed in GONE and tells_of(last, record.ids)
            if not (taken or _returned(record, last) or _is_of_age(record, today)):
                wrong.append(Differs.NOT_RETURNED)
        elif categories(found) and not _is_of_age(record, today):
            wrong.append(Differs.UNWATCHED)
    if watch and watched:
        visited = max((counted_from(seen.event.day, seen.event.at) for seen in record.visits), default=None)
        since = last.closed_at if last else None
        unvisited = since is not None and (visited is None or visited < since)
        of_case = last.grade if last and unvisited and watch.case_id == last.case_id else None
        is_looser = registered is not None and strictest((registered, watch.grade)) is not watch.grade
        if is_looser or (of_case and watch.grade is not of_case):
            wrong.append(Differs.GRADE)
        lives = record.entry(FileField.RESIDENCE_DIVISION)
        if (
            lives
            and lives.value != watch.division
            and len(str(lives.value)) == len(watch.division)
            and not watch.handover
        ):
            wrong.append(Differs.DIVISION)
        if closed in GONE and unvisited:
            wrong.append(Differs.ENDED)
        if _is_of_age(record, today):
            wrong.append(Differs.OF_AGE)
    return tuple(wrong)


def _returned(record: ChildRecord, case: CaseSeen) -> bool:
    """Whether the case has given the child back to a watch, which has ended since."""
    watches = (one.watch for one in (record, *record.joined) if one.watch)
    return any(watch.case_id == case.case_id for watch in watches)


def _registered(record: ChildRecord) -> Grade | None:
    """The grade of registrations that joinings of former days set aside unread, where nobody has decided on the child since: today they
    count as soon as they are joined."""
    waits = record.file is not None and record.file.waiting_for(FileField.REGISTRATION) is not None
    aside = [change for one in record.joined if one.file for change in one.file.set_aside if change.registration]
    if waits or not aside:
        return None
    newest, watch, last = max(change.at for change in aside), record.watch, record.last_case
    decided = [counted_from(seen.event.day, seen.event.at) for seen in record.visits]
    decided += [at for at in (watch and watch.graded_at, last and last.closed_at) if at]
    began_since = watch is not None and watch.began_on is not None and watch.began_on > day_of(newest)
    if began_since or any(at >= newest for at in decided):
        return None
    return strictest(change.registration.grade for change in aside if change.registration)


def _is_of_age(record: ChildRecord, today: date) -> bool:
    return (age := record.age_on(today)) is not None and age >= MAJORITY
