"""What an agent owns while it holds its state folder: vault, journal, clocks, rules in force.

Rule: nothing here is opened before the lock is held, and everything is closed before it is let go.
"""

import os
import threading
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from agent.board import MemoryBoard
from agent.clock import SystemClock, SystemDice
from agent.config import EmrPlan, Plan
from agent.hublink import HubLink
from agent.journal import Journal
from agent.journal.box import DataBox
from agent.keys import VaultKeys, open_keys
from agent.ports import Emr
from agent.wiring.catalog import open_emr
from agent.wiring.inforce import InForce
from agent.wiring.lock import StateLock
from agent.wiring.proofs import honest

QUOTA_MB = 4096
"""Room for 36 months of ledger: a busy clinic writes about 450,000 lines a year, 0.8 kB each on the disk."""


class State:
    """Context manager; raises Refused(reason="running") when another agent holds the folder, Misconfigured else."""

    def __init__(self, plan: Plan) -> None:
        self.plan = self.written = plan
        self.dice = SystemDice()
        self.boot = self.dice.token()
        bare = SystemClock()
        self.board = MemoryBoard(bare.now(), self.boot)
        self.clock = SystemClock(lambda: self.board.read().skew)
        self.stop = threading.Event()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        folder = self.plan.service.data_dir
        with ExitStack() as opening:
            opening.enter_context(StateLock(folder))
            self.keys: VaultKeys = open_keys(folder, os.environ)
            self.journal = Journal.open(folder, DataBox(self.keys.data_key()), quota_mb=QUOTA_MB, now=self.clock.now())
            opening.callback(self.journal.close)
            self.plan = self.honest(self.written)
            self.rules = InForce(self.plan, self.journal.records().facts)
            self._open = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop.set()
        self._open.close()

    def renew(self, plan: Plan) -> None:
        """Live by another file from now on, as far as its ways of booking are proved."""
        self.written, self.plan = plan, self.honest(plan)
        self.rules.renew(self.plan)

    def honest(self, plan: Plan) -> Plan:
        """Return the plan as it may be lived by."""
        return honest(plan, self.journal.records().facts(), lambda source: self.open_emr(source, plan))

    def open_emr(self, source: EmrPlan, plan: Plan | None = None) -> Emr:
        """Return a new object for one thread. Raises Misconfigured when the adapter or its driver is missing."""
        return open_emr(plan or self.plan, source, self.journal, self.keys, self.clock, self.dice)

    def hub(self) -> HubLink:
        """Return a new way to the hub; the caller closes it."""
        return HubLink(self.plan.hub.url, self.plan.hub.ca_file, self.plan.hub.proxy, self.clock, self.stop)
