"""`secret set/list`: passwords and keys of the vault, by name.

Rule: a value goes in and never comes out; the ledger holds the name only.
"""

import re
from collections.abc import Mapping
from typing import Any

from agent.answers.house import Asked, House
from agent.core.errors import Refused
from agent.core.message import say

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def put(house: House, asked: Asked) -> Mapping[str, Any]:
    """Store `value` under `name`; answer {name, used}; `used`: an [[emr]] of this name exists."""
    name, value = asked.text("name"), asked.text("value")
    if not NAME.fullmatch(name):
        raise Refused(
            say("store a secret"),
            say("a secret's name is lower case letters, digits, dots and dashes"),
            say("use the id of the [[emr]] section"),
            reason="schema",
        )
    if not value:
        raise Refused(say("store a secret"), say("the value is empty"), say("type it, or pipe it in"), reason="schema")
    house.vault.put(name, value)
    house.records.line("secret", name.encode(), asked.now, who=asked.who)
    house.wake("publish")
    return {"name": name, "used": name in {str(source.id) for source in house.plan().emrs}}


def names(house: House, asked: Asked) -> Mapping[str, Any]:
    """Answer {secrets: [{name, used}]}; `used`: an [[emr]] of this name exists; those missing have `stored` false."""
    del asked
    stored = set(house.vault.names())
    sources = {str(source.id) for source in house.plan().emrs}
    return {
        "secrets": [
            {"name": name, "stored": name in stored, "used": name in sources} for name in sorted(stored | sources)
        ]
    }
