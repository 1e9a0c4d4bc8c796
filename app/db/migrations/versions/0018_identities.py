"""Which account at an identity provider is which person here."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty: nobody comes in this way before an administrator has said who they are."""
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("person_id", sa.String(80), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_identities_person_id_people")),
    )
    op.create_index(op.f("ix_identities_person_id"), "identities", ["person_id"])


def downgrade() -> None:
    """Who is bound has to be bound again."""
    op.drop_table("identities")
