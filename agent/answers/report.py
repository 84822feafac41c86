"""`ledger report WHO`: one doctor's month on one page, for that doctor.

Rule: added up from the ledger alone, so that the page can be proved, and held against anybody's pay report.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.ledger import claims_of, first_since, pieces, published
from agent.answers.people import Person, find
from agent.answers.shape import moment
from agent.core.errors import Refused
from agent.core.message import say
from agent.ports import LedgerLine

AHEAD = timedelta(days=370)
"""A slot is published at most a year before it begins."""


@dataclass
class _Month:
    """What the lines read so far say of one person; slots by the day they begin."""

    person: Person
    first: date
    last: date
    slots: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    bookings: dict[str, tuple[str, date]] = field(default_factory=dict)
    looks: list[Mapping[str, Any]] = field(default_factory=list)
    acts: list[Mapping[str, Any]] = field(default_factory=list)

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last

    def take(self, line: LedgerLine, note: Mapping[str, Any]) -> None:
        """Count a sent message; `note` says whose slots and bookings it spoke of."""
        mine = {id_ for id_, (emr, key, *_) in note.get("slots", {}).items() if (emr, key) in self.person.codes}
        for slot in published(line):
            if slot["id"] in mine:
                self.slots[slot["id"]] = slot
        anew = {_place(slot) for slot in published(line) if slot["id"] in mine}  # ordered, and offered under another id
        self.gone |= {id_ for id_ in mine & set(note.get("gone", ())) if _place(self.slots.get(id_, {})) not in anew}
        theirs = {name for name, (emr, key, *_) in note.get("bookings", {}).items() if (emr, key) in self.person.codes}
        for one in claims_of(line).get("outcomes", ()):
            if one["booking"] in theirs:
                begins = one["slot"]["start"] if "slot" in one else None
                known = self.bookings.get(one["booking"], ("", date.min))[1]
                day = datetime.fromisoformat(begins).date() if begins else known
                self.bookings[one["booking"]] = (one["outcome"], day)


def report(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {who, month, days, totals, looks, acts}. `month`: 2026-11, this month by default. Leaves a ledger line.

    A day is {day, published, hours, removed, booked, cancelled}: slots of that day ever online, their hours, those
    taken back, online bookings that stand, and those cancelled. `looks`: who looked at this person's rows; `acts`:
    vetoes of theirs.
    """
    person = find(house, asked, asked.text("who"))
    first, last = _month(asked.text("month", ""), asked.now.utc.date())
    month = _Month(person, first, last)
    house.records.line("viewed", person.name.encode(), asked.now, who=asked.who)
    begin = datetime(first.year, first.month, 1, tzinfo=UTC)
    sent: LedgerLine | None = None
    for piece in pieces(house.records, first_since(house.records, begin - AHEAD)):
        for line in piece:
            if line.kind == "whose" and sent is not None:
                month.take(sent, whose(line))
            sent = line if line.kind == "sent" else None
            _about(month, line)
    return {
        "who": person.name,
        "month": f"{first:%Y-%m}",
        "days": _days(month),
        "totals": _totals(month),
        "looks": month.looks,
        "acts": month.acts,
    }


def whose(line: LedgerLine) -> Mapping[str, Any]:
    """Return the members of a `whose` line."""
    found: Mapping[str, Any] = json.loads(line.body)
    return found


def _about(month: _Month, line: LedgerLine) -> None:
    """Take in looks at this person and their vetoes, within the month."""
    if not month.holds(line.at.date()) or line.kind not in {"viewed", "veto"}:
        return
    text = line.body.decode("utf-8", "replace")
    names = {month.person.name.casefold(), *(code for _, code in month.person.codes)}
    if line.kind == "viewed" and any(text.casefold() in name for name in names):
        month.looks.append({"at": moment(line.at), "who": line.who})
    elif line.kind == "veto" and any(f"veto:{emr}:{code}" in text for emr, code in month.person.codes):
        month.acts.append({"at": moment(line.at), "who": line.who})


def _place(slot: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return slot.get("start"), slot.get("end")


def _days(month: _Month) -> list[Mapping[str, Any]]:
    days: dict[date, Counter[str]] = {}
    places: set[tuple[str | None, str | None]] = set()
    for id_, slot in month.slots.items():
        start, end = datetime.fromisoformat(slot["start"]), datetime.fromisoformat(slot["end"])
        if not month.holds(start.date()):
            continue
        count = days.setdefault(start.date(), Counter())
        place = _place(slot)
        if place not in places or slot.get("precision") == "half-day":  # back under a new id: the same time, once
            count["published"] += 1
            count["minutes"] += int((end - start).total_seconds() // 60)
        places.add(place)
        count["removed"] += id_ in month.gone
    for outcome, day in month.bookings.values():
        if month.holds(day):
            word = {"booked": "booked", "changed": "booked"}.get(outcome, "")
            word = "cancelled" if outcome in {"cancelled", "cancelled-by-clinic"} else word
            days.setdefault(day, Counter())[word] += bool(word)
    return [
        {
            "day": str(day),
            "published": count["published"],
            "hours": round(count["minutes"] / 60, 2),
            "removed": count["removed"],
            "booked": count["booked"],
            "cancelled": count["cancelled"],
        }
        for day, count in sorted(days.items())
    ]


def _totals(month: _Month) -> Mapping[str, Any]:
    days = _days(month)
    names = ("published", "hours", "removed", "booked", "cancelled")
    return {name: round(sum(day[name] for day in days), 2) for name in names}


def _month(text: str, today: date) -> tuple[date, date]:
    try:
        first = date.fromisoformat(f"{text}-01") if text else today.replace(day=1)
    except ValueError:
        raise Refused(
            say("read the month"), say("{text} is no month", text=text[:40]), say("2026-11"), reason="when"
        ) from None
    following = (first + timedelta(days=32)).replace(day=1)
    return first, following - timedelta(days=1)
