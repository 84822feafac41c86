"""`offer`: bring the hub's view of a clinic up to the clinic's own.

Rule: applied whole or not at all.
"""

from collections.abc import Mapping
from typing import Any

from hub import turns, view
from hub.ask import Ask
from hub.hub import enter
from hub.wire import Offer, read


def offer(ask: Ask) -> Mapping[str, Any]:
    """Return the receipt {epoch, seq, roots, body_sha256}. Raises Problem: not-current, stale-epoch, resync, schema."""
    asked = read(Offer, ask.claims)
    turns.require_current(ask.clinic, ask.key.instance)
    held = view.apply(ask.conn, ask.clinic, asked, ask.as_of)
    enter(ask.conn, ask.hub, ask.clinic.id, "offer", ask.opened.jti, ask.text, proof=False)
    return {**held, "body_sha256": ask.opened.payload_sha256}
