"""That an offence was left out of a report was kept with it, in clear, for every desk of the case; now the receipt alone says so."""

from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

CODE = "kept_in_sealed_cases_only"


def upgrade() -> None:
    """Other findings stay."""
    op.execute(f"""
        update reports set findings = (
            select coalesce(jsonb_agg(one), '[]') from jsonb_array_elements(findings) one where one->>'code' <> '{CODE}')
        where findings @> '[{{"code": "{CODE}"}}]'
    """)


def downgrade() -> None:
    """What is forgotten stays so."""
