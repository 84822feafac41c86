"""Read unsealed patient details strictly.

Rule: they count only for the order whose booking and version they repeat, and no error shows any of them.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from agent.core.envelope import Rejected
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.model import BookingId, Patient

_TEXTS = ("family", "given", "nam", "phone", "email", "sex", "note")
_MOST = {"note": 1000}
_LONG = 200


def read_patient(claims: Mapping[str, Any], booking: BookingId, version: int) -> Patient:
    """Return the patient. Raises Rejected("reseal") for another order, Refused("schema") for another shape."""
    if claims.get("booking") != booking or claims.get("version") != version:
        raise Rejected("reseal", "sealed for another order")
    texts = {name: claims.get(name) or "" for name in _TEXTS}
    born = claims.get("born")
    try:
        day = date.fromisoformat(born) if born else None
    except (TypeError, ValueError):
        raise _shape() from None
    if not texts["family"] or not all(_is_text(name, text) for name, text in texts.items()):
        raise _shape()
    return Patient(booking, version, born=day, **texts)


def _is_text(name: str, text: object) -> bool:
    return isinstance(text, str) and len(text) <= _MOST.get(name, _LONG) and "\0" not in text


def _shape() -> Refused:
    says = say("they are not in the form the protocol prescribes")
    return Refused(say("open the patient's details"), says, reason="schema")
