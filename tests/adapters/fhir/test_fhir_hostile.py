"""Each flaw of the behaviour table, replayed: reads are whole or fail, bookings stay right."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters import conformance
from adapters.conformance import NAME, Opening, tools
from adapters.conformance.bench import DAY, MINE, MONDAY, at, book, books, cancel, cells, free, mine, move, someone
from adapters.fhir.bench import LABEL, SCRATCH, FhirBench, Screen, prepared
from adapters.fhir.emr import FhirEmr
from adapters.fhir.factory import open_
from adapters.fhir.profile import keep, load
from agent.core.booking import Op, Outcome, Recovery, Turn, Write
from agent.core.errors import Ambiguous, CreneauError, Misconfigured, Refused, Transient
from agent.core.model import Severity
from agent.ports import Proved, Tools
from tests.adapters.fhir.hostile import GP, MEDPLUM, UNGUARDED, Hostile, running

MORNING = cells(8, 9, 10, 11)


class Den:
    """A hostile server with its bench."""

    def __init__(self, hostile: Hostile, base: str, screen: Screen) -> None:
        self.hostile, self.screen = hostile, screen
        self.options = {"server": base, "auth": "none"}
        self.tools: Tools = tools(LABEL)

    def bench(self, folder: Path = Path()) -> FhirBench:
        return FhirBench(folder, self.options, self.screen, self.tools)

    def tried(self) -> list[str]:
        return prepared(self.options, self.screen, self.tools)

    def adapter(self, **more: Any) -> FhirEmr:
        return open_(NAME, {**self.options, **more}, self.tools)


@pytest.fixture
def den() -> Iterator[Callable[[frozenset[str]], Den]]:
    """Lend what starts a hostile server."""
    with ExitStack() as held:

        def make(flaws: frozenset[str]) -> Den:
            hostile, base = held.enter_context(running(flaws))
            client = httpx.Client(base_url=f"{base}/", headers={"Content-Type": "application/fhir+json"})
            return Den(hostile, base, held.enter_context(closing(Screen(client))))

        yield make


@pytest.fixture(scope="module")
def dens() -> Iterator[dict[str, Den]]:
    """Lend three hostile servers, each tried once."""
    with ExitStack() as held:
        made = {}
        for name, flaws in {"medplum-5": MEDPLUM, "unguarded": UNGUARDED, "gp-connect": GP}.items():
            hostile, base = held.enter_context(running(flaws))
            client = httpx.Client(base_url=f"{base}/", headers={"Content-Type": "application/fhir+json"})
            made[name] = Den(hostile, base, held.enter_context(closing(Screen(client))))
            made[name].tried()
        yield made


@pytest.mark.parametrize("name", ["medplum-5", "unguarded", "gp-connect"])
@pytest.mark.parametrize("promise", conformance.PROMISES, ids=[promise.name for promise in conformance.PROMISES])
def test_promises(promise: conformance.Promise, name: str, dens: dict[str, Den], tmp_path: Path) -> None:
    """The promises hold; only a server that lets any change through is written to by turns."""
    held = conformance.keeps(promise, dens[name].bench, tmp_path)
    assert held or (name == "unguarded" and promise.needs == "fenced")
    assert "PATCH" not in {method for method, _ in dens[name].hostile.asked}


@pytest.mark.parametrize(
    ("flaws", "create", "fenced", "recovery"),
    [
        (MEDPLUM, "if-none-exist", True, Recovery.RERUN),
        (GP, "if-none-exist", True, Recovery.RERUN),
        (UNGUARDED, "if-none-exist", False, Recovery.ENQUIRE),
    ],
)
def test_the_strategy_is_what_was_seen(
    flaws: frozenset[str], create: str, fenced: bool, recovery: Recovery, den: Callable[[frozenset[str]], Den]
) -> None:
    """The trial picks how one booking gets one appointment, and whether that is right without a turn."""
    one = den(flaws)
    one.tried()
    profile = load(one.tools.store)
    assert profile is not None
    assert (profile.create, profile.is_fenced, profile.rules.recovery) == (create, fenced, recovery)
    assert (profile.atomic, one.adapter().rules) == (False, profile.rules)
    assert {key for key in one.hostile.store if key[1] != SCRATCH} == set()  # the trial took away what it made


def test_a_server_that_loses_our_name_is_not_written(den: Callable[[frozenset[str]], Den]) -> None:
    """Without our mark on an appointment nothing could be found again: writes stop, and check says so."""
    one = den(frozenset({"no-identifiers"}))
    assert "appointments keep our names" in one.tried()
    emr = one.adapter()
    with pytest.raises(Misconfigured, match="mark"):
        cancel(emr, 1)
    assert ("fhir.keeps", Severity.FAULT) in {(each.code, each.severity) for each in emr.check()}
    emr.close()


def test_a_server_never_tried_is_not_written(den: Callable[[frozenset[str]], Den]) -> None:
    """The most careful rules, no write, and the command that tries it."""
    one = den(frozenset())
    one.bench().fresh(MORNING)
    emr = one.adapter()
    assert (emr.rules.fenced, emr.rules.recovery) == (False, Recovery.ABSENT_UNSURE)
    with pytest.raises(Misconfigured) as told:
        book(emr, at(emr, 9))
    assert str(told.value.hint) == "creneau emr prove --on SCHEDULE"
    assert "fhir.untried" in {each.code for each in emr.check()}
    emr.close()


@pytest.mark.parametrize("scratch", ["absent", "kit-101"])
def test_a_trial_needs_an_empty_schedule(scratch: str, den: Callable[[frozenset[str]], Den]) -> None:
    """A schedule that is not there, or has slots, is refused before anything is made."""
    one = den(frozenset())
    one.bench().fresh(MORNING)
    emr, before = one.adapter(), len(one.hostile.store)
    with pytest.raises(Refused):
        list(emr.prove(scratch))
    assert len(one.hostile.store) == before
    emr.close()


def test_a_trial_tells_every_row(den: Callable[[frozenset[str]], Den]) -> None:
    """A row that does not hold is an ability this server has not; the last says whether writes need a turn."""
    one = den(UNGUARDED)
    one.screen.put({"resourceType": "Schedule", "id": SCRATCH})
    emr = one.adapter()
    rows = list(emr.prove(SCRATCH))
    assert Proved("a stale change of a slot is refused", kept=None, says="HTTP 200") in rows
    assert (rows[-1].name, rows[-1].kept) == ("writes are right without a turn", None)
    assert {"fhir.guards", "fhir.claims", "fhir.unfenced", "fhir.transaction"} <= {each.code for each in emr.check()}
    emr.close()


# ---- reads


def reader(one: Den, hours: int = 50) -> FhirEmr:
    one.bench().fresh([Opening("101", MONDAY + timedelta(minutes=15 * n)) for n in range(hours)])
    return one.adapter()


@pytest.mark.parametrize("flaws", [frozenset({"page-20"}), frozenset({"page-20", "no-total"}), GP | {"page-20"}])
def test_every_page_is_read(flaws: frozenset[str], den: Callable[[frozenset[str]], Den]) -> None:
    """Pages of 20 are followed, without a total too, and at our own origin whatever the links say."""
    emr = reader(den(flaws))
    assert (len(emr.slots(DAY).slots), emr.slots(DAY).complete) == (50, True)
    emr.close()


def test_a_missing_page_is_no_read(den: Callable[[frozenset[str]], Den]) -> None:
    """A total above the entries and no next link is Transient, never "the rest vanished"."""
    one = den(frozenset({"page-20", "no-links"}))
    emr = reader(one)
    with pytest.raises(Transient, match="30 entries"):
        emr.slots(DAY)
    emr.close()


def test_a_full_page_without_a_word_is_incomplete(den: Callable[[frozenset[str]], Den]) -> None:
    """Neither total nor links, and as many entries as were asked for: nothing may be taken away for it."""
    one = den(frozenset({"no-total", "no-links"}))
    reader(one).close()
    emr = one.adapter(page=50)
    assert emr.slots(DAY).complete is False
    emr.close()
    emr = one.adapter(page=51)
    assert emr.slots(DAY).complete is True
    emr.close()


@pytest.mark.parametrize("flaw", ["outcome-inside", "cut", "half"])
def test_a_wrong_answer_is_no_read(flaw: str, den: Callable[[frozenset[str]], Den]) -> None:
    """An error inside a Bundle, a cut connection and half a text are Transient."""
    one = den(frozenset())
    emr = reader(one, 4)
    one.hostile.flaws = frozenset({flaw})
    with pytest.raises(Transient):
        emr.slots(DAY)
    one.hostile.flaws = frozenset()
    assert len(emr.slots(DAY).slots) == 4
    emr.close()


def test_a_dripping_answer_ends(den: Callable[[frozenset[str]], Den], monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes byte by byte is given up when the time of one request is over."""
    one = den(frozenset())
    emr = reader(one, 4)
    one.hostile.flaws = frozenset({"drip"})
    ages = iter(timedelta(seconds=n) for n in range(10_000))
    clock = emr._line.clock
    monkeypatch.setattr(
        emr._line, "clock", type("Fast", (), {"now": lambda _: type(clock.now())(clock.now().utc, next(ages))})()
    )
    with pytest.raises(Transient, match="lost"):
        emr.slots(DAY)
    emr.close()


