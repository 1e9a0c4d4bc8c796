"""How a Chinese name may sound to somebody who writes it down: keys in which near sounds are one."""

import itertools
import os
import re
from functools import cache, lru_cache

# Read as it is imported: the dictionary of phrases, which nobody asks here, takes 46 MiB.
os.environ["PYPINYIN_NO_PHRASES"] = "1"

from pypinyin import lazy_pinyin

from app.domain.identity import LAST, known_name
from app.domain.surnames import GIVEN, POLYPHONIC, surname_of

CHINESE = re.compile(r"[\u3400-\u9fff\U00020000-\U000323af]")
INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"))
HU = re.compile(r"^hu(?=[aeio]|$)")
FU = {"hui": "fei", "hun": "fen", "hu": "fu", "huo": "fo"}
MOST = 8
LETTERS = 6
"""Of initials at most; a name of more syllables has none."""


@cache
def folded(syllable: str) -> str:
    """One form for syllables that accents of the country confuse: zh/z, ch/c, sh/s, n/l, hu/f, ang/an, eng/en, ing/in."""
    for retroflex, flat in INITIALS:
        syllable = re.sub(f"^{retroflex}", flat, syllable)
    syllable = re.sub(r"^n(?=[aeiouv])", "l", syllable)
    syllable = re.sub(r"(?<=[aei])ng$", "n", syllable)
    return FU.get(syllable) or HU.sub("f", syllable)


@cache
def _sound(char: str) -> str:
    """By the character alone: a dictionary of phrases would give one character two sounds in two names."""
    return "".join(lazy_pinyin(char)) or char


@lru_cache(LAST)
def readings(name: str) -> tuple[str, ...]:
    """Plain pinyin of a name in each of its readings, syllables apart; any other script stands for itself."""
    plain = known_name(name)
    if not CHINESE.search(plain):
        return (plain,) if plain else ()
    surname = surname_of(plain)
    head = POLYPHONIC.get(surname) or (" ".join(_sound(char) for char in surname),)
    given = (GIVEN.get(char, (_sound(char),)) for char in plain[len(surname) :])
    # the surname turns fastest, so that the cap never cuts one of its readings off
    return tuple(
        " ".join((first, *others)) for *others, first in itertools.islice(itertools.product(*given, head), MOST)
    )


def initials(name: str) -> tuple[str, ...]:
    """The first letter of each syllable, one for each reading: `zxm`; of names in another script none, for nobody asks for them so."""
    if not CHINESE.search(known_name(name)):
        return ()
    said = ("".join(syllable[:1] for syllable in reading.split(" ")) for reading in readings(name))
    return tuple(dict.fromkeys(one for one in said if one.isascii() and one.isalpha() and 2 <= len(one) <= LETTERS))


def sound_keys(name: str) -> tuple[str, ...]:
    """Keys of a name, one for each reading, for an index of arrays: names sound alike where the keys overlap."""
    keys = (" ".join(folded(syllable) for syllable in reading.split(" ")) for reading in readings(name))
    return tuple(dict.fromkeys(keys))
