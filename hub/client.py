"""What a booking site does at a hub: read slots, seal a patient to the clinic, order, and look at the outcome.

Rule: a patient's details are sealed before they leave this process, to a key the clinic itself signed for.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from agent.core.envelope import key_set, open_statement, seal_patient


@dataclass
class PortalClient:
    """One booking site. `expires`: how long after `now` a write may still start."""

    url: str
    token: str = field(repr=False)
    ca_file: Path
    expires: timedelta = timedelta(minutes=30)

    def __post_init__(self) -> None:
        """Open the pool of connections; certificates are always checked."""
        self._http = httpx.Client(
            base_url=f"{self.url}/portal/v1",
            headers={"Authorization": f"Bearer {self.token}"},
            verify=ssl.create_default_context(cafile=str(self.ca_file)),
            timeout=30,
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the pool."""
        self.close()

    def close(self) -> None:
        """Close the pool of connections; idempotent."""
        self._http.close()

    def slots(self) -> list[dict[str, Any]]:
        """Return every slot that may be ordered now, by start."""
        found: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            page = self._get("/slots", {"after": after} if after else {})
            found += page["slots"]
            after = page["after"]
        return found

    def seal(self, clinic: str, booking: str, version: int, patient: Mapping[str, str]) -> str:
        """Return the JWE of a patient for this booking and version."""
        held = self._get(f"/clinics/{clinic}/sealing-key", {})
        statement = open_statement(held["statement"], key_set(held["signing"]), clinic=clinic)
        return seal_patient({"booking": booking, "version": version, **patient}, statement.key)

    def hold(self, clinic: str, booking: str, version: int, slot: str, *, now: datetime, until: datetime) -> None:
        """Hold a slot while the patient fills in the form."""
        goal = {"goal": slot, "firmness": "hold", "until": until.isoformat(), "patient": None}
        self._put(clinic, booking, {"version": version, "expires_at": (now + self.expires).isoformat(), **goal})

    def book(
        self, clinic: str, booking: str, version: int, slot: str, patient: Mapping[str, str], *, now: datetime
    ) -> None:
        """Book a slot, confirm a hold, or move a booking: the goal of this version."""
        sealed = self.seal(clinic, booking, version, patient)
        goal = {"goal": slot, "firmness": "firm", "until": None, "patient": sealed}
        self._put(clinic, booking, {"version": version, "expires_at": (now + self.expires).isoformat(), **goal})

    def cancel(self, clinic: str, booking: str, version: int) -> None:
        """Cancel: a goal of none never expires."""
        goal = {"goal": None, "firmness": "firm", "until": None, "expires_at": None, "patient": None}
        self._put(clinic, booking, {"version": version, **goal})

    def booking(self, clinic: str, booking: str) -> dict[str, Any]:
        """Return {booking, version, word, outcomes, alternatives}."""
        return self._get(f"/clinics/{clinic}/bookings/{booking}", {})

    def outcome(self, clinic: str, booking: str) -> tuple[int, str]:
        """Return (version, outcome) that counts; (0, "") while there is none."""
        told = self.booking(clinic, booking)["outcomes"]
        return (told[-1]["version"], told[-1]["outcome"]) if told else (0, "")

    def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        answer = self._http.get(path, params=params)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _put(self, clinic: str, booking: str, body: Mapping[str, Any]) -> None:
        self._http.put(f"/clinics/{clinic}/bookings/{booking}", json=body).raise_for_status()