def test_closing_wakes_a_blocked_read(den: Callable[[frozenset[str]], Den]) -> None:
    """close() from another thread ends a request that waits for its answer."""
    import threading

    one = den(frozenset())
    emr = reader(one, 4)
    one.hostile.lock.acquire()  # no answer from now on
    told: list[CreneauError] = []

    def read() -> None:
        try:
            emr.slots(DAY)
        except CreneauError as error:
            told.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    while not any(handle.fileno() >= 0 for handle in emr._line._handles):
        thread.join(0.01)
    emr.close()
    thread.join(10)
    one.hostile.lock.release()
    assert (thread.is_alive(), [type(error) for error in told]) == (False, [Transient])


# ---- writes


@pytest.mark.parametrize("flaw", ["cut", "half"])
def test_a_lost_answer_is_ambiguous_and_settled_by_the_same_write(
    flaw: str, den: Callable[[frozenset[str]], Den]
) -> None:
    """Whichever answer of a write is lost, the same write run again leaves one appointment and says so."""
    one = den(MEDPLUM)
    one.tried()
    for nth in range(1, 12):
        bench = one.bench()
        bench.fresh(MORNING)
        emr = one.adapter()
        slot = at(emr, 9)
        left = [nth]

        def handle(*words: Any, left: list[int] = left) -> tuple[int, Any]:
            left[0] -= 1
            one.hostile.flaws = MEDPLUM | ({flaw} if left[0] == 0 else set())
            return Hostile.handle(one.hostile, *words)

        one.hostile.handle = handle  # type: ignore[method-assign]
        with suppress(Ambiguous, Transient):
            book(emr, slot)
        del one.hostile.handle  # type: ignore[misc]
        one.hostile.flaws = MEDPLUM
        assert book(emr, slot).outcome is Outcome.BOOKED
        assert (mine(bench), free(emr)) == ([9], [8, 10, 11])
        emr.close()


