"""Judge one slot by the rules, in one fixed order.

Rule: deny by default; the answer is an allow rule or the first reason that holds in the order of `judge`, so that
every screen of the clinic gives the same reason.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.core.model import Slot
from agent.core.rules import EXACT, HALF_DAY, NAMED, Accord, Allow, Deny, Match, SharingRules, Why

NOON = 12


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a slot may not leave, and the line of the rule that says so (0 = no line of the file)."""

    why: Why
    line: int = 0


def matching(slot: Slot, rules: SharingRules) -> tuple[Allow | None, Deny | None]:
    """Return the first allow rule and the first deny rule that look at this slot, whatever else holds it."""
    zone = rules.zone(slot.site)
    if zone is None or not _sound(slot):
        return None, None
    local = slot.start.astimezone(zone)
    return (
        next((rule for rule in rules.allow if _fits(rule.match, slot, local)), None),
        next((rule for rule in rules.deny if _fits(rule.match, slot, local)), None),
    )


def judge(slot: Slot, rules: SharingRules, now: datetime) -> Allow | Stop:
    """Answer everything but time: order, roster, rules, team. The passing of minutes never changes it within a day."""
    return _ordered(slot, rules, now) or _known(slot, rules, now) or _ruled(slot, rules, now)


def timely(slot: Slot, rules: SharingRules, now: datetime) -> Stop | None:
    """Answer minimum notice and horizon.

    With half-day times the whole half-day enters and leaves as one, judged by its bounds: judged by its own start,
    the minute a slot appears or vanishes would tell the very time that the bounds hide.
    """
    start, end, precision = published(slot, rules)
    if start < now.astimezone(UTC) + rules.min_notice:
        return Stop(Why.MIN_NOTICE)
    edge = now.astimezone(UTC) + rules.horizon
    if end > edge if precision == HALF_DAY else start >= edge:
        return Stop(Why.HORIZON)
    return None


def published(slot: Slot, rules: SharingRules) -> tuple[datetime, datetime, str]:
    """Return the start, end and precision the hub reads, in whole seconds of the site's zone.

    A half-day is [00:00, 12:00) or [12:00, 24:00) of the local day the slot starts in: 11 to 13 hours long on the
    days the clocks change.
    """
    zone = ZoneInfo(rules.zones[slot.site])
    start = slot.start.astimezone(zone)
    if rules.times == EXACT:
        return start.replace(microsecond=0), slot.end.astimezone(zone).replace(microsecond=0), EXACT
    noon = datetime.combine(start.date(), time(NOON), zone)
    if start.hour < NOON:
        return _midnight(start.date(), zone), noon, HALF_DAY
    return noon, _midnight(start.date() + timedelta(days=1), zone), HALF_DAY


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first moment of a day; through UTC, as some zones skip 00:00 when their clocks change."""
    return datetime.combine(day, time(0), zone).astimezone(UTC).astimezone(zone)


def _sound(slot: Slot) -> bool:
    """Say whether the slot is aware and lasts; one that is not is a fault of the adapter and fits no rule."""
    if slot.start.utcoffset() is None or slot.end.utcoffset() is None:
        return False
    return slot.start.astimezone(UTC).replace(microsecond=0) < slot.end.astimezone(UTC).replace(microsecond=0)


def _fits(match: Match, slot: Slot, local: datetime) -> bool:
    low, high = match.between
    return (
        (match.types is None or (slot.emr, slot.type) in match.types)
        and (match.practitioners is None or (slot.emr, slot.practitioner.key) in match.practitioners)
        and (match.sites is None or slot.site in match.sites)
        and local.weekday() in match.days
        and low <= local.hour * 60 + local.minute < high
    )


def _ordered(slot: Slot, rules: SharingRules, now: datetime) -> Stop | None:
    """Answer what the clinic has ordered for all slots at once."""
    if rules.posture.is_offline:
        return Stop(Why.WITHDRAWN)
    if not rules.enabled:
        return Stop(Why.DISABLED)
    zone = rules.zone(slot.site)
    if zone is None:
        return Stop(Why.NO_RULE)
    if now.astimezone(zone).date() > rules.expires:
        return Stop(Why.EXPIRED)
    return None


def _known(slot: Slot, rules: SharingRules, now: datetime) -> Stop | None:
    """Answer whether type and practitioner are named, and whether the practitioner has said yes and not no."""
    if (slot.emr, slot.type) not in rules.types:
        return Stop(Why.NEW_TYPE)
    who = (slot.emr, slot.practitioner.key)
    accord = rules.roster.get(who)
    if accord is None:
        return Stop(Why.NEW_PRACTITIONER)
    if not _agreed(accord, _today(slot, rules, now)):
        return Stop(Why.NO_ACCORD, accord.line)
    if who in rules.vetoes:
        return Stop(Why.VETO)
    return None


def _ruled(slot: Slot, rules: SharingRules, now: datetime) -> Allow | Stop:
    """Answer what the allow and deny rules say of this slot."""
    if slot.after_cancel and not rules.cancelled_frees:
        return Stop(Why.CANCELLED)
    allow, deny = matching(slot, rules)
    if allow is None:
        return Stop(Why.NO_RULE)
    if deny is not None:
        return Stop(Why.DENIED, deny.line)
    if rules.identity != NAMED and _team(allow, rules, _today(slot, rules, now)) < rules.team_min:
        return Stop(Why.TEAM_MIN, allow.line)
    return allow


def _today(slot: Slot, rules: SharingRules, now: datetime) -> date:
    return now.astimezone(ZoneInfo(rules.zones[slot.site])).date()


def _agreed(accord: Accord, today: date) -> bool:
    return accord.agreed is not None and accord.agreed <= today


def _team(rule: Allow, rules: SharingRules, today: date) -> int:
    """Count the people the rule names who gave their accord; a person known to two sources counts once.

    Never who works that day, nor who has a veto: then one doctor's absence or veto would make the others' slots
    vanish, and the hub would learn of it. A rule that names nobody has no team.
    """
    named = (rules.roster.get(who) for who in rule.match.practitioners or ())
    return len({accord.name for accord in named if accord is not None and _agreed(accord, today)})
