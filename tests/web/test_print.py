"""On paper a list is a list: no buttons and no navigation, every column, who printed it and when; what is folded on the screen is there."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
SUPERVISOR, POLICE = "civil.supervisor.1", "police.officer.1"
DRAWN = os.environ.get("SHOUHU_SCREENSHOTS")
A4 = {"width": 688, "height": 1000}
"""A sheet without its margins, in the pixels of a browser; a telephone's rules would hold at this width."""
GONE = "nav, [id$=-invite], .btn, input:not([type=hidden]), select, textarea, summary.btn, .exit, .search, .me"
LISTS = (
    ("tasks", POLICE, "/tasks?view=desk"), ("case", SUPERVISOR, "/cases/{late}"), ("flow", SUPERVISOR, "/cases/{late}/flow?window=week"),
    ("history", POLICE, "/cases/{answered}/history"), ("board", SUPERVISOR, "/oversight"), ("matrix", SUPERVISOR, "/oversight/agencies"),
    ("figures", SUPERVISOR, "/statistics"),
)  # fmt: skip


@pytest.mark.timeout(300)
async def test_lists_print_as_lists(visitor, seeded):
    cases = {name: made["case_id"] for name, made in seeded.items()}
    here = {person: await visitor(person, size=A4) for person in (POLICE, SUPERVISOR)}
    for name, person, path in LISTS:
        there = here[person]
        await there.page.emulate_media(media="screen")
        await there.open(path.format(**cases))
        await there.page.emulate_media(media="print")
        shown = await there.page.locator(GONE).evaluate_all(
            "all => all.filter(one => one.checkVisibility()).map(one => one.outerHTML)"
        )
        assert shown == [], name
        assert await there.overflow() == 0, name
        assert await there.page.locator(".printed").is_visible(), name
        for head in await there.page.locator("main table:not(.bars) thead").all():
            box = await head.bounding_box()
            assert box is None or box["x"] >= 0, (name, "the heads of columns stand beside the sheet")
        made = await there.page.pdf(format="A4", print_background=False)
        assert made.startswith(b"%PDF")
        if DRAWN:
            Path(DRAWN).mkdir(parents=True, exist_ok=True)
            (Path(DRAWN) / f"print-{name}.pdf").write_bytes(made)
        there.is_quiet()


async def test_a_childs_file_prints_without_what_is_only_done_there(visitor, seeded):
    there = await (await visitor("street-110106002.officer.1")).open(f"/children/{seeded['changed']['case_id']}")
    await there.page.emulate_media(media="print")
    asks = there.page.locator("#change, #help, #full")
    assert await asks.count() == 3
    assert await asks.evaluate_all("all => all.some(one => one.checkVisibility())") is False
    assert await there.page.locator("#stands").is_visible()


async def test_a_book_lies_across_the_paper_under_a_line_to_sign(visitor, seeded):
    there = await (await visitor("street-110106002.officer.1")).open("/books/work")
    signed, days = there.page.locator(".signed"), there.page.locator("#rows tbody td.whole")
    assert not await signed.is_visible()
    await there.page.emulate_media(media="print")
    assert "单位（盖章）" in await signed.inner_text()
    assert (
        await there.page.locator("#import, #export").evaluate_all("all => all.some(one => one.checkVisibility())")
        is False
    )
    made = await there.page.pdf(prefer_css_page_size=True)
    assert b"/MediaBox [0 0 841" in made, "A4, the long side down"
    first = there.page.locator("#rows tbody td:first-child").first
    assert await first.evaluate("one => getComputedStyle(one).position") == "static", (
        "a pinned cell would lose its lines"
    )
    assert await days.count() > 4
    broken = await days.evaluate_all("all => all.filter(one => getComputedStyle(one).whiteSpace != 'nowrap').length")
    assert broken == 0, "no day runs over two lines"
    there.is_quiet()
