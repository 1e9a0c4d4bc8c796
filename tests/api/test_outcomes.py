"""Outcome figures equal those of an independent walk over the raw events, at any time; third parties see no small number."""

from datetime import datetime, timedelta
from statistics import median

import pytest
from sqlalchemy import func, select, text

from app.db import tables
from app.db.child_records import apart
from app.db.outcome_facts import EACH, case_outcomes
from app.db.past import assessed_of, with_assessed
from app.db.vault import opened
from app.domain.child_joined import together
from app.domain.determination import Category
from app.domain.events import event_adapter
from app.domain.facts import ReportFacts
from app.domain.fold import fold
from app.domain.policy import SENTENCED
from app.domain.watch import apply_watch, watch_event_adapter, watch_id
from app.domain.working_time import BEIJING
from app.policy.loader import load
from tests.api.lives import CIVIL, MARKS, lived, stamp
from tests.api.test_ledgers import book, of, watched
from tests.api.test_registration import verify
from tests.api.test_reports import is_problem
from tests.api.test_watches import close

PACK = load("fengtai-2026.1")


@pytest.fixture(scope="module")
async def lives(api):
    return await lived(api, "110106021")


HIDDEN = text("""
    with theirs as (
        select k.id from children k join cases c on c.id = k.case_id where c.about && cast(:marks as varchar[])
        union select substr(c.progress ->> 'watch', 7) from cases c where c.about && cast(:marks as varchar[])
    )
    select id from theirs where id is not null union
    select other.child_id from child_files one join child_files other
      on coalesce(other.merged_into, other.child_id) = coalesce(one.merged_into, one.child_id)
    where one.child_id in (select id from theirs)
""")
"""Of whom a case, or one of a file that is read with theirs, is about the reader today."""


