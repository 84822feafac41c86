"""Write acknowledgments, and read those of others (HL7 v2.5.1 2.9, tables 0008, 0155, 0357).

Rule: an answer is made of the question's own header, in its version, letters and separators.
"""

from dataclasses import dataclass
from datetime import datetime

from adapters.er7 import Segment, Unread, head, scan
from adapters.er7.faults import READING
from adapters.hl7v2.mllp import END, START
from agent.core.errors import Transient
from agent.core.message import say

GOOD = frozenset({"AA", "CA"})
RETRY = frozenset({"AE", "CE"})
FINAL = frozenset({"AR", "CR"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message is answered. `code`: of table 0357, 0 = accepted; `is_final`: AR, sending again is of no use."""

    code: int = 0
    place: str = ""
    is_final: bool = False

    def word(self, letter: str) -> str:
        """Return the word of table 0008: `letter` A for the application's answer, C for the commit."""
        return letter + ("A" if not self.code else "R" if self.is_final else "E")


def answers(msh: Segment, verdict: Verdict, control_id: str, now: datetime) -> list[bytes]:
    """Return what the header asks for, in order: original mode one AA/AE/AR, enhanced CA first, then what MSH-16 says.

    A refusal is told by the commit where one is asked for, and not told twice. `now`: aware, local to the answer.
    """
    commit, application = msh.text(15).upper(), msh.text(16).upper()
    if not commit and not application:
        return [answer(msh, verdict, "A", control_id, now)]
    due = []
    if _wants(commit, verdict):
        due.append(answer(msh, verdict, "C", control_id, now))
    if _wants(application, verdict) and not (due and verdict.code):
        due.append(answer(msh, verdict, "A", control_id + "A", now))
    return due


def answer(msh: Segment, verdict: Verdict, letter: str, control_id: str, now: datetime) -> bytes:
    """Return one acknowledgment: peers swapped, MSA-2 = MSH-10 whole, ERR by the version's own shape."""
    marks, version = msh.separators, msh.text(12)
    bar, dot = marks.field, marks.component or "^"
    kind = f"ACK{dot}{msh.text(9, 2)}{dot}ACK" if version >= "2.4" and msh.text(9, 2) else "ACK"
    header = [
        "MSH", msh.raw(2), msh.raw(5), msh.raw(6), msh.raw(3), msh.raw(4), now.strftime("%Y%m%d%H%M%S%z"), "",
        kind, control_id, msh.raw(11) or "P", msh.raw(12) or "2.5",
    ]  # fmt: skip
    if msh.raw(18):
        header += ["", "", "", "", "", msh.raw(18)]
    lines = [bar.join(header), bar.join(("MSA", verdict.word(letter), msh.raw(10)))]
    if verdict.code:
        lines.append(bar.join(_err(verdict, version, dot)))
    body = ("\r".join(lines) + "\r").encode("latin-1")  # the header came letter by letter: so it goes back
    return body.translate(None, bytes((START, END)))


@dataclass(frozen=True, slots=True)
class Ack:
    """An acknowledgment as read. `word`: of table 0008; `to`: MSA-2."""

    word: str
    to: str
    code: str = ""


def read_ack(body: bytes) -> Ack:
    """Read somebody's answer. Raises Transient when it is none."""
    none = Transient(READING, say("what came back is no acknowledgment"))
    try:
        message = scan(body, "latin-1")  # letter by letter, as it was asked
    except Unread as no:
        raise none from no
    msa, err = message.first("MSA"), message.first("ERR")
    if msa is None or msa.text(1).upper() not in GOOD | RETRY | FINAL:
        raise none
    return Ack(msa.text(1).upper(), msa.text(2), err.text(3) or err.text(1, 4) if err is not None else "")


def refusal(body: bytes) -> Segment:
    """Return a header to answer by: that of the message, or a bare one when it has none."""
    try:
        return head(body)
    except Unread:
        return head(b"MSH|^~\\&")


def _wants(word: str, verdict: Verdict) -> bool:
    """Say whether table 0155 asks for an answer: AL always, NE never, ER on error, SU on success."""
    return {"AL": True, "ER": bool(verdict.code), "SU": not verdict.code}.get(word, False)


def _err(verdict: Verdict, version: str, dot: str) -> list[str]:
    segment, _, field = verdict.place.partition("-")
    where = dot.join(part for part in (segment, "1", field.partition(".")[0]) if part)
    if version >= "2.5" or not version:
        return ["ERR", "", where if field else segment, str(verdict.code), "E"]
    return ["ERR", dot.join((segment, "1", field.partition(".")[0], str(verdict.code)))]