def test_a_half_failed_transaction_is_undone(den: Callable[[frozenset[str]], Den]) -> None:
    """A server that keeps half of a transaction under HTTP 200, though the trial saw it keep none, doubles nobody."""
    one = den(frozenset())
    one.tried()
    profile = load(one.tools.store)
    assert profile is not None
    assert profile.atomic
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    slot = at(emr, 9)
    one.hostile.flaws = frozenset({"half-failed"})
    real = one.hostile.transaction

    def late(body: Any) -> tuple[int, Any]:
        one.hostile.transaction = real  # type: ignore[method-assign]
        row = one.hostile.store["Slot", str(slot.key)]
        one.hostile.keep({**row, "status": "busy"})  # somebody at the desk was faster
        return real(body)

    one.hostile.transaction = late  # type: ignore[method-assign]
    assert book(emr, slot).outcome is Outcome.CONFLICT
    assert mine(bench) == []
    emr.close()


def test_an_unfenced_write_needs_enough_of_its_turn(den: Callable[[frozenset[str]], Den]) -> None:
    """The turn is tested again just before the EMR is touched."""
    one = den(UNGUARDED)
    one.tried()
    one.bench().fresh(MORNING)
    emr = one.adapter()
    age = one.tools.clock.now().age
    for left, good in ((timedelta(seconds=59), False), (timedelta(seconds=90), True)):
        write = Write(MINE, 1, Op.BOOK, at(emr, 9), None, None, someone(MINE, 1), Turn(1, age + left))
        if good:
            assert books(emr).write(write).outcome is Outcome.BOOKED
        else:
            with pytest.raises(Transient, match="turn"):
                books(emr).write(write)
    emr.close()


def test_a_second_agents_double_is_struck(den: Callable[[frozenset[str]], Den]) -> None:
    """Two appointments of one booking become one: the verified one stays, the other is entered in error."""
    one = den(MEDPLUM)
    one.tried()
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    effect = book(emr, at(emr, 9))
    whole = one.hostile.store["Appointment", str(effect.ref)]
    names = [{**name, "value": name["value"].replace(" sure ", " unsure ")} for name in whole["identifier"]]
    one.hostile.keep({**whole, "id": "double", "status": "pending", "identifier": names})
    assert emr.find(MINE) == effect
    assert [row.ref for row in bench.appointments() if row.ours] == [effect.ref]
    assert list(emr.ours(DAY)) == [effect]
    emr.close()