async def by_hand(api, at):
    """Every stream folded by the domain itself, and the rules asked anew."""
    event = tables.events.c
    streams: dict[str, list] = {}
    async with api.service.engine.connect() as conn:
        rows = await conn.execute(
            select(event.stream_id, event.body).where(event.at <= at).order_by(event.stream_id, event.version)
        )
        for row in rows:
            streams.setdefault(row.stream_id, []).append(row.body)
        report = tables.reports.c
        facts = {
            row["case_id"]: row["facts"] and ReportFacts.model_validate(row["facts"])
            for row in await opened(
                conn, (await conn.execute(select(report.case_id, report.facts))).mappings(), tables.reports
            )
        }
        assessed = await assessed_of(conn, facts)
        content, child = tables.contents.c, tables.children.c
        unreported = set((await conn.execute(select(child.id).where(child.case_id.is_(None)))).scalars())
        rows = await opened(
            conn,
            (await conn.execute(select(content.stream_id, content.version, content.body))).mappings(),
            tables.contents,
        )
        registered = {
            row["stream_id"].removeprefix("file-"): ReportFacts.model_validate(row["body"]["facts"])
            for row in rows if "facts" in (row["body"] or {}) and row["stream_id"].removeprefix("file-") in unreported
        }  # fmt: skip
    for name, found in assessed.items():
        facts[name] = with_assessed(facts[name], found, len(streams.get(name, ())))
    cases, watches = {}, {}
    for name, bodies in streams.items():
        if name.startswith("case-") and name in facts:
            cases[name] = [event_adapter.validate_python(body) for body in bodies]
        elif name.startswith("watch-"):
            watch = None
            for body in bodies:
                watch = apply_watch(watch, watch_event_adapter.validate_python(body))
            watches[name] = watch
    progress = {name: fold(events) for name, events in cases.items()}
    seen = {name: one for name, one in progress.items() if not MARKS & {*one.about}}
    first = {child.id: name for name, one in progress.items() for child in one.children}
    beside = {name for name, one in seen.items() if one.linked_to or one.watch}
    ids = {(one.watch or "").removeprefix("watch-") for one in seen.values()} | {*first, *unreported}
    belongs = {name.removeprefix("file-"): body["primary"] for name, bodies in streams.items() for body in bodies
               if body["kind"] == "file_belongs"}  # fmt: skip
    async with api.service.engine.connect() as conn:
        files = await apart(conn, ids | belongs.keys(), tables.cases.c.id.in_(beside))
        hidden = {*(await conn.execute(HIDDEN, {"marks": [*MARKS]})).scalars()}

    verified = {name.removeprefix("file-"): datetime.fromisoformat(body["at"]) for name, bodies in streams.items() for body in bodies
                if body["kind"] == "change_passed" and body.get("watch_begins")}  # fmt: skip

    def is_seen(own):
        return (
            own in files
            and own not in hidden
            and (first[own] in seen if own in first else own in registered and own in verified)
        )

    def whole_of(own):
        """All that are read as one with it, the file that is kept first."""
        kept = belongs.get(own) or own
        every = [kept, *sorted(one for one in belongs if belongs[one] == kept)]
        return [one for one in every if is_seen(one)] if is_seen(own) else []

    def found_of(name, own):
        """What the file of the child says, where its first case is seen; else the report alone."""
        kept, *others = whole_of(own) or [None]
        if kept is None:
            return PACK.found(facts[name], progress[name].happened)[0]
        about = [name, *(first.get(one) for one in (kept, *others)), *(
            other for other in beside for one in (kept, *others)
            if seen[other].watch == f"watch-{one}" or seen[other].linked_to == first.get(one, "none")
        )]  # fmt: skip
        turns = {turn for one in about if one in progress for turn in progress[one].happened}
        file = together(files[kept], tuple(files[one] for one in others))
        last = file.last_said(at)
        said = file.facts_at(last, [last] if SENTENCED in turns else [])
        return next(one for one in PACK.found(said, turns - {SENTENCED}) if one.child_id == kept)

    def watch_over(own):
        over = [watches[f"watch-{one}"] for one in whole_of(own) or [own] if f"watch-{one}" in watches]
        return next((one for one in over if one.is_open), over[0] if over else None)

    own = {name: one for name, one in progress.items() if one.linked_to is None and not MARKS & {*one.about}}
    rows = []
    for name, one in own.items():
        for child in one.children:
            mine = one.watch.removeprefix("watch-") if one.watch else child.id
            watch = watch_over(mine)
            if one.is_open or (not one.watch and watch and watch.is_open):
                grade = watch.grade if watch and not one.watch else one.grade
                rows.append((not one.is_open, one.filed_at, name, mine, grade))
    for name in unreported & registered.keys():
        since = verified.get(name) if name not in hidden else None
        if since and (watch := watch_over(name)) and watch.is_open:
            rows.append((True, since, name, name, watch.grade))
    counted = {}
    for _, _, name, mine, grade in sorted(rows, key=lambda row: row[:3]):
        kept = (whole_of(mine) or [mine])[0]
        if kept not in counted:
            found = found_of(name, mine)
            codes = {c.code for c in found.categories if c.status in ("confirmed", "propose", "pending")}
            counted[kept] = codes | ({"LB"} if found.left_behind == "yes" else set()), grade
    counted = [*counted.values()]
    actions = []
    for name in own:
        acted = [e.at for e in cases[name] if e.kind in ("referral_accepted", "safety_confirmed")]
        if acted:
            actions.append((acted[0] - cases[name][0].at).total_seconds() / 3600)
    return {
        "children": len(counted),
        "categories": {code.value: sum(code in codes for codes, _ in counted) for code in Category},
        "grades": {g: sum((grade or "none") == g for _, grade in counted) for g in ("high", "medium", "low", "none")},
        "closed_cases": sum(one.closed_at is not None for one in own.values()),
        "hours_to_first_action": round(median(actions), 2) if actions else None,
    }  # fmt: skip


@pytest.mark.requirement("R002", "R056")
async def test_the_figures_are_those_of_the_raw_events_at_any_instant(api, lives):
    for at in (lives[0] - timedelta(days=400), *lives):
        said = await api.get(CIVIL, f"/v1/statistics/outcomes?as_of={stamp(at)}")
        assert said.status_code == 200, said.text
        shown = said.json()
        assert shown["unread"] == 0
        wanted = await by_hand(api, at)
        assert {name: shown[name] for name in wanted} == wanted
    assert wanted["children"] > 0
    assert (shown["again_by_visit"] >= 1, shown["days_to_discovery"], shown["target"]) == (True, 8.0, "2030-12-31")


async def test_the_figures_of_a_street_beside_those_of_an_earlier_day(api, lives):
    between, _, last = (stamp(at) for at in lives)
    path = f"/v1/statistics/outcomes?division=110106021&as_of={last}&before={between}"
    now = (await api.get(CIVIL, path)).json()
    then = (await api.get(CIVIL, f"/v1/statistics/outcomes?division=110106021&as_of={between}")).json()
    assert now["before"] == {name: then[name] for name in now["before"]}
    assert (then["children"], then["closed_cases"], then["categories"]["LB"]) == (2, 0, 2)
    assert (now["children"], now["closed_cases"], now["again_by_visit"]) == (3, 1, 1)
    assert (now["grades"]["none"], then["left_behind_guarded"]) == (2, 0.0)
    assert 0 < now["completeness"] < 1


