"""Outcome figures and scorecard equal those of an independent walk over the raw events, at any time; third parties see no small number."""

import contextlib
from datetime import UTC, datetime, time, timedelta
from statistics import median

import pytest
from sqlalchemy import delete, func, insert, select, true

from app.db import tables
from app.db.ledger import Ledger
from app.db.past import assessed_of, with_assessed
from app.db.scorecard import EVERY, OF_AGENCY, scorecard
from app.db.vault import opened
from app.district import DIVISIONS
from app.domain.access import ENGINE, Actor
from app.domain.commands import AdoptPlan, EnterStage, FileAssessment, RaiseDue, RecomputeDeadlines, ReviewGrade
from app.domain.determination import Category
from app.domain.events import event_adapter
from app.domain.facts import ReportFacts
from app.domain.fold import fold
from app.domain.referral_commands import AcceptReferral, ReturnReferral
from app.domain.refusals import Refused
from app.domain.rounds import Asked, CloseRound, OpenRound, ReturnRound, round_id
from app.domain.terms import Agency, Grade, Stage
from app.domain.watch import apply_watch, watch_event_adapter, watch_id
from app.domain.watch_work import BeginWatch, RaiseDueVisit, RecordVisit
from app.domain.working_time import BEIJING, day_of
from app.policy.loader import load
from tests.api.raw_cards import COUNTS, DISTRICT, Raw, by_agency
from tests.api.test_registration import verify
from tests.api.test_reports import is_problem
from tests.api.test_watches import close
from tests.bench.case import at_desk

CIVIL = "civil.supervisor.1"
MARKS = {CIVIL, "CIVIL"}
"""A case that is about one of these is none for the reader of the figures."""
PACK = load("fengtai-2026.1")
TEACHER = Actor(person_id="school.reporter.1", agency="EDU", desk="EDU", roles=("reporter",), unit="unit-school-1")
TWINS, SILENT, LED = "110106020", "110106022", "110106023"


def stamp(at):
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
async def lives(api):
    """Children on every way: an open case, one closed into the watch, one reported again by a visit, one linked to another."""
    poor = {"household": {"on_minimum_living": "yes", "rural": "yes"}}
    away = [
        {"facts": {"relation": name, "whereabouts": "away_for_work", "able": "yes"}} for name in ("father", "mother")
    ]
    happened = (datetime.now(BEIJING).date() - timedelta(days=8)).isoformat()
    child = {"residence_division": "110106021", "age_years": 7, "sex": "female"}
    await api.report()
    first = (await api.report(children=[child], happened_on=happened, **poor))["case_id"]
    await api.report(children=[{**child, "age_years": 9}], family=away, **poor)
    other = (await api.report(children=[child], family=away))["case_id"]
    linked = await api.post("police.officer.1", f"/v1/cases/{other}/link", {"primary": first})
    assert linked.status_code == 200, linked.text
    leg = await api.leg(first, "POLICE")
    await api.post("police.officer.1", f"/v1/cases/{first}/referrals/{leg}/accept")
    between = api.service.ledger.clock()
    await close(api, first, "no_risk_found")
    watched = (await api.progress(first))["children"][0]["id"]
    begin = BeginWatch(by=ENGINE, child_id=watched, case_id=first, division="110106021", grade="high")
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(begin.child_id), begin)
    visited = api.service.ledger.clock()
    given = {"child": {"name": "华小建（化名）", "sex": "male", "birth_date": "2016-05-06"}, "found": "in_difficulty", "grade": "low",
             "evidence": "入户排查", **poor}  # fmt: skip
    asked = (await api.post("comm-110106021.officer.1", "/v1/children", given)).json()
    assert (await verify(api, "street-110106021.officer.1", asked)).status_code == 200
    risk = {"finding": "at_risk", "situations": ["unguarded"], "note": "x"}
    again = await api.post("comm-110106021.officer.1", f"/v1/watches/watch-{watched}/visits", risk)
    assert again.status_code == 200, again.text
    return between, visited, api.service.ledger.clock()


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
            row["case_id"]: ReportFacts.model_validate(row["facts"])
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
    own = {name: one for name, one in progress.items() if one.linked_to is None and not MARKS & {*one.about}}
    busy = {one.watch for one in own.values() if one.is_open}
    counted, known = [], []
    for name, one in own.items():
        for child, found in zip(one.children, PACK.found(facts[name], one.happened), strict=True):
            watch = watches.get(f"watch-{child.id}")
            if f"watch-{child.id}" in busy or not (one.is_open or (watch and watch.is_open)):
                continue
            grade = watch.grade if watch else one.grade
            codes = {c.code for c in found.categories if c.status == "confirmed"}
            counted.append((codes | ({"LB"} if found.left_behind == "yes" else set()), grade))
            known.append(name)
    for name, said in registered.items():
        watch = watches.get(f"watch-{name}")
        if watch and watch.is_open and f"watch-{name}" not in busy:
            (found,) = PACK.found(said)
            codes = {c.code for c in found.categories if c.status == "confirmed"}
            counted.append((codes | ({"LB"} if found.left_behind == "yes" else set()), watch.grade))
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
    assert (shown["reported_again"] >= 1, shown["days_to_discovery"], shown["target"]) == (True, 8.0, "2030-12-31")


