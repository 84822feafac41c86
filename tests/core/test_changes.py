"""Ids, differences, canonical lines and roots."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.changes import changes, enter, line, roots, wire
from agent.core.model import EmrName, Practitioner, SiteId, Slot, SlotId, SlotKey
from agent.core.sharing import Offered, SharedSlot, revive

TORONTO = ZoneInfo("America/Toronto")
MAIN, EMPTY = SiteId("principal"), SiteId("vide")
FIRST = datetime(2026, 11, 1, 1, 30, tzinfo=TORONTO)  # 05:30Z, -04:00; with fold=1 06:30Z, -05:00


def slot_of(name: str = "", **more: Any) -> SharedSlot:
    base = revive(
        {
            "start": "2026-11-24T09:00:00-05:00",
            "end": "2026-11-24T09:20:00-05:00",
            "precision": "exact",
            "site": MAIN,
            "confirmation": "request",
            "bookable_from": "2026-11-23T08:00:00-05:00",
            "clientele": "anyone",
            "reason": "urgent",
            "mode": "on-site",
        }
    )
    return replace(base, practitioner=name or None, **more)


def offer(**slots: SharedSlot) -> Mapping[SlotKey, Offered]:
    emr = Slot(EmrName("dme"), SlotKey("k"), MAIN, Practitioner("1"), FIRST, FIRST, "s")
    return {SlotKey(key): Offered(replace(emr, key=SlotKey(key)), shared, "rule") for key, shared in slots.items()}


def ids(prefix: str = "id") -> Iterator[SlotId]:
    return (SlotId(f"{prefix}{n}") for n in count())


def key(name: str) -> SlotKey:
    return SlotKey(name)


def test_an_id_is_kept_while_the_slot_stays() -> None:
    """Equal members keep their id and their very object, so that an unchanged poll finds nothing to write."""
    known = enter({}, offer(a=slot_of(), b=slot_of("x")), ids())
    again = enter(known, offer(b=slot_of("x"), a=slot_of()), ids("new"))
    assert again == known
    assert again[key("a")] is known[key("a")]


def test_a_slot_that_comes_back_gets_a_new_id() -> None:
    """The hub cannot tie a slot that left to one that comes."""
    known = enter({}, offer(a=slot_of()), ids())
    gone = enter(known, {}, ids("never"))
    assert gone == {}
    assert enter(gone, offer(a=slot_of()), ids("new"))[key("a")][0] == "new0"


def test_equal_slots_of_a_team_have_ids_of_their_own() -> None:
    """A colleague's slot at the same time, equal on the wire, enters later: it never borrows the id that is there."""
    known = enter({}, offer(a=slot_of()), ids())
    both = enter(known, offer(a=slot_of(), b=slot_of()), ids("new"))
    assert (both[key("a")][0], both[key("b")][0]) == ("id0", "new0")


@pytest.mark.parametrize(
    "change",
    [
        {"start": slot_of().start - timedelta(minutes=5)},
        {"end": slot_of().end + timedelta(minutes=5)},
        {"bookable_from": slot_of().bookable_from + timedelta(minutes=1)},
        {"precision": "half-day"},
        {"site": EMPTY},
        {"confirmation": "instant"},
        {"practitioner": "y"},
        {"clientele": "enrolled-at-site"},
        {"reason": "regular"},
        {"redirect": "811"},
        {"mode": "phone"},
        {"start": slot_of().start.astimezone(UTC)},
        {"bookable_from": slot_of().bookable_from.astimezone(timezone(timedelta(hours=-4)))},
    ],
)
def test_any_change_of_a_member_gives_a_new_id(change: dict[str, Any]) -> None:
    """Even the same instant at another offset is another line, so another id and a difference to send."""
    known = enter({}, offer(a=slot_of()), ids())
    after = enter(known, offer(a=replace(slot_of(), **change)), ids("new"))
    assert after[key("a")] == ("new0", replace(slot_of(), **change))
    assert changes({SlotId("i"): slot_of()}, {SlotId("i"): replace(slot_of(), **change)}).put


def test_the_repeated_hour_is_two_hours() -> None:
    """Within one zone datetimes compare equal across the fold; lines do not."""
    early, late = slot_of(start=FIRST), slot_of(start=FIRST.replace(fold=1))
    assert early == late
    assert line(early, None) != line(late, None)
    known = enter({}, offer(a=early), ids())
    assert enter(known, offer(a=late), ids("new"))[key("a")][0] == "new0"


def test_a_revived_slot_is_the_slot_it_was() -> None:
    """A fixed offset read from the journal and the site's zone give one line, so nothing changes after a restart."""
    alive = slot_of(start=FIRST, end=FIRST.replace(fold=1), bookable_from=FIRST - timedelta(days=5))
    stored = revive(wire(SlotId("i"), alive))
    assert line(stored, SlotId("i")) == line(alive, SlotId("i"))
    known = {key("a"): (SlotId("i"), stored)}
    assert enter(known, offer(a=alive), iter(())) == known
    delta = changes({SlotId("i"): stored}, {SlotId("i"): alive})
    assert (delta.put, delta.gone) == ({}, frozenset())


