"""A file's rules, a roster, and how a slot is asked about."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent.core.model import EmrName, Practitioner, SiteId, Slot, SlotKey
from agent.core.sharing import Accord, Allow, Decision, Match, PublishAs, SharedSlot, SharingRules, Why, share

DME = EmrName("dme")
MAIN = SiteId("principal")
TORONTO = ZoneInfo("America/Toronto")
NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)  # Monday, 08:00 in Toronto
START = datetime(2026, 11, 24, 9, 0, tzinfo=TORONTO)
PEOPLE = frozenset((DME, code) for code in ("101", "102", "103"))
ANYONE = PublishAs("anyone", "urgent", "on-site")
MORNING = Allow("morning", 40, Match(types=frozenset({(DME, "s")}), practitioners=PEOPLE), ANYONE)
NAMES = {"101": "Dre A. Gagnon", "102": "Dr B. Simard", "103": "C. Côté, IPSPL"}
ROSTER = {(DME, code): Accord(name, date(2026, 11, 16), 20 + n) for n, (code, name) in enumerate(NAMES.items())}
RULES = SharingRules(
    enabled=True,
    expires=date(2027, 6, 30),
    types={(DME, "s"): "sans-rendez-vous"},
    roster=ROSTER,
    allow=(MORNING,),
    zones={MAIN: "America/Toronto"},
)


def slot(key: str = "k1", start: datetime = START, *, minutes: int = 20, who: str = "101", **more: Any) -> Slot:
    end = (start.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(start.tzinfo)
    defaults: dict[str, Any] = {"emr": DME, "site": MAIN, "type": "s"}
    return Slot(key=SlotKey(key), practitioner=Practitioner(who), start=start, end=end, **(defaults | more))


def decide(
    *slots: Slot,
    rules: SharingRules = RULES,
    now: datetime = NOW,
    since: Mapping[SlotKey, datetime] | None = None,
    held: frozenset[SlotKey] = frozenset(),
) -> Decision:
    return share(slots, rules, now, since or {}, held)


def shared(one: Slot, rules: SharingRules = RULES, now: datetime = NOW, **more: Any) -> SharedSlot:
    return decide(one, rules=rules, now=now, **more).offered[one.key].shared


def why(one: Slot, rules: SharingRules = RULES, now: datetime = NOW, **more: Any) -> tuple[Why, int]:
    decision = decide(one, rules=rules, now=now, **more)
    assert not decision.offered
    (kept,) = decision.withheld
    assert kept.slot == one
    return kept.why, kept.line
