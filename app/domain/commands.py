"""What a person, an agency's system or the engine asks: imperatives, each by an actor; what all share, and those of a case as a whole."""

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from app.domain.access import Actor
from app.domain.clock import Clock
from app.domain.facts import ReportFacts, SeenOfAll
from app.domain.policy import Frozen
from app.domain.terms import Agency, CloseReason, Grade, OverrideReason, Safety, Service, Stage, WaiveReason

Note = Annotated[str, Field(max_length=20_000)]
Concerned = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
"""The code of a unit, a desk, an agency or a person."""
Code = Annotated[str, Field(max_length=64)]
Record = Annotated[dict[Code, bool | int | Code], Field(max_length=20)]
"""The dates, counts and file numbers that an outcome asks for, by name."""
Whom = Annotated[tuple[Code, ...], Field(max_length=50)]
"""Ids of the children or agencies that something is about."""
FileId = Annotated[str, Field(pattern=r"^upload-[0-9a-f]{32}$")]


class Command(Frozen):
    """Common to all: who asks. `note` is free text and `files` are ids of uploads; both are content and never enter an event."""

    by: Actor
    minds: ClassVar[tuple[str, ...] | None] = None
    """Events since the version that it was decided on which stand against it, by kind; None are all."""
    note: Note = ""
    files: Annotated[tuple[FileId, ...], Field(max_length=10)] = ()

    @property
    def kept(self) -> dict[str, JsonValue]:
        """What it brings along beside the note: stored as content, and never in an event."""
        return {}

    @property
    def overwrites(self) -> dict[str, str]:
        """What the events say whose finding this one puts another in the place of: one since the version that it was decided on stands
        against it, also where it is not shown. Empty where there are none."""
        return {}


class ContentCommand(Command):
    """One that brings names, numbers or texts along; they are stored as content and never enter an event."""

    content: dict[str, JsonValue]

    @property
    def kept(self) -> dict[str, JsonValue]:
        """All of it."""
        return self.content


class FileReport(Command):
    """A report at the one door; `watch` names the one whose visit verified the risk."""

    facts: ReportFacts
    unit: str
    watch: str | None = None
    about: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


class MeetDuty(Command):
    """A duty of the rules is done, such as the parents' return."""

    code: str


class StartProcedure(Command):
    """启动程序, where the notice leaves it to a person; `about` names the child, agency or bill where it is about one."""

    procedure: Code
    about: str = Field(default="", max_length=64)


class RecordOutcome(Command):
    """记录办理结果: how a step of a procedure ended; `about` names the children or agencies that what it opens is about."""

    code: str
    outcome: Code
    record: Record = Field(default_factory=dict)
    about: Whom = ()


class ConfirmSafety(Command):
    """How a child is now, found by a person."""

    child_id: str
    safety: Safety

    @property
    def overwrites(self) -> dict[str, str]:
        """How the same child was found."""
        return {"kind": "safety_confirmed", "child_id": self.child_id}


class RecordSentence(Command):
    """A guardian was sentenced."""


class Proposed(Frozen):
    """The grade that a scale proposes of the facts, by the name of the scale."""

    scale: str
    grade: Grade


class Grading(Command):
    """等级评定 by a person; another grade than the scale's needs a reason. `proposed` is set by the service, never by the caller."""

    grade: Grade
    override: OverrideReason | None = None
    proposed: Proposed | None = None


class FileAssessment(Grading):
    """评估报告 with the grade; completes the assessment leg. `seen` is what was found of the children to be otherwise than reported."""

    referral_id: str
    seen: SeenOfAll = ()

    @property
    def kept(self) -> dict[str, JsonValue]:
        """The facts, which say of a child what no event may."""
        return {"seen": [one.model_dump(mode="json") for one in self.seen]} if self.seen else {}


class ReviewGrade(Grading):
    """审议 by the committee."""

    present: int = Field(ge=0, le=99)
    recused: int = Field(default=0, ge=0, le=99)


class ReturnAssessment(Command):
    """审议: the committee sends the assessment back to whoever made it, with its reasons."""

    present: int = Field(ge=0, le=99)
    recused: int = Field(default=0, ge=0, le=99)


class PlanItem(Frozen):
    """One service of the plan and the agency that owes it."""

    agency: Agency
    service: Service


class AdoptPlan(Command):
    """帮扶方案."""

    items: tuple[PlanItem, ...] = ()
    drop: tuple[str, ...] = ()
    lead: Agency | None = None


class FilePostAssessment(Command):
    """后期评估报告."""

    grade: Grade


class AnswerReporter(Command):
    """告知处理结果; the note is the answer, so it has to say something."""

    note: str = Field(..., max_length=20_000, pattern=r"\S")


class WaiveAnswer(Command):
    """No answer, for a reason."""

    reason: WaiveReason


class LinkReport(Command):
    """并案: the same incident as another case."""

    primary: str


class UnlinkReport(Command):
    """撤销并案."""


class AddFollower(Command):
    """The other side of a link; `procedures` are the steps that the linked case owed, and `clocks` those of its duties among them; it
    `settles` what this one was compared for, if that was the last to be compared."""

    case_id: str
    procedures: tuple[str, ...] = ()
    clocks: dict[str, Clock] = Field(default_factory=dict)
    settles: bool = False


class RemoveFollower(Command):
    """The other side of an unlink."""

    case_id: str


class ClearDuplicate(Command):
    """The suggestion is wrong: no duplicate."""


class SuspectDuplicate(Command):
    """A later report may be about the same; it is compared here, for not everybody who sees that one sees this one."""


class FollowPrimary(Command):
    """What the primary case did counts for its follower."""

    answered: bool = False
    closed: CloseReason | None = None


class AddNote(Command):
    """A note for the file."""


class DeclareConflict(Command):
    """利益冲突: the case is about these units, desks, agencies or persons; for them and for these persons' units it does not exist any more."""

    about: tuple[Concerned, ...] = Field(min_length=1, max_length=20)
    staff_of: tuple[str, ...] = ()
    """Set by the service: the units of the persons among them."""


class KeepOut(Command):
    """Whom the cases are about that this one is linked to, by now: all of them, beside its own."""

    about: tuple[str, ...] = ()


class ProposeClosure(Command):
    """提请办结."""

    reason: CloseReason


class RejectClosure(Command):
    """退回办结."""


class ApproveClosure(Command):
    """审批办结, by another person."""


class EnterStage(Command):
    """The engine moves the case on."""

    stage: Stage


class RaiseDue(Command):
    """The engine records every rung and expiry that is due."""


class MovePolicy(Command):
    """Go on by another version of the rules, on purpose; what runs keeps its clock."""

    version: str = Field(min_length=1, max_length=60)


class RecomputeDeadlines(Command):
    """The calendar changed; `why` is the recorded reason."""

    why: str = Field(max_length=200)
