"""Run a town in a network of its own, whose packets to the hub are dropped for a while: FOLDER.

Rule: a program of the tests, started inside a fresh network namespace; it ends with 0 when all told was true.
"""

import subprocess
import sys
from pathlib import Path

from tests.faults.conftest import Faulty
from tests.faults.wire import Wire

TABLE = "inet dropped"


def nft(words: str) -> str:
    """Run one command of nftables."""
    return subprocess.run(["nft", *words.split()], check=True, capture_output=True, text=True).stdout


def drop(port: int) -> None:
    """Drop every packet to and from this port."""
    nft(f"add table {TABLE}")
    nft(f"add chain {TABLE} out {{ type filter hook output priority 0 ; }}")
    for end in ("dport", "sport"):
        nft(f"add rule {TABLE} out tcp {end} {port} counter drop")


def dropped() -> int:
    """Return how many packets were."""
    words = nft(f"list table {TABLE}").split()
    return sum(int(words[n + 1]) for n, word in enumerate(words) if word == "packets")


def main(folder: Path) -> None:
    """Book before, during and after; the agent's line is dropped, the portal's is not."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with Wire() as wire:
        town = Faulty(folder, wire)
        try:
            town.join()
            assert town.told(town.book("fault-drop-1")) == ["booked"]
            drop(wire.port)
            late = town.book("fault-drop-2")
            town.until("packets to be dropped", lambda: dropped() > 3)
            nft(f"delete table {TABLE}")
            assert town.told(late, town.book("fault-drop-3")) == ["booked", "booked"]
            town.judge()
        finally:
            town.end()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
