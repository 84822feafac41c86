"""HL7 v2 scheduling: one message, one step at the filler, which may remember and may answer enquiries.

Rule: a filler without memory or enquiry is no worse than the standard allows (HL7 v2.5.1 chapter 10).
"""

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from agent.core.booking import Effect, Op, Outcome, Recovery, Write, WriteRules
from agent.core.model import BookingId, EmrRef
from tests.model.emrs.model import REPLY, UNFENCED
from tests.model.emrs.plain import Apt, Apts, Plain, effect_of


class Hl7(Plain):
    """SRM/SRR: one message, one step at the filler, which may carry it out late."""

    lasting = True

    def __init__(self, *, memory: bool = True, enquiry: bool = True, rules: WriteRules | None = None) -> None:
        super().__init__()
        self.memory, self.enquiry = memory, enquiry
        words = f"{'with' if memory else 'without'} memory, {'with' if enquiry else 'without'} enquiry"
        self.name = f"HL7 {words}"
        blind = replace(UNFENCED, recovery=Recovery.BLIND, enquire_first=False)
        self.rules = rules or (UNFENCED if enquiry else blind)

    def _run(self, emr: Apts, write: Write, pc: Any) -> tuple[Hashable, str, Any]:  # noqa: PLR0911 - one answer of SRR each
        own = self.mine(emr, write.booking, "kept")
        past = self.memory and self.mine(emr, write.booking, "cancelled") is not None
        if write.slot is None:
            return (
                (self.change(emr, own, status="cancelled") if own else emr),
                REPLY,
                effect_of(write, Outcome.CANCELLED),
            )
        if write.op is Op.MOVE:
            if own is None:
                return emr, REPLY, Effect(write.booking, 0, Outcome.CHECKING)
            if own.slot != write.slot.key and self.taken(emr, write.slot.key):
                return emr, REPLY, effect_of(write, Outcome.CONFLICT)
            emr = self.change(emr, own, slot=write.slot.key)
            return emr, REPLY, effect_of(write, Outcome.BOOKED, replace(own, slot=write.slot.key))
        if self.memory and own is not None:
            return emr, REPLY, effect_of(write, Outcome.BOOKED, own)
        if past or self.taken(emr, write.slot.key):
            return emr, REPLY, effect_of(write, Outcome.CONFLICT)
        new = Apt(len(emr), write.slot.key, write.booking)
        return (*emr, new), REPLY, effect_of(write, Outcome.BOOKED, new)

    def _find(self, emr: Apts, booking: BookingId) -> tuple[Hashable, Effect | None]:
        if not self.enquiry:
            return emr, None
        own = self.mine(emr, booking, "kept")
        if own is not None:
            return emr, Effect(booking, 0, Outcome.BOOKED, EmrRef(str(own.ref)), own.slot)
        past = self.memory and self.mine(emr, booking, "cancelled") is not None
        return emr, Effect(booking, 0, Outcome.CANCELLED) if past else None
