"""Bring the schema of a database to the newest revision."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine


def config_for(connection: Connection) -> Config:
    """Alembic's configuration for one open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


async def migrate(engine: AsyncEngine, revision: str = "head") -> None:
    """Upgrade in one transaction a revision; does nothing when the schema is new enough."""
    async with engine.connect() as connection:
        await connection.run_sync(lambda sync: command.upgrade(config_for(sync), revision))
        await connection.commit()
