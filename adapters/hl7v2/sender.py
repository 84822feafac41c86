"""Send one message over MLLP and wait for its own answer.

Rule: one message under way; an answer to another number is dropped; what was sent and not answered is Ambiguous.
"""

import logging
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

from adapters.er7 import head
from adapters.hl7v2.ack import FINAL, GOOD, RETRY, Ack, read_ack
from adapters.hl7v2.mllp import Framer, TooLong, frame
from agent.core.errors import Ambiguous, Misconfigured, Refused, Transient
from agent.core.message import say

log = logging.getLogger("creneau.hl7")

DOING = say("send a message to the EMR")


@dataclass(frozen=True, slots=True)
class Towards:
    """Where to, and how long to wait. `authority`: PEM of the EMR's certificate, with it TLS is spoken."""

    host: str
    port: int
    wait: timedelta = timedelta(seconds=15)
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass
class Sender:
    """One connection, opened when first used and kept; one thread, but close() may come from another."""

    to: Towards
    _sock: socket.socket | None = field(init=False, default=None)
    _framer: Framer = field(init=False, default_factory=Framer)
    _closed: bool = field(init=False, default=False)

    def exchange(self, body: bytes, *, application: bool = True) -> tuple[Ack, bytes]:
        """Send a message; return its answer, read and as bytes. `application`: after a CA wait for the answer proper.

        Raises Transient (surely not done: no connection, or AE), Refused (AR), Ambiguous (sent, no answer of its own).
        """
        ack, answer = self._round(body, application=application)
        if ack.word in RETRY:
            raise Transient(DOING, say("the EMR could not do it now ({code})", code=ack.code or ack.word))
        if ack.word in FINAL:
            raise Refused(DOING, say("the EMR refuses it ({code})", code=ack.code or ack.word))
        return ack, answer

    def ask(self, body: bytes) -> tuple[Ack, bytes]:
        """Send a question that changes nothing; return whatever the answer says. Raises Transient when none comes."""
        try:
            return self._round(body, application=True)
        except Ambiguous as lost:
            raise Transient(DOING, lost.what, lost.hint) from lost

    def reach(self) -> None:
        """Connect, and send nothing. Raises Transient, Misconfigured."""
        self._connected()

    def close(self) -> None:
        """End; a wait in another thread ends at once."""
        self._closed = True
        sock = self._sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._drop()

    def _round(self, body: bytes, *, application: bool) -> tuple[Ack, bytes]:
        number = head(body).text(10)
        sock = self._connected()
        try:
            sock.settimeout(self.to.wait.total_seconds())
            sock.sendall(frame(body))
            return self._await(sock, number, application=application)
        except (OSError, TooLong) as lost:
            self._drop()
            raise Ambiguous(DOING, say("no answer came")) from lost

    def _await(self, sock: socket.socket, number: str, *, application: bool) -> tuple[Ack, bytes]:
        ends = monotonic() + self.to.wait.total_seconds()
        while (left := ends - monotonic()) > 0:
            sock.settimeout(left)
            data = sock.recv(65536)
            if not data:
                raise ConnectionResetError
            for answer in self._framer.feed(data):
                ack = _own(answer, number)
                if ack is not None and (ack.word not in GOOD or ack.word == "AA" or not application):
                    return ack, answer
        raise TimeoutError

    def _connected(self) -> socket.socket:
        if self._closed:
            raise Transient(DOING, say("the adapter is closed"))
        if self._sock is not None and self._is_dead(self._sock):
            self._drop()
        if self._sock is None:
            self._framer = Framer()
            context = _context(self.to)
            try:
                plain = socket.create_connection((self.to.host, self.to.port), self.to.wait.total_seconds())
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sock = context.wrap_socket(plain, server_hostname=self.to.host) if context else plain
            except OSError as cause:
                where = f"{self.to.host}:{self.to.port}"
                raise Transient(DOING, say("the EMR does not answer at {where}", where=where)) from cause
        return self._sock

    def _is_dead(self, sock: socket.socket) -> bool:
        """Say whether the peer hung up since; late answers that wait are read and dropped."""
        sock.settimeout(0)
        try:
            while data := sock.recv(65536):
                late = len(self._framer.feed(data))
                log.warning("hl7.late_answer n=%d", late)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except (OSError, TooLong):
            return True
        return True

    def _drop(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            with suppress(OSError):
                sock.close()


def _own(answer: bytes, number: str) -> Ack | None:
    try:
        ack = read_ack(answer)
    except Transient:
        log.warning("hl7.foreign_answer why=unread")
        return None
    if ack.to != number:
        log.warning("hl7.foreign_answer why=number")
        return None
    return ack


def _context(to: Towards) -> ssl.SSLContext | None:
    if to.authority is None:
        return None
    try:
        made = ssl.create_default_context(cafile=str(to.authority))
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        made.check_hostname = False  # the EMR's very certificate, or its authority, is pinned
        if to.certificate is not None:
            made.load_cert_chain(to.certificate, to.key)
    except OSError as cause:
        hint = say("check the certificate's files and the rights of the service's account on them")
        raise Misconfigured(DOING, say("the certificate cannot be used"), hint, key="tls") from cause
    return made
