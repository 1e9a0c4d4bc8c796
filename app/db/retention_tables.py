"""What is due for destruction, what was destroyed, and what may not be."""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, Index, Integer, String, Table, text

from app.db.columns import Id, Instant, keyed_by, metadata, sealed
from app.db.need_tables import of_case

disposals = Table(
    "disposals",
    metadata,
    Column("subject_id", Id, primary_key=True),
    Column("kept", String(10), nullable=False),
    Column("case_id", Id),
    Column("rule", String(40), nullable=False),
    Column("due_on", Date, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("listed_at", Instant, nullable=False),
    Column("erased_at", Instant),
    Column("erased_by", Id),
    Column("approval_id", Id),
    Column("streams", Integer),
    Column("files", Integer),
    Index("ix_disposals_due", "due_on", "subject_id", postgresql_where=text("erased_at IS NULL")),
    CheckConstraint("(erased_at is null) = (approval_id is null)", "by_two"),
    comment="销毁清册: what a schedule found due, and by whose approval it was destroyed. Ids, codes and days only; it is kept.",
)
legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subject_id", Id, nullable=False),
    Column("case_id", Id),
    Column("reason", String(20), nullable=False),
    sealed("note"),
    Column("office", Id),
    Column("set_by", Id, nullable=False),
    Column("set_at", Instant, nullable=False),
    Column("lift_reason", String(20)),
    Column("lifted_by", Id),
    Column("lifted_at", Instant),
    Column("approval_id", Id),
    Index("ix_legal_holds_in_force", "subject_id", postgresql_where=text("lifted_at IS NULL")),
    CheckConstraint("(lifted_at is null) = (approval_id is null)", "lifted_by_two"),
    info=keyed_by(of_case),
    comment="What must not be destroyed though its time is over, why, and until when.",
)
