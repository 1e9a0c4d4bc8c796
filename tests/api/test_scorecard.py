"""The scorecard equals that of an independent walk over the raw events, street by street and agency by agency, as of any day."""

import contextlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import combinations
from statistics import median

import pytest
from sqlalchemy import delete, func, insert, select, true
from sqlalchemy.dialects import postgresql

from app.db import tables
from app.db.circulars import STREETS, facts_of, span
from app.db.ledger import Ledger
from app.db.scorecard import EVERY, OF_AGENCY, _queries, scorecard
from app.district import DIVISIONS
from app.domain.access import ENGINE, Actor
from app.domain.commands import AdoptPlan, EnterStage, FileAssessment, RaiseDue, RecomputeDeadlines, ReviewGrade
from app.domain.handover import OfferWatch, TakeWatch
from app.domain.referral_commands import AcceptReferral, ReturnReferral
from app.domain.refusals import Refused
from app.domain.rounds import Asked, CloseRound, OpenRound, ReturnRound, round_id
from app.domain.terms import Agency, Grade, Rung, Stage
from app.domain.watch import EndReason, watch_id
from app.domain.watch_work import BeginWatch, EndWatch, RaiseDueVisit, RecordVisit, ResumeWatch, SuspendWatch
from app.domain.working_time import BEIJING, day_of
from app.policy.loader import load
from tests.api.lives import CIVIL, MARKS, lived, stamp
from tests.api.raw_cards import COUNTS, DISTRICT, Raw, by_agency, middle
from tests.api.test_reports import is_problem
from tests.api.test_watches import close
from tests.bench.case import at_desk

PACK = load("fengtai-2026.1")
TEACHER = Actor(person_id="school.reporter.1", agency="EDU", desk="EDU", roles=("reporter",), unit="unit-school-1")
LIVED, TWINS, SILENT, LED = "110106006", "110106020", "110106022", "110106023"
OLD, NEW, UNLINKED = "110106011", "110106013", "110106016"
OF_VISITS = ("visits", "visits_missed", "visits_overdue")


@pytest.fixture(scope="module")
async def lives(api):
    return await lived(api, LIVED)


@pytest.fixture(scope="module")
async def twins(api, lives):
    """A child of whom nothing was found, reported anew by somebody else as another; the files are joined, and parted again. It is watched,
    for the visits of `silences`, but by no case."""
    told = {"children": [{"residence_division": TWINS, "age_years": 8, "sex": "male"}]}
    first = (await api.report(**told))["case_id"]
    (known,) = (await api.progress(first))["children"]
    await close(api, first, "no_risk_found")
    begin = BeginWatch(by=ENGINE, child_id=known["id"], division=TWINS, grade="high")
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
        # by the code of no round of schools, whose rates other tests of this room count
        of_schools = {"round_id": round_id("community_survey", f"{at - timedelta(days=1):%Y-%m-%d}")}
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


async def raw_of(api, since, until, hidden_from=MARKS, without=()):
    event = tables.events.c
    query = select(event.stream_id, event.kind, event.at, event.body).order_by(event.stream_id, event.version)
    async with api.service.engine.connect() as conn:
        rows = (await conn.execute(query.where(event.stream_id.not_in(without)))).all()
    return Raw(rows, since, until, hidden_from).cards


def agree(shown, wanted):
    """Every figure of every street; of agencies too."""
    for street in shown:
        mine = wanted[street["division"]]
        for name in COUNTS:
            assert street[name] == mine["n"][name], (street["division"], name)
        assert street["rungs"] == mine["rungs"]
        assert street["hours_to_safety"] == middle(mine["hours"])
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
            assert cards[LIVED]["accept_due"] > cards[LIVED]["accept_on_time"] > 0, "all of it has fallen due"
            assert cards[TWINS]["rungs"].keys() >= {"desk_head"}
            assert (cards[TWINS]["returned"] >= 1, cards[SILENT]["asked"] > cards[SILENT]["returned"]) == (True, True)
            led = [one for one in cards[LIVED]["agencies"] if one["reports"]]
            assert sum(one["reports"] for one in led) == cards[LIVED]["reports"] > 0, "each is led by one"
            (education,) = [one for one in cards[DISTRICT]["agencies"] if one["agency"] == "EDU"]
            assert (education["asked"] >= 2, 0 < education["returned"] < education["asked"]) == (True, True), "schools"
    assert missed == [2, 1, 0], (
        "of the year the second, and the third, made in time and sent too late; as known then the first, and none once it was sent"
    )
    shown, _ = await shown_and_raw(api, now - year, now)
    street = next(row for row in shown if row["division"] == LIVED)
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


