"""Blind marks of a child: what is looked for without reading anybody, each kind on its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from app.db.sounds import initials, sound_keys
from app.db.vault import Vault
from app.domain.identity import clean_name, known_name, normal_id, normal_phones


@dataclass(frozen=True)
class Marks:
    """By kind: the id number, phones of the child and the family, sounds of the name, the birth date, two of both, and the initials.

    What the mark of initials gives away: there are few of them, so whoever has the rows but not the key sees which children share
    two or three letters, and may guess the commonest by how often they stand there. It tells nobody's name, and a name from no list; what
    it adds to the mark of the sound, which parts the same children more finely, is that groups of sounds belong together.
    """

    number: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    sounds: tuple[str, ...] = ()
    born: tuple[str, ...] = ()
    name_born: tuple[str, ...] = ()
    sound_year: tuple[str, ...] = ()
    initials: tuple[str, ...] = ()

    @property
    def all(self) -> list[str]:
        """Each once, as they are stored; marks of two kinds are never equal."""
        kinds = (self.number, self.phones, self.sounds, self.born, self.name_born, self.sound_year, self.initials)
        return list(dict.fromkeys(mark for kind in kinds for mark in kind))


def marks_of(
    vault: Vault,
    *,
    name: str = "",
    born: date | None = None,
    id_no: str | None = None,
    phones: Iterable[str | None] = (),
    sounding: bool = True,
) -> Marks:
    """What is unknown has no mark; how a name sounds may be left out where nobody looks for it."""
    known, sounds = known_name(name), sound_keys(clean_name(name)) if sounding else ()
    day, year = born.isoformat() if born else "", f"{born.year}" if born else ""
    return Marks(
        number=tuple(vault.mark("id_no", number) for number in (normal_id(id_no or ""),) if number),
        phones=tuple(vault.mark("phone", phone) for phone in normal_phones(*phones)),
        sounds=tuple(vault.mark("sound", sound) for sound in sounds),
        born=(vault.mark("born", day),) if born else (),
        name_born=(vault.mark("name_born", f"{known}|{day}"),) if born and known else (),
        sound_year=tuple(vault.mark("sound_year", f"{sound}|{year}") for sound in sounds if born),
        initials=tuple(vault.mark("initials", one) for one in initials(clean_name(name))) if sounding else (),
    )
