"""The hub link against a real HTTPS server with a private authority."""

import contextlib
import datetime as dt
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
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
from agent.core.errors import Misconfigured, Transient
from agent.hublink import MOST_BYTES, HubLink
from agent.hublink.faults import fault
from agent.hublink.lines import Lines

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
                server.release.wait(20)
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *args: object) -> None:
            """Stay quiet."""

    return Handler


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificates(tmp_path_factory.mktemp("pems"))


@pytest.fixture
def server(pems: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    script = Server(ca=str(pems[0]))
    web = Quiet(("127.0.0.1", 0), handler(script))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pems[1])
    web.socket = context.wrap_socket(web.socket, server_side=True)
    script.port = web.server_address[1]
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield script
    script.release.set()
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture
def link(server: Server) -> Iterator[HubLink]:
    made = HubLink(server.url, server.ca, "", SystemClock(), threading.Event())
    yield made
    made.close()


def cause_of(call: Callable[[], object]) -> Transient:
    with pytest.raises(Transient) as caught:
        call()
    return caught.value


def test_sends_the_envelope_and_returns_the_answer(server: Server, link: HubLink) -> None:
    """One POST with the envelope's own bytes, and the answer comes back unread."""
    answer = link.call(envelope(), NO_WAIT)
    path, body, headers = server.seen[0]
    assert (answer.jws, path, body) == ("a.b.c", "/v1/offer", b"eyJh.eyJi.c2ln")
    assert headers["content-type"] == "application/jose"
    assert headers["accept-encoding"] == "identity"
    assert answer.took >= timedelta(0)


def test_keeps_the_connection_open(server: Server, link: HubLink) -> None:
    """Two calls use one connection."""
    link.call(envelope(), NO_WAIT)
    with link._lines._lock:
        first = set(link._lines._handles)
    link.call(envelope("beat"), NO_WAIT)
    with link._lines._lock:
        assert link._lines._handles == first


def test_a_problem_status_with_a_signed_body_is_an_answer(server: Server, link: HubLink) -> None:
    """HTTP only mirrors: 409 with application/jose is the hub speaking."""
    server.replies = [Reply(409)]
    assert link.call(envelope(), NO_WAIT).jws == "a.b.c"
    assert len(server.seen) == 1


def test_a_signed_rate_limit_is_not_sent_again(server: Server, link: HubLink) -> None:
    """A signed 429 is for the leg to obey."""
    server.replies = [Reply(429)]
    assert link.call(envelope(), NO_WAIT).jws == "a.b.c"
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [200, 204, 302, 403])
def test_a_page_of_somebody_else_is_no_answer(server: Server, link: HubLink, status: int) -> None:
    """A proxy's page, whatever its status, is Transient, sent once and never followed."""
    headers = (("Content-Type", "text/html"), ("Location", "https://localhost:1/elsewhere"))
    server.replies = [Reply(status, b"" if status == 204 else b"<html>", headers)]
    error = cause_of(lambda: link.call(envelope(), NO_WAIT))
    assert str(status) in str(error)
    assert len(server.seen) == 1


def test_a_compressed_answer_is_no_answer(server: Server, link: HubLink) -> None:
    """Nothing is inflated before its signature holds, HTTP's own coding least of all."""
    server.replies = [Reply(headers=(JOSE, ("Content-Encoding", "gzip")))]
    cause_of(lambda: link.call(envelope(), NO_WAIT))


def test_an_answer_that_is_no_ascii_is_no_answer(server: Server, link: HubLink) -> None:
    """A compact JWS is ASCII."""
    server.replies = [Reply(body=b"\xff\xfe")]
    cause_of(lambda: link.call(envelope(), NO_WAIT))


def test_an_endless_answer_is_cut_off(server: Server, link: HubLink) -> None:
    """No answer is read beyond the bound."""
    server.replies = [Reply(body=b"a" * (MOST_BYTES + 1))]
    error = cause_of(lambda: link.call(envelope(), NO_WAIT))
    assert "more than" in str(error)


