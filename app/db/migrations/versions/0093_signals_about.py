"""A signal may say whom it is about; it, what is owed for it and every word of that are kept from them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0093"
down_revision = "0092"
branch_labels = None
depends_on = None

LIST = "string_to_array(nullif(current_setting('shouhu.{}', true), ''), ',')::varchar[]"
MARKS = f"coalesce({LIST.format('marks')}, array[]::varchar[])"
SIGHT = {
    "sight": f"desk = any ({LIST.format('desks')})",
    "district": "nullif(current_setting('shouhu.person', true), '') is not null",
}
OWED_BEFORE = f"""not shouhu_file_concerned(subject, {MARKS}) and not shouhu_file_concerned(code, {MARKS})
  and (matter <> 'recusal' or not shouhu_named(subject, {MARKS}))"""
OWED = f"{OWED_BEFORE} and (matter <> 'signal' or not shouhu_signal_about(subject, {MARKS}))"
SIGNATURE, ROLES = "shouhu_signal_about(varchar, varchar[])", "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
ABOUT = """
create function shouhu_signal_about(signal varchar, marks varchar[]) returns boolean
language sql stable security definer set search_path = public as $$
  select exists (select from signals s where s.id = $1 and s.about && $2) $$
"""
STREAM_CONCERNED = """
create or replace function shouhu_stream_concerned(stream varchar, concerned varchar[]) returns boolean
language plpgsql stable security definer set search_path = public set plan_cache_mode = force_generic_plan as $$
begin
  return case split_part(stream, '-', 1)
    when 'case' then shouhu_concerned(stream, concerned){of_signal}
    when 'owed' then exists (select from owed o where o.id = stream
      and (o.matter = 'recusal' and shouhu_named(o.subject, concerned) or {of_owed}shouhu_file_concerned(o.subject, concerned)
        or shouhu_file_concerned(o.code, concerned)))
    else shouhu_file_concerned(substr(stream, strpos(stream, '-') + 1), concerned)
      or exists (select from watches w where w.id = stream and shouhu_concerned(w.case_id, concerned)) end;
end $$
"""


def upgrade() -> None:
    """Of those of before nobody has said whom they are about."""
    op.add_column("signals", sa.Column("about", ARRAY(sa.String(80)), nullable=False, server_default="{}"))
    op.execute(ABOUT)
    op.execute(f"revoke all on function {SIGNATURE} from public")
    op.execute(f"grant execute on function {SIGNATURE} to {ROLES}")
    stream = {
        "of_signal": "\n    when 'signal' then shouhu_signal_about(stream, concerned)",
        "of_owed": "o.matter = 'signal' and shouhu_signal_about(o.subject, concerned) or ",
    }
    _set(stream, OWED, f" and not (about && {MARKS})")


def downgrade() -> None:
    """By the desk."""
    _set({"of_signal": "", "of_owed": ""}, OWED_BEFORE, "")
    op.execute(f"drop function {SIGNATURE}")
    op.drop_column("signals", "about")


def _set(stream: dict[str, str], owed: str, signals: str) -> None:
    op.execute(STREAM_CONCERNED.format(**stream))
    for policy, mine in SIGHT.items():
        doubles = " and matter <> 'double'" if policy == "sight" else ""
        op.execute(f"alter policy {policy} on owed using ({mine}{doubles} and {owed})")
        op.execute(f"alter policy {policy} on signals using ({mine}{signals})")
