"""The sockets under the hub link: every one can be cut from another thread.

Rule: closing an httpx client does not wake a blocked read, so each line keeps a second handle to shut down.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

import httpcore
import httpx

from agent.core.errors import Misconfigured
from agent.core.message import say

SOCKET_OPTION = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
MOST_LINES = 8
KEEP_S = 90.0
"""Idle lines live longer than the minute between two beats."""
CONNECT_S = 10.0


class Lines(httpcore.NetworkBackend):
    """Opens sockets and cuts them all. `patience` turns httpcore's timeout into what is left of the whole call."""

    def __init__(self, patience: Callable[[float | None], float | None]) -> None:
        """Begin with no line open."""
        self.patience = patience
        self._backend = httpcore.SyncBackend()
        self._lock = threading.Lock()
        self._handles: set[socket.socket] = set()
        self._ended: Future[None] = Future()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve and connect in a thread of its own: a name server that does not answer cannot be interrupted."""
        opened: Future[httpcore.NetworkStream] = Future()

        def connect() -> None:
            try:
                opened.set_result(self._backend.connect_tcp(host, port, timeout, local_address, socket_options))
            except Exception as error:  # noqa: BLE001 - handed over to the waiting thread whole
                opened.set_exception(error)

        threading.Thread(target=connect, name="hublink-connect", daemon=True).start()
        either: list[Future[Any]] = [opened, self._ended]
        wait(either, self.patience(timeout), FIRST_COMPLETED)
        if not opened.done() or self._ended.done():
            opened.add_done_callback(_discard)
            raise httpcore.ConnectTimeout
        stream = opened.result()
        return Line(stream, stream.get_extra_info("socket").dup(), self)

    def keep(self, handle: socket.socket) -> None:
        """Remember a handle; cut it at once when all is over."""
        with self._lock:
            self._handles.add(handle)
        if self._ended.done():
            _cut(handle)

    def drop(self, handle: socket.socket) -> None:
        """Forget and close a handle."""
        with self._lock:
            self._handles.discard(handle)
        handle.close()

    def end(self) -> None:
        """Cut every line, open or opening. Any thread, idempotent."""
        with contextlib.suppress(Exception):  # already ended: Future refuses a second result
            self._ended.set_result(None)
        with self._lock:
            for handle in self._handles:
                _cut(handle)

    def ended(self, timeout_s: float = 0) -> bool:
        """Wait at most `timeout_s` for the end and say whether it has come."""
        return bool(wait([self._ended], timeout_s).done)


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _discard(opened: Future[httpcore.NetworkStream]) -> None:
    if opened.exception() is None:
        opened.result().close()


class Line(httpcore.NetworkStream):
    """One connection; `handle` is a duplicate of its socket, alive through the TLS handshake too."""

    def __init__(self, stream: httpcore.NetworkStream, handle: socket.socket, lines: Lines) -> None:
        """Take the stream over."""
        self._stream = stream
        self._handle = handle
        self._lines = lines
        lines.keep(handle)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read; a server that drips is bounded by what is left of the call."""
        return self._stream.read(max_bytes, self._lines.patience(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all."""
        self._stream.write(buffer, self._lines.patience(timeout))

    def close(self) -> None:
        """Close socket and handle."""
        self._stream.close()
        self._lines.drop(self._handle)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Shake hands; the handle stays the same."""
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, self._lines.patience(timeout))
        except BaseException:
            self.close()
            raise
        return Line(stream, self._handle, self._lines)

    def get_extra_info(self, info: str) -> Any:
        """Pass on."""
        return self._stream.get_extra_info(info)


class _Transport(httpx.HTTPTransport):
    """httpx over our own lines."""

    def __init__(self, context: ssl.SSLContext, proxy: str, lines: Lines) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool.close()
        if not proxy:
            self._pool = httpcore.ConnectionPool(
                ssl_context=context,
                max_connections=MOST_LINES,
                keepalive_expiry=KEEP_S,
                network_backend=lines,
            )
            return
        where = httpx.Proxy(proxy)
        self._pool = httpcore.HTTPProxy(
            proxy_url=str(where.url),
            proxy_auth=where.raw_auth,
            ssl_context=context,
            max_connections=MOST_LINES,
            keepalive_expiry=KEEP_S,
            network_backend=lines,
        )


def trust(ca_file: str) -> ssl.SSLContext:
    """Return the system's trust, and the authority in `ca_file` beside it. Raises Misconfigured."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(
                say("read the hub's certificate authority"),
                say("{file} is missing or holds no PEM certificate", file=ca_file),
                say("put the authority's PEM file there, or take ca_file out"),
                key="hub.ca_file",
            ) from error
    return context


def client(ca_file: str, proxy: str, lines: Lines) -> httpx.Client:
    """Return the one client: HTTP/1.1, no redirect, no compression, no environment, no cookie of anybody."""
    try:
        transport = _Transport(trust(ca_file), proxy, lines)
    except (ValueError, httpx.InvalidURL) as error:
        raise Misconfigured(
            say("set up the way to the hub"),
            say("the proxy address cannot be used"),
            say("write it as http://host:port"),
            key="hub.proxy",
        ) from error
    return httpx.Client(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": "creneau", "Accept": "application/jose", "Accept-Encoding": "identity"},
    )
