"""Two files in two streets that may be one child's are named to those alone who oversee the district: nobody else may compare them."""

from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None

LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MARKS = f"coalesce({LIST.format('marks')}, array[]::varchar[])"
CLEAR = f"""not shouhu_file_concerned(subject, {MARKS}) and not shouhu_file_concerned(code, {MARKS})
  and (matter <> 'recusal' or not shouhu_named(subject, {MARKS}))"""
AT_MY_DESK = f"desk = any ({LIST.format('desks')})"


def upgrade() -> None:
    """Of the desk of civil affairs the officers see the other things that it owes."""
    op.execute(f"alter policy sight on owed using ({AT_MY_DESK} and matter <> 'double' and {CLEAR})")


def downgrade() -> None:
    """By the desk."""
    op.execute(f"alter policy sight on owed using ({AT_MY_DESK} and {CLEAR})")
