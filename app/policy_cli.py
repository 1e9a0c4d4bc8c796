"""The commands of the officers who keep the rules: look at a pack, try it, compare it, publish it."""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.markup import escape

from app.connect import database
from app.domain.facts import BEIJING
from app.domain.terms import Agency
from app.embedded import EmbeddedError
from app.settings import DATA, settings_of

if TYPE_CHECKING:
    from app.domain.facts import ReportFacts
    from app.policy.basis import Citation
    from app.policy.coverage import Covered
    from app.policy.diff import Change
    from app.policy.explanation import Explained
    from app.policy.loader import Fault
    from app.policy.pack import Pack as PolicyPack
    from app.policy.pack_file import PackFile

policy = typer.Typer(no_args_is_help=True, help="The rules 政策包: check, try, compare and publish them.")
console = Console(highlight=False, soft_wrap=True)

CURRENT = "fengtai-2026.1"
NAMED = 6
"""Cases that a dry run names of those that would have gone otherwise in the same way."""
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

    with _refusals(as_json):
        faults = examine(_texts(pack))
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

    with _refusals(as_json):
        files = [parse(_texts(name)) for name in (before, after)]
        changes = compare(*files)
    if as_json:
        _write([change._asdict() for change in changes])
    else:
        _show_changes(changes, files[1])


def _show_changes(changes: "Sequence[Change]", after: "PackFile") -> None:
    from app.policy.diff import sentence

    for change in changes:
        place = f"[bold]{change.table}[/] {escape(change.row)}".rstrip()
        if said := sentence(change, after):
            sign = "[red]![/]" if change.kind == "wider" else "[yellow]~[/]"
            console.print(f"{sign} {place}  {escape(said.zh)} · {escape(said.en)}")
        elif change.kind in ("added", "removed"):
            sign, value = ("[green]+", change.after) if change.kind == "added" else ("[red]-", change.before)
            console.print(f"{sign}[/] {place}  [dim]{escape(_shown(value))}[/]")
        else:
            console.print(f"[yellow]~[/] {place}  {change.field}".rstrip())
            console.print(f"    [red]{escape(_shown(change.before))}[/]\n    [green]{escape(_shown(change.after))}[/]")
    console.print(
        "1 change" if len(changes) == 1 else f"{len(changes)} changes" if changes else "The two say the same."
    )


@policy.command()
def simulate(file: CaseFilePath, version: Version = CURRENT, data: Data = DATA, as_json: AsJson = False) -> None:
    """What a version of the rules answers to a case file, in the form of the worked cases; no case is touched."""
    from app.policy.simulation import simulate as answer

    with _refusals(as_json):
        pack, case = _pack(version), _case(file)
    said = answer(case, pack)
    if as_json:
        _write(said)
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
        console.print(f"    [dim]nearly: {escape(_shown(near))}[/]")
    for key, value in answers.items():
        if key not in ("categories", "nearly"):
            console.print(f"    {key}  {escape(_shown(value))}")


def _show_answer(name: str, value: Any) -> None:
    """One answer; lists of rows one below the other."""
    rows = [f"{key}  {_shown(one)}" for key, one in value.items()] if isinstance(value, dict) else value
    if isinstance(rows, list) and any(not isinstance(one, str | int) or len(str(one)) > 40 for one in rows):
        console.print(f"[bold]{name}[/]")
        for row in rows:
            console.print(f"    {escape(_shown(row))}")
    else:
        console.print(f"[bold]{name}[/]  {escape(_shown(value))}")


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

    with _refusals(as_json):
        pack, case = _pack(version), _case(file)
    facts = facts_of_file(with_facts(case))
    starts_at = facts.reported_at or datetime.now(UTC)
    try:
        course = play(pack.with_calendar(seed().calendar()), facts, starts_at, silent or (), outcome or ())
    except NoSuchOutcome as wrong:
        raise EmbeddedError(str(wrong)) from None
    if as_json:
        _write(course)
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


