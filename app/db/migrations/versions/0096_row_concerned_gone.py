"""Whether a row that names a stream and children is about somebody is asked by arrays that are worked out once a query: the function that
answered it row by row has no caller any more."""

from alembic import op

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None

ROW = "shouhu_row_concerned(stream varchar, of_children varchar[], concerned varchar[]) returns boolean"
BY_ROW = f"""
create function {ROW} language plpgsql stable security definer set search_path = public set plan_cache_mode = force_generic_plan as $$
begin
  return exists (select from cases c where c.id = stream and c.about && concerned)
    or exists (select from unnest(array_append(of_children, substr(stream, strpos(stream, '-') + 1)::varchar)) one
               where shouhu_about(one) && concerned);
end $$
"""
SIGNATURE = "shouhu_row_concerned(varchar, varchar[], varchar[])"


def upgrade() -> None:
    """One way to ask less."""
    op.execute(f"drop function {SIGNATURE}")


def downgrade() -> None:
    """As 0088 made it."""
    op.execute(BY_ROW)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to shouhu_app, shouhu_worker, shouhu_wide, shouhu_door")
