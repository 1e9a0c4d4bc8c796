"""Content is sealed: a key for each stream, wrapped by a master key that is not in the database; marks take the place of indexes on names."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.db.marks import marks_of
from app.db.vault import DataKey, Vault, written

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

ROLES = "shouhu_app, shouhu_worker, shouhu_wide, shouhu_door"
SERVICE_KEY = """
create function shouhu_service_key() returns setof data_keys
language sql stable security definer set search_path = public as
$$ select * from data_keys where stream_id = 'service' $$
"""
PERSON = "nullif(current_setting('shouhu.person', true), '') is not null"
SIGHT = f"""exists (select from cases c where c.id = data_keys.stream_id)
  or (starts_with(data_keys.stream_id, 'upload-') and exists (select from files f where f.id = data_keys.stream_id))
  or exists (select from sheet_jobs j where j.id = data_keys.stream_id)
  or ({PERSON} and starts_with(data_keys.stream_id, 'entry-'))"""
"""As of the notes of a case; who sees an entry is the register's own rule."""
SEALED = {
    "reports": ("case_id", ("case_id",), ("reporter", "narrative", "family", "facts")),
    "children": (
        "coalesce(case_id, 'file-' || id)", ("id",),
        ("name", "birth_date", "birth_text", "id_no", "phone", "hukou", "residence", "school", "features"),
    ),
    "notes": ("stream_id", ("stream_id", "version"), ("body",)),
    "contents": ("stream_id", ("stream_id", "version"), ("body",)),
    "register_entries": ("id", ("id", "version"), ("private",)),
    "endpoints": ("'service'", ("agency",), ("secret",)),
    "files": ("id", ("id",), ("name", "content")),
    "drafts": ("id", ("id",), ("said",)),
    "sheet_parts": ("job_id", ("job_id", "name", "number"), ("body",)),
    "accounts": ("'service'", ("person_id",), ("totp_secret",)),
}  # fmt: skip
"""By table: what names the stream, the primary key, what is sealed."""
ONLY_COME = ("register_entries",)
"""Their lines are never changed, but for this once."""
BATCH = 500


def upgrade() -> None:
    """Rows that there are need the key: the service's own migration has it, `alembic` alone has not."""
    _tables()
    conn = op.get_bind()
    _plain_text()
    vault: Vault | None = conn.get_execution_options().get("vault")
    if vault is None:
        held = [name for name in SEALED if conn.execute(sa.text(f"select exists (select from {name})")).scalar_one()]
        if held:
            raise RuntimeError(
                f"{', '.join(held)} hold rows that have to be sealed: give the keys, then shouhu migrate"
            )
    else:
        _enter(conn, vault)
        keys: dict[str, DataKey] = {}
        for table in ONLY_COME:
            op.execute(f"alter table {table} disable trigger user")
        for table in SEALED:
            for rows in _batches(conn, table):
                _seal(conn, vault, table, rows, keys)
        _digests(conn, vault, "commands", ("stream_id", "person_id", "key"), "digest")
        _digests(conn, vault, "submissions", ("scope", "key"), "body_hash")
        for table in ONLY_COME:
            op.execute(f"alter table {table} enable trigger user")
    for column in ("guardians", "phones", "sound_keys"):
        op.drop_column("children", column)
    op.create_index("ix_children_marks", "children", ["marks"], postgresql_using="gin")
    op.create_index("ix_register_entries_marks", "register_entries", ["marks"], postgresql_using="gin")


def _tables() -> None:
    op.create_table(
        "master_keys",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        comment="Names of the master keys under which data keys lie here; a name that is gone can wrap nothing any more.",
    )
    op.execute(f"revoke insert, update, delete, truncate on master_keys from {ROLES}")
    op.create_table(
        "data_keys",
        sa.Column("stream_id", sa.String(80), primary_key=True),
        sa.Column("wrapped", sa.Text()),
        sa.Column("kek_id", sa.String(40), sa.ForeignKey("master_keys.id")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "(wrapped is null) = (kek_id is null) and (wrapped is null) = (destroyed_at is not null)",
            name=op.f("ck_data_keys_whole"),
        ),
        comment="The key of a stream's content, wrapped. Once destroyed, nobody reads that content again.",
    )
    op.create_index("ix_data_keys_kek_id", "data_keys", ["kek_id", "stream_id"])
    op.execute(f"revoke truncate on data_keys from {ROLES}")
    op.execute(SERVICE_KEY)
    op.execute("revoke all on function shouhu_service_key() from public")
    op.execute(f"grant execute on function shouhu_service_key() to {ROLES}")
    op.execute("alter table data_keys enable row level security")
    op.execute("alter table data_keys force row level security")
    op.execute("create policy owner on data_keys using (true) with check (true)")
    op.execute("alter policy owner on data_keys to current_user")
    op.execute("create policy service on data_keys to shouhu_worker, shouhu_door using (true) with check (true)")
    op.execute(f"create policy sight on data_keys to shouhu_app using ({SIGHT})")
    op.execute(f"create policy district on data_keys to shouhu_wide using ({SIGHT})")


