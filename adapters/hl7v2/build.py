"""Build what we send: the header, times and texts of every message of ours, made and validated by hl7apy.

Rule: what hl7apy does not find valid is never sent.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from adapters.er7.scan import Separators, escape
from agent.core.errors import Misconfigured
from agent.core.message import say

DOING = say("ask the EMR for an appointment")
VERSION = "2.5.1"
OURS = "CRENEAU"
"""Our application in MSH-3, and the namespace of our appointment numbers in ARQ-1."""
_MARKS = Separators()


@dataclass(frozen=True, slots=True)
class Envelope:
    """MSH-4 to 6, and what the desk reads."""

    clinic: str
    application: str
    facility: str
    label: str


def begun(kind: str, structure: str, control: str, sent: datetime, to: Envelope) -> Any:
    """Return a message with its header. Raises Misconfigured when hl7apy is not installed."""
    try:
        from hl7apy.consts import VALIDATION_LEVEL
        from hl7apy.core import Message
    except ModuleNotFoundError as cause:
        hint = say("install the package creneau[{extra}]", extra="hl7")
        raise Misconfigured(DOING, say("a part of the adapter {name} is not installed", name="hl7"), hint) from cause
    message = Message(structure, version=VERSION, validation_level=VALIDATION_LEVEL.STRICT)
    msh = message.msh
    msh.msh_3, msh.msh_4 = OURS, safe(to.clinic)
    if to.application:
        msh.msh_5 = safe(to.application)
    if to.facility:
        msh.msh_6 = safe(to.facility)
    msh.msh_7, msh.msh_9, msh.msh_10, msh.msh_11 = utc(sent), kind, control, "P"
    msh.msh_18 = "UNICODE UTF-8"
    return message


def finished(message: Any) -> bytes:
    """Return its bytes. Raises Misconfigured when hl7apy finds it invalid."""
    from hl7apy.exceptions import HL7apyException

    try:
        message.validate()
    except HL7apyException as cause:
        raise Misconfigured(DOING, say("the request is not valid HL7 ({place})", place=type(cause).__name__)) from None
    return (str(message.to_er7()).rstrip("\r") + "\r").encode()


def local(at: datetime) -> str:
    """Return a time on the site's clock, without offset as EMRs expect it; with one in the hour that comes twice."""
    zone = at.tzinfo
    twice = isinstance(zone, ZoneInfo) and at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    return at.strftime("%Y%m%d%H%M%S%z" if twice else "%Y%m%d%H%M%S")


def utc(at: datetime) -> str:
    """Return a moment with its offset."""
    return at.strftime("%Y%m%d%H%M%S%z")


def safe(text: str) -> str:
    """Return one line of text that may stand in a component."""
    return escape(" ".join(text.split()), _MARKS)
