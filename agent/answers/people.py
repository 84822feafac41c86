"""Whom a person at the clinic means: by the code of the EMR, or by part of a name.

Rule: nobody is guessed; a word that fits two people is asked again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.answers.emr import names
from agent.answers.house import Asked, House
from agent.core.errors import CreneauError, Refused
from agent.core.message import say
from agent.core.model import EmrName
from agent.core.sharing import Accord

Coded = tuple[EmrName, str]


@dataclass(frozen=True, slots=True)
class Person:
    """One person. `codes`: all of theirs, one or more a source."""

    name: str
    codes: tuple[Coded, ...]


def find(house: House, asked: Asked, who: str) -> Person:
    """Return the one person meant; Refused(reason="who") when there is none or more than one.

    The roster first; then, for somebody the file does not name, the EMR.
    """
    found = _matching(_roster(house.plan().sharing.roster), who) or _matching(_emr(house, asked), who)
    if len(found) == 1:
        return found[0]
    says = say("nobody answers to {who}", who=who)
    hint = say("creneau emr list shows the codes")
    if found:
        says = say("several people answer to {who}: {names}", who=who, names=", ".join(one.name for one in found))
        hint = say("write the code instead")
    raise Refused(say("look up a person"), says, hint, reason="who")


def _roster(roster: Mapping[Coded, Accord]) -> Iterable[Person]:
    """Join the codes of one name: the file gives a person known to two sources the same name twice."""
    codes: dict[str, list[Coded]] = {}
    for coded, accord in roster.items():
        codes.setdefault(accord.name, []).append(coded)
    return [Person(name, tuple(sorted(found))) for name, found in codes.items()]


def _emr(house: House, asked: Asked) -> Iterable[Person]:
    """Read the people of the EMR; one that does not answer knows nobody."""
    try:
        rows = [row for row in names(house, asked.now.utc, 28) if row["kind"] == "practitioner"]
    except CreneauError:
        return []
    return [Person(str(row["label"] or row["code"]), ((EmrName(row["emr"]), str(row["code"])),)) for row in rows]


def _matching(people: Iterable[Person], who: str) -> list[Person]:
    people = list(people)
    exact = [one for one in people if any(who in {code, f"{emr}:{code}"} for emr, code in one.codes)]
    return exact or [one for one in people if who and who.casefold() in one.name.casefold()]
