"""Columns of a book that an import does not enter, each with its reason: what follows from elsewhere is changed there."""

from collections.abc import Mapping

NOT_READ = "不导入："
_DERIVED, _RULES = "由出生日期算出", "由系统按规则判定"
_GRADE = "新增儿童填“建档风险等级”，此后由评估和走访改变"
_VISIT = "走访逐次登记：在走访页，或用以走访为一行的台账导入"
_ANSWER = "是走访表的答复，随下一次走访登记"
_CASE, _BENEFIT = "来自个案办理", "来自待遇决定"
_CARE = "委托照护由走访该儿童的村（居）委会登记，在核实建档、纳入走访之后，且须先核实受委托人的照护能力"
_FEATURES, _WHOLE = "来自报告", "由系统登记"
WHY_NOT: Mapping[str, str] = {
    "age": _DERIVED,
    **dict.fromkeys(("categories", "grade_scale", "grade_points"), _RULES),
    "grade": _GRADE,
    **dict.fromkeys(("last_visit", "visits", "visited_on", "visitor", "finding", "visit_note", "guardian_met", "needs"), _VISIT),
    "watch_state": "由监测和个案的办理情况得出",
    "next_visit": "由最近走访和风险等级算出",
    **dict.fromkeys(("guardianship", "supervision", "acknowledged", "parent_contact"), _ANSWER),
    **dict.fromkeys(("delegate_name", "delegate_relation", "delegate_phone", "leaves_on", "contact_due"), _CARE),
    **dict.fromkeys(
        ("open_cases", "case_number", "case_stage", "filed_on", "closed_on", "closed_reason", "post_assessments"), _CASE
    ),
    "services": "来自个案办理和登记册",
    **dict.fromkeys(("benefits", "benefit", "benefit_yuan", "benefit_since"), _BENEFIT),
    "features": _FEATURES,
    **dict.fromkeys(("guardians", "registration", "same_as", "parted"), _WHOLE),
}  # fmt: skip
"""By the codes of the columns (app/domain/ledgers.py)."""
OWN_COLUMN = "不是本台账的列"
OF_CHILD = "是儿童的信息，用以儿童为一行的台账变更"
STANDS = "此次走访已登记，登记后不改；更正请另作一次登记"
SAME_VISIT = "该儿童当日已登记走访，按同一次走访处理，不重复登记；确为另一次走访的，请在走访页登记"
ALREADY = "只用于新增儿童，已有儿童不读取"
MARKED, FAULTS = "导入结果 result", "错误 errors"
ORDER = "序号\nno."
OURS = (MARKED, FAULTS, ORDER, "序号")
"""Headings of what is sent back or counts the rows; they say nothing of a child."""
