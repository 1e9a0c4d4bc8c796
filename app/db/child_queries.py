"""What is asked of children, many at once, in statements that are made once: to make one for each page took as long as to run it."""

from sqlalchemy import String, Text, any_, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.db import tables

asked = any_(bindparam("asked", type_=ARRAY(String)))
"""As an array, whose length changes neither statement nor plan."""
child, report, file, watch = tables.children, tables.reports, tables.child_files.c, tables.watches.c
content, event, note, person = tables.contents.c, tables.events.c, tables.notes.c, tables.people.c

_joined = select(file.child_id).where(file.merged_into == asked)
_ids = select(func.unnest(bindparam("asked", type_=ARRAY(String)))).union_all(_joined)
_watched = select(cast(watch.progress, Text)).where(watch.child_id == child.c.id)
STORED = (
    select(
        child, report.c.family, report.c.facts, report.c.reporter, _watched.scalar_subquery().label("watch"),
        *(select(part).where(file.child_id == child.c.id).scalar_subquery().label(name)
          for name, part in (("file", cast(file.progress, Text)), ("merged_into", file.merged_into))),
    )
    .outerjoin(report, report.c.case_id == child.c.case_id)
    .where(child.c.id == any_(func.array(_ids.scalar_subquery())))
)  # fmt: skip
"""These children and those whose files were joined to theirs, with their report and their folds."""
CONTENTS = select(content.stream_id, content.version, content.body).where(content.stream_id == asked)
"""What was entered in these streams."""
VISITS = (
    select(event.stream_id, event.version, cast(event.body, Text).label("body"), note.body.label("note"), person.name.label("visitor"))
    .outerjoin(tables.notes, (note.stream_id == event.stream_id) & (note.version == event.version))
    .outerjoin(tables.people, person.id == event.body["by"].astext)
    .where(event.stream_id == asked, event.kind == "visit_recorded")
    .order_by(event.stream_id, event.version)
)  # fmt: skip
"""The visits of these watches, with who made each and what was noted."""
_facts = event.body["form"]["facts"]
FAMILY_SEEN = select(event.stream_id, event.version, cast(event.body, Text).label("body")).where(
    event.stream_id == asked, event.kind == "visit_recorded",
    or_(_facts["guardians"].astext.is_not(None), _facts["family"] != cast({}, JSONB)),
)  # fmt: skip
"""Of these watches the visits that have found something of the family, without what was noted; nothing of it is sealed."""
