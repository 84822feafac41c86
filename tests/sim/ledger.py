"""I12 on the real journal: what left, came in or was receipted has its line in the ledger, once.

Rule: what left is known from the wire and what must have come in from the bookings, never from the lines judged here.
"""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from agent.core.envelope import payload_hash
from agent.core.envelope.strict import read_base64url
from tests.sim.computer import Computer
from tests.sim.world import World

ALL = 1_000_000


def accounted(world: World) -> None:
    """Hold I12 on every computer, of what its journal has lived through: power cuts are, backups are not."""
    for one in world.computers:
        kept: dict[str, list[str]] = {"sent": [], "received": [], "receipt": []}
        for line in one.journal.records().ledger(0, ALL):
            if line.kind in kept:
                kept[line.kind].append(line.body.decode())
        _once(kept["sent"], "sent")
        _once(kept["received"], "received")
        assert one.left <= set(kept["sent"]), "a message left without a line in the ledger"
        _receipts(one, kept["sent"], kept["receipt"])
        _orders(one, kept["received"])


def _once(lines: Iterable[object], kind: str) -> None:
    assert not [line for line, times in Counter(lines).items() if times > 1], f"one message {kind}, two lines"


def _receipts(one: Computer, sent: list[str], receipts: list[str]) -> None:
    said = list(map(claims, receipts))
    _once((receipt["re"] for receipt in said), "receipted")
    covered = {receipt["body_sha256"] for receipt in said}
    assert covered <= set(map(payload_hash, sent)), "a receipt of something that has no line"
    standing = one.journal.outbox().standing()
    believed = standing.epoch is None or (standing.epoch, standing.seq) in {
        (receipt.get("epoch"), receipt.get("seq")) for receipt in said
    }
    assert believed, "an offer is believed that has no receipt"


def claims(jws: str) -> Any:
    """Return what a signed message says."""
    return json.loads(read_base64url(jws.split(".")[1]))


def _orders(one: Computer, received: list[str]) -> None:
    came = {(order["booking"], order["version"]) for order in map(claims, received)}
    have = {(row.booking, row.seen_ver) for row in one.journal.records().bookings()}
    assert have <= came, "a booking nobody is said to have ordered"
