"""择高: one of an exclusive group, the highest, as the family signs; what stacks; what a new standard changes, never downwards unheard."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from pydantic import Field

from app.domain.benefits import Benefit, Result, Standards, Yuan, parts_of
from app.domain.facts import Known
from app.domain.refusals import RefusalCode, Refused
from app.domain.terms import Term
from app.domain.working_time import Value


class Part(Value):
    """What a benefit is made of: the two disability subsidies are two, every other benefit is itself."""

    benefit: Benefit
    met: Known
    yuan: Yuan | None = None
    """None: no amount has been entered."""
    fictional: bool = False


class Line(Value):
    """One line of the comparison that the family is shown."""

    benefit: Benefit
    met: Known
    parts: tuple[Part, ...]
    ask: tuple[str, ...] = ()
    """The facts that would decide it, of a benefit whose conditions are open."""

    @property
    def missing(self) -> tuple[Benefit, ...]:
        """Parts that count, or may count, and have no amount."""
        return tuple(part.benefit for part in self.parts if part.met is not Known.NO and part.yuan is None)

    @property
    def total(self) -> Decimal | None:
        """The sum of what the child meets (guide A.17-2); None while an amount is missing or a part is open."""
        counted = [part for part in self.parts if part.met is not Known.NO]
        if self.missing or any(part.met is Known.UNKNOWN for part in counted):
            return None
        return sum((part.yuan for part in counted if part.yuan is not None), Decimal(0))


class Comparison(Value):
    """The benefits of an exclusive group side by side, at the amounts of one day."""

    on: date
    lines: tuple[Line, ...]

    def line(self, benefit: Benefit) -> Line | None:
        """The line of a benefit, if it belongs to the group."""
        return next((line for line in self.lines if line.benefit is benefit), None)

    @property
    def met(self) -> tuple[Line, ...]:
        """The benefits whose conditions are fulfilled."""
        return tuple(line for line in self.lines if line.met is Known.YES)

    @property
    def is_due(self) -> bool:
        """Any two of the group exclude each other (interpretation of R017, guide A.17-1)."""
        return len(self.met) > 1

    @property
    def missing(self) -> tuple[Benefit, ...]:
        """Amounts without which the highest is not known."""
        return tuple(part for line in self.met for part in line.missing)

    @property
    def top(self) -> Decimal | None:
        """The highest sum of those whose conditions are fulfilled; None while one of their sums is unknown."""
        sums = [line.total for line in self.met]
        known = [total for total in sums if total is not None]
        return max(known) if known and len(known) == len(sums) else None

    @property
    def highest(self) -> tuple[Benefit, ...]:
        """Whose sum that is; more than one when they are equal."""
        return tuple(line.benefit for line in self.met if line.total == self.top) if self.top is not None else ()

    @property
    def may_win(self) -> tuple[Benefit, ...]:
        """Where the choice can still end: the highest, and whatever an open condition or a missing amount may put above it."""
        top = self.top
        if top is None:
            return tuple(line.benefit for line in self.lines if line.met is not Known.NO)
        still_open = (line for line in self.lines if line.met is Known.UNKNOWN)
        return self.highest + tuple(line.benefit for line in still_open if line.total is None or line.total >= top)


def compare(claims: Iterable[Line], standards: Standards, on: date) -> Comparison:
    """The lines with the amounts in force on that day."""
    return Comparison(on=on, lines=tuple(_priced(line, standards, on) for line in claims))


def _priced(line: Line, standards: Standards, on: date) -> Line:
    priced = []
    for part in line.parts:
        amount = standards.of(part.benefit, on)
        found = {"yuan": amount.yuan, "fictional": amount.fictional} if amount else {"yuan": None}
        priced.append(part.model_copy(update=found))
    return line.model_copy(update={"parts": tuple(priced)})


def choose(comparison: Comparison, signed_for: Benefit) -> Decimal:
    """What the family receives by its signed choice; refused unless the benefit is the highest that the child meets.

    可 makes it the family's option to take it or to take none; 择高 leaves no lower one to choose.
    """
    line = comparison.line(signed_for)
    if line is None or line.met is not Known.YES:
        raise Refused(RefusalCode.BENEFIT_NOT_MET, benefit=signed_for.value)
    if line.total is None or comparison.top is None:
        missing = tuple(part.value for part in comparison.missing)
        facts = tuple(fact for found in comparison.met for fact in found.ask)
        raise Refused(RefusalCode.COMPARISON_INCOMPLETE, amounts=missing, facts=facts)
    if signed_for not in comparison.highest:
        raise Refused(RefusalCode.NOT_THE_HIGHEST, highest=tuple(benefit.value for benefit in comparison.highest))
    return line.total


class Stacking(Value):
    """What the notice says of some benefits together: choose the highest, allowed, or nothing."""

    id: str
    benefits: tuple[Benefit, ...] = Field(min_length=2)
    result: Result
    basis: tuple[str, ...]
    interpretation: str = ""

    @property
    def code(self) -> str:
        """As the cases write it."""
        if self.result is Result.CHOOSE_HIGHEST:
            return f"EXCLUSIVE{{{','.join(self.benefits)}}}"
        return "+".join(self.benefits)

    def joins(self, one: Benefit, other: Benefit) -> bool:
        """Whether it is about these two."""
        return one is not other and {one, other} <= set(self.benefits)


class BenefitRules(Value):
    """What the pack says of benefits for decisions: which exclude or may join each other, the amounts, the payers in their order."""

    stackings: tuple[Stacking, ...] = ()
    standards: Standards = Standards()
    payers: tuple[Benefit, ...] = ()

    @property
    def group(self) -> tuple[Benefit, ...]:
        """Of these only one, the highest."""
        return next((row.benefits for row in self.stackings if row.result is Result.CHOOSE_HIGHEST), ())

    @property
    def supports(self) -> tuple[Benefit, ...]:
        """The living supports, whose joining the notice regulates or is silent on; services join freely."""
        return tuple(dict.fromkeys(benefit for row in self.stackings for benefit in row.benefits))

    def together(self, one: Benefit, other: Benefit) -> Result:
        """Whether a child may receive both; of two supports that no row speaks of, nothing is decided."""
        said = (row.result for row in self.stackings if row.joins(one, other))
        free = Result.NOTICE_SILENT if one in self.supports and other in self.supports else Result.ALLOWED
        return next(said, free)


class Held(Value):
    """What a child receives by a decision."""

    child_id: str
    benefit: Benefit
    yuan: Yuan | None
    since: date
    comparison: Comparison | None = None
    """What the family signed under, where it chose."""
    heard_on: date | None = None
    """When the family was heard before it is cut or stopped."""

    def is_less(self, yuan: Decimal) -> bool:
        """Whether that would be a cut or a stop."""
        return not yuan or (self.yuan is not None and yuan < self.yuan)


class Move(Term):
    """What a new comparison means for a benefit that a child receives."""

    STAY = "stay", "不变", "stays as it is"
    RAISE = "raise", "调增", "is raised"
    OFFER_HIGHER = "offer_higher", "请家庭重新选择", "another is higher now; the family is asked"
    ASK = "ask", "条件或标准待查明，先行维持", "is kept while a condition or an amount is unknown"
    HEAR_BEFORE_CUT = "hear_before_cut", "拟调减，须先听取意见", "would be cut; the family is heard first"
    HEAR_BEFORE_STOP = "hear_before_stop", "拟终止，须先听取意见", "would be stopped; the family is heard first"


class Recomputed(Value):
    """One decision looked at again: what is paid meanwhile, and what it would become."""

    move: Move
    yuan: Yuan | None
    """Paid until a new decision: never less than before (L65)."""
    would_be: Yuan | None = None
    offer: tuple[Benefit, ...] = ()


def recompute(held: Held, comparison: Comparison) -> Recomputed:
    """What changed amounts or facts do to a decision; a raise is due at once, everything else needs a person."""
    line, best, top = comparison.line(held.benefit), comparison.highest, comparison.top
    if line is None or line.met is Known.NO:
        return Recomputed(move=Move.HEAR_BEFORE_STOP, yuan=held.yuan, would_be=Decimal(0), offer=best)
    if line.met is Known.UNKNOWN or line.total is None or held.yuan is None:
        return Recomputed(move=Move.ASK, yuan=held.yuan)
    paid = max(held.yuan, line.total)
    if top is not None and top > paid:
        return Recomputed(move=Move.OFFER_HIGHER, yuan=paid, would_be=top, offer=best)
    if line.total < held.yuan:
        return Recomputed(move=Move.HEAR_BEFORE_CUT, yuan=paid, would_be=line.total, offer=best)
    return Recomputed(move=Move.RAISE if line.total > held.yuan else Move.STAY, yuan=paid)


def look_again(held: Held, rules: BenefitRules, today: date) -> Recomputed:
    """A decision at the amounts of today: against all that the family chose from, else against its own standard if it has one."""
    parts = parts_of(held.benefit)
    own = Line(benefit=held.benefit, met=Known.YES, parts=tuple(Part(benefit=part, met=Known.YES) for part in parts))
    if held.comparison is None and (len(parts) > 1 or rules.standards.of(held.benefit, today) is None):
        return Recomputed(move=Move.STAY, yuan=held.yuan)
    lines = held.comparison.lines if held.comparison else (own,)
    return recompute(held, compare(lines, rules.standards, today))


def change_amount(held: Held, yuan: Decimal, today: date) -> Held | None:
    """The decision with its new amount, None when it stops; less than before only after the family was heard (L65)."""
    if held.is_less(yuan) and (held.heard_on is None or not held.since <= held.heard_on <= today):
        raise Refused(RefusalCode.HEARING_NEEDED, benefit=held.benefit.value)
    return held.model_copy(update={"yuan": yuan, "since": today, "heard_on": None}) if yuan else None
