"""Hold what is sent, or a sample of what is read, against the R4 models of fhir.resources.

Rule: the library is loaded only where the clinic asked for it; it says what is odd and decides nothing about reading.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from adapters.fhir import resources as fhir
from adapters.fhir.answer import WRITING
from adapters.fhir.line import Line
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.model import Finding, Severity

Mode = Literal["off", "sample", "outbound"]


class Sample:
    """Looks at one Slot of each reading; `findings` tells what it saw last."""

    def __init__(self, mode: Mode) -> None:
        """Load nothing yet."""
        self._mode = mode
        self.findings: tuple[Finding, ...] = ()

    def look(self, line: Line, slots: Sequence[fhir.Slot]) -> None:
        """Read one Slot again as the server has it, and validate it."""
        if self._mode == "off" or not slots:
            return
        answer = line.read(f"Slot/{slots[0].id}")
        wrong = faults(answer.json()) if answer.is_good else []
        says = say("a Slot of the FHIR server breaks R4 at {places}", places=", ".join(wrong[:5]))
        self.findings = (Finding("fhir.invalid", Severity.NOTE, says),) if wrong else ()


def faults(resource: Mapping[str, Any]) -> list[str]:
    """Return the elements that break the R4 model, never their values; [] when all is well."""
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    try:
        kind = get_fhir_model_class(str(resource.get("resourceType", "")))
    except (KeyError, ValueError, AttributeError):  # whatever the library says of a kind it does not know
        return ["resourceType"]
    try:
        kind.model_validate_json(msgspec.json.encode(resource))
    except ValidationError as wrong:
        return sorted({".".join(str(part) for part in fault["loc"]) or "resource" for fault in wrong.errors()})
    return []


def check_outbound(resource: object) -> None:
    """Refuse to send what is not R4. Raises Misconfigured with the places, never with their values."""
    if not isinstance(resource, Mapping) or not (wrong := faults(resource)):
        return
    what = say("what would be sent breaks R4 at {places}", places=", ".join(wrong[:5]))
    raise Misconfigured(WRITING, what, say('write validate = "sample" and tell the vendor'), key="validate")
