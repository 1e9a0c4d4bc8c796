"""Whether the service is well: what was measured, judged, with plain words on what to do where it is not."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.domain.policy import Frozen
from app.domain.terms import Fault, Term
from app.domain.working_time import day_of

TOLD_WITHIN = timedelta(seconds=30)  # default
HEARD_WITHIN = timedelta(seconds=90)  # default
LOOKED_WITHIN = timedelta(minutes=10)  # default
SEALED_WITHIN = timedelta(seconds=90)  # default
CONFIRMED_AHEAD = timedelta(days=60)  # default
RESTORED_WITHIN = timedelta(days=35)  # default
ARCHIVED_WITHIN = timedelta(hours=24)  # default


class Light(StrEnum):
    """Good, good today and not for long, or wrong."""

    GOOD = "good"
    SOON = "soon"
    WRONG = "wrong"


class Vital(Term):
    """What is looked at, in the order in which one would look."""

    WORKER = "worker", "后台进程", "the worker"
    ENGINE = "engine", "流程引擎（Temporal）", "the engine (Temporal)"
    RELAY = "relay", "流程跟进", "the conductor is in step"
    RECONCILER = "reconciler", "自动核对", "the reconciler"
    FINDINGS = "findings", "核对发现的问题", "what the reconciler found"
    DELIVERIES = "deliveries", "向各单位系统的投递", "deliveries to agencies' systems"
    SEALS = "seals", "访问记录封存", "the audit is sealed"
    KEYS = "keys", "内容密钥", "the keys of content"
    CALENDAR = "calendar", "工作日历", "the calendar"
    ARCHIVE = "archive", "数据库连续归档", "the database's archive"
    RESTORE = "restore", "备份恢复演练", "a backup was restored"


class Measured(Frozen):
    """As it stood at one instant. None is never, or unknown."""

    heard_at: datetime | None = None
    engine_at: datetime | None = None
    """When a worker last had an answer of the engine, and was polling."""
    reconciled_at: datetime | None = None
    workers: int = 0
    behind: int = 0
    """Streams whose newest events the conductor was not told of, and since when the oldest waits."""
    behind_since: datetime | None = None
    findings: Mapping[Fault, int] = {}
    failing: Mapping[str, int] = {}
    """Open tasks whose delivery fails, by the agency's name."""
    unsealed: timedelta = timedelta()
    keys_at_hand: bool = True
    keys_since_rotation: int = 0
    confirmed_until: date | None = None
    archives: bool = False
    archived_at: datetime | None = None
    archive_failed_at: datetime | None = None
    restored_on: date | None = None


class Sign(Frozen):
    """One judgement in both languages; what to do is empty where there is nothing to do."""

    vital: Vital
    light: Light
    zh: str
    en: str
    do_zh: str = ""
    do_en: str = ""


def judge(seen: Measured, now: datetime) -> tuple[Sign, ...]:
    """Every vital, whether well or not."""
    today = day_of(now)
    return (
        _heard(seen, now), _engine(seen, now), _relay(seen, now), _reconciler(seen, now), _findings(seen), _deliveries(seen), _seals(seen),
        _keys(seen), _calendar(seen, today), _archive(seen, now), _restore(seen, today),
    )  # fmt: skip


def _ago(at: datetime | None, now: datetime) -> tuple[str, str]:
    if at is None:
        return "从未", "never"
    seconds = max(0, round((now - at).total_seconds()))
    if seconds < 120:
        return f"{seconds} 秒前", f"{seconds} s ago"
    return f"{seconds // 60} 分钟前", f"{seconds // 60} min ago"


def _within(at: datetime | None, now: datetime, limit: timedelta) -> bool:
    return at is not None and now - at <= limit


def _heard(seen: Measured, now: datetime) -> Sign:
    zh, en = _ago(seen.heard_at, now)
    words = f"{seen.workers} 个在运行，最近一次报到 {zh}", f"{seen.workers} running, last heard {en}"
    if _within(seen.heard_at, now, HEARD_WITHIN):
        return Sign(vital=Vital.WORKER, light=Light.GOOD, zh=words[0], en=words[1])
    return Sign(
        vital=Vital.WORKER, light=Light.WRONG, zh=words[0], en=words[1],
        do_zh="没有后台进程，时限不再触发，转介不再送出；上报仍可受理。请在服务器上启动 worker（docker compose up -d worker），再看其日志。",
        do_en="Without a worker no deadline fires and nothing is sent; reports are still taken. Start it (docker compose up -d worker),"
        " then read its log.",
    )  # fmt: skip


