"""Days and instants of the district as the tests write them, apart from how the service reckons."""

from datetime import date, datetime, timedelta, timezone

from app.policy.calendars import seed

CHINA = timezone(timedelta(hours=8))
SEED = seed()
CALENDAR = SEED.calendar()
OFF = {row.day for row in SEED.rows if row.kind == "holiday"}
MADE_UP = {row.day for row in SEED.rows if row.kind == "make_up"}


def works(day: date) -> bool:
    return day in MADE_UP or (day not in OFF and day.isoweekday() <= 5)


def china(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=CHINA)
