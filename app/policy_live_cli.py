"""The officers' commands that ask an installation: why a case ran as it did, what past cases would have been, and publishing by two."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic_core import to_jsonable_python
from rich.markup import escape

from app.connect import database
from app.embedded import EmbeddedError
from app.policy_cli import (
    AsJson,
    Data,
    Pack,
    console,
    pack_of,
    policy,
    print_json,
    refusals,
    show_changes,
    shown,
    texts_of,
)
from app.settings import DATA, settings_of

if TYPE_CHECKING:
    from app.domain.facts import ReportFacts
    from app.policy.basis import Citation
    from app.policy.explanation import Explained

NAMED = 6
"""Cases that a dry run names of those that would have gone otherwise in the same way."""


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
        print_json(decisions)
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
    from app.policy.otherwise_words import otherwise_in_words

    with refusals(as_json):
        packs = [pack_of(name) for name in (before, after)]
    cases = asyncio.run(_past(data))
    found = list(compare(packs[0], packs[1], cases))
    if as_json:
        print_json({"cases": len(cases), "otherwise": [one._asdict() for one in found]})
        return
    alike: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        _, what, was, now = otherwise_in_words(one, packs[0].file, packs[1].file)
        codes = " → ".join(_code(value) for value in (one.before, one.after))
        said = (
            f"[bold]{escape(what.zh)}[/]  {escape(what.en)}",
            f"[red]{escape(was.zh)}[/] → [green]{escape(now.zh)}[/]",
        )
        alike.setdefault((*said, f"{one.of_what}  {codes}"), []).append(one.case_id)
    numbers = asyncio.run(_numbers(data, [case for named in alike.values() for case in named[:NAMED]]))
    for (what, turns, codes), named in sorted(alike.items(), key=lambda one: -len(one[1])):
        more = f" 等 {len(named)} 件" if len(named) > NAMED else ""
        console.print(f"{what}  [dim]{escape(codes)}[/]\n    {turns}")
        console.print(f"    [dim]{len(named)}: {', '.join(map(numbers.__getitem__, named[:NAMED]))}{more}[/]")
    differ = len({one.case_id for one in found})
    console.print(
        f"{len(cases)} 个案件中有 {differ} 个会有不同 · {differ} of {len(cases)} cases would have gone otherwise."
    )


def _code(value: Any) -> str:
    """A value by its code; of a task, which has many, the words say what differs."""
    return "…" if isinstance(value, Mapping) else shown(to_jsonable_python(value))


@policy.command()
def publish(
    pack: Annotated[str, typer.Argument(help="The folder of a new version, or the name of one that was proposed.")],
    token: Annotated[str, typer.Option(envvar="SHOUHU_TOKEN", help="Of the supervisor who proposes or approves.")],
    read: Annotated[
        str,
        typer.Option(
            metavar="DIGEST", help="Of the comparison that you have read, with the version that it will replace."
        ),
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
    from app.publishing import approve, compared, files_of, neighbours, propose

    with refusals(as_json):
        written = texts_of(pack) if Path(pack).is_dir() else {}
    settings = settings_of(data)

    async def run() -> Mapping[str, Any]:
        async with database(settings) as engine, engine.begin() as conn:
            now, who = datetime.now(UTC), await actor_by_token(conn, token)
            if who is None:
                raise EmbeddedError("Nobody has this token.")
            if written:
                return await propose(conn, who, written, now)
            ledger = Ledger(load, settings.policy)
            if read:
                return await approve(conn, ledger, who, pack, now, read=read)
            draft = load(pack, await files_of(conn, pack))
            before, later = beside = await neighbours(conn, ledger, draft, now)
            told = {"version": pack, "against": before.version, "later": later.version if later else None}
            files = {"after": draft.file, "later_file": later.file if later else None}
            return {**told, **files, **compared(draft, beside)._asdict()}

    with refusals(as_json):
        try:
            row = asyncio.run(run())
        except Refused as refused:
            raise EmbeddedError(f"{refused.code.zh} · {refused.code.en}") from None
    if "digest" in row:
        _ask_to_approve(row, as_json)
    elif as_json:
        print_json(dict(row))
    elif row["approved_by"]:
        console.print(f"[green]published[/]  {row['version']} holds for new cases from {row['effective_from']}")
    else:
        console.print(
            f"[yellow]proposed[/]  {row['version']}; a second supervisor: shouhu policy publish {row['version']}"
        )


def _ask_to_approve(row: Mapping[str, Any], as_json: bool) -> None:
    """Nothing is approved yet, so the exit code is 1."""
    if as_json:
        said = {name: row[name] for name in ("version", "against", "later", "digest")}
        print_json(said | {name: [change._asdict() for change in row[name]] for name in ("changes", "undone")})
    else:
        show_changes(row["changes"], row["after"])
        if row["later"]:
            console.print(f"[yellow]{row['later']}[/] is approved for a later day. This is what it changes then:")
            show_changes(row["undone"], row["later_file"])
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
    from app.domain.sight import ENGINE

    async with database(settings_of(data)) as engine, engine.connect() as conn:
        return await numbers_of(conn, ENGINE, cases)


def _named(source: "Citation") -> str:
    return escape(f"{source.id} {source.clause}" + (f" ({source.status})" if source.status else ""))
