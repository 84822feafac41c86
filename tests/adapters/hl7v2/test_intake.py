"""Taking in: stored first, answered then; a repeat, a clash, what cannot be read, a full disk."""

import logging
from collections.abc import Callable

import pytest

from adapters import conformance
from adapters.conformance import SITE
from adapters.er7 import Terms
from adapters.hl7v2.ack import read_ack
from adapters.hl7v2.intake import Intake
from adapters.hl7v2.mllp import Framer
from agent.core.errors import Transient
from agent.core.message import say
from agent.ports import RawMessage, Taken

MSH = b"MSH|^~\\&|EMR|CL|||20270101120000||SIU^S12|M1|P|2.5"
GOOD = MSH + b"\rSCH|P1|F1|||||||||^^30^202703150900\r"
SECRET = "Xylographe"


def intake(unreadable: str = "AE") -> Intake:
    tools = conformance.tools()
    return Intake(tools.raw, Terms((SITE,)), tools.clock, tools.dice, unreadable)


def word(reply: bytes) -> str:
    (body,) = Framer().feed(reply)
    return read_ack(body).word


def test_a_message_is_kept_before_it_is_acknowledged() -> None:
    """What the store holds is what was received, byte for byte."""
    one = intake()
    assert word(one.take(GOOD)) == "AA"
    ((_, kept),) = one.raw.unread(10)
    assert (kept.peer, kept.control_id, kept.body) == ("EMR^CL", "M1", GOOD)


def test_a_repeat_gets_the_same_answer_and_has_no_second_effect() -> None:
    """Byte for byte the first acknowledgment."""
    one = intake()
    first = one.take(GOOD)
    assert one.take(GOOD) == first
    assert len(one.raw.unread(10)) == 1


def test_one_number_with_other_bytes_is_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    """AR 205, an error in the log; the first message stands, the second is kept apart: it may take a time."""
    one = intake()
    one.take(GOOD)
    with caplog.at_level(logging.ERROR, "creneau.hl7"):
        reply = one.take(GOOD.replace(b"F1", b"F2"))
    (body,) = Framer().feed(reply)
    assert (read_ack(body).word, read_ack(body).code) == ("AR", "205")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert [message.control_id.partition(":")[0] for _, message in one.raw.unread(10)] == ["M1", "clash"]


@pytest.mark.parametrize(("setting", "due"), [("AE", "AE"), ("AR", "AR"), ("AA", "AA")])
def test_what_cannot_be_read_is_kept_all_the_same(setting: str, due: str) -> None:
    """The sender hears what the clinic chose; the message waits in the store."""
    one = intake(setting)
    assert word(one.take(MSH + b"\rSCH|P1|F1\r")) == due
    assert len(one.raw.unread(10)) == 1


@pytest.mark.parametrize("body", [MSH.replace(b"SIU", b"SRM") + b"\rARQ|1\r", MSH.replace(b"S12", b"S99") + b"\r"])
def test_what_is_not_for_us_is_rejected_whatever_the_setting(body: bytes) -> None:
    """A request is for an EMR to fill: AR."""
    assert word(intake("AA").take(body)) == "AR"


@pytest.mark.parametrize("body", [b"", b"PID|1", MSH.replace(b"|M1|", b"||"), b"\xff\xfe" * 40])
def test_noise_is_kept_and_never_accepted(body: bytes) -> None:
    """A message without a number is named by its bytes."""
    one = intake()
    assert word(one.take(body)) == "AE"
    ((_, kept),) = one.raw.unread(10)
    assert kept.body == body
    assert kept.control_id.startswith("sha256:")


def test_a_store_that_fails_accepts_nothing() -> None:
    """No commit, no AA: the sender is told to come again."""

    class Full:
        def keep(self, message: RawMessage, answer: bytes) -> Taken:
            raise Transient(say("keep"), say("the disk is full"))

    one = intake()
    one.raw = Full()  # type: ignore[assignment]
    assert word(one.take(GOOD)) == "AE"


def test_no_word_of_a_patient_is_logged(caplog: pytest.LogCaptureFixture, sent: Callable[[str], bytes]) -> None:
    """Neither of what is read nor of what is refused, and a header field cannot smuggle one in."""
    one = intake()
    rows = f"\rPID|1||1||{SECRET}\rNTE|1||{SECRET}\rSCH|P1|F1||||{SECRET}|{SECRET}|{SECRET}".encode()
    with caplog.at_level(logging.DEBUG):
        one.take(MSH + rows + b"\r")
        one.take(MSH.replace(b"S12", SECRET.encode()).replace(b"M1", b"M2") + rows)
        for number, name in enumerate(("webchart-out-s14-note", "webchart-in-s12", "samedi-in-s12-latin1")):
            one.take(sent(name).replace(b"|P|2", b"|P|2", 1) + b"" * number)
    assert caplog.records
    assert not [word for word in (SECRET, "deplacee", "FANTAISIE", "Claude") if word in caplog.text]
