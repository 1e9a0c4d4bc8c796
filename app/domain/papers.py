"""文书: which papers a case can have, for which of its legs, and the number that each bears."""

from collections.abc import Iterator
from typing import NamedTuple

from app.domain.opening import SUPERVISED
from app.domain.progress import Answer, Progress, Referral, State
from app.domain.terms import Agency, Term


class Paper(Term):
    """A document that is printed, sealed and kept."""

    SUMMARY = "summary", "案件摘要", "case summary"
    REFERRAL_LETTER = "referral_letter", "转介函", "referral letter"
    HANDOVER = "handover", "交接单", "hand-over form"
    SUPERVISION = "supervision", "督办单", "supervision notice"
    PLACEMENT = "placement", "安置记录", "placement record"
    FEEDBACK = "feedback", "反馈函", "feedback letter"


class ReporterPaper(Term):
    """What whoever holds the receipt code can take along."""

    RECEIPT = "receipt", "上报回执", "receipt"
    FEEDBACK = "feedback", "反馈函", "feedback letter"


MARKS = {
    Paper.SUMMARY: "摘", Paper.REFERRAL_LETTER: "转", Paper.HANDOVER: "交", Paper.SUPERVISION: "督", Paper.PLACEMENT: "安",
    Paper.FEEDBACK: "馈",
}  # fmt: skip
OF_A_LEG = (Paper.REFERRAL_LETTER, Paper.HANDOVER, Paper.SUPERVISION)
TAKE_CHILDREN = (
    Agency.POLICE, Agency.CIVIL, Agency.STREET, Agency.COMM, Agency.SW, Agency.RESCUE, Agency.CWI, Agency.HOSPITAL,
)  # fmt: skip
"""Those to whom a child is brought; default."""


class Possible(NamedTuple):
    """A paper that can be made now; `leg` where it is about one."""

    paper: Paper
    leg: Referral | None = None


def possible(progress: Progress, *, was_placed: bool) -> Iterator[Possible]:
    """In the order in which a case comes to them; a leg that was sent away or taken away has none but the demand on it."""
    yield Possible(Paper.SUMMARY)
    for leg in progress.referrals:
        stands = leg.state.is_open or leg.state is State.COMPLETED
        if stands:
            yield Possible(Paper.REFERRAL_LETTER, leg)
        if stands and leg.agency in TAKE_CHILDREN:
            yield Possible(Paper.HANDOVER, leg)
        if progress.duty(f"{SUPERVISED}:{leg.id}"):
            yield Possible(Paper.SUPERVISION, leg)
    if was_placed:
        yield Possible(Paper.PLACEMENT)
    if progress.answer in (Answer.GIVEN, Answer.FOLLOWED):
        yield Possible(Paper.FEEDBACK)


def paper_no(case_no: str, paper: Paper, progress: Progress, leg: Referral | None) -> str:
    """WB-2026-000123-转POLICE-02: the same paper of the same leg has the same number however often it is made; it counts the legs of the
    agency alone, for of the others' a desk may not be told."""
    own = [one.id for one in progress.referrals if leg and one.agency == leg.agency]
    place = f"{leg.agency}-{own.index(leg.id) + 1:02}" if leg else ""
    return f"{case_no}-{MARKS[paper]}{place}"