@policy.command()
def explain(case: str, data: Data = DATA, as_json: AsJson = False) -> None:
    """Why a case runs as it does: every decision with its row, its condition in words, the clause and the law."""
    from app.db.audit import before_reading
    from app.db.ledger import events_since
    from app.db.past import is_sealed
    from app.db.versions import written
    from app.domain.events import event_adapter
    from app.domain.sight import OPERATOR
    from app.policy.explanation import explain as why
    from app.policy.explanation import versions_of
    from app.policy.loader import load

    async def run() -> "list[Explained]":
        async with database(settings_of(data)) as engine, engine.begin() as conn:
            found = await events_since(conn, case, 0)
            if not found or await is_sealed(conn, case):
                return []
            await before_reading(conn, OPERATOR, "explain_case", case, ["explanation"])
            events = [event_adapter.validate_python(body) for body in found]
            names = versions_of(events)
            return why({name: load(name, await written(conn, name)).file for name in names}, events)

    decisions = asyncio.run(run())
    if not decisions:
        raise EmbeddedError(f"There is no case {case}")
    if as_json:
        _write(decisions)
        return
    for one in decisions:
        console.print(
            f"[bold]{one.at:%Y-%m-%d %H:%M}  {escape(one.title_zh)}[/]  {escape(one.title_en)}  [dim]{one.row}[/]"
        )
        if one.condition_zh:
            console.print(f"    因为 {escape(one.condition_zh)}\n    because {escape(one.condition_en or '')}")
        if one.due_at:
            console.print(f"    {one.due_at:%Y-%m-%d %H:%M} · {', '.join(_named(source) for source in one.due_basis)}")
        if one.told_zh:
            console.print(f"    告知 told  {escape(one.told_zh)}\n    {escape(one.told_en)}")
        for source in one.basis:
            console.print(f"    {_named(source)}  [dim]{escape(source.text)}[/]")
        if one.interpretation:
            console.print(f"    [yellow]解释 interpretation[/]: {escape(one.interpretation)}")


@policy.command("dry-run")
def dry_run(before: Pack, after: Pack, data: Data = DATA, as_json: AsJson = False) -> None:
    """Which past cases the second version would have taken otherwise than the first; nothing is changed."""
    from app.policy.dry_run import dry_run as compare

    with _refusals(as_json):
        packs = [_pack(name) for name in (before, after)]
    cases = asyncio.run(_past(data))
    found = list(compare(packs[0], packs[1], cases))
    if as_json:
        _write({"cases": len(cases), "otherwise": [one._asdict() for one in found]})
        return
    alike: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        was, now = (escape(_shown(to_jsonable_python(value))) for value in (one.before, one.after))
        alike.setdefault((one.of_what, was, now), []).append(one.case_id)
    numbers = asyncio.run(_numbers(data, [case for named in alike.values() for case in named[:NAMED]]))
    for (what, was, now), named in sorted(alike.items(), key=lambda one: -len(one[1])):
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        console.print(
            f"[bold]{what}[/]  [red]{was}[/] → [green]{now}[/]\n    [dim]{', '.join(map(numbers.__getitem__, named[:NAMED]))}{more}[/]"
        )
    console.print(f"{len({one.case_id for one in found})} of {len(cases)} cases would have gone otherwise.")