@pytest.mark.requirement("R137")
async def test_third_parties_are_given_no_small_number_and_only_by_those_who_oversee_the_district(api, lives):
    given = (await api.get(CIVIL, "/v1/statistics/anonymised")).json()
    assert given["unread"] == 0, "who is not gone through yet is not handed out as nobody"
    numbers = [n for table in ("categories", "grades") for row in given[table].values() for n in row.values()]
    assert given["smallest_shown"] == 5
    assert all(n is None or n == 0 or n >= 5 for n in numbers)
    assert None in given["categories"]["110106021"].values()
    for person in ("street-110106021.head.1", "police.officer.1", "admin.1"):
        is_problem(await api.get(person, "/v1/statistics/anonymised"), 403, "not_allowed")
    is_problem(await api.get("police.officer.1", "/v1/statistics/outcomes"), 403, "not_allowed")


async def test_a_head_sees_the_figures_of_the_own_sight_and_a_day_that_lies_ahead_is_refused(api, lives):
    own = (await api.get("street-110106021.head.1", "/v1/statistics/outcomes")).json()
    whole = (await api.get(CIVIL, "/v1/statistics/outcomes")).json()
    assert 0 < own["children"] < whole["children"]
    ahead = (datetime.now(BEIJING).date() + timedelta(days=1)).isoformat()
    said = await api.post("school.reporter.1", "/v1/reports", {"children": [{}], "happened_on": ahead})
    is_problem(said, 422, "invalid_request")


@pytest.mark.requirement("R002", "R137")
async def test_figures_are_made_of_what_visits_find_of_means_that_are_recognised_and_of_arrangements(api):
    division = "110106015"
    committee, street = f"comm-{division}.officer.1", f"street-{division}.officer.1"
    child = {"residence_division": division, "name": "方小满（化名）", "birth_date": "2016-05-06"}
    path = f"/v1/watches/{watch_id(await watched(api, division=division, child=child))}"
    file = path.replace("watches/watch-", "children/")

    async def now():
        at = stamp(api.service.ledger.clock())
        shown = (await api.get(CIVIL, f"/v1/statistics/outcomes?division={division}&as_of={at}")).json()
        row = of(await book(api, committee, "work"), file.rpartition("/")[2])[0]["categories"]
        codes = {code for code, n in shown["categories"].items() if n}
        assert {Category(code).zh for code in codes} == {*row}, "as the books are"
        return codes, shown["left_behind_guarded"], shown["unread"], at

    before = await now()
    assert before[:3] == (set(), None, 0)
    away = [{"relation": one, "whereabouts": "away_for_work"} for one in ("father", "mother")]
    found = {"finding": "well", "form": {"guardianship": "parents", "facts": {"guardians": away}}}
    assert (await api.post(committee, f"{path}/visits", found)).is_success
    assert (await now())[:2] == ({"LB"}, 0.0)
    care = {"delegate": {"name": "方祖母（化名）"}, "relation": "grandparent", "is_adult": True, "is_able": True,
            "leaves_on": "2099-02-20", "told_school": True}  # fmt: skip
    assert (await api.post(committee, f"{path}/arrangement", care)).is_success
    assert (await now())[:2] == ({"LB"}, 1.0)
    means = {"field": "means", "value": {"low_income": "yes"}, "evidence": "低收入证"}
    change = (await api.post(committee, f"{file}/changes", means)).json()["change"]
    for person in (street, "civil.officer.1"):
        assert (await api.post(person, f"{file}/changes/{change}/pass")).is_success
    assert (await now())[:2] == ({"D1", "LB"}, 1.0)
    risk = {"finding": "at_risk", "situations": ["unguarded"], "note": "x"}
    assert (await api.post(committee, f"{path}/visits", risk)).is_success
    codes, guarded, unread, _ = await now()
    assert (codes >= {"D1", "LB"}, guarded, unread) == (True, 1.0, 0), "a second case takes away nothing"
    assert (await api.post(committee, f"{path}/return")).is_success
    assert (await now())[1] == 0.0
    asked = await api.get(CIVIL, f"/v1/statistics/outcomes?division={division}&as_of={before[3]}")
    assert not any(asked.json()["categories"].values()), "and the past as it stood then"
    assert (await api.post(committee, f"{path}/visits", {"finding": "well"})).is_success
    await now()
    kept = case_outcomes.c
    async with api.service.engine.begin() as conn:
        rows = await conn.execute(
            select(kept.case_id, func.count()).group_by(kept.case_id).order_by(func.count().desc())
        )
        most, days = rows.first()
        assert days > 4, "days that are compared push out none of each other"
        row = {"case_id": most, "policy": PACK.version, "children": [], "made_at": func.now() - timedelta(days=91)}
        for n in range(EACH):
            await conn.execute(case_outcomes.insert().values(row | {"since": f"old {n}"}))
    assert (await api.post(committee, f"{path}/visits", {"finding": "well"})).is_success
    await now()
    async with api.service.engine.connect() as conn:
        left = await conn.execute(select(func.count()).where(kept.case_id == most))
    assert left.scalar_one() == EACH, "what is not asked for any more does not grow with each visit"


