"""Tell systemd that the agent is ready, alive or stopping (sd_notify(3)).

Rule: WATCHDOG=1 is sent only by the loop that asks the legs whether they are alive.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Mapping
from datetime import timedelta


class Notifier:
    """Speaks to $NOTIFY_SOCKET; silent where there is none."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        micros = environ.get("WATCHDOG_USEC", "")
        self.every = timedelta(microseconds=int(micros)) / 3 if micros.isdigit() else None
        """How often WATCHDOG=1 is due; None = no watchdog was asked for."""

    def __call__(self, state: str) -> None:
        """Send one state line, for example "READY=1"; a service manager that is gone is no fault of ours."""
        if self._address and sys.platform != "win32":
            address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, contextlib.suppress(OSError):
                channel.sendto(state.encode(), address)
