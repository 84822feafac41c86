"""Peers nobody of this project wrote, as senders and as receivers: simple-hl7, @medplum/hl7, python-hl7."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from adapters.er7 import head, messages
from adapters.hl7v2.sender import Sender, Towards

HERE = Path(__file__).parent
MODULES = Path(os.environ.get("CRENEAU_HL7_PEERS") or Path(sys.prefix) / "hl7-peers") / "node_modules"
NAMES = ("gpms-s14-arrived", "samedi-out-s12-utf8", "webchart-out-s12-nk1-glued", "webchart-in-s15")
NODE = pytest.mark.skipif(
    which("node") is None or not (MODULES / "simple-hl7").exists(),
    reason="the peers are not installed: make test installs them",
)


@contextmanager
def node(*words: str, given: str = "") -> Iterator["subprocess.Popen[str]"]:
    env = {**os.environ, "NODE_PATH": str(MODULES)}
    command = ["node", str(HERE / "peers" / "peer.cjs"), *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, encoding="utf-8"
    ) as peer:
        assert peer.stdin is not None
        peer.stdin.write(given)
        peer.stdin.close()
        try:
            yield peer
        finally:
            peer.kill()


def lines(peer: "subprocess.Popen[str]", count: int) -> list[list[str]]:
    assert peer.stdout is not None
    return [peer.stdout.readline().split() for _ in range(count)]


def siu(number: int) -> str:
    msh = f"MSH|^~\\&|EMR|CL|AG|SI|20270101120000||SIU^S12|M{number}|P|2.5"
    return f"{msh}\nSCH|P{number}|F{number}|||||||||^^30^202703150900\nAIP|1|A|Zoé\n"


@NODE
@pytest.mark.parametrize("who", ["simple", "medplum"])
def test_what_a_node_peer_sends_is_taken_in(who: str, serving: Any) -> None:
    """Fifty on one connection: each acknowledged with its own number, each kept once, letters and all."""
    given = "\n.\n".join(siu(n) for n in range(50))
    with serving() as here, node(who, "send", str(here.port), given=given) as peer:
        answers = lines(peer, 50)
        assert [each[:3] for each in answers] == [["ack", "AA", f"M{n}"] for n in range(50)]
        kept = here.kept()
    assert [head(body).text(10) for body in kept] == [f"M{n}" for n in range(50)]
    assert all("Zoé".encode() in body for body in kept)


@NODE
@pytest.mark.parametrize("who", ["simple", "medplum"])
def test_a_node_peer_takes_in_what_we_send(who: str, sent: Callable[[str], bytes]) -> None:
    """Messages of the collection over one connection, each answered to its own number."""
    with node(who, "serve") as peer:
        ((_, port),) = lines(peer, 1)
        sender = Sender(Towards("127.0.0.1", int(port), timedelta(seconds=30)))
        for name in NAMES:
            for body in messages(sent(name)):
                ack, _ = sender.exchange(body)
                assert (ack.word, ack.to) == ("AA", head(body).text(10))
        sender.close()
        assert [each[0] for each in lines(peer, len(NAMES))] == ["got"] * len(NAMES)


def test_what_python_hl7_sends_is_taken_in(serving: Any, tmp_path: Path) -> None:
    """Its own command, mllp_send, with a file of three messages."""
    file = tmp_path / "three.hl7"
    file.write_bytes(b"".join(b"\x0b" + siu(n).replace("\n", "\r").encode() + b"\x1c\r" for n in range(3)))
    program = Path(sys.executable).with_name("mllp_send")
    with serving() as here:
        done = subprocess.run(
            [program, "--port", str(here.port), "--file", str(file), "127.0.0.1"],
            capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        assert done.stdout.count(b"MSA|AA|M") == 3
        assert len(here.kept()) == 3
