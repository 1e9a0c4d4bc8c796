"""Rules that a deputy proposed in a lent seat are not approved by whoever lent it."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None
TABLE, CHECK = "policy_versions", "ck_policy_versions_two_persons_in_any_seat"
APART = "not (approved_by = proposed_behalf) and not (approved_behalf = proposed_by) and not (approved_behalf = proposed_behalf)"


def upgrade() -> None:
    """What was published before names nobody's seat."""
    for name in ("proposed_behalf", "approved_behalf"):
        op.add_column(TABLE, sa.Column(name, sa.String(80)))
    op.create_check_constraint(op.f(CHECK), TABLE, APART)


def downgrade() -> None:
    """The seats go; the audit still has them."""
    op.drop_constraint(op.f(CHECK), TABLE)
    for name in ("approved_behalf", "proposed_behalf"):
        op.drop_column(TABLE, name)
