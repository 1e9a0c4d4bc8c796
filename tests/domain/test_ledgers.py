"""The projector of the ledgers: every column reads from what is known, and masks what names somebody."""

from datetime import UTC, date, datetime

import pytest

from app.domain.child_file import ChildFile, Value, counted
from app.domain.child_joined import together
from app.domain.child_record import ChildRecord
from app.domain.child_shown import read_by
from app.domain.child_terms import FileField
from app.domain.ledgers import COLUMNS, Line, RowsOf, lines, row, view
from app.domain.sheet_columns import layout
from app.domain.sheets import cells, read_row
from app.policy.loader import load
from app.policy.said import fact_value
from tests.actors import at_desk

RECORD = ChildRecord(
    child_id="ch-1", division="110106007", reported_at=datetime(2026, 3, 1, tzinfo=UTC), case_id="case-1",
    reported={
        FileField.NAME: "华小满（化名）", FileField.ID_NO: "110106201605060024", FileField.BIRTH_DATE: "2016-05-06",
        FileField.PHONE: "13800001234", FileField.RESIDENCE: "玉泉营示例路1号",
        FileField.GUARDIANS: [{"name": "华某（化名）", "relation": "父", "phone": "13900005678"}],
    },
)  # fmt: skip
LINE = Line(record=RECORD, found=None, today=date(2026, 5, 5))
SECRETS = ("小满", "20160506", "00001234", "示例路", "华某", "00005678", "-05-06")


def test_every_column_reads_from_a_child_of_whom_little_is_known():
    nothing = ChildRecord(
        child_id="ch-2", division="110106", reported_at=RECORD.reported_at, case_id="case-2", reported={}
    )
    made = row(COLUMNS, Line(record=nothing, found=None, today=LINE.today), masked=True)
    assert made.keys() == COLUMNS.keys()
    assert [code for code, value in made.items() if value not in (None, [], 0)] == []


def test_no_masked_row_names_anybody():
    shown, masked = row(COLUMNS, LINE, masked=False), row(COLUMNS, LINE, masked=True)
    assert all(secret in str(shown) for secret in SECRETS)
    assert [secret for secret in SECRETS if secret in str(masked)] == []
    assert (masked["name"], masked["guardian_names"], masked["age"]) == ("华*", ["华*"], 9)


def test_a_field_that_the_readers_office_wrote_is_cleared_of_what_the_row_tells_alone():
    """A mask that knew the family and the home would answer guesses of whoever is told of neither."""
    tried, codes = "示例九小：华小满（化名）、华某（化名）、玉泉营示例路1号", ("name", "school")
    passed = Value(version=1, by="edu.officer", office="EDU", at=RECORD.reported_at)
    file = ChildFile(child_id="ch-1", policy="p", division="110106007", version=2, counts={FileField.SCHOOL: passed})
    record = RECORD.model_copy(update={"file": file, "contents": {1: {"value": tried}}})
    for who, is_typed in ((at_desk("EDU", "head"), True), (at_desk("SW"), False)):
        shown = row(codes, LINE._replace(record=read_by(record, who)), masked=True)["school"]
        assert ("华某" in shown, "示例路" in shown, "小满" in shown) == (is_typed, is_typed, False), who.desk


