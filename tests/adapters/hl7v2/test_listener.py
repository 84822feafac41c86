"""The listener on loopback: many messages a connection, many connections, and peers that behave badly."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.hl7v2.ack import read_ack
from adapters.hl7v2.listener import Limits, Listener, Security
from adapters.hl7v2.mllp import frame
from agent.core.errors import Misconfigured, Transient

SHORT = timedelta(milliseconds=200)


def siu(number: int) -> bytes:
    msh = f"MSH|^~\\&|EMR|CL|||20270101120000||SIU^S12|M{number}|P|2.5"
    return f"{msh}\rSCH|P{number}|F{number}|||||||||^^30^202703150900\r".encode()


def ends(peer: Any) -> bool:
    """Say whether the other side hangs up (within the socket's own 20 s)."""
    try:
        return peer.sock.recv(1) == b""
    except ConnectionError:
        return True


def test_a_kept_connection_takes_message_after_message(serving: Any) -> None:
    """Each is stored once, in order, and never handed on again."""
    with serving() as here:
        peer = here.peer()
        assert [read_ack(peer.ask(siu(n))).to for n in range(20)] == [f"M{n}" for n in range(20)]
        assert here.kept() == [siu(n) for n in range(20)]


def test_several_messages_in_one_read_get_their_answers_in_order(serving: Any) -> None:
    """A peer that does not wait is served all the same."""
    with serving() as here:
        peer = here.peer()
        peer.send(b"".join(frame(siu(n)) for n in range(5)))
        assert [read_ack(peer.answer()).to for n in range(5)] == [f"M{n}" for n in range(5)]


def test_every_fixture_is_answered_over_the_wire(serving: Any, sent: Callable[[str], bytes]) -> None:
    """Twice the same message, twice the same answer."""
    with serving() as here:
        peer = here.peer()
        for name in ("gpms-s14-arrived", "samedi-in-s12-latin1", "webchart-in-s12", "zorgdomein-srm-s01"):
            assert peer.ask(sent(name)) == peer.ask(sent(name))
        words = [read_ack(peer.ask(sent(name))).word for name in ("gpms-s14-arrived", "webchart-in-s12")]
        assert words == ["AA", "AE"]


def test_many_peers_at_once(serving: Any) -> None:
    """Eight connections send at the same time; everything acknowledged is kept."""
    with serving() as here:
        done: list[str] = []

        def talk(first: int) -> None:
            peer = here.peer()
            done.extend(read_ack(peer.ask(siu(n))).word for n in range(first, first + 25))

        threads = [threading.Thread(target=talk, args=(n * 100,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert done == ["AA"] * 200
        assert len(here.kept()) == 200


def test_a_message_that_never_ends_is_cut(serving: Any) -> None:
    """Beyond the size limit, and beyond the time for one whole frame however it drips."""
    with serving(Limits(longest=1000)) as here:
        peer = here.peer()
        peer.send(b"\x0b" + b"x" * 1001)
        assert ends(peer)
    with serving(Limits(whole=SHORT)) as here:
        peer = here.peer()
        peer.send(b"\x0bMSH|")
        assert ends(peer)
        assert here.kept() == []


def test_dripping_bytes_buy_no_time(serving: Any) -> None:
    """A slow loris is let go although it always says something."""
    with serving(Limits(whole=SHORT)) as here:
        peer = here.peer()
        peer.send(b"\x0b")
        peer.sock.settimeout(0.02)
        for _ in range(1000):
            try:
                peer.send(b"x")
                if peer.sock.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("still connected after a thousand drips")


def test_a_silent_peer_is_let_go(serving: Any) -> None:
    """After the idle time, so that its place is free."""
    with serving(Limits(idle=SHORT)) as here:
        assert ends(here.peer())


def test_connections_are_counted(serving: Any) -> None:
    """One more than the limit is turned away at once; a place given up can be had again."""
    with serving(Limits(connections=2)) as here:
        first, second = here.peer(), here.peer()
        first.ask(siu(1))
        second.ask(siu(2))
        assert ends(here.peer())
        first.sock.close()
        for _ in range(6000):
            try:
                assert read_ack(here.peer().ask(siu(3))).word == "AA"
                break
            except ConnectionError:
                threading.Event().wait(0.01)
        else:
            pytest.fail("the place was never free again")


def test_only_named_peers_are_let_in(serving: Any) -> None:
    """An address that is not on the list meets a closed door."""
    with serving(allow=("192.0.2.0/24",)) as here:
        assert ends(here.peer())
    with serving(allow=("127.0.0.0/8", "192.0.2.7")) as here:
        assert read_ack(here.peer().ask(siu(1))).word == "AA"


@pytest.mark.parametrize(("host", "allow"), [("0.0.0.0", ()), ("10.1.2.3", ()), ("127.0.0.1", ("clinique",))])  # noqa: S104
def test_the_whole_network_is_never_let_in_by_default(host: str, allow: tuple[str, ...]) -> None:
    """Another address than loopback needs a list of peers."""
    with pytest.raises(Misconfigured):
        Listener(host, 2575, lambda _: b"", allow)


def test_an_address_in_use_is_said(serving: Any) -> None:
    """With its address and what to do."""
    with serving() as here, pytest.raises(Transient) as taken:
        Listener("127.0.0.1", here.port, lambda _: b"").bind()
    assert str(here.port) in str(taken.value)


def test_bytes_outside_of_frames_are_counted(serving: Any, caplog: pytest.LogCaptureFixture) -> None:
    """They are dropped, and said once when the peer leaves."""
    with caplog.at_level(logging.WARNING, "creneau.hl7"), serving() as here:
        peer = here.peer()
        peer.send(b"GET / HTTP/1.1\r\n" + frame(siu(1)))
        peer.answer()
        peer.sock.shutdown(socket.SHUT_WR)
        assert ends(peer)
    assert "hl7.bytes_outside n=14" in caplog.text


def test_a_bug_in_one_message_does_not_end_the_listener(serving: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The peer is let go without an answer; the next one is served."""
    with caplog.at_level(logging.ERROR, "creneau.hl7"), serving() as here:
        whole, here.listener.take = here.listener.take, lambda _: 1 // 0  # type: ignore[assignment,return-value]
        peer = here.peer()
        peer.send(frame(siu(1)))
        assert ends(peer)
        here.listener.take = whole
        assert read_ack(here.peer().ask(siu(2))).word == "AA"
    assert "hl7.bug" in caplog.text


def test_a_pinned_peer_and_no_other_is_let_in(serving: Any, certificate: Callable[[str], tuple[Path, Path]]) -> None:
    """Mutual TLS: without a certificate, or with another, nothing is taken in."""
    ours, emr, other = certificate("creneau"), certificate("dme"), certificate("autre")
    with serving(security=Security(*ours, peers=emr[0])) as here:
        assert read_ack(_talk_tls(here.port, ours[0], emr, siu(1))).word == "AA"
        for bad in (None, other):
            with pytest.raises(OSError):  # noqa: PT011 - ssl or connection, by the moment it is noticed
                _talk_tls(here.port, ours[0], bad, siu(2))
        assert here.kept() == [siu(1)]


def test_certificates_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    """A missing file is a fault of the configuration."""
    with pytest.raises(Misconfigured):
        Security(tmp_path / "none.pem", tmp_path / "none.key").context()


def _talk_tls(port: int, server: Path, own: tuple[Path, Path] | None, body: bytes) -> bytes:
    context = ssl.create_default_context(cafile=str(server))
    context.check_hostname = False
    if own is not None:
        context.load_cert_chain(*own)
    with socket.create_connection(("127.0.0.1", port), 20) as plain, context.wrap_socket(plain) as sock:
        sock.sendall(frame(body))
        data = sock.recv(65536)
        if not data:
            raise ConnectionResetError
        return data.strip(b"\x0b\x1c\r")