@policy.command()
def publish(
    pack: Annotated[str, typer.Argument(help="The folder of a new version, or the name of one that was proposed.")],
    token: Annotated[str, typer.Option(envvar="SHOUHU_TOKEN", help="Of the supervisor who proposes or approves.")],
    read: Annotated[
        str, typer.Option(metavar="DIGEST", help="Of the comparison with the version in force that you have read.")
    ] = "",
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Propose a folder as a new version; a second supervisor gives its name, reads what it changes, and approves it by naming that
    comparison. It holds from its effective date."""
    from app.db.ledger import Ledger
    from app.db.people import actor_by_token
    from app.domain.refusals import Refused
    from app.policy.loader import load
    from app.publishing import approve, compared, files_of, propose

    with _refusals(as_json):
        written = _texts(pack) if Path(pack).is_dir() else {}
    settings = settings_of(data)

    async def run() -> Mapping[str, Any]:
        async with database(settings) as engine, engine.begin() as conn:
            now, who = datetime.now(UTC), await actor_by_token(conn, token)
            if who is None:
                raise EmbeddedError("Nobody has this token.")
            if written:
                return await propose(conn, who, written, now)
            in_force = cast("PolicyPack", await Ledger(load, settings.policy).current(conn, now))
            if read:
                return await approve(conn, who, pack, now, read=read, in_force=in_force)
            draft = load(pack, await files_of(conn, pack))
            changes, digest = compared(in_force, draft)
            return {
                "version": pack,
                "against": in_force.version,
                "digest": digest,
                "changes": changes,
                "after": draft.file,
            }

    with _refusals(as_json):
        try:
            row = asyncio.run(run())
        except Refused as refused:
            raise EmbeddedError(f"{refused.code.zh} · {refused.code.en}") from None
    if "digest" in row:
        _ask_to_approve(row, as_json)
    elif as_json:
        _write(dict(row))
    elif row["approved_by"]:
        console.print(f"[green]published[/]  {row['version']} holds for new cases from {row['effective_from']}")
    else:
        console.print(
            f"[yellow]proposed[/]  {row['version']}; a second supervisor: shouhu policy publish {row['version']}"
        )


def _ask_to_approve(row: Mapping[str, Any], as_json: bool) -> None:
    """Nothing is approved yet, so the exit code is 1."""
    if as_json:
        said = {name: row[name] for name in ("version", "against", "digest")}
        _write(said | {"changes": [change._asdict() for change in row["changes"]]})
    else:
        _show_changes(row["changes"], row["after"])
        console.print(
            f"[yellow]not approved[/]  This is what it changes against {row['against']}. To approve it: "
            f"shouhu policy publish {row['version']} --read {row['digest']}"
        )
    raise typer.Exit(1)


async def _past(data: Path) -> list[tuple[str, "ReportFacts"]]:
    """The stored facts of all reports, codes only, newest first."""
    from app.db.past import past_reports
    from app.domain.sight import OPERATOR

    async with database(settings_of(data)) as engine, engine.begin() as conn:
        return await past_reports(conn, OPERATOR)


async def _numbers(data: Path, cases: list[str]) -> dict[str, str]:
    """What these cases are called."""
    from app.api.context import numbers_of

    async with database(settings_of(data)) as engine, engine.connect() as conn:
        return await numbers_of(conn, cases)


def _pack(name: str) -> "PolicyPack":
    from app.policy.loader import parse
    from app.policy.pack import Pack as PolicyPack

    return PolicyPack(name, parse(_texts(name)))


def _named(source: "Citation") -> str:
    return escape(f"{source.id} {source.clause}" + (f" ({source.status})" if source.status else ""))


@policy.command()
def coverage(
    pack: Pack = CURRENT,
    as_json: AsJson = False,
    write: Annotated[bool, typer.Option(help="Make the table of the documentation anew.")] = False,
) -> None:
    """What realises each row of the notice and which test proves it; exit code 1 while a row is neither done nor named as left."""
    from app.policy.coverage import TABLE, covered, table_of

    with _refusals(as_json):
        rows = covered(_texts(pack))
    faulty = [row for row in rows if any(row.faults)]
    if write:
        TABLE.write_text(table_of(rows), "utf-8")
    if as_json:
        _write([{**asdict(row), "faults": list(row.faults)} for row in rows])
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
def _refusals(as_json: bool) -> Iterator[None]:
    """A pack that cannot be used ends the command with all that is wrong with it."""
    from app.policy.loader import BadPack

    try:
        yield
    except BadPack as bad:
        _show_faults(bad.faults, as_json)
        raise typer.Exit(1) from None


def _show_faults(faults: "Iterable[Fault]", as_json: bool) -> None:
    if as_json:
        _write([fault._asdict() for fault in faults])
        return
    for fault in faults:
        console.print(f"[red]not ok[/]  {escape(str(fault))}")


def _write(result: Any) -> None:
    sys.stdout.write(json.dumps(to_jsonable_python(result), ensure_ascii=False, indent=1) + "\n")


def _texts(pack: str) -> dict[str, str]:
    """The files of a version that ships with the product, or of a folder."""
    from app.policy.loader import HERE, texts

    return texts(Path(pack) if Path(pack).is_dir() else HERE / pack)


def _shown(value: Any) -> str:
    """A value of a pack as an officer would write it."""
    if isinstance(value, dict) and set(value) == {"amount", "unit"}:
        return f"{value['amount']} {value['unit']}"
    if isinstance(value, dict):
        return " · ".join(f"{name}: {_shown(one)}" for name, one in value.items())
    if isinstance(value, list):
        return f"[{', '.join(_shown(one) for one in value)}]"
    return "-" if value is None else str(value)
