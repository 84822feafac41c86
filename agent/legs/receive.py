"""Take orders from the hub by a long poll.

Rule: an order is acknowledged only by the cursor of the next call, after it was committed; a bad one never blocks.
"""

import hmac
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from agent.core.booking import Order
from agent.core.envelope import (
    Opened,
    Postponed,
    Rejected,
    believe,
    clamped,
    open_order,
    raise_for_problem,
    seal,
    sealed_hash,
    turn_given,
)
from agent.core.errors import Transient
from agent.core.message import say
from agent.core.model import Instant
from agent.ports import Answer, Board, Dice, Hub, Identity, Inbox, Keys, Step

log = logging.getLogger("creneau.receive")

AT_ONCE = timedelta(0)
SLACK = timedelta(seconds=30)
MOST_REV = 2**31
"""No booking has so many outcomes; a number beyond it would leave no room to count on."""
_MAY_STAND = ("booked", "changed", "requested", "checking")
PROMPT = timedelta(seconds=2)
"""An answer that was held longer says nothing of the hub's clock at mid-flight."""


@dataclass
class Receive:
    """First leg of a booking's way. `boot` is this run's id: two of them alternating betray a doubled agent."""

    inbox: Inbox
    hub: Hub
    keys: Keys
    dice: Dice
    board: Board
    boot: str
    name: str = "receive"
    longest: timedelta = timedelta(minutes=2)
    _anew: bool = field(default=False, init=False)
    _well: bool = field(default=False, init=False)

    def step(self, now: Instant) -> Step:
        """Ask once, store what came, and ask again at once or when the hub wants.

        The first question, and the first after a fault, is not held open: the clinic must not read "the hub does not
        answer" for the half minute a quiet hub would keep it.
        """
        wait = timedelta(seconds=self.board.pace()) if self._well else AT_ONCE
        self._well = False
        step = self._ask(wait, now)
        self._well = True
        return step

    def _ask(self, wait: timedelta, now: Instant) -> Step:
        cursor = self.inbox.cursor()
        who = self.keys.identity()
        body = {"cursor": cursor, "wait_s": int(wait.total_seconds()), "boot": self.boot}
        envelope = seal(
            "orders", body, self.keys.signing(), iss=who.clinic, aud=who.hub, jti=self.dice.token(), now=now.utc
        )
        answer = self.hub.call(envelope, wait)
        opened = believe(answer.jws, self.keys.hub(), to=envelope, took=answer.took, within=wait + SLACK)
        if opened.hub_time is not None and answer.took < PROMPT:
            self.board.heard(opened.hub_time, answer.sent, answer.took)
        if self._must_ask_anew(opened):
            return Step(0, again=AT_ONCE)
        return self._taken(opened, answer, who, now)

    def _must_ask_anew(self, opened: Opened) -> bool:
        """Raise what a problem means; after clock-skew ask once more at once, with the clock now corrected."""
        try:
            raise_for_problem(opened)
        except Postponed as problem:
            if problem.problem != "clock-skew" or self._anew:
                raise
            self._anew = True
            return True
        self._anew = False
        return False

    def _taken(self, opened: Opened, answer: Answer, who: Identity, now: Instant) -> Step:
        claims = opened.claims
        cursor, entries = _cursor(claims.get("cursor")), claims.get("orders")
        if cursor is None or not isinstance(entries, list):
            raise Transient(say("read the hub's orders"), say("the hub's answer holds no list of orders"))
        good, bad = self._sorted(entries, who)
        new = self.inbox.take(good, bad, cursor, now)
        turn, held = turn_given(claims.get("turn"), answer.sent), self.board.turn()
        if turn is not None:
            self.board.turn(turn)
        if bad:
            log.error("orders.bad n=%d", len(bad))
        if new:
            log.info("orders.taken new=%d listed=%d", new, len(good))
        again = clamped(claims.get("next_call_s")) or AT_ONCE
        waited = turn is not None and (held is None or held.number != turn.number)  # orders may have waited for it
        return Step(new, again=again, wakes=frozenset({"apply"}) if new or waited else frozenset())

    def _sorted(self, entries: Sequence[Any], who: Identity) -> tuple[list[tuple[Order, str, str | None]], list[str]]:
        good: list[tuple[Order, str, str | None]] = []
        bad: list[str] = []
        keys = self.keys.hub()
        for entry in entries:
            jws, patient, (told, stood) = _parts(entry)
            try:
                order = replace(open_order(jws, keys, aud=who.clinic, iss=who.hub), told=told, stood=stood)
                _bound(order, patient)
            except Rejected as error:
                log.warning("order.rejected why=%r", str(error))
                bad.append(jws)
            else:
                good.append((order, jws, patient))
        return good, bad


def _cursor(said: object) -> Mapping[str, Any] | None:
    if not isinstance(said, Mapping):
        return None
    name, n = said.get("log"), said.get("n")
    return {"log": name, "n": n} if isinstance(name, str) and isinstance(n, int) else None


def _parts(entry: object) -> tuple[str, str | None, tuple[int, bool]]:
    """Return the order, the sealed patient beside it, and what the hub's last outcome says."""
    if not isinstance(entry, Mapping):
        return "", None, (0, False)
    jws, patient = entry.get("order"), entry.get("patient")
    return (
        jws if isinstance(jws, str) else "",
        patient if isinstance(patient, str) else None,
        _told(entry.get("outcome")),
    )


def _told(outcome: object) -> tuple[int, bool]:
    """Return rev, and whether by that outcome the patient has, or may have, an appointment."""
    if not isinstance(outcome, Mapping):
        return 0, False
    rev = outcome.get("rev")
    if not isinstance(rev, int) or isinstance(rev, bool) or not 0 < rev < MOST_REV:
        return 0, False
    return rev, outcome.get("kept") is True or outcome.get("outcome") in _MAY_STAND


def _bound(order: Order, patient: str | None) -> None:
    """Refuse a patient that is not the order's; a hub that lost it sends none."""
    if patient is None:
        return
    if order.patient_sha256 is None or not hmac.compare_digest(order.patient_sha256.hex(), sealed_hash(patient)):
        raise Rejected("schema", "a patient that is not the order's")
