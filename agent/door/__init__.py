"""The local door: the command line's only way to a running agent.

Rule: a Unix socket or a Windows named pipe, never TCP; who asks is told by the kernel, never by the asker.
"""

from agent.door.client import Client, listening
from agent.door.server import Server
from agent.door.wire import Peer

__all__ = ["Client", "Peer", "Server", "listening"]
