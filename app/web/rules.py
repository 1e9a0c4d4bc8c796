"""规则与时限: the rules as people read them, two versions side by side, past cases tried, approved by a second person; the calendar."""

import json
from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from app.api import district, policy
from app.api.context import Conn, Shouhu
from app.domain.access import Action, Deny, may
from app.domain.working_time import BEIJING
from app.policy.explanation import LISTS, TABLES
from app.router import Router
from app.web.forms import OVERALL, Form
from app.web.frame import STRICT
from app.web.staff import ENTRIES, SYSTEM, Entry, Signed, show, works

router = Router(include_in_schema=False)
RULES = "/rules"
TRIED = 1000
"""Past cases that a trial on a page goes through; the command line takes more."""
ENTRIES.append(Entry(RULES, "规则与时限", "Rules and calendar", SYSTEM, works))


@router.get(RULES)
async def rules(request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """Which version holds, which are proposed, and until when the working days are certain."""
    now = shouhu.ledger.clock()
    year = now.astimezone(BEIJING).year
    facts = {
        "path": RULES, "versions": await policy.policy_versions(conn, who), "holds": (await shouhu.ledger.current(conn, now)).version,
        "shipped": shouhu.ledger.policy, "year": year, "calendar": await district.calendar(conn, who, year),
    }  # fmt: skip
    return await show(request, conn, who, "rules.html", facts)


@router.get(RULES + "/{version}")
async def version(
    version: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, against: str = ""
) -> Response:
    """One version in full; and what it changes against another, of a proposal against the version that it will replace without being asked."""
    return await _version(request, conn, who, shouhu, version, against, Form())


@router.post(RULES + "/{version}/approval")
async def approve(version: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu) -> Response:
    """The second person's step."""
    form = await Form.of(request)
    if not form.one("read"):
        form.wrong("read", "请确认已看过变更", "Please confirm that you have read the changes.")
    said = form.valid(policy.Approval, {"comparison": form.one("comparison")})
    if (
        await form.moved("comparison", "read").attempt(
            conn, lambda: policy.approve_policy(version, said, conn, who, shouhu)
        )
        is None
    ):
        return await _version(request, conn, who, shouhu, version, form.one("against"), form)
    return RedirectResponse(RULES, 303, headers=STRICT)


@router.get(RULES + "/{version}/trial")
async def trial(version: str, request: Request, conn: Conn, who: Signed, shouhu: Shouhu, against: str = "") -> Response:
    """Which past cases it would have taken otherwise."""
    against = against or await policy.to_replace(version, conn, shouhu)
    tried = await policy.dry_run_policy(version, against, conn, who, newest=TRIED)
    return await show(
        request,
        conn,
        who,
        "trial.html",
        {"path": RULES, "version": version, "against": against, "tried": tried},
    )


async def _version(
    request: Request, conn: Conn, who: Signed, shouhu: Shouhu, name: str, against: str, form: Form
) -> Response:  # fmt: skip
    known = {row.version: row for row in await policy.policy_versions(conn, who)}
    if name != shouhu.ledger.policy and name not in known:
        raise HTTPException(404)
    row, before = known.get(name), await policy.to_replace(name, conn, shouhu)
    names = [one for one in dict.fromkeys([before, shouhu.ledger.policy, *known]) if one != name]
    against = against if against in names else before if row and not row.approved_by and before in names else ""
    compared = await policy.policy_changes(name, conn, who, shouhu, against=against) if against else None
    facts = {
        "path": RULES, "version": name, "row": row, "before": before, "against": against, "names": names, "form": form,
        "compared": compared, "changes": compared.changes if compared else [],
        "rows": await policy.policy_rows(name, conn, who), "tables": TABLES | LISTS, "said": _said, "overall": OVERALL,
        "may_change": not isinstance(may(who, Action.MANAGE_POLICY), Deny),
    }  # fmt: skip
    return await show(request, conn, who, "rules_version.html", facts, status=form.status)


def _said(value: Any) -> str:
    """A value of the rules on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value is not None else "—"
