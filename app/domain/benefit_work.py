"""What civil affairs decides of benefits in a case, and the payers of a medical bill: by hand, checked by the rules of the pack."""

from datetime import date, datetime
from decimal import Decimal

from app.domain import benefit_commands as bc
from app.domain import events as e
from app.domain.benefits import Benefit, Result, Verdict, parts_of
from app.domain.entitlement import BenefitRules, Comparison, Line, Part, change_amount, choose, compare
from app.domain.facts import Known
from app.domain.fold import fold
from app.domain.medical_costs import Bill
from app.domain.policy import Policy
from app.domain.procedure import step_of
from app.domain.procedure_work import begin, follow
from app.domain.progress import Progress
from app.domain.referral import Events, signed
from app.domain.refusals import RefusalCode, Refused
from app.domain.working_time import day_of

COSTS = "medical_costs"
"""The procedure that a bill goes through."""


def _require_child(progress: Progress, child_id: str) -> None:
    if child_id not in {child.id for child in progress.children}:
        raise Refused(RefusalCode.CHILD_NOT_FOUND)


def _require_past(day: date, now: datetime) -> None:
    if day > day_of(now):
        raise Refused(RefusalCode.DATE_IN_FUTURE, date=day.isoformat())


def _decide_benefit(progress: Progress, command: bc.DecideBenefit, policy: Policy, now: datetime) -> Events:
    _require_child(progress, command.child_id)
    held = progress.held(command.child_id, command.benefit)
    if (held is not None) is not command.verdict.of_one_that_is_held:
        raise Refused(RefusalCode.BENEFIT_HELD if held else RefusalCode.BENEFIT_NOT_HELD)
    if held is not None:
        yuan = Decimal(0) if command.verdict is Verdict.STOP else command.yuan
        if yuan is None:
            raise Refused(RefusalCode.AMOUNT_NEEDED)
        change_amount(held, yuan, day_of(now))
    else:
        yuan = _first_amount(progress, command, policy.benefits, day_of(now))
    takes_away = command.verdict is Verdict.REFUSE or (held and yuan is not None and held.is_less(yuan))
    if takes_away and not command.note.strip():
        raise Refused(RefusalCode.REASONS_NEEDED)
    decided = e.BenefitDecided(
        **signed(command.by, now), child_id=command.child_id, benefit=command.benefit, verdict=command.verdict,
        yuan=yuan, since=day_of(now), other_policy=command.other_policy,
    )  # fmt: skip
    return (decided,)


def _first_amount(progress: Progress, command: bc.DecideBenefit, rules: BenefitRules, today: date) -> Decimal | None:
    """What the officer says, else the standard; a service has none."""
    if command.verdict is Verdict.REFUSE:
        return None
    _require_room(progress, command, rules)
    standard = rules.standards.of(command.benefit, today)
    return standard.yuan if standard and command.yuan is None else command.yuan


def _require_room(
    progress: Progress,
    command: bc.DecideBenefit | bc.ChooseHighest,
    rules: BenefitRules,
    instead: tuple[Benefit, ...] = (),
) -> None:
    """Nothing that the child receives, but for what it replaces, excludes the benefit, or the notice is silent on the two."""
    beside = [held.benefit for held in progress.benefits_of(command.child_id) if held.benefit not in instead]
    answers = {held: rules.together(held, command.benefit) for held in beside}
    if excluded := tuple(held.value for held, result in answers.items() if result is Result.CHOOSE_HIGHEST):
        raise Refused(RefusalCode.EXCLUSIVE_GROUP, held=excluded)
    silent = tuple(held.value for held, result in answers.items() if result is Result.NOTICE_SILENT)
    if silent and not command.other_policy:
        raise Refused(RefusalCode.NOTICE_IS_SILENT, held=silent)


def _choose_highest(progress: Progress, command: bc.ChooseHighest, policy: Policy, now: datetime) -> Events:
    """The family's signature under the comparison; a switch to less than before needs that it was heard."""
    _require_child(progress, command.child_id)
    _require_past(command.signed_on, now)
    rules, today = policy.benefits, day_of(now)
    comparison = _comparison(command, rules, today)
    if not comparison.is_due:
        raise Refused(RefusalCode.NOTHING_TO_CHOOSE, met=tuple(line.benefit.value for line in comparison.met))
    yuan = choose(comparison, command.benefit)
    _require_room(progress, command, rules, instead=rules.group)
    for held in progress.benefits_of(command.child_id):
        if held.benefit in rules.group and held.is_less(yuan):
            change_amount(held, yuan, today)
    chosen = e.HighestChosen(
        **signed(command.by, now), child_id=command.child_id, benefit=command.benefit, yuan=yuan, since=today,
        signed_on=command.signed_on, comparison=comparison, other_policy=command.other_policy,
    )  # fmt: skip
    return (chosen,)


def _comparison(command: bc.ChooseHighest, rules: BenefitRules, today: date) -> Comparison:
    """The group's benefits as the officer found their conditions, at the amounts of today."""

    def found(part: Benefit) -> Known:
        return Known.YES if part in command.met else Known.UNKNOWN if part in command.still_open else Known.NO

    lines = []
    for benefit in rules.group:
        parts = tuple(Part(benefit=part, met=found(part)) for part in parts_of(benefit))
        answers = {part.met for part in parts}
        met = next((known for known in (Known.YES, Known.UNKNOWN) if known in answers), Known.NO)
        lines.append(Line(benefit=benefit, met=met, parts=parts))
    return compare(lines, rules.standards, today)


def _hear_family(progress: Progress, command: bc.HearFamily, policy: Policy, now: datetime) -> Events:
    if progress.held(command.child_id, command.benefit) is None:
        raise Refused(RefusalCode.BENEFIT_NOT_HELD)
    _require_past(command.heard_on, now)
    heard = e.FamilyHeard(
        **signed(command.by, now), child_id=command.child_id, benefit=command.benefit, heard_on=command.heard_on
    )
    return (heard,)


def _open_bill(progress: Progress, command: bc.OpenBill, policy: Policy, now: datetime) -> Events:
    _require_child(progress, command.child_id)
    number = len(progress.bills) + 1
    bill = Bill(id=f"bill-{number}", child_id=command.child_id, yuan=command.yuan, payers=policy.benefits.payers)
    opened = e.BillOpened(**signed(command.by, now), bill=bill)
    if policy.procedure(COSTS) is None:
        return (opened,)  # a version from before bills had a clock
    return opened, begin(fold((opened,), progress), policy, now, COSTS, bill.id)


def _record_payer(progress: Progress, command: bc.RecordPayer, policy: Policy, now: datetime) -> Events:
    bill = progress.bill(command.bill_id)
    if bill is None:
        raise Refused(RefusalCode.BILL_NOT_FOUND)
    after, head = bill.answered(command.payer, command.approved), signed(command.by, now)
    answered = e.PayerAnswered(**head, bill_id=bill.id, payer=command.payer, approved=command.approved)
    duty = progress.open_duty(f"{COSTS}.ask:{bill.id}")
    if duty is None:
        return (answered,)  # opened before bills had a clock
    step = policy.step(step_of(duty.code))
    ended = step.ends_by("rest" if after.unpaid_by_all else "next" if after.left else "paid")
    return answered, *follow(progress, policy, duty.code, step, ended, head)


BENEFIT_WORK = {
    bc.DecideBenefit: _decide_benefit,
    bc.ChooseHighest: _choose_highest,
    bc.HearFamily: _hear_family,
    bc.OpenBill: _open_bill,
    bc.RecordPayer: _record_payer,
}