def test_sends_the_same_bytes_again_on_503(server: Server, link: HubLink, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 and then 200: the second send carries identical bytes."""
    monkeypatch.setattr(link, "_sleep", lambda _seconds: None)
    server.replies = [Reply(503, headers=()), Reply()]
    assert link.call(envelope(), NO_WAIT).jws == "a.b.c"
    assert [body for _, body, _ in server.seen] == [b"eyJh.eyJi.c2ln"] * 2


def test_gives_up_after_three_sends(server: Server, link: HubLink, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most three sends, and the last signed answer is handed on."""
    monkeypatch.setattr(link, "_sleep", lambda _seconds: None)
    server.replies = [Reply(500, headers=())]
    cause_of(lambda: link.call(envelope(), NO_WAIT))
    assert len(server.seen) == 3
    server.replies = [Reply(425)]
    assert link.call(envelope(), NO_WAIT).jws == "a.b.c"
    assert len(server.seen) == 6


@pytest.mark.parametrize("verb", ["orders", "beat"])
def test_never_sends_orders_or_beat_again(server: Server, link: HubLink, verb: str) -> None:
    """Their answers carry a turn counted from the sending."""
    server.replies = [Reply(503, headers=())]
    cause_of(lambda: link.call(envelope(verb), NO_WAIT))
    assert len(server.seen) == 1


def test_passes_on_retry_after(server: Server, link: HubLink) -> None:
    """Retry-After is obeyed by the daemon, clamped to 300 s, not slept here."""
    server.replies = [Reply(503, headers=(("Retry-After", "900"),))]
    assert cause_of(lambda: link.call(envelope(), NO_WAIT)).after == timedelta(seconds=300)
    assert len(server.seen) == 1


def test_refuses_an_unknown_authority(server: Server) -> None:
    """Without the private authority the certificate is not trusted, and the hint says where to put it."""
    link = HubLink(server.url, "", "", SystemClock(), threading.Event())
    error = cause_of(lambda: link.call(envelope("beat"), NO_WAIT))
    link.close()
    assert "not trusted" in str(error)
    assert "ca_file" in str(error.hint)
    assert not server.seen


def test_refuses_another_name(server: Server) -> None:
    """The certificate must be for the host that was asked for."""
    link = HubLink(f"https://127.0.0.2:{server.port}", server.ca, "", SystemClock(), threading.Event())
    error = cause_of(lambda: link.call(envelope("beat"), NO_WAIT))
    link.close()
    assert "127.0.0.2" in str(error)
    assert not server.seen


def test_close_frees_a_blocked_call(server: Server, link: HubLink) -> None:
    """close() from another thread ends a long poll without waiting for the hub."""
    server.replies = [Reply(hold=True)]
    errors: list[Transient] = []

    def call() -> None:
        errors.append(cause_of(lambda: link.call(envelope("orders"), timedelta(seconds=50))))

    thread = threading.Thread(target=call)
    thread.start()
    assert server.arrived.wait(10)
    link.close()
    thread.join(10)
    assert not thread.is_alive()
    assert not server.release.is_set()
    assert "stopping" in str(errors[0])


def test_close_frees_a_call_that_connects(server: Server, link: HubLink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that does not answer does not hold the stop up, and a late socket is closed."""
    asked, release = threading.Event(), threading.Event()
    resolve = socket.getaddrinfo

    def slow(*args: Any, **kwargs: Any) -> Any:
        asked.set()
        release.wait(20)
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    thread = threading.Thread(target=lambda: cause_of(lambda: link.call(envelope(), NO_WAIT)))
    thread.start()
    assert asked.wait(10)
    link.close()
    thread.join(10)
    ended = not thread.is_alive()
    release.set()
    for waiting in threading.enumerate():
        if waiting.name == "hublink-connect":
            waiting.join(10)
    assert ended


def test_close_frees_a_tls_handshake(link: HubLink, pems: tuple[Path, Path]) -> None:
    """A peer that accepts and says nothing does not hold the stop up."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        mine = HubLink(f"https://localhost:{port}", str(pems[0]), "", SystemClock(), threading.Event())
        thread = threading.Thread(target=lambda: cause_of(lambda: mine.call(envelope("beat"), NO_WAIT)))
        thread.start()
        peer, _ = mute.accept()
        with peer:
            peer.recv(16)
            mine.close()
            thread.join(8)
            assert not thread.is_alive()


def test_no_call_after_close_or_stop(server: Server) -> None:
    """After close, and after stop, nothing leaves."""
    stop = threading.Event()
    link = HubLink(server.url, server.ca, "", SystemClock(), stop)
    stop.set()
    cause_of(lambda: link.call(envelope(), NO_WAIT))
    stop.clear()
    link.close()
    link.close()
    cause_of(lambda: link.call(envelope(), NO_WAIT))
    assert not server.seen


def test_the_pause_between_sends_ends_with_the_stop(server: Server) -> None:
    """A stop during the pause is noticed, not slept through."""
    stop = threading.Event()
    stop.set()
    link = HubLink(server.url, server.ca, "", SystemClock(), stop)
    link._sleep(1e6)
    stop.clear()
    link.close()
    link._sleep(1e6)


def test_says_when_nobody_listens(server: Server) -> None:
    """A refused connection names the host and where to look."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    link = HubLink(f"https://localhost:{port}", server.ca, "", SystemClock(), threading.Event())
    error = cause_of(lambda: link.call(envelope("beat"), NO_WAIT))
    link.close()
    assert "localhost refuses the connection" in str(error)


def test_goes_through_a_proxy_and_says_when_it_refuses(server: Server) -> None:
    """The tunnel is asked of the proxy with its credentials, which never appear in the error."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def refuse() -> None:
            peer, _ = proxy.accept()
            with peer:
                asked.append(peer.recv(4096))
                peer.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        where = f"http://who:s3cret@127.0.0.1:{proxy.getsockname()[1]}"
        link = HubLink(server.url, server.ca, where, SystemClock(), threading.Event())
        error = cause_of(lambda: link.call(envelope("beat"), NO_WAIT))
        link.close()
        thread.join(10)
    assert asked[0].startswith(b"CONNECT localhost:%d" % server.port)
    assert b"Proxy-Authorization" in asked[0]
    assert "proxy refuses" in str(error)
    assert "s3cret" not in f"{error} {error.hint}"


def test_the_systems_proxy_is_the_default(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no proxy configured the environment's is used, unless it exempts the host."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("no_proxy", "example.org")
    link = HubLink(server.url, server.ca, "", SystemClock(), threading.Event())
    cause_of(lambda: link.call(envelope("beat"), NO_WAIT))
    link.close()
    monkeypatch.setenv("no_proxy", "localhost")
    link = HubLink(server.url, server.ca, "", SystemClock(), threading.Event())
    assert link.call(envelope("beat"), NO_WAIT).jws == "a.b.c"
    link.close()


@pytest.mark.parametrize(
    "url", ["http://hub.example", "hub.example", "https://", "https://h/path", "https://u:p@h", "https://h?x=1"]
)
def test_refuses_what_is_no_https_origin(url: str) -> None:
    """http:// is a fault of the configuration, and so is anything but an origin."""
    with pytest.raises(Misconfigured) as caught:
        HubLink(url, "", "", SystemClock(), threading.Event())
    assert caught.value.key == "hub.url"


def test_refuses_an_authority_it_cannot_read(tmp_path: Path) -> None:
    """A missing or empty authority file is named."""
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("absent.pem", "empty.pem"):
        with pytest.raises(Misconfigured) as caught:
            HubLink("https://h", str(tmp_path / name), "", SystemClock(), threading.Event())
        assert caught.value.key == "hub.ca_file"


@pytest.mark.parametrize("proxy", ["ftp://proxy:1", "socks4://x", "http://[::"])
def test_refuses_a_proxy_it_cannot_use(proxy: str) -> None:
    """Only http and https proxies."""
    with pytest.raises(Misconfigured) as caught:
        HubLink("https://h", "", proxy, SystemClock(), threading.Event())
    assert caught.value.key == "hub.proxy"


def test_a_dripping_server_is_bounded_by_the_call(server: Server, link: HubLink) -> None:
    """Each read gets only what is left of the whole call; nothing left is a timeout."""
    import httpcore

    link._until.age = SystemClock().now().age + timedelta(seconds=5)
    left = link._patience(60.0)
    assert left is not None
    assert left <= 5
    assert link._patience(None) is not None
    link._until.age = SystemClock().now().age
    with pytest.raises(httpcore.ReadTimeout):
        link._patience(60.0)
    assert Lines(lambda timeout: timeout).patience(7.0) == 7.0


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (socket.gaierror("x"), "not known"),
        (ssl.SSLError("x"), "no secure connection"),
        (OSError("x"), "broke off"),
    ],
)
def test_every_fault_has_a_sentence(error: Exception, says: str) -> None:
    """DNS, TLS and the rest are told apart."""
    assert says in str(fault(error, "hub.example"))


def test_a_timeout_has_a_sentence(server: Server, link: HubLink) -> None:
    """A hub that accepts and does not answer in time is told as such."""
    import httpx

    error = httpx.ReadTimeout("slow")
    with contextlib.suppress(httpx.ReadTimeout):
        raise error
    assert "in time" in str(fault(error, "hub.example"))
