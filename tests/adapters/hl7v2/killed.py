"""An agent's intake in a process of its own, to be killed: the real journal, the real listener, one port.

Prints the port, then serves until somebody ends it. Arguments: folder, port (0 = any), key of the journal as hex.
"""

import sys
import threading
from pathlib import Path

from adapters.conformance import SITE
from adapters.er7 import Terms
from adapters.hl7v2.intake import Intake
from adapters.hl7v2.listener import Limits, Listener
from agent.clock import SystemClock, SystemDice
from agent.core.model import EmrName
from agent.journal import Journal
from agent.journal.box import DataBox


def main(folder: str, port: str, key: str) -> None:
    """Serve."""
    clock = SystemClock()
    journal = Journal.open(Path(folder), DataBox(bytes.fromhex(key)), quota_mb=4096, now=clock.now())
    intake = Intake(journal.raw(EmrName("dme")), Terms((SITE,)), clock, SystemDice())
    listener = Listener("127.0.0.1", int(port), intake.take, limits=Limits(connections=32))
    server = listener.bind()
    print(server.getsockname()[1], flush=True)
    listener.serve(server, threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