def _plain_text() -> None:
    """Every column that will be sealed becomes text, and what was found by its value loses its index."""
    op.add_column("reports", sa.Column("happened_on", sa.Date()))
    op.execute("update reports set happened_on = (facts->>'happened_on')::date")
    for index in ("ix_children_sound", "ix_children_birth_date", "ix_children_id_no", "ix_children_phones"):
        op.drop_index(index, "children")
    for table, columns in {
        "reports": ("reporter", "family", "facts"),
        "contents": ("body",),
        "drafts": ("said",),
        "register_entries": ("private",),
    }.items():
        if table == "register_entries":
            op.add_column(table, _marks())
        for column in columns:
            op.execute(f"alter table {table} alter column {column} type text using {column}::text")
    op.execute("alter table children alter column birth_date type text using birth_date::text")
    op.add_column("children", _marks())


def _marks() -> sa.Column[Any]:
    return sa.Column("marks", postgresql.ARRAY(sa.String(16)), server_default="{}", nullable=False)


def _enter(conn: sa.Connection, vault: Vault) -> None:
    conn.execute(sa.text("insert into master_keys values (:id, now())"), {"id": vault.master.current()})


def _batches(conn: sa.Connection, table: str) -> Iterator[list[dict[str, Any]]]:
    _, key, columns = SEALED[table]
    also = {"children": ", phones, sound_keys", "register_entries": ""}.get(table, "")
    named = ", ".join((*key, *columns, f"{SEALED[table][0]} as stream"))
    order, last = ", ".join(key), None
    while True:
        after = f"where ({order}) > ({', '.join(f':{name}' for name in key)})" if last else ""
        query = sa.text(
            f"select {named}{also} from {table} {after} order by {order} limit {1 if table in ('files', 'sheet_parts') else BATCH}"
        )
        rows = [dict(row) for row in conn.execute(query, last or {}).mappings()]
        if not rows:
            return
        last = {name: rows[-1][name] for name in key}
        yield rows


def _seal(conn: sa.Connection, vault: Vault, table: str, rows: list[dict[str, Any]], keys: dict[str, DataKey]) -> None:
    _, key, columns = SEALED[table]
    _keys(conn, vault, {row["stream"] for row in rows}, keys)
    sealed = []
    for row in rows:
        of, place = keys[row["stream"]], "/".join(str(row[name]) for name in key)
        one = {name: row[name] for name in key} | {
            f"new_{name}": _sealed(vault, of, row[name], f"{table}|{name}|{place}") for name in columns
        }
        sealed.append(one | _marks_of(vault, table, row))
    changed = ", ".join(f"{name} = :new_{name}" for name in columns) + (
        ", marks = :marks" if "marks" in sealed[0] else ""
    )
    update = f"update {table} set {changed} where {' and '.join(f'{name} = :{name}' for name in key)}"
    conn.execute(sa.text(update), sealed)


def _sealed(vault: Vault, of: DataKey, value: str | bytes | None, place: str) -> str | bytes | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return of.seal(value, place, vault.algorithm)
    return written(of.seal(value.encode(), place, vault.algorithm))


def _keys(conn: sa.Connection, vault: Vault, streams: set[str], keys: dict[str, DataKey]) -> None:
    made = {stream: vault.new_key(stream) for stream in sorted(streams - keys.keys())}
    keys |= {stream: key for stream, (key, _) in made.items()}
    if made:
        columns = "stream_id, wrapped, kek_id, created_at"
        values = ", ".join(f":{name}" for name in columns.split(", "))
        conn.execute(sa.text(f"insert into data_keys ({columns}) values ({values})"), [row for _, row in made.values()])


def _marks_of(vault: Vault, table: str, row: dict[str, Any]) -> dict[str, list[str]]:
    if table == "children":
        born = date.fromisoformat(row["birth_date"]) if row["birth_date"] else None
        return {"marks": marks_of(vault, name=row["name"], born=born, id_no=row["id_no"], phones=row["phones"]).all}
    if table == "register_entries":
        values = json.loads(row["private"]).values()
        return {"marks": [vault.mark("child", one) for one in values if isinstance(one, str) and one.startswith("ch-")]}
    return {}


def _digests(conn: sa.Connection, vault: Vault, table: str, key: tuple[str, ...], column: str) -> None:
    """Of what was asked before; a plain hash of a name could be tried out."""
    order = ", ".join(key)
    rows = conn.execute(sa.text(f"select {order}, {column} as plain from {table}")).mappings().all()
    update = f"update {table} set {column} = :keyed where {' and '.join(f'{name} = :{name}' for name in key)}"
    fresh = [{**{name: row[name] for name in key}, "keyed": vault.digest(row["plain"])} for row in rows]
    for start in range(0, len(fresh), BATCH):
        conn.execute(sa.text(update), fresh[start : start + BATCH])


def downgrade() -> None:
    """There is no way back: it would write names and numbers in clear again, and what was destroyed meanwhile cannot be."""
    raise NotImplementedError("what was sealed is not written in clear again: restore a backup of before")
