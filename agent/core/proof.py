"""Prove a ledger from itself: the chain, the hub's receipts, the heads it countersigned.

Rule: a line is never called good for want of a key; what cannot be proved is counted apart from what is wrong.
"""

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.core.chain import FIRST, Line, follows
from agent.core.envelope import KeySet, Rejected, Verified, jws_hash, key_set, open_turnover, recall, split, verify

RECENT = 20_000
"""How many of the last hashes a countersignature may name: a head is answered within minutes."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One line that is not what it must be. `why`: chain, signature, receipt, head or keys."""

    n: int
    why: str


@dataclass(slots=True)
class Proof:
    """What was found. `unproved`: lines signed by a key that no enrolment or turn-over in these lines brought."""

    first: int = 0
    last: int = 0
    wrong: Wrong | None = None
    receipts: int = 0
    orders: int = 0
    countersigned: int = 0
    unproved: int = 0
    covered: int = 0
    """The last line under a countersigned head; what comes after it rests on the chain alone."""
    signed_at: datetime | None = None
    hub: str = ""
    fingerprint: str = ""


class Examiner:
    """Takes lines in order. `previous`, `before`: hash and number of the line before the first."""

    def __init__(self, previous: bytes = FIRST, before: int = 0) -> None:
        """Begin at an anchor."""
        self.proof = Proof()
        self._previous, self._before = previous, before
        self._keys: KeySet = {}
        self._sent: dict[str, tuple[str, str]] = {}
        self._heads: dict[str, int] = {}
        self._recent: deque[str] = deque()

    def take(self, lines: Iterable[Line]) -> Proof:
        """Examine lines; nothing after the first wrong one is looked at."""
        for line in lines:
            if self.proof.wrong is not None:
                break
            why = self._why(line)
            if why:
                self.proof.wrong = Wrong(line.n, why)
        return self.proof

    def _why(self, line: Line) -> str:
        """Return what is wrong with the next line, "" when nothing is."""
        if not follows(line, self._previous, self._before):
            return "chain"
        self._remember(line)
        try:
            look = _LOOKS.get(line.kind)
            return look(self, line) if look else ""
        except (Rejected, ValueError, KeyError, TypeError):
            return _BROKEN.get(line.kind, "signature")

    def _remember(self, line: Line) -> None:
        proof = self.proof
        proof.first = proof.first or line.n
        proof.last = self._before = line.n
        self._previous = line.hash
        self._heads[line.hash.hex()] = line.n
        self._recent.append(line.hash.hex())
        if len(self._recent) > RECENT:
            del self._heads[self._recent.popleft()]

    def _signed(self, line: Line) -> Verified | None:
        """Return the verified message, None when its key was brought by no line; Rejected when it does not hold."""
        text = line.body.decode("ascii")
        header, _ = split(text)
        if header.kid not in self._keys:
            self.proof.unproved += 1
            return None
        return verify(text, self._keys, header.typ)

    def _enrol(self, line: Line) -> str:
        said = json.loads(line.body)
        self.proof.hub, self.proof.fingerprint = str(said["hub"]), str(said["fingerprint"])
        if said.get("keys"):
            self._keys = {**self._keys, **key_set(said["keys"])}
        return ""

    def _turn(self, line: Line) -> str:
        """Take in key sets, each signed by the set before it and by its own."""
        for text in json.loads(line.body)["turns"]:
            header, _ = split(text)
            if header.kid not in self._keys:
                self.proof.unproved += 1
                continue
            number = int(recall(text).claims["n"])
            self._keys = {**self._keys, **open_turnover(text, self._keys, number - 1, iss=self.proof.hub)}
        return ""

    def _send(self, line: Line) -> str:
        text = line.body.decode("ascii")
        message = recall(text)
        self._sent[str(message.claims["jti"])] = (message.payload_sha256, jws_hash(text))
        return ""

    def _receipt(self, line: Line) -> str:
        """Hold a receipt against the message it is for, byte for byte."""
        message = self._signed(line)
        if message is None:
            return ""
        claims = message.claims
        sent = self._sent.pop(str(claims.get("re")), None)
        if sent is None:
            self.proof.unproved += 1  # its message was let go with an earlier year
            return ""
        if (claims.get("body_sha256"), claims.get("re_sha256")) != sent:
            return "receipt"
        self.proof.receipts += 1
        return ""

    def _order(self, line: Line) -> str:
        """Prove an order; what arrived unreadable was set apart then, and proves nothing now."""
        try:
            self.proof.orders += self._signed(line) is not None
        except (Rejected, ValueError):
            self.proof.unproved += 1
        return ""

    def _countersigned(self, line: Line) -> str:
        message = self._signed(line)
        if message is None:
            return ""
        named = self._heads.get(str(message.claims.get("countersigned")))
        if named is None:
            return "head"
        self.proof.countersigned += 1
        self.proof.covered, self.proof.signed_at = named, line.at
        return ""


_LOOKS: Mapping[str, Any] = {
    "enrol": Examiner._enrol,  # noqa: SLF001 - the table of this class
    "hub-keys": Examiner._turn,  # noqa: SLF001
    "sent": Examiner._send,  # noqa: SLF001
    "receipt": Examiner._receipt,  # noqa: SLF001
    "received": Examiner._order,  # noqa: SLF001
    "countersigned": Examiner._countersigned,  # noqa: SLF001
}
_BROKEN = {"enrol": "keys", "hub-keys": "keys"}
