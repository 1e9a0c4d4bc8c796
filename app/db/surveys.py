"""Surveys, apart from all that is known of cases: invitations by the hash of their code, and answers that name nobody."""

import uuid
from collections.abc import Collection
from datetime import date

from sqlalchemy import Boolean, Column, Date, Index, String, Table, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.columns import Id, metadata

survey_invitations = Table(
    "survey_invitations",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("survey", String(40), nullable=False),
    Column("issued_by", Id, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("used", Boolean, nullable=False, server_default="false"),
    comment="One-time codes; to whom one was handed is not known, nor when it was used.",
)
survey_answers = Table(
    "survey_answers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("survey", String(40), nullable=False),
    Column("month", Date, nullable=False),
    Column("marks", JSONB, nullable=False),
    Index(None, "survey", "month"),
    comment="Marks by question, with the month alone; nothing leads from here to a code, a person or a case.",
)
invitation, answer = survey_invitations.c, survey_answers.c


async def issue(conn: AsyncConnection, survey: str, hashes: list[str], by: str, day: date) -> None:
    """Codes that have not been used."""
    rows = [{"code_hash": one, "survey": survey, "issued_by": by, "issued_on": day} for one in hashes]
    await conn.execute(insert(survey_invitations), rows)


async def redeem(conn: AsyncConnection, code_hash: str, of: Collection[str]) -> str | None:
    """The survey, one of these, of a code that nobody has used before, once: two at the same moment are one."""
    mine = (invitation.code_hash == code_hash, ~invitation.used, invitation.survey.in_(of))
    unused = update(survey_invitations).where(*mine)
    return (await conn.execute(unused.values(used=True).returning(invitation.survey))).scalar_one_or_none()


async def keep(conn: AsyncConnection, survey: str, marks: dict[str, int], day: date) -> None:
    """An answer under an id of chance."""
    row = {"id": f"answer-{uuid.uuid4().hex}", "survey": survey, "month": day.replace(day=1), "marks": marks}
    await conn.execute(insert(survey_answers), row)


def quarter_of(day: date) -> date:
    """The first day of its quarter."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


async def answers_of(conn: AsyncConnection, survey: str, today: date) -> dict[date, list[dict[str, int]]]:
    """All answers of the quarters that are over, by the first day of each."""
    query = select(answer.month, answer.marks).where(answer.survey == survey, answer.month < quarter_of(today))
    found = dict[date, list[dict[str, int]]]()
    for month, marks in await conn.execute(query):
        found.setdefault(quarter_of(month), []).append(marks)
    return found
