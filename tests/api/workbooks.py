"""Books as Excel, as a person sends and opens them, and the children who stand in them."""

import io

import xlsxwriter
from python_calamine import CalamineWorkbook
from sqlalchemy import select, true

from app.db import tables
from app.db.child_records import records_of
from app.domain.child_terms import FileField
from app.workbook import MEDIA_TYPE
from tests.api.test_ledgers import watched

DIVISION, WORK = "110106014", "work"
COMMITTEE, STREET = f"comm-{DIVISION}.officer.1", f"street-{DIVISION}.officer.1"
POOR = {"household": {"on_minimum_living": "yes"}}


async def child_here(api, name, born="2016-05-06", number="110106201605060024", **more):
    """A watched child of this committee who is poor, and so stands in its books."""
    said = {"residence_division": DIVISION, "name": name, "birth_date": born, "id_no": number, **more}
    return await watched(api, **POOR, child=said, division=DIVISION)


async def upload(api, person, code, body, media_type=MEDIA_TYPE):
    headers = api._headers(person, {"Content-Type": media_type})
    return await api.http.post(f"/v1/sheets?book={code}", content=body, headers=headers)


def sheet(heads, *lines, name="填报"):
    """As a person would send it."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False})
    page = book.add_worksheet(name)
    for n, line in enumerate((heads, *lines)):
        page.write_row(n, 0, line)
    book.close()
    return out.getvalue()


async def opened(api, person, job):
    answer = await api.get(person, f"/v1/sheets/{job}/workbook")
    assert answer.status_code == 200, answer.text
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}, answer


def by_column(page):
    heads = [str(head).split("\n")[0] for head in page[0]]
    return [dict(zip(heads, row, strict=True)) for row in page[1:]]


async def state(api, person, job):
    return (await api.get(person, f"/v1/sheets/{job}")).json()


async def entered(api, child, field):
    """The value that waits in a field; pages show it masked."""
    async with api.service.engine.connect() as conn:
        (record,) = await records_of(conn, [child], true())
    return record.contents[record.waiting(FileField(field)).number]["value"]


async def audited(api, action, person):
    row = tables.audit.c
    async with api.service.engine.connect() as conn:
        query = select(row.why, row.children, row.fields).where(row.action == action, row.person_id == person)
        return (await conn.execute(query.order_by(row.id))).all()