def test_what_counted_of_ones_own_stands_for_a_field_that_is_kept_back_whoever_enters_after_it():
    """Of each office the newest; to whom nothing is kept back, what counts."""
    said = (
        ("COMM-110106007", "甲"),
        ("SW", "乙"),
        ("SW", "丙"),
        ("HOSPITAL", "丁"),
        ("COMM-110106007", "戊"),
        ("HOSPITAL", "己"),
    )
    values = [Value(version=n, by=f"{desk}.me", office=desk, at=RECORD.reported_at) for n, (desk, _) in enumerate(said)]
    file = ChildFile(child_id="ch-1", policy="p", division="110106007")
    for value in values:
        file = file.model_copy(update=counted(file, FileField.HEALTH, value))
    assert [one.version for one in file.before[FileField.HEALTH]] == [4, 2]
    record = RECORD.model_copy(
        update={"file": file, "contents": {n: {"value": one} for n, (_, one) in enumerate(said)}}
    )
    for desk, told in (
        ("COMM-110106007", "戊"),
        ("SW", "丙"),
        ("HOSPITAL", "己"),
        ("CIVIL", "己"),
        ("COMM-110106020", None),
        ("STREET-110106007", None),
    ):
        entry = read_by(record, at_desk(desk)).entry(FileField.HEALTH)
        assert (entry and entry.value) == told, desk
        joined = read_by(together(RECORD.model_copy(update={"child_id": "ch-0"}), (record,)), at_desk(desk))
        assert joined.entry(FileField.HEALTH) == entry, "the same where the file was joined to another"


def test_what_is_noted_of_a_familys_means_is_masked_and_comes_back_as_it_was():
    means = {"on_minimum_living": "yes", "note": "父亲患病无业"}
    record = RECORD.model_copy(update={"reported": {**RECORD.reported, FileField.MEANS: means}})
    masked = row(["means"], Line(record=record, found=None, today=LINE.today), masked=True)
    assert masked["means"] == {"on_minimum_living": "yes", "note": "***"}
    columns = layout(("means",), {})[1:]
    sheet = dict(zip(columns, cells(columns, masked, {}), strict=True))
    said = read_row(sheet, record, {}, LINE.today)
    assert (said.values, said.faults) == ({}, [])
    assert [fault.wrong.value for fault in read_row(sheet, RECORD, {}, LINE.today).faults] == ["masked"]
    note = next(column for column in columns if column.part == "note")
    starred = record.model_copy(update={"reported": {**record.reported, FileField.MEANS: {"note": "低保*2025年起"}}})
    for known, typed, wrong in (
        (record, "低保*2026年起", ["masked"]), (starred, "低保*2026年起", ["masked"]), (starred, "低保*2025年起", []),
    ):  # fmt: skip
        said = read_row({note: typed}, known, {}, LINE.today)
        assert ([fault.wrong.value for fault in said.faults], said.values) == (wrong, {}), typed


@pytest.mark.parametrize("kind", RowsOf)
def test_a_child_without_visits_or_cases_has_no_row_of_them_and_without_a_benefit_one(kind):
    assert len(list(lines(kind, LINE))) == (1 if kind in (RowsOf.CHILDREN, RowsOf.BENEFITS) else 0)


def test_every_ledger_of_the_pack_can_be_asked_of_a_child_without_facts():
    for book in load("fengtai-2026.1").file.ledgers:
        assert not book.holds(LINE), "of no category, not watched, without a case"
    assert view(LINE)["in_category"] is False


def test_a_hukou_outside_of_the_district_or_of_no_street_is_a_choice_of_a_sheet_and_goes_both_ways():
    streets = {"110106007": "东铁匠营街道"}
    home, hukou = layout(("residence_division", "hukou_division"), streets)[1:]
    assert (home.picks, hukou.picks) == (("东铁匠营街道",), ("东铁匠营街道", "丰台区内（街乡镇不详）", "丰台区外"))
    row = {"residence_division": "110106007", "hukou_division": "outside"}
    shown = cells((home, hukou), row, streets)
    assert shown == ["东铁匠营街道", "丰台区外"]
    said = read_row(dict(zip((home, hukou), shown, strict=True)), None, streets, LINE.today)
    assert ({field.value: value for field, value in said.values.items()}, said.faults) == (row, [])
    assert read_row({home: "丰台区外"}, None, streets, LINE.today).faults, "a child's home is in a street"


def test_what_a_family_has_is_said_in_words():
    assert fact_value({"low_income": "yes", "note": "打零工"})[0].endswith("情况说明：打零工")
