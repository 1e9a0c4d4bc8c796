"""The command of unit links: `shouhu entry-link UNIT`, for whoever runs the server; the security administrator uses /v1/entry-links."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.connect import database
from app.db.service import REPORT_PATH
from app.domain.sight import OPERATOR
from app.domain.terms import ReporterClass
from app.embedded import EmbeddedError
from app.settings import DATA, settings_of

console = Console()
Data = Annotated[
    Path, typer.Option(help="Where the data is kept.", envvar="SHOUHU_DATA_DIR", show_default=".shouhu beside ./shouhu")
]


def entry_link(
    unit: Annotated[str, typer.Argument(help="As in unit-school-1")],
    kind: Annotated[ReporterClass, typer.Option(help="Of what kind the unit is.")] = ReporterClass.SCHOOL,
    name: Annotated[str | None, typer.Option(help="What people call the unit; shown to whoever reports.")] = None,
    square: Annotated[Path | None, typer.Option(help="Also write the QR code there, as .svg or .png.")] = None,
    data: Data = DATA,
) -> None:
    """A link by which the people of a unit report without an account; print it where they see it."""
    import segno

    from app.db.audit import on_record
    from app.db.drafts import make_link
    from app.db.keys import bound_to

    settings = settings_of(data)

    async def run() -> str:
        async with database(settings) as engine, engine.begin() as conn:
            bound = await bound_to(conn, unit)
            if bound is None:
                raise EmbeddedError(f"No unit is called {unit}.")
            of = {
                "agency": bound.agency,
                "desk": bound.desk,
                "division": bound.division,
                "reporter_class": kind.value,
                "name": name,
            }
            await on_record(conn, OPERATOR, "make_entry_link", None, [unit[:40]], children=[])
            return (await make_link(conn, unit, of, OPERATOR.person_id, datetime.now(UTC)))[1]

    code = asyncio.run(run())
    address = f"{settings.public_url.rstrip('/')}{REPORT_PATH}#{code}"
    console.print(f"  Code     {code}\n  Address  {address}", soft_wrap=True, highlight=False)
    if square:
        segno.make(address, error="m").save(str(square), scale=8)
    console.print("  Shown this once; whoever has it may report in the unit's name, and sees nothing.")
