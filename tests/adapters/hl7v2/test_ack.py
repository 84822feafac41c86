"""Answers: the right word, to the right number, in the asker's own version and letters."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import hl7apy.parser
import pytest
from hl7apy.consts import VALIDATION_LEVEL

from adapters.er7 import head, scan
from adapters.hl7v2.ack import Verdict, answers, read_ack
from agent.core.errors import Transient

NOW = datetime(2027, 1, 1, tzinfo=UTC)
BASE = rb"MSH|^~\&|EMR|CL|AG|SI|20270101||SIU^S12|M1|P|2.5"
NO = Verdict(102, "SCH-11.4")
MESSAGES = sorted((Path(__file__).parents[1] / "er7" / "messages").glob("*.hl7"))


def words(msh: bytes, verdict: Verdict) -> list[str]:
    return [read_ack(each).word for each in answers(head(msh), verdict, "A1", NOW)]


@pytest.mark.parametrize(
    ("modes", "good", "bad", "final"),
    [
        (b"", ["AA"], ["AE"], ["AR"]),
        (b"|||AL|AL", ["CA", "AA"], ["CE"], ["CR"]),
        (b"|||AL|NE", ["CA"], ["CE"], ["CR"]),
        (b"|||NE|AL", ["AA"], ["AE"], ["AR"]),
        (b"||||AL", ["AA"], ["AE"], ["AR"]),
        (b"|||ER|NE", [], ["CE"], ["CR"]),
        (b"|||SU|NE", ["CA"], [], []),
        (b"|||NE|NE", [], [], []),
    ],
)
def test_the_header_says_which_answers_are_due(modes: bytes, good: list[str], bad: list[str], final: list[str]) -> None:
    """Original mode one, enhanced mode by MSH-15 and MSH-16 (table 0155)."""
    assert words(BASE + modes, Verdict()) == good
    assert words(BASE + modes, NO) == bad
    assert words(BASE + modes, Verdict(200, "MSH-9.1", is_final=True)) == final


@pytest.mark.parametrize("verdict", [Verdict(), NO, Verdict(205, "MSH-10", is_final=True)])
@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_an_answer_is_sound_hl7_to_its_question(path: Path, verdict: Verdict) -> None:
    """Peers swapped, the number whole, version and letters kept, and hl7apy finds nothing to say against it."""
    msh = head(path.read_bytes().replace(b"|NE|NE", b"||"))
    for body in answers(msh, verdict, "A1", NOW):
        message = scan(body)
        back = message.msh
        assert [back.raw(n) for n in (3, 4, 5, 6)] == [msh.raw(n) for n in (5, 6, 3, 4)]
        assert (back.raw(12), back.raw(18)) == (msh.raw(12), msh.raw(18))
        assert read_ack(body).to == msh.text(10)
        for line in body.decode("latin-1").strip().split("\r"):
            segment = hl7apy.parser.parse_segment(
                line, version=msh.text(12), validation_level=VALIDATION_LEVEL.TOLERANT
            )
            assert segment.to_er7().rstrip("|") == line.rstrip("|")
        if verdict.code:
            assert read_ack(body).code == str(verdict.code)


def test_an_answer_speaks_the_askers_separators() -> None:
    """A sender with its own signs is answered in them."""
    (body,) = answers(head(b"MSH#*!?%#EMR#CL###20270101##SIU*S12#M?S?1#P#2.5"), Verdict(), "A1", NOW)
    assert body.startswith(b"MSH#*!?%###EMR#CL#")
    assert b"\rMSA#AA#M?S?1\r" in body


@pytest.mark.parametrize("body", [b"", b"MSH|^~\\&|", b"MSH|^~\\&|\rMSA|XX|1\r", b"\xff"])
def test_what_is_no_answer_is_not_taken_for_one(body: bytes) -> None:
    """Noise from a peer raises the family's own error."""
    with pytest.raises(Transient):
        read_ack(body)


def test_every_fixture_can_be_answered(sent: Callable[[str], bytes]) -> None:
    """The enhanced one gets both answers, the one that wants none gets none."""
    assert len(answers(head(sent("initech-s17-empty-resources")), Verdict(), "A1", NOW)) == 2
    assert answers(head(sent("ntierprise-healthmatics-siu-s12")), Verdict(), "A1", NOW) == []
