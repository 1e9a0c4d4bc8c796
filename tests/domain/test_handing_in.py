"""What stands in the way of handing in a book, and which rows are of its month."""

from datetime import UTC, date, datetime

from app.domain.child_record import ChildRecord, Seen
from app.domain.child_terms import FileField
from app.domain.handing_in import Tally, gaps, has_rows, is_of, month_of, needs_work, share_of
from app.domain.ledgers import Line, RowsOf
from app.domain.visit import VisitRecorded

NOW = datetime(2026, 11, 30, 15, 30, tzinfo=UTC)
CODES = ("name", "id_no", "guardian_phones", "visited_on")


def line(**reported):
    known = {FileField(name): value for name, value in reported.items()}
    record = ChildRecord(child_id="ch-1", division="110106006", reported_at=NOW, case_id=None, reported=known)
    return Line(record=record, found=None, today=NOW.date())


def test_what_is_not_known_is_a_gap_and_a_guardian_without_a_phone_is_one():
    kin = [{"name": "华某（化名）", "relation": "父"}]
    assert gaps(CODES, line(name="华一（化名）", guardians=kin)) == ("id_no", "guardian_phones")
    whole = line(name="华一（化名）", id_no="110106201508090011", guardians=[*kin, {"phone": "13900000000"}])
    assert gaps(CODES, whole) == ()
    assert (needs_work(CODES, whole, NOW), needs_work(CODES, line(), NOW)) == (False, True)


def test_a_visit_is_of_its_month_here_and_all_else_of_any():
    night = datetime(2026, 11, 30, 16, 30, tzinfo=UTC)
    assert month_of(night) == "2026-12", "in Beijing it is the first"
    for said, months in ((None, [False, True, True]), (date(2026, 11, 30), [True, False, True])):
        seen = Seen.model_construct(event=VisitRecorded.model_construct(at=night, visited_on=said))
        visit = line()._replace(visit=seen)
        assert [is_of(visit, month) for month in ("2026-11", "2026-12", None)] == months
        whole = line(name="华一（化名）")
        child = whole._replace(record=whole.record.model_copy(update={"visits": (seen,)}))
        tallies = {month: Tally() for month in ("2026-11", "2026-12")}
        for month, tally in tallies.items():
            tally.add(share_of(CODES, RowsOf.VISITS, child), month, NOW)
        assert [tally.rows for tally in tallies.values()] == months[:2], "counted as the rows of the book are"
    assert is_of(line(), "2020-01")


def test_a_child_without_a_visit_stands_in_no_book_of_visits():
    assert [has_rows(kind, line(), None) for kind in (RowsOf.CHILDREN, RowsOf.VISITS, RowsOf.CASES)] == [
        True,
        False,
        False,
    ]
    tally = Tally()
    tally.add(share_of(CODES, RowsOf.VISITS, line()), "2026-11", NOW)
    assert tally == Tally()
    tally.add(share_of(CODES, RowsOf.CHILDREN, line(name="华一（化名）")), "2026-11", NOW)
    assert (tally.children, tally.rows, tally.late, dict(tally.missing)) == (
        1,
        1,
        0,
        {"id_no": 1, "guardian_phones": 1},
    )
