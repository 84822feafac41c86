"""The system's part of the door: bind, dial, and who is at the other end.

Rule: with `pipes.py`, the only file of the door that knows which system it runs on.
"""

import contextlib
import os
import socket
import stat
import struct
import sys
from datetime import timedelta
from pathlib import Path

from agent.core.errors import Misconfigured, Transient
from agent.core.message import say
from agent.door import wire
from agent.door.wire import Peer

BACKLOG = 8

__all__ = ["bind", "dial", "peer_of"]

if sys.platform == "win32":  # pragma: no cover - run under Wine
    from agent.door.pipes import bind, dial, peer_of
else:
    import grp
    import pwd

    def bind(path: Path) -> socket.socket:
        """Return a listening socket of mode 0660. The state lock is the caller's: a dead agent's socket is removed."""
        where = wire.fitting(path)
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
                path.unlink()
            ear.bind(where)
            path.chmod(0o660)  # before listen: nobody connects in between
            ear.listen(BACKLOG)
        except OSError as cause:
            ear.close()
            raise Misconfigured(
                wire.DOING,
                say("the socket cannot be made: {reason}", reason=os.strerror(cause.errno or 0)),
                say("check that the service account owns the data folder"),
                file=where,
            ) from cause
        return ear

    def dial(path: Path, longest: timedelta) -> socket.socket:
        """Return a connected socket; Transient when nobody listens, Misconfigured when this account may not."""
        where = wire.fitting(path)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(longest.total_seconds())
        try:
            line.connect(where)
        except PermissionError as cause:
            line.close()
            raise Misconfigured(
                wire.DOING,
                say("your account may not talk to the agent"),
                say("ask the administrator to add you to one of the creneau groups, then log in again"),
            ) from cause
        except OSError as cause:
            line.close()
            raise Transient(wire.DOING, say("no running agent answers here"), say("creneau run")) from cause
        return line

    def peer_of(line: socket.socket) -> Peer:
        """Ask the kernel who is at the other end (unix(7), SO_PEERCRED: pid, uid, gid)."""
        raw = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, gid = struct.unpack("3i", raw)
        return account(uid, gid)

    def account(uid: int, gid: int) -> Peer:
        """Return the account of these ids; root and the agent's own account are administrators."""
        admin = uid in {0, os.geteuid()}
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            return Peer(f"uid:{uid}", admin, frozenset())
        names = set()
        for number in os.getgrouplist(name, gid):
            with contextlib.suppress(KeyError):
                names.add(grp.getgrgid(number).gr_name)
        return Peer(name, admin, frozenset(names))
