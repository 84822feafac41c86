"""The agents' entrance: size, rate, signature, memory, then the verb, in this order.

Rule: effect and answer are one transaction; the same bytes get the same answer again.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from agent.core.envelope import (
    UNKNOWN,
    Applicant,
    Opened,
    Rejected,
    addressee,
    import_jwk,
    jws_hash,
    named,
    open_enrol,
    open_request,
    split,
)
from hub.ask import Ask, Wait
from hub.hub import Hub
from hub.problem import STATUS, Problem
from hub.ring import held_by
from hub.schema import CLINIC_KEY, SEEN, micros
from hub.store import clinic_row
from hub.verbs import VERBS
from hub.verbs.enrol import enrol
from hub.verbs.rotate import still_counts

RETRY_AFTER_S = 5
log = logging.getLogger("creneau.hub")
ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class Done:
    """What goes back: the compact JWS and the HTTP status that mirrors it."""

    status: int
    jws: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A request whose signature holds: by an enrolled key, or by the key an applicant brings."""

    verb: str
    text: str
    by: Row[Any] | Applicant
    opened: Opened

    @property
    def name(self) -> tuple[str, str]:
        """Return (iss, jti)."""
        return str(self.opened.claims["iss"]), self.opened.jti


async def receive(hub: Hub, verb: str, raw: bytes | None, peer: str, sha256: str = "") -> Done:
    """Answer one request; `raw` None = larger than the limit, then `sha256` is the hash of its bytes."""
    text = (raw or b"").decode("ascii", "replace")
    known = verb if verb == ENROL or verb in VERBS else UNKNOWN
    if not hub.meter.admits(peer, hub.clock.now()):
        return _turn_away(hub, known, text, Problem("rate-limited", {"retry_after": RETRY_AFTER_S}))
    if raw is None:
        return _turn_away(hub, known, text, Problem("too-large"), sha256)
    if known == UNKNOWN:
        return _turn_away(hub, known, text, Problem("schema", {"where": ["path"]}))
    try:
        verified = await run_in_threadpool(_verify, hub, verb, text)
    except (Problem, Rejected) as error:
        return _turn_away(hub, verb, text, error)
    if verified.name in hub.in_work:
        return _turn_away(hub, verb, text, Problem("in-work", {"retry_after": 1}))
    hub.in_work.add(verified.name)
    try:
        return await _attend(hub, verified)
    finally:
        hub.in_work.discard(verified.name)


async def _attend(hub: Hub, verified: Verified) -> Done:
    """Do the work; an `orders` call without an order waits, seated before it looked."""
    with hub.room.seat(verified.name[0]) as seat:
        done = await run_in_threadpool(_work, hub, verified, last=seat.is_set())
        if isinstance(done, Done):
            return done
        await hub.room.wait(seat, done.seconds)
        final = await run_in_threadpool(_work, hub, verified, last=True)
    assert isinstance(final, Done)  # noqa: S101 - the last look never waits
    return final


def _verify(hub: Hub, verb: str, text: str) -> Verified:
    """Raise Rejected or Problem: bad-signature, clock-skew, schema, too-large, unknown-clinic, key-retired."""
    now = hub.clock.now()
    if verb == ENROL:
        applicant = open_enrol(text, aud=hub.origin, now=now)
        return Verified(verb, text, applicant, applicant.opened)
    header, _ = split(text)
    with hub.store.read() as conn:
        key = conn.execute(select(CLINIC_KEY).where(CLINIC_KEY.c.kid == header.kid)).one_or_none()
    if key is None:
        raise Problem("unknown-clinic")
    opened = open_request(text, named([import_jwk(json.loads(key.signing))]), verb=verb, aud=hub.origin, now=now)
    if opened.claims.get("iss") != key.clinic:
        raise Problem("bad-signature")
    if key.retired is not None:
        with hub.store.read() as conn:
            if not still_counts(conn, key.kid, verb, int(opened.claims["iat"]), micros(now)):
                raise Problem("key-retired")
    return Verified(verb, text, key, opened)


def _turn_away(hub: Hub, verb: str, text: str, error: Problem | Rejected, sha256: str = "") -> Done:
    """Answer what was not taken in: to whom it says it is from, remembered by nobody."""
    problem = error if isinstance(error, Problem) else Problem(error.problem)
    log.info("hub.turned-away verb=%s problem=%s", verb, problem.word)
    iss, jti = addressee(text)
    body = {"problem": problem.word, **problem.members}
    with hub.store.read() as conn:
        held = held_by(conn, iss)
    return Done(STATUS[problem.word], hub.answer(verb, body, aud=iss, to=text, re=jti, held=held, to_sha256=sha256))


def _work(hub: Hub, verified: Verified, *, last: bool) -> Done | Wait:
    """One transaction: the effect, and the answer that would be repeated."""
    iss, jti = verified.name
    sha256 = jws_hash(verified.text)
    try:
        with hub.store.write() as conn:
            seen = conn.execute(select(SEEN).where(SEEN.c.iss == iss, SEEN.c.jti == jti)).one_or_none()
            if seen is not None and seen.sha256 == sha256:
                return Done(seen.status, seen.answer)
            if seen is not None:
                return _turn_away(hub, verified.verb, verified.text, Problem("replayed"))
            hub.refresh(conn)
            held = _held(conn, verified)
            status, body = _effect(hub, conn, verified, last=last)
            if isinstance(body, Wait):
                return body
            jws = hub.answer(verified.verb, body, aud=iss, to=verified.text, re=jti, held=held)
            row = {"iss": iss, "jti": jti, "sha256": sha256, "status": status, "answer": jws}
            conn.execute(insert(SEEN).values(**row, at=micros(hub.clock.now())))
            return Done(status, jws)
    except IntegrityError:  # another process of this hub answers the same jti
        return _turn_away(hub, verified.verb, verified.text, Problem("in-work", {"retry_after": 1}))


def _held(conn: Connection, verified: Verified) -> int | None:
    """Return which of our key sets the asker holds: a beat says so itself, else as it was last heard to say."""
    said = verified.opened.claims.get("keys") if verified.verb == "beat" else None
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    return held_by(conn, verified.name[0])


def _effect(hub: Hub, conn: Connection, verified: Verified, *, last: bool) -> tuple[int, Mapping[str, Any] | Wait]:
    """Run the verb; a problem undoes it, unless it says what was written must stay."""
    step = conn.begin_nested()
    try:
        body = _run(hub, conn, verified, last=last)
    except Problem as problem:
        if problem.keep:
            step.commit()
        else:
            step.rollback()
        log.info("hub.problem verb=%s problem=%s from=%s", verified.verb, problem.word, verified.name[0])
        return STATUS[problem.word], {"problem": problem.word, **problem.members}
    step.commit()
    return 200, body


def _run(hub: Hub, conn: Connection, verified: Verified, *, last: bool) -> Mapping[str, Any] | Wait:
    now = micros(hub.clock.now())
    if isinstance(verified.by, Applicant):
        return enrol(hub, conn, verified.by, verified.text, now)
    clinic = clinic_row(conn, verified.by.clinic)
    assert clinic is not None  # noqa: S101 - a foreign key keeps it
    return VERBS[verified.verb](Ask(hub, conn, clinic, verified.by, verified.opened, verified.text, now, last=last))
