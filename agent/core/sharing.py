"""Decide what leaves the building.

Rule: this is the only file that may make a SharedSlot. No rule matched means: do not share.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent.core.judging import Stop, judge, matching, published, timely
from agent.core.model import SiteId, Slot, SlotKey
from agent.core.rules import (
    EXACT,
    HALF_DAY,
    NAMED,
    Accord,
    Allow,
    Deny,
    Match,
    Posture,
    PublishAs,
    SharingRules,
    Why,
)

__all__ = [
    "Accord",
    "Allow",
    "Decision",
    "Deny",
    "Match",
    "Offered",
    "Posture",
    "PublishAs",
    "SharedSlot",
    "SharingRules",
    "Why",
    "Withheld",
    "matching",
    "rehearse",
    "revive",
    "share",
    "still_allowed",
]

VOCABULARY: Mapping[str, frozenset[str]] = {
    "precision": frozenset({EXACT, HALF_DAY}),
    "confirmation": frozenset({"instant", "request"}),
    "clientele": frozenset({"enrolled-with-doctor", "enrolled-at-site", "enrolled-with-professional", "anyone"}),
    "reason": frozenset({"urgent", "semi-urgent", "pregnancy", "pediatric", "regular"}),
    "redirect": frozenset({"811", "911", "gap", "hospital"}),
    "mode": frozenset({"on-site", "home", "video", "phone"}),
}
"""The words a slot on the wire may use; the last four are those of Regulation A-2.2, r. 1, s. 4."""


@dataclass(frozen=True, slots=True)
class SharedSlot:
    """The wire members of a slot less `id`, in the order of the canonical line. Holds no SlotKey and no EMR word."""

    start: datetime
    end: datetime
    precision: str
    site: SiteId
    confirmation: str
    practitioner: str | None
    bookable_from: datetime
    clientele: str
    reason: str
    redirect: str | None
    mode: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """A free slot that stays, why, and the line of the rule in the file (0 = none)."""

    slot: Slot
    why: Why
    line: int = 0


@dataclass(frozen=True, slots=True)
class Offered:
    """A slot that leaves. `rule`: name of the allow rule; with the site it bounds alternatives and hold limits."""

    slot: Slot
    shared: SharedSlot
    rule: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The whole answer of the rules for one reading."""

    offered: Mapping[SlotKey, Offered]
    withheld: tuple[Withheld, ...]


def share(
    slots: Iterable[Slot],
    rules: SharingRules,
    now: datetime,
    since: Mapping[SlotKey, datetime],
    held: frozenset[SlotKey],
) -> Decision:
    """Deny by default. Pure: same input, same bytes, in whatever order the slots come.

    `since`: when each slot now published was first published; `held`: slots under a hold or an undecided order. The
    reason of a withheld slot is the first that holds: held, withdrawn, disabled, expired, new type, new practitioner,
    no accord, veto, after-cancel, no rule, denied, team, minimum notice, horizon, paused. A freeze is a pause here:
    the design stops writes, not removals, and a slot nobody can be given should not appear.
    """
    offered: dict[SlotKey, Offered] = {}
    withheld: list[Withheld] = []
    for slot in sorted(slots, key=_order):
        answer = Stop(Why.HELD) if slot.key in held else _answer(slot, rules, now, since)
        if isinstance(answer, Stop):
            withheld.append(Withheld(slot, answer.why, answer.line))
        else:
            first = since.get(slot.key, now)
            offered[slot.key] = Offered(slot, _publish(slot, rules, answer, first), answer.name)
    return Decision(offered, tuple(withheld))


def rehearse(
    slots: Iterable[Slot],
    rules: SharingRules,
    now: datetime,
    since: Mapping[SlotKey, datetime],
    held: frozenset[SlotKey],
) -> Decision:
    """Decide as if `enabled` were true: what preview and `sharing diff` show before anything may leave."""
    return share(slots, replace(rules, enabled=True), now, since, held)


