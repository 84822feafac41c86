"""A listener on loopback with a store in memory, a peer that speaks MLLP, certificates for one day."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters import conformance
from adapters.conformance import SITE
from adapters.er7 import Terms
from adapters.hl7v2.intake import Intake
from adapters.hl7v2.listener import Limits, Listener, Security
from adapters.hl7v2.mllp import Framer, frame
from agent.clock import SystemClock
from tests.adapters.hl7v2.night import Night

MESSAGES = Path(__file__).parents[1] / "er7" / "messages"


class Peer:
    """One connection of somebody who sends and reads answers."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self._framer = Framer()
        self._held: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self) -> bytes:
        """Return the next answer; ConnectionError when the other side hangs up."""
        while not self._held:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionResetError
            self._held += self._framer.feed(data)
        return self._held.pop(0)

    def ask(self, body: bytes) -> bytes:
        self.send(frame(body))
        return self.answer()


class Served:
    """A listener that runs, its store, and the peers that were made."""

    def __init__(self, listener: Listener, intake: Intake, port: int) -> None:
        self.listener, self.intake, self.port = listener, intake, port
        self._peers: list[Peer] = []

    def peer(self) -> Peer:
        self._peers.append(Peer(self.port))
        return self._peers[-1]

    def kept(self) -> list[bytes]:
        return [message.body for _, message in self.intake.raw.unread(10_000)]

    def close(self) -> None:
        for peer in self._peers:
            peer.sock.close()


Serve = Callable[..., Iterator[Served]]


@pytest.fixture
def sent() -> Callable[[str], bytes]:
    """Return a message of the collection by its name."""
    return lambda name: (MESSAGES / f"{name}.hl7").read_bytes()


@pytest.fixture
def serving() -> Callable[..., object]:
    """Run a listener while the block lasts; keywords go to Listener, `unreadable` to Intake."""

    @contextmanager
    def run(
        limits: Limits = Limits(),  # noqa: B008 - frozen
        security: Security = Security(),  # noqa: B008 - frozen
        allow: tuple[str, ...] = (),
        unreadable: str = "AE",
    ) -> Iterator[Served]:
        tools = conformance.tools()
        intake = Intake(tools.raw, Terms((SITE,)), tools.clock, tools.dice, unreadable)
        listener = Listener("127.0.0.1", 0, intake.take, allow, limits, security)
        server = listener.bind()
        served = Served(listener, intake, server.getsockname()[1])
        stop = threading.Event()
        thread = threading.Thread(target=listener.serve, args=(server, stop))
        thread.start()
        try:
            yield served
        finally:
            stop.set()
            thread.join(120)
            served.close()
            assert not thread.is_alive()

    return run


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    """Make a self-signed certificate and its key under a name."""

    def made(name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = SystemClock().now().utc
        built = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        built = built.serial_number(x509.random_serial_number())
        built = built.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        signed = built.sign(key, hashes.SHA256())
        files = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        files[1].write_bytes(key.private_bytes(pem, form, plain))
        return files

    return made


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Callable[..., Night]]:
    """Lend nights; `options`: over those of the bench."""
    made: list[Night] = []

    def make(**options: object) -> Night:
        made.append(Night(tmp_path, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
