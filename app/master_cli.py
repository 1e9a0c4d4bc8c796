"""The commands of the keys: `shouhu keys status`, `rotate`, `export` and `restore`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.connect import database
from app.domain.sight import OPERATOR
from app.embedded import EmbeddedError
from app.settings import DATA, Settings, settings_of

keys = typer.Typer(no_args_is_help=True, help="The keys of content: how they stand, renew the master key, keep a copy.")
console = Console()
Data = Annotated[
    Path, typer.Option(help="Where the data is kept.", envvar="SHOUHU_DATA_DIR", show_default=".shouhu beside ./shouhu")
]


@keys.command()
def status(data: Data = DATA) -> None:
    """Which master keys wrap how many keys of content, and how many were destroyed."""

    async def run(settings: Settings) -> None:
        from app.db.rotation import standing

        async with database(settings) as engine, engine.connect() as conn:
            found = await standing(conn)
        for master, number in sorted(found.by_master.items()):
            console.print(f"{master}  {number} keys", highlight=False)
        console.print(f"destroyed: {found.destroyed}", highlight=False)
        if found.since_rotation:
            console.print(
                f"{found.since_rotation} of them since the last rotation: backups from before still open them until"
                " shouhu keys rotate",
                soft_wrap=True,
                highlight=False,
            )

    asyncio.run(run(settings_of(data)))


@keys.command()
def rotate(data: Data = DATA) -> None:
    """Wrap every key of content with a new master key while the service runs; then the old one is removed for good."""
    settings = settings_of(data)
    console.print(asyncio.run(_rotate(settings)), soft_wrap=True, highlight=False)


async def _rotate(settings: Settings) -> str:
    from app.db.audit import on_record
    from app.db.rotation import rotate as turn
    from app.master_keys import FileKeys

    file = FileKeys(settings.key_file) if settings.key_file else None
    async with database(settings) as engine:
        async with engine.begin() as conn:
            await on_record(conn, OPERATOR, "rotate_master_key", None, [], children=[])
        current = file.renew() if file else None
        with console.status("Wrapping keys anew ...") as shown:
            done = await turn(engine, lambda done, whole: shown.update(f"{done} of {whole} keys wrapped anew"))
    if file and current:
        gone = file.keep_only(current)
        return (
            f"{done} keys are wrapped by {current}; {', '.join(gone)} left {file.path}. Destroy its copies as well, and"
            " keep a new copy of the file and of: shouhu keys export"
        )
    return f"{done} keys are wrapped by the first key of SHOUHU_MASTER_KEYS; remove the others there, and destroy their copies."


@keys.command()
def export(file: Path, data: Data = DATA) -> None:
    """Write all wrapped keys into a file: the copy that a backup of before the last rotation needs. Keep the newest alone."""

    async def run(settings: Settings) -> int:
        from app.db.audit import on_record
        from app.db.rotation import exported
        from app.master_keys import write_private

        async with database(settings) as engine, engine.begin() as conn:
            await on_record(conn, OPERATOR, "export_keys", None, [], children=[])
            lines = await exported(conn)
        write_private(file, "".join(f"{line}\n" for line in lines))
        return len(lines)

    console.print(f"{asyncio.run(run(settings_of(data)))} keys in {file}", soft_wrap=True, highlight=False)


@keys.command()
def restore(file: Path, data: Data = DATA) -> None:
    """After an older backup was restored: the keys as they stand in the newest export; what it says was destroyed is destroyed."""

    async def run(settings: Settings, lines: list[str]) -> int:
        from app.db.audit import on_record
        from app.db.rotation import restored

        async with database(settings) as engine, engine.begin() as conn:
            await on_record(conn, OPERATOR, "restore_keys", None, [], children=[])
            return await restored(conn, lines)

    try:
        done = asyncio.run(run(settings_of(data), file.read_text("utf-8").splitlines()))
    except (OSError, ValueError) as wrong:
        raise EmbeddedError(f"{file} is no export of keys: {type(wrong).__name__}") from None
    console.print(f"{done} keys stand as in {file}", soft_wrap=True, highlight=False)
