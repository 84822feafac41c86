"""`beat`: hear how an agent is, renew its turn and the validity of what it proves equal.

Rule: nothing is renewed that was not proved.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import or_, select, update

from agent.core.envelope import Rejected, import_jwk, jws_hash, named, open_statement
from hub import releases, turns, view
from hub.ask import Ask
from hub.hub import WAIT_S, enter
from hub.problem import Problem
from hub.ring import heard
from hub.schema import CLINIC, CLINIC_KEY
from hub.wire import Beat, read


def beat(ask: Ask) -> Mapping[str, Any]:
    """Return {turn, pace, keys, countersigned?, release?}. Raises Problem: stale-epoch, resync (with the same members), schema.

    `not-current` is no problem here: the turn is null, and the beat is still heard.
    """
    asked = read(Beat, ask.claims)
    answer: dict[str, Any] = {"turn": None, "pace": {"wait_s": WAIT_S}, "keys": ask.hub.ring.after(asked.keys)}
    line = releases.line(ask.hub)
    if line is not None:
        answer["release"] = line
    current = ask.clinic.instance == ask.key.instance
    try:
        answer["turn"] = turns.renew(ask.conn, ask.clinic, ask.key.instance, asked.boot, ask.iat, ask.now)
    except Problem:
        current = False
    if asked.ledger_head is not None:
        enter(ask.conn, ask.hub, ask.clinic.id, "head", ask.opened.jti, ask.text, proof=True)
        answer["countersigned"] = asked.ledger_head
    if not current:
        return answer
    heard(ask.conn, ask.clinic.id, asked.keys)
    said = asked.model_dump(mode="json", exclude={"sealing", "renew"})
    values = {"beat": json.dumps(said), "beat_at": ask.now, **_statement(ask, asked.sealing)}
    ask.conn.execute(update(CLINIC).where(CLINIC.c.id == ask.clinic.id).values(values))
    problem = view.renew(ask.conn, ask.clinic, asked.renew, ask.as_of) if asked.renew else ""
    if problem:
        raise Problem(problem, {**answer, "held": view.held(ask.conn, ask.clinic)}, keep=True)
    return answer


def _statement(ask: Ask, text: str | None) -> dict[str, Any]:
    """Keep the clinic's word on its sealing key; a lower number never replaces a higher one."""
    if text is None or (ask.clinic.statement and jws_hash(text) == jws_hash(ask.clinic.statement)):
        return {}
    live = or_(CLINIC_KEY.c.retired.is_(None), CLINIC_KEY.c.kid == ask.key.kid)  # a late one of a key just replaced
    theirs = (CLINIC_KEY.c.clinic == ask.clinic.id, live)
    keys = named(import_jwk(json.loads(row)) for row in ask.conn.scalars(select(CLINIC_KEY.c.signing).where(*theirs)))
    try:
        said = open_statement(text, keys, clinic=ask.clinic.id)
    except Rejected:
        raise Problem("schema", {"where": ["sealing"]}) from None
    return {"statement": text, "statement_n": said.n} if said.n > ask.clinic.statement_n else {}
