"""The commands of the audit: `shouhu audit key`, `export`, `verify`."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.connect import database
from app.embedded import EmbeddedError
from app.settings import DATA, Settings, settings_of

audit = typer.Typer(no_args_is_help=True, help="The audit: export it, check it, and say with which key it is signed.")
console = Console()
VERIFIER = Path(__file__).parent.parent / "deploy" / "verify_audit.py"
Data = Annotated[
    Path, typer.Option(help="Where the data is kept.", envvar="SHOUHU_DATA_DIR", show_default=".shouhu beside ./shouhu")
]


def public_key(settings: Settings) -> str:
    """Of the installation, hexadecimal."""
    from app.db.sealer import SealKey

    secret = settings.audit_key.get_secret_value()
    if not secret:
        raise EmbeddedError("SHOUHU_AUDIT_KEY is not set, so the key of the seals is not known here.")
    return SealKey.of(secret).public.hex()


@audit.command()
def key(data: Data = DATA) -> None:
    """The public key of the seals; give it to whoever is to check the audit, once, by another way than the exports."""
    console.print(public_key(settings_of(data)), soft_wrap=True, highlight=False)


@audit.command()
def export(file: Path, data: Data = DATA) -> None:
    """Write every row and every seal into a file, for the stand-alone verifier."""
    lines = asyncio.run(_export(settings_of(data), file))
    console.print(f"{lines} lines in {file}", soft_wrap=True, highlight=False)


@audit.command()
def verify(
    key: Annotated[list[str] | None, typer.Option(help="Public keys to trust; else that of this installation.")] = None,
    anchors: Annotated[Path | None, typer.Option(help="The file that another organisation keeps.")] = None,
    data: Data = DATA,
) -> None:
    """Find rows that were changed, removed, swapped, added or back-dated, and seals that were cut off or drawn anew."""
    settings = settings_of(data)
    trusted = key or [public_key(settings)]
    held = anchors or settings.audit_anchor
    with tempfile.TemporaryDirectory(prefix="shouhu-audit-") as place:
        trail = Path(place) / "trail.jsonl"
        asyncio.run(_export(settings, trail))
        command = [sys.executable, str(VERIFIER), str(trail)] + [part for one in trusted for part in ("--key", one)]
        command += ["--anchors", str(held)] if held else []
        roots = settings.audit_tsa_roots
        command += ["--tsa-roots", str(roots)] if roots else []
        raise typer.Exit(subprocess.run(command, check=False).returncode)


async def _export(settings: Settings, file: Path) -> int:
    from app.db.sealer import trail

    lines = 0
    async with database(settings) as engine, engine.connect() as free:
        conn = await free.execution_options(
            isolation_level="REPEATABLE READ"
        )  # one instant, whatever is sealed meanwhile
        with file.open("w", encoding="utf-8") as out:
            async for line in trail(conn):
                out.write(line + "\n")
                lines += 1
    return lines
