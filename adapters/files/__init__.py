"""EMRs that only drop files: CSV, iCalendar or HL7 batches in a folder, read and never written.

Rule: a file is taken whole or not at all, and what it leaves out is not believed gone on its word alone.
"""

from collections.abc import Mapping

from adapters.files.emr import FilesEmr
from adapters.files.settings import read_settings
from agent.core.model import EmrName
from agent.ports import Tools

__all__ = ["FilesEmr", "open_"]


def open_(name: EmrName, options: Mapping[str, object], tools: Tools) -> FilesEmr:
    """Return the source; nothing is read yet. Raises Misconfigured."""
    return FilesEmr(name, read_settings(options, tools.sites), tools)
