"""Tell the hub: outcomes first, then at the tick the difference between what it holds and what it should hold.

Rule: no byte leaves before its attempt and its ledger line are durable, and *told* moves only on a receipt that fits.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from agent.core.changes import View, changes, roots, wire
from agent.core.envelope import (
    Declined,
    Envelope,
    Opened,
    Postponed,
    believe,
    payload_hash,
    raise_for_problem,
    seal,
)
from agent.core.errors import CreneauError, Transient
from agent.core.health import MOST_SKEW, Source, just_read
from agent.core.message import say
from agent.core.model import EmrName, Instant, SiteId
from agent.ports import Board, Dice, Hub, Keys, Outbox, Outgoing, Standing, Step

log = logging.getLogger("creneau.deliver")

AT_ONCE = timedelta(0)
MOST_OUTCOMES = 100
_ANEW = frozenset({"replayed", "clock-skew"})
"""Problems that a new attempt may cure, once."""
_ASIDE = frozenset({"too-large", "schema"})
_SNAPSHOT = frozenset({"resync", "stale-epoch"})


@dataclass
class Deliver:
    """Second leg of a slot's way and last of a booking's.

    `sites`: each site as a snapshot names it. `sources`: each [[emr]] with its sites and poll. `tick`, `phase`: differences leave at age = phase + n * tick, at most
    one in each.
    """

    outbox: Outbox
    hub: Hub
    keys: Keys
    dice: Dice
    board: Board
    sites: Mapping[SiteId, Mapping[str, str]]
    sources: Mapping[EmrName, Source]
    tick: timedelta
    phase: timedelta = AT_ONCE
    name: str = "deliver"
    longest: timedelta = timedelta(minutes=3)
    _used: int | None = field(default=None, init=False)
    _at_once: bool = field(default=False, init=False)
    _limit: int = field(default=MOST_OUTCOMES, init=False)
    _skewed: bool = field(default=False, init=False)

    def now_at_once(self) -> None:
        """Let the next difference leave without waiting for the tick: the clinic withdrew, or the EMR hinted. Any thread."""
        self._at_once = True

    def step(self, now: Instant) -> Step:
        """Send one batch of outcomes, then at most one offer."""
        did = self._outcomes(now)
        if did:
            return Step(did, again=AT_ONCE)  # offers wait: outcomes are facts somebody waits for
        return self._offer(now)

    # ---- outcomes

    def _outcomes(self, now: Instant) -> int:
        out = self.outbox.alive("outcomes", now) or self.outbox.outcomes(self._limit)
        if out is None:
            return 0
        count = len(out.body["outcomes"])
        try:
            self._receipt(out, now)
        except Declined as problem:
            if problem.problem not in _ASIDE:
                raise
            self._apart(out, count, problem.problem, now)
        else:
            self._limit = min(MOST_OUTCOMES, self._limit * 2)
        return count

    def _apart(self, out: Outgoing, count: int, why: str, now: Instant) -> None:
        """Halve the batch until the bad row stands alone, and set that one aside."""
        self._limit = max(1, count // 2)
        if count == 1:
            self.outbox.aside(out, why, now)
            log.error("outcome.aside why=%s", why)

    # ---- offers

    def _offer(self, now: Instant) -> Step:
        if self._is_skewed():
            return Step(0)
        out = self._next_offer(now)
        if out is None:
            return Step(0)
        try:
            self._receipt(out, now)
        except Declined as problem:
            if problem.problem not in _SNAPSHOT or out.body["epoch"] is None:
                raise
            self.outbox.restart(problem.problem, now)
            return Step(0, again=AT_ONCE)
        self._at_once = False
        self._used = self._moment(now)
        return Step(1)

    def _moment(self, now: Instant) -> int:
        return (now.age - self.phase) // self.tick

    def _is_skewed(self) -> bool:
        skew = self.board.read().skew
        skewed = skew is not None and abs(skew) > MOST_SKEW
        if skewed != self._skewed:
            log.warning("offers.%s", "stopped-by-clock" if skewed else "resumed")
        self._skewed = skewed
        return skewed

    def _next_offer(self, now: Instant) -> Outgoing | None:
        """Return the attempt still alive, a snapshot, or the difference; None when nothing is due or nothing changed.

        An attempt that would offer a slot withdrawn since, or that is too old to be sent, may have reached the hub
        all the same: the next one takes its place, and deletes all it may have put.
        """
        view = self.outbox.view()
        alive = self.outbox.alive("offer", now)
        if alive is None and not self._at_once and self._used is not None and self._used >= self._moment(now):
            return None
        last = alive or self.outbox.unsettled("offer")
        if last is None:
            return self._built(view, {}, self.outbox.standing().seq, now)
        would = last.told or {}
        if alive is not None and would.keys() <= view.keys():
            return alive
        return self._built(view, would, last.covers, now)

    def _built(self, view: View, would: View, seq: int, now: Instant) -> Outgoing | None:
        """Return what makes the hub hold `view`, whether or not it also took an attempt that put `would`."""
        standing = self.outbox.standing()
        body: dict[str, Any] = {
            "epoch": standing.epoch,
            "base_seq": standing.seq,
            "seq": seq + 1,
            "count": len(view),
            "roots": dict(roots(view, frozenset(self.sites))),
            "read": sorted(just_read(self.board.read().reads, self.sources, now)),
        }
        if standing.epoch is None:
            body |= {"base_seq": 0, "seq": 1}
            body["snapshot"] = [wire(id_, view[id_]) for id_ in sorted(view)]
            body["sites"] = [dict(self.sites[site]) for site in sorted(self.sites)]
            return Outgoing("offer", body, 1, dict(view))
        delta = changes(self.outbox.told(), view)
        gone = sorted(delta.gone | (would.keys() - view.keys()))
        if not delta.put and not gone:
            return None
        body["changes"] = {"put": [wire(id_, shared) for id_, shared in delta.put.items()], "del": gone}
        return Outgoing("offer", body, seq + 1, dict(view))

    # ---- both

    def _receipt(self, out: Outgoing, now: Instant) -> None:
        """Send until a fitting receipt is settled; a problem that a new attempt may cure gets one, at once."""
        before = self.board.read().skew
        try:
            self._sent(out, now)
        except Postponed as problem:
            if problem.problem not in _ANEW or (out.verb == "offer" and self._is_skewed()):
                raise
            log.warning("attempt.anew why=%s", problem.problem)
            gained = (self.board.read().skew or AT_ONCE) - (before or AT_ONCE)
            self._sent(replace(out, sealed=None), Instant(now.utc + gained, now.age))

    def _sent(self, out: Outgoing, now: Instant) -> None:
        envelope = out.sealed or self._sealed(out, now)
        answer = self.hub.call(envelope, AT_ONCE)
        opened = believe(answer.jws, self.keys.hub(), to=envelope, took=answer.took)
        if opened.hub_time is not None:
            self.board.heard(opened.hub_time, answer.sent, answer.took)
        try:
            raise_for_problem(opened)
        except CreneauError as problem:
            if getattr(problem, "problem", "") != "in-work":  # then the same bytes are asked for again
                self.outbox.failed(out.verb)
            raise
        self._settle(out, envelope, opened, answer.jws, now)

    def _sealed(self, out: Outgoing, now: Instant) -> Envelope:
        who = self.keys.identity()
        envelope = seal(
            out.verb,
            out.body,
            self.keys.signing(),
            iss=who.clinic,
            aud=who.hub,
            jti=self.dice.token(),
            now=now.utc,
        )
        self.outbox.attempt(out, envelope, now)
        return envelope

    def _settle(self, out: Outgoing, envelope: Envelope, opened: Opened, jws: str, now: Instant) -> None:
        claims = opened.claims
        if claims.get("body_sha256") != payload_hash(envelope.jws):
            raise Transient(say("read the hub's receipt"), say("the receipt is for another message"))
        if out.verb != "offer":
            self.outbox.receipted(out, jws, None, now)
            log.info("outcomes.told n=%d", len(out.body["outcomes"]))
            return
        epoch, seq = claims.get("epoch"), claims.get("seq")
        asked = out.body["epoch"]
        if not isinstance(epoch, int) or asked not in {None, epoch} or seq != out.body["seq"]:
            raise Transient(say("read the hub's receipt"), say("the receipt is for another epoch or number"))
        if claims.get("roots") != out.body["roots"]:
            log.error("receipt.roots-differ epoch=%d seq=%d", epoch, seq)
            self.outbox.failed("offer")
            self.outbox.restart("receipt", now)
            raise Transient(say("read the hub's receipt"), say("the hub holds other slots than were sent"))
        self.outbox.receipted(out, jws, Standing(epoch, seq), now)
        log.info("offer.told epoch=%d seq=%d slots=%d", epoch, seq, len(out.told or {}))