async def test_a_closure_that_was_taken_back_with_its_link_is_none(api):
    """A report that was linked and is on its own again is one as before."""
    told = {"children": [{"residence_division": UNLINKED}]}
    first, follows = [(await api.report(**told))["case_id"] for _ in range(2)]
    assert (await api.post("police.officer.1", f"/v1/cases/{follows}/link", {"primary": first})).is_success
    await api.post("civil.officer.1", f"/v1/cases/{follows}/answer", {"note": "已核实"})
    await close(api, first, "no_risk_found")
    risk, made = {"finding": "at_risk", "situations": ["unguarded"], "note": "x"}, []
    for case in (follows, first):
        watch = watch_id((await api.progress(case))["children"][0]["id"])
        begin = BeginWatch(by=ENGINE, child_id=watch.removeprefix("watch-"), division=UNLINKED, grade="high")
        async with api.service.engine.begin() as conn:
            await api.service.ledger.begin(conn, watch, begin)
        visited = await api.post(f"comm-{UNLINKED}.officer.1", f"/v1/watches/{watch}/visits", risk)
        made.append(visited.json()["report"])
    assert (await api.post(CIVIL, f"/v1/cases/{made[1]}/link", {"primary": made[0]})).is_success
    assert (await api.post(CIVIL, f"/v1/cases/{made[1]}/unlink", {"note": "有误"})).is_success
    instants = [api.service.ledger.clock()]
    assert (await api.post(CIVIL, f"/v1/cases/{follows}/unlink", {"note": "有误"})).is_success
    counted = []
    for at in (*instants, api.service.ledger.clock()):
        shown, wanted = await shown_and_raw(api, at - timedelta(days=1), at)
        agree(shown, wanted)
        counted.append(next(row["reported_again"] for row in shown if row["division"] == UNLINKED))
    assert counted == [2, 1], "as it was known then"


async def test_a_street_sees_its_own_card_alone_and_a_period_is_needed(api, lives):
    now = stamp(datetime.now(UTC))
    asked = f"/v1/statistics/scorecard?since=2026-01-01T00:00:00Z&until={now}"
    own = (await api.get(f"street-{LIVED}.head.1", asked)).json()
    assert {row["division"] for row in own} == {LIVED}
    is_problem(await api.get("police.officer.1", asked), 403, "not_allowed")
    is_problem(await api.get(CIVIL, "/v1/statistics/scorecard?since=2026-01-01T00:00:00Z"), 422, "invalid_request")


async def test_a_street_counts_what_its_own_committee_visits_and_whom_nobody_visits_any_more(api, twins):
    """As the district does, on the day, also where a case began the watch, and whoever watches the child now: a missed visit rings
    once, so a child that nobody visits for months counts as one missed in its first, and as overdue at the end of each."""
    ledger, given = api.service.ledger, (await api.report(children=[{"residence_division": OLD}]))["case_id"]
    base = ledger.clock() - timedelta(days=200)
    watches = {name: watch_id(f"ch-{name}-{base:%f}") for name in ("given", "moved", "ended", "rests")}

    async def do(*lines):
        async with api.service.engine.begin() as conn:
            for name, command, days in lines:
                at = {"now": base + timedelta(days=days)}
                if isinstance(command, BeginWatch):
                    await ledger.begin(conn, watches[name], command, **at)
                else:
                    await ledger.record(conn, watches[name], command, **at)

    async def told(person, days, since=0):
        period = [stamp(base + timedelta(days=n)) for n in (since, days)]
        asked = "/v1/statistics/scorecard?since={}&until={}".format(*period)
        cards = (await api.get(person, asked)).json()
        return {card["division"]: tuple(card[name] for name in OF_VISITS) for card in cards}

    def begin(name, case=None):
        child = watches[name].removeprefix("watch-")
        return BeginWatch(by=ENGINE, child_id=child, case_id=case, division=OLD, grade="high")

    def visit(street):
        return RecordVisit(by=at_desk(f"COMM-{street}"), finding="well")

    missed = RaiseDueVisit(by=ENGINE)
    await do(
        ("given", begin("given", given), 0), ("given", visit(OLD), 1), ("given", missed, 60),
        ("moved", begin("moved"), 0), ("moved", visit(OLD), 2),
        ("ended", begin("ended"), 0), ("ended", EndWatch(by=at_desk(f"COMM-{OLD}"), reason=EndReason.ADULTHOOD), 100),
        ("rests", begin("rests"), 0), ("rests", SuspendWatch(by=ENGINE, instead=watches["given"]), 100),
        ("rests", ResumeWatch(by=ENGINE), 150),
    )  # fmt: skip
    head, before = f"street-{OLD}.head.1", await told(f"street-{OLD}.head.1", 4)
    assert before == {OLD: (2, 0, 0)}
    await do(
        ("moved", OfferWatch(by=ENGINE, division=NEW), 5), ("moved", TakeWatch(by=at_desk(f"COMM-{NEW}")), 6),
        ("moved", visit(NEW), 7),
    )  # fmt: skip
    assert await told(head, 4) == before, (
        "what was done here stays here, and nothing that another street did comes to it"
    )
    assert [(await told(head, *span))[OLD] for span in ((90,), (120,), (160,), (199, 150))] == [
        (2, 1, 3), (2, 1, 1), (2, 1, 2), (0, 0, 2),
    ]  # fmt: skip
    assert (await told(f"street-{NEW}.head.1", 199))[NEW] == (1, 0, 1)
    for days in (4, 90, 120, 160, 199):
        whole = await told(CIVIL, days)
        for street in (OLD, NEW):
            for person in (f"street-{street}.head.1", f"comm-{street}.head.1"):
                assert await told(person, days) == {street: whole[street]}, (person, days)
        agree(*(await shown_and_raw(api, base, base + timedelta(days=days))))


