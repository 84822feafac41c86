"""The line under the hub link: who is trusted, which way it goes, how it is let go, and what is said when it breaks."""

import contextlib
import socket
import ssl
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.core.errors import Misconfigured, Transient
from agent.hublink import HubLink
from agent.hublink.faults import fault
from agent.hublink.lines import Lines
from tests.agent.hublink.scene import NO_WAIT, Reply, Server, cause_of, envelope


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
    assert server.arrived.wait(60)
    link.close()
    thread.join(60)
    assert not thread.is_alive()
    assert not server.release.is_set()
    assert "stopping" in str(errors[0])


def test_close_frees_a_call_that_connects(server: Server, link: HubLink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that does not answer does not hold the stop up, and a late socket is closed."""
    asked, release = threading.Event(), threading.Event()
    resolve = socket.getaddrinfo

    def slow(*args: Any, **kwargs: Any) -> Any:
        asked.set()
        release.wait(120)
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    thread = threading.Thread(target=lambda: cause_of(lambda: link.call(envelope(), NO_WAIT)))
    thread.start()
    assert asked.wait(60)
    link.close()
    thread.join(60)
    ended = not thread.is_alive()
    release.set()
    for waiting in threading.enumerate():
        if waiting.name == "hublink-connect":
            waiting.join(60)
    assert ended


def test_close_frees_a_tls_handshake(link: HubLink, pems: tuple[Path, Path]) -> None:
    """A peer that accepts and says nothing does not hold the stop up."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        mine = HubLink(f"https://localhost:{port}", str(pems[0]), "", SystemClock(), threading.Event())
        errors: list[Transient] = []
        thread = threading.Thread(target=lambda: errors.append(cause_of(lambda: mine.call(envelope("beat"), NO_WAIT))))
        thread.start()
        peer, _ = mute.accept()
        with peer:
            peer.recv(16)
            mine.close()
            thread.join(60)
            assert not thread.is_alive()
        assert "stopping" in str(errors[0])


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
        thread.join(60)
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