async def test_the_figures_of_a_street_beside_those_of_an_earlier_day(api, lives):
    between, _, last = (stamp(at) for at in lives)
    path = f"/v1/statistics/outcomes?division=110106021&as_of={last}&before={between}"
    now = (await api.get(CIVIL, path)).json()
    then = (await api.get(CIVIL, f"/v1/statistics/outcomes?division=110106021&as_of={between}")).json()
    assert now["before"] == {name: then[name] for name in now["before"]}
    assert (then["children"], then["closed_cases"], then["categories"]["LB"]) == (2, 0, 1)
    assert (now["children"], now["closed_cases"], now["reported_again"]) == (3, 1, 1)
    assert (now["grades"]["none"], then["left_behind_guarded"]) == (2, 0.0)
    assert 0 < now["completeness"] < 1


@pytest.mark.requirement("R137")
async def test_third_parties_are_given_no_small_number_and_only_by_those_who_oversee_the_district(api, lives):
    given = (await api.get(CIVIL, "/v1/statistics/anonymised")).json()
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


@pytest.fixture(scope="module")
async def twins(api, lives):
    """A child whom a closed case gave back, reported anew by somebody else as another; the files are joined, and parted again."""
    told = {"children": [{"residence_division": TWINS, "age_years": 8, "sex": "male"}]}
    first = (await api.report(**told))["case_id"]
    (known,) = (await api.progress(first))["children"]
    await close(api, first, "no_risk_found")
    begin = BeginWatch(by=ENGINE, child_id=known["id"], case_id=first, division=TWINS, grade="high")
    async with api.service.engine.begin() as conn:
        await api.service.ledger.begin(conn, watch_id(begin.child_id), begin)
    second = (await api.report("school.reporter.1", **told))["case_id"]
    (unknown,) = (await api.progress(second))["children"]
    instants = [api.service.ledger.clock()]
    for decision in ("same", "apart", "same"):
        asked = {"other": unknown["id"], "decision": decision}
        entered = await api.post(f"street-{TWINS}.officer.1", f"/v1/children/{known['id']}/duplicates", asked)
        assert entered.status_code == 200, entered.text
        path = f"/v1/children/{entered.json()['child_id']}/changes/{entered.json()['change']}/pass"
        passed = await api.post(f"street-{TWINS}.head.1", path)
        assert passed.status_code == 200, passed.text
        instants.append(api.service.ledger.clock())
    return instants, second, watch_id(known["id"])


