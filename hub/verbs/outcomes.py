"""`outcomes`: take in what became of bookings.

Rule: facts are accepted from any key enrolled for the clinic, in any epoch, with or without a turn.
"""

from collections.abc import Mapping
from typing import Any

from hub import outcomes as reported
from hub.ask import Ask
from hub.hub import enter
from hub.wire import Outcomes, read


def outcomes(ask: Ask) -> Mapping[str, Any]:
    """Return the receipt {body_sha256, accepted}. Raises Problem: schema."""
    asked = read(Outcomes, ask.claims)
    for outcome in asked.outcomes:
        reported.store(ask.conn, ask.clinic.id, ask.key.kid, outcome, ask.now)
    enter(ask.conn, ask.hub, ask.clinic.id, "outcomes", ask.opened.jti, ask.text, proof=True)
    return {"body_sha256": ask.opened.payload_sha256, "accepted": len(asked.outcomes)}
