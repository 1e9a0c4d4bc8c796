"""Bring the schema of a database to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.rotation import enter


def config_for(connection: Connection | None) -> Config:
    """Alembic's configuration for one open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head() -> str | None:
    """The newest revision of this program."""
    return ScriptDirectory.from_config(config_for(None)).get_current_head()


async def revision(conn: AsyncConnection) -> str | None:
    """The revision of the database, None where there is none yet."""
    return await conn.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


async def migrate(engine: AsyncEngine, revision: str = "head") -> None:
    """Upgrade in one transaction a revision, and enter the master key; does nothing when the schema is new enough."""
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.upgrade(config_for(sync), revision))
        if revision == "head" and engine.sync_engine.get_execution_options().get("vault"):
            await enter(connection)
        await connection.commit()