def test_ids_do_not_follow_the_order_of_the_reading() -> None:
    """The same slots in any order draw the same ids, by key; what is put travels in the order of the ids."""
    slots = {name: slot_of(name) for name in "cab"}
    assert enter({}, offer(**slots), ids()) == enter({}, offer(**dict(reversed(slots.items()))), ids())
    now = {SlotId(name): slot_of() for name in ("z", "a", "m")}
    assert list(changes({}, now).put) == ["a", "m", "z"]


def test_the_difference_is_what_must_be_put_and_deleted() -> None:
    """Slots in both views with equal members are not mentioned."""
    told = {SlotId("stays"): slot_of(), SlotId("goes"): slot_of()}
    now = {SlotId("stays"): slot_of(), SlotId("comes"): slot_of("x")}
    delta = changes(told, now)
    assert delta.put == {"comes": slot_of("x")}
    assert delta.gone == {"goes"}


def test_the_line_is_the_bytes_of_the_protocol() -> None:
    """A compact JSON array, UTF-8 in clear, absent = null; an order's line lacks id and bookable_from."""
    one = slot_of("Dre É. Côté")
    assert line(one, SlotId("i")).decode() == (
        '["i","2026-11-24T09:00:00-05:00","2026-11-24T09:20:00-05:00","exact","principal","request","Dre É. Côté",'
        '"2026-11-23T08:00:00-05:00","anyone","urgent",null,"on-site"]'
    )
    assert line(one, None).decode() == (
        '["2026-11-24T09:00:00-05:00","2026-11-24T09:20:00-05:00","exact","principal","request","Dre É. Côté",'
        '"anyone","urgent",null,"on-site"]'
    )


def test_the_wire_object_leaves_null_out() -> None:
    """Absent members do not travel; the others stand in the order of the line, the id first when there is one."""
    assert wire(None, slot_of()) == {
        name: value for name, value in wire(SlotId("i"), slot_of()).items() if name != "id"
    }
    assert list(wire(SlotId("i"), slot_of())) == [
        "id", "start", "end", "precision", "site", "confirmation", "bookable_from", "clientele", "reason", "mode",
    ]  # fmt: skip


def test_roots_are_per_site_and_name_the_empty_ones() -> None:
    """A site without a slot has the root of the byte 0x01; slots of sites not asked for count nowhere."""
    view = {SlotId("i"): slot_of(), SlotId("j"): slot_of(site=SiteId("ailleurs"))}
    leaf = sha256(b"\x00" + line(slot_of(), SlotId("i"))).digest()
    assert roots(view, frozenset({MAIN, EMPTY})) == {
        MAIN: sha256(b"\x01" + leaf).hexdigest(),
        EMPTY: sha256(b"\x01").hexdigest(),
    }


names = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001 - made aware below
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
zones = st.sampled_from(["America/Toronto", "America/Blanc-Sablon", "America/Halifax", "America/St_Johns", "UTC"])


@st.composite
def shared_slots(draw: st.DrawFn) -> SharedSlot:
    zone = ZoneInfo(draw(zones))
    start = draw(moments)
    return slot_of(
        draw(names),
        start=start.astimezone(zone),
        end=(start + draw(st.timedeltas(timedelta(minutes=1), timedelta(hours=30))))
        .astimezone(zone)
        .replace(microsecond=0),
        bookable_from=draw(moments).astimezone(zone),
        site=draw(st.sampled_from([MAIN, SiteId("côte-nord")])),
        redirect=draw(st.sampled_from([None, "811"])),
    )


views = st.dictionaries(st.integers(0, 12).map(lambda n: SlotId(f"id{n}")), shared_slots(), max_size=8)


@settings(max_examples=80, deadline=None)
@given(shared_slots())
def test_every_slot_survives_the_journal(shared: SharedSlot) -> None:
    """Wire and revive are exact inverses as far as any line can tell."""
    back = revive(wire(SlotId("i"), shared))
    assert line(back, SlotId("i")) == line(shared, SlotId("i"))
    assert line(back, None) == line(shared, None)


@settings(max_examples=80, deadline=None)
@given(views, views)
def test_a_difference_applied_gives_the_same_roots(
    told: dict[SlotId, SharedSlot], now: dict[SlotId, SharedSlot]
) -> None:
    """Told less gone with put is now; equal views have no difference, and the order of a view changes no root."""
    delta = changes(told, now)
    there = {id_: shared for id_, shared in told.items() if id_ not in delta.gone} | dict(delta.put)
    sites = frozenset({MAIN, SiteId("côte-nord"), EMPTY})
    assert roots(there, sites) == roots(dict(reversed(now.items())), sites)
    assert there.keys() == now.keys()
    settled = changes(there, now)
    assert (settled.put, settled.gone) == ({}, frozenset())
