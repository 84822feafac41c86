"""The bench of the conformance kit for FHIR: a server, and a screen that works in it.

Rule: it reads and writes the server itself, never through the adapter it judges.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from adapters.conformance import NAME, Opening, Standing, tools
from adapters.fhir.emr import FhirEmr
from adapters.fhir.factory import line_of, terms_of
from adapters.fhir.lastlook import Point
from adapters.fhir.line import Line
from adapters.fhir.resources import relative
from adapters.fhir.terms import APPLIED, BOOKING
from agent.core.booking import Op
from agent.core.model import EmrRef
from agent.ports import Tools

LABEL = "Réservé en ligne"
SCRATCH = "creneau-trial"
GONE = ("cancelled", "entered-in-error")


class Screen:
    """The EMR's own screen: looks at nothing, keeps what it does not know, sets Slots as it goes."""

    def __init__(self, client: httpx.Client) -> None:
        """Take a client of the server, signed in."""
        self._client = client

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return every resource of a kind."""
        found, url = list[dict[str, Any]](), f"{kind}?_count=500"
        while url:
            page = self._client.get(url).raise_for_status().json()
            found += [entry["resource"] for entry in page.get("entry") or ()]
            url = next((link["url"] for link in page.get("link") or () if link["relation"] == "next"), "")
        return [one for one in found if one["resourceType"] == kind]

    def put(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Write a resource under its id, without looking."""
        answer = self._client.put(f"{resource['resourceType']}/{resource['id']}", json=resource).raise_for_status()
        return dict(answer.json() if answer.content else resource)

    def post(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Create a resource."""
        answer = self._client.post(str(resource["resourceType"]), json=resource).raise_for_status()
        if not answer.content:
            kind, _, key = relative(answer.headers["Location"]).partition("/")
            return self.get(kind, key)
        return dict(answer.json())

    def get(self, kind: str, key: str) -> dict[str, Any]:
        """Read one."""
        return dict(self._client.get(f"{kind}/{key}").raise_for_status().json())

    def clear(self, *kinds: str) -> None:
        """Delete every resource of these kinds."""
        for kind in kinds:
            for one in self.all(kind):
                self._client.delete(f"{kind}/{one['id']}").raise_for_status()

    def schedule(self, who: str) -> str:
        """Make a practitioner's schedule; return its id."""
        key = f"kit-{who}"
        actor = {"reference": f"Practitioner/{who}", "display": f"Dr {who}"}
        self.put({"resourceType": "Schedule", "id": key, "actor": [actor]})
        return key

    def set(self, slot: str, status: str) -> None:
        """Set a Slot's status."""
        self.put({**self.get("Slot", slot), "status": status})

    def close(self) -> None:
        """Sign out."""
        self._client.close()


class Spoiled(Line):
    """A line on which every appointment arrives cut in half, so that the server itself refuses it."""

    def encoded(self, resource: object) -> bytes:
        """Return half of an Appointment or of a transaction, anything else whole."""
        whole = super().encoded(resource)
        kind = resource.get("resourceType") if isinstance(resource, Mapping) else ""
        return whole[: len(whole) // 2] if kind in ("Appointment", "Bundle") else whole


class FhirBench:
    """One FHIR server. `given`: tools that keep the profile of the server, tried once for all benches."""

    def __init__(
        self, _folder: Path, options: Mapping[str, object], screen: Screen, given: Tools | None = None
    ) -> None:
        """Take the server; `options` as clinic IT writes them."""
        self._options = options
        self._screen = screen
        self._tools = given or tools(LABEL)
        self._slots: dict[tuple[str, datetime], str] = {}

    def fresh(self, openings: Sequence[Opening]) -> None:
        """Delete every Slot and Appointment, then make these Slots."""
        self._screen.clear("Slot", "Appointment")
        schedules = {who: self._screen.schedule(who) for who in sorted({each.practitioner for each in openings})}
        self._slots = {}
        for each in openings:
            made = self._screen.post(_slot(each, schedules[each.practitioner]))
            self._slots[each.practitioner, _utc(each.start)] = made["id"]

    def adapter(self) -> FhirEmr:
        """Return an adapter on the server."""
        return self._emr(lambda *_: None)

    def between(self, act: Callable[[], None]) -> FhirEmr:
        """Return an adapter that is stepped into once: a booking when it is written, a move when its Slot is claimed."""
        acts = [act]

        def pause(point: Point, op: Op) -> None:
            if acts and point is (Point.CLAIMED if op is Op.MOVE else Point.WRITTEN):
                acts.pop()()

        return self._emr(pause)

    @contextmanager
    def failing(self) -> Iterator[FhirEmr]:
        """Let every appointment arrive spoiled."""
        terms = terms_of(NAME, self._options, self._tools)
        whole = line_of(terms, self._options, self._tools)
        spoiled = Spoiled(terms.server, whole.access, self._tools.clock)
        whole.close()
        yield FhirEmr(terms, spoiled, self._tools)

    def appointments(self) -> Sequence[Standing]:
        """Return the active Appointments."""
        return [_standing(row) for row in self._screen.all("Appointment") if row["status"] not in GONE]

    def book(self, opening: Opening) -> EmrRef:
        """Book by the screen, and set the Slot busy."""
        made = self._screen.post({"resourceType": "Appointment", "status": "booked", **self._at(opening)})
        self._set(opening, "busy")
        return EmrRef(made["id"])

    def cancel(self, ref: EmrRef) -> None:
        """Cancel, and set the Slot free."""
        row = self._screen.get("Appointment", ref)
        self._screen.put({**row, "status": "cancelled"})
        self._free(row)

    def move(self, ref: EmrRef, opening: Opening) -> None:
        """Put an Appointment elsewhere, and set both Slots."""
        row = self._screen.get("Appointment", ref)
        self._screen.put({**row, **{key: value for key, value in self._at(opening).items() if key != "participant"}})
        self._free(row)
        self._set(opening, "busy")

    def receive(self, ref: EmrRef) -> None:
        """Note that the patient is here."""
        self._screen.put({**self._screen.get("Appointment", ref), "status": "arrived"})

    def close(self) -> None:
        """Nothing of its own is held."""

    def _emr(self, pause: Callable[[Point, Op], None]) -> FhirEmr:
        terms = terms_of(NAME, self._options, self._tools)
        return FhirEmr(terms, line_of(terms, self._options, self._tools), self._tools, pause)

    def _at(self, opening: Opening) -> dict[str, Any]:
        slot = self._slots.get((opening.practitioner, _utc(opening.start)))
        end = opening.start + timedelta(minutes=opening.minutes)
        return {
            "start": opening.start.isoformat(),
            "end": end.isoformat(),
            "slot": [{"reference": f"Slot/{slot}"}] if slot else [{"display": "hors grille"}],
            "participant": [
                {"actor": {"reference": f"Practitioner/{opening.practitioner}"}, "status": "accepted"},
                {"actor": {"display": "TÉLÉPHONE, Patient"}, "status": "accepted"},
            ],
        }

    def _set(self, opening: Opening, status: str) -> None:
        slot = self._slots.get((opening.practitioner, _utc(opening.start)))
        if slot:
            self._screen.set(slot, status)

    def _free(self, row: Mapping[str, Any]) -> None:
        for ref in row.get("slot") or ():
            if "reference" in ref:
                self._screen.set(ref["reference"].rpartition("/")[2], "free")


def prepared(options: Mapping[str, object], screen: Screen, given: Tools) -> list[str]:
    """Try the server on an empty schedule and keep the profile in `given`; return the keys of the rows that did not hold."""
    screen.put({"resourceType": "Schedule", "id": SCRATCH, "actor": [{"reference": "Practitioner/creneau-trial"}]})
    terms = terms_of(NAME, options, given)
    emr = FhirEmr(terms, line_of(terms, options, given), given)
    try:
        return [row.name for row in emr.prove(SCRATCH) if not row.kept]
    finally:
        emr.close()


def _slot(each: Opening, schedule: str) -> dict[str, Any]:
    return {
        "resourceType": "Slot",
        "schedule": {"reference": f"Schedule/{schedule}"},
        "status": "free",
        "start": each.start.isoformat(),
        "end": (each.start + timedelta(minutes=each.minutes)).isoformat(),
        "serviceType": [{"coding": [{"code": each.type}]}],
    }


def _standing(row: Mapping[str, Any]) -> Standing:
    people = [one.get("actor", {}).get("reference", "") for one in row["participant"]]
    who = next((ref.removeprefix("Practitioner/") for ref in people if ref.startswith("Practitioner/")), "")
    ours = any(name.get("system") == BOOKING for name in row.get("identifier") or ())
    start = datetime.fromisoformat(row["start"])
    names = [name for name in row.get("identifier") or () if name.get("system") != APPLIED]
    shown = {**row, "identifier": names, "meta": None}  # what we remember there is no part of the appointment
    return Standing(EmrRef(row["id"]), who, start, ours, json.dumps(shown, sort_keys=True))


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
