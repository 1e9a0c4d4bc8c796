"""Papers on the pages: downloaded by keyboard and without scripts, and a reporter's in the language that the reporter reads."""

import re

import pytest

from tests.web.conftest import PHONE

pytestmark = pytest.mark.browser
POLICE = "police.officer.1"


async def test_a_letter_is_downloaded_by_keyboard_and_without_scripts(visitor, seeded):
    path = f"/cases/{seeded['accepted']['case_id']}"
    here = await (await visitor(POLICE, java_script_enabled=False)).open(f"{path}/legs/a-police-1")
    await here.tab_to("a[href*='referral_letter']")
    async with here.page.expect_download() as coming:
        await here.press("Enter")
    assert re.fullmatch(r"转介函-WB-\d{4}-\d{6}-转POLICE-\d\d\.pdf", (await coming.value).suggested_filename)
    here.is_quiet()


async def test_a_reporter_takes_receipt_and_answer_along_and_changes_the_language_without_the_code_again(
    visitor, seeded
):
    here = await (await visitor(size=PHONE, java_script_enabled=False)).open("/progress")
    await here.page.fill("#code", seeded["answered"]["receipt"])
    await here.page.click("main form button")
    for words, name in (("回执 PDF", "上报回执.pdf"), ("反馈函 PDF", "反馈函.pdf")):
        async with here.page.expect_download() as coming:
            await here.page.click(f"button:has-text('{words}')")
        assert (await coming.value).suggested_filename == name
    await here.page.click("footer button:has-text('English')")
    says = await here.says()
    assert "Progress of your report" in says
    assert seeded["answered"]["receipt"] in says
    assert not re.search("[\u4e00-\u9fff]", says.replace("孩子已安全，后续帮扶已落实。感谢您的报告。", ""))
    await here.page.click("footer button:has-text('Large text')")
    assert "Progress of your report" in await here.says()
    assert await here.page.locator("html.large").count() == 1
    here.is_quiet()
