"""The commands of the officers who keep the rules: look at a pack, try it, compare it, publish it."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.markup import escape

from app.domain.terms import Agency
from app.domain.working_time import BEIJING
from app.embedded import EmbeddedError
from app.settings import DATA

if TYPE_CHECKING:
    from app.policy.coverage import Covered
    from app.policy.diff import Change
    from app.policy.loader import Fault
    from app.policy.pack import Pack as PolicyPack
    from app.policy.pack_file import PackFile

policy = typer.Typer(no_args_is_help=True, help="The rules 政策包: check, try, compare and publish them.")
console = Console(highlight=False, soft_wrap=True)

CURRENT = "fengtai-2026.1"
Pack = Annotated[str, typer.Argument(help="A version, or the folder that holds its files.")]
Data = Annotated[
    Path, typer.Option(help="Where the data is kept.", envvar="SHOUHU_DATA_DIR", show_default=".shouhu beside ./shouhu")
]
CaseFilePath = Annotated[Path, typer.Argument(help="A case file in the form of the worked cases.")]
Version = Annotated[str, typer.Option("--pack", help="A version, or the folder of a draft.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result for machines.")]


@policy.command()
def check(pack: Pack = CURRENT, as_json: AsJson = False) -> None:
    """Look for everything that is wrong with a pack; exit code 1 when something is."""
    from app.policy.check import check as examine

    with refusals(as_json):
        faults = examine(texts_of(pack))
    if faults or as_json:
        _show_faults(faults, as_json)
    else:
        console.print(f"[green]ok[/]  {escape(pack)}: every row is sourced, can be reached and has an answer")
    raise typer.Exit(1 if faults else 0)


@policy.command()
def diff(before: Pack, after: Pack, as_json: AsJson = False) -> None:
    """What two versions say differently, row by row."""
    from app.policy.diff import diff as compare
    from app.policy.loader import parse

    with refusals(as_json):
        files = [parse(texts_of(name)) for name in (before, after)]
        changes = compare(*files)
    if as_json:
        print_json([change._asdict() for change in changes])
    else:
        show_changes(changes, files[1])


def show_changes(changes: "Sequence[Change]", after: "PackFile") -> None:
    from app.policy.diff import sentence

    for change in changes:
        place = f"[bold]{change.table}[/] {escape(change.row)}".rstrip()
        if said := sentence(change, after):
            sign = "[red]![/]" if change.kind == "wider" else "[yellow]~[/]"
            console.print(f"{sign} {place}  {escape(said.zh)} · {escape(said.en)}")
        elif change.kind in ("added", "removed"):
            sign, value = ("[green]+", change.after) if change.kind == "added" else ("[red]-", change.before)
            console.print(f"{sign}[/] {place}  [dim]{escape(shown(value))}[/]")
        else:
            console.print(f"[yellow]~[/] {place}  {change.field}".rstrip())
            console.print(f"    [red]{escape(shown(change.before))}[/]\n    [green]{escape(shown(change.after))}[/]")
    console.print(
        "1 change" if len(changes) == 1 else f"{len(changes)} changes" if changes else "The two say the same."
    )


@policy.command()
def simulate(file: CaseFilePath, version: Version = CURRENT, data: Data = DATA, as_json: AsJson = False) -> None:
    """What a version of the rules answers to a case file, in the form of the worked cases; no case is touched."""
    from app.policy.simulation import simulate as answer

    with refusals(as_json):
        pack, case = pack_of(version), _case(file)
    said = answer(case, pack)
    if as_json:
        print_json(said)
        return
    for name, value in to_jsonable_python(said).items():
        if name == "children":
            for child, answers in value.items():
                _show_child(child, answers)
        else:
            _show_answer(name, value)


def _show_child(name: str, answers: dict[str, Any]) -> None:
    """The categories first, then whatever else is said of the child."""
    console.print(f"[bold]{escape(name)}[/]")
    for one in answers.get("categories", ()):
        open_facts = f"  [yellow]decided by {', '.join(one['decided_by'])}[/]" if one.get("decided_by") else ""
        console.print(
            f"    {one['code']} {one['status']}  [dim]{' '.join(one['basis'])} {' '.join(one['rows'])}[/]{open_facts}"
        )
    for near in answers.get("nearly", ()):
        console.print(f"    [dim]nearly: {escape(shown(near))}[/]")
    for key, value in answers.items():
        if key not in ("categories", "nearly"):
            console.print(f"    {key}  {escape(shown(value))}")


def _show_answer(name: str, value: Any) -> None:
    """One answer; lists of rows one below the other."""
    rows = [f"{key}  {shown(one)}" for key, one in value.items()] if isinstance(value, dict) else value
    if isinstance(rows, list) and any(not isinstance(one, str | int) or len(str(one)) > 40 for one in rows):
        console.print(f"[bold]{name}[/]")
        for row in rows:
            console.print(f"    {escape(shown(row))}")
    else:
        console.print(f"[bold]{name}[/]  {escape(shown(value))}")


@policy.command()
def rehearse(
    file: CaseFilePath,
    silent: Annotated[
        list[Agency] | None, typer.Option(help="An agency that never answers; may stand several times.")
    ] = None,
    outcome: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STEP=OUTCOME",
            help="How a step ends instead of as usual, such as dropout_control.confirm=absent; said twice, twice.",
        ),
    ] = None,
    version: Version = CURRENT,
    as_json: AsJson = False,
) -> None:
    """Play a case file through in virtual time: who is asked when, which rung rings on which day, where it ends."""
    from app.policy.calendars import seed
    from app.policy.case_file import facts_of_file
    from app.policy.examples import with_facts
    from app.policy.rehearsal import NoSuchOutcome
    from app.policy.rehearsal import rehearse as play

    with refusals(as_json):
        pack, case = pack_of(version), _case(file)
    facts = facts_of_file(with_facts(case))
    starts_at = facts.reported_at or datetime.now(UTC)
    try:
        course = play(pack.with_calendar(seed().calendar()), facts, starts_at, silent or (), outcome or ())
    except NoSuchOutcome as wrong:
        raise EmbeddedError(str(wrong)) from None
    if as_json:
        print_json(course)
        return
    for one in course.happenings:
        due = f"  [dim]→ {_local(one.due_at)}[/]" if one.due_at else ""
        told = f"  → {', '.join(one.recipients)}" if one.recipients else ""
        colour = "[red]" if one.rung else "[bold]" if one.due_at else "[dim]"
        colour = "[cyan]" if one.kind == "outcome_recorded" else colour
        said = f"{one.title_zh}  {one.title_en}"
        console.print(
            f"{_local(one.at)}  {one.who:<12} {colour}{escape(said)}[/]  {one.subject}{told}{due}  {' '.join(one.basis)}"
        )
    end = (
        f"办结 closed: {course.closed_reason.zh}"
        if course.closed_reason
        else f"未办结 still open: {', '.join(course.still_open)}"
    )
    console.print(f"\n[bold]{_local(course.ends_at)}[/]  {end}")
    console.print(
        "[dim]Whoever is not silent acts at half of the given time; plan and grade are what persons decide.[/]"
    )
    for missed in course.not_met:
        console.print(f"[yellow]没有走到 never came to[/]  {escape(missed)}")


def _local(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %a %H:%M")


def _case(path: Path) -> dict[str, Any]:
    """A case file as JSON; EmbeddedError with the place of what is wrong in it."""
    from pydantic import ValidationError

    from app.policy.case_file import WrittenCase, facts_of_file
    from app.policy.examples import with_facts

    try:
        case = json.loads(path.read_text("utf-8"))
        WrittenCase.model_validate(case)
        facts_of_file(with_facts(case))
    except (OSError, UnicodeDecodeError) as error:
        raise EmbeddedError(f"{path}: {error}") from None
    except json.JSONDecodeError as error:
        raise EmbeddedError(f"{path}: line {error.lineno} column {error.colno}: {error.msg}") from None
    except ValidationError as error:
        places = (
            f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)
        )
        raise EmbeddedError("\n".join(places)) from None
    return case


def pack_of(name: str) -> "PolicyPack":
    from app.policy.loader import parse
    from app.policy.pack import Pack as PolicyPack

    return PolicyPack(name, parse(texts_of(name)))


@policy.command()
def coverage(
    pack: Pack = CURRENT,
    as_json: AsJson = False,
    write: Annotated[bool, typer.Option(help="Make the table of the documentation anew.")] = False,
) -> None:
    """What realises each row of the notice and which test proves it; exit code 1 while a row is neither done nor named as left."""
    from app.policy.coverage import TABLE, covered, table_of

    with refusals(as_json):
        rows = covered(texts_of(pack))
    faulty = [row for row in rows if any(row.faults)]
    if write:
        TABLE.write_text(table_of(rows), "utf-8")
    if as_json:
        print_json([{**asdict(row), "faults": list(row.faults)} for row in rows])
    else:
        _show_coverage(rows)
    raise typer.Exit(1 if faulty else 0)


def _show_coverage(rows: "Sequence[Covered]") -> None:
    for row in rows:
        sign = "[red]not ok[/]" if any(row.faults) else "[yellow]left  [/]" if row.left else "[green]ok    [/]"
        by = [*row.pack, *([str(row.realised)] if row.realised else [])]
        said = "; ".join(row.faults) or row.left or f"{', '.join(by)}  [dim]{escape(', '.join(row.tests))}[/]"
        console.print(f"{sign} {row.row} {row.clause}  {said}")
    left = sum(bool(row.left) for row in rows)
    done = sum(not row.left and not any(row.faults) for row in rows)
    console.print(f"\n{done} of {len(rows)} rows are realised and proven; {left} are left.")


@contextmanager
def refusals(as_json: bool) -> Iterator[None]:
    """A pack that cannot be used ends the command with all that is wrong with it."""
    from app.policy.loader import BadPack

    try:
        yield
    except BadPack as bad:
        _show_faults(bad.faults, as_json)
        raise typer.Exit(1) from None


def _show_faults(faults: "Iterable[Fault]", as_json: bool) -> None:
    if as_json:
        print_json([fault._asdict() for fault in faults])
        return
    for fault in faults:
        console.print(f"[red]not ok[/]  {escape(str(fault))}")


def print_json(result: Any) -> None:
    sys.stdout.write(json.dumps(to_jsonable_python(result), ensure_ascii=False, indent=1) + "\n")


def texts_of(pack: str) -> dict[str, str]:
    """The files of a version that ships with the product, or of a folder."""
    from app.policy.loader import HERE, texts

    return texts(Path(pack) if Path(pack).is_dir() else HERE / pack)


def shown(value: Any) -> str:
    """A value of a pack as an officer would write it."""
    if isinstance(value, dict) and set(value) == {"amount", "unit"}:
        return f"{value['amount']} {value['unit']}"
    if isinstance(value, dict):
        return " · ".join(f"{name}: {shown(one)}" for name, one in value.items())
    if isinstance(value, list):
        return f"[{', '.join(shown(one) for one in value)}]"
    return "-" if value is None else str(value)
