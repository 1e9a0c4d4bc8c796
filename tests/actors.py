"""Who acts in the tests: somebody at a desk, and whoever reports for a unit."""

from app.domain.access import Actor
from app.domain.terms import Agency, Role


def at_desk(desk, person="officer", *roles):
    return Actor(
        person_id=f"{desk.lower()}.{person}",
        agency=Agency(desk.partition("-")[0]),
        desk=desk,
        roles=roles or (Role.OFFICER,),
    )


REPORTER = Actor(person_id="reporter", agency=Agency.COMM, desk="COMM-110106101", roles=(Role.REPORTER,), unit="unit-1")
