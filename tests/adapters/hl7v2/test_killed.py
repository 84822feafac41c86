"""kill -9 under load: every acknowledged message is in the journal, once; a resend gets the same acknowledgment.

CRENEAU_MESSAGES=100000 asks for the long run; the process is then killed every few seconds.
"""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.hl7v2.ack import read_ack
from adapters.hl7v2.sender import Sender, Towards
from agent.core.errors import Ambiguous, Transient
from agent.core.model import EmrName, Instant
from agent.journal import Journal
from agent.journal.box import DataBox

MESSAGES = int(os.environ.get("CRENEAU_MESSAGES", "1200"))
CONNECTIONS = 4
KILLS = max(4, MESSAGES // 4000)


def siu(number: int) -> bytes:
    msh = f"MSH|^~\\&|EMR|CL|||20270101120000||SIU^S12|M{number}|P|2.5"
    return f"{msh}\rSCH|P{number}|F{number}|||||||||^^30^202703150900\rAIP|1|A|101\r".encode()


class Served:
    """The process, started again after each kill on the same port and folder."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key
        self.port = 0
        self.start()

    def start(self) -> None:
        program = str(Path(__file__).with_name("killed.py"))
        self.process = subprocess.Popen(
            [sys.executable, program, str(self.folder), str(self.port), self.key], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.end()

    def end(self) -> None:
        self.process.wait(120)
        assert self.process.stdout is not None
        self.process.stdout.close()


def talk(served: Served, numbers: range, acked: dict[int, str], repeats: list[str]) -> None:
    """Send each message until it is acknowledged, over whatever process answers; some are sent twice."""
    sender = Sender(Towards("127.0.0.1", served.port, timedelta(seconds=20)))
    for number in numbers:
        while number not in acked:
            try:
                acked[number] = sender.exchange(siu(number))[0].word
                if number % 50 == 0:
                    repeats.append(read_ack(sender.exchange(siu(number))[1]).word)
            except (Ambiguous, Transient):
                threading.Event().wait(0.02)
    sender.close()


@pytest.mark.skipif(sys.platform == "win32", reason="only on Linux: there is no kill -9 elsewhere")
def test_nothing_acknowledged_is_lost_and_nothing_is_kept_twice(tmp_path: Path) -> None:
    """Four peers, one intake that dies again and again in the middle of their messages."""
    key = secrets.token_hex(32)
    served = Served(tmp_path, key)
    acked: dict[int, str] = {}
    repeats: list[str] = []
    share = MESSAGES // CONNECTIONS
    peers = [
        threading.Thread(target=talk, args=(served, range(n * share, (n + 1) * share), acked, repeats))
        for n in range(CONNECTIONS)
    ]
    for peer in peers:
        peer.start()
    for kill in range(1, KILLS + 1):
        ends = time.monotonic() + 600
        while len(acked) < kill * MESSAGES // (KILLS + 1) and time.monotonic() < ends:
            threading.Event().wait(0.01)
        served.kill()
        served.start()
    for peer in peers:
        peer.join(600)
    served.kill()
    assert set(acked.values()) == {"AA"}
    assert set(repeats) <= {"AA"}
    journal = Journal.open(
        tmp_path, DataBox(bytes.fromhex(key)), quota_mb=4096, now=Instant(datetime(2027, 1, 1, tzinfo=UTC), timedelta())
    )
    kept = [message for _, message in journal.raw(EmrName("dme")).unread(MESSAGES + 1)]
    journal.close()
    assert sorted(int(message.control_id[1:]) for message in kept) == list(range(MESSAGES))
    assert all(message.body == siu(int(message.control_id[1:])) for message in kept)
