"""How a Chinese name may sound to somebody who writes it down: keys in which near sounds are one."""

import itertools
import re

from pypinyin import lazy_pinyin, pinyin

from app.domain.identity import clean_name
from app.domain.surnames import POLYPHONIC

FOLDS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"))
MOST = 8


def _folded(syllable: str) -> str:
    for long, short in FOLDS:
        syllable = syllable.replace(long, short)
    return re.sub(r"^n(?=[aeiouv])", "l", syllable)


def sound_keys(name: str) -> tuple[str, ...]:
    """Keys of a name, one for each reading; none for a name without Chinese characters."""
    plain = clean_name(name)
    if not re.search(r"[\u3400-\u9fff\U00020000-\U000323af]", plain):
        return ()
    first = POLYPHONIC.get(plain[0]) or tuple(pinyin(plain[0], style=0, heteronym=False)[0])
    rest = lazy_pinyin(plain[1:])
    keys = ("".join(_folded(s) for s in (head, *rest)) for head in first)
    return tuple(itertools.islice(dict.fromkeys(keys), MOST))
