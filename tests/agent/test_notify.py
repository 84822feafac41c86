"""What the service manager hears."""

import socket
from datetime import timedelta
from pathlib import Path

from agent.notify import Notifier


def test_says_ready_on_the_socket(tmp_path: Path) -> None:
    """A datagram reaches $NOTIFY_SOCKET byte for byte."""
    path = tmp_path / "n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(path))
        Notifier({"NOTIFY_SOCKET": str(path)})("READY=1")
        assert ear.recv(100) == b"READY=1"


def test_abstract_address_begins_with_nul() -> None:
    """A leading @ names an abstract socket."""
    name = "\0creneau-test-notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(name)
        Notifier({"NOTIFY_SOCKET": "@" + name[1:]})("WATCHDOG=1")
        assert ear.recv(100) == b"WATCHDOG=1"


def test_is_silent_without_a_service_manager(tmp_path: Path) -> None:
    """No socket, or a dead one, is no fault; the watchdog period is a third of what systemd asks."""
    Notifier({})("READY=1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})("READY=1")
    assert Notifier({}).every is None
    assert Notifier({"WATCHDOG_USEC": "30000000"}).every == timedelta(seconds=10)
