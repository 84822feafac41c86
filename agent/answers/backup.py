"""`backup`: a sealed copy of state and ledger, left in the data folder for the command line to fetch.

Rule: the ledger keeps that a copy was taken and by whom, never the passphrase.
"""

from collections.abc import Mapping
from typing import Any

from agent.answers.house import Asked, House


def backup(house: House, asked: Asked) -> Mapping[str, Any]:
    """Save with `passphrase`; answer {file}: where the sealed copy lies."""
    file = house.save(asked.text("passphrase"), asked.now)
    house.records.line("backup", file.name.encode(), asked.now, who=asked.who)
    return {"file": str(file)}
