"""Each flaw of the behaviour table, replayed: reads are whole or fail, bookings stay right."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from adapters import conformance
from adapters.conformance import Opening, booking, racing
from adapters.conformance.bench import DAY, MONDAY, at, book, cancel, cells
from adapters.fhir.bench import SCRATCH, Screen
from adapters.fhir.emr import FhirEmr
from adapters.fhir.profile import load
from agent.core.booking import Recovery
from agent.core.errors import CreneauError, Misconfigured, Refused, Transient
from agent.core.model import Severity
from tests.adapters.fhir.conftest import Den
from tests.adapters.fhir.hostile import GP, MEDPLUM, UNGUARDED, running

MORNING = cells(8, 9, 10, 11)
MUTE = frozenset({"mute", "revives", "no-304", "always-new"})
"""A server that answers a write with neither body nor version."""
SERVERS = {"medplum-5": MEDPLUM, "unguarded": UNGUARDED, "gp-connect": GP, "mute": MUTE}


@pytest.fixture(scope="module")
def dens() -> Iterator[dict[str, Den]]:
    """Lend hostile servers, each tried once."""
    with ExitStack() as held:
        made = {}
        for name, flaws in SERVERS.items():
            hostile, base = held.enter_context(running(flaws))
            client = httpx.Client(base_url=f"{base}/", headers={"Content-Type": "application/fhir+json"})
            made[name] = Den(hostile, base, held.enter_context(closing(Screen(client))))
            made[name].tried()
            hostile.asked.clear()  # the trial patches, a booking never does
        yield made


WRITES = (*booking.PROMISES, *racing.PROMISES)
CASES = [(name, one) for name in ("medplum-5", "unguarded") for one in conformance.PROMISES]
CASES += [(name, one) for name in ("gp-connect", "mute") for one in WRITES]


@pytest.mark.parametrize(("name", "promise"), CASES, ids=[f"{name}-{one.name}" for name, one in CASES])
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
    assert "keeps" in one.tried()
    emr = one.adapter()
    with pytest.raises(Misconfigured, match="lacks"):
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
    stale = next(row for row in rows if row.name == "stale-slot")
    assert (stale.kept, stale.says, stale.means[0].severity) == (None, "HTTP 200", Severity.WARN)
    assert [found.code for found in rows[-1].means] == ["fhir.create", "fhir.steps", "fhir.turn", "fhir.unfenced"]
    assert {"fhir.stale-slot", "fhir.stale-appointment", "fhir.unfenced"} <= {each.code for each in emr.check()}
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
    thread.join(60)
    one.hostile.lock.release()
    assert (thread.is_alive(), [type(error) for error in told]) == (False, [Transient])
