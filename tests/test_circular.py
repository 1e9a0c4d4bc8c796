"""The monthly circular: the figures of the raw events on paper, made once by a schedule, with type that is there or a word that says why not."""

import asyncio
import time
from collections import Counter

import pytest
import typst
from sqlalchemy import func, or_, select

from activities.circular import CircularActivities
from app import documents
from app.db import tables
from app.db.circulars import circulars, facts_of, keep, span
from app.db.scorecard import KEPT
from app.district import DIVISIONS
from app.domain import referral_commands as rc
from app.domain.terms import Agency
from app.domain.working_time import day_of
from app.schedules import CIRCULAR, keep_circular
from tests.actors import at_desk
from tests.api.raw_cards import Raw
from tests.domain.test_compartment import OFFENCE
from tests.world import PATIENCE, World

FEW = 5
KEPT_NAMES = tuple(KEPT)


@pytest.fixture
async def world(engine, temporal):
    async with World(engine, temporal).open() as world:
        yield world


async def by_hand(engine, month, cases=None):
    """Reports and answers by street, from the events themselves; on wish of these cases alone."""
    since, until = span(month)
    event, filed, answered = tables.events.c, {}, set()
    query = select(event.stream_id, event.kind, event.at, event.body).where(event.at <= until)
    async with engine.connect() as conn:
        for row in await conn.execute(query if cases is None else query.where(event.stream_id.in_(cases))):
            if row.kind == "report_filed" and row.at >= since and not row.body["sealed_for"]:
                filed[row.stream_id] = row.body["division"]
            elif row.kind in ("reporter_answered", "answer_waived"):
                answered.add(row.stream_id)
        names = {row.code: row.name for row in await conn.execute(select(tables.divisions))}
    reports = Counter(names.get(code, code) for code in filed.values())
    told = Counter(names.get(code, code) for case, code in filed.items() if case in answered)
    return {name: (str(count), str(told[name])) for name, count in reports.items()}


async def kept_of(engine, month, cases):
    """The deadlines of these cases by street and agency, from their own events."""
    event = tables.events.c
    query = select(event.stream_id, event.kind, event.at, event.body).where(event.stream_id.in_(cases))
    async with engine.connect() as conn:
        rows = (await conn.execute(query.order_by(event.stream_id, event.version))).all()
        names = {row.code: row.name for row in await conn.execute(select(tables.divisions))}
    cards = Raw(rows, *span(month), set()).cards
    return {
        (names[code], Agency(agency).zh): [kept[name] for name in KEPT_NAMES]
        for code, card in cards.items() for agency, kept in card["kept"].items()
    }  # fmt: skip


def counts(row):
    """Of a line: acceptances that fell due and that were in time, and the same of completions."""
    return [int(row[n]) for n in (1, 2, 4, 5)]


def added(rows):
    return [sum(column) for column in zip([0] * 4, *rows, strict=True)]


def deadlines_agree(streets, agencies, both, kept):
    """One count by street and by agency, which is that of the events. By both nothing of few."""
    *agencies, whole = agencies
    *streets, district = streets
    assert whole[0] == district[0] == "合计"
    assert counts(whole) == added(kept.values())
    for row in agencies:
        assert counts(row) == added(line for (_, agency), line in kept.items() if agency == row[0]), row[0]
    for row in (*streets, district):
        due, on_time, finish_due, finished = added(
            line for (street, _), line in kept.items() if row is district or street == row[0]
        )
        assert row[10:12] == [f"{on_time}/{due}", f"{finished}/{finish_due}"], row[0]
    assert not any(number.isdecimal() and 0 < int(number) < FEW for row in both for number in (row[1], row[4], row[7]))
    told = {tuple(row[0].split(" · ")): row for row in both}
    assert {key for key, line in kept.items() if max(line[0], line[2]) >= FEW} <= told.keys() <= kept.keys()
    for key, row in told.items():
        for cells, of_events in ((row[1:3], kept[key][:2]), (row[4:6], kept[key][2:])):
            assert cells == ["—"] * 2 or [int(n) for n in cells] == of_events, key