class OfAll(Ledger):
    """By rules under which no number is too small to be shown."""

    async def current(self, conn, now):
        rules = await super().current(conn, now)
        return replace(rules, file=rules.file.model_copy(update={"smallest_shown": 1}))


def line_of(card):
    """A street's line of the first table, from the raw events alone."""
    kept, n, hours = sum(card["kept"].values(), Counter()), card["n"], card["hours"]
    shares = [f"{kept[f'{of}_on_time']}/{kept[f'{of}_due']}" for of in ("accept", "finish")]
    return [
        *(str(n[name]) for name in COUNTS[:3]), f"{median(hours):.1f}" if hours else "—", *(str(n[name]) for name in COUNTS[3:]),
        *shares, *(str(card["rungs"][rung.value]) for rung in (Rung.SUPERVISION, Rung.PROCURATORATE)),
    ]  # fmt: skip


@pytest.mark.requirement("R136")
async def test_each_column_of_the_circular_is_that_of_the_raw_events(api, lives, twins, silences, led):
    """And no two of them are the same, or one could stand in the other's place."""
    case, watch, ledger = tables.cases.c, tables.watches.c, OfAll(load, PACK.version, clock=api.service.ledger.clock)
    of_sealed = select(case.id).where(func.jsonb_array_length(case.progress["sealed_for"]) > 0)
    of_watch = select(watch.id).where(watch.case_id.in_(of_sealed))
    silent, at = (await api.report(children=[{"residence_division": OLD}]))["case_id"], ledger.clock()
    async with api.service.engine.begin() as conn:
        fired = set()
        while Rung.SUPERVISION not in fired:
            at += timedelta(days=1)
            events = (await ledger.record(conn, silent, RaiseDue(by=ENGINE), now=at)).events
            fired |= {event.rung for event in events if event.kind == "rung_fired"}
        assert Rung.PROCURATORATE not in fired
    names = {one.code: one.name for one in DIVISIONS}
    columns = [[] for _ in STREETS[1:]]
    begun = lives[0] - timedelta(days=200)
    for month in sorted({day_of(begun + timedelta(days=n)).replace(day=1) for n in range(0, 300, 25)}):
        async with api.service.engine.connect() as conn:
            *streets, _whole = (await facts_of(conn, ledger, month))["tables"][0]["rows"]
            sealed = (await conn.execute(of_sealed.union(of_watch))).scalars().all()
        raw = await raw_of(api, *span(month), set(), sealed)
        lines = {names[code]: line_of(card) for code, card in raw.items()}
        assert {name: cells for name, *cells in streets if name in lines} == lines, month
        for cells in lines.values():
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell)
    found = dict(zip(STREETS[1:], map(tuple, columns), strict=True))
    assert not [(one, other) for one, other in combinations(found, 2) if found[one] == found[other]]


def test_what_is_found_of_a_report_or_a_rung_is_asked_once_however_often_it_is_counted():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    asked = [
        str(one.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
        for one in _queries(true(), at, at, true(), true(), EVERY, lambda agency, *_: agency != "none")
    ]
    assert sum(one.count("safety_confirmed") for one in asked) == 1, "by street and by agency in one go"
    (fired,) = [one for one in asked if "'plan_adopted'" in one]
    assert (fired.count("'plan_adopted'"), "MATERIALIZED" in fired) == (1, True)