def still_allowed(slot: Slot, rules: SharingRules, now: datetime, *, on_hold: bool) -> bool:
    """Answer the in-flight table of the sharing rules, asked by apply after it re-read the EMR.

    A narrower rule, a veto, a withdrawal or an expiry ends it. Once minimum notice or horizon has passed only an order
    on a live hold goes on. A pause changes nothing, nor does a freeze: under a freeze apply writes nothing whatever
    is answered here, and ends holds itself.
    """
    if isinstance(judge(slot, rules, now), Stop):
        return False
    return on_hold or timely(slot, rules, now) is None


def revive(members: object) -> SharedSlot:
    """Read a slot back from its wire object, in the journal or at the hub; `id` is the caller's to read.

    Raises ValueError for anything but an object, an unknown or missing member, a wrong type or word, a time not written as on the wire
    (2026-11-23T09:00:00-05:00, RFC 3339) or an end not after its start. An absent member and null are the same.
    """
    if not isinstance(members, Mapping):
        raise ValueError("not an object")  # noqa: TRY004 - malformed input is a ValueError of the caller's data
    if members.keys() - _MEMBERS:
        raise ValueError("unknown member")
    start, end = _moment(members, "start"), _moment(members, "end")
    if end <= start:
        raise ValueError("end: not after start")
    return SharedSlot(
        start=start,
        end=end,
        precision=_word(members, "precision"),
        site=SiteId(_text(members, "site")),
        confirmation=_word(members, "confirmation"),
        practitioner=None if members.get("practitioner") is None else _text(members, "practitioner"),
        bookable_from=_moment(members, "bookable_from"),
        clientele=_word(members, "clientele"),
        reason=_word(members, "reason"),
        redirect=None if members.get("redirect") is None else _word(members, "redirect"),
        mode=_word(members, "mode"),
    )


_WRITTEN = len("2026-11-23T09:00:00-05:00")
_MEMBERS = frozenset({"id", "start", "end", "site", "practitioner", "bookable_from"}) | VOCABULARY.keys()


def _order(slot: Slot) -> tuple[str, str]:
    """Sort by key; when an adapter gives one key twice, the same one of the two counts in whatever order they came."""
    return slot.key, f"{slot.start.isoformat()} {slot.end.isoformat()} {slot.practitioner.key} {slot.type}"


def _answer(slot: Slot, rules: SharingRules, now: datetime, since: Mapping[SlotKey, datetime]) -> Allow | Stop:
    answer = judge(slot, rules, now)
    if isinstance(answer, Stop):
        return answer
    late = timely(slot, rules, now)
    if late is not None:
        return late
    if rules.posture is not Posture.OPEN and slot.key not in since:
        return Stop(Why.PAUSED)
    return answer


def _publish(slot: Slot, rules: SharingRules, rule: Allow, first: datetime) -> SharedSlot:
    start, end, precision = published(slot, rules)
    named = rules.identity == NAMED
    return SharedSlot(
        start=start,
        end=end,
        precision=precision,
        site=slot.site,
        confirmation=rules.confirmation.get(slot.emr, "request"),
        practitioner=rules.roster[slot.emr, slot.practitioner.key].name if named else None,
        bookable_from=first.astimezone(ZoneInfo(rules.zones[slot.site])).replace(second=0, microsecond=0),
        clientele=rule.publish_as.clientele,
        reason=rule.publish_as.reason,
        redirect=rule.publish_as.redirect,
        mode=rule.publish_as.mode,
    )


def _text(members: Mapping[str, Any], name: str) -> str:
    """Read a text; the error names the member, never its value."""
    value = members.get(name)
    if not isinstance(value, str) or not value or not _is_unicode(value):
        raise ValueError(f"{name}: not a text")  # a lone surrogate has no UTF-8 and so no line
    return value


def _is_unicode(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _word(members: Mapping[str, Any], name: str) -> str:
    value = _text(members, name)
    if value not in VOCABULARY[name]:
        raise ValueError(f"{name}: not a word of the protocol")
    return value


def _moment(members: Mapping[str, Any], name: str) -> datetime:
    """Read a time; only the form we write comes back as the same bytes, and UTC must be able to hold it."""
    value = _text(members, name)
    try:
        moment = datetime.fromisoformat(value)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{name}: not a time") from None  # the cause repeats the value
    if len(value) != _WRITTEN or moment.isoformat() != value:
        raise ValueError(f"{name}: not written as on the wire")
    return moment
