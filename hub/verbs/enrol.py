"""`enrol`: believe a new agent's keys because it knows the one-time code.

Rule: the code is never sent, each wrong proof counts, and the same code with the same key repeats the answer.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from agent.core.envelope import Applicant, Enrolled, enrolled_body, public_jwk, thumbprint
from hub import turns
from hub.hub import Hub, enter
from hub.problem import Problem
from hub.ring import heard
from hub.schema import CLINIC, CLINIC_KEY, CODE, CONTACT
from hub.store import clinic_row, put
from hub.wire import Enrol, read

TRIES = 5
log = logging.getLogger("creneau.hub")


def enrol(hub: Hub, conn: Connection, applicant: Applicant, text: str, now: int) -> Mapping[str, Any]:
    """Return {clinic, keys, policy, proof}. Raises Problem `unknown-clinic`, `why` beside it.

    `why`: "clinic" (the agent belongs to another clinic than the code is for; the code stays good), "code" (unknown, mistyped, expired or worn out: one word for all), "used" or "takeover" (the clinic has an
    agent; its replacement needs a code made for that).
    """
    asked = read(Enrol, applicant.opened.claims)
    kid = thumbprint(applicant.signing)
    code = conn.execute(select(CODE).where(CODE.c.handle == asked.handle).with_for_update()).one_or_none()
    if code is None or code.tries >= TRIES or now >= code.expires:
        raise Problem("unknown-clinic", {"why": "code"})
    if not applicant.proves(bytes.fromhex(code.secret), hub.origin):
        conn.execute(update(CODE).where(CODE.c.handle == code.handle).values(tries=code.tries + 1))
        raise Problem("unknown-clinic", {"why": "code"}, keep=True)
    if asked.clinic not in {None, code.clinic}:
        raise Problem("unknown-clinic", {"why": "clinic"})
    if code.used_by is None:
        _admit(conn, code, applicant, asked, now)
        heard(conn, code.clinic, hub.ring.n)
        if asked.contact:
            put(conn, CONTACT, {"clinic": code.clinic}, {"says": asked.contact})
        enter(conn, hub, code.clinic, "enrol", kid, text, proof=True)
        log.info("hub.enrolled clinic=%s key=%s takeover=%s", code.clinic, kid, code.takeover)
    elif code.used_by != kid:
        raise Problem("unknown-clinic", {"why": "used"})
    return enrolled_body(bytes.fromhex(code.secret), Enrolled(code.clinic, hub.ring.n, hub.ring.keys()), kid)


def _admit(conn: Connection, code: Row[Any], applicant: Applicant, asked: Enrol, now: int) -> None:
    """Make the clinic, or hand an enrolled one over to a new instance."""
    kid = thumbprint(applicant.signing)
    clinic = clinic_row(conn, code.clinic)
    if clinic is None:
        conn.execute(insert(CLINIC).values(new_clinic(code.clinic, code.name, asked.instance, now)))
    elif not code.takeover and _enrolled(conn, clinic.id):
        raise Problem("unknown-clinic", {"why": "takeover"})
    else:
        turns.hand_over(conn, clinic, asked.instance)
    if conn.execute(select(CLINIC_KEY.c.kid).where(CLINIC_KEY.c.kid == kid)).first() is not None:
        raise Problem("unknown-clinic", {"why": "used"})  # a key names one agent of one clinic, once
    conn.execute(
        insert(CLINIC_KEY).values(
            kid=kid,
            clinic=code.clinic,
            instance=asked.instance,
            signing=json.dumps(public_jwk(applicant.signing)),
            sealing=json.dumps(public_jwk(applicant.sealing)),
            software=asked.software,
            made=now,
        )
    )
    conn.execute(update(CODE).where(CODE.c.handle == code.handle).values(used_by=kid))


def _enrolled(conn: Connection, clinic: str) -> bool:
    theirs = (CLINIC_KEY.c.clinic == clinic, CLINIC_KEY.c.retired.is_(None))
    return conn.execute(select(CLINIC_KEY.c.kid).where(*theirs)).first() is not None


def new_clinic(name: str, label: str, instance: str, now: int) -> dict[str, Any]:
    """Return the row of a clinic that has just joined."""
    numbers = ("epoch", "seq", "boot_iat", "turn", "turn_until", "turn_free", "entries", "listed", "listed_turn")
    row: dict[str, Any] = {"id": name, "name": label, "made": now, "instance": instance, "boots": "[]"}
    return row | {"offers": True, "torn": False, "statement_n": 0} | dict.fromkeys(numbers, 0)
