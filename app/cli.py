"""The one command for people: up, demo, doctor, and the processes that a larger installation starts one by one."""

import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.embedded import EmbeddedError
from app.settings import Settings, settings_of

if TYPE_CHECKING:
    from app.stack import Stack

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich", help="Shouhu 守护")
console = Console()
errors = Console(stderr=True)

SIGN_IN = (
    ("mandatory reporter · 报告人", "school.reporter.1"),
    ("police officer · 公安经办人", "police.officer.1"),
    ("civil affairs officer · 民政经办人", "civil.officer.1"),
    ("supervisor · 督查员", "civil.supervisor.1"),
    ("procurator · 检察官", "proc.procurator.1"),
)
Data = Annotated[Path, typer.Option(help="Where the data is kept.", envvar="SHOUHU_DATA_DIR")]


@app.command()
def up(
    data: Data = Path(".shouhu"),
    port: Annotated[int, typer.Option(help="Port of the API.")] = 8000,
    temporal_port: Annotated[int, typer.Option(help="Port of Temporal.")] = 7233,
    ui_port: Annotated[int, typer.Option(help="Port of Temporal's pages.")] = 8233,
) -> None:
    """Start the whole service on this machine, and keep it running until Ctrl-C."""
    from app.stack import Stack

    stack = Stack(data, api_port=port, temporal_port=temporal_port, ui_port=ui_port)
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    try:
        with console.status("Starting ...") as status:
            stack.start(status.update)
        _welcome(stack)
        while not stopped.wait(1):
            if dead := stack.dead():
                raise EmbeddedError(f"The {dead} has ended. Its log is {stack.data}/{dead}.log")
    except EmbeddedError as problem:
        errors.print(f"[red]{problem}[/red]")
        raise typer.Exit(1) from None
    finally:
        if stack.is_started:
            console.print("Stopping ...")
        stack.stop()


def _welcome(stack: "Stack") -> None:
    from app.db.service import PROGRESS_PATH

    console.print("\n[bold green]Shouhu 守护 is running.[/bold green]  Ctrl-C stops it; the data stays.\n")
    console.print(f"  API and its documentation  {stack.url}/docs")
    console.print(f"  Progress by receipt code   {stack.url}{PROGRESS_PATH}")
    if stack.temporal:
        console.print(f"  Temporal's pages           {stack.temporal.ui_url}")
    console.print(f"  Data, logs, all tokens     {stack.data}\n")
    console.print("[dim]Sign in as (bearer tokens)[/dim]")
    for role, person in SIGN_IN:
        console.print(f"  [bold]{person}[/bold]  {role}\n    {stack.tokens[person]}", soft_wrap=True, highlight=False)


@app.command()
def demo(
    as_json: Annotated[bool, typer.Option("--json", help="The result for machines.")] = False,
    keep: Annotated[bool, typer.Option(help="Keep the data and logs of the demonstration.")] = False,
) -> None:
    """Play the worked cases through a running system of their own, in under two minutes."""
    from app.demo import play
    from app.stack import Stack

    folder = tempfile.mkdtemp(prefix="shouhu-demo-")
    os.chmod(folder, 0o711)
    stack = Stack(Path(folder) / "data", api_port=0, temporal_port=0, ui_port=0, policy="fengtai-2026.1+demo")
    screen = errors if as_json else console
    try:
        with screen.status("Starting a private system ...") as status:
            stack.start(status.update)
        results = asyncio.run(play(stack, screen))
    except EmbeddedError as problem:
        errors.print(f"[red]{problem}[/red]")
        raise typer.Exit(1) from None
    finally:
        stack.stop()
        if not keep:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        sys.stdout.write(json.dumps(results.as_json(), ensure_ascii=False, indent=1) + "\n")
    else:
        results.show(console)
    raise typer.Exit(0 if results.all_met else 1)


@app.command()
def doctor(
    data: Data = Path(".shouhu"),
    quick: Annotated[bool, typer.Option(help="Only what a health check asks: database and Temporal.")] = False,
) -> None:
    """Look whether this installation is as it must be."""
    from app.doctor import examine

    findings = asyncio.run(examine(settings_of(data), quick=quick))
    for finding in findings:
        console.print(
            "[green]ok  [/green]" if finding.ok else "[red]not ok[/red]", finding.what, f"[dim]{finding.detail}[/dim]"
        )
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command()
def migrate() -> None:
    """Bring the database's schema to the newest revision."""
    from app.db.migrate import migrate as bring_up
    from app.db.session import engine_of

    async def run() -> None:
        engine = engine_of(Settings().database_url.get_secret_value())
        await bring_up(engine)
        await engine.dispose()

    asyncio.run(run())
    console.print("The schema is up to date.")


@app.command()
def seed() -> None:
    """Enter the district, its agencies, desks, people and the calendar; safe to repeat."""
    from app.db.session import engine_of
    from app.seed import seed as enter
    from app.seed import tokens_for

    async def run() -> Path:
        settings = Settings()
        engine = engine_of(settings.database_url.get_secret_value())
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        path = settings.data_dir / "tokens.json"
        async with engine.begin() as conn:
            await enter(conn, tokens=tokens_for(path))
        await engine.dispose()
        return path

    console.print("The district is entered; the tokens are in", str(asyncio.run(run())))


@app.command()
def api() -> None:
    """Run the API process."""
    from app.main import main

    main()


@app.command()
def worker() -> None:
    """Run the worker process: workflows, activities, relay, reconciler."""
    from app.worker import main

    main()


@app.command()
def reconcile(data: Data = Path(".shouhu")) -> None:
    """Compare the ledger with the engine once, and repair what is safe to repair."""
    from app.db.session import engine_of
    from app.reconciler import Reconciler
    from app.temporal import connect, version_of

    async def run() -> int:
        settings = settings_of(data)
        engine = engine_of(settings.database_url.get_secret_value())
        findings = await Reconciler(engine, await connect(settings), version_of(settings)).run_once()
        for finding in findings:
            console.print(
                finding.stream_id, finding.problem, "repaired" if finding.repaired else "shown to a supervisor"
            )
        await engine.dispose()
        return len(findings)

    console.print(f"{asyncio.run(run())} findings")


if __name__ == "__main__":
    app()
