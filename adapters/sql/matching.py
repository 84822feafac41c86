"""Whose appointment is it: find the patient of a booking among the people the EMR knows.

Rule: one certain person or none; nobody is made, merged or guessed.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from agent.core.model import Patient


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """Somebody of the EMR's, as far as matching needs. No repr."""

    number: str
    born: date | None
    family: str = field(default="")
    given: str = field(default="")


def match(patient: Patient, by_card: Sequence[Known], by_birth: Sequence[Known]) -> str | None:
    """Return the EMR's number of the patient; None = nobody, or more than one.

    `by_card`: who has exactly this health card. `by_birth`: who may be born that day. A card counts only with the
    birth date beside it (one digit wrong is another person); names count without accents, case and hyphens.
    """
    if patient.born is None:
        return None
    carded = [each for each in by_card if each.born == patient.born]
    if carded:
        return _only(carded)
    named = letters(patient.family), letters(patient.given)
    both = (each for each in by_birth if (letters(each.family), letters(each.given)) == named)
    return _only([each for each in both if each.born == patient.born])


def born(year: Any, month: Any, day: Any) -> date | None:
    """Return a birth date kept in three columns, whatever their types; None when it is none."""
    parts = [str(part if part is not None else "").strip() for part in (year, month, day)]
    if not all(part.isdecimal() for part in parts):
        return None
    try:
        return date(*map(int, parts))
    except ValueError:
        return None


def letters(text: str) -> str:
    """Compare as people do: no accents, no case, no hyphens."""
    flat = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in flat if c.isalnum())


def plain(text: str, *, beyond: bool = False) -> str:
    """Return it on one line, without control characters; `beyond`: with what lies beyond U+FFFF (not for utf8mb3)."""
    kept = "".join(" " if unicodedata.category(c)[0] == "C" or (ord(c) > 0xFFFF and not beyond) else c for c in text)
    return " ".join(kept.split())


def told(label: str, patient: Patient, *, matched: bool, beyond: bool = False) -> str:
    """Return what the front desk reads: the label and the note; of somebody unknown also how to reach them."""
    parts = (label, patient.note) if matched else (label, patient.phone, patient.email, patient.note)
    return plain(" - ".join(part for part in parts if part), beyond=beyond)


def tailed(text: str, token: str, width: int) -> str:
    """Return a text with a token behind it, the text cut so that the token stays whole."""
    tail = f" [{token}]" if token else ""
    return f"{text[: width - len(tail)]}{tail}"


def _only(people: Sequence[Known]) -> str | None:
    numbers = {each.number for each in people}
    return next(iter(numbers)) if len(numbers) == 1 else None
