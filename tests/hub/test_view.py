"""Views converge under loss, repetition and reordering, and (epoch, seq) never goes back."""

import random
from typing import Any

import pytest
from sqlalchemy import select

from agent.core.changes import roots
from agent.core.sharing import revive
from hub import view
from hub.problem import Problem
from hub.schema import CLINIC, SITE, SLOT, micros
from hub.store import clinic_row
from hub.wire import Offer

SITES = [{"id": name, "name": name, "zone": "America/Toronto"} for name in ("principal", "annexe")]
NAMES = frozenset(site["id"] for site in SITES)


def expected(held: dict[str, Any]) -> dict[str, str]:
    return dict(roots({name: revive(slot) for name, slot in held.items()}, NAMES))


def deliver(world: Any, message: dict[str, Any]) -> dict[str, Any] | None:
    """Return the receipt, None when the hub answered a problem; the hub never goes back and is never half-way."""
    with world.hub.store.write() as conn:
        clinic = clinic_row(conn, "fjord")
        step = conn.begin_nested()
        try:
            receipt = view.apply(conn, clinic, Offer.model_validate(message), micros(world.clock.now()))
        except Problem:
            step.rollback()
            receipt = None
        else:
            step.commit()
        after = conn.execute(select(CLINIC)).one()
        assert (after.epoch, after.seq if after.epoch == clinic.epoch else 1) >= (clinic.epoch, 0)
        assert after.epoch > clinic.epoch or after.seq >= clinic.seq
    held = holds(world)
    with world.hub.store.read() as conn:
        stored = {row.id: row.root for row in conn.execute(select(SITE))}
    assert not stored or stored == expected(held)
    return receipt


def holds(world: Any) -> dict[str, Any]:
    import json

    with world.hub.store.read() as conn:
        return {row.id: json.loads(row.slot) for row in conn.execute(select(SLOT))}


class Sender:
    """The rule of the agent: told against wanted, a snapshot when in doubt."""

    def __init__(self) -> None:
        self.epoch: int | None = None
        self.seq = 0
        self.told: dict[str, Any] = {}

    def message(self, wanted: dict[str, Any]) -> dict[str, Any]:
        proof = {"count": len(wanted), "roots": expected(wanted), "epoch": self.epoch}
        if self.epoch is None:
            return proof | {"base_seq": 0, "seq": 1, "snapshot": list(wanted.values()), "sites": SITES}
        put = [slot for name, slot in wanted.items() if name not in self.told]
        change = {"put": put, "del": [name for name in self.told if name not in wanted]}
        return proof | {"base_seq": self.seq, "seq": self.seq + 1, "changes": change}

    def hear(self, receipt: dict[str, Any] | None, wanted: dict[str, Any]) -> None:
        if receipt is None:
            self.epoch = None
        else:
            self.epoch, self.seq, self.told = receipt["epoch"], receipt["seq"], dict(wanted)


@pytest.mark.parametrize("seed", range(8))
def test_views_converge(world: Any, agent: Any, slot: Any, seed: int) -> None:
    """Messages and receipts are lost, repeated and late; two clean rounds later both sides are equal."""
    dice, sender, late, fresh = random.Random(seed), Sender(), [], iter(range(1000))
    wanted: dict[str, Any] = {}
    for _ in range(40):
        for name in [name for name in wanted if dice.random() < 0.2]:
            del wanted[name]
        for _ in range(dice.randrange(3)):
            new = slot(f"{seed}-{next(fresh)}", dice.randrange(8, 18), site=dice.choice(sorted(NAMES)))
            wanted[new["id"]] = new
        message = sender.message(wanted)
        late.append(message)
        if dice.random() < 0.2:
            continue
        receipt = deliver(world, message)
        if dice.random() < 0.9:
            sender.hear(receipt, wanted)
        if dice.random() < 0.3 and late:
            deliver(world, late.pop(dice.randrange(len(late))))
        if dice.random() < 0.03:
            sender = Sender()  # the agent lost its state
    for _ in range(2):
        sender.hear(deliver(world, sender.message(wanted)), wanted)
    assert sender.told == holds(world) == wanted
