"""Build what we ask of the EMR: SRM^S01, S02, S04 and SQM^S25 (HL7 v2.5.1 10.3, 10.5), built and validated by hl7apy.

Rule: what hl7apy does not find valid is never sent; the same version of a booking is asked with the same number.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from adapters.er7.scan import Separators, escape
from agent.core.booking import Op
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import BookingId, Patient, Slot

DOING = say("ask the EMR for an appointment")
VERSION = "2.5.1"
OURS = "CRENEAU"
"""Our application in MSH-3, and the namespace of our appointment numbers in ARQ-1."""
EVENTS = {Op.BOOK: "S01", Op.MOVE: "S02", Op.CANCEL: "S04"}
_MARKS = Separators()
_SEX = frozenset("FMOU")


@dataclass(frozen=True, slots=True)
class Envelope:
    """MSH-4 to 6, and what the desk reads."""

    clinic: str
    application: str
    facility: str
    label: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `when`: where the appointment shall be, None for a cancel; `filler`: the EMR's own number, "" = none."""

    booking: BookingId
    version: int
    op: Op
    when: Slot | None
    filler: str
    patient: Patient | None
    sent: datetime
    word: str = ""
    """What tells two requests of one version apart: the undoing of one."""


def number(booking: BookingId, version: int, word: str) -> str:
    """Return MSH-10: the same for the same version of a booking, so that a repeat is known for one; 20 characters."""
    return hashlib.sha256(f"{booking}|{version}|{word}".encode()).hexdigest()[:20].upper()


def request(ask: Ask, to: Envelope) -> bytes:
    """Return an SRM. Raises Misconfigured when hl7apy is not installed or finds it invalid."""
    event = EVENTS[ask.op]
    message = _message(
        f"SRM^{event}^SRM_S01", "SRM_S01", number(ask.booking, ask.version, event + ask.word), ask.sent, to
    )
    arq = message.add_segment("ARQ")
    arq.arq_1 = f"{_safe(ask.booking)}^{OURS}"
    if ask.filler:
        arq.arq_2 = ask.filler
    arq.arq_7 = _safe(to.label)
    if ask.when is not None:
        arq.arq_8 = _safe(ask.when.type)
        arq.arq_9, arq.arq_10 = str(_minutes(ask.when)), "min"
        arq.arq_11 = f"{_local(ask.when.start)}^{_local(ask.when.end)}"
    arq.arq_15 = arq.arq_19 = OURS
    if ask.patient is not None:
        _pid(message.add_group("SRM_S01_PATIENT").add_segment("PID"), ask.patient)
    resources = message.add_group("SRM_S01_RESOURCES")
    rgs = resources.add_segment("RGS")
    rgs.rgs_1, rgs.rgs_2 = "1", {Op.BOOK: "A", Op.MOVE: "U", Op.CANCEL: "D"}[ask.op]
    if ask.when is not None:
        aip = resources.add_group("SRM_S01_PERSONNEL_RESOURCE").add_segment("AIP")
        aip.aip_1, aip.aip_2 = "1", rgs.rgs_2.to_er7()
        aip.aip_3 = _safe(ask.when.practitioner.key)
        aip.aip_6 = _local(ask.when.start)
        aip.aip_9, aip.aip_10 = str(_minutes(ask.when)), "min"
    return _valid(message)


def enquiry(booking: BookingId, filler: str, sent: datetime, salt: str, to: Envelope) -> bytes:
    """Return an SQM^S25 for one appointment by our number, and the EMR's where it is known. Raises Misconfigured."""
    message = _message("SQM^S25^SQM_S25", "SQM_S25", number(booking, 0, salt), sent, to)
    qrd = message.add_segment("QRD")
    qrd.qrd_1 = _utc(sent)
    qrd.qrd_2, qrd.qrd_3, qrd.qrd_4 = "R", "I", number(booking, 0, salt)
    qrd.qrd_7, qrd.qrd_8, qrd.qrd_9, qrd.qrd_10 = "1^RD", _safe(booking), "APN", OURS
    group = message.add_group("SQM_S25_REQUEST")
    arq = group.add_segment("ARQ")
    arq.arq_1 = f"{_safe(booking)}^{OURS}"
    if filler:
        arq.arq_2 = filler
    arq.arq_15 = arq.arq_19 = OURS
    group.add_group("SQM_S25_RESOURCES").add_segment("RGS").rgs_1 = "1"
    return _valid(message)


def _message(kind: str, structure: str, control: str, sent: datetime, to: Envelope) -> Any:
    try:
        from hl7apy.consts import VALIDATION_LEVEL
        from hl7apy.core import Message
    except ModuleNotFoundError as cause:
        hint = say("install the package creneau[{extra}]", extra="hl7")
        raise Misconfigured(DOING, say("a part of the adapter {name} is not installed", name="hl7"), hint) from cause
    message = Message(structure, version=VERSION, validation_level=VALIDATION_LEVEL.STRICT)
    msh = message.msh
    msh.msh_3, msh.msh_4 = OURS, _safe(to.clinic)
    if to.application:
        msh.msh_5 = _safe(to.application)
    if to.facility:
        msh.msh_6 = _safe(to.facility)
    msh.msh_7, msh.msh_9, msh.msh_10, msh.msh_11 = _utc(sent), kind, control, "P"
    msh.msh_18 = "UNICODE UTF-8"
    return message


def _valid(message: Any) -> bytes:
    from hl7apy.exceptions import HL7apyException

    try:
        message.validate()
    except HL7apyException as cause:
        raise Misconfigured(DOING, say("the request is not valid HL7 ({place})", place=type(cause).__name__)) from None
    return (str(message.to_er7()).rstrip("\r") + "\r").encode()


def _pid(pid: Any, patient: Patient) -> None:
    pid.pid_3 = f"{_safe(patient.nam)}^^^QC_RAMQ^JHN" if patient.nam else f"{_safe(patient.booking)}^^^{OURS}"
    pid.pid_5 = f"{_safe(patient.family)}^{_safe(patient.given)}"
    if patient.born is not None:
        pid.pid_7 = patient.born.strftime("%Y%m%d")
    if patient.sex.upper() in _SEX and patient.sex:
        pid.pid_8 = patient.sex.upper()
    if patient.phone:
        pid.pid_13 = f"{_safe(patient.phone)}^PRN^PH"
    if patient.email:
        pid.pid_14 = f"^NET^Internet^{_safe(patient.email)}"


def _local(at: datetime) -> str:
    """Return a time on the site's clock, without offset as EMRs expect it; with one in the hour that comes twice."""
    zone = at.tzinfo
    twice = isinstance(zone, ZoneInfo) and at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()
    return at.strftime("%Y%m%d%H%M%S%z" if twice else "%Y%m%d%H%M%S")


def _utc(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S%z")


def _minutes(slot: Slot) -> int:
    return int((slot.end - slot.start) / timedelta(minutes=1))


def _safe(text: str) -> str:
    """Return one line of text that may stand in a component."""
    return escape(" ".join(text.split()), _MARKS)
