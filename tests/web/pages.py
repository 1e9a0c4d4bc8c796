"""Every page there is: its route, who opens it, and in which state. A new page route is added here, or a test fails."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PageOf:
    """One page in one state; `path` may name a seeded case: /cases/{waiting}. `post` fills fields, then the button `send` is pressed."""

    name: str
    route: str
    path: str
    person: str | None = None
    post: dict[str, str] = field(default_factory=dict)
    send: str = "main form button[type=submit]"
    status: int = 200


CIVIL, POLICE, HEAD, SUPERVISOR = "civil.officer.1", "police.officer.1", "police.head.1", "conf.supervisor.1"
AUDITS, COMMITTEE = "civil.supervisor.1", "comm-110106017.officer.1"
PAGES = (
    PageOf("progress", "/progress", "/progress"),
    PageOf("progress-wrong", "/progress", "/progress", post={"code": "x"}, status=422),
    PageOf("report", "/report", "/report"),
    PageOf("report-wrong", "/report", "/report", post={"code": "0000-0000-0000"}, status=422),
    PageOf("own-reports", "/reports", "/reports", "school.reporter.1"),
    PageOf("own-reports-empty", "/reports", "/reports", "cwi.reporter.1"),
    PageOf("systems", "/systems", "/systems", "school.reporter.1"),
    PageOf("report-account", "/report", "/report", "school.reporter.1"),
    PageOf("sign-in", "/sign-in", "/sign-in?then=/tasks"),
    PageOf("sign-in-missing", "/sign-in", "/sign-in", post={"person": "x"}, status=422),
    PageOf("account", "/account", "/account", POLICE),
    PageOf("not-found", "", "/nowhere", status=404),
    PageOf("tasks-mine", "/tasks", "/tasks", POLICE),
    PageOf("tasks-claimable", "/tasks", "/tasks?view=claimable", POLICE),
    PageOf("case", "/cases/{case_id}", "/cases/{accepted}", POLICE),
    PageOf("case-late", "/cases/{case_id}", "/cases/{late}", SUPERVISOR),
    PageOf("case-long", "/cases/{case_id}", "/cases/{long}", POLICE),
    PageOf("case-people", "/cases/{case_id}/people", "/cases/{waiting}/people", CIVIL),
    PageOf("full-view", "/cases/{case_id}/full-view", "/cases/{waiting}/full-view", CIVIL),
    PageOf(
        "full-view-missing",
        "/cases/{case_id}/full-view",
        "/cases/{waiting}/full-view",
        CIVIL,
        post={"note": ""},
        status=422,
    ),
    PageOf("case-report", "/cases/{case_id}/report", "/cases/{inert}/report", POLICE),
    PageOf("case-report-long", "/cases/{case_id}/report", "/cases/{long}/report", SUPERVISOR),
    PageOf("case-files", "/cases/{case_id}/files", "/cases/{accepted}/files", POLICE),
    PageOf(
        "case-files-none-chosen",
        "/cases/{case_id}/files",
        "/cases/{waiting}/files",
        POLICE,
        send="form[enctype] .btn",
        status=422,
    ),
    PageOf("duplicates", "/cases/{case_id}/duplicates", "/cases/{twin}/duplicates", POLICE),
    PageOf("duplicates-none", "/cases/{case_id}/duplicates", "/cases/{inert}/duplicates", POLICE),
    PageOf("duplicate", "/cases/{case_id}/duplicates/{other_id}", "/cases/{twin}/duplicates/{waiting}", POLICE),
    PageOf("link", "/cases/{case_id}/do/{verb}", "/cases/{twin}/do/link", POLICE),
    PageOf("case-history", "/cases/{case_id}/history", "/cases/{answered}/history", POLICE),
    PageOf("case-access", "/cases/{case_id}/access", "/cases/{waiting}/access", AUDITS),
    PageOf("leg", "/cases/{case_id}/legs/{leg_id}", "/cases/{waiting}/legs/a-police-1", POLICE),
    PageOf("duty", "/cases/{case_id}/duties/{code}", "/cases/{accepted}/duties/answer_outcome", CIVIL),
    PageOf("accept", "/cases/{case_id}/legs/{leg_id}/{verb}", "/cases/{waiting}/legs/a-police-1/accept", POLICE),
    PageOf(
        "return-empty",
        "/cases/{case_id}/legs/{leg_id}/{verb}",
        "/cases/{waiting}/legs/a-police-1/return",
        POLICE,
        post={"note": "x"},
        status=422,
    ),
    PageOf(
        "duty-met",
        "/cases/{case_id}/duties/{code}/{verb}",
        "/cases/{accepted}/duties/parents_return_or_delegate/meet",
        POLICE,
    ),
    PageOf("answer", "/cases/{case_id}/do/{verb}", "/cases/{accepted}/do/answer", CIVIL),
    PageOf("plan", "/cases/{case_id}/do/{verb}", "/cases/{accepted}/do/plan", CIVIL),
    PageOf("tasks-nothing-chosen", "/tasks", "/tasks?view=claimable", POLICE, send="#claims button", status=422),
    PageOf("tasks-desk", "/tasks", "/tasks?view=desk&due=overdue&urgency=same_day", POLICE),
    PageOf("tasks-done", "/tasks", "/tasks?view=done", POLICE),
    PageOf("oversight", "/oversight", "/oversight", AUDITS),
    PageOf("oversight-none", "/oversight", "/oversight?cause=paused", AUDITS),
    PageOf("oversight-nothing-ticked", "/oversight", "/oversight", AUDITS, post={"note": "x"}, status=422),
    PageOf("emergency-reads", "/oversight/emergency", "/oversight/emergency", AUDITS),
    PageOf("emergency-reads-all", "/oversight/emergency", "/oversight/emergency?waiting=false", SUPERVISOR),
    PageOf(
        "emergency-reads-wrong",
        "/oversight/emergency",
        "/oversight/emergency",
        SUPERVISOR,
        post={"note": "x"},
        status=422,
    ),
    PageOf("statistics", "/statistics", "/statistics", AUDITS),
    PageOf("rules", "/rules", "/rules", POLICE),
    PageOf("rules-version", "/rules/{version}", "/rules/fengtai-2026.1", AUDITS),
    PageOf("rules-trial", "/rules/{version}/trial", "/rules/fengtai-2026.1/trial", AUDITS),
    PageOf("agencies", "/oversight/agencies", "/oversight/agencies", AUDITS),
    PageOf("tasks-empty", "/tasks", "/tasks", "culture.officer.1"),
    PageOf("tasks-none-fits", "/tasks", "/tasks?view=desk&stage=review", "culture.officer.1"),
    PageOf("notices", "/notices", "/notices", SUPERVISOR),
    PageOf("notices-none", "/notices", "/notices", "culture.officer.1"),
    PageOf("absences", "/absences", "/absences", HEAD),
    PageOf("absences-wrong", "/absences", "/absences", HEAD, post={"from_at": "2026-12-02"}, status=422),
    PageOf("visits", "/visits", "/visits", COMMITTEE),
    PageOf("visits-none", "/visits", "/visits", "comm-110106002.officer.1"),
    PageOf("visit", "/visits/{watch_id}", "/visits/{watched}", COMMITTEE),
    PageOf(
        "visit-wrong",
        "/visits/{watch_id}",
        "/visits/{watched}",
        COMMITTEE,
        post={"note": ""},
        send="form[data-visit] .btn.p",
        status=422,
    ),
    PageOf("search", "/search", "/search", POLICE),
    PageOf("search-found", "/search", "/search", POLICE, post={"q": "13900000000"}),
    PageOf("search-initials", "/search", "/search", POLICE, post={"q": "slj"}),
    PageOf("search-nothing", "/search", "/search", POLICE, post={"q": "WB-2026-999999"}),
)
NO_PAGE = (
    "/report/{step}",
    "/report/receipt",
    "/leave",
    "/files/{file_id}",
    "/rules/{version}/approval",
    "/",
    "/preferences",
    "/sign-out",
    "/sign-in/provider",
    "/sign-in/back",
    "/tasks/list",
    "/tasks/views",
    "/visits/take",
    "/absences/seat",
)
"""Routes that show nothing themselves, and those of a report that is being written, which tests/web/test_reporting.py walks."""
