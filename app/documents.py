"""The one room for documents on paper: a template of Typst and facts in, a PDF with Chinese type out; nothing of it is fetched or guessed."""

import asyncio
import json
import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any
from unicodedata import normalize

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
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]+")
"""Nobody reads these, and some turn the direction of what stands around them."""
MARKS = re.compile("([\u0300-\u036f\u302a-\u302f\u3099\u309a]{2})[\u0300-\u036f\u302a-\u302f\u3099\u309a]+")
"""More on one letter than any language has."""
BRACKETS = re.compile(r"([()\[\]{}]{20})[()\[\]{}]+")
"""More in a row than any text has; the press may look for minutes where to break such a line."""
NOT_SET = re.compile(
    "[^\n\x20-\x7e\u00a0-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u27bf\u3000-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff01-\uffee"
    "\U00020000-\U0003134f]"
)
"""Scripts that no official paper is set in, of which a long run can hold the press up for minutes or break it; and controls."""
UNBROKEN = re.compile("([!-~]{500})(?=[!-~])")
"""Letters without a blank, of which a PDF takes so many in one piece."""
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
    inputs, said = type_of or _faces(), _each(settable, facts)
    for _ in range(PASSES):
        try:
            return _pressed(path, said, inputs)
        except typst.TypstError as error:
            if (named := NOT_SHOWN.search(str(error))) is None:
                raise
            missing = ESCAPED.sub(lambda code: chr(int(code[1], 16)), named[1])
            said = _each(partial(re.compile(f"[{re.escape(missing)}]").sub, _numbered), said)
    return _pressed(path, _each(partial(ANYWHERE.sub, UNKNOWN), said), inputs)


def _pressed(path: Path, facts: Any, type_of: Mapping[str, str]) -> bytes:
    said = json.dumps(facts, ensure_ascii=False, default=str, sort_keys=True)
    inputs = {"facts": said, **type_of}
    return typst.compile(path, root=TEMPLATES, format="pdf", sys_inputs=inputs, pdf_standards=[STANDARD])


def _numbered(found: re.Match[str]) -> str:
    """A rare character of a name can be looked up by its number."""
    return f"{UNKNOWN}（U+{ord(found[0]):04X}）"


def settable(text: str) -> str:
    """As it can be printed: what nobody sees is left out, and what no paper is set in stands as 〓."""
    text = UNBROKEN.sub(r"\1 ", INVISIBLE.sub("", normalize("NFC", text)))
    return NOT_SET.sub(UNKNOWN, BRACKETS.sub(r"\1", MARKS.sub(r"\1", text)))


def _each(change: Callable[[str], str], said: Any) -> Any:
    if isinstance(said, str):
        return change(said)
    if isinstance(said, Mapping):
        return {name: _each(change, one) for name, one in said.items()}
    return [_each(change, one) for one in said] if isinstance(said, list | tuple) else said


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
