"""Who may write into the EMR: one instance of a clinic at a time, for 180 s after each answered beat or poll.

Rule: the number grows with every new holder, and a replacement waits until the turn before it has run out.
"""

import json
import logging
from typing import Any

from sqlalchemy import Connection, Row, update

from hub.problem import Problem
from hub.schema import CLINIC

SECONDS = 180
_BOOTS_KEPT = 50
log = logging.getLogger("creneau.hub")


def require_current(clinic: Row[Any], instance: str) -> None:
    """Refuse an instance that does not hold the clinic, and every instance of a torn one."""
    if clinic.torn or clinic.instance != instance:
        raise Problem("not-current")


def renew(conn: Connection, clinic: Row[Any], instance: str, boot: str, iat: int, now: int) -> dict[str, int] | None:
    """Return {"number", "seconds"}; None while a former instance may still believe in its turn.

    A boot that was replaced and speaks again is a clone, or a machine brought back from an image: both run, neither
    gets a turn, a person picks one. A request issued before the replacement first spoke is merely late.
    """
    require_current(clinic, instance)
    boots = json.loads(clinic.boots)
    if boot in boots:
        if iat > clinic.boot_iat:
            _set(conn, clinic, torn=True)
            log.warning("hub.torn clinic=%s", clinic.id)
        raise Problem("not-current", keep=True)
    starts = boot != clinic.boot
    if starts:
        replaced = [*boots, clinic.boot] if clinic.boot else boots
        _set(conn, clinic, boot=boot, boot_iat=iat, boots=json.dumps(replaced[-_BOOTS_KEPT:]))
    if now < clinic.turn_free:
        return None
    number = above(clinic.turn, now) if starts or now >= clinic.turn_until else clinic.turn
    _set(conn, clinic, turn=number, turn_until=now + SECONDS * 1_000_000)
    return {"number": number, "seconds": SECONDS}


def above(number: int, now: int) -> int:
    """Return the next number, never below the seconds since 1970: it grows even when the store was lost or is older.

    An agent takes no turn below one that has written: a hub that counted from its backup on would leave a cancel
    waiting until it had given as many turns as before.
    """
    return max(number + 1, now // 1_000_000)


def hand_over(conn: Connection, clinic: Row[Any], instance: str) -> None:
    """Make another instance the current one; it gets no turn while the former may believe in its own."""
    values = {"instance": instance, "boot": None, "boots": "[]", "boot_iat": 0, "torn": False}
    unsaid = {"statement": None, "statement_n": 0}  # statements count anew under another signing key
    _set(conn, clinic, turn_free=clinic.turn_until, **values, **unsaid)


def _set(conn: Connection, clinic: Row[Any], **values: Any) -> None:
    conn.execute(update(CLINIC).where(CLINIC.c.id == clinic.id).values(values))
