"""Every page there is: its route, who opens it, and in which state. A new page route is added here, or a test fails."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PageOf:
    """One page in one state; `path` may name a seeded case: /cases/{waiting}. `post` fills the form and sends it."""

    name: str
    route: str
    path: str
    person: str | None = None
    post: dict[str, str] = field(default_factory=dict)
    status: int = 200


CIVIL, POLICE, HEAD, SUPERVISOR = "civil.officer.1", "police.officer.1", "police.head.1", "conf.supervisor.1"
PAGES = (
    PageOf("progress", "/progress", "/progress"),
    PageOf("progress-wrong", "/progress", "/progress", post={"code": "x"}, status=422),
    PageOf("sign-in", "/sign-in", "/sign-in?then=/tasks"),
    PageOf("sign-in-missing", "/sign-in", "/sign-in", post={"person": "x"}, status=422),
    PageOf("account", "/account", "/account", POLICE),
    PageOf("not-found", "", "/nowhere", status=404),
    PageOf("tasks-mine", "/tasks", "/tasks", POLICE),
    PageOf("tasks-claimable", "/tasks", "/tasks?view=claimable", POLICE),
    PageOf("tasks-empty", "/tasks", "/tasks", "culture.officer.1"),
)
NO_PAGE = ("/", "/preferences", "/sign-out", "/sign-in/provider", "/sign-in/back")
"""Routes that show nothing themselves."""
