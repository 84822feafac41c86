"""The system's own service manager: systemd or Windows's, by one set of words.

Rule: what a service manager says is read by its numbers and fixed words, never by sentences a language pack translates.
"""

import sys
from pathlib import Path

from agent.service.model import NAME, Manager, State, Status

__all__ = ["NAME", "Manager", "State", "Status", "manager"]


def manager(config: Path) -> Manager:
    """Return this system's manager of the service whose configuration is `config`."""
    if sys.platform == "win32":
        from agent.service.windows import Windows

        return Windows(config)
    else:  # noqa: RET505 - mypy follows the platform this way
        from agent.service.systemd import Systemd

        return Systemd(config)