@pytest.mark.requirement("R137")
async def test_a_child_in_two_files_counts_once_with_what_both_say_for_as_long_as_they_are_joined(api):
    """Also once the case of the one is closed, where one report names it twice, and as of any day."""
    division = "110106003"
    committee, head = f"comm-{division}.officer.1", f"street-{division}.head.1"
    asked = f"/v1/statistics/outcomes?division={division}&as_of="
    others_there = (await api.get(CIVIL, f"{asked}{stamp(api.service.ledger.clock())}")).json()["children"]
    child = {"name": "禾小穗（化名）", "birth_date": "2016-05-06", "residence_division": division}
    entered = {"child": child, "found": "in_difficulty", "grade": "low", "evidence": "入户排查",
               "household": {"low_income": "yes"}}  # fmt: skip
    made = (await api.post(committee, "/v1/children", entered)).json()
    assert (await verify(api, head.replace("head", "officer"), made)).is_success
    away = [{"facts": {"relation": one, "whereabouts": "away_for_work"}} for one in ("father", "mother")]
    named_twice = [child, {**child, "name": "小穗（化名）"}]
    case = (await api.report(children=named_twice, family=away))["case_id"]
    others = (await api.progress(case))["children"]

    async def now(at=None):
        shown = (await api.get(CIVIL, f"{asked}{stamp(at or api.service.ledger.clock())}")).json()
        return (
            shown["children"] - others_there,
            {code: n for code, n in shown["categories"].items() if n},
            shown["unread"],
        )

    async def decided(decision):
        for other in others:
            said = {"other": other["id"], "decision": decision}
            change = (await api.post(committee, f"/v1/children/{made['child_id']}/duplicates", said)).json()
            path = f"/v1/children/{change['child_id']}/changes/{change['change']}/pass"
            assert (await api.post(head.replace("head", "officer"), path)).is_success

    before, three = api.service.ledger.clock(), await now()
    assert three == (3, {"D1": 1, "LB": 2}, 0)
    await decided("same")
    joined = api.service.ledger.clock()
    (row,) = of(await book(api, committee, "work"), made["child_id"])
    assert {*row["categories"]} == {Category(code).zh for code in ("D1", "LB")}, "as the book is"
    assert await now() == (1, {"D1": 1, "LB": 1}, 0)
    await close(api, case, "no_risk_found")
    assert await now() == (1, {"D1": 1, "LB": 1}, 0), "what the report said is known of the child still"
    await decided("apart")
    assert await now() == (1, {"D1": 1}, 0)
    assert [await now(at) for at in (before, joined)] == [three, (1, {"D1": 1, "LB": 1}, 0)]
    wanted = await by_hand(api, at := api.service.ledger.clock())
    shown = (await api.get(CIVIL, f"/v1/statistics/outcomes?as_of={stamp(at)}")).json()
    assert {name: shown[name] for name in wanted} == wanted


async def test_the_figures_of_a_street_as_of_a_past_day_stay_when_a_child_moves(api):
    """The child counts where it was watched that day, as the scorecard has it, for the street that it has left and for its new one."""
    first, old, new, ledger = "110106017", "110106018", "110106015", api.service.ledger
    given = {
        "child": {"name": "迁小程（化名）", "residence_division": first},
        "found": "in_difficulty",
        "grade": "low",
        "evidence": "入户",
    }
    made = (await api.post(f"comm-{first}.officer.1", "/v1/children", given)).json()
    assert (await verify(api, f"street-{first}.officer.1", made)).is_success

    async def moves(left, to):
        path, moved = f"/v1/children/{made['child_id']}/changes", {"field": "residence_division", "value": to}
        change = (await api.post(f"comm-{left}.officer.1", path, moved)).json()["change"]
        assert (await api.post(f"street-{left}.officer.1", f"{path}/{change}/pass")).is_success
        taken = await api.post(f"comm-{to}.officer.1", f"/v1/watches/{watch_id(made['child_id'])}/take")
        assert taken.is_success, taken.text

    async def told(at):
        heads = (f"street-{division}.head.1" for division in (old, new))
        found = [(await api.get(head, f"/v1/statistics/outcomes?as_of={stamp(at)}")).json() for head in heads]
        assert not any(one["unread"] for one in found)
        return [one["children"] for one in found]

    await moves(first, old)
    at = ledger.clock()
    then = await told(at)
    await moves(old, new)
    async with api.service.engine.begin() as conn:
        await conn.execute(case_outcomes.delete())
    assert await told(at) == then
    assert await told(ledger.clock()) == [then[0] - 1, then[1] + 1]
