"""The one command for people: up, demo, doctor, and the processes that a larger installation starts one by one."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from app.audit_cli import audit
from app.connect import database, require_database
from app.domain.sight import OPERATOR
from app.domain.terms import Agency
from app.embedded import EmbeddedError
from app.entry_cli import entry_link
from app.keys_cli import key
from app.master_cli import keys
from app.policy_live_cli import policy
from app.retention_cli import compliance, retention
from app.settings import DATA, Settings, settings_of

if TYPE_CHECKING:
    from app.stack import Stack

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich", help="Shouhu 守护")
app.add_typer(policy, name="policy")
app.add_typer(audit, name="audit")
app.command()(key)
app.command()(entry_link)
app.command()(retention)
app.command()(compliance)
app.add_typer(keys, name="keys")
console = Console()
errors = Console(stderr=True)

SIGN_IN = (
    ("mandatory reporter · 报告人", "school.reporter.1"),
    ("police officer · 公安经办人", "police.officer.1"),
    ("civil affairs officer · 民政经办人", "civil.officer.1"),
    ("supervisor · 督查员", "civil.supervisor.1"),
    ("procurator · 检察官", "proc.procurator.1"),
)
Data = Annotated[
    Path, typer.Option(help="Where the data is kept.", envvar="SHOUHU_DATA_DIR", show_default=".shouhu beside ./shouhu")
]
StaffNo = Annotated[
    str | None,
    typer.Option(help="The number in the staff register: accounts with one number are one person who approves alone."),
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port of the API; 0 takes a free one.")]
TemporalPort = Annotated[int, typer.Option(min=0, max=65535, help="Port of Temporal.")]
PagesPort = Annotated[int, typer.Option(min=0, max=65535, help="Port of Temporal's pages.")]


@app.command()
def up(data: Data = DATA, port: Port = 8000, temporal_port: TemporalPort = 7233, ui_port: PagesPort = 8233) -> None:
    """Start the whole service on this machine, and keep it running until Ctrl-C."""
    from app.stack import Stack

    stack = Stack(data, api_port=port, temporal_port=temporal_port, ui_port=ui_port)
    with suppress(KeyboardInterrupt), _stoppable(stack):
        with console.status("Starting ...") as status:
            stack.start(status.update)
        _welcome(stack)
        while not (dead := stack.dead()):
            time.sleep(0.5)
        raise EmbeddedError(f"The {dead} has ended. Its log is {stack.data}/{dead}.log")


@contextmanager
def _stoppable(stack: "Stack") -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end what is inside, at any moment; then the stack is stopped undisturbed."""
    names = [signal.SIGINT, signal.SIGTERM]
    names += [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else []  # under nohup it stays so
    for name in names:
        signal.signal(name, signal.default_int_handler)
    try:
        yield
    finally:
        for name in names:
            signal.signal(name, signal.SIG_IGN)
        if stack.is_started:
            errors.print("\nStopping ...")
        stack.stop()


def _welcome(stack: "Stack") -> None:
    from app.db.service import PROGRESS_PATH

    console.print("\n[bold green]Shouhu 守护 is running.[/bold green]  Ctrl-C stops it; the data stays.\n")
    places = {
        "API and its documentation": f"{stack.url}/docs",
        "Progress by receipt code": f"{stack.url}{PROGRESS_PATH}",
        "Sign-in page": f"{stack.url}/sign-in, with what ./shouhu account PERSON gives",
        "Temporal's pages": stack.temporal.ui_url if stack.temporal else "",
        "Data and logs": f"{stack.data}",
        **({"Tokens of all people": f"{stack.data}/tokens.json"} if stack.tokens else {}),
    }
    for what, where in places.items():
        console.print(f"  {what:<26} {where}", soft_wrap=True, highlight=False)
    console.print()
    if stack.tokens:
        console.print("[dim]Sign in as (bearer tokens)[/dim]")
    for role, person in SIGN_IN if stack.tokens else ():
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
    stack = Stack(
        Path(folder) / "data", api_port=0, temporal_port=0, ui_port=0, policy="fengtai-2026.1+demo", limits=100
    )
    screen = errors if as_json else console
    try:
        with _stoppable(stack):
            with screen.status("Starting a private system ...") as status:
                stack.start(status.update)
            results = asyncio.run(play(stack, screen))
    finally:
        if keep:
            errors.print(f"Data and logs: {folder}", soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        sys.stdout.write(json.dumps(results.as_json(), ensure_ascii=False, indent=1) + "\n")
    else:
        results.show(console)
    raise typer.Exit(0 if results.all_met else 1)


@app.command()
def doctor(
    data: Data = DATA,
    quick: Annotated[bool, typer.Option(help="Only what a health check asks: database and Temporal.")] = False,
    strict: Annotated[bool, typer.Option(help="Also what a deployment with real children must have.")] = False,
) -> None:
    """Look whether this installation is as it must be."""
    from app.doctor import examine
    from app.doctor_strict import examine_strictly

    settings = settings_of(data)
    findings = asyncio.run(examine_strictly(settings) if strict else examine(settings, quick=quick))
    for finding in findings:
        verdict = "[yellow]soon  [/]" if finding.soon else "[green]ok    [/]" if finding.ok else "[red]not ok[/]"
        console.print(f"{verdict}  {finding.what}  [dim]{escape(finding.detail)}[/]", soft_wrap=True, highlight=False)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command()
def migrate(data: Data = DATA) -> None:
    """Bring the database's schema to the newest revision."""
    from app.db.migrate import migrate as bring_up

    async def run(settings: Settings) -> None:
        async with database(settings) as engine:
            await bring_up(engine)

    asyncio.run(run(settings_of(data)))
    console.print("The schema is up to date.")


@app.command()
def seed(
    tokens: Annotated[
        bool,
        typer.Option(envvar="SHOUHU_TOKENS", help="Tokens for trying the service; without, none is good any more."),
    ] = True,
    data: Data = DATA,
) -> None:
    """Enter the district, its agencies, desks, people and the calendar; safe to repeat."""
    from app.seed import seed as enter
    from app.seed import tokens_of

    async def run(settings: Settings) -> None:
        data.mkdir(parents=True, exist_ok=True)
        async with database(settings) as engine, engine.begin() as conn:
            await enter(conn, tokens=tokens_of(file, wanted=tokens))

    file = data / "tokens.json"
    asyncio.run(run(settings_of(data)))
    where = f"the tokens are in {file}" if tokens else "no token is good any more: people need accounts"
    console.print(f"The district is entered; {where}", soft_wrap=True, highlight=False)


@app.command()
def endpoint(
    systems: Annotated[list[str] | None, typer.Argument(help="AGENCY=URL, as in EDU=https://host/referrals")] = None,
    secret: Annotated[
        str | None,
        typer.Option(envvar="SHOUHU_ENDPOINT_SECRET", help="whsec_ and base64; without it one is made and shown once."),
    ] = None,
    lookup: Annotated[bool, typer.Option(help="The system answers GET URL/MESSAGE for what it has taken.")] = False,
    remove: Annotated[list[Agency] | None, typer.Option(help="This agency works at its built-in desk again.")] = None,
    data: Data = DATA,
) -> None:
    """Enter at which address an agency's own system takes referrals; without arguments, show all that are entered."""
    from app.endpoints import entered, listed

    async def run(settings: Settings) -> None:
        async with database(settings) as engine, engine.begin() as conn:
            for made in await entered(conn, systems or (), secret=secret or None, lookup=lookup, remove=remove or ()):
                console.print(made, soft_wrap=True, highlight=False)
            for line in await listed(conn):
                console.print(line, soft_wrap=True, highlight=False)

    asyncio.run(run(settings_of(data)))


@app.command()
def account(
    person: Annotated[str, typer.Argument(help="As in police.officer.1")], staff_no: StaffNo = None, data: Data = DATA,
) -> None:  # fmt: skip
    """Give somebody a new password and authenticator for the pages; what they had before ends."""
    from app.db.accounts import make_account
    from app.db.audit import on_record
    from app.db.identities import enter_staff_no

    async def run(settings: Settings) -> None:
        async with database(settings) as engine, engine.begin() as conn:
            made = await make_account(conn, person, datetime.now(UTC))
            if staff_no is not None:
                await enter_staff_no(conn, person, staff_no)
            if made:
                await on_record(conn, OPERATOR, "renew_account", person, [], children=[])
        if made is None:
            errors.print(f"Nobody who is active is called {person}.", highlight=False)
            raise typer.Exit(2)
        for what, value in (("Account", person), ("Password", made.password), ("Authenticator", made.authenticator)):
            console.print(f"  {what:<14} {value}", soft_wrap=True, highlight=False)
        console.print(
            "  Shown this once. An authenticator app takes the address as it stands, or from a QR code of it."
        )

    asyncio.run(run(settings_of(data)))


@app.command()
def identity(
    person: Annotated[str, typer.Argument(help="As in police.officer.1")],
    subject: Annotated[
        str, typer.Argument(help="What the identity provider calls the person: the `sub` of its tokens")
    ],
    staff_no: StaffNo = None,
    data: Data = DATA,
) -> None:
    """Say which account at the identity provider is which person here."""
    from app.db.audit import on_record
    from app.db.identities import bind, enter_staff_no

    async def run(settings: Settings) -> None:
        if not settings.oidc_issuer:
            errors.print("There is no identity provider: SHOUHU_OIDC_ISSUER is not set.")
            raise typer.Exit(2)
        async with database(settings) as engine, engine.begin() as conn:
            bound = await bind(conn, person, settings.oidc_issuer, subject)
            if staff_no is not None:
                await enter_staff_no(conn, person, staff_no)
            if bound:
                await on_record(conn, OPERATOR, "bind_identity", person, [], children=[])
        if not bound:
            errors.print(f"Nobody who is active is called {person}.", highlight=False)
            raise typer.Exit(2)
        console.print(f"  {subject} at {settings.oidc_issuer} is {person}.", soft_wrap=True, highlight=False)

    asyncio.run(run(settings_of(data)))


@app.command()
def access(write: Annotated[bool, typer.Option(help="Make the table of the documentation anew.")] = False) -> None:
    """Who may call what: every route, for every role and relation to a case."""
    from app.api.matrix import TABLE, written

    if write:
        TABLE.write_text(written(), "utf-8")
    else:
        console.print(written(), soft_wrap=True, highlight=False, markup=False)


def _require(settings: Settings) -> None:
    """What the API and the worker cannot do without, said in a sentence before they start; EmbeddedError."""
    from app.master_keys import require_vault

    require_database(settings)
    try:
        require_vault(settings)
    except ValueError as missing:
        raise EmbeddedError(f"The keys of content are missing or wrong: {missing}.") from missing


@app.command()
def api() -> None:
    """Run the API process."""
    from app.main import main

    _require(Settings())
    main()


@app.command()
def worker() -> None:
    """Run the worker process: workflows, activities, relay, reconciler."""
    from app.worker import main

    _require(Settings())
    main()


@app.command()
def reconcile(data: Data = DATA) -> None:
    """Compare the ledger with the engine once, and repair what is safe to repair."""
    from app.reconciler import Reconciler
    from app.temporal import connect, version_of

    async def run(settings: Settings) -> int:
        async with database(settings) as engine:
            findings = await Reconciler(engine, await connect(settings), version_of(settings)).run_once()
        for finding in findings:
            repaired = "repaired" if finding.repaired else "shown to a supervisor"
            console.print(finding.stream_id, finding.problem, repaired, soft_wrap=True)
        return len(findings)

    console.print(f"{asyncio.run(run(settings_of(data)))} findings")


def main() -> None:
    """Run the command; whatever a person can mend is said in a sentence."""
    try:
        app(prog_name="shouhu")
    except EmbeddedError as problem:
        errors.print(f"[red]{escape(str(problem))}[/red]", soft_wrap=True, highlight=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
