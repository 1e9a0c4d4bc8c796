"""Whatever was typed is text in a book that leaves, and never a formula."""

import io
import zipfile

import pytest
from python_calamine import CalamineWorkbook

from app.domain.sheets import DANGEROUS, as_typed, harmless
from tests.api.workbooks import COMMITTEE, STREET, child_here, opened

HEAD = COMMITTEE.replace("officer", "head")
"""Who has exported nobody else on this day: more than 50 children take two persons."""


def payloads():
    """Two hundred things that a spreadsheet could take for a formula."""
    starts = [*DANGEROUS, "=+", "=-", "@@", "+=", "-+"]
    ends = ("cmd|' /C calc'!A0", "HYPERLINK(\"http://x\")", "1+1", "SUM(1;2)", "DDE(\"a\")", "IMPORTXML(1)", "A1", "x", "(1)",
            "-1", "WEBSERVICE(1)", "'x", "\"x\"", "")  # fmt: skip
    return [f"{start}{end}" for start in starts for end in ends][:200]


async def test_two_hundred_payloads_are_text_in_an_export_and_come_back_as_they_were(api, run):
    made = payloads()
    assert len(set(made)) == 200
    names = [{"name": one, "relation": one} for one in made[:40]]
    child = await child_here(
        api, "公式（化名）", "2009-12-31", None, school=made[50], residence=made[51], hukou=made[52]
    )
    contents = [("health", made[53]), ("guardians", names), ("household", made[54])]
    for field, value in contents:
        entered = await api.post(COMMITTEE, f"/v1/children/{child}/changes", {"field": field, "value": value})
        assert entered.status_code == 200, entered.text
        desk = "civil.officer.1" if field == "health" else STREET
        passed = await api.post(desk, f"/v1/children/{child}/changes/{entered.json()['change']}/pass")
        assert passed.status_code == 200, passed.text
    there = list[str]()
    for book in ("personal", "family"):
        job = await run(await api.post(HEAD, f"/v1/ledgers/{book}/exports", {"use": "verify"}))
        answer = (await opened(api, HEAD, job))[1]
        pages = zipfile.ZipFile(io.BytesIO(answer.content))
        xml = "".join(pages.read(name).decode() for name in pages.namelist() if name.startswith("xl/worksheets/sheet"))
        assert "<f>" not in xml
        book_pages = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
        cells = [
            str(cell)
            for name in book_pages.sheet_names
            for row in book_pages.get_sheet_by_name(name).to_python()
            for cell in row
        ]
        assert [cell for cell in cells if cell.startswith(DANGEROUS)] == []
        there += cells
    written = {harmless(one) for one in (*made[50:55], "、".join(made[:40]))}
    assert written <= {*there}, "and each of them is there"


@pytest.mark.parametrize("payload", payloads())
def test_no_payload_begins_a_cell(payload):
    assert not harmless(payload).startswith(DANGEROUS)
    assert as_typed(harmless(payload)) == payload.strip() or payload != payload.strip()
