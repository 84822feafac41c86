"""Say every minute that we live and how we are, and renew what is proved equal.

Rule: the body is core.health's alone, so that nothing of the agenda can slip in here.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agent.core.changes import roots
from agent.core.envelope import Declined, Opened, Postponed, believe, raise_for_problem, seal, turn_given
from agent.core.health import Held, Pulse, Source, Vitals, beat
from agent.core.model import EmrName, Instant, SiteId
from agent.ports import Answer, Board, Dice, Hub, Inbox, Keys, LegHealth, Outbox, Standing, Step

log = logging.getLogger("creneau.beat")

AT_ONCE = timedelta(0)
_HUB_LEGS = ("deliver", "receive", "beat")


def _keep_nothing(_jws: str, _now: Instant) -> None:
    return


def _keep_none(_sets: Sequence[str], _now: Instant) -> None:
    return


@dataclass
class Beat:
    """The pulse. `sites`: all of the clinic; `sources`: each [[emr]] with its sites and poll; `tick`: the deliver leg's.

    `vitals` is asked once a beat. `countersigned` is given the hub's signed answer to a beat that carried a ledger
    head; `followed` the hub's signed key sets that led to a newer one;
    `released` the hub's signed line on versions, not yet opened.
    """

    outbox: Outbox
    inbox: Inbox
    hub: Hub
    keys: Keys
    dice: Dice
    board: Board
    sites: frozenset[SiteId]
    sources: Mapping[EmrName, Source]
    tick: timedelta
    vitals: Callable[[Instant], Vitals]
    countersigned: Callable[[str, Instant], None] = _keep_nothing
    followed: Callable[[Sequence[str], Instant], None] = _keep_none
    released: Callable[[str, Instant], None] = _keep_nothing
    name: str = "beat"
    longest: timedelta = timedelta(minutes=2)
    _anew: bool = field(default=False, init=False)

    def step(self, now: Instant) -> Step:
        """Send one beat and take in turn, pace and newer hub keys."""
        standing = self.outbox.standing()
        body = self._body(standing, now)
        who = self.keys.identity()
        envelope = seal(
            "beat", body, self.keys.signing(), iss=who.clinic, aud=who.hub, jti=self.dice.token(), now=now.utc
        )
        answer = self.hub.call(envelope, AT_ONCE)
        opened = believe(answer.jws, self.keys.hub(), to=envelope, took=answer.took)
        if opened.hub_time is not None:
            self.board.heard(opened.hub_time, answer.sent, answer.took)
        try:
            raise_for_problem(opened)
        except Postponed as problem:
            return self._once_more(problem)
        except Declined as problem:
            return self._resync(problem, standing, now)
        self._anew = False
        self._taken(opened, answer, now)
        if "ledger_head" in body and "countersigned" in opened.claims:
            self.countersigned(answer.jws, now)
        return Step(1)

    def _body(self, standing: Standing, now: Instant) -> dict[str, Any]:
        """Renew nothing while an offer is on its way: the hub may already hold more than was confirmed."""
        health = self.board.read()
        on_its_way = self.outbox.alive("offer", now) is not None
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
        body = beat(pulse, held, self.vitals(now), self.sources, self.tick)
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
        if self.outbox.standing() != before or self.outbox.alive("offer", now) is not None:
            return Step(0)
        log.warning("view.differs why=%s", problem.problem)
        self.outbox.restart(problem.problem, now)
        return Step(0, wakes=frozenset({"deliver"}))

    def _taken(self, opened: Opened, answer: Answer, now: Instant) -> None:
        claims = opened.claims
        turn = turn_given(claims.get("turn"), answer.sent)
        if turn is not None:
            self.board.turn(turn)
        pace = claims.get("pace")
        wait_s = pace.get("wait_s") if isinstance(pace, Mapping) else None
        if isinstance(wait_s, int):
            self.board.pace(wait_s)
        sets = claims.get("keys")
        newer = [text for text in sets if isinstance(text, str)] if isinstance(sets, list) else []
        if newer and self.keys.follow(newer):
            self.followed(newer, now)
            log.info("hub-keys.new")
        line = claims.get("release")
        if isinstance(line, str):
            self.released(line, now)


def _last_good(legs: Mapping[str, LegHealth]) -> Instant | None:
    """Return when the hub was last talked to with success."""
    times = [leg.last for name, leg in legs.items() if name in _HUB_LEGS and leg.last is not None]
    return max(times, key=lambda at: at.age, default=None)
