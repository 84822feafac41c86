"""Bad days of keys: destroyed, replaced on either side with every answer lost, a clinic taken over by a new machine."""

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from agent.config import read_plan
from agent.core.envelope import Envelope, named, recall, split, thumbprint, turn_over
from agent.core.errors import Transient
from agent.core.message import say
from agent.hublink import HubLink
from agent.keys import VaultKeys, make_root
from agent.ports import Answer
from agent.wiring import open_door, start
from agent.wiring.catalog import entries
from agent.wiring.sample import CLINIC
from agent.wiring.state import State
from hub import desk


def age(day: Any, **days: int) -> None:
    """Let the sealing keys of the stopped agent grow older, and do the night's work."""
    by = timedelta(**days)
    with State(read_plan(day.sample.file, entries())) as state:
        state.keys._enrolled(
            lambda old: replace(
                old,
                sealing=tuple(
                    replace(one, made=one.made - by, retired=one.retired and one.retired - by) for one in old.sealing
                ),
            )
        )
        state.keys.turn_over(state.clock.now().utc)


class Lossy:
    """The way to the hub that loses, once each, what the test says: the question, or the answer to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *losses: tuple[str, str]) -> None:
        self.left = list(losses)
        real = HubLink.call

        def call(link: HubLink, envelope: Envelope, wait: timedelta) -> Answer:
            self.lose(envelope.verb, "question")
            answer = real(link, envelope, wait)
            self.lose(envelope.verb, "answer")
            return answer

        monkeypatch.setattr(HubLink, "call", call)

    def lose(self, verb: str, what: str) -> None:
        if (verb, what) in self.left:
            self.left.remove((verb, what))
            raise Transient(say("talk to the hub"), say("the agent is stopping"))


def year(day: Any) -> str:
    """Let the running agent's signing key be a year old, do the night's work, and return that key's thumbprint."""
    keys = day.sample.agent.state.keys
    keys._enrolled(lambda old: replace(old, made=old.made - timedelta(days=366)))
    keys.renew(day.sample.time())
    return str(thumbprint(keys.signing()))


def tried(day: Any) -> bool:
    """Say whether a change of key was written down as sent."""
    return any(recall(line.decode()).claims["path"] == "rotate" for line in day.sample.trail("sent"))


def signs(day: Any) -> list[str]:
    """Return the keys the hub takes the clinic's word by."""
    return [agent["key"] for agent in day.sample.look()["agents"] if agent["retired"] is None]


@pytest.mark.parametrize("lost", [(), ("question",), ("answer",), ("question", "answer", "answer")])
def test_a_clinics_signing_key_changes_and_no_lost_message_shuts_it_out(
    day: Any, monkeypatch: pytest.MonkeyPatch, lost: tuple[str, ...]
) -> None:
    """Once a year, by itself: whatever is lost on the way, slots stay, bookings go on, and status shows the new fingerprint."""
    day.open()
    lossy = Lossy(monkeypatch, *[("rotate", what) for what in lost])
    old = year(day)
    day.until("rotated", lambda: day.sample.beat() or (signs(day) and signs(day) != [old] and not lossy.left))
    day.until("adopted", lambda: day.sample.beat() or [thumbprint(day.sample.agent.state.keys.signing())] == signs(day))
    day.book("days-rekey-1", 1, day.offered()[3]["id"])
    assert day.outcome("days-rekey-1", 1) == "booked"
    day.until("well", lambda: day.sample.agent.wake("beat", "receive", "deliver") or day.sample.well())
    shown = next(agent for agent in day.sample.look()["agents"] if agent["current"])
    assert shown["fingerprint"] == day.sample.agent.state.keys.identity().fingerprint
    assert day.sample.ask("ledger-verify")["whole"]


