"""The ledger as people read it, take it away and prove it, over messages signed by a real hub's keys."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from agent.answers.ledgerfile import dump, examine, read_back
from agent.answers.ledgerwords import told
from agent.core.envelope import answer, jwks, named, payload_hash, seal, sign_order, turn_over
from agent.core.errors import Refused
from agent.core.model import Instant
from agent.ports import Outgoing, Standing

ORIGIN, CLINIC = "https://hub.example.org", "fjord"
AGENT, HUB, NEXT, STRANGER = (OKPKey.generate_key("Ed25519") for _ in range(4))


class Talk:
    """A clinic that told a hub things, as its journal has it."""

    def __init__(self, place: Any) -> None:
        self.place = place
        self.records = place.journal.records()
        self.jtis = count(1)
        self.key = HUB
        told_ = {"clinic": CLINIC, "hub": ORIGIN, "fingerprint": "1a2b-3c4d", "keys": jwks(named([HUB]))}
        self.records.line("enrol", json.dumps(told_).encode(), place.now, who="manon")

    def send(self, verb: str, body: dict[str, Any], told_: Any = None, *, receipt: bool = True) -> str:
        """Send one message and settle it with a receipt of the hub's present key."""
        now, outbox = self.place.now, self.place.journal.outbox()
        jti = f"jti-{next(self.jtis)}"
        envelope = seal(verb, body, AGENT, iss=CLINIC, aud=ORIGIN, jti=jti, now=now.utc)
        out = Outgoing(verb, body, 1, told_)
        outbox.attempt(out, envelope, now)
        if receipt:
            held = {"body_sha256": payload_hash(envelope.jws), "epoch": 1, "seq": 1, "roots": {}}
            outbox.receipted(out, self.answered(verb, held, envelope.jws, jti), Standing(1, 1), now)
        return envelope.jws

    def answered(self, verb: str, body: dict[str, Any], to: str, re: str) -> str:
        """Return an answer of the hub."""
        return answer(
            verb, body, self.key, iss=ORIGIN, aud=CLINIC, jti=f"a-{next(self.jtis)}", to=to, re=re,
            now=self.place.now.utc, log="l",
        )  # fmt: skip

    def offer(self) -> None:
        """Publish what the rules share and tell the hub."""
        from agent.core.changes import enter, wire
        from agent.core.model import SlotId
        from agent.core.sharing import share

        place = self.place
        slots = place._emr().slots(place.RULES.window(place.now.utc)).slots
        offered = share(slots, place.RULES, place.now.utc, {}, frozenset()).offered
        views, outbox = place.journal.views(place.DME), place.journal.outbox()
        ids: Iterator[SlotId] = (SlotId(f"id-{next(self.jtis):019}") for _ in count())
        before = outbox.told()
        views.now(enter(views.known(), offered, ids), offered, place.now)
        view = outbox.view()
        put = [wire(id_, shared) for id_, shared in view.items() if id_ not in before]
        gone = sorted(before.keys() - view.keys())
        self.send("offer", {"epoch": 1, "seq": 1, "changes": {"put": put, "del": gone}}, dict(view))

    def countersign(self, head: str | None = None) -> None:
        """Let the hub countersign the head."""
        head = head or self.records.head().hash.hex()
        beat = seal("beat", {"ledger_head": head}, AGENT, iss=CLINIC, aud=ORIGIN, jti="b", now=self.place.now.utc).jws
        text = self.answered("beat", {"countersigned": head}, beat, "b")
        self.records.line("countersigned", text.encode(), self.place.now)

    def turn(self) -> None:
        """Turn the hub's keys over."""
        text = turn_over(2, named([NEXT]), by_new=NEXT, by_old=HUB, iss=ORIGIN)
        self.records.line("hub-keys", json.dumps({"turns": [text]}).encode(), self.place.now)
        self.key = NEXT

    def export(self) -> list[str]:
        """Export as the command does."""
        texts: list[str] = []
        after: int | None = 0
        while after is not None:
            reply = self.place.ask("ledger-export", after=after)
            texts += dump([*([reply["header"]] if after == 0 else []), *reply["lines"]])
            after = reply["next"]
        return texts


@pytest.fixture
def talk(place: Any) -> Talk:
    return Talk(place)


