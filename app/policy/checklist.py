"""The catalogue of services as it fits each child of a report."""

from app.domain.catalogue import Served
from app.domain.facts import ReportFacts
from app.policy.child_view import child_view
from app.policy.determination import served
from app.policy.pack import Pack
from app.policy.pack_file import PackFile


def checklist(file: PackFile, facts: ReportFacts) -> dict[str, tuple[Served, ...]]:
    """By child; what every table has decided of it is known by then."""
    triage, most = Pack(file.name, file).triage(facts), file.left_behind_max_age
    return {child.child_id: served(file, child, child_view(facts, child, triage, most)) for child in facts.children}
