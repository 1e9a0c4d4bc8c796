"""The audit is searched by who acted; whether a row of it is about somebody, or gives a reporter away, the database says."""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
ROW_CONCERNED = """
create function shouhu_row_concerned(stream varchar, of_children varchar[], concerned varchar[]) returns boolean
language sql stable security definer set search_path = public as
$$ select exists (select from cases c where c.id = stream and c.about && concerned)
  or exists (select from children k join cases c on c.id = k.case_id where k.id = any (of_children) and c.about && concerned)
  or exists (select from children k join cases c on c.id = k.case_id
             where k.id = substr(stream, strpos(stream, '-') + 1) and c.about && concerned) $$
"""
IS_REPORTER = """
create function shouhu_is_reporter(case_id varchar, person varchar) returns boolean
language sql stable security definer set search_path = public as
$$ select exists (select from audit a where a.stream_id = case_id and a.action = 'FileReport' and person in (a.person_id, a.behalf))
  or exists (select from cases c join people p on p.unit = c.reporter_unit where c.id = case_id and p.id = person) $$
"""
CASE_OF = """
create function shouhu_case_of(child_id varchar) returns varchar
language sql stable security definer set search_path = public as $$ select k.case_id from children k where k.id = child_id $$
"""
FUNCTIONS = {
    "shouhu_case_of(varchar)": CASE_OF,
    "shouhu_row_concerned(varchar, varchar[], varchar[])": ROW_CONCERNED,
    "shouhu_is_reporter(varchar, varchar)": IS_REPORTER,
}


def upgrade() -> None:
    """An index for who, and three questions that no wall stands before."""
    op.create_index("ix_audit_person_id_id", "audit", ["person_id", "id"])
    for signature, made in FUNCTIONS.items():
        op.execute(made)
        op.execute(f"revoke all on function {signature} from public")
        op.execute(f"grant execute on function {signature} to {ROLES}")


def downgrade() -> None:
    """Without them."""
    for signature in FUNCTIONS:
        op.execute(f"drop function {signature}")
    op.drop_index("ix_audit_person_id_id", "audit")
