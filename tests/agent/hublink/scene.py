"""A scripted hub over HTTPS, with an authority of its own."""

import datetime as dt
import http.server
import ipaddress
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.clock import SystemClock
from agent.core.envelope import Envelope
from agent.core.errors import Transient

NOW = dt.datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
NO_WAIT = timedelta(0)
JOSE = ("Content-Type", "application/jose")


def envelope(verb: str = "offer") -> Envelope:
    return Envelope(verb, "j" * 22, NOW, "eyJh.eyJi.c2ln")


@dataclass
class Reply:
    """What the server answers once."""

    status: int = 200
    body: bytes = b"a.b.c"
    headers: tuple[tuple[str, str], ...] = (JOSE,)
    hold: bool = False


@dataclass
class Server:
    """A scripted hub; the last reply repeats."""

    port: int = 0
    ca: str = ""
    replies: list[Reply] = field(default_factory=lambda: [Reply()])
    seen: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


def certificates(folder: Path) -> tuple[Path, Path]:
    """Make an authority, and a certificate for localhost signed by it."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    today = SystemClock().now().utc
    start, end = today - timedelta(days=1), today + timedelta(days=2)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        x509.CertificateBuilder(ca_name, ca_name, ca_key.public_key(), 1, start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = (
        x509.CertificateBuilder(
            ca_name, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), key.public_key(), 2, start, end
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    ca_file, chain = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    return ca_file, chain


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what is tested."""


def handler(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.seen.append((self.path, body, {k.lower(): v for k, v in self.headers.items()}))
            server.arrived.set()
            reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
            if reply.hold:
                server.release.wait(120)
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *args: object) -> None:
            """Stay quiet."""

    return Handler


def cause_of(call: Callable[[], object]) -> Transient:
    with pytest.raises(Transient) as caught:
        call()
    return caught.value
