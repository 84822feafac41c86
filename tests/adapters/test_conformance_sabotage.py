# ruff: noqa: ANN001, ANN002, ANN201, ANN202, ANN204 - a sabotage overrides a method whose types stand in the original
"""The kit catches adapters that were spoilt on purpose, each by the very promises it breaks."""

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.conformance import PROMISES, reading
from adapters.memory.clinic import OURS, Applied
from adapters.memory.emr import MemoryEmr
from agent.core.booking import Effect, Outcome
from agent.core.model import Window


class SaysBooked(MemoryEmr):
    def _insert(self, slot, write):
        ref = super()._insert(slot, write)
        self._undo(self._clinic.rows[ref])
        return ref

    def _settle(self, booking):
        known = self._clinic.applied[booking]
        return replace(known, verified=True)

    def _answer(self, booking, known):
        return Effect(booking, known.version, known.outcome, known.ref, known.slot)


class ForgetsOverRestart(MemoryEmr):
    def find(self, booking):
        return super().find(booking) if getattr(self, "wrote", False) else None

    def write(self, write):
        self.wrote = True
        return super().write(write)


class WritesAgain(MemoryEmr):
    def write(self, write):
        known = self._clinic.applied.get(write.booking)
        if known is not None and known.version == write.version and known.outcome is Outcome.BOOKED and known.verified:
            row = self._clinic.rows.get(known.ref)
            if row is not None and row.status == "kept":
                self._clinic.insert(row.practitioner, row.start, row.end, OURS)
        return super().write(write)


class OlderWins(MemoryEmr):
    def write(self, write):
        known = self._clinic.applied.get(write.booking)
        if known is not None and known.version > write.version and known.outcome is Outcome.BOOKED:
            self._clinic.applied[write.booking] = replace(known, version=write.version - 1)
        return super().write(write)


class NoCheckNoVerify(MemoryEmr):
    def _taken(self, slot, but):
        return False

    def _lost(self, new, but):
        return False


class SharesItsOwn(MemoryEmr):
    def _taken(self, slot, but):
        rows = self._clinic.overlapping(slot.practitioner.key, slot.start, slot.end)
        return any(row.creator != OURS for row in rows)

    def _lost(self, new, but):
        return any(row.creator != OURS for row in self._clinic.overlapping(new.practitioner, new.start, new.end))


class SameStartOnly(MemoryEmr):
    def _taken(self, slot, but):
        rows = self._clinic.overlapping(slot.practitioner.key, slot.start, slot.end)
        return any(row.start == slot.start and row.ref != but for row in rows)

    def _lost(self, new, but):
        rows = self._clinic.overlapping(new.practitioner, new.start, new.end)
        return any(row.start == new.start and row.ref not in (new.ref, but) for row in rows)


class InsertOnlyMove(MemoryEmr):
    def _settle(self, booking):
        known = self._clinic.applied[booking]
        self._clinic.applied[booking] = replace(known, previous=None)
        return super()._settle(booking)


class GivesUpFirst(MemoryEmr):
    def _apply(self, write, known):
        row = self._clinic.rows.get(known.ref) if known and known.ref else None
        done = super()._apply(write, known)
        if row is not None and self._ours(row) and write.slot is not None and row.key != write.slot.key:
            self._give_up(row)
        return done

    def _ours(self, row):
        return row.creator == OURS and row.status in ("kept", "cancelled")


class LosesWithTheNew(MemoryEmr):
    def _apply(self, write, known):
        done = super()._apply(write, known)
        return replace(done, ref=None, slot=None) if done.outcome is Outcome.CONFLICT else done


class TellsStrangersNothing(MemoryEmr):
    def _apply(self, write, known):
        done = super()._apply(write, known)
        stranger = done.outcome is Outcome.CONFLICT and write.had is None
        return replace(done, ref=None, slot=None) if stranger else done


class MovesInPlace(MemoryEmr):
    def _apply(self, write, known):
        if known is not None and known.ref and write.slot is not None and known.slot == write.slot.key:
            row = self._clinic.rows[known.ref]
            if row.status == "kept":
                self._undo(row)
                known = replace(known, ref=None, slot=None)
        return super()._apply(write, known)


class ListsEverything(MemoryEmr):
    def ours(self, window):
        return super().ours(Window(window.start - timedelta(days=9), window.end + timedelta(days=9)))


class CancelsOnPaper(MemoryEmr):
    def _give_up(self, row):
        pass


class RefusesUnknown(MemoryEmr):
    def _cancel(self, old, row):
        done = super()._cancel(old, row)
        return done if row is not None else replace(done, outcome=Outcome.CONFLICT)


class NoTombstone(MemoryEmr):
    def write(self, write):
        known = self._clinic.applied.get(write.booking)
        if known is not None and known.outcome is Outcome.CANCELLED and write.slot is not None:
            del self._clinic.applied[write.booking]
        return super().write(write)


class CancelledForEver(MemoryEmr):
    def write(self, write):
        known = self._clinic.applied.get(write.booking)
        if known is not None and known.outcome is Outcome.CANCELLED:
            self._clinic.applied[write.booking] = replace(known, version=max(known.version, write.version))
        return super().write(write)


class CancelsAnybody(MemoryEmr):
    def _ours(self, row):
        return row.status == "kept"


class RaisesItsDrivers(MemoryEmr):
    def _insert(self, slot, write):
        try:
            return super()._insert(slot, write)
        except Exception as error:
            raise RuntimeError("disk on fire") from error


class LogsThePatient(MemoryEmr):
    def _insert(self, slot, write):
        logging.getLogger("creneau.adapters.memory").warning("booked %s", write.patient.family)
        return super()._insert(slot, write)