@pytest.fixture(scope="module")
async def silences(api, twins):
    """A round that one of two committees answers; a report that nobody takes, and a visit that nobody sends: a fortnight from now, before
    it is known that it was made in time, though another was made and sent first. The next one is not; the two instants after which that
    is known."""
    ledger, at = api.service.ledger, api.service.ledger.clock() - timedelta(days=200)
    later, desks = ledger.clock() + timedelta(days=14), [f"COMM-{division}" for division in (TWINS, SILENT)]
    opened = OpenRound(
        by=ENGINE, round_id=round_id("community_survey", f"{at:%Y-%m-%d}"), code="community_survey", division="110106",
        units=tuple(Asked(unit=desk, desk=desk) for desk in desks),
    )  # fmt: skip
    answer = ReturnRound(by=at_desk(desks[0]), unit=desks[0], screened=40)
    async with api.service.engine.begin() as conn:
        asked = (await ledger.open_round(conn, opened, at)).stream_id
        await ledger.record(conn, asked, answer, now=at + timedelta(days=1))
        await ledger.record(conn, asked, CloseRound(by=ENGINE), now=at + timedelta(days=100))
        of_schools = {"code": "school_screening", "round_id": round_id("school_screening", f"{at:%Y-%m-%d}")}
        schools = tuple(Asked(unit=f"unit-school-{n}", desk="EDU") for n in (1, 2))
        asked = (
            await ledger.open_round(conn, opened.model_copy(update={**of_schools, "units": schools}), at)
        ).stream_id
        screened = ReturnRound(by=TEACHER, unit=TEACHER.unit, screened=400)
        await ledger.record(conn, asked, screened, now=at + timedelta(days=1))
        await ledger.record(conn, asked, CloseRound(by=ENGINE), now=at + timedelta(days=100))
        await ledger.record(conn, twins[1], RaiseDue(by=ENGINE), now=later)
        await ledger.record(conn, twins[2], RaiseDueVisit(by=ENGINE), now=later)
        made = day_of(later - timedelta(days=9))
        visit = RecordVisit(by=at_desk(desks[0]), finding="well")
        in_time = visit.model_copy(update={"visited_on": made})
        too_late = visit.model_copy(update={"visited_on": day_of(later + timedelta(days=45))})
        missed = RaiseDueVisit(by=ENGINE)
        for days, command in ((0.5, visit), (1, in_time), (40, missed), (41, visit), (50, missed), (58, too_late)):
            await ledger.record(conn, twins[2], command, now=later + timedelta(days=days))
    return later, later + timedelta(days=1)


@pytest.fixture(scope="module")
async def led(api, lives):
    """A case whose plan gives it another lead agency while material is owed; silences before it and after it."""
    ledger, case = (
        api.service.ledger,
        (await api.report(children=[{"residence_division": LED}], situations=["dropout"]))["case_id"],
    )
    at, instants, committee = ledger.clock(), [], at_desk("COMMITTEE")

    async def do(conn, command, days=0):
        nonlocal at
        at += timedelta(days=days, minutes=1)
        return (await ledger.record(conn, case, command, now=at)).progress

    async with api.service.engine.begin() as conn:
        state = await do(conn, EnterStage(by=ENGINE, stage=Stage.ASSESS))
        while legs := [leg for leg in state.open_referrals if leg.state == "sent" and leg.agency is not Agency.POLICE]:
            of_leg = {"by": at_desk(legs[0].desk), "referral_id": legs[0].id}
            state = await do(conn, AcceptReferral(**of_leg))
            if legs[0].assessment:
                state = await do(conn, FileAssessment(**of_leg, grade=Grade.LOW))
        police = next(leg for leg in state.open_referrals if leg.agency is Agency.POLICE)
        await do(conn, ReturnReferral(by=at_desk("POLICE"), referral_id=police.id, reason="missing_contact"))
        state = await do(conn, RaiseDue(by=ENGINE), days=4)
        instants.append(at)
        await do(conn, ReviewGrade(by=committee, grade=Grade.LOW, present=5))
        state = await do(conn, AdoptPlan(by=at_desk("CIVIL"), lead=Agency.WF))
        assert state.lead is Agency.WF
        await do(conn, RaiseDue(by=ENGINE), days=30)
    return *instants, at