def test_everything_a_hub_signed_is_proved_years_later(talk: Talk) -> None:
    """Chain, receipts of old and new keys, orders and countersigned head, from the file alone."""
    talk.offer()
    talk.countersign()
    talk.turn()
    talk.send("outcomes", {"outcomes": []})
    talk.records.line("received", sign_order({"booking": "b-000001", "version": 1}, NEXT).encode(), talk.place.now)
    talk.place.now = Instant(talk.place.now.utc + timedelta(days=2000), talk.place.now.age + timedelta(days=2000))
    talk.countersign()
    live = talk.place.ask("ledger-verify")
    proof = examine(talk.export())
    assert (proof.wrong, proof.receipts, proof.orders, proof.countersigned, proof.unproved) == (None, 2, 1, 2, 0)
    assert live["whole"]
    assert (live["receipts"], live["fingerprint"], live["hub"]) == (2, "1a2b-3c4d", ORIGIN)
    assert proof.covered == 9
    assert live["signed"].startswith("2032-05")


@pytest.mark.parametrize("member", ["body", "who", "kind", "at", "n", "hash"])
def test_a_changed_line_of_an_export_is_named(talk: Talk, member: str) -> None:
    """Whatever is changed, the first line that does not follow is told."""
    talk.offer()
    texts = talk.export()
    line = json.loads(texts[2])
    line[member] = {"n": line["n"] + 1, "at": "2026-11-23T13:00:00.000001+00:00", "hash": "00" * 32}.get(member, "x")
    wrong = examine([*texts[:2], json.dumps(line), *texts[3:]]).wrong
    assert wrong is not None
    assert (wrong.n, wrong.why) == (line["n"], "chain")


def test_a_removed_and_an_added_line_are_named(talk: Talk) -> None:
    """Neither cutting out nor slipping in passes."""
    for _ in range(3):
        talk.records.line("start", b"", talk.place.now)
    texts = talk.export()
    assert examine([*texts[:2], *texts[3:]]).wrong is not None
    assert examine([*texts[:3], *texts[2:]]).wrong is not None
    assert examine(texts).wrong is None


def test_a_receipt_for_other_bytes_is_found(talk: Talk) -> None:
    """A rewritten message breaks its receipt though the chain was made anew over it."""
    talk.send("outcomes", {"outcomes": []}, receipt=False)
    fake = {"body_sha256": "0" * 64}
    sent = talk.records.ledger()[-1].body.decode()
    talk.records.line("receipt", talk.answered("outcomes", fake, sent, "jti-1").encode(), talk.place.now)
    assert talk.place.ask("ledger-verify")["wrong"] == {"n": 3, "why": "receipt"}


def test_a_head_of_another_ledger_is_found(talk: Talk) -> None:
    """A ledger made anew from the start does not hold the head that the hub signed."""
    talk.countersign("ab" * 32)
    assert talk.place.ask("ledger-verify")["wrong"] == {"n": 2, "why": "head"}


@pytest.mark.parametrize("kind", ["receipt", "countersigned"])
def test_a_signature_that_does_not_hold_is_found(talk: Talk, kind: str) -> None:
    """Of a key we know: wrong. What is no message at all: wrong too."""
    talk.send("outcomes", {"outcomes": []}, receipt=False)
    text = talk.answered("outcomes", {"body_sha256": "0"}, "x", "jti-1")
    broken = text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:]
    talk.records.line(kind, broken.encode(), talk.place.now)
    assert talk.place.ask("ledger-verify")["wrong"] == {"n": 3, "why": "signature"}
    talk.records.line(kind, b"\xff", talk.place.now)


def test_keys_that_do_not_follow_are_found(talk: Talk) -> None:
    """A turn-over that was forged inside."""
    text = turn_over(2, named([NEXT]), by_new=NEXT, by_old=HUB, iss="https://elsewhere.example")
    talk.records.line("hub-keys", json.dumps({"turns": [text]}).encode(), talk.place.now)
    assert talk.place.ask("ledger-verify")["wrong"] == {"n": 2, "why": "keys"}


