"""An EMR that lives in memory: for tests, for the conformance kit, and as the shortest complete example.

Rule: it keeps every promise of agent.ports with the same recipe as a database with a sidecar table.
"""

from collections.abc import Mapping

from adapters.memory.clinic import Clinic, Opening, Receptionist, clinic
from adapters.memory.emr import MemoryEmr
from agent.core.model import EmrName
from agent.ports import Tools

__all__ = ["Clinic", "MemoryEmr", "Opening", "Receptionist", "clinic", "open_"]


def open_(name: EmrName, options: Mapping[str, object], tools: Tools) -> MemoryEmr:
    """Open the adapter as the catalog names it."""
    return MemoryEmr(name, clinic(str(options["clinic"])), tools.clock, tools.label)
