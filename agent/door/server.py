"""The answering side of the door: one thread a question, inside the running agent.

Rule: the asker is named by the kernel, and `may` is asked before the verb is.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.core.errors import Ambiguous, CreneauError, Refused
from agent.core.message import say
from agent.door import wire
from agent.door.sockets import bind, peer_of
from agent.door.wire import Peer
from agent.ports import Door

log = logging.getLogger("creneau.door")

AT_ONCE = 8
"""Questions in work at one time; more wait in the backlog."""
PATIENCE_S = 10.0
"""How long an asker may take to send its line, or to fetch its answer."""
LEAVE_S = 2.0
"""How long stop waits for questions in work; their threads never keep the process alive."""


def anyone(_verb: str, _peer: Peer) -> bool:
    """Let everybody ask everything the socket's own permissions let in."""
    return True


class Server:
    """Listens at `path` (mode 0660) from `start` to `stop`."""

    def __init__(self, path: Path, door: Door, may: Callable[[str, Peer], bool] = anyone) -> None:
        """Keep who answers and who may ask; nothing is bound before `start`."""
        self._path = path
        self._door = door
        self._may = may
        self._stop = threading.Event()
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._open: dict[Any, threading.Thread] = {}
        self._ear: Any = None  # a socket, or on Windows a pipe with the same methods
        self._thread = threading.Thread(target=self._listen, name="door", daemon=True)

    def start(self) -> None:
        """Bind and listen. The state lock is the caller's: a socket left by a dead agent is removed here."""
        self._ear = bind(self._path)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more, cut idle askers, wait a moment for answers in work, remove the socket."""
        if self._ear is None or self._stop.is_set():
            return
        self._stop.set()
        with contextlib.suppress(OSError):
            self._ear.shutdown(socket.SHUT_RDWR)
        self._thread.join(LEAVE_S)
        self._ear.close()
        with self._lock:
            left = dict(self._open)
        for line in left:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RD)
        for thread in left.values():
            thread.join(LEAVE_S / len(left))
        self._path.unlink(missing_ok=True)

    def _listen(self) -> None:
        ear = self._ear
        while ear is not None and not self._stop.is_set():
            try:
                line, _ = ear.accept()
            except OSError:
                continue  # stop shut the ear, or the asker left before we looked
            self._room.acquire()
            thread = threading.Thread(target=self._serve, args=(line,), name="door-question", daemon=True)
            with self._lock:
                self._open[line] = thread
            thread.start()

    def _serve(self, line: Any) -> None:
        try:
            with line, line.makefile("rb") as stream:
                line.settimeout(PATIENCE_S)
                line.sendall(self._reply(stream, line))
        except OSError as fault:
            log.debug("door.asker_left error=%s", type(fault).__name__)
        finally:
            with self._lock:
                self._open.pop(line, None)
            self._room.release()

    def _reply(self, stream: Any, line: Any) -> bytes:
        verb = "?"
        try:
            question = wire.read(stream, wire.QUESTION)
            verb = str(question.get("verb"))
            args = question.get("args")
            answer = self._ask(verb, args if isinstance(args, dict) else {}, peer_of(line))
            reply = wire.line({"answer": answer})
        except CreneauError as fault:
            return wire.line({"error": wire.told(fault)})
        except Exception as fault:  # noqa: BLE001 - an asker must never end the agent, nor read its insides
            log.warning("door.failed verb=%s error=%s", verb, type(fault).__name__)
            return wire.line({"error": wire.told(_unforeseen())})
        if len(reply) > wire.ANSWER:
            too_long = Refused(wire.DOING, say("the answer is too long"), say("ask for fewer days"), reason="too-large")
            return wire.line({"error": wire.told(too_long)})
        return reply

    def _ask(self, verb: str, args: Mapping[str, Any], peer: Peer) -> Mapping[str, Any]:
        if not self._may(verb, peer):
            log.warning("door.refused verb=%s who=%s", verb, peer.who)
            raise Refused(
                wire.DOING,
                say("the account {who} may not do this", who=peer.who),
                say("ask the administrator which creneau group you need"),
                reason="rights",
            )
        return self._door.ask(verb, args, peer.who)


def _unforeseen() -> Ambiguous:
    return Ambiguous(wire.DOING, say("an unforeseen fault inside the agent"), say("look at the agent's log"))
