"""`enrol`: join a hub with a one-time code.

Rule: the ledger keeps which hub was joined and by whom, never the code.
"""

import json
from collections.abc import Mapping
from typing import Any

from agent.answers.house import Asked, House
from agent.core.envelope import jwks


def enrol(house: House, asked: Asked) -> Mapping[str, Any]:
    """Join with `code`; answer {clinic, hub, instance, fingerprint}: two people compare the last on the phone.

    With `replace` true this agent takes the place of one that is lost: the hub shuts the other out (its code was made
    for that), and here every booking is listed and looked up in the EMR again before anything is written.
    """
    identity = house.join(asked.text("code"), asked.now)
    if asked.args.get("replace", False) is True:
        house.records.put({"lost": asked.now.utc.isoformat(timespec="seconds"), "cursor": None}, asked.now)
    told = {"clinic": identity.clinic, "hub": identity.hub, "fingerprint": identity.fingerprint}
    kept = {**told, "keys": jwks(house.keys.hub())}  # public: with them the hub's receipts are proved years later
    house.records.line("enrol", json.dumps(kept, sort_keys=True).encode(), asked.now, who=asked.who)
    house.reload()
    for kind in ("receive", "deliver", "beat"):  # they may be waiting an hour for a hub that would not have us
        house.wake(kind)
    return {**told, "instance": identity.instance}
