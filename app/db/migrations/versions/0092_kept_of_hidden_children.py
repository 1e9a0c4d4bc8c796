"""What is kept of a child without a case, or told of it, is kept from whom a case of the child is about, as the file is.

Its file may have been joined with that of a child of such a case, or a visit may have made one: holds, the list of destruction, full
views and proposals asked about the case of the row alone, and the row of the child was there without its key.
"""

from alembic import op

revision = "0092"
down_revision = "0091"
branch_labels = None
depends_on = None

SIGNATURE, ROLES = "shouhu_child_named(jsonb)", "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
CHILD_NAMED = """
create function shouhu_child_named(parameters jsonb) returns varchar
language plpgsql stable security definer set search_path = public set plan_cache_mode = force_generic_plan as $$
begin
  return coalesce(parameters ->> 'child', (select h.subject_id from legal_holds h where h.id = parameters ->> 'hold'), '');
end $$
"""
"""The child whose file an act would destroy, or hold no longer."""
SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = f"string_to_array({SET}, ',')::varchar[]"
MARKS = LIST.format("marks")
PERSON, ME = f"{SET.format('person')} is not null", SET.format("person")
CLEAR = f"(case_id is null or not shouhu_concerned(case_id, {MARKS}))"
SOME = f"coalesce({MARKS}, array[]::varchar[])"
OF_US = f"(desk = any ({LIST.format('desks')}) or agency = any ({LIST.format('agencies')}))"
OWN = f"array_remove(array_remove({MARKS}, 'PROC'), 'COURT')"
UNSEALS = f"shouhu_opens_sealed({MARKS}) and not shouhu_concerned((parameters ->> 'case')::varchar, {OWN})"
OF_CASE = "exists (select from cases c where c.id = {})"
BY_VISITS = f"shouhu_hidden_by_visits({MARKS})"
BY_ALL = f"shouhu_children_concerning({MARKS})"
"""Every child of a case that is about the person, found once a query."""


def sight(subject: str, stream: str, named: str, hidden: str) -> dict[str, tuple[str, str]]:
    """What a person sees of each table, and what one whose sight is the whole district does."""
    proposed = f"{CLEAR} and (act <> 'unseal' or ({UNSEALS}))"
    of_no_case = f"case_id is null and {PERSON} and id <> all ((select {hidden})::varchar[])"
    viewed = f"person_id = {ME} or {OF_CASE.format('full_views.case_id')}"
    return {
        "disposals": (OF_CASE.format("disposals.case_id"), f"{PERSON} and {CLEAR}{subject}"),
        "legal_holds": (f"set_by = {ME} and {CLEAR}{subject}", f"{PERSON} and {CLEAR}{subject}"),
        "full_views": (f"({viewed}){stream}", f"({viewed} or case_id is null){stream}"),
        "approvals": (
            f"(person_id = {ME} or ({proposed} and {OF_US})){named}",
            f"(person_id = {ME} or ({PERSON} and {proposed})){named}",
        ),
        "children": ("", f"{OF_CASE.format('children.case_id')} or ({of_no_case})"),
    }


NOW = sight(
    f" and not shouhu_file_concerned(subject_id, {SOME})", f" and not shouhu_stream_concerned(stream_id, {SOME})",
    f" and not shouhu_file_concerned(shouhu_child_named(parameters), {SOME})", BY_ALL,
)  # fmt: skip
BEFORE = sight("", "", "", BY_VISITS)


def _walls(walls: dict[str, tuple[str, str]]) -> None:
    for table, (mine, wide) in walls.items():
        if mine:
            op.execute(f"alter policy sight on {table} using ({mine})")
        op.execute(f"alter policy district on {table} using ({wide})")


def upgrade() -> None:
    """By the child."""
    op.execute(CHILD_NAMED)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {ROLES}")
    _walls(NOW)


def downgrade() -> None:
    """By the case of the row."""
    _walls(BEFORE)
    op.execute(f"drop function {SIGNATURE}")
