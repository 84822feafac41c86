"""Run the hub over HTTPS.

Rule: there is no plain HTTP, on loopback neither.
"""

import asyncio
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from agent.core.errors import Misconfigured
from agent.core.message import say
from hub import desk, tls
from hub.app import make_app
from hub.clock import Clock, WallClock
from hub.hub import Hub, open_store

KEEP_ALIVE_S = 75
"""Longer than the pause between two beats, so that a beat costs no handshake."""
_START_S = 60
_STOP_S = 5
_GRACE_S = 0.3
_LOOPBACK = "127.0.0.1"


def serve(
    folder: Path,
    host: str,
    port: int,
    cert: Path | None = None,
    key: Path | None = None,
    listens: Callable[[], None] = lambda: None,
) -> None:
    """Serve until the process is told to stop; `listens` is called once the port is ours.

    Raises Misconfigured as `server` does, and when the port cannot be had.
    """
    ready = server(folder, host, port, cert, key)
    with _port(host, port) as listening:
        for told in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises the signal anew once it has stopped: a clean end
            signal.signal(told, lambda *_: None)
        listens()
        ready.run([listening])


def _port(host: str, port: int) -> socket.socket:
    """Return the socket to listen on."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as cause:
        raise Misconfigured(
            say("serve the hub"),
            say("{host}:{port} cannot be listened on", host=host, port=str(port)),
            say("give another --port, or end the program that uses it"),
        ) from cause


def server(folder: Path, host: str, port: int, cert: Path | None = None, key: Path | None = None) -> "Server":
    """Return a server ready to run; without `cert` and `key` a private authority is made in `folder`.

    Raises Misconfigured when there is no hub in `folder`, or only one of the two files is given.
    """
    if (cert is None) != (key is None):
        raise Misconfigured(say("serve the hub"), say("certificate and key come together"))
    clock = WallClock()
    if cert is None or key is None:
        files = tls.private_files(folder / "tls", _name(folder), clock.now())
        cert, key = files.cert, files.key
    return Server(_config(folder, clock, cert, key, host=host, port=port))


@dataclass(slots=True)
class Handle:
    """A hub that runs in a thread of this process."""

    url: str
    ca_file: Path
    hub: Hub = field(repr=False)
    _server: "Server" = field(repr=False)
    _thread: threading.Thread = field(repr=False)

    def stop(self) -> None:
        """End it and wait until it has."""
        self._server.should_exit = True
        self._thread.join(_STOP_S * 2)


def start_in_thread(folder: Path, port: int = 0, clock: Clock | None = None) -> Handle:
    """Serve on loopback in a thread; port 0 takes a free one. Makes the hub if `folder` holds none.

    An existing hub keeps its origin and therefore its port.
    """
    clock = clock or WallClock()
    made = (folder / "hub.json").exists()
    if made and not port:
        port = urlsplit(_origin(folder)).port or 443
    listening = socket.create_server((_LOOPBACK, port))
    if not made:
        desk.init(folder, f"https://{_LOOPBACK}:{listening.getsockname()[1]}", clock=clock)
    files = tls.private_files(folder / "tls", _LOOPBACK, WallClock().now())
    config = _config(folder, clock, files.cert, files.key)
    server = Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="hub", daemon=True)
    thread.start()
    if not server.up.wait(_START_S):
        raise Misconfigured(say("serve the hub"), say("the hub did not start"))
    return Handle(_origin(folder), files.ca, server.hub, server, thread)


class Server(uvicorn.Server):
    """Lets waiting agents go before the sockets close: a long poll would hold up the stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()
        self.hub: Hub = config.app.state.hub  # type: ignore[union-attr]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when it listens."""
        await super().startup(sockets)
        self.up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Empty the waiting room first, and wait for nobody who only keeps a line open."""
        self.hub.room.close()
        ending = asyncio.create_task(super().shutdown(sockets))
        await asyncio.sleep(_GRACE_S)
        for line in list(self.server_state.connections):
            cycle = getattr(line, "cycle", None)  # the answer in work, if any
            if cycle is None or cycle.response_complete:
                line.transport.abort()  # a polite TLS goodbye waits for the other side, which may not be reading
        await ending


def _config(folder: Path, clock: Clock, cert: Path, key: Path, host: str = "", port: int = 0) -> uvicorn.Config:
    config = uvicorn.Config(
        make_app(folder, clock),
        host=host,
        port=port,
        ssl_certfile=str(cert),
        ssl_keyfile=str(key),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=_STOP_S,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
    )
    try:
        config.load()
    except OSError as cause:  # ssl.SSLError is one
        says, hint = say("the certificate or its key cannot be read"), say("give PEM files this account may read")
        raise Misconfigured(say("serve the hub"), says, hint) from cause
    assert config.ssl is not None  # noqa: S101 - certificate and key were given
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def _origin(folder: Path) -> str:
    store, origin = open_store(folder)
    store.close()
    return origin


def _name(folder: Path) -> str:
    """Return the host a private certificate must carry: the one agents and portals call."""
    return urlsplit(_origin(folder)).hostname or _LOOPBACK