async def asked_of(api, since, until):
    answer = await api.get(CIVIL, f"/v1/statistics/scorecard?since={stamp(since)}&until={stamp(until)}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown_and_raw(api, since, until):
    """The answer of the API on that day, which may lie ahead, and the same from the rows of the ledger."""
    with pytest.MonkeyPatch.context() as then:
        if until > api.service.ledger.clock():
            then.setattr(api.service.ledger, "clock", lambda: until)
        shown = await asked_of(api, since, until)
    return shown, await raw_of(api, since, until)


async def raw_of(api, since, until):
    event = tables.events.c
    query = select(event.stream_id, event.kind, event.at, event.body).order_by(event.stream_id, event.version)
    async with api.service.engine.connect() as conn:
        rows = (await conn.execute(query)).all()
    return Raw(rows, since, until, MARKS).cards


def agree(shown, wanted):
    """Every figure of every street; of agencies too."""
    for street in shown:
        mine = wanted[street["division"]]
        for name in COUNTS:
            assert street[name] == mine["n"][name], (street["division"], name)
        assert street["rungs"] == mine["rungs"]
        hours = median(mine["hours"]) if mine["hours"] else None
        assert street["hours_to_safety"] == (None if hours is None else pytest.approx(hours, abs=1e-6))
        agencies = {one["agency"]: {name: one[name] for name in one if name != "agency"} for one in street["agencies"]}
        assert agencies == by_agency(mine)
        assert {name: street[name] for name in OF_AGENCY} == {
            name: sum(one[name] for one in agencies.values()) for name in OF_AGENCY
        }
    divisions = {row["division"] for row in shown}
    assert divisions >= {one.code for one in DIVISIONS if one.kind != "district"} | wanted.keys()


@pytest.mark.requirement("R136")
async def test_the_scorecard_is_that_of_the_raw_events(api, lives, twins, silences, led):
    now, year = api.service.ledger.clock(), timedelta(days=365)
    spans = [(now - year, now), (lives[1], now), (now - year, lives[0]), (now - year, now + year)]
    spans += [(now - year, led[0]), (led[0] + timedelta(seconds=1), led[1])]
    spans += [(now - year, at) for at in silences]
    missed = []
    for since, until in (*spans, *((now - year, at) for at in twins[0])):
        shown, wanted = await shown_and_raw(api, since, until)
        agree(shown, wanted)
        cards = {row["division"]: row for row in shown}
        missed += [cards[TWINS]["visits_missed"]] if until in (*silences, now + year) else []
        if until == now + year:
            assert cards["110106021"]["accept_due"] > cards["110106021"]["accept_on_time"] > 0, (
                "all of it has fallen due"
            )
            assert cards[TWINS]["rungs"].keys() >= {"desk_head"}
            assert (cards[TWINS]["returned"] >= 1, cards[SILENT]["asked"] > cards[SILENT]["returned"]) == (True, True)
            (education,) = [one for one in cards[DISTRICT]["agencies"] if one["agency"] == "EDU"]
            assert (education["asked"] >= 2, 0 < education["returned"] < education["asked"]) == (True, True), "schools"
    assert missed == [2, 1, 0], (
        "of the year the second, and the third, made in time and sent too late; as known then the first, and none once it was sent"
    )
    shown, _ = await shown_and_raw(api, now - year, now)
    street = next(row for row in shown if row["division"] == "110106021")
    assert (street["reports"], street["visits"], street["answered"] >= 1, street["reported_again"]) == (4, 1, True, 1)


@pytest.mark.requirement("R136")
async def test_a_period_that_reaches_ahead_is_counted_up_to_now(api, lives, twins, silences, led):
    """What is not due yet was not missed."""
    now, year = api.service.ledger.clock(), timedelta(days=365)
    shown = await asked_of(api, now - year, now + year)
    agree(shown, await raw_of(api, now - year, now))
    late, _ = await shown_and_raw(api, now - year, now + year)
    due = [sum(row["accept_due"] + row["finish_due"] for row in cards) for cards in (shown, late)]
    assert due[0] < due[1], "there is something to fall due"
    assert await asked_of(api, now + year, now + 2 * year) == await asked_of(api, now + year, now + year), "none of it"


async def test_the_card_of_a_past_day_stays_as_it_was_when_the_calendar_changes_and_a_unit_answers_late(
    api, twins, silences
):
    """A round had fallen due by then; later its last day becomes a holiday, deadlines move with it, and the silent committee answers."""
    ledger, at = Ledger(load, PACK.version), api.service.ledger.clock() - timedelta(days=40)
    desks, day = [f"COMM-{division}" for division in (TWINS, SILENT)], tables.calendar_days
    opened = OpenRound(
        by=ENGINE, round_id=round_id("community_survey", f"{at:%Y-%m-%d}"), code="community_survey", division="110106",
        units=tuple(Asked(unit=desk, desk=desk) for desk in desks),
    )  # fmt: skip
    async with api.service.engine.connect() as conn:
        transaction = await conn.begin()  # other tests know nothing of this calendar
        asked = await ledger.open_round(conn, opened, at)
        due = asked.progress.clock.due_at
        early = ReturnRound(by=at_desk(desks[0]), unit=desks[0], screened=40)
        await ledger.record(conn, asked.stream_id, early, now=at + timedelta(days=1))
        span, since = (due - timedelta(hours=1), due + timedelta(hours=1)), at - timedelta(days=300)
        before = [await scorecard(conn, since, until, true(), true(), EVERY) for until in span]
        answered = [[(card[code]["asked"], card[code]["returned"]) for code in (TWINS, SILENT)] for card in before]
        assert [[n - m for n, m in zip(*pair, strict=True)] for pair in zip(*reversed(answered), strict=True)] == [
            [1, 1], [1, 0],
        ], "it fell due between the two"  # fmt: skip
        kept = select(func.max(tables.calendars.c.version) + 1, func.max(tables.calendars.c.confirmed_until))
        version, until = (await conn.execute(kept)).one()
        told = {"reason": "调整", "set_by": CIVIL, "at": api.service.ledger.clock()}
        await conn.execute(insert(tables.calendars), {"version": version, "confirmed_until": until, **told})
        holiday = {
            "day": day_of(due),
            "kind": "holiday",
            "name": "调整",
            "source": "x",
            "confirmed": True,
        }
        await conn.execute(delete(day).where(day.c.day == holiday["day"]))
        await conn.execute(insert(day), holiday)
        for stream in (asked.stream_id, *twins[1:]):
            with contextlib.suppress(Refused):  # a holiday of last month may move nothing there
                await ledger.record(conn, stream, RecomputeDeadlines(by=ENGINE, why="调整"))
        late = ReturnRound(by=at_desk(desks[1]), unit=desks[1], screened=30)
        moved = (await ledger.record(conn, asked.stream_id, late)).progress.clock.due_at
        assert moved > span[1]
        assert [await scorecard(conn, since, until, true(), true(), EVERY) for until in span] == before
        today = datetime.combine(day_of(api.service.ledger.clock()), time(), BEIJING)
        hours = [today + timedelta(minutes=1), today + timedelta(hours=23, minutes=59)]
        then = [(await scorecard(conn, since, until, true(), true(), EVERY))[SILENT]["returned"] for until in hours]
        assert then[0] == then[1] == before[1][SILENT]["returned"] + 1, "by days: no instant tells at which hour it was"
        event = tables.events.c
        query = select(event.stream_id, event.kind, event.at, event.body).order_by(event.stream_id, event.version)
        raw = Raw((await conn.execute(query)).all(), since, span[1], set()).cards
        assert [(raw[code]["n"]["asked"], raw[code]["n"]["returned"]) for code in (TWINS, SILENT)] == answered[1]
        await transaction.rollback()


async def test_a_report_on_a_child_is_one_again_as_long_as_the_files_belong_together(api, twins):
    counted = []
    for at in twins[0]:
        shown, _ = await shown_and_raw(api, twins[0][0] - timedelta(days=365), at)
        counted.append(next(row["reported_again"] for row in shown if row["division"] == TWINS))
    alone, joined, parted, again = counted
    assert (joined - alone, parted - alone, again - alone) == (1, 0, 1)


async def test_a_street_sees_its_own_card_alone_and_a_period_is_needed(api, lives):
    now = stamp(datetime.now(UTC))
    asked = f"/v1/statistics/scorecard?since=2026-01-01T00:00:00Z&until={now}"
    own = (await api.get("street-110106021.head.1", asked)).json()
    assert {row["division"] for row in own} == {"110106021"}
    is_problem(await api.get("police.officer.1", asked), 403, "not_allowed")
    is_problem(await api.get(CIVIL, "/v1/statistics/scorecard?since=2026-01-01T00:00:00Z"), 422, "invalid_request")
