"""`rotate`: believe an agent's new signing key because the old one vouches for it.

Rule: the old key then counts for nothing but the repetition of this very message, and for what was under way.
"""

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from joserfc.jwk import OKPKey
from sqlalchemy import Connection, insert, select, update

from agent.core.envelope import Rejected, named, open_next, open_statement, public_jwk, thumbprint
from hub import turns
from hub.ask import Ask
from hub.hub import enter
from hub.problem import Problem
from hub.schema import CLINIC, CLINIC_KEY, KEY_TURN
from hub.wire import Rotate, read

REPEATED = timedelta(days=30)
"""How long the old key may say again which key follows it."""
UNDER_WAY = timedelta(minutes=2)
"""What the old key signed until then is still taken: another part of the agent had not heard of the change."""
_MICROSECOND = timedelta(microseconds=1)
log = logging.getLogger("creneau.hub")


def rotate(ask: Ask) -> Mapping[str, Any]:
    """Return the receipt {key, body_sha256}. Raises Problem: schema, bad-signature, not-current, key-retired."""
    asked = read(Rotate, ask.claims)
    try:
        new = open_next(asked.next, prior=ask.key.kid, iss=ask.clinic.id, aud=ask.hub.origin)
        sealing = open_statement(asked.sealing, named([new]), clinic=ask.clinic.id)
    except Rejected as error:
        raise Problem(error.problem, {"where": ["next", "sealing"]}) from None
    turn = ask.conn.execute(select(KEY_TURN).where(KEY_TURN.c.kid == ask.key.kid)).one_or_none()
    if turn is None:
        turns.require_current(ask.clinic, ask.key.instance)
        _take_over(ask, new, json.dumps(public_jwk(sealing.key)))
        said = {"statement": asked.sealing, "statement_n": sealing.n}
        ask.conn.execute(update(CLINIC).where(CLINIC.c.id == ask.clinic.id).values(said))
        enter(ask.conn, ask.hub, ask.clinic.id, "rotate", ask.opened.jti, ask.text, proof=True)
        log.info("hub.key-rotated clinic=%s key=%s", ask.clinic.id, thumbprint(new))
    elif turn.next != thumbprint(new):
        raise Problem("key-retired")
    return {"key": thumbprint(new), "body_sha256": ask.opened.payload_sha256}


def _take_over(ask: Ask, new: OKPKey, sealing: str) -> None:
    kid, old = thumbprint(new), ask.key
    if ask.conn.execute(select(CLINIC_KEY.c.kid).where(CLINIC_KEY.c.kid == kid)).first() is not None:
        raise Problem("schema", {"where": ["next"]})  # a key names one agent of one clinic, once
    public = json.dumps(public_jwk(new))
    row = {"kid": kid, "clinic": old.clinic, "instance": old.instance, "signing": public, "sealing": sealing}
    ask.conn.execute(insert(CLINIC_KEY).values(**row, software=old.software, made=ask.now))
    ask.conn.execute(update(CLINIC_KEY).where(CLINIC_KEY.c.kid == old.kid).values(retired=ask.now))
    ask.conn.execute(insert(KEY_TURN).values(kid=old.kid, next=kid, at=ask.now))


def still_counts(conn: Connection, kid: str, verb: str, iat: int, now: int) -> bool:
    """Say whether a retired key may speak once more: it was followed, not shut out, and so was its follower not."""
    follower = CLINIC_KEY.c.kid == KEY_TURN.c.next
    asked = select(KEY_TURN.c.at).select_from(KEY_TURN.join(CLINIC_KEY, follower))
    at = conn.scalar(asked.where(KEY_TURN.c.kid == kid, CLINIC_KEY.c.retired.is_(None)))
    if at is None:
        return False
    if verb == "rotate":
        return now - int(at) < REPEATED // _MICROSECOND
    return iat * 1_000_000 <= int(at) + UNDER_WAY // _MICROSECOND