def test_what_no_key_proves_is_counted_not_blamed(talk: Talk) -> None:
    """Unknown keys, receipts of a message let go, unreadable orders."""
    talk.key = STRANGER
    talk.send("outcomes", {"outcomes": []})
    talk.countersign()
    by_stranger = turn_over(3, named([NEXT]), by_new=NEXT, by_old=STRANGER, iss=ORIGIN)
    talk.records.line("hub-keys", json.dumps({"turns": [by_stranger]}).encode(), talk.place.now)
    talk.key = HUB
    talk.records.line("receipt", talk.answered("offer", {}, "x", "gone").encode(), talk.place.now)
    talk.records.line("received", b"nonsense", talk.place.now)
    answer_ = talk.place.ask("ledger-verify")
    assert (answer_["whole"], answer_["unproved"], answer_["receipts"]) == (True, 5, 0)


@pytest.mark.parametrize("texts", [[], ["{}"], ['{"format": "other"}'], ["not json"]])
def test_what_is_no_export_is_refused(texts: list[str]) -> None:
    """With the line of the file."""
    with pytest.raises(Refused) as caught:
        examine(texts)
    assert caught.value.reason == "format"


def test_bodies_come_back_byte_for_byte(talk: Talk) -> None:
    """Text as text, the rest as base64; a bad line of the file is refused with its number."""
    for body in (b"", "café é".encode(), b"\xff\x00"):
        talk.records.line("start", body, talk.place.now)
    texts = talk.export()
    back = [read_back(json.loads(text)) for text in texts[1:]]
    assert back == list(talk.records.ledger())
    with pytest.raises(Refused) as caught:
        examine([*texts[:2], "{"])
    assert "3" in str(caught.value)


def test_a_long_ledger_is_exported_in_pieces(talk: Talk) -> None:
    """By count and by bytes; the pieces join."""
    talk.place.journal.write(lambda tx: [_append(tx, b"x", talk.place.now) for _ in range(1100)])
    talk.place.journal.write(lambda tx: [_append(tx, b"x" * (3 << 20), talk.place.now) for _ in range(3)])
    texts = talk.export()
    assert examine(texts).last == 1 + 1100 + 3 + 1


def _append(tx: Any, body: bytes, now: Instant) -> None:
    from agent.journal.ledger import append

    append(tx, "start", body, now.utc)


def test_the_list_has_the_columns_of_the_register(talk: Talk) -> None:
    """What communicated something has nature, recipient and purpose; what stayed here has none."""
    talk.offer()
    talk.send("outcomes", {"outcomes": [{"booking": "b-000001", "rev": 1, "outcome": "booked"}]})
    talk.place.ask("veto-add", who="102")
    rows = {row["kind"] + row["what"]["id"]: row for row in talk.place.ask("ledger-list")["rows"]}
    offer = rows["sentfree slots told to the hub"]
    assert offer["detail"] == "+3 -0"
    assert offer["recipient"] == "https://hub.example.org"
    assert offer["nature"]["id"].startswith("availability")
    assert rows["sentanswer to booking requests"]["detail"] == "b-000001: booked"
    assert rows["vetoa doctor's veto"]["detail"] == "+dme:102"
    assert rows["vetoa doctor's veto"]["who"] == talk.place.WHO
    assert rows["receiptreceipt signed by the hub"]["nature"] is None
    (only,) = talk.place.ask("ledger-list", kind="veto")["rows"]
    assert only["kind"] == "veto"


def test_the_list_pages(talk: Talk) -> None:
    """`next` leads on and ends with null."""
    for _ in range(4):
        talk.records.line("viewed", b"[1]", talk.place.now, who="x")
    first = talk.place.ask("ledger-list", after=0, limit=3)
    second = talk.place.ask("ledger-list", after=first["next"], limit=3)
    assert ([row["n"] for row in first["rows"] + second["rows"]], second["next"]) == ([1, 2, 3, 4, 5], None)


def test_an_unknown_kind_of_line_is_shown_as_it_is() -> None:
    """A newer agent's ledger can be read."""
    assert str(told("brand-new", "").what) == "brand-new"
    assert told("sent", "beat").nature is not None


