"""A notice of a child's file or watch is walled as one of its case is: whoever a case of the child is about is told of none of them."""

from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None

LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MARKS = f"coalesce({LIST.format('marks')}, array[]::varchar[])"
PERSON = "nullif(current_setting('shouhu.person', true), '')"
TOLD = f"person_id = {PERSON} and case_id <> all ((select shouhu_concerning({LIST.format('marks')}))::varchar[])"
NOW, BEFORE = (
    f"{TOLD} and (case_id {of} or not shouhu_stream_concerned(case_id, {MARKS}))"
    for of in ("like 'case-%'", "not like 'owed-%'")
)


def upgrade() -> None:
    """Of all that is no case."""
    _told(NOW)


def downgrade() -> None:
    """Of what is owed alone."""
    _told(BEFORE)


def _told(rule: str) -> None:
    for policy in ("sight", "district"):
        op.execute(f"alter policy {policy} on notices using ({rule})")
