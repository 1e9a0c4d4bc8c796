"""Q-S7: what an older release kept in the clear is sealed by the migration, and read as before."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select

from app.db import tables
from app.db.entries import register_entries
from app.db.migrate import migrate
from app.db.session import engine_of
from app.db.vault import opened, vault_of
from tests.canary import in_dump, read

OLD = {
    "children": {
        "id": "ch-old", "case_id": "case-old", "name": "欧阳小满", "birth_date": "2016-03-04", "id_no": "11010620160304002X",
        "phone": "13900000751", "phones": "{13900000751}", "guardians": "{}", "sound_keys": "{o}", "division": "110106002",
    },
    "reports": {
        "case_id": "case-old", "receipt_hash": "h", "filed_by": "x", "reporter_unit": "u", "reporter": '{"name": "老师"}',
        "narrative": "独自在家", "family": '[{"name": "父亲"}]', "facts": '{"happened_on": "2026-05-04"}', "findings": "[]",
    },
    "notes": {"stream_id": "case-old", "version": "2", "kind": "k", "body": "补充"},
    "contents": {"stream_id": "file-ch-old", "version": "1", "body": '{"value": "新址"}'},
    "register_entries": {
        "id": "entry-old", "version": "1", "book": "services", "desk": "EDU", "division": "110106", "kind": "opened",
        "fields": "{}", "private": '{"child": "ch-old", "by": "志愿者"}', "by": "x",
    },
    "full_views": {
        "id": "view-old", "person_id": "p", "agency": "CIVIL", "desk": "CIVIL", "stream_id": "case-old", "case_id": "case-old",
        "reason": "visit", "note": "核对门牌", "fields": "{}", "opened_at": "2026-05-05", "until": "2026-05-05",
    },
    "endpoints": {"agency": "EDU", "url": "http://x", "secret": "whsec_old", "supports_lookup": "false"},
    "commands": {
        "stream_id": "case-old", "person_id": "p", "key": "k", "digest": "d" * 64, "kind": "AddNote", "from_version": "2",
        "to_version": "2",
    },
}  # fmt: skip
AT = {"children": "filed_at", "register_entries": "at"}
SAID = (
    "欧阳小满",
    "11010620160304002X",
    "13900000751",
    "老师",
    "独自在家",
    "父亲",
    "补充",
    "新址",
    "志愿者",
    "whsec_old",
    "核对门牌",
)


async def test_rows_of_an_older_release_are_sealed_by_the_migration_and_read_as_before(own_database, postgres):
    await migrate(own_database, "0025")
    async with own_database.begin() as conn:
        sight = {"stage": "report", "urgency": "normal", "lead": "CIVIL", "reporter_unit": "u", "division": "110106"}
        case = {
            "id": "case-old",
            "version": 1,
            "policy": "p",
            "progress": {},
            "is_open": True,
            "agencies": [],
            "desks": [],
        }
        await conn.execute(insert(tables.cases), case | sight | {"filed_at": datetime.now(UTC)})
        for name, row in OLD.items():
            values = [f"'{value}'" for value in row.values()] + (["now()"] if name in AT else [])
            columns = [f'"{column}"' for column in (*row, *([AT[name]] if name in AT else []))]
            await conn.exec_driver_sql(f"insert into {name} ({', '.join(columns)}) values ({', '.join(values)})")
        assert len(await in_dump(conn, SAID)) == 7
    keyless = engine_of(own_database.url.render_as_string(hide_password=False), pool=1)
    with pytest.raises(RuntimeError, match="give the keys"):
        await migrate(keyless)
    await keyless.dispose()
    await migrate(own_database)
    async with own_database.begin() as conn:
        assert await in_dump(conn, SAID) == {}
        child, report = await read(conn, "case-old")
        assert (child["name"], child["id_no"], f"{child['birth_date']}") == (
            "欧阳小满",
            "11010620160304002X",
            "2016-03-04",
        )
        assert (report["narrative"], report["reporter"], report["family"]) == (
            "独自在家",
            {"name": "老师"},
            [{"name": "父亲"}],
        )
        assert f"{report['happened_on']}" == "2026-05-04"
        for table, column, value in (
            (tables.notes, "body", "补充"), (tables.contents, "body", {"value": "新址"}), (tables.endpoints, "secret", "whsec_old"),
            (tables.full_views, "note", "核对门牌"),
            (register_entries, "private", {"child": "ch-old", "by": "志愿者"}),
        ):  # fmt: skip
            (row,) = await opened(conn, (await conn.execute(select(table))).mappings(), table)
            assert row[column] == value
        vault = vault_of(conn)
        assert {vault.mark("id_no", "11010620160304002X"), vault.mark("phone", "13900000751")} <= set(child["marks"])
        entry = (await conn.execute(select(register_entries.c.marks))).scalar_one()
        assert entry == [vault.mark("child", "ch-old")]
        assert (await conn.execute(select(tables.commands.c.digest))).scalar_one() == vault.digest("d" * 64)