class BlindToStaff(MemoryEmr):
    def _untouched(self, row, known):
        return self._ours(row)


class NeverTheirs(MemoryEmr):
    def _cancel(self, old, row):
        if row is not None and row.creator == OURS and row.key != old.slot:
            return old
        return super()._cancel(old, row)


class MakesItAgain(MemoryEmr):
    def write(self, write):
        known = self._clinic.applied.get(write.booking)
        row = self._clinic.rows.get(known.ref) if known and known.ref else None
        if row is not None and row.status == "cancelled" and known.version == write.version:
            del self._clinic.applied[write.booking]
        return super().write(write)


class CancelsTheReceived(MemoryEmr):
    def _cancel(self, old, row):
        if row is not None and row.creator == OURS and row.status == "received":
            self._give_up(row)
            return Applied(old.version, Outcome.CANCELLED)
        return super()._cancel(old, row)


class NoYield(MemoryEmr):
    def _lost(self, new, but):
        return False


class YieldsBoth(MemoryEmr):
    def _settle(self, booking):
        known = self._clinic.applied[booking]
        done = super()._settle(booking)
        if known.previous and done.outcome is Outcome.CONFLICT:
            self._give_up(self._clinic.rows[known.previous])
        return done


class NoMemoryOfTheMove(MemoryEmr):
    def write(self, write):
        known = self._clinic.applied.get(write.booking)
        if known is not None and not known.verified and known.version < write.version:
            self._clinic.applied[write.booking] = replace(known, verified=True, previous=None)
        return super().write(write)


class NoLock(NoYield):
    gate = threading.Barrier(2)

    @contextmanager
    def _open(self):
        yield self._clinic

    def _taken(self, slot, but):
        taken = super()._taken(slot, but)
        if threading.current_thread() is not threading.main_thread():
            self.gate.wait(60)  # both have looked, neither has written
        return taken


class RemembersAlone(MemoryEmr):
    def __init__(self, name, clinic, *rest):
        own = copy(clinic)
        own.applied = {}
        super().__init__(name, own, *rest)


class VerifiedByRerun(MemoryEmr):
    def write(self, write):
        known = self._clinic.applied.get(write.booking)
        if known is not None and known.version == write.version:
            self._clinic.applied[write.booking] = replace(known, verified=True)
        return super().write(write)


class PausesBeforeMemory(MemoryEmr):
    def _insert(self, slot, write):
        ref = super()._insert(slot, write)
        self._pause()
        return ref


Broken = Callable[[type[MemoryEmr]], set[str]]

SHARP: Mapping[type[MemoryEmr], str] = {
    ForgetsOverRestart: "find_is_evidence",
    OlderWins: "older_answers_the_stored",
    SameStartOnly: "overlap_is_taken",
    TellsStrangersNothing: "what_stands_is_named_to_a_stranger",
    MovesInPlace: "moving_nowhere_changes_nothing",
    ListsEverything: "ours_lists_what_we_made",
    RefusesUnknown: "cancelling_nothing_is_cancelled",
    NoTombstone: "a_late_booking_stays_cancelled",
    CancelledForEver: "a_newer_booking_comes_back",
    CancelsAnybody: "strangers_are_never_cancelled",
    LogsThePatient: "patients_are_named_nowhere",
    BlindToStaff: "moved_by_staff_is_theirs",
    NeverTheirs: "moved_by_staff_may_be_cancelled",
    MakesItAgain: "cancelled_by_staff_is_theirs",
    CancelsTheReceived: "received_is_theirs",
    NoMemoryOfTheMove: "cut_off_move_then_cancel",
    VerifiedByRerun: "cut_off_yields_too",
}
"""Sabotages that break one promise and leave all others whole."""

BLUNT: Mapping[type[MemoryEmr], str] = {
    LosesWithTheNew: "a_lost_move_keeps_the_old",
    SaysBooked: "a_booking_is_there",
    WritesAgain: "again_is_the_same",
    NoCheckNoVerify: "taken_is_a_conflict",
    SharesItsOwn: "ours_is_taken_too",
    InsertOnlyMove: "a_move_leaves_one",
    YieldsBoth: "a_human_wins_against_a_move",
    GivesUpFirst: "a_move_wins_first",
    CancelsOnPaper: "a_cancel_frees",
    RaisesItsDrivers: "a_failed_write_leaves_nothing",
    NoYield: "a_human_wins",
    NoLock: "two_agents_one_time",
    RemembersAlone: "two_agents_one_booking",
    PausesBeforeMemory: "cut_off_then_again",
}
"""Sabotages so deep that other promises fall with the one they are named for."""


@pytest.mark.parametrize("emr", SHARP, ids=lambda emr: emr.__name__)
def test_a_sharp_sabotage_breaks_its_promise_alone(emr: type[MemoryEmr], broken: Broken) -> None:
    """The kit names exactly the promise that was broken."""
    assert broken(emr) == {SHARP[emr]}


@pytest.mark.parametrize("emr", BLUNT, ids=lambda emr: emr.__name__)
def test_a_blunt_sabotage_breaks_its_promise(emr: type[MemoryEmr], broken: Broken) -> None:
    """The kit names the broken promise among those that fall with it."""
    assert BLUNT[emr] in broken(emr)


def test_every_promise_can_be_broken() -> None:
    """No promise of booking is empty: for each there is a sabotage named after it."""
    assert {*SHARP.values(), *BLUNT.values()} == {each.name for each in PROMISES} - {
        each.name for each in reading.PROMISES
    }


def test_promises_say_what_they_are() -> None:
    """Every promise has a name of its own and a sentence."""
    assert len({promise.name for promise in PROMISES}) == len(PROMISES)
    assert all(promise.says.endswith(".") for promise in PROMISES)
