"""The one room for documents on paper: a template of Typst and facts in, a PDF with Chinese type out; nothing of it is fetched or guessed."""

import asyncio
import json
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import typst

TEMPLATES = Path(__file__).parent / "typst"
FAMILIES = ("Noto Serif CJK SC", "Noto Sans CJK SC")
BODY = (
    "FangSong_GB2312", "FangSong", "FZFangSong-Z02S", "FZFangSong-Z02", "STFangsong", "Adobe Fangsong Std", "FandolFang R",
    "Zhuque Fangsong (technical preview)",
)  # fmt: skip
"""仿宋 for the text of official papers (GB/T 9704-2012), the first that this machine has (Fandol is in Debian's texlive-lang-chinese)."""
TITLE = ("FZXiaoBiaoSong-B05S", "FZXiaoBiaoSong-B05")
"""小标宋 for their titles, likewise."""
UNKNOWN = "〓"
"""In printed Chinese, a character that no type has: paper for archives must not have empty boxes, and nobody's emoji stops a letter."""
NOT_SHOWN, ESCAPED = re.compile(r'the text `"(.+?)"` could not be displayed'), re.compile(r"\\u\{([0-9a-f]+)\}")
PASSES = 4
"""One character after the other; if there are still more, only what every type has is left."""
ANYWHERE = re.compile(r"[^\n\x20-\x7e·×—‘’“”…、。〈-】〓㎡一-龥！-～]")
STANDARD = "a-2b"
"""PDF for archives: its fonts are inside, and the same facts make the same document."""


class NoChineseType(RuntimeError):
    """Without the fonts every character would be an empty box, so there is no document."""

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"缺少中文字体 {missing}，请安装 fonts-noto-cjk · the font {missing} is missing: apt-get install fonts-noto-cjk"
        )


@cache
def require_type() -> None:
    """Raises NoChineseType unless the fonts of the templates are on this machine."""
    known = typst.Fonts().families()
    for family in FAMILIES:
        if family not in known:
            raise NoChineseType(family)


def faces(known: Collection[str]) -> dict[str, str]:
    """The families of text and title of official papers among those that are known; without theirs the one that is always there."""
    of = {"body": BODY, "title": TITLE}
    return {name: next((one for one in wanted if one in known), FAMILIES[0]) for name, wanted in of.items()}


@cache
def _faces() -> dict[str, str]:
    return faces(typst.Fonts().families())


def render(template: str, facts: Mapping[str, Any], type_of: Mapping[str, str] | None = None) -> bytes:
    """The PDF of a template, which reads `facts` as JSON, among them `date` as year, month and day; `type_of` as `faces` answers.

    Raises NoChineseType, and KeyError where there is no such template.
    """
    path = TEMPLATES / f"{template}.typ"
    if not template.isidentifier() or not path.exists():
        raise KeyError(template)
    require_type()
    inputs, said = type_of or _faces(), facts
    for _ in range(PASSES):
        try:
            return _pressed(path, said, inputs)
        except typst.TypstError as error:
            if (named := NOT_SHOWN.search(str(error))) is None:
                raise
            missing = ESCAPED.sub(lambda code: chr(int(code[1], 16)), named[1])
            said = _without(said, re.compile(f"[{re.escape(missing)}]"))
    return _pressed(path, _without(said, ANYWHERE), inputs)


def _pressed(path: Path, facts: Any, type_of: Mapping[str, str]) -> bytes:
    said = json.dumps(facts, ensure_ascii=False, default=str, sort_keys=True)
    inputs = {"facts": said, **type_of}
    return typst.compile(path, root=TEMPLATES, format="pdf", sys_inputs=inputs, pdf_standards=[STANDARD])


def _without(said: Any, characters: re.Pattern[str]) -> Any:
    if isinstance(said, str):
        return characters.sub(UNKNOWN, said)
    if isinstance(said, Mapping):
        return {name: _without(one, characters) for name, one in said.items()}
    return [_without(one, characters) for one in said] if isinstance(said, list | tuple) else said


AT_ONCE, MOST = 2, 8
"""Papers in the press at once, and with those that wait for it: each takes a tenth of a second of a processor; default."""
_press = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="press")
_inside = 0


class PressBusy(RuntimeError):
    """So many papers wait that one more would wait too long."""


async def printed(template: str, facts: Mapping[str, Any]) -> bytes:
    """The same beside the event loop, a few at once; raises PressBusy as well."""
    global _inside
    if _inside >= MOST:
        raise PressBusy
    _inside += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_press, render, template, facts)
    finally:
        _inside -= 1