@pytest.mark.requirement("R136", "R137")
async def test_a_schedule_makes_the_circular_of_the_month_once_and_its_figures_are_those_of_the_events(world):
    case = await world.report("CN-02")
    for _ in range(FEW):
        other = await world.report("CN-02", tell=False)
    leg = next(leg for leg in (await world.fold(other)).open_referrals if leg.agency is not Agency.POLICE)
    await world.do(
        other, rc.ReturnReferral(by=at_desk(leg.desk), referral_id=leg.id, reason="missing_contact"), tell=False
    )
    sealed = await world.report(
        facts=OFFENCE.model_copy(update={"division": "110106022"}), by=at_desk("PROC"), tell=False
    )
    mine = {*world.cases} - {sealed}
    month = day_of(world.now).replace(day=1)
    async with world.engine.begin() as conn:
        facts = await facts_of(conn, world.ledger, month)
        assert facts["sender"].endswith("联席会议办公室")
        await conn.execute(circulars.delete())
        async with conn.begin_nested() as others:  # whose few would hide some of these
            as_sealed = tables.cases.c.progress.op("||")(
                func.jsonb_build_object("sealed_for", func.jsonb_build_array("POLICE"))
            )
            others_sealed = tables.cases.update().where(tables.cases.c.id.not_in(world.cases))
            await conn.execute(others_sealed.values(progress=as_sealed))
            alone = [table["rows"] for table in (await facts_of(conn, world.ledger, month))["tables"]]
            busy = [row[0] for row in alone[2] if row[1].isdecimal() and int(row[1]) > FEW]
            assert busy, "enough of one agency are told of"
            is_other = (
                tables.deadlines.c.agency != next(one for one in Agency if busy[0].endswith(f" · {one.zh}")).value
            )
            await conn.execute(tables.deadlines.delete().where(or_(tables.deadlines.c.case_id != case, is_other)))
            of_one = {row[0]: row for row in (await facts_of(conn, world.ledger, month))["tables"][0]["rows"]}
            await others.rollback()
    *streets, whole = facts["tables"][0]["rows"]
    division = (await world.fold(case)).division
    here = next(one.name for one in DIVISIONS if one.code == division)
    counted = await by_hand(world.engine, month)
    told = {row[0]: (row[1], row[3]) for row in streets if row[1] != "0"}
    assert told.keys() == counted.keys(), "of a sealed case nothing"
    assert all(shown in ("—", number) for name in told for shown, number in zip(told[name], counted[name], strict=True))
    for row in (*streets, *of_one.values()):
        if row[0] != "合计":
            numbers = [*row[1:4], *row[5:8], *(share.split("/")[-1] for share in row[10:12]), *row[12:]]
            assert all(n == 0 or n >= FEW for n in map(int, filter(str.isdecimal, numbers))), "of few nothing"
    assert (of_one[here][10], of_one["合计"][10].split("/")[1]) == ("—", "1"), "a deadline of one child"
    assert [row[10] for row in of_one.values()].count("—") > 1, "and nothing by which it could be told"
    of_mine = await by_hand(world.engine, month, mine)
    assert {row[0]: (row[1], row[3]) for row in alone[0][:-1] if row[1] != "0"} == of_mine, "with nobody else's few"
    assert of_mine.keys() == {here}
    assert {row[0] for row in streets} >= {one.name for one in DIVISIONS if one.kind != "district"}, "silent ones too"
    assert whole[:2] == ["合计", str(sum(int(reports) for reports, _ in counted.values()))]
    fell_due = sum(int(share.split("/")[1]) for share in whole[10:12])
    on_time = sum(int(share.split("/")[0]) for share in whole[10:12])
    assert f"到期时限{fell_due}项，其中按时{on_time}项。" in facts["lead"], (
        "material that is owed is told of in neither"
    )
    deadlines_agree(*alone, await kept_of(world.engine, month, mine))
    await keep_circular(world.env.client, world.settings.task_queue)
    handle = world.env.client.get_schedule_handle(f"{CIRCULAR}{world.settings.task_queue}")
    days = {(at.day, at.hour) for at in (await handle.describe()).info.next_action_times}
    assert days == {(5, 1)}, "nine in the morning in Beijing"
    await handle.trigger()
    async with asyncio.timeout(PATIENCE):
        while True:
            async with world.engine.connect() as conn:
                made = (await conn.execute(select(circulars))).one_or_none()
            if made:
                break
            await asyncio.sleep(0.1)
    await handle.delete()
    assert made.body.startswith(b"%PDF-")
    again = await CircularActivities(world.engine, world.ledger).make_circular(world.now)
    assert again == made.month.isoformat()
    async with world.engine.begin() as conn:
        await keep(conn, made.month, b"other", world.now)
        assert (await conn.execute(select(circulars.c.body))).scalar_one() == made.body, "what was sent out stays"


