"""Say every minute that we live and how we are, and renew what is proved equal.

The change of the agent's own signing key goes here too: it is settled before the beat that is signed with it.

Rule: the body is core.health's alone, so that nothing of the agenda can slip in here.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agent.core.booking import Turn
from agent.core.changes import roots
from agent.core.envelope import (
    Barred,
    Declined,
    Envelope,
    Opened,
    Postponed,
    believe,
    payload_hash,
    raise_for_problem,
    seal,
    turn_given,
)
from agent.core.errors import Transient
from agent.core.health import Held, Pulse, Source, Vitals, beat
from agent.core.message import say
from agent.core.model import EmrName, Instant, SiteId
from agent.ports import Answer, Board, Dice, Hub, Inbox, Keys, LegHealth, Outbox, Rotation, Standing, Step

log = logging.getLogger("creneau.beat")

AT_ONCE = timedelta(0)
LATER = timedelta(hours=1)
"""When a hub that would not take a new signing key is asked again."""
_HUB_LEGS = ("deliver", "receive", "beat")


def _keep_nothing(_jws: str, _now: Instant) -> None:
    return


def _keep_none(_sets: Sequence[str], _now: Instant) -> None:
    return


def _note_nothing(_kind: str, _jws: str, _now: Instant) -> None:
    return


def _nobody() -> None:
    return


@dataclass
class Beat:
    """The pulse. `sites`: all of the clinic; `sources`: each [[emr]] with its sites and poll.

    `vitals` is asked once a beat. `countersigned` is given the hub's signed answer to a beat that carried a ledger
    head; `followed` the hub's signed key sets that lead to a newer one, before they are taken. `noted` is given each
    message about our own signing key before it leaves, and its receipt; `rekeyed` is called once the new one signs:
    legs that were shut out may try again. `released`
    is given the hub's signed line on versions, not yet opened.
    """

    outbox: Outbox
    inbox: Inbox
    hub: Hub
    keys: Keys
    dice: Dice
    board: Board
    sites: frozenset[SiteId]
    sources: Mapping[EmrName, Source]
    vitals: Callable[[Instant], Vitals]
    countersigned: Callable[[str, Instant], None] = _keep_nothing
    followed: Callable[[Sequence[str], Instant], None] = _keep_none
    noted: Callable[[str, str, Instant], None] = _note_nothing
    rekeyed: Callable[[], None] = _nobody
    released: Callable[[str, Instant], None] = _keep_nothing
    name: str = "beat"
    longest: timedelta = timedelta(minutes=2)
    _anew: bool = field(default=False, init=False)
    _told_again: bool = field(default=False, init=False)
    _not_before: timedelta = field(default=AT_ONCE, init=False)

    def step(self, now: Instant) -> Step:
        """Settle a change of our signing key, send one beat, take in turn, pace and newer hub keys.

        A hub brought back from a backup may know only the key before: it is told of the change once more.
        """
        rotation = self.keys.rotation(again=False)
        if rotation is not None and now.age >= self._not_before:
            self._settle_key(rotation, now)
        try:
            return self._beat(now)
        except Barred as barred:
            last = self.keys.rotation(again=True)
            if barred.problem != "unknown-clinic" or last is None or self._told_again:
                raise
            self._told_again = True
            self._rotate(last, now)
            self.rekeyed()
            return Step(0, again=AT_ONCE)

    def _settle_key(self, rotation: Rotation, now: Instant) -> None:
        """Take over the new key once the hub has; a hub that will not now leaves us with the old one for an hour."""
        try:
            self._rotate(rotation, now)
        except (Declined, Postponed) as problem:
            self._not_before = now.age + LATER
            log.warning("key.kept why=%s", problem.problem)
            return
        self.keys.rotated(rotation, now.utc)
        log.info("key.rotated")
        self.rekeyed()

    def _rotate(self, rotation: Rotation, now: Instant) -> None:
        """Tell the hub which key follows which; it is the same message whatever was lost, and told twice is told once."""
        who = self.keys.identity()
        body = {"next": rotation.next, "sealing": rotation.sealing}
        envelope = seal("rotate", body, rotation.by, iss=who.clinic, aud=who.hub, jti=self.dice.token(), now=now.utc)
        self.noted("sent", envelope.jws, now)
        answer, opened = self._asked(envelope)
        raise_for_problem(opened)
        if (opened.claims.get("key"), opened.claims.get("body_sha256")) != (rotation.kid, payload_hash(envelope.jws)):
            raise Transient(say("read the hub's receipt"), say("the receipt is for another message"))
        self.noted("receipt", answer.jws, now)

    def _asked(self, envelope: Envelope) -> tuple[Answer, Opened]:
        answer = self.hub.call(envelope, AT_ONCE)
        opened = believe(answer.jws, self.keys.hub(), to=envelope, took=answer.took)
        if opened.hub_time is not None:
            self.board.heard(opened.hub_time, answer.sent, answer.took)
        return answer, opened

    def _beat(self, now: Instant) -> Step:
        standing = self.outbox.standing()
        body = self._body(standing, now)
        who = self.keys.identity()
        envelope = seal(
            "beat", body, self.keys.signing(), iss=who.clinic, aud=who.hub, jti=self.dice.token(), now=now.utc
        )
        answer, opened = self._asked(envelope)
        try:
            raise_for_problem(opened)
        except Postponed as problem:
            return self._once_more(problem)
        except Declined as problem:
            return self._resync(problem, standing, now)
        self._anew = self._told_again = False
        followed = self._taken(opened, answer, now)
        if "ledger_head" in body and "countersigned" in opened.claims:
            self.countersigned(answer.jws, now)
        return Step(1, again=AT_ONCE if followed else None)

    def _body(self, standing: Standing, now: Instant) -> dict[str, Any]:
        """Renew nothing while an offer is on its way: the hub may already hold more than was confirmed."""
        health = self.board.read()
        on_its_way = self.outbox.unsettled("offer") is not None
        held = Held(None if on_its_way else standing.epoch, standing.seq, roots(self.outbox.told(), self.sites))
        cursor = self.inbox.cursor()
        pulse = Pulse(
            now=now,
            started=health.started,
            boot=health.boot,
            legs={name: leg.kind == "ok" for name, leg in health.legs.items()},
            reads=health.reads,
            hub=_last_good(health.legs),
            oldest=self.outbox.oldest(),
            waiting=self.outbox.waiting(),
            skew=health.skew,
            turn=health.turn,
            log=None if cursor is None else str(cursor["log"]),
        )
        body = beat(pulse, held, self.vitals(now), self.sources)
        return body | {"epoch": standing.epoch}

    def _once_more(self, problem: Postponed) -> Step:
        """After clock-skew beat again at once, with the clock now corrected; then leave it to the daemon."""
        if problem.problem != "clock-skew" or self._anew:
            raise problem
        self._anew = True
        return Step(0, again=AT_ONCE)

    def _resync(self, problem: Declined, before: Standing, now: Instant) -> Step:
        """Begin anew, unless an offer overtook this beat: then the roots were bound to differ."""
        if problem.problem not in {"resync", "stale-epoch"}:
            raise problem
        if self.outbox.standing() != before or self.outbox.unsettled("offer") is not None:
            return Step(0)
        log.warning("view.differs why=%s", problem.problem)
        self.outbox.restart(problem.problem, now)
        return Step(0, wakes=frozenset({"deliver"}))

    def _taken(self, opened: Opened, answer: Answer, now: Instant) -> bool:
        """Take in turn, pace and newer hub keys; True when keys came: the hub must hear that we hold them."""
        claims = opened.claims
        self._renew(turn_given(claims.get("turn"), answer.sent))
        pace = claims.get("pace")
        wait_s = pace.get("wait_s") if isinstance(pace, Mapping) else None
        if isinstance(wait_s, int):
            self.board.pace(wait_s)
        sets = claims.get("keys")
        newer = [text for text in sets if isinstance(text, str)] if isinstance(sets, list) else []
        line = claims.get("release")
        if isinstance(line, str):
            self.released(line, now)
        if not newer or not self.keys.leads(newer):
            return False
        self.followed(newer, now)  # first the ledger: without the line later receipts could not be proved
        self.keys.follow(newer)
        log.info("hub-keys.new")
        return True

    def _renew(self, turn: Turn | None) -> None:
        """Renew the turn we hold. A new one comes with the whole list of orders only, from the receive leg.

        Else an agent that takes over would write what it knew, under a turn of its own, before it heard of the newer
        versions that the agent before it had applied already.
        """
        held = self.board.turn()
        if turn is not None and held is not None and turn.number == held.number:
            self.board.turn(turn)


def _last_good(legs: Mapping[str, LegHealth]) -> Instant | None:
    """Return when the hub was last talked to with success."""
    times = [leg.last for name, leg in legs.items() if name in _HUB_LEGS and leg.last is not None]
    return max(times, key=lambda at: at.age, default=None)
