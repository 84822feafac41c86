"""Build what we ask of the EMR: SRM^S01, S02, S04 and SQM^S25 (HL7 v2.5.1 10.3, 10.5), built and validated by hl7apy.

Rule: what hl7apy does not find valid is never sent; the same version of a booking is asked with the same number.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.hl7v2.build import OURS, Envelope, begun, finished, local, safe, utc
from agent.core.booking import Op
from agent.core.model import BookingId, Patient, Slot

EVENTS = {Op.BOOK: "S01", Op.MOVE: "S02", Op.CANCEL: "S04"}
_SEX = frozenset("FMOU")


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
    message = begun(f"SRM^{event}^SRM_S01", "SRM_S01", number(ask.booking, ask.version, event + ask.word), ask.sent, to)
    arq = message.add_segment("ARQ")
    arq.arq_1 = f"{safe(ask.booking)}^{OURS}"
    if ask.filler:
        arq.arq_2 = ask.filler
    arq.arq_7 = safe(to.label)
    if ask.when is not None:
        arq.arq_8 = safe(ask.when.type)
        arq.arq_9, arq.arq_10 = str(_minutes(ask.when)), "min"
        arq.arq_11 = f"{local(ask.when.start)}^{local(ask.when.end)}"
    arq.arq_15 = arq.arq_19 = OURS
    if ask.patient is not None:
        _pid(message.add_group("SRM_S01_PATIENT").add_segment("PID"), ask.patient)
    resources = message.add_group("SRM_S01_RESOURCES")
    rgs = resources.add_segment("RGS")
    rgs.rgs_1, rgs.rgs_2 = "1", {Op.BOOK: "A", Op.MOVE: "U", Op.CANCEL: "D"}[ask.op]
    if ask.when is not None:
        aip = resources.add_group("SRM_S01_PERSONNEL_RESOURCE").add_segment("AIP")
        aip.aip_1, aip.aip_2 = "1", rgs.rgs_2.to_er7()
        aip.aip_3 = safe(ask.when.practitioner.key)
        aip.aip_6 = local(ask.when.start)
        aip.aip_9, aip.aip_10 = str(_minutes(ask.when)), "min"
    return finished(message)


def enquiry(booking: BookingId, filler: str, sent: datetime, salt: str, to: Envelope) -> bytes:
    """Return an SQM^S25 for one appointment by our number, and the EMR's where it is known. Raises Misconfigured."""
    message = begun("SQM^S25^SQM_S25", "SQM_S25", number(booking, 0, salt), sent, to)
    qrd = message.add_segment("QRD")
    qrd.qrd_1 = utc(sent)
    qrd.qrd_2, qrd.qrd_3, qrd.qrd_4 = "R", "I", number(booking, 0, salt)
    qrd.qrd_7, qrd.qrd_8, qrd.qrd_9, qrd.qrd_10 = "1^RD", safe(booking), "APN", OURS
    group = message.add_group("SQM_S25_REQUEST")
    arq = group.add_segment("ARQ")
    arq.arq_1 = f"{safe(booking)}^{OURS}"
    if filler:
        arq.arq_2 = filler
    arq.arq_15 = arq.arq_19 = OURS
    group.add_group("SQM_S25_RESOURCES").add_segment("RGS").rgs_1 = "1"
    return finished(message)


def _pid(pid: Any, patient: Patient) -> None:
    pid.pid_3 = f"{safe(patient.nam)}^^^QC_RAMQ^JHN" if patient.nam else f"{safe(patient.booking)}^^^{OURS}"
    pid.pid_5 = f"{safe(patient.family)}^{safe(patient.given)}"
    if patient.born is not None:
        pid.pid_7 = patient.born.strftime("%Y%m%d")
    if patient.sex.upper() in _SEX and patient.sex:
        pid.pid_8 = patient.sex.upper()
    if patient.phone:
        pid.pid_13 = f"{safe(patient.phone)}^PRN^PH"
    if patient.email:
        pid.pid_14 = f"^NET^Internet^{safe(patient.email)}"


def _minutes(slot: Slot) -> int:
    return int((slot.end - slot.start) / timedelta(minutes=1))