def test_one_doctors_month_is_added_up_from_the_ledger(talk: Talk) -> None:
    """Slots by day with hours, those taken back, bookings, who looked, vetoes; nothing of anybody else."""
    talk.offer()
    receive(talk, "101")
    talk.place.clinic.receptionist().book(
        next(key for key in talk.place.clinic.openings if key.startswith("101|") and "0920" in key)
    )
    talk.offer()
    told_ = {"booking": "booking-1", "version": 1, "rev": 1, "outcome": "booked"}
    slot = {"start": "2026-11-30T09:00:00-05:00", "end": "2026-11-30T09:20:00-05:00"}
    talk.send(
        "outcomes", {"outcomes": [{**told_, "slot": slot}, {"booking": "another", "rev": 1, "outcome": "booked"}]}
    )
    talk.place.ask("veto-add", who="101")
    talk.place.ask("preview", who="101")
    page = talk.place.ask("ledger-report", who="101", month="2026-11")
    (day,) = page["days"]
    assert day == {"day": "2026-11-30", "published": 2, "hours": 0.67, "removed": 1, "booked": 1, "cancelled": 0}
    assert page["totals"] == {"published": 2, "hours": 0.67, "removed": 1, "booked": 1, "cancelled": 0}
    assert [one["who"] for one in page["looks"]] == [talk.place.WHO] * 2
    assert len(page["acts"]) == 1
    talk.send("outcomes", {"outcomes": [{**told_, "outcome": "cancelled"}]})
    assert talk.place.ask("ledger-report", who="101")["totals"]["cancelled"] == 1
    assert talk.place.ask("ledger-report", who="101", month="2026-12")["days"] == []
    other = talk.place.ask("ledger-report", who="102")
    assert (other["totals"]["published"], other["totals"]["booked"], other["acts"]) == (1, 0, [])


def receive(talk: Talk, who: str) -> None:
    """Take an order for the first slot of somebody."""
    from agent.core.booking import Firmness, Order
    from agent.core.changes import line

    views = talk.place.journal.views(talk.place.DME)
    id_, shared = next(pair for key, pair in sorted(views.known().items()) if key.startswith(who))
    made = Order(
        booking="booking-1", version=1, goal=id_, firmness=Firmness.FIRM, until=None,
        expires_at=talk.place.now.utc + timedelta(hours=1), slot_line=line(shared, None), patient_sha256=None,
        body_hash=b"h" * 32,
    )  # fmt: skip
    talk.place.journal.inbox(talk.place.DME).take([(made, "jws", None)], [], {"log": "l", "n": 1}, talk.place.now)


@pytest.mark.parametrize("month", ["soon", "2026-13", "2026"])
def test_what_is_no_month_is_refused(talk: Talk, month: str) -> None:
    """With how to write one."""
    with pytest.raises(Refused):
        talk.place.ask("ledger-report", who="101", month=month)


def test_the_regulated_fields_are_those_of_the_regulation(talk: Talk) -> None:
    """Six fields, once a period however often it was told; sent nowhere, and the copy is recorded."""
    talk.offer()
    talk.offer()
    rows = talk.place.ask("ledger-regulatory")["rows"]
    assert len(rows) == 3
    assert rows[0] == {
        "bookable_from": "2026-11-23T08:00:00-05:00",
        "start": "2026-11-30T09:00:00-05:00",
        "end": "2026-11-30T09:20:00-05:00",
        "clientele": "anyone",
        "reason": "urgent",
        "redirect": "",
        "mode": "on-site",
        "place": "Fjord",
        "contact": "123, rue, 418",
    }
    assert talk.place.ledger()[-1] == ("exported", talk.place.WHO, b"regulatory")
    assert talk.place.ask("ledger-regulatory", since="2026-12-01")["rows"] == []
    assert len(talk.place.ask("ledger-regulatory", since="2026-11-01", until="2026-11-30")["rows"]) == 3
    with pytest.raises(Refused):
        talk.place.ask("ledger-regulatory", since="lundi")


def test_a_time_is_found_by_halving(talk: Talk) -> None:
    """The number of the last line before it, at both ends too."""
    from agent.answers.ledger import first_since

    for days in range(20):
        talk.place.later(days * 1440)
        talk.records.line("start", b"", talk.place.now)
    for days, n in ((-1, 0), (0, 0), (0.5, 2), (10, 11), (99, 21)):
        assert first_since(talk.records, datetime(2026, 11, 23, 13, tzinfo=UTC) + timedelta(days=days)) == n
