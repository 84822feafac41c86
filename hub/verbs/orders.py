"""`orders`: hand orders to the instance that holds the clinic, at once or when one arrives.

Rule: a cursor of this log acknowledges; without one, or in a new turn, the list is whole.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update

from hub import orders as book
from hub import turns
from hub.ask import Ask, Wait
from hub.hub import WAIT_S
from hub.schema import CLINIC
from hub.wire import AskOrders, read


def orders(ask: Ask) -> Mapping[str, Any] | Wait:
    """Return {turn, cursor, next_call_s, full, orders}, or how long to wait. Raises Problem: not-current, schema."""
    asked = read(AskOrders, ask.claims)
    turn = turns.renew(ask.conn, ask.clinic, ask.key.instance, asked.boot, ask.iat, ask.now)
    entries, listed = _begin_turn(ask, turn)
    n = asked.cursor.n if asked.cursor and asked.cursor.log == ask.hub.log else None
    if n is None or n < listed or n > entries:
        return _answer(ask, turn, entries, book.all_open(ask), full=True)
    found, n = book.after(ask, n)
    if not found and not ask.last and asked.wait_s:
        return Wait(min(asked.wait_s, WAIT_S))
    return _answer(ask, turn, n, found, full=False)


def _begin_turn(ask: Ask, turn: Mapping[str, int] | None) -> tuple[int, int]:
    """Return (entries, listed). A new turn takes a number, so that its cursor tells whether the full list came home."""
    row = ask.clinic
    number = turn["number"] if turn else row.listed_turn
    if number == row.listed_turn:
        return row.entries, row.listed
    n = row.entries + 1
    values = {"entries": n, "listed": n, "listed_turn": number}
    ask.conn.execute(update(CLINIC).where(CLINIC.c.id == row.id).values(values))
    return n, n


def _answer(
    ask: Ask, turn: Mapping[str, int] | None, n: int, found: list[dict[str, Any]], *, full: bool
) -> Mapping[str, Any]:
    return {
        "turn": turn,
        "cursor": {"log": ask.hub.log, "n": n},
        "next_call_s": 0 if found or ask.claims.get("wait_s") else 1,
        "full": full,
        "orders": found,
    }
