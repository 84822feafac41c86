"""One EMR with its adapter for each rule set, every reach into the EMR a step of its own.

Rule: a rule set is what an adapter may promise; what an adapter promises is one of these or its model is added here.
"""

from tests.model.emrs.adapter import profile_of
from tests.model.emrs.driven import Driven
from tests.model.emrs.fhir import Fhir, FhirBare
from tests.model.emrs.hl7 import Hl7
from tests.model.emrs.model import FAIL, NEXT, NOT_DONE, REPLY, UNFENCED, Done, Model, Row
from tests.model.emrs.plain import Apt, Drop, Token
from tests.model.emrs.server import Server
from tests.model.emrs.sidecar import Sidecar

__all__ = [
    "FAIL",
    "NEXT",
    "NOT_DONE",
    "REPLY",
    "UNFENCED",
    "Apt",
    "Done",
    "Driven",
    "Drop",
    "Fhir",
    "FhirBare",
    "Hl7",
    "Model",
    "Row",
    "Server",
    "Sidecar",
    "Token",
    "profile_of",
]
