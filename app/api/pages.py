"""Lists in pages: the one way from a query and what it is sorted by to one page and the cursor of the next."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import Column, Select, Table, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.context import numbers_of
from app.api.problems import Problem
from app.db import tables
from app.db.audit import before_reading
from app.db.child_records import children_behind
from app.db.vault import opened, sealing, vault_of
from app.db.walls import open_door
from app.domain.access import Actor
from app.domain.child_file import PREFIX
from app.domain.masking import Mask, names_of, without
from app.domain.sight import by_own_hand

T = TypeVar("T", bound=BaseModel)
Cursor = Annotated[str | None, Query(description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Office = Annotated[str | None, Field(exclude=True)]
"""Of a row with words: whose people read them as typed. In no answer."""


class Page(BaseModel, Generic[T]):
    """One page; `next` is the cursor of the one after, null on the last."""

    items: list[T]
    next: str | None = Field(examples=["MjAyNi0xMS0yNFQwMzowMDowMCswMDowMHxjYXNlLTE="])


async def page_of(
    conn: AsyncConnection, who: Actor, query: Select[*tuple[Any, ...]], row: type[T], by: Sequence[Column[Any]], *,
    cursor: str | None, limit: int, newest_first: bool = False, of: Table | None = None,
) -> Page[T]:  # fmt: skip
    """The rows after the cursor; `by` names columns of the query that no two rows share, so none is shown twice or missed.

    They are opened where they are `of` a sealed table.
    """
    if cursor:
        last = read_cursor(conn, who, row, cursor, by)
        query = query.where(tuple_(*by) < last if newest_first else tuple_(*by) > last)
    order = [key.desc() for key in by] if newest_first else by
    rows = (await conn.execute(query.order_by(*order).limit(limit + 1))).mappings().all()
    shown = await opened(conn, rows[:limit], of, lenient=True) if of is not None else rows[:limit]
    following = cursor_after(conn, who, row, (shown[-1][key.name] for key in by)) if len(rows) > limit else None
    return Page(items=[row.model_validate(dict(one)) for one in shown], next=following)


async def in_words(
    conn: AsyncConnection, who: Actor, action: str, page: Page[T], of: Table, *, beside: Callable[[T], set[str]] | None = None
) -> Page[T]:  # fmt: skip
    """The same page opened by the service: whoever was shown a row reads what was said in it, though the case has other walls. On record
    before, with the children of whose cases or files something was said; `beside` are cases or children that the row does not name."""

    def whom(one: T) -> set[str]:
        return _about(one) | (beside(one) if beside else set())

    await open_door(conn)
    sealed = [*sealing(of).columns]
    told = [one for one in page.items if any(getattr(one, name) is not None for name in sealed)]
    if told:
        named = await children_behind(conn, {about for one in told for about in whom(one)})
        await before_reading(conn, who, action, None, sealed, children=named)
    rows = await opened(conn, [dict(one) for one in page.items], of)
    hide = await hiding(conn, {about for one in page.items for about in whom(one)})
    said = [
        hide(whom(one), {name: row[name] for name in sealing(of).columns}, own=own_words(who, row))
        for one, row in zip(page.items, rows, strict=True)
    ]
    items = [one.model_copy(update=words) for one, words in zip(page.items, said, strict=True)]
    return Page(items=items, next=page.next)


def own_words(who: Actor, row: Mapping[str, Any]) -> set[str]:
    """The columns of a row that the reader or their office wrote: what was said in a review is the reviewer's, all else of whoever made the
    row."""
    authors = {
        "note": (row.get("person_id") or row.get("set_by"), row["office"]),
        "review_note": (row.get("reviewed_by"), row.get("review_office")),
    }
    return {name for name, by in authors.items() if by_own_hand(who, *by)}


def _about(row: BaseModel) -> set[str]:
    """The cases or children that a row is about, by the ids that it has."""
    named = (getattr(row, name, None) for name in ("case_id", "subject_id", "stream_id"))
    return {str(said).removeprefix(PREFIX) for said in named if said}


class Hide(Protocol):
    """What `hiding` gives."""

    def __call__(
        self, about: Collection[str], said: Mapping[str, Any], *, own: Collection[str] = ()
    ) -> dict[str, Any]: ...


async def hiding(conn: AsyncConnection, about: Collection[str]) -> Hide:
    """For words that somebody gave as a reason, told to others than the case is: without those whom these cases or children name, and
    without who reported them. `own` are those that the reader wrote: they lose the children's names alone, for a mask that knew more would
    answer guesses."""
    child, report = tables.children, tables.reports
    of = select(child).where(or_(child.c.case_id.in_(about), child.c.id.in_(about)))
    children = await opened(conn, (await conn.execute(of)).mappings(), child, lenient=True)
    cases = {*about, *(one["case_id"] for one in children if one["case_id"])}
    asked = select(report.c.case_id, report.c.family, report.c.reporter).where(report.c.case_id.in_(cases))
    reports = await opened(conn, (await conn.execute(asked)).mappings(), report, lenient=True)

    def hide(about: Collection[str], said: Mapping[str, Any], *, own: Collection[str] = ()) -> dict[str, Any]:
        named = [one for one in children if one["id"] in about or one["case_id"] in about]
        typed = Mask([{"name": one["name"]} for one in named])({name: said[name] for name in said if name in own})
        cases = {*about, *(one["case_id"] for one in named if one["case_id"])}
        told = [one for one in reports if one["case_id"] in cases]
        traces = [trace for one in told for trace in names_of(one["reporter"] or {})]
        others = {name: text and without(text, traces) for name, text in said.items() if name not in own}
        return typed | Mask([*named, *told])(others)

    return hide


async def numbered(conn: AsyncConnection, who: Actor, page: Page[T], name: str) -> Page[T]:
    """The same page with `case_no`, where the row's field of that name is a case in the caller's sight."""
    numbers = await numbers_of(conn, who, (case for one in page.items if (case := getattr(one, name))))
    items = [one.model_copy(update={"case_no": numbers.get(getattr(one, name))}) for one in page.items]
    return Page(items=items, next=page.next)


def _place(who: Actor, row: type[BaseModel]) -> str:
    """A cursor is one person's, in one seat, and of lists of these rows."""
    return f"cursor:{row.__module__}.{row.__qualname__}:{who.person_id}:{who.acting_for or ''}"


def cursor_after(conn: AsyncConnection, who: Actor, row: type[BaseModel], keys: Iterable[object]) -> str:
    """Sort keys as an opaque word: a page may end with a row of which nothing is shown."""
    return vault_of(conn).word("|".join(str(key) for key in keys), _place(who, row))


def read_cursor(
    conn: AsyncConnection, who: Actor, row: type[BaseModel], cursor: str, by: Sequence[Column[Any]]
) -> tuple[Any, ...]:
    """The sort keys of the last row of the page before; raises Problem."""
    try:
        parts = vault_of(conn).said(cursor, _place(who, row)).split("|")
        return tuple(_READ[key.type.python_type](part) for key, part in zip(by, parts, strict=True))
    except ValueError:
        raise Problem(422, "invalid_cursor", "没有此页 · There is no such page.") from None


def _instant(part: str) -> datetime:
    at = datetime.fromisoformat(part)
    if at.tzinfo is None:
        raise ValueError("an instant without a zone")
    return at


_READ: dict[type, Callable[[str], Any]] = {
    datetime: _instant,
    date: date.fromisoformat,
    float: float,
    int: int,
    str: str,
}
