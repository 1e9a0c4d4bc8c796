"""The database for a command that a person gives: what is wrong with it is said in a sentence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.embedded import EmbeddedError
from app.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


def require_database(settings: Settings) -> str:
    """The address of the database; EmbeddedError when there is none."""
    if not settings.database_url.get_secret_value():
        raise EmbeddedError("There is no database to work on: nothing runs here, and SHOUHU_DATABASE_URL is not set.")
    return settings.database_url.get_secret_value()


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator["AsyncEngine"]:
    """The engine on the settings' database."""
    from sqlalchemy.exc import SQLAlchemyError

    from app.db.session import engine_of
    from app.db.vault import KeyMissing, NoVault
    from app.master_keys import vault_for

    engine = engine_of(require_database(settings), vault=vault_for(settings))
    try:
        yield engine
    except (OSError, SQLAlchemyError) as failure:
        raise EmbeddedError(
            f"The database could not be used: {type(failure).__name__}. See: shouhu doctor"
        ) from failure
    except (KeyMissing, NoVault) as missing:
        raise EmbeddedError(f"The keys are not at hand: {missing}.") from missing
    finally:
        await engine.dispose()
