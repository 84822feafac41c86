"""The guards of slot sync, each taken away in turn.

Rule: a guard that has a twin is taken away together with it.
"""

from tests.mutants.mutant import Edit, Mutant, mutant

SYNC0, SYNC1 = ("slot sync", "2 1 0"), ("slot sync", "2 1 1")
SYNC2 = ("slot sync", "2 1 2")
VIEW, DELIVER, BEAT, HEALTH = "hub/view.py", "agent/legs/deliver.py", "agent/legs/beat.py", "agent/core/health.py"
HUB = (
    "unit",
    "tests/hub/test_view.py tests/hub/test_offer.py tests/hub/test_exchange.py tests/hub/test_orders.py tests/hub/test_portal.py",
)
LINK = ("unit", "tests/agent/link tests/core/test_health.py")
PUBLISH = ("unit", "tests/agent/test_publish.py tests/core/test_changes.py")
JOURNAL = ("unit", "tests/agent/journal/test_outbox.py")

MUTANTS: tuple[Mutant, ...] = (
    mutant("lapse", VIEW, "        SITE.c.renewed > now - VALIDITY // timedelta(microseconds=1),\n", "", SYNC0, HUB),
    mutant("started slots", VIEW, "        SLOT.c.start > now,\n", "", HUB),
    mutant("hidden under an order", VIEW, "        SLOT.c.booking.is_(None),\n", "", HUB),
    mutant("freed only by a later renewal", VIEW, "        or_(SLOT.c.freed.is_(None), SITE.c.renewed > SLOT.c.freed),\n", "", HUB),
    mutant("current epoch", VIEW, "        if offer.epoch != clinic.epoch or clinic.epoch == 0:\n", "        if False:\n", SYNC1, HUB),
    mutant("seq goes up", VIEW, "if offer.seq <= clinic.seq or offer.base_seq > clinic.seq:", "if offer.base_seq > clinic.seq:", SYNC1, HUB),
    mutant("base_seq is held", VIEW, "if offer.seq <= clinic.seq or offer.base_seq > clinic.seq:", "if offer.seq <= clinic.seq:", SYNC1, HUB),
    mutant("count and roots agree", VIEW, "    if (count, after) != (offer.count, offer.roots) or (\n", "    if False and (\n", SYNC1, HUB),
    mutant("renewed only where equal", VIEW, "if roots.get(site) == root]", "]", SYNC1, HUB),
    mutant("a renewal that differs is a resync", VIEW, '    return "resync" if differs and proof.seq >= clinic.seq else ""\n', '    return ""\n', SYNC1, HUB),
    mutant("renewal of this epoch", VIEW, '    if proof.epoch != clinic.epoch or clinic.epoch == 0:\n        return "stale-epoch"\n', "", SYNC1, HUB),
    mutant("renewed as of the request", "hub/ask.py", '    return min(now, (int(claims["iat"]) + 1) * 1_000_000)\n', "    return now\n", SYNC1),
    mutant("renewed only what was read", VIEW, "if offer.read is None or site in offer.read]", "]", SYNC0, SYNC1),
    mutant("the read is fresh", HEALTH, "        if name in reads and now.age - reads[name].age < POLLS * source.poll\n", "        if name in reads\n", SYNC0, LINK),
    mutant("a withdrawal on its way stops renewal", HEALTH, "return frozenset() if pulse.waiting is not None else just_read(", "return just_read(", SYNC0, LINK),
    mutant("an offer on its way stops renewal", BEAT, "Held(None if on_its_way else standing.epoch,", "Held(standing.epoch,", SYNC1, LINK),
    mutant("an old attempt may have arrived", DELIVER, '        last = alive or self.outbox.unsettled("offer")\n', "        last = alive\n", SYNC2, LINK),
    mutant("an attempt overtaken by a withdrawal", DELIVER, "        if alive is not None and would.keys() <= view.keys():\n", "        if alive is not None:\n", SYNC1, LINK),
    mutant("what an attempt put is deleted", DELIVER, "        gone = sorted(delta.gone | (would.keys() - view.keys()))\n", "        gone = sorted(delta.gone)\n", SYNC1, LINK),
    mutant("a refusal starts anew", DELIVER, "            self.outbox.restart(problem.problem, now)\n            return Step(0, again=AT_ONCE)\n", "            raise\n", SYNC1, LINK),
    mutant("a beat refused starts anew", BEAT, "        self.outbox.restart(problem.problem, now)\n", "", SYNC1, LINK),
    mutant("told only by a receipt", DELIVER, "        self.outbox.attempt(out, envelope, now)\n        return envelope\n", '        self.outbox.attempt(out, envelope, now)\n        self.outbox.receipted(out, "", self.outbox.standing(), now)\n        return envelope\n', SYNC0, SYNC1, LINK),
    mutant("the ledger before the first byte", "agent/journal/outbox.py", '            ledger.append(tx, "sent", envelope.jws.encode(), now.utc)\n', "", SYNC0, JOURNAL),
    mutant("a receipt in the ledger", "agent/journal/outbox.py", '            ledger.append(tx, "receipt", receipt.encode(), now.utc)\n', "", SYNC0, JOURNAL),
    mutant("a new id on re-entry", "agent/core/changes.py", "        before = known.get(key)\n", "        before = known.get(key) or next((one for one in known.values()), None)\n", SYNC1, PUBLISH),
    mutant("a part of the agenda hides nothing", "agent/legs/publish.py", "        if not whole:\n", "        if False:\n", SYNC1, PUBLISH),
    mutant("narrowing with the agenda away", "agent/legs/publish.py", "            self._bring((), ordered, now, whole=False)\n", "", SYNC0, SYNC1, PUBLISH),
    mutant("a complete read is noted after its view", "agent/legs/publish.py", "        if reading.complete:  #", "        if True:  #", SYNC1, PUBLISH),
    mutant("under an order: not in the view", "agent/legs/publish.py", "        held = ordered | self.views.held()\n", "        held = frozenset()\n", PUBLISH),
    Mutant(
        "who writes the roots",
        (Edit(VIEW, '    roots = {site: root(row["leaf"] for row in slots.values() if row["site"] == site) for site in sorted(known)}\n', '    roots = {site: offer.roots.get(site, "") for site in known}\n'),
         Edit(VIEW, "        roots[site] = root(leaves)\n", "        roots[site] = offer.roots.get(site, root(leaves))\n")),
        (SYNC1, HUB),
    ),
)  # fmt: skip
