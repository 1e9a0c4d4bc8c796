"""What a desk owes for a child is kept from whom a case of that child is about: the case being hidden from them, nothing said so."""

from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MARKS = f"coalesce({LIST.format('marks')}, array[]::varchar[])"
SIGHT = {
    "sight": f"desk = any ({LIST.format('desks')})",
    "district": "nullif(current_setting('shouhu.person', true), '') is not null",
}
CLEAR = f"not shouhu_file_concerned(subject, {MARKS}) and not shouhu_file_concerned(code, {MARKS})"
"""A child is the subject of books that differ; of two files alike the other is the code."""


def upgrade() -> None:
    """Also of whoever is the same child."""
    for policy, mine in SIGHT.items():
        op.execute(f"alter policy {policy} on owed using ({mine} and {CLEAR})")


def downgrade() -> None:
    """By the desk alone."""
    for policy, mine in SIGHT.items():
        op.execute(f"alter policy {policy} on owed using ({mine})")
