"""`sharing diff/apply/pause/withdraw/resume` and `freeze`: what the clinic orders beyond editing its file.

Rule: widening happens only in `apply`, and only to the text whose difference was shown.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.answers.house import Asked, House, Sharing
from agent.answers.reading import read
from agent.answers.shape import moment, sentence
from agent.answers.words import POSTURE
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.model import Slot, SlotKey, Window
from agent.core.sharing import Decision, Posture, SharingRules, rehearse, share


def diff(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {digest, same, rehearsal, appear, vanish, change}: slots, as {when, until, who, site, type}.

    `appear`: the applied rules do not share it, the file would. In a rehearsal (`enabled = false`) they are shown as
    if it were on.
    """
    sharing, applied = house.file(), house.applied()
    now = asked.now.utc
    window = Window(now, now + max(rules.horizon for rules in (sharing.rules, applied) if rules))
    appear: list[Slot] = []
    vanish: list[Slot] = []
    change: list[Slot] = []
    for name, reading in read(house, window):
        views = house.views(name)
        before, real, would = _three(reading.slots, sharing.rules, applied, now, views.since(), views.held())
        appear += [item.slot for key, item in would.offered.items() if key not in before.offered]
        vanish += [item.slot for key, item in before.offered.items() if key not in real.offered]
        change += [
            item.slot
            for key, item in real.offered.items()
            if key in before.offered and before.offered[key].shared != item.shared
        ]
    return {
        "digest": sharing.rules.digest,
        "same": applied is not None and applied.digest == sharing.rules.digest,
        "rehearsal": not sharing.rules.enabled,
        "appear": [_slot(slot) for slot in appear],
        "vanish": [_slot(slot) for slot in vanish],
        "change": [_slot(slot) for slot in change],
    }


def _three(
    slots: tuple[Slot, ...],
    rules: SharingRules,
    applied: SharingRules | None,
    now: datetime,
    since: Mapping[SlotKey, datetime],
    held: frozenset[SlotKey],
) -> tuple[Decision, Decision, Decision]:
    """Return what leaves by the applied rules, by the file, and by the file as if it were enabled."""
    before = share(slots, applied, now, since, held) if applied else Decision({}, ())
    return before, share(slots, rules, now, since, held), rehearse(slots, rules, now, since, held)


def apply(house: House, asked: Asked) -> Mapping[str, Any]:
    """Put the file's rules into force. `digest`: of the text whose difference the person saw."""
    sharing = house.file()
    if asked.text("digest") != sharing.rules.digest:
        raise Refused(
            say("put the sharing rules into force"),
            say("the file changed since its difference was shown"),
            say("creneau sharing diff"),
            reason="changed",
        )
    _store(house, asked, sharing)
    house.reload()
    house.wake("publish")
    return {"digest": sharing.rules.digest, "enabled": sharing.rules.enabled, "expires": str(sharing.rules.expires)}


def _store(house: House, asked: Asked, sharing: Sharing) -> None:
    changes = {"sharing_applied": sharing.text, "rules": sharing.rules.digest}
    house.records.put(changes, asked.now, kind="sharing", who=asked.who)


def pause(house: House, asked: Asked) -> Mapping[str, Any]:
    """Let nothing new appear."""
    return _take(house, asked, Posture.PAUSED)


def withdraw(house: House, asked: Asked) -> Mapping[str, Any]:
    """Take every slot offline."""
    return _take(house, asked, Posture.WITHDRAWN)


def freeze(house: House, asked: Asked) -> Mapping[str, Any]:
    """Write nothing into the EMR until resume."""
    return _take(house, asked, Posture.FROZEN)


def resume(house: House, asked: Asked) -> Mapping[str, Any]:
    """End a pause, a withdrawal or a freeze."""
    return _take(house, asked, Posture.OPEN)


def _take(house: House, asked: Asked, order: Posture) -> Mapping[str, Any]:
    """Keep the posture this order makes of the one before: only resume loosens; answer {posture, was, says}."""
    was = posture_of(house.records.facts())
    posture = was.then(order)
    house.records.put({"posture": posture.value}, asked.now, kind="posture", who=asked.who)
    house.reload()
    for kind in ("publish", "deliver", "apply"):
        house.wake(kind)
    return {"posture": posture.value, "was": was.value, "says": sentence(POSTURE[posture])}


def posture_of(facts: Mapping[str, str]) -> Posture:
    """Return the posture the journal keeps; a word of another version counts as frozen."""
    try:
        return Posture(facts.get("posture", Posture.OPEN))
    except ValueError:
        return Posture.FROZEN


def _slot(slot: Slot) -> Mapping[str, Any]:
    return {
        "when": moment(slot.start),
        "until": moment(slot.end),
        "who": slot.practitioner.label or slot.practitioner.key,
        "site": slot.site,
        "type": slot.type,
    }
