"""What people wrote as the reason of a full view, an emergency reading or an act of two persons is sealed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db.vault import DataKey, Vault, wrapping, written

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

SEALED = {"full_views": ("note",), "approvals": ("note",), "emergency_reads": ("note", "review_note")}
BATCH = 500


def upgrade() -> None:
    """Rows that there are need the keys, which the service's own migration has and `alembic` alone has not."""
    conn = op.get_bind()
    vault: Vault | None = conn.get_execution_options().get("vault")
    keys: dict[str, DataKey | None] = {}
    for table, columns in SEALED.items():
        names = ", ".join(columns)
        rows = conn.execute(sa.text(f"select id, coalesce(case_id, 'service') as stream, {names} from {table}"))
        found = rows.mappings().all()
        if found and vault is None:
            raise RuntimeError(f"{table} holds rows that have to be sealed: give the keys, then shouhu migrate")
        if vault is None:
            continue
        sealed = [_sealed(conn, vault, keys, table, columns, dict(row)) for row in found]
        changed = ", ".join(f"{name} = :{name}" for name in columns)
        for start in range(0, len(sealed), BATCH):
            conn.execute(sa.text(f"update {table} set {changed} where id = :id"), sealed[start : start + BATCH])


def _sealed(
    conn: sa.Connection,
    vault: Vault,
    keys: dict[str, DataKey | None],
    table: str,
    columns: tuple[str, ...],
    row: dict[str, Any],
) -> dict[str, Any]:
    stream = row["stream"]
    if stream not in keys:
        keys[stream] = _key(conn, vault, stream)
    key = keys[stream]
    return {"id": row["id"]} | {name: _value(vault, key, row[name], f"{table}|{name}|{row['id']}") for name in columns}


def _value(vault: Vault, key: DataKey | None, said: str | None, place: str) -> str | None:
    """Of a case whose key was destroyed nothing is kept."""
    if said is None:
        return None
    return written(key.seal(said.encode(), place, vault.algorithm)) if key else ""


def _key(conn: sa.Connection, vault: Vault, stream: str) -> DataKey | None:
    query = sa.text("select wrapped, kek_id from data_keys where stream_id = :stream")
    row = conn.execute(query, {"stream": stream}).one_or_none()
    if row is None:
        made, fresh = vault.new_key(stream)
        held = sa.text("insert into master_keys values (:kek_id, :created_at) on conflict do nothing")
        conn.execute(held, fresh)
        columns = "stream_id, wrapped, kek_id, created_at"
        values = ", ".join(f":{name}" for name in columns.split(", "))
        conn.execute(sa.text(f"insert into data_keys ({columns}) values ({values})"), fresh)
        return made
    if row.wrapped is None:
        return None
    return DataKey(stream, vault.master.unwrap(row.kek_id, row.wrapped, wrapping(stream)))


def downgrade() -> None:
    """There is no way back: it would write the reasons in clear again."""
    raise NotImplementedError("what was sealed is not written in clear again: restore a backup of before")
