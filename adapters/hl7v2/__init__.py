"""HL7 v2 over MLLP: the EMRs that only push their scheduling notices, and perhaps take requests.

Rule: what is pushed is stored before it is acknowledged, and what is not known whole is not published.
"""

from collections.abc import Mapping

from adapters.hl7v2.emr import Hl7Emr
from adapters.hl7v2.settings import read_settings
from agent.core.model import EmrName
from agent.ports import Tools

__all__ = ["Hl7Emr", "open_"]


def open_(name: EmrName, options: Mapping[str, object], tools: Tools) -> Hl7Emr:
    """Return the source; one that also books where the EMR's address for requests is given. Raises Misconfigured."""
    settings = read_settings(options, tools.sites, tools.label)
    if settings.asking is None or settings.is_wake:
        return Hl7Emr(name, settings, tools)
    from adapters.hl7v2.book import Hl7Booker

    return Hl7Booker(name, settings, settings.asking, tools)