def test_a_move_cut_off_after_its_write_goes_back_when_it_lost(den: Callable[[frozenset[str]], Den]) -> None:
    """The desk took the new time after we looked: the patient has the old one again, and its Slot is still ours."""
    from adapters.fhir.book import Point

    one = den(MEDPLUM)
    one.tried()
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    old, new = at(emr, 9), at(emr, 10)
    had = book(emr, old)

    def desk(point: Point, _op: Op) -> None:
        if point is Point.WRITTEN:
            bench.book(MORNING[2])

    late = FhirEmr(emr._terms, emr._line, one.tools, desk)
    effect = move(late, new, 2, had, old)
    assert (effect.outcome, effect.ref, effect.slot) == (Outcome.CONFLICT, had.ref, old.key)
    assert (mine(bench), free(emr)) == ([9], [8, 11])
    assert cancel(emr, 3, had.ref, old).outcome is Outcome.CANCELLED
    assert free(emr) == [8, 9, 11]
    emr.close()


def test_a_claim_left_behind_is_free_again(den: Callable[[frozenset[str]], Den]) -> None:
    """A Slot claimed by a write that ended there is offered after five minutes, and may be booked by another."""
    from dataclasses import replace

    from adapters.conformance.bench import OTHER
    from adapters.fhir.terms import CLAIM, CLAIMED

    one = den(MEDPLUM)
    one.tried()
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    slot = at(emr, 9)
    row = one.hostile.store["Slot", str(slot.key)]
    mark = [{"system": CLAIM, "value": MINE}, {"system": CLAIMED, "value": "1"}]
    kept = one.hostile.keep({**row, "status": "busy", "identifier": mark})
    assert (free(emr), emr.find(MINE)) == ([8, 10, 11], replace(book_of(slot), pending=True))
    kept["meta"]["lastUpdated"] = "2026-01-01T00:00:00Z"
    assert free(emr) == [8, 9, 10, 11]
    assert book(emr, slot, booking=OTHER).outcome is Outcome.BOOKED
    assert mine(bench) == [9]
    emr.close()


def book_of(slot: Any) -> Any:
    from agent.core.booking import Effect

    return Effect(MINE, 1, Outcome.BOOKED, None, slot.key)


def test_holds_are_shown_and_dropped(den: Callable[[frozenset[str]], Den]) -> None:
    """A hold makes the Slot busy-tentative, a second one is refused, its own booking may take it, drop frees it."""
    one = den(MEDPLUM)
    one.tried()
    bench = one.bench()
    bench.fresh(MORNING)
    emr = one.adapter()
    slot, until = at(emr, 9), datetime(2099, 1, 1, tzinfo=UTC)
    assert [emr.hold(MINE, slot, until) for _ in range(2)] == [True, False]
    assert (free(emr), one.hostile.store["Slot", str(slot.key)]["status"]) == ([8, 10, 11], "busy-tentative")
    assert emr.find(MINE) is None
    emr.drop(MINE)
    assert free(emr) == [8, 9, 10, 11]
    assert emr.hold(MINE, slot, until)
    assert book(emr, slot).outcome is Outcome.BOOKED
    emr.drop(MINE)
    assert mine(bench) == [9]
    emr.close()


def test_hints_only_hasten(den: Callable[[frozenset[str]], Den]) -> None:
    """The first question says yes; afterwards only what is newer does, two minutes twice."""
    one = den(frozenset())
    one.bench().fresh(MORNING)
    emr = one.adapter()
    first, cursor = emr.changed(None)
    assert (first, emr.changed(cursor)[0]) == (True, True)
    one.screen.clear("Slot", "Appointment")
    assert emr.changed(cursor)[0] is False
    emr.close()


def test_a_profile_of_another_address_does_not_count(den: Callable[[frozenset[str]], Den]) -> None:
    """What was seen of one server says nothing of another; a note that cannot be read is none."""
    from dataclasses import replace

    one = den(MEDPLUM)
    one.tried()
    emr = one.adapter()
    profile = load(one.tools.store)
    assert profile is not None
    keep(one.tools.store, replace(profile, fingerprint="another"))
    assert emr.rules.fenced is False
    one.tools.store.note({"capability": b"{"})
    assert load(one.tools.store) is None
    emr.close()
