"""The Windows side of the door: a named pipe that behaves like a socket.

Rule: this machine only, never the network; who asks is told by the system, from the pipe itself.
"""

import hashlib
import io
import sys
import time
from datetime import timedelta
from pathlib import Path

from agent.core.errors import Misconfigured, Transient
from agent.core.message import say
from agent.door import wire
from agent.door.wire import Peer

RIGHTS = "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;OW)(A;;0x12019b;;;AU)"
"""Nobody from the network; whoever logged in on this machine may talk (read and write, not make a pipe of that name)."""
CHUNK = 1 << 16
BUSY_S, BUSY_MS = 10, 500
"""How long an asker waits while others are at the door, and how often it looks."""


def pipe_name(path: Path) -> str:
    r"""Return `\\.\pipe\creneau-…`, one for each data folder; paths that Windows takes for the same give the same."""
    digest = hashlib.sha256(str(path).casefold().encode("utf-8", "surrogatepass")).hexdigest()
    return rf"\\.\pipe\creneau-{digest[:16]}"


if sys.platform == "win32":  # pragma: no cover - run under Wine
    import contextlib
    import ctypes
    from typing import Any, Self

    import pywintypes
    import win32api
    import win32con
    import win32event
    import win32file
    import win32pipe
    import win32security

    _NOT_FOUND, _DENIED, _BUSY, _PENDING, _MORE = 2, 5, 231, 997, 234
    _CONNECTED, _GONE = 535, frozenset({6, 109, 232, 233, 995})
    _REJECT_REMOTE, _FIRST = 8, 0x80000
    _SQOS_IDENTIFY = 0x100000 | 0x10000
    _ADMINS, _SYSTEM = "S-1-5-32-544", "S-1-5-18"

    class _Raw(io.RawIOBase):
        """What makefile returns under its buffer."""

        def __init__(self, line: "Line") -> None:
            self._line = line

        def readable(self) -> bool:
            return True

        def readinto(self, room: Any) -> int:
            found = self._line.recv(min(len(room), CHUNK))
            room[: len(found)] = found
            return len(found)

    class Line:
        """One connection; the few methods of a socket the door uses."""

        def __init__(self, handle: Any, *, asked: bool) -> None:
            """Take the handle; `asked`: the answering side, which waits for the other to have read before it closes."""
            self._handle = handle
            self._asked = asked
            self._patience: float | None = None

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def settimeout(self, seconds: float | None) -> None:
            """Bound each read and write."""
            self._patience = seconds

        def recv(self, most: int) -> bytes:
            """Return what came, b"" at the end. Raises TimeoutError, OSError."""
            room = win32file.AllocateReadBuffer(most)
            try:
                n = self._done(lambda over: win32file.ReadFile(self._handle, room, over)[0])
            except OSError as error:
                if error.errno in _GONE:
                    return b""
                raise
            return bytes(room[:n])

        def sendall(self, data: bytes) -> None:
            """Write all. Raises TimeoutError, OSError."""
            view = memoryview(data)
            while view:
                piece = bytes(view[:CHUNK])
                n = self._done(lambda over, piece=piece: win32file.WriteFile(self._handle, piece, over)[0])
                view = view[n:]

        def makefile(self, mode: str) -> io.BufferedReader:
            """Return a reader."""
            del mode
            return io.BufferedReader(_Raw(self))

        def shutdown(self, how: int) -> None:
            """Cut what waits on it, from any thread."""
            del how
            if self._handle is not None:
                ctypes.windll.kernel32.CancelIoEx(ctypes.c_void_p(int(self._handle)), None)

        def close(self) -> None:
            """Close it; the answering side first lets the asker fetch its answer, which a closed pipe would throw away."""
            if self._handle is None:
                return
            if self._asked:
                with contextlib.suppress(OSError):
                    self.recv(1)
                with contextlib.suppress(pywintypes.error):
                    win32pipe.DisconnectNamedPipe(self._handle)
            win32file.CloseHandle(self._handle)
            self._handle = None

        def peer(self) -> Peer:
            """Return who is at the other end: by taking their identity for a moment, once something was read."""
            win32security.ImpersonateNamedPipeClient(self._handle)
            try:
                token = win32security.OpenThreadToken(win32api.GetCurrentThread(), win32con.TOKEN_QUERY, True)
            finally:
                win32security.RevertToSelf()
            return _peer(token)

        def _done(self, begin: Any) -> int:
            """Begin an overlapped operation and wait for it; cancel it when its time is over."""
            over = pywintypes.OVERLAPPED()
            over.hEvent = win32event.CreateEvent(None, True, False, None)
            try:
                begun = begin(over)
                wait = win32event.INFINITE if self._patience is None else int(self._patience * 1000)
                if (
                    begun in (0, _PENDING)
                    and win32event.WaitForSingleObject(over.hEvent, wait) != win32event.WAIT_OBJECT_0
                ):
                    self.shutdown(0)
                    raise TimeoutError
                return int(win32file.GetOverlappedResult(self._handle, over, True))
            except pywintypes.error as error:
                raise OSError(error.winerror, "pipe") from error

    class Ear:
        """A listening pipe."""

        def __init__(self, name: str) -> None:
            self._name = name
            self._stop = win32event.CreateEvent(None, True, False, None)
            self._next = self._made(_FIRST)

        def accept(self) -> tuple[Line, None]:
            """Wait for an asker; raises OSError once shut."""
            over = pywintypes.OVERLAPPED()
            over.hEvent = win32event.CreateEvent(None, True, False, None)
            try:
                if win32pipe.ConnectNamedPipe(self._next, over) != _CONNECTED:
                    either = [self._stop, over.hEvent]
                    if (
                        win32event.WaitForMultipleObjects(either, False, win32event.INFINITE)
                        == win32event.WAIT_OBJECT_0
                    ):
                        raise OSError("shut")
            except pywintypes.error as error:  # an asker who left before we looked: the same pipe serves the next one
                with contextlib.suppress(pywintypes.error):
                    win32pipe.DisconnectNamedPipe(self._next)
                raise OSError(error.winerror, "pipe") from error
            line, self._next = Line(self._next, asked=True), self._made(0)
            return line, None

        def shutdown(self, how: int) -> None:
            """End a waiting accept; any thread."""
            del how
            win32event.SetEvent(self._stop)

        def close(self) -> None:
            """Listen no more."""
            with contextlib.suppress(pywintypes.error):
                win32file.CloseHandle(self._next)

        def _made(self, first: int) -> Any:
            rights = pywintypes.SECURITY_ATTRIBUTES()
            rights.SECURITY_DESCRIPTOR = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(
                RIGHTS, win32security.SDDL_REVISION_1
            )
            return win32pipe.CreateNamedPipe(
                self._name,
                win32pipe.PIPE_ACCESS_DUPLEX | win32file.FILE_FLAG_OVERLAPPED | first,
                win32pipe.PIPE_TYPE_BYTE | win32pipe.PIPE_READMODE_BYTE | win32pipe.PIPE_WAIT | _REJECT_REMOTE,
                win32pipe.PIPE_UNLIMITED_INSTANCES,
                CHUNK,
                CHUNK,
                0,
                rights,
            )

    def bind(path: Path) -> Ear:
        """Return the listening pipe; Misconfigured when another program holds its name."""
        try:
            return Ear(pipe_name(path))
        except pywintypes.error as cause:
            raise Misconfigured(
                wire.DOING,
                say("the pipe cannot be made: Windows answers with code {code}", code=cause.winerror),
                say("end the other program that uses this data folder"),
                file=pipe_name(path),
            ) from cause

    def dial(path: Path, longest: timedelta) -> Line:
        """Return a connection; Transient when nobody listens, Misconfigured when this account may not."""
        name = pipe_name(path)
        ends = time.monotonic() + BUSY_S
        while True:
            try:
                handle = win32file.CreateFile(
                    name,
                    win32con.GENERIC_READ | win32con.GENERIC_WRITE,
                    0,
                    None,
                    win32con.OPEN_EXISTING,
                    win32file.FILE_FLAG_OVERLAPPED | _SQOS_IDENTIFY,
                    None,
                )
                line = Line(handle, asked=False)
                line.settimeout(longest.total_seconds())
            except pywintypes.error as cause:
                if cause.winerror == _DENIED:
                    raise Misconfigured(
                        wire.DOING,
                        say("your account may not talk to the agent"),
                        say("log in on this machine itself, or ask the administrator"),
                    ) from cause
                if cause.winerror == _BUSY and time.monotonic() < ends:
                    with contextlib.suppress(pywintypes.error):
                        win32pipe.WaitNamedPipe(name, BUSY_MS)
                    continue
                raise Transient(wire.DOING, say("no running agent answers here"), say("creneau run")) from cause
            else:
                return line

    def peer_of(line: Line) -> Peer:
        """Return who is at the other end."""
        return line.peer()

    def _peer(token: Any) -> Peer:
        user = win32security.GetTokenInformation(token, win32security.TokenUser)[0]
        groups = [
            sid
            for sid, flags in win32security.GetTokenInformation(token, win32security.TokenGroups)
            if flags & win32security.SE_GROUP_ENABLED
        ]
        sids = {str(win32security.ConvertSidToStringSid(sid)) for sid in (user, *groups)}
        mine = win32security.OpenProcessToken(win32api.GetCurrentProcess(), win32con.TOKEN_QUERY)
        own = win32security.GetTokenInformation(mine, win32security.TokenUser)[0]
        admin = bool({_ADMINS, _SYSTEM} & sids) or user == own
        return Peer(_called(user), admin, frozenset(_called(sid) for sid in groups))

    def _called(sid: Any) -> str:
        """Return an account's name without its machine; its SID when it has none."""
        try:
            return str(win32security.LookupAccountSid(None, sid)[0])
        except pywintypes.error:
            return str(win32security.ConvertSidToStringSid(sid))
