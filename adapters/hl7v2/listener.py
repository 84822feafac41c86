"""Serve MLLP: accept known peers, cut their bytes into messages, answer after the commit.

Rule: every wait ends: a peer that is silent, slow or never done is let go, and never holds the others up.
"""

import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

from adapters.hl7v2.mllp import LONGEST, Framer, TooLong
from agent.core.errors import Misconfigured, Transient
from agent.core.message import say
from agent.ports import Stop

log = logging.getLogger("creneau.hl7")

DOING = say("listen for HL7 messages")
LOOK = 0.5
"""Seconds between two looks at the stop event."""
Taker = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer may cost. `whole`: a frame from its first byte to its last; `idle`: between two frames."""

    connections: int = 16
    longest: int = LONGEST
    idle: timedelta = timedelta(hours=1)
    whole: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Security:
    """TLS of the listener. `peers`: certificates of the peers let in, PEM; with it every peer must show one."""

    certificate: Path | None = None
    key: Path | None = None
    peers: Path | None = None

    def context(self) -> ssl.SSLContext | None:
        """Return the server's side, None = no TLS. Raises Misconfigured for a file that cannot be used."""
        if self.certificate is None:
            return None
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            made.load_cert_chain(self.certificate, self.key)
            if self.peers is not None:
                made.load_verify_locations(self.peers)
                made.verify_mode = ssl.CERT_REQUIRED
                made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a pinned certificate is its own authority
        except OSError as cause:
            hint = say("check the certificate's files and the rights of the service's account on them")
            raise Misconfigured(DOING, say("the certificate cannot be used"), hint, key="tls") from cause
        return made


@dataclass
class Listener:
    """One port. `take` gives the answer's frames for a message; it is called by many threads at once."""

    host: str
    port: int
    take: Taker
    allow: tuple[str, ...] = ()
    limits: Limits = Limits()
    security: Security = Security()
    _open: set[socket.socket] = field(init=False, default_factory=set)
    _door: threading.Lock = field(init=False, default_factory=threading.Lock)
    _threads: set[threading.Thread] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        """Refuse to listen to the whole network. Raises Misconfigured."""
        self._nets = [_net(each) for each in self.allow]
        if not self._nets and not _is_loopback(self.host):
            hint = say("write allow = ['10.0.0.5'] with the EMR's address")
            raise Misconfigured(DOING, say("this address takes in the network and no peer is named"), hint, key="allow")

    def bind(self) -> socket.socket:
        """Return the listening socket; port 0 takes a free one. Raises Transient when the address is taken."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host, self.port), family=family, backlog=64)
        except OSError as cause:
            hint = say("close the other program, or choose another port")
            where = f"{self.host}:{self.port}"
            raise Transient(DOING, say("the address {where} cannot be had", where=where), hint) from cause

    def serve(self, server: socket.socket, stop: Stop) -> None:
        """Accept until soon after stop, then close every connection. Raises Misconfigured for bad TLS files."""
        context = self.security.context()
        server.settimeout(LOOK)
        with server:
            log.info("hl7.listening port=%d tls=%s", server.getsockname()[1], context is not None)
            while not stop.is_set():
                with suppress(TimeoutError):
                    self._admit(server.accept(), context)
        self._end()

    def _admit(self, came: tuple[socket.socket, tuple[str, int]], context: ssl.SSLContext | None) -> None:
        sock, address = came
        with self._door:
            full = len(self._open) >= self.limits.connections
            if not full and self._is_known(address[0]):
                self._open.add(sock)
        if sock not in self._open:
            log.warning("hl7.turned_away why=%s", "full" if full else "unknown")
            sock.close()
            return
        thread = threading.Thread(target=self._talk, args=(sock, context), name="hl7-peer", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _is_known(self, address: str) -> bool:
        if not self._nets:
            return _is_loopback(address)
        found = ipaddress.ip_address(address.partition("%")[0])
        plain = getattr(found, "ipv4_mapped", None) or found
        return any(plain in net for net in self._nets)

    def _talk(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        raw = sock
        try:
            sock.settimeout(self.limits.whole.total_seconds())
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                sock = context.wrap_socket(sock, server_side=True)
            self._converse(sock)
        except (OSError, TooLong) as gone:
            log.info("hl7.peer_gone why=%s", type(gone).__name__)
        except Exception:  # a bug met by one message must not end the listener
            log.exception("hl7.bug")
        finally:
            with suppress(OSError):
                sock.close()
            with self._door:
                self._open.discard(raw)
            self._threads.discard(threading.current_thread())

    def _converse(self, sock: socket.socket) -> None:
        framer = Framer(self.limits.longest)
        whole, idle = self.limits.whole.total_seconds(), self.limits.idle.total_seconds()
        ends = monotonic() + idle
        while (left := ends - monotonic()) > 0:
            sock.settimeout(left)
            data = sock.recv(65536)
            if not data:
                break
            was = framer.is_inside
            done = framer.feed(data)
            for body in done:
                reply = self.take(body)
                if reply:
                    sock.settimeout(whole)
                    sock.sendall(reply)
            if not framer.is_inside:
                ends = monotonic() + idle
            elif done or not was:
                ends = monotonic() + whole
        if framer.dropped:
            log.warning("hl7.bytes_outside n=%d", framer.dropped)

    def _end(self) -> None:
        with self._door:
            left = list(self._open)
        for sock in left:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(2)


def _net(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as cause:
        says = say("{text} is no address", text=text)
        raise Misconfigured(
            DOING, says, say("write allow = ['10.0.0.5'] with the EMR's address"), key="allow"
        ) from cause


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
