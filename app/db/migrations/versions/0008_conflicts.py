"""A case knows whom it is about, and who has left it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ENGAGED = """
update cases set
  agencies = (select array_agg(distinct a) from (
    select lead as a
    union select r->>'agency' from jsonb_array_elements(progress->'referrals') r where r->>'state' not in {left}
    union select d->>'holder' from jsonb_array_elements(progress->'duties') d) who),
  desks = coalesce((select array_agg(distinct d) from (
    select r->>'desk' as d from jsonb_array_elements(progress->'referrals') r where r->>'state' not in {left}
    union select d->>'desk' from jsonb_array_elements(progress->'duties') d) at), '{{}}')
where progress->'referrals' @? '$[*] ? (@.state == "declined" || @.state == "passed_on" || @.state == "reassigned")'
"""


def upgrade() -> None:
    """Whoever sent its leg away is in the case no more."""
    array = postgresql.ARRAY(sa.String(80))
    op.add_column("cases", sa.Column("about", array, nullable=False, server_default="{}"))
    op.create_index("ix_cases_about", "cases", ["about"], postgresql_using="gin")
    op.execute(ENGAGED.format(left="('declined', 'passed_on', 'reassigned')"))


def downgrade() -> None:
    """As before; who had left stays away."""
    op.drop_index("ix_cases_about", "cases")
    op.drop_column("cases", "about")
