"""What an assessment found of the children is seen by whoever sees their report; the rest of the content as before."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

OF_FILE = """(starts_with(contents.stream_id, 'watch-') or starts_with(contents.stream_id, 'file-'))
  and shouhu_opens(contents.stream_id)"""
OF_REPORT = "exists (select from reports r where r.case_id = contents.stream_id)"


def upgrade() -> None:
    """By the wall of the reports themselves."""
    for policy in ("sight", "district"):
        op.execute(f"alter policy {policy} on contents using ({OF_FILE} or {OF_REPORT})")


def downgrade() -> None:
    """Files and watches alone."""
    for policy in ("sight", "district"):
        op.execute(f"alter policy {policy} on contents using ({OF_FILE})")
