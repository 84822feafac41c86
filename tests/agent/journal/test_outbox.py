"""What leaves: attempts, receipts, and what a restart still knows.

Rule: a crash is a reopened journal.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

from agent.core.booking import Booking, Firmness, Outcome, State
from agent.journal import Journal
from agent.ports import Outgoing, Standing


def _publish(journal: Journal, make: SimpleNamespace, *numbers: int, at: object = None) -> dict:
    slots = [make.slot(n) for n in numbers]
    journal.views("dme").now(make.view(*slots), make.offered(*slots), at or make.at())
    return journal.outbox().view()


def _offer(journal: Journal, make: SimpleNamespace, seq: int = 1, at: object = None) -> Outgoing:
    out = Outgoing("offer", {"seq": seq}, seq, told=journal.outbox().view())
    journal.outbox().attempt(out, make.envelope("offer", seq), at or make.at())
    return out


def _resolve(journal: Journal, make: SimpleNamespace, *, rev: int = 1, booking: str = "booking-1") -> None:
    """Journal a booking whose outcome waits to be told."""
    bookings = journal.bookings("dme")
    was = bookings.row(booking)
    row = Booking(
        booking, "dme", State.RESOLVED, rev, b"h", "id", make.slot(0), b"[]", Firmness.FIRM, None,
        make.at(hours=1).utc, done_ver=rev, cur_slot=make.slot(0), outcome=Outcome.BOOKED, kept=True,
        outcome_rev=rev, row=was.row if was else 0,
    )  # fmt: skip
    bookings.save(row, tasks=(), tell=True, erase=False, now=make.at())


def test_before_any_receipt_there_is_no_epoch(journal: Journal, make: SimpleNamespace) -> None:
    """A new journal asks for an epoch and has nothing to say why."""
    assert journal.outbox().standing() == Standing(None, 0, "")
    assert journal.outbox().told() == {}
    assert journal.outbox().alive("offer", make.at()) is None
    assert journal.outbox().outcomes(10) is None


def test_an_attempt_survives_a_crash_with_the_view_it_leads_to(
    reopen: Callable[..., Journal], make: SimpleNamespace
) -> None:
    """Between send and receipt a restart finds the same bytes, and still settles the same view."""
    journal = reopen()
    first = _publish(journal, make, 0, 1)
    journal.outbox().receipted(_offer(journal, make), "receipt-1", Standing(4, 1), make.at())
    _publish(journal, make, 1, 2, at=make.at(minutes=1))
    out = _offer(journal, make, 2)
    journal = reopen()
    assert journal.outbox().told() == first
    again = journal.outbox().alive("offer", make.at(minutes=2))
    assert again == Outgoing("offer", {"seq": 2}, 2, out.told, make.envelope("offer", 2))
    journal.outbox().receipted(again, "receipt-2", Standing(4, 2), make.at(minutes=2))
    journal = reopen()
    assert journal.outbox().told() == journal.outbox().view() == dict(out.told)
    assert journal.outbox().standing() == Standing(4, 2)
    assert journal.outbox().alive("offer", make.at(minutes=2)) is None
    kinds = [(line.kind, line.body) for line in journal.records().ledger() if line.kind != "whose"]
    assert kinds == [
        ("sent", b"head.body-1.signature"), ("receipt", b"receipt-1"),
        ("sent", b"head.body-2.signature"), ("receipt", b"receipt-2"),
    ]  # fmt: skip


def test_an_attempt_lives_until_30_s_before_its_end(journal: Journal, make: SimpleNamespace) -> None:
    """With 30 s left or less the same bytes are not sent again."""
    _publish(journal, make, 0)
    _offer(journal, make)
    assert journal.outbox().alive("offer", make.at(seconds=269)) is not None
    assert journal.outbox().alive("offer", make.at(seconds=270)) is None
    assert journal.outbox().alive("outcomes", make.at()) is None


def test_an_attempt_too_old_to_send_is_unsettled(journal: Journal, make: SimpleNamespace) -> None:
    """It may have reached the hub: only its own receipt, or a failure, settles it."""
    shown = _publish(journal, make, 0)
    out = _offer(journal, make)
    assert journal.outbox().alive("offer", make.at(minutes=9)) is None
    old = journal.outbox().unsettled("offer")
    assert old is not None
    assert (old.covers, old.told) == (1, shown)
    journal.outbox().receipted(out, "receipt-1", Standing(4, 1), make.at(minutes=9))
    assert journal.outbox().unsettled("offer") is None


def test_a_failed_attempt_is_forgotten_and_nothing_else(journal: Journal, make: SimpleNamespace) -> None:
    """A signed problem takes the attempt away; the view and what was told stay."""
    shown = _publish(journal, make, 0)
    _offer(journal, make)
    journal.outbox().failed("offer")
    assert journal.outbox().alive("offer", make.at()) is None
    assert journal.outbox().view() == shown
    assert journal.outbox().told() == {}


def test_what_left_waits_until_the_hub_knows(journal: Journal, make: SimpleNamespace) -> None:
    """`waiting` counts from the moment a slot left *now* to the receipt of the offer without it."""
    _publish(journal, make, 0, 1)
    journal.outbox().receipted(_offer(journal, make), "r", Standing(1, 1), make.at())
    assert journal.outbox().waiting() is None
    _publish(journal, make, 1, at=make.at(minutes=3))
    assert journal.outbox().waiting() == make.at(minutes=3).utc
    assert [row.gone for row in journal.records().told()] == [make.at(minutes=3).utc, None]
    journal.outbox().receipted(_offer(journal, make, 2), "r", Standing(1, 2), make.at(minutes=4))
    assert journal.outbox().waiting() is None


def test_a_slot_that_left_while_its_offer_was_under_way_waits_since_then(
    journal: Journal, make: SimpleNamespace
) -> None:
    """The receipt makes it told, but gone since the minute it left."""
    _publish(journal, make, 0)
    out = _offer(journal, make)
    _publish(journal, make, at=make.at(minutes=1))
    journal.outbox().receipted(out, "r", Standing(1, 1), make.at(minutes=2))
    assert journal.outbox().waiting() == make.at(minutes=1).utc


def test_a_restart_asks_for_an_epoch_and_keeps_no_old_offer(
    reopen: Callable[..., Journal], make: SimpleNamespace
) -> None:
    """After `restart` the next offer is a snapshot; the receipt of one ends the restart."""
    journal = reopen()
    _publish(journal, make, 0)
    journal.outbox().receipted(_offer(journal, make), "r", Standing(3, 7), make.at())
    _offer(journal, make, 8)
    journal.outbox().restart("resync", make.at())
    journal.outbox().restart("resync", make.at())
    journal = reopen()
    assert journal.outbox().standing() == Standing(None, 0, "resync")
    assert journal.outbox().alive("offer", make.at()) is None
    assert [line.kind for line in journal.records().ledger()].count("restart") == 1
    journal.outbox().receipted(_offer(journal, make), "r", Standing(4, 1), make.at())
    assert journal.outbox().standing() == Standing(4, 1)


def test_outcomes_leave_oldest_first_until_a_receipt(journal: Journal, make: SimpleNamespace) -> None:
    """Outcomes carry the wire's members; a receipt settles exactly those it covers, and the booking's row."""
    for n in range(3):
        _resolve(journal, make, booking=f"booking-{n}")
    outbox = journal.outbox()
    assert outbox.oldest() == make.at().utc
    out = outbox.outcomes(2)
    assert out.verb == "outcomes"
    assert out.sealed is None
    assert out.body["outcomes"][0] == {
        "booking": "booking-0", "version": 1, "rev": 1, "outcome": "booked", "kept": True,
        "slot": {"start": "2026-11-30T09:00:00-05:00", "end": "2026-11-30T09:15:00-05:00"},
        "at": "2026-11-23T17:00:00.000Z",
    }  # fmt: skip
    outbox.attempt(out, make.envelope("outcomes"), make.at())
    assert outbox.alive("outcomes", make.at()).body == out.body
    outbox.receipted(out, "r", None, make.at())
    rest = outbox.outcomes(10)
    assert [entry["booking"] for entry in rest.body["outcomes"]] == ["booking-2"]
    states = [(row.booking, row.state, row.reported_rev) for row in journal.records().bookings()]
    assert states == [("booking-0", "reported", 1), ("booking-1", "reported", 1), ("booking-2", "resolved", 0)]


def test_a_receipt_does_not_make_apply_decide_again(journal: Journal, make: SimpleNamespace) -> None:
    """A receipt between apply's read and its save loses neither: the save goes through, the receipt is kept."""
    _resolve(journal, make)
    bookings = journal.bookings("dme")
    row = bookings.row("booking-1")
    journal.outbox().receipted(journal.outbox().outcomes(10), "r", None, make.at())
    stored = bookings.save(replace(row, attempt=1), tasks=(), tell=False, erase=False, now=make.at())
    assert (stored.reported_rev, stored.state, stored.attempt) == (1, "reported", 1)