def _engine(seen: Measured, now: datetime) -> Sign:
    zh, en = _ago(seen.engine_at, now)
    if _within(seen.engine_at, now, HEARD_WITHIN):
        return Sign(vital=Vital.ENGINE, light=Light.GOOD, zh=f"最近应答 {zh}", en=f"last answer {en}")
    return Sign(
        vital=Vital.ENGINE, light=Light.WRONG, zh=f"最近应答 {zh}", en=f"last answer {en}",
        do_zh="请检查 Temporal 服务是否运行、网络是否可达；恢复后积压会自动补上，不必重做任何事。",
        do_en="See whether Temporal runs and can be reached; what has piled up catches up by itself, nothing has to be done again.",
    )  # fmt: skip


def _relay(seen: Measured, now: datetime) -> Sign:
    if not seen.behind or seen.behind_since is None:
        return Sign(vital=Vital.RELAY, light=Light.GOOD, zh="没有积压", en="nothing behind")
    zh, en = _ago(seen.behind_since, now)
    words = f"{seen.behind} 件待跟进，最早 {zh}", f"{seen.behind} behind, the oldest {en}"
    if _within(seen.behind_since, now, TOLD_WITHIN):
        return Sign(vital=Vital.RELAY, light=Light.GOOD, zh=words[0], en=words[1])
    return Sign(
        vital=Vital.RELAY, light=Light.WRONG, zh=words[0], en=words[1],
        do_zh="先看上面的后台进程和流程引擎；两者正常而仍积压超过几分钟，请查 worker 日志中的 relay_waits。",
        do_en="Look at the worker and the engine above first; if both are well and it stays behind for minutes, read relay_waits in the"
        " worker's log.",
    )  # fmt: skip


def _reconciler(seen: Measured, now: datetime) -> Sign:
    zh, en = _ago(seen.reconciled_at, now)
    if _within(seen.reconciled_at, now, LOOKED_WITHIN):
        return Sign(vital=Vital.RECONCILER, light=Light.GOOD, zh=f"最近核对 {zh}", en=f"last run {en}")
    return Sign(
        vital=Vital.RECONCILER, light=Light.WRONG, zh=f"最近核对 {zh}", en=f"last run {en}",
        do_zh="自动核对未按时运行。请查 worker 日志中的 reconciler_waits；可在服务器上手工运行 ./shouhu reconcile。",
        do_en="It did not run in time. Read reconciler_waits in the worker's log; it can be run by hand: ./shouhu reconcile.",
    )  # fmt: skip


def _findings(seen: Measured) -> Sign:
    if not seen.findings:
        return Sign(vital=Vital.FINDINGS, light=Light.GOOD, zh="没有问题", en="nothing is wrong")
    kinds = sorted(seen.findings.items(), key=lambda found: -found[1])
    return Sign(
        vital=Vital.FINDINGS, light=Light.WRONG, zh="；".join(f"{kind.zh} {number} 件" for kind, number in kinds),
        en="; ".join(f"{kind.en}: {number}" for kind, number in kinds),
        do_zh="无人负责的，请在“机构与人员”为该科室安排人员，或由督查员改派；能自动修复的已修复；其余请督查员打开案件核对。",
        do_en="Where nobody is responsible, put somebody at that desk under Desks and people, or let a supervisor reassign. What could be"
        " mended was; for the rest a supervisor opens the case.",
    )  # fmt: skip


def _deliveries(seen: Measured) -> Sign:
    if not seen.failing:
        return Sign(vital=Vital.DELIVERIES, light=Light.GOOD, zh="全部送达", en="all arrive")
    number = sum(seen.failing.values())
    return Sign(
        vital=Vital.DELIVERIES, light=Light.WRONG,
        zh=f"{number} 项送不出去：" + "、".join(f"{name} {n}" for name, n in seen.failing.items()),
        en=f"{number} fail: " + ", ".join(f"{name} {n}" for name, n in seen.failing.items()),
        do_zh="请电话告知该单位其系统故障，并请其在本平台的内设岗位办理；系统恢复后自动重投，不会重复立案。",
        do_en="Call the agency: its system fails, and its desk here is open. Delivery is tried again by itself and makes nothing twice.",
    )  # fmt: skip


