"""Lists in pages: whoever reads page by page while others file reports sees every row once."""

import pytest

DESK = "street-110106024.officer.1"
EARLY, LATE = {"situations": ["living_alone"]}, {"situations": ["dropout"], "kind": "dropout"}


async def file(api, kind):
    return await api.report(children=[{"residence_division": "110106024"}], **kind)


async def rows_of(api, path, between=None):
    """All pages of two; `between` happens after each of the first three."""
    rows, cursor, pages = [], "", 0
    while cursor is not None:
        page = (await api.get(DESK, f"{path}?limit=2{cursor}")).json()
        rows += [(row.get("id", row.get("case_id")), row.get("subject")) for row in page["items"]]
        cursor = f"&cursor={page['next']}" if page["next"] else None
        pages += 1
        if between and pages <= 3:
            await between()
    return rows


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/tasks"])
async def test_rows_that_come_between_two_pages_hide_none_and_double_none(api, path):
    async def more():
        await file(api, EARLY)
        await file(api, LATE)

    for _ in range(4):
        await more()
    before = await rows_of(api, path)
    assert len(before) > 6
    read = await rows_of(api, path, more)
    assert len(read) == len(set(read)), "a row was shown twice"
    assert set(before) <= set(read), "a row was missed"
    assert len(await rows_of(api, path)) > len(before)
