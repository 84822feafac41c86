"""A server as France's SAS has it: slots by the practitioners' names, changes by business name.

Rule: its slots are the guide's own samples; the rest is a Hostile without flaws.
"""

import json
from pathlib import Path
from typing import Any

from tests.adapters.fhir.hostile import Hostile

FIXTURES = Path(__file__).parent / "fixtures"


def sample(name: str) -> Any:
    """Read one of the guide's own samples."""
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


class Aggregator(Hostile):
    """France's SAS: slots by the practitioners' names, changes by `PUT Appointment?identifier=`."""

    def __init__(self) -> None:
        super().__init__(frozenset())
        self.searches: list[dict[str, str]] = []

    def search(self, kind: str, params: Any) -> tuple[int, Any]:
        self.searches.append({"kind": kind, **dict(params)})
        if kind == "Slot" and "identifier" not in dict(params):
            return 200, sample("sas-slots.json")
        return super().search(kind, [pair for pair in params if pair[0] in ("identifier", "date")])

    def handle(self, method: str, path: str, params: Any, body: Any, headers: Any) -> tuple[int, Any]:
        if method == "PUT" and path == "Appointment":
            self.asked.append((method, path))
            self.searches.append({"kind": method, **dict(params)})
            found = self.matching("Appointment", params)
            return self.put("Appointment", found[0]["id"], body, {}) if found else self.create("Appointment", body, "")
        return super().handle(method, path, params, body, headers)


OID = "urn:oid:1.2.250.1.71.4.2.1"
SAS = {"practitioners": f"{OID}|810100050075", "practitioner_system": OID, "type_from": "specialty"}