@pytest.mark.parametrize("moment", ["before it is told", "told and not answered", "answered and not adopted"])
def test_an_agent_killed_while_its_key_changes_goes_on_with_the_right_one(
    day: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Dead between any two steps of the change: started again, it and the hub agree on one key."""
    day.open()
    with monkeypatch.context() as dying:
        if moment != "answered and not adopted":
            Lossy(dying, *[("rotate", "question" if moment == "before it is told" else "answer")] * 9)
        else:
            dying.setattr(
                VaultKeys, "rotated", lambda *_: (_ for _ in ()).throw(Transient(say("talk to the hub"), say("x")))
            )
        old = year(day)
        told = [old] if moment == "before it is told" else None
        day.until("it tried", lambda: day.sample.beat() or (tried(day) and (told or signs(day) != [old])))
        day.stop()
    day.sample.start()
    day.until(
        "agreed",
        lambda: day.sample.beat() or ([thumbprint(day.sample.agent.state.keys.signing())] == signs(day) != [old]),
    )
    day.book("days-rekey-2", 1, day.offered()[3]["id"])
    assert day.outcome("days-rekey-2", 1) == "booked"


def test_a_hub_from_a_backup_before_the_change_is_told_of_it_again(day: Any) -> None:
    """It knows only the key before: the agent says once more which key follows which, and nobody has to call."""
    day.open()
    saved = day.save_hub()
    old = year(day)
    day.until("rotated", lambda: day.sample.beat() or (signs(day) and signs(day) != [old]))
    new = signs(day)
    day.bring_back(saved)
    assert signs(day) == [old]
    day.until("told again", lambda: day.sample.agent.wake("beat") or signs(day) == new)
    day.book("days-rekey-3", 1, day.offered()[3]["id"])
    assert day.outcome("days-rekey-3", 1) == "booked"
    day.until("well", lambda: day.sample.beat() or day.sample.well())


def test_the_hubs_keys_change_and_old_receipts_verify_for_ever(day: Any) -> None:
    """Three times, once while the agent sleeps: it follows by itself, orders and receipts of every year are proved."""
    day.open()
    day.book("days-ring-0", 1, day.offered()[3]["id"])
    assert day.outcome("days-ring-0", 1) == "booked"
    desk.rotate_keys(day.hub)
    day.until("followed", lambda: day.sample.beat() or day.sample.agent.state.keys.keyset() == 2)
    day.stop()
    desk.rotate_keys(day.hub)
    desk.rotate_keys(day.hub)
    day.cancel("days-ring-0", 2)
    day.sample.start()
    assert day.outcome("days-ring-0", 2) == "cancelled"
    day.until("followed", lambda: day.sample.beat() or day.sample.agent.state.keys.keyset() == 4)
    day.until("said", lambda: day.sample.beat() or (day.sample.look()["beat"] or {}).get("keys") == 4)
    day.book("days-ring-1", 1, day.offered()[5]["id"])
    assert day.outcome("days-ring-1", 1) == "booked"
    shown = next(agent for agent in day.sample.look()["agents"] if agent["current"])
    assert shown["fingerprint"] == day.sample.agent.state.keys.identity().fingerprint
    proof = day.sample.ask("ledger-verify")
    assert (proof["whole"], proof["unproved"], proof["orders"]) == (True, 0, 3)
    kids = {split(line.decode())[0].kid for line in day.sample.trail("receipt")}
    assert len(kids) >= 2


def test_a_key_set_signed_by_a_stranger_is_refused_and_said(day: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who took the hub's place cannot hand out keys: the set is refused, status says whom to call."""
    day.open()
    stranger = OKPKey.generate_key("Ed25519")
    forged = turn_over(2, named([stranger]), by_new=stranger, by_old=stranger, iss=day.sample.hub.url)
    monkeypatch.setattr("hub.ring.Ring.after", lambda _self, _n: [forged])
    day.shows("keys-forged")
    assert day.sample.agent.state.keys.keyset() == 1


def test_what_was_sealed_to_a_retired_key_still_opens(day: Any) -> None:
    """The key turned over between the patient's click and the agent's return: booked as if nothing was."""
    slot = day.open()[3]
    day.stop()
    day.book("days-key-1", 1, slot["id"])
    age(day, days=31)
    day.sample.start()
    assert day.outcome("days-key-1", 1) == "booked"


def test_what_was_sealed_to_a_destroyed_key_is_sealed_anew(day: Any) -> None:
    """Six weeks too late: `refused: reseal`, nobody is booked blind, and the next version goes through."""
    slot = day.open()[3]
    day.stop()
    day.book("days-key-2", 1, slot["id"])
    age(day, days=31)
    age(day, days=15)
    day.sample.start()
    assert day.outcome("days-key-2", 1) == "refused: reseal"
    assert day.ours() == []
    day.until("the new statement", lambda: day.sample.beat() or day.sample.look()["heard"])
    free = day.until("slots", day.portal.slots)[5]

    def again() -> bool:
        version = day.portal.booking(CLINIC, "days-key-2")["version"] + 1
        day.book("days-key-2", version, free["id"])
        return bool(day.outcome("days-key-2", version) == "booked")

    day.until("booked", again)
    assert len(day.ours()) == 1


def test_a_new_machine_takes_over_and_knows_every_booking(day: Any) -> None:
    """The old server is dead: with a takeover code an empty folder learns from hub and EMR, and books none twice."""
    first, second, _ = day.open()[:40:15]
    day.hold("days-over-1", 1, first["id"])
    day.outcome("days-over-1", 1, "held")
    day.book("days-over-1", 2, first["id"])
    day.outcome("days-over-1", 2, "booked")
    day.stop()
    shutil.copy(day.sample.file, day.sample.folder / "neuf.toml")
    new = day.sample.folder / "neuf.toml"
    folder = day.etat.with_name("neuf")
    new.write_text(new.read_text(encoding="utf-8").replace(day.etat.as_posix(), folder.as_posix()), encoding="utf-8")
    make_root(folder)
    plan = read_plan(new, entries())
    with open_door(plan) as door:
        door.ask("enrol", {"code": desk.code(day.hub, CLINIC, takeover=True)}, "anne")
        door.ask("sharing-apply", {"digest": door.ask("sharing-diff", {}, "anne")["digest"]}, "anne")
    agent = start(plan)
    try:
        day.until("known", lambda: agent.state.journal.records().bookings())
        day.until("told", lambda: len(day.portal.booking(CLINIC, "days-over-1")["outcomes"]) == 3)
        assert day.outcome("days-over-1", 2) == "booked"
        assert day.word("days-over-1") == "booked"
        assert len(day.ours()) == 1
        day.cancel("days-over-1", 3)
        assert day.outcome("days-over-1", 3) == "cancelled"
        assert day.word("days-over-1") == "not-booked"
        assert day.ours() == []
        day.book("days-over-2", 1, day.until("slots", lambda: [s for s in day.portal.slots() if s != second])[5]["id"])
        assert day.outcome("days-over-2", 1) == "booked"
    finally:
        agent.stop()


def test_a_booking_known_by_its_reference_only_is_watched_for_what_staff_do(day: Any) -> None:
    """After the journal was lost the appointment is followed all the same: cancelled at the clinic, the patient reads it."""
    slot = day.open()[3]
    day.book("days-ref-1", 1, slot["id"])
    assert day.outcome("days-ref-1", 1) == "booked"
    day.stop()
    (day.etat / "journal.db").write_bytes(b"\xffgarbage" * 9999)
    day.portal.expires = timedelta(seconds=1)
    day.sample.start()
    day.until("told", lambda: len(day.portal.booking(CLINIC, "days-ref-1")["outcomes"]) == 2)
    row = day.sample.agent.state.journal.records().bookings()[0]
    assert (row.cur_slot, bool(row.emr_ref)) == (None, True)
    day.sample.receptionist.cancel(day.ours()[0].number)
    assert day.outcome("days-ref-1", 1, "cancelled-by-clinic") == "cancelled-by-clinic"
    assert day.word("days-ref-1") == "not-booked"


def test_a_state_folder_from_an_older_copy_contradicts_nobody(day: Any) -> None:
    """Brought back from before a cancel was told: what the hub heard since is not denied, and new answers count on."""
    first, second = day.open()[:20:10]
    day.book("days-old-1", 1, first["id"])
    assert day.outcome("days-old-1", 1) == "booked"
    day.stop()
    copy = day.etat.with_name("copie-du-mois-passe")
    shutil.copytree(day.etat, copy)
    day.sample.start()
    day.book("days-old-1", 2, second["id"])
    assert day.outcome("days-old-1", 2) == "booked"
    day.sample.receptionist.cancel(day.ours()[0].number)
    assert day.outcome("days-old-1", 2, "cancelled-by-clinic") == "cancelled-by-clinic"
    before = [(one["rev"], one["outcome"]) for one in day.portal.booking(CLINIC, "days-old-1")["outcomes"]]
    day.stop()
    shutil.rmtree(day.etat)
    shutil.copytree(copy, day.etat)
    day.sample.start()
    day.until("told", lambda: len(day.portal.booking(CLINIC, "days-old-1")["outcomes"]) > len(before))
    after = [(one["rev"], one["outcome"]) for one in day.portal.booking(CLINIC, "days-old-1")["outcomes"]]
    assert after[: len(before)] == before
    assert [rev for rev, _ in after] == list(range(1, len(after) + 1))
    assert day.word("days-old-1") != "booked"
    assert day.ours() == []
    (task,) = day.sample.ask("tasks-list")["tasks"]
    day.sample.ask("tasks-done", n=task["n"], in_agenda=False)
    day.cancel("days-old-1", 3)
    day.outcome("days-old-1", 3)
    assert day.word("days-old-1") == "not-booked"
    assert day.ours() == []
