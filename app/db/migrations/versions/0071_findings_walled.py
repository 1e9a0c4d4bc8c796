"""What the reconciler finds wrong is walled: whoever a case or a file is about learns from no finding that there is one."""

from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None

SIGNATURE, ROLES = "shouhu_stream_concerned(varchar, varchar[])", "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
PERSON = "nullif(current_setting('shouhu.person', true), '') is not null"
MARKS = (
    "coalesce(string_to_array(nullif(current_setting('shouhu.marks', true), ''), ',')::varchar[], array[]::varchar[])"
)
STREAM_CONCERNED = """
create function shouhu_stream_concerned(stream varchar, concerned varchar[]) returns boolean
language plpgsql stable security definer set search_path = public set plan_cache_mode = force_generic_plan as $$
begin
  return case split_part(stream, '-', 1)
    when 'case' then shouhu_concerned(stream, concerned)
    when 'owed' then exists (select from owed o where o.id = stream
      and (shouhu_file_concerned(o.subject, concerned) or shouhu_file_concerned(o.code, concerned)))
    else shouhu_file_concerned(substr(stream, strpos(stream, '-') + 1), concerned)
      or exists (select from watches w where w.id = stream and shouhu_concerned(w.case_id, concerned)) end;
end $$
"""
"""Of a case, a watch, a file, or what is owed for a child."""


def upgrade() -> None:
    """To everybody else as before; the first wall says of which cases somebody is told."""
    op.execute(STREAM_CONCERNED)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {ROLES}")
    op.execute("alter table findings enable row level security")
    op.execute("alter table findings force row level security")
    op.execute("create policy owner on findings using (true) with check (true)")
    op.execute("alter policy owner on findings to current_user")
    op.execute("create policy service on findings to shouhu_worker, shouhu_door using (true) with check (true)")
    for policy, role in (("sight", "shouhu_app"), ("district", "shouhu_wide")):
        clear = f"{PERSON} and not shouhu_stream_concerned(stream_id, {MARKS})"
        op.execute(f"create policy {policy} on findings to {role} using ({clear})")


def downgrade() -> None:
    """The first wall stands alone."""
    for policy in ("sight", "district", "service", "owner"):
        op.execute(f"drop policy {policy} on findings")
    op.execute("alter table findings no force row level security")
    op.execute("alter table findings disable row level security")
    op.execute(f"drop function {SIGNATURE}")