def _seals(seen: Measured) -> Sign:
    seconds = round(seen.unsealed.total_seconds())
    if seen.unsealed <= SEALED_WITHIN:
        return Sign(
            vital=Vital.SEALS, light=Light.GOOD, zh=f"最早未封存 {seconds} 秒", en=f"the oldest waits {seconds} s"
        )
    return Sign(
        vital=Vital.SEALS, light=Light.WRONG, zh=f"已有 {seconds} 秒未封存", en=f"nothing was sealed for {seconds} s",
        do_zh="请检查后台进程；超过 15 分钟未封存，系统将停止显示个人信息。",
        do_en="Look at the worker; after 15 minutes without a seal no personal data is shown any more.",
    )  # fmt: skip


def _keys(seen: Measured) -> Sign:
    if not seen.keys_at_hand:
        return Sign(
            vital=Vital.KEYS, light=Light.WRONG, zh="缺少主密钥，部分内容无法读取", en="a master key is missing; some content cannot be read",
            do_zh="请从密钥保管人处取回主密钥文件并重启服务；不要生成新密钥代替。",
            do_en="Get the file of the master keys from whoever keeps it and start the service anew; make no new key in its place.",
        )  # fmt: skip
    if seen.keys_since_rotation:
        return Sign(
            vital=Vital.KEYS, light=Light.SOON,
            zh=f"{seen.keys_since_rotation} 个已销毁的密钥仍可被旧备份打开",
            en=f"older backups still open {seen.keys_since_rotation} destroyed keys",
            do_zh="请在服务器上运行 ./shouhu keys rotate，服务不必停。", do_en="Run ./shouhu keys rotate; the service goes on meanwhile.",
        )  # fmt: skip
    return Sign(vital=Vital.KEYS, light=Light.GOOD, zh="齐全", en="at hand")


def _calendar(seen: Measured, today: date) -> Sign:
    until = seen.confirmed_until
    if until is not None and until >= today + CONFIRMED_AHEAD:
        return Sign(vital=Vital.CALENDAR, light=Light.GOOD, zh=f"已确认至 {until}", en=f"certain until {until}")
    return Sign(
        vital=Vital.CALENDAR, light=Light.SOON if until and until >= today else Light.WRONG,
        zh=f"确认至 {until or '—'}，之后的时限为暂定", en=f"certain until {until or '-'}; later deadlines are provisional",
        do_zh="国务院公布下一年放假安排后，请由系统管理员或督查员确认该年日历，未结时限会自动重算。",
        do_en="Once the State Council has announced the next year's holidays, the system administrator or a supervisor confirms that year;"
        " open deadlines are counted again by themselves.",
    )  # fmt: skip


def _archive(seen: Measured, now: datetime) -> Sign:
    zh, en = _ago(seen.archived_at, now)
    failed = seen.archive_failed_at is not None and (
        seen.archived_at is None or seen.archive_failed_at > seen.archived_at
    )
    if seen.archives and not failed and _within(seen.archived_at, now, ARCHIVED_WITHIN):
        return Sign(vital=Vital.ARCHIVE, light=Light.GOOD, zh=f"最近归档 {zh}", en=f"last file {en}")
    if not seen.archives:
        return Sign(
            vital=Vital.ARCHIVE, light=Light.SOON, zh="未开启", en="off",
            do_zh="数据库没有连续归档，故障时只能恢复到最近一次备份。请按 deploy 说明设置 archive_mode 和 archive_command。",
            do_en="The database archives nothing, so a disaster goes back to the last backup. Set archive_mode and archive_command.",
        )  # fmt: skip
    return Sign(
        vital=Vital.ARCHIVE, light=Light.WRONG, zh=f"最近归档 {zh}{'，最近一次失败' if failed else ''}",
        en=f"last file {en}{', and the newest failed' if failed else ''}",
        do_zh="请检查归档目的地的空间和权限（archive_command）；数据库日志会占满磁盘。",
        do_en="See to the room and rights where archive_command writes; else the database's log fills the disk.",
    )  # fmt: skip


def _restore(seen: Measured, today: date) -> Sign:
    done = seen.restored_on
    if done is not None and today - RESTORED_WITHIN <= done <= today:
        return Sign(vital=Vital.RESTORE, light=Light.GOOD, zh=f"最近演练 {done}", en=f"last on {done}")
    return Sign(
        vital=Vital.RESTORE, light=Light.SOON if done else Light.WRONG, zh=f"最近演练 {done or '从未'}", en=f"last on {done or 'no day'}",
        do_zh="没有恢复过的备份不能算备份。请恢复一次到另一台机器，并把日期写入 SHOUHU_RESTORE_TESTED。",
        do_en="A backup that nobody has restored is a hope. Restore one on another machine and enter the day as SHOUHU_RESTORE_TESTED.",
    )  # fmt: skip
