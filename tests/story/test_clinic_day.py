"""One clinic day: whoever books, cancels, leaves or is cut off, nobody is booked twice and everybody is told the truth."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from adapters.sql import sample
from tests.sim.world import MINUTE, TICK
from tests.story.day import MONDAY, Day, at


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """Open the clinic at six, an easy week: three places in ten are booked already."""
    monkeypatch.setattr(sample, "BOOKED", 0.3)
    monkeypatch.setattr(sample, "DAYS", 3)
    logging.disable(logging.CRITICAL)
    try:
        with Day(tmp_path) as opened:
            yield opened
    finally:
        logging.disable(logging.NOTSET)


def test_one_clinic_day(day: Day) -> None:
    """Nobody is booked twice, the desk has what it must do and nothing else, and the hub knows the truth."""
    morning(day)
    outage(day)
    afternoon(day)
    evening(day)


def morning(day: Day) -> None:
    """Everybody books; one place is taken by another site after it was shown, one patient changes plans early."""
    day.until(6, 5)
    assert set(day.offered()) == day.free()
    assert day.receptionist.book(*at(101, "08:30"))
    day.foreign(at(101, "10:15"))  # the other site's own type
    day.foreign(at(102, "10:15"))  # and one of ours
    day.until(6, 10)
    assert set(day.offered()) == day.free()
    assert not {at(101, "08:30"), at(102, "10:15")} & set(day.offered())
    day.books("patient-kept", at(101, "09:15"), "1")
    day.books("patient-unknown", at(102, "15:45"))
    day.books("patient-left", at(103, "15:15"), "2")
    day.books("patient-moved", at(103, "15:30"), "3")
    day.books("patient-early", at(101, "14:30"), "4")
    day.books("patient-late", at(101, "13:00"), "5")
    day.foreign(at(101, "09:45"))  # still shown at the hub
    day.books("patient-second", at(101, "09:45"), "6")
    day.until(6, 13)
    assert day.word("patient-early") == "booked: booked"
    day.cancels("patient-early")
    day.until(6, 17)
    assert set(day.offered()) == day.free()
    assert at(101, "14:30") in day.offered()


def outage(day: Day) -> None:
    """For two hours nobody can book online; minute by minute the desk is shown what is left to sell, and sells some."""
    day.until(8, 5)
    shown = set(day.offered())
    assert (day.unsold(), "Plages à combler" in day.page()) == (set(), False)
    day.hub_away = True
    day.books("patient-cut", at(102, "11:00"), "7")  # the hub takes the order, which cannot reach the clinic
    for minute in range(6, 126):
        day.until(8, minute)
        act = ACTS.get(minute)
        if act is not None:
            act(day)
        elif minute % 15 > 1:  # on the quarter a place becomes too near, and goes at the next reading
            left = shown & day.free()
            assert day.unsold() == left, day.wall()
            assert f"Plages à combler par téléphone : {len(left)}" in day.page()
        assert minute < 15 or not day.offered()  # the hub sells nothing it has not heard of for ten minutes
    assert day.free() - shown >= {at(102, "15:15")}
    day.sold = {at(102, "11:00"), at(101, "13:30")}
    assert day.sold < shown
    day.hub_away = False
    day.until(10, 12, TICK)  # a leg that was down rests at most five minutes
    assert (day.unsold(), "Plages à combler" in day.page()) == (set(), False)
    assert "Créneau fonctionne." in day.page()
    assert set(day.offered()) == day.free()


ACTS: Mapping[int, Callable[[Day], object]] = {
    15: lambda day: day.receptionist.book(*at(102, "11:00")),
    25: lambda day: day.foreign(at(101, "13:30")),
    35: lambda day: day.receptionist.cancel(day.number(at(102, "15:15"))),  # a place the hub was never shown
}
"""What people do in the agenda during the outage, by minutes since eight."""


def afternoon(day: Day) -> None:
    """Play a late cancel, a doctor who leaves at noon, and a change of the clinic's own rule."""
    day.until(11, 30)
    day.cancels("patient-late")
    day.until(11, 33)
    assert day.word("patient-late") == "not-booked: cancelled"
    assert at(101, "13:00") in day.offered()
    day.until(12, 0)
    day.receptionist.move(day.number(at(103, "15:30")), *at(102, "14:15"))
    for row in day.rows():
        if row.provider == "103" and row.start >= at(103, "12:00")[1] and row.start.date() == MONDAY:
            day.receptionist.cancel(row.number)
    day.sql("UPDATE scheduledate SET status = 'D' WHERE provider_no = '103' AND sdate = ?", f"{MONDAY}")
    day.until(12, 3)
    assert {who for who, start in day.offered() if start.date() == MONDAY} == {"101", "102"}
    assert set(day.offered()) == day.free()
    day.books("patient-again", at(101, "14:30"), "8")  # given up early, sold again
    day.until(12, 5)
    day.restart("ask")
    day.cancels("patient-again")
    day.until(12, 10)
    assert day.free() - set(day.offered()) == {at(101, "14:30")}  # it waits for a person
    assert day.tasks()[-1] == (ASKED, "lundi 23 novembre, 14 h 30", "Andrée Gagnon")
    day.ask("tasks-done", n=day.ask("tasks-list")["tasks"][-1]["n"], in_agenda=False)
    day.until(12, 13)
    assert set(day.offered()) == day.free()
    day.books("patient-last", at(101, "14:30"), "9")


CHANGED = "Ce rendez-vous en ligne a été modifié à la clinique : le vérifier."
LATE = "Ce patient a annulé en ligne tardivement : la plage est libre, à combler par téléphone."
UNMATCHED = "Ce patient est introuvable au DMÉ : relier le dossier."
ASKED = "Ce patient a annulé en ligne : remettre la plage en ligne, ou la combler par téléphone."
TASKS = [
    (UNMATCHED, "lundi 23 novembre, 15 h 45", "Benoît Simard"),
    (LATE, "lundi 23 novembre, 13 h 00", "Andrée Gagnon"),
    (CHANGED, "lundi 23 novembre, 15 h 15", "Chloé Côté"),
    (CHANGED, "lundi 23 novembre, 15 h 30", "Chloé Côté"),
]
"""What the page asks of the desk at the end."""
WORDS = {
    "patient-kept": "booked: booked",
    "patient-unknown": "booked: booked",
    "patient-left": "not-booked: cancelled-by-clinic",
    "patient-moved": "booked: changed",
    "patient-early": "not-booked: cancelled",
    "patient-late": "not-booked: cancelled",
    "patient-second": "not-booked: conflict",
    "patient-cut": "not-booked: expired",
    "patient-again": "not-booked: cancelled",
    "patient-last": "booked: booked",
}
"""What each patient reads at the end, and the outcome behind it."""


def evening(day: Day) -> None:
    """Compare what stands, what was said and what is asked when the last patient has gone."""
    day.until(16, 5, 5 * MINUTE)
    assert day.tasks() == TASKS
    page = day.page()
    assert "Créneau fonctionne." in page
    assert [name for name in day.names() if name.casefold() in page.casefold()] == []
    assert {booking: day.word(booking) for booking in day.asked} == WORDS
    stands = {booking: places[0] for booking, places in day.ours().items() if places}
    assert stands == {
        "patient-kept": at(101, "09:15"),
        "patient-unknown": at(102, "15:45"),
        "patient-moved": at(102, "14:15"),
        "patient-last": at(101, "14:30"),
    }
    assert set(day.offered()) == day.free()
