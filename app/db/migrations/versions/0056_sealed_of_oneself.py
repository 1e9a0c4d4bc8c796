"""A proposal to open a sealed record is not told to whoever the record is about."""

from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

SET = "nullif(current_setting('shouhu.{}', true), '')"
LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MARKS = LIST.format("marks")
PERSON, MINE = f"{SET.format('person')} is not null", f"person_id = {SET.format('person')}"
CLEAR = f"(case_id is null or not shouhu_concerned(case_id, {MARKS}))"
OF_US = f"(desk = any ({LIST.format('desks')}) or agency = any ({LIST.format('agencies')}))"
OPENS = f"shouhu_opens_sealed({MARKS})"
OWN = f"array_remove(array_remove({MARKS}, 'PROC'), 'COURT')"
"""Without the agencies of whoever may open one: they are kept from every closed record."""
NOT_ABOUT_ME = f"not shouhu_concerned((parameters ->> 'case')::varchar, {OWN})"


def _walls(told: str) -> None:
    clear = f"{CLEAR} and (act <> 'unseal' or {told})"
    op.execute(f"alter policy sight on approvals using ({MINE} or ({clear} and {OF_US}))")
    op.execute(f"alter policy district on approvals using ({MINE} or ({PERSON} and {clear}))")


def upgrade() -> None:
    """Such a proposal has no case of its own in the table, for the case is in nobody's sight; it stands among what is to be done."""
    _walls(f"({OPENS} and {NOT_ABOUT_ME})")


def downgrade() -> None:
    """Whoever may open one is told."""
    _walls(OPENS)
