"""Whoever tries numbers or letters to find out whose they are has to wait: one count of a person, by whichever way they look."""

from collections.abc import Collection, Sequence

from app.api.context import Conn, Shouhu, Who
from app.api.problems import Problem
from app.db.alike import known_of
from app.db.guesses import TooManyGuesses, count_wrong, require_patience
from app.domain.child_record import ChildRecord
from app.domain.child_terms import FileField
from app.domain.duplicates import SAME_ID, SAME_PHONE
from app.domain.guessing import NUMBERS, Allowance
from app.domain.matching import Match, Reason
from app.domain.sight import by_own_hand

TOO_MANY = "查找过于频繁，请稍后再试 · Too many searches; please wait."
OF_PHONES = {FileField.PHONE, FileField.GUARDIANS}
NUMBERED = (FileField.ID_NO, *OF_PHONES)
"""What of a file holds a number, and so is compared with another."""


async def require(conn: Conn, who: Who, shouhu: Shouhu, allowance: Allowance | None = None) -> None:
    """So few letters fit many, and so few numbers are left where half of one is told: whoever goes through them has to wait."""
    allowance = allowance or NUMBERS
    try:
        await require_patience(conn, _key(who, shouhu, allowance), allowance, shouhu.ledger.clock())
    except TooManyGuesses as refusal:
        raise Problem(429, "too_many_guesses", TOO_MANY, wait=refusal.seconds) from None


async def count(conn: Conn, who: Who, shouhu: Shouhu, allowance: Allowance | None = None) -> None:
    """One that found nobody, or of letters any."""
    await count_wrong(conn, _key(who, shouhu, allowance or NUMBERS), shouhu.ledger.clock())


async def compared(conn: Conn, who: Who, shouhu: Shouhu, gave: Collection[Reason], found: Sequence[Match]) -> None:
    """Numbers that they `gave` themselves, by the reason that says which are the same, before anything of what was found is told: one
    that nobody there has was a guess, whatever else fits."""
    if not gave:
        return
    await require(conn, who, shouhu)
    if not all(any(reason in match.reasons for match in found) for reason in gave):
        await count(conn, who, shouhu)


def numbers_given(id_no: str | None, *phones: str | None) -> list[Reason]:
    """As `compared` has them."""
    return [reason for reason, given in ((SAME_ID, id_no), (SAME_PHONE, any(phones))) if given]


def numbers_given_by(who: Who, *records: ChildRecord) -> list[Reason]:
    """The numbers of these files that they or their office entered: each compared with another file may be a guess."""
    gave = list[Reason]()
    for record in records:
        known, entries = known_of(record), {field: entry for field in NUMBERED if (entry := record.entry(field))}
        mine = {field for field, entry in entries.items() if by_own_hand(who, entry.by, entry.office)}
        id_no = known.id_no if FileField.ID_NO in mine else None
        gave += numbers_given(id_no, *(known.phones if mine & OF_PHONES else ()))
    return gave


def _key(who: Who, shouhu: Shouhu, allowance: Allowance) -> str:
    return shouhu.receipts.alias(f"{allowance.what}:{who.person_id}")