def test_the_same_facts_make_the_same_paper_and_its_type_is_inside():
    facts = {"title": "通报", "stamp": "内", "date": [2026, 11, 5], "period": "", "lead": "", "note": "", "tables": []}
    made = documents.render("circular", facts)
    assert made == documents.render("circular", facts)
    assert b"NotoSerifCJK" in made
    assert made != documents.render("circular", {**facts, "title": "另一"})
    issued = documents.render("circular", {**facts, "sender": "丰台区联席会议办公室"})
    assert len(issued) > len(made), "who issues it, and where it is sealed"
    with pytest.raises(KeyError):
        documents.render("../circular", facts)


ODD = {
    "emoji": "\a👨\u200d👩\u200d👧", "many": "".join(map(chr, range(0x1F300, 0x1F340))) + "\x01﷽\ufffe", "marks": "a" + "\u0301" * 20_000,
    "virama": "\u0915\u094d" * 5_000, "word": "a" * 20_000, "turned": "\u202e" * 20_000,
}  # fmt: skip


@pytest.mark.timeout(30)
@pytest.mark.parametrize("typed", ODD.values(), ids=ODD)
def test_nothing_that_somebody_types_stops_a_paper_or_holds_the_press_up(typed):
    """Some of it took minutes, and some broke the press."""
    facts = {
        "title": f"通报{typed[:9]}",
        "stamp": "内",
        "date": [2026, 11, 5],
        "period": "",
        "lead": typed,
        "note": "𠮷é",
        "tables": [],
    }
    assert documents.render("circular", facts).startswith(b"%PDF")
    assert documents.settable(f"𠮷·é　①℃{typed}").startswith("𠮷·é　①℃")
    assert "\u202e" not in documents.settable(typed)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("typed", ["(" * 20_000, "{[" * 10_000, ".)" * 2_000], ids=["one", "two", "ends"])
def test_brackets_do_not_hold_up_the_press_of_a_letter(typed):
    """Twenty thousand took more than a minute, for a line could be broken between any two of them."""
    facts = {
        "title": "函", "stamp": "内", "date": [2026, 11, 5], "sender": "丰台区", "number": "1", "to": "某", "before": [], "after": [],
        "seal": False, "basis": [], "parts": [{"title": "情况", "text": [typed]}],
    }  # fmt: skip
    begun = time.process_time()
    assert documents.render("letter", facts).startswith(b"%PDF")
    assert time.process_time() - begun < 1, "seconds of a processor"


def test_a_rare_character_of_a_name_stands_as_its_number(monkeypatch):
    told, real = [], typst.compile
    monkeypatch.setattr(
        typst, "compile", lambda *given, **named: told.append(named["sys_inputs"]) or real(*given, **named)
    )
    facts = {
        "title": "通报",
        "stamp": "内",
        "date": [2026, 11, 5],
        "period": "",
        "lead": "示例\U00030000",
        "note": "",
        "tables": [],
    }
    assert documents.render("circular", facts).startswith(b"%PDF")
    assert "示例〓（U+30000）" in told[-1]["facts"]


def test_official_papers_are_set_in_fangsong_where_the_machine_has_it():
    assert documents.faces(["Noto Serif CJK SC", "FangSong", "FandolFang R"])["body"] == "FangSong"
    assert documents.faces(["Noto Serif CJK SC"]) == dict.fromkeys(("body", "title"), "Noto Serif CJK SC")
    facts = {
        "title": "转介函", "sender": "丰台区民政局", "number": "丰民护函〔2026〕1号", "to": "区公安分局", "stamp": "内", "date": [2026, 11, 5],
        "before": ["现将有关情况函告如下。"], "parts": [], "after": [], "seal": True, "basis": [],
    }  # fmt: skip
    plain = documents.render("letter", facts)
    other = documents.render("letter", facts, {"body": "Noto Sans Mono CJK SC", "title": "Noto Serif CJK SC"})
    assert b"NotoSansMonoCJK" not in plain
    assert b"NotoSansMonoCJK" in other, "the text is set in the face that was found"
    assert b"NotoSerifCJK" in other, "the title in its own"


def test_without_chinese_type_there_is_a_clear_word_and_no_paper(monkeypatch):
    class Bare:
        def families(self):
            return ["DejaVu Sans"]

    documents.require_type.cache_clear()
    monkeypatch.setattr(typst, "Fonts", Bare)
    with pytest.raises(documents.NoChineseType, match="fonts-noto-cjk"):
        documents.render("circular", {})
    documents.require_type.cache_clear()
