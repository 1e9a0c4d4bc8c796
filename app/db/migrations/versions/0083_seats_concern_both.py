"""In a lent seat a person is concerned as whoever sits there too: a case about the unit or the desk where they work stays shut."""

from alembic import op

revision = "0083"
down_revision = "0082"
branch_labels = None
depends_on = None

SIT = """
create or replace function shouhu_sit(absent text, deputy text, at timestamptz) returns setof people language plpgsql as $$
declare found_one people;
begin
  select * into found_one from shouhu_seat_of(absent, deputy, at);
  if found then
    perform shouhu_stand(found_one, array[deputy, absent] || found_one.also::text[] || found_one.also_at::text[]
                                    || coalesce((select {of_deputy} from people p where p.id = deputy), '{{}}'));
    return next found_one;
  end if;
end $$
"""
BEFORE = "p.also::text[] || p.also_at::text[]"


def upgrade() -> None:
    """Their own unit and desk, as those of their other accounts."""
    op.execute(SIT.format(of_deputy=f"{BEFORE} || array_remove(array[p.unit, p.desk]::text[], null)"))


def downgrade() -> None:
    """By their other accounts alone."""
    op.execute(SIT.format(of_deputy=BEFORE))
