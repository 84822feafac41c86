"""`veto add/lift/list`: a doctor says no, and only the code they were given takes it back.

Rule: a veto lives in the journal, out of the manager's file; of its code only a salted hash is kept, nowhere the code.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from agent.answers.house import Asked, House
from agent.answers.people import Coded, Person, find
from agent.answers.shape import moment
from agent.core.errors import Refused
from agent.core.message import say
from agent.core.model import EmrName

PREFIX = "veto:"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that a digit can be taken for."""
LENGTH, GROUP = 15, 5
_READ = str.maketrans("OIL", "011", "- ")
_COST = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 32}


def add(house: House, asked: Asked) -> Mapping[str, Any]:
    """Keep a veto of `who` and answer {who, code, codes}; the code is told this once.

    In force before it returns: the slots leave with the next tick. Refused: nobody or several answer to `who`, or the
    veto stands already.
    """
    person = find(house, asked, asked.text("who"))
    standing = vetoes_of(house.records.facts())
    if all(coded in standing for coded in person.codes):
        raise Refused(
            say("keep the veto"),
            say("{who} has a veto already", who=person.name),
            say("creneau veto list"),
            reason="vetoed",
        )
    code = fresh_code(house.dice.token())
    kept = json.dumps(_entry(person, code, house.dice.token(), asked), ensure_ascii=False, sort_keys=True)
    changes = {_name(coded): kept for coded in person.codes if coded not in standing}
    house.records.put(changes, asked.now, kind="veto", who=asked.who)
    _in_force(house)
    return {"who": person.name, "code": code, "codes": [code for _, code in person.codes]}


def lift(house: House, asked: Asked) -> Mapping[str, Any]:
    """Forget the veto of `who` if `code` is theirs; answer {who}. Refused(reason="code") else, with a ledger line."""
    who, code = asked.text("who"), asked.text("code")
    every = list(_entries(house.records.facts()))
    entries = [entry for entry in every if _is_of(entry, who)]
    if not entries:
        raise Refused(
            say("lift the veto"), say("no veto of {who} is in force", who=who), say("creneau veto list"), reason="none"
        )
    hashes = {entry["hash"] for entry in entries if _fits(entry, code)}
    lifted = [entry for entry in every if entry["hash"] in hashes]  # all codes of one person
    if not lifted:
        house.records.line("veto", json.dumps({"refused": entries[0]["who"]}).encode(), asked.now, who=asked.who)
        raise Refused(
            say("lift the veto"),
            say("this is not the doctor's code"),
            say("the doctor has it on paper; nobody else can find it out"),
            reason="code",
        )
    house.records.put({entry["fact"]: None for entry in lifted}, asked.now, kind="veto", who=asked.who)
    _in_force(house)
    return {"who": lifted[0]["who"]}


def listing(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {vetoes: [{who, emr, code, since, by}]}, oldest first."""
    del asked
    found = sorted(_entries(house.records.facts()), key=lambda entry: (entry["at"], entry["fact"]))
    return {
        "vetoes": [
            {"who": one["who"], "emr": one["emr"], "code": one["code"], "since": one["at"] or None, "by": one["by"]}
            for one in found
        ]
    }


def vetoes_of(facts: Mapping[str, str]) -> frozenset[Coded]:
    """Return whose slots stay, from the journal's facts; an entry nobody can read is a veto all the same."""
    return frozenset(_coded(name) for name in facts if name.startswith(PREFIX))


def fresh_code(token: str) -> str:
    """Return 75 of the token's 128 random bits as three groups of five."""
    number = int.from_bytes(base64.urlsafe_b64decode(token + "=="))
    letters = "".join(ALPHABET[number >> 5 * place & 31] for place in range(LENGTH))
    return "-".join(letters[place : place + GROUP] for place in range(0, LENGTH, GROUP))


def _hash(code: str, salt: str) -> str:
    read = code.upper().translate(_READ)
    return hashlib.scrypt(read.encode(), salt=salt.encode(), **_COST).hex()


def _entry(person: Person, code: str, salt: str, asked: Asked) -> Mapping[str, str]:
    return {
        "who": person.name,
        "at": moment(asked.now.utc) or "",
        "by": asked.who,
        "salt": salt,
        "hash": _hash(code, salt),
    }


def _entries(facts: Mapping[str, str]) -> Iterable[dict[str, str]]:
    """Yield each veto with its place; of one that cannot be read only the place is known, and no code fits it."""
    for name, text in facts.items():
        if not name.startswith(PREFIX):
            continue
        emr, code = _coded(name)
        entry = {"who": code, "at": "", "by": "", "salt": "", "hash": ""}
        with suppress(ValueError, AttributeError):
            entry |= {key: str(value) for key, value in json.loads(text).items()}
        yield {**entry, "fact": name, "emr": emr, "code": code}


def _is_of(entry: Mapping[str, str], who: str) -> bool:
    return who in {entry["code"], f"{entry['emr']}:{entry['code']}"} or who.casefold() in entry["who"].casefold()


def _fits(entry: Mapping[str, str], code: str) -> bool:
    return bool(entry["hash"]) and hmac.compare_digest(_hash(code, entry["salt"]), entry["hash"])


def _name(coded: Coded) -> str:
    return f"{PREFIX}{coded[0]}:{coded[1]}"


def _coded(name: str) -> Coded:
    emr, _, code = name.removeprefix(PREFIX).partition(":")
    return EmrName(emr), code


def _in_force(house: House) -> None:
    house.reload()
    for kind in ("publish", "deliver", "apply"):
        house.wake(kind)
