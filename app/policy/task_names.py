"""What the tasks of a list are called, in Chinese and English, by the rules in force."""

from collections.abc import Mapping

from app.domain.terms import Service
from app.policy.pack_file import PackFile
from app.policy.words import Words

NAMES: dict[str, Mapping[str, Words]] = {}


def task_names(version: str, file: PackFile) -> Mapping[str, Words]:
    """By the code of the task. Rows that share a task differ in what they add for their case; in a list stands what is common."""
    if version not in NAMES:
        found = {one.value: Words(one.zh, one.en) for one in Service}
        for row in sorted(file.routes, key=lambda row: -len(row.zh)):
            found[row.task] = Words(row.zh, row.en)
        found |= {duty.code: Words(duty.zh, duty.en) for duty in file.duties}
        found |= {name: Words(step.zh, step.en) for name, step in file.step_rows.items()}
        NAMES[version] = found
    return NAMES[version]
