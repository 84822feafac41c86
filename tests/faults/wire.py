"""A TCP line that fails on demand: it passes bytes on, or delays, cuts, corrupts, swallows them.

Rule: it works on bytes; what it breaks is for TLS and the agent to notice.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 16 * 1024
DELAY_S = 0.4
SHAKEN = 2048
"""A hub's side of a TLS handshake is shorter."""
MODES = ("delay", "cut", "corrupt", "half-open", "hole")
"""Late; reset at the first byte; a byte of each answer changed; answers lost; nothing passes and nobody answers."""


class Wire:
    """Listens on `port`, passes to `to` on loopback. `mode` "" is kind; `on_answer` runs once, at the next answer."""

    def __init__(self) -> None:
        self.to = 0
        self.mode = ""
        self.on_answer: Callable[[], None] | None = None
        self.harmed = 0
        self._ended = threading.Event()
        self._lines: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="wire", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._server.close()
        self.cut()

    def set(self, mode: str) -> None:
        """Fail from now on in this way; lines that are open are cut, so that nothing waits on an old one."""
        self.mode, self.harmed = mode, 0
        self.cut()

    def cut(self) -> None:
        """Reset every line."""
        lines, self._lines = self._lines, []
        for line in lines:
            _reset(line)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                caller, _ = self._server.accept()
            except OSError:
                return
            self._lines.append(caller)
            if self.mode == "hole":
                self.harmed += 1
                continue
            try:
                hub = socket.create_connection(("127.0.0.1", self.to), timeout=5)
            except OSError:  # nobody listens: the caller hears it as it would without us
                _reset(caller)
                continue
            hub.settimeout(None)
            self._lines.append(hub)
            for source, sink, answers in ((caller, hub, False), (hub, caller, True)):
                threading.Thread(target=self._pump, args=(source, sink, answers), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(CHUNK):
                passed += len(data)
                kept = self._harm(data, source, sink, answers=answers, passed=passed)
                if kept:
                    sink.sendall(kept)
            sink.shutdown(socket.SHUT_WR)

    def _harm(self, data: bytes, source: socket.socket, sink: socket.socket, *, answers: bool, passed: int) -> bytes:
        """Return what goes on of these bytes. TLS's own handshake passes first, so that requests reach the hub."""
        shaken, mode = passed > SHAKEN, self.mode
        if self.on_answer is not None and answers and shaken:
            act, self.on_answer = self.on_answer, None
            sink.sendall(data[: len(data) // 2])
            act()
            mode = "cut"
        if not mode or (mode == "corrupt" and not answers) or (mode == "half-open" and not (answers and shaken)):
            return data
        self.harmed += 1
        if mode == "delay":
            self._ended.wait(DELAY_S)
            return data
        if mode == "corrupt":
            return data[:-1] + bytes([data[-1] ^ 1])
        if mode == "cut":
            _reset(source)
            _reset(sink)
        return b""


def _reset(line: socket.socket) -> None:
    """Close without a goodbye."""
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