def test_a_refused_outcome_is_set_aside_and_the_next_go_on(journal: Journal, make: SimpleNamespace) -> None:
    """The hub's word is kept with the row, nothing is deleted, later rows leave."""
    for n in range(2):
        _resolve(journal, make, booking=f"booking-{n}")
    out = journal.outbox().outcomes(1)
    journal.outbox().attempt(out, make.envelope("outcomes"), make.at())
    journal.outbox().aside(out, "schema", make.at())
    assert journal.outbox().alive("outcomes", make.at()) is None
    assert journal.outbox().outcomes(10).body["outcomes"][0]["booking"] == "booking-1"
    assert journal.read(lambda db: db.rows("SELECT aside FROM outbox ORDER BY id")) == [("schema",), (None,)]
    assert journal.records().head().kind == "aside"


def test_a_late_receipt_of_an_older_outcome_does_not_report_the_newer(journal: Journal, make: SimpleNamespace) -> None:
    """Revs are settled one by one."""
    _resolve(journal, make)
    out = journal.outbox().outcomes(10)
    _resolve(journal, make, rev=2)
    journal.outbox().receipted(out, "r", None, make.at())
    row = journal.bookings("dme").row("booking-1")
    assert (row.reported_rev, row.outcome_rev, row.state) == (1, 2, "resolved")
    assert journal.outbox().outcomes(10).body["outcomes"][0]["rev"] == 2
    assert timedelta(0) == journal.outbox().oldest() - make.at().utc
